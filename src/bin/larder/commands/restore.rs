//! `larder restore`: what a snapshot holds becomes files again.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::Ui;
use larder::context::{Named, Names};
use larder::error::{Class, Code, Error};
use larder::restore::{Overwrite, Owners, RestoreOptions, RestoreSource, RestoreStats, restore};
use larder::units::{format_duration, format_size};
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
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

    /// What becomes of files that are there: never, if-changed, if-newer or always
    #[arg(long, value_name = "RULE", default_value = "if-changed")]
    overwrite: Overwrite,

    /// Remove what the snapshot does not have
    #[arg(long)]
    delete: bool,

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

    /// A snapshot, or SNAPSHOT:PATH
    #[arg(value_name = "SNAPSHOT[:PATH]")]
    source: OsString,

    /// In place of --target: DIR becomes what was backed up, not the root above it
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl Subcommand for Restore {
    const NAME: &'static str = "restore";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Bring files back from a snapshot";
    const MANUAL: Manual = Manual {
        description: "Restores a snapshot, or what stands at a path in it, with all metadata: owners, modes, times, \
            extended attributes, ACLs, hard links, holes. Snapshots keep absolute paths: `latest` into /tmp/x makes \
            /tmp/x/home/...; `latest:/home/me` makes /tmp/x what /home/me was. A single file goes into the directory. \
            With DIR instead of --target and no path, DIR becomes what the source was; of several sources, the deepest \
            directory that has them all.\n\n\
            What is right already is read instead of fetched. Each file is written whole or not at all. A file whose \
            stored data is damaged is named and left out; the rest is restored. Nothing outside of the target is \
            touched, whatever links the snapshot or the target holds.\n\n\
            Who is not root cannot set every owner and attribute: one warning says so, unless --strict-metadata.",
        examples: &[
            ("larder restore latest:/home/me/notes --target ~/notes-as-they-were", "Restores one directory."),
            ("larder restore latest ~/as-it-was", "Restores the source of the newest snapshot."),
            ("larder restore monthly --target / --include /etc", "Restores /etc in place, from a tag."),
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
        let names = Names::new(&repo);
        let mut named = names.find(self.source.as_bytes())?;
        let above = match (&named, &self.dir) {
            (Named::Snapshot(snapshot), Some(_)) => common_directory(&snapshot.body.paths),
            _ => Vec::new(),
        };
        if let Some(path) = self.path.map(OsString::into_vec).or((!above.is_empty()).then_some(above)) {
            if !matches!(named, Named::Snapshot(_)) {
                let error = Error::new(Code::InvalidArg, "--path is a path of a snapshot, and no snapshot is named");
                return Err(error.with_hint("name a snapshot, without a path of its own").into());
            }
            named = names.find(&[self.source.as_bytes(), b":", &path].concat())?;
        }
        let (tree, path) = match &named {
            Named::Object(id) => (*id, &[][..]),
            Named::Snapshot(snapshot) => (snapshot.body.tree, &[][..]),
            Named::Entry { snapshot, path, .. } => (snapshot.body.tree, path.as_slice()),
        };
        super::ls_tree::check_tree(&repo, &tree)?;
        let body = named.snapshot().map(|snapshot| &snapshot.body);
        let source = RestoreSource {
            tree,
            links: body.and_then(|body| body.links),
            path,
            sources: body.map_or(&[], |body| body.paths.as_slice()),
        };
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
            jobs: 0,
        };
        let stats = {
            let progress = session.ui.progress_of_items("restoring", self.dry_run);
            restore(&repo, &source, &target, &options, &progress)?
        };
        report(&session.ui, &stats, self.dry_run)?;
        if stats.damaged > 0 {
            let message = format!("{} items could not be restored because stored data is damaged", stats.damaged);
            return Err(Error::new(Code::ChunkInvalid, message).into());
        }
        Ok(exit_of(&stats))
    }
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
    let mut parts = vec![format!("{} files", stats.files), format!("{} directories", stats.directories)];
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
