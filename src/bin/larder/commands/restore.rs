//! `larder restore`: what a snapshot holds becomes files again.

use super::{Exit, Layer, Manual, Need, Subcommand, run_view};
use crate::session::Session;
use crate::ui::{Ui, counted, escaped};
use larder::context::{Named, Names, own_paths};
use larder::error::{Class, Code, Error};
use larder::id::Id;
use larder::record::Record;
use larder::repo::Repo;
use larder::restore::{Overwrite, Owners, RestoreOptions, RestoreSource, RestoreStats, restore};
use larder::snapshot::SnapshotBody;
use larder::stored::lookup;
use larder::units::{format_duration, format_size};
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Arguments of `larder restore`.
#[derive(clap::Args)]
pub struct Restore {
    /// Where to restore to: the directory becomes what the path names
    #[arg(short = 't', long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, required_unless_present = "dir", conflicts_with = "dir")]
    target: Option<PathBuf>,

    /// Restore what stands at this path of the snapshot; the same as SNAPSHOT:PATH
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    path: Option<OsString>,

    /// Restore only what matches (gitignore syntax); may be given several times
    #[arg(long, value_name = "PATTERN")]
    include: Vec<OsString>,

    /// Restore nothing that matches (gitignore syntax); may be given several times
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<OsString>,

    /// What becomes of files that are there: always, if-changed (believes size and time), if-newer or never
    #[arg(long, value_name = "RULE", default_value = "always")]
    overwrite: Overwrite,

    /// Remove what the snapshot does not have
    #[arg(long)]
    delete: bool,

    /// With --delete: also by a snapshot that lacks what could not be read when it was made
    #[arg(long, requires = "delete")]
    allow_partial: bool,

    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Read everything back afterwards and compare it
    #[arg(long)]
    verify: bool,

    /// Write no zeros that fill whole blocks, even of files that were not sparse
    #[arg(long)]
    sparse: bool,

    /// Whose the files are: numeric, names or none
    #[arg(long, value_name = "RULE", default_value = "numeric")]
    owners: Owners,

    /// Count metadata that cannot be set as a failure of its file
    #[arg(long)]
    strict_metadata: bool,

    /// Go on after an item that cannot be restored: what it does unless --fail-fast is given
    #[arg(long, overrides_with = "fail_fast")]
    keep_going: bool,

    /// Stop at the first item that cannot be restored
    #[arg(long, overrides_with = "keep_going")]
    fail_fast: bool,

    /// Of a run, also the inputs, where they were kept
    #[arg(long, conflicts_with = "delete")]
    inputs: bool,

    /// A snapshot, SNAPSHOT:PATH, run:ID, or run:ID:PATH
    #[arg(value_name = "SNAPSHOT[:PATH]")]
    source: OsString,

    /// In place of --target: DIR becomes what was backed up, not the root above it
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// Trees that are restored one after the other, and the path in them.
struct Trees<'a> {
    trees: Vec<Id>,
    path: Vec<u8>,
    snapshot: Option<&'a SnapshotBody>,
}

impl Subcommand for Restore {
    const NAME: &'static str = "restore";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Bring files back from a snapshot or a run";
    const MANUAL: Manual = Manual {
        description: "Restores a snapshot, or what stands at a path in it, with all metadata: owners, modes, times, \
            extended attributes, ACLs, hard links, holes. Snapshots keep absolute paths: `latest` into /tmp/x makes \
            /tmp/x/home/...; `latest:/home/me` makes /tmp/x what /home/me was. A single file goes into the directory. \
            With DIR instead of --target and no path, DIR becomes what the source was; of several sources, the deepest \
            directory that has them all.\n\n\
            Files that are there are read and compared, and only what differs is fetched and written; `--overwrite \
            if-changed` takes equal size and time for equal content instead. Each file is written whole or not at all. A file whose \
            stored data is damaged is named and left out; the rest is restored. Nothing outside of the target is \
            touched, whatever links the snapshot or the target holds. The repository in use, its key file, and larder's \
            own directories of state, settings and cache stay as they are wherever they lie, with --delete too; a \
            warning names them. By a snapshot that is partial, or made with errors, --delete removes nothing without \
            --allow-partial.\n\n\
            Of a run, what it left: `run:` and its id, or the beginning of it, or `latest`. With --inputs, what it read \
            comes first; runs keep that only if they were told to. The target gets the paths of the project.\n\n\
            Who is not root cannot set every owner and attribute: one warning says so, unless --strict-metadata.",
        examples: &[
            ("larder restore latest:/home/me/notes --target ~/notes-as-they-were", "Restores one directory."),
            ("larder restore latest ~/as-it-was", "Restores the source of the newest snapshot."),
            ("larder restore monthly --target / --include /etc", "Restores /etc in place, from a tag."),
            ("larder restore run:latest --target /tmp/built", "Restores what the newest run of a task left."),
            ("larder restore latest:/srv --target /srv --delete --dry-run", "Says what making /srv the same would do."),
        ],
        exits: &[
            (3, "Some items could not be restored; each was named."),
            (13, "Stored data is damaged; what is hurt was named, the rest was restored."),
        ],
        plumbing: "larder restore-tree latest:/home/me /tmp/me",
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let run = self.source.as_bytes().strip_prefix(run_view::PREFIX.as_bytes());
        let names = Names::new(&repo);
        let named = match run {
            Some(_) if self.path.is_some() => {
                let error = Error::new(Code::InvalidArg, "--path is a path of a snapshot, and a run is named");
                return Err(error.with_hint("write the path behind the run: run:ID:PATH").into());
            }
            Some(_) => None,
            None => Some(self.named(&names)?),
        };
        let source = match (&named, run) {
            (Some(named), _) if !self.inputs => of_snapshot(named),
            (_, Some(run)) => of_run(session, &repo, run, self.inputs)?,
            _ => {
                let error = Error::new(Code::InvalidArg, "only a run has inputs");
                return Err(error.with_hint("name it with `run:`, as `larder log --runs` lists them").into());
            }
        };
        source.trees.iter().try_for_each(|tree| super::ls_tree::check_tree(&repo, tree))?;
        if self.delete && !self.allow_partial {
            source.snapshot.map_or(Ok(()), must_be_whole)?;
        }
        let target = self.target.or(self.dir).unwrap_or_default();
        let patterns = |given: Vec<OsString>| given.into_iter().map(|text| text.as_bytes().to_vec()).collect();
        let options = RestoreOptions {
            overwrite: self.overwrite,
            include: patterns(self.include),
            exclude: patterns(self.exclude),
            delete: self.delete,
            dry_run: self.dry_run,
            verify: self.verify,
            sparse: self.sparse,
            owners: self.owners,
            strict_metadata: self.strict_metadata,
            fail_fast: self.fail_fast,
            own: own_paths(&session.secrets())?,
            jobs: 0,
        };
        let mut stats = RestoreStats::default();
        for tree in &source.trees {
            let progress = session.ui.progress_of_items("restoring", self.dry_run);
            let source = RestoreSource {
                tree: *tree,
                links: source.snapshot.and_then(|body| body.links),
                path: &source.path,
                sources: source.snapshot.map_or(&[], |body| body.paths.as_slice()),
            };
            stats.add(&restore(&repo, &source, &target, &options, &progress)?);
        }
        report(&session.ui, &stats, self.dry_run)?;
        if stats.damaged > 0 {
            let message = format!("{} items could not be restored because stored data is damaged", stats.damaged);
            return Err(Error::new(Code::ChunkInvalid, message).into());
        }
        Ok(exit_of(&stats))
    }
}

/// What a backup could not read is no reason to delete it where it still is.
fn must_be_whole(body: &SnapshotBody) -> Result<(), Error> {
    let lacks = match (body.is_partial, body.stats.errors) {
        (true, _) => "is partial: the backup was interrupted".to_string(),
        (_, 0) => return Ok(()),
        (_, errors) => format!("lacks {} that could not be read", counted(errors, "item", "items")),
    };
    let message = format!("the snapshot {lacks}, and --delete would remove what it does not have");
    Err(Error::new(Code::SnapshotInvalid, message).with_hint("leave out --delete, or say --allow-partial as well"))
}

/// The deepest directory that is, or is above, all of these paths; one path alone is that path.
fn common_directory(paths: &[Vec<u8>]) -> Vec<u8> {
    let parts = |path: &[u8]| path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let Some((first, rest)) = paths.split_first() else { return Vec::new() };
    let mut common = parts(first);
    for path in rest {
        let other = parts(path);
        let same = common.iter().zip(&other).take_while(|(a, b)| a == b).count();
        common.truncate(same);
    }
    common.join(&b'/')
}

impl Restore {
    /// What is named, with the path that another option or the place to restore to asks for.
    fn named(&self, names: &Names<'_>) -> anyhow::Result<Named> {
        let named = names.find(self.source.as_bytes())?;
        let above = match (&named, &self.dir) {
            (Named::Snapshot(snapshot), Some(_)) => common_directory(&snapshot.body.paths),
            _ => Vec::new(),
        };
        let path = self.path.as_ref().map(|path| path.as_bytes().to_vec());
        let Some(path) = path.or((!above.is_empty()).then_some(above)) else { return Ok(named) };
        if !matches!(named, Named::Snapshot(_)) {
            let error = Error::new(Code::InvalidArg, "--path is a path of a snapshot, and no snapshot is named");
            return Err(error.with_hint("name a snapshot, without a path of its own").into());
        }
        Ok(names.find(&[self.source.as_bytes(), b":", &path].concat())?)
    }
}

fn of_snapshot(named: &Named) -> Trees<'_> {
    let (tree, path) = match named {
        Named::Object(id) => (*id, Vec::new()),
        Named::Snapshot(snapshot) => (snapshot.body.tree, Vec::new()),
        Named::Entry { snapshot, path, .. } => (snapshot.body.tree, path.clone()),
    };
    Trees { trees: vec![tree], path, snapshot: named.snapshot().map(|snapshot| &snapshot.body) }
}

/// What a run left, after what it read if that is wanted. `name` is an id, perhaps with a path behind it.
fn of_run<'a>(session: &Session, repo: &Repo, name: &[u8], with_inputs: bool) -> anyhow::Result<Trees<'a>> {
    let mut parts = name.splitn(2, |byte| *byte == b':');
    let id = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let path = parts.next().unwrap_or_default();
    let runs = run_view::load(session, repo)?;
    let run = runs.resolve(&id)?;
    let record = Record::load(repo, &run.record)?;
    let nothing = |what: &str, hint: &str| {
        let message = format!("the run {} kept no {what}", run.record.short());
        Err(Error::new(Code::FileNotFound, message).with_hint(hint))
    };
    let mut trees = Vec::new();
    match record.inputs {
        Some(inputs) if with_inputs => trees.push(inputs),
        None if with_inputs => nothing("inputs", "`larder run --keep-inputs` keeps them")?,
        _ => {}
    }
    match record.result {
        Some(result) => trees.push(result),
        None => nothing("outputs", &format!("it ended as {}", record.status.name()))?,
    }
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(start, |last| last + 1);
    let path = path[start..end].to_vec();
    if trees.len() > 1 && !path.is_empty() {
        // It may be an input or an output.
        let mut with_path = Vec::new();
        for tree in trees {
            with_path.extend(lookup(repo, &tree, &path)?.map(|_| tree));
        }
        trees = with_path;
        if trees.is_empty() {
            nothing(&escaped(&path), "`larder show` lists what a run left")?;
        }
    }
    Ok(Trees { trees, path, snapshot: None })
}

/// The exit status that these counts mean.
pub fn exit_of(stats: &RestoreStats) -> Exit {
    match (stats.damaged, stats.errors) {
        (0, 0) => Exit::DONE,
        (0, _) => Exit::PARTIAL,
        _ => Exit(Class::Damaged.exit_status()),
    }
}

fn report(ui: &Ui, stats: &RestoreStats, is_dry: bool) -> anyhow::Result<()> {
    if ui.is_json() {
        return ui.json(&json!({
            "type": "summary", "dry_run": is_dry, "files": stats.files, "directories": stats.directories,
            "others": stats.others, "hard_links": stats.hard_links, "unmodified": stats.unmodified,
            "skipped": stats.skipped, "deleted": stats.deleted, "bytes": stats.bytes,
            "bytes_fetched": stats.bytes_fetched, "bytes_kept": stats.bytes_kept, "verified": stats.verified,
            "metadata_missed": stats.metadata_missed, "errors": stats.errors, "damaged": stats.damaged,
            "cancelled": stats.cancelled, "elapsed_ms": stats.elapsed_ms,
        }));
    }
    if ui.is_quiet() {
        return Ok(());
    }
    let mut parts = vec![counted(stats.files, "file", "files"), counted(stats.directories, "directory", "directories")];
    let more = [
        (stats.others, "others"),
        (stats.hard_links, "hard links"),
        (stats.unmodified, "already right"),
        (stats.skipped, "left alone"),
        (stats.deleted, "deleted"),
        (stats.verified, "read back and right"),
        (stats.errors, "FAILED"),
    ];
    parts.extend(more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let verb = if is_dry { "would restore" } else { "restored" };
    ui.line(&format!(
        "{verb} {}: {}, {} fetched, in {}",
        parts.join(", "),
        format_size(stats.bytes),
        format_size(stats.bytes_fetched),
        format_duration(stats.elapsed_ms as f64 / 1_000.0)
    ))
}
