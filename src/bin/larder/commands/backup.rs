//! `larder backup`: directories, a stream, or what a command prints, become a snapshot.

use super::excludes::ExcludeArgs;
use super::view;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::counted;
use larder::backup::{BackupOptions, BackupStats, FLUSH_BYTES, Interruptible, backup, backup_command, backup_stream};
use larder::clock::Time;
use larder::config;
use larder::error::{Code, Error, IoContext};
use larder::repo::Repo;
use larder::snapshot::Stats;
use larder::units::{format_duration, format_size};
use serde_json::json;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Of less than this that was added, ratios say nothing: sealing and padding outweigh it.
const RATIO_BYTES_MIN: u64 = 64 << 10;

/// Arguments of `larder backup`.
#[derive(clap::Args)]
pub struct Backup {
    /// Directories and files to store
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    sources: Vec<PathBuf>,

    #[command(flatten)]
    excludes: ExcludeArgs,

    /// Also store the paths in this file, one a line; - is the standard input
    #[arg(long, value_name = "FILE", help_heading = "Sources")]
    files_from: Vec<PathBuf>,

    /// The same with a NUL after each path
    #[arg(long, value_name = "FILE", help_heading = "Sources")]
    files_from0: Vec<PathBuf>,

    /// Store the standard input as one file
    #[arg(long, conflicts_with_all = ["sources", "files_from", "files_from0", "from_command"], help_heading = "Sources")]
    stdin: bool,

    /// The path under which --stdin is stored
    #[arg(long, value_name = "PATH", default_value = "/stdin", requires = "stdin", conflicts_with_all = ["sources", "files_from", "files_from0", "from_command"], help_heading = "Sources")]
    stdin_name: PathBuf,

    /// Store what COMMAND prints as a file of this path, if COMMAND succeeds
    #[arg(long, value_name = "PATH", requires = "command", conflicts_with_all = ["sources", "files_from", "files_from0"], help_heading = "Sources")]
    from_command: Option<PathBuf>,

    /// The command of --from-command and its arguments
    #[arg(value_name = "COMMAND", help_heading = None, last = true, requires = "from_command")]
    command: Vec<OsString>,

    /// Give the snapshot these tags
    #[arg(long, value_name = "TAG[,TAG...]", value_delimiter = ',', help_heading = "The snapshot")]
    tag: Vec<String>,

    /// The machine's name in the snapshot
    #[arg(long, value_name = "HOST", help_heading = "The snapshot")]
    host: Option<String>,

    /// The snapshot's time, such as 2026-11-21T10:00:00Z; the present otherwise
    #[arg(long, value_name = "TIME", value_parser = super::time::parse, help_heading = "The snapshot")]
    time: Option<Time>,

    /// Make no snapshot if nothing changed
    #[arg(long, help_heading = "The snapshot")]
    skip_if_unchanged: bool,

    /// Make a snapshot even if a source is missing or empty
    #[arg(long, help_heading = "The snapshot")]
    allow_empty: bool,

    /// Keep birth times; they cannot be restored
    #[arg(long, help_heading = "The snapshot")]
    birth_times: bool,

    /// Do not note the git commit of a work tree
    #[arg(long, help_heading = "The snapshot")]
    no_git: bool,

    /// Stop at the first item that cannot be read, and make no snapshot
    #[arg(long, help_heading = None)]
    fail_fast: bool,

    /// Go on after an item that cannot be read: what it does unless --fail-fast is given before
    #[arg(long, help_heading = None, overrides_with = "fail_fast")]
    keep_going: bool,

    /// Say what would be read and store nothing
    #[arg(short = 'n', long, help_heading = None)]
    dry_run: bool,

    /// Read every file, even those that look unchanged
    #[arg(short = 'f', long, help_heading = None)]
    force: bool,

    /// Threads; one for each processor otherwise
    #[arg(short = 'j', long, help_heading = None, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

impl Subcommand for Backup {
    const NAME: &'static str = "backup";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Store directories and files as a snapshot";
    const MANUAL: Manual = Manual {
        description: "Only what changed since the last backup is read, and only what the repository does not have yet is \
            stored. A file that cannot be read is reported and does not stop the rest. An interrupted backup leaves a \
            partial snapshot, and the next one goes on where it ended.\n\n\
            A source that is missing or empty is refused: it may be a disk that is not mounted.",
        examples: &[
            ("larder backup ~", "Stores the home directory."),
            ("larder backup /etc /srv --tag nightly -q", "Stores two directories from cron, silent when all is well."),
            ("larder backup . -e '*.o' --git-ignore", "Leaves out what git ignores, and object files."),
            ("larder backup --from-command /db.sql -- pg_dump shop", "Stores a database dump, if the dump succeeds."),
        ],
        exits: &[
            (3, "Some files could not be read; the snapshot has everything else."),
            (4, "A source is missing or empty."),
            (16, "The medium is full. What was stored is kept; the next backup goes on."),
        ],
        plumbing: "larder lock -- sh -c '\n    larder write-tree --links \"$1\" | {\n        read -r tree\n        read -r links\n        \
            larder write-snapshot --path \"$1\" --links \"$links\" \"$tree\"\n    }\n' sh /home/me",
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let mut listed = Vec::new();
        for (files, end) in [(&self.files_from, b'\n'), (&self.files_from0, 0)] {
            for file in files {
                listed.extend(read_list(file, end)?);
            }
        }
        let is_stream = self.stdin || self.from_command.is_some();
        if self.sources.is_empty() && listed.is_empty() && !is_stream {
            return Err(Error::new(Code::InvalidArg, "there is nothing to back up")
                .with_hint("larder backup DIR")
                .into());
        }
        if is_stream && self.excludes.is_given() {
            return Err(Error::new(Code::InvalidArg, "nothing can be left out of a stream").into());
        }
        super::time::warn_of_future(session, self.time);
        let repo = session.repo()?;
        let options = self.options(session, listed)?;
        let outcome = {
            let progress = session.ui.progress("backing up");
            self.store(&repo, &options, &progress)?
        };
        if outcome.snapshot.is_some() {
            view::remember_names(&repo);
        }
        report(session, &outcome, self.dry_run)?;
        let is_partial = outcome.stats.errors > 0 || outcome.is_partial;
        Ok(if is_partial { Exit::PARTIAL } else { Exit::DONE })
    }
}

impl Backup {
    fn store(
        &self,
        repo: &Repo,
        options: &BackupOptions,
        progress: &crate::ui::Progress<'_>,
    ) -> anyhow::Result<BackupStats> {
        if self.stdin {
            let name = absolute_name(&self.stdin_name);
            let mut input = Interruptible::new(std::io::stdin().lock(), progress);
            return Ok(backup_stream(repo, &name, &mut input, options, progress)?);
        }
        match (&self.from_command, self.command.split_first()) {
            (Some(name), Some((program, words))) => {
                let mut command = config::child(program);
                command.args(words);
                Ok(backup_command(repo, &absolute_name(name), command, options, progress)?)
            }
            _ => Ok(backup(repo, &self.sources, options, progress)?),
        }
    }

    fn options(&self, session: &Session, listed: Vec<PathBuf>) -> anyhow::Result<BackupOptions> {
        let writer = session.writer_options()?;
        Ok(BackupOptions {
            excludes: self.excludes.options(),
            listed,
            host: self.host.clone().unwrap_or_else(larder::fs::host_name),
            user: config::user_name(),
            time: self.time,
            tags: self.tag.clone(),
            allow_empty: self.allow_empty,
            fail_fast: self.fail_fast && !self.keep_going,
            dry_run: self.dry_run,
            skip_if_unchanged: self.skip_if_unchanged,
            ignore_state: self.force,
            report_unmodified: session.ui.verbosity() > 1,
            birth_times: self.birth_times,
            git: !self.no_git,
            jobs: self.jobs.map_or(writer.jobs, usize::from),
            flush_bytes: FLUSH_BYTES,
            writer,
        })
    }
}

/// The name of a stream as an absolute path in the snapshot.
fn absolute_name(path: &Path) -> Vec<u8> {
    let mut name = path.as_os_str().as_bytes().to_vec();
    if !name.starts_with(b"/") {
        name.insert(0, b'/');
    }
    name
}

/// The paths in a list; empty ones are left out.
fn read_list(file: &Path, end: u8) -> anyhow::Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).at("read", "the standard input")?;
    } else {
        std::fs::File::open(file).and_then(|mut list| list.read_to_end(&mut bytes)).at("read", file)?;
    }
    let paths = bytes.split(|byte| *byte == end).filter(|path| !path.is_empty());
    Ok(paths.map(|path| PathBuf::from(OsString::from_vec(path.to_vec()))).collect())
}

fn report(session: &Session, outcome: &BackupStats, dry_run: bool) -> anyhow::Result<()> {
    let stats = &outcome.stats;
    if session.ui.is_json() {
        let mut value = view::stats_json(stats);
        value["type"] = json!("summary");
        value["snapshot"] = json!(outcome.snapshot.map(|id| id.to_hex()));
        value["parent"] = json!(outcome.parent.map(|id| id.to_hex()));
        value["tree"] = json!(outcome.tree.map(|id| id.to_hex()));
        value["partial"] = json!(outcome.is_partial);
        value["unchanged"] = json!(outcome.is_unchanged);
        value["dry_run"] = json!(dry_run);
        value["dedup_ratio"] = json!(dedup_ratio(stats));
        value["compression_ratio"] = json!(ratio(stats.added_bytes, stats.stored_bytes));
        return session.ui.json(&value);
    }
    session.ui.status(&format!(
        "{}: {} new, {} changed, {} unmodified; {}, {}",
        counted(stats.files_new + stats.files_changed + stats.files_unmodified, "file", "files"),
        stats.files_new,
        stats.files_changed,
        stats.files_unmodified,
        counted(stats.directories, "directory", "directories"),
        counted(stats.others, "other", "others")
    ));
    session.ui.status(&sizes(stats, dry_run));
    if stats.errors > 0 {
        session.ui.warn(&match stats.errors {
            1 => "one item could not be read, or not as it was: see above".to_string(),
            errors => format!("{errors} items could not be read, or not as they were: see above"),
        });
    }
    match outcome.snapshot {
        _ if session.ui.is_quiet() => Ok(()),
        Some(id) if outcome.is_partial => session.ui.line(&format!("{id} (partial)")),
        Some(id) => session.ui.line(&id.to_hex()),
        None => {
            session.ui.status(if outcome.is_unchanged {
                "nothing changed: no snapshot was made"
            } else {
                "no snapshot was made"
            });
            Ok(())
        }
    }
}

fn sizes(stats: &Stats, dry_run: bool) -> String {
    let seconds = stats.duration_ms as f64 / 1_000.0;
    let (total, read) = (format_size(stats.total_bytes), format_size(stats.read_bytes));
    if dry_run {
        return format!("{total} in all, {read} would be read");
    }
    // A few trees over and over are no data: what they would say of it is nothing.
    let has_ratios = stats.read_bytes > 0 && stats.added_bytes >= RATIO_BYTES_MIN;
    let ratios = if has_ratios {
        let (dedup, compression) = (dedup_ratio(stats), ratio(stats.added_bytes, stats.stored_bytes));
        format!(" (dedup {dedup:.2}, compression {compression:.2})")
    } else {
        String::new()
    };
    format!(
        "{total} in all, {read} read, {} added, {} stored{ratios} in {}",
        format_size(stats.added_bytes),
        format_size(stats.stored_bytes),
        format_duration(seconds)
    )
}

/// Trees are among what was added and not among what was read: alone, they are no ratio below one.
fn dedup_ratio(stats: &Stats) -> f64 {
    ratio(stats.read_bytes, stats.added_bytes).max(1.0)
}

fn ratio(before: u64, after: u64) -> f64 {
    if after == 0 || before == 0 { 1.0 } else { before as f64 / after as f64 }
}
