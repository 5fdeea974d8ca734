//! Backup: directories into a snapshot.
//!
//! Floor 5. One thread walks ([`scan`]) and compares with the stat cache; workers read what has to be read
//! ([`files`]); whoever finishes a directory writes its tree ([`directory`]). Promise 10: what cannot be read is reported
//! and does not stop the rest. Promise 9: what was flushed is known to the stat cache and is not read again. A source
//! that is missing or empty is refused before anything is written.

mod before;
mod compare;
mod directory;
mod engine;
mod entries;
mod files;
mod prune;
mod scan;
mod stream;
#[cfg(test)]
mod tests;

pub use stream::{Interruptible, backup_command, backup_stream};

use crate::clock::{self, Stopwatch, Time};
use crate::error::{Code, Error, Result, fail};
use crate::fs::raise_file_limit;
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::Kind;
use crate::repo::records::SNAPSHOT;
use crate::repo::{Repo, Writer, WriterOptions, root_path};
use crate::snapshot::{Git, SnapshotBody, Snapshots, Stats, check_host, check_tag, git_at};
use crate::state::State;
use crate::walk::{ExcludeOptions, Listing, Scratch, SourceKind, SourceNode, Sources, open_dir, stat_follow};
use crossbeam_channel::bounded;
use engine::Engine;
use prune::Seen;
use rustix::fs::CWD;
use scan::{Sink, Walker};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What a killed backup has to do again is at most this much, or what half a minute stored (STORAGE section 4).
pub const FLUSH_BYTES: u64 = 256 << 20;

/// How a backup is made.
#[derive(Clone, Debug)]
pub struct BackupOptions {
    /// What is left out.
    pub excludes: ExcludeOptions,
    /// Paths from lists (`--files-from`), beside the sources that the user named: what is missing of them is reported.
    pub listed: Vec<PathBuf>,
    /// The machine's name.
    pub host: String,
    /// The user's name.
    pub user: String,
    /// The time that the snapshot claims, if not the present.
    pub time: Option<Time>,
    /// Tags.
    pub tags: Vec<String>,
    /// Take sources that are missing or empty for what they are.
    pub allow_empty: bool,
    /// End at the first item that cannot be read, with its failure, instead of going on without it.
    pub fail_fast: bool,
    /// Only say what would be read.
    pub dry_run: bool,
    /// Make no snapshot if the sources are as in the one before.
    pub skip_if_unchanged: bool,
    /// Read every file, whatever the stat cache says.
    pub ignore_state: bool,
    /// Tell the monitor of files that are as they were, too.
    pub report_unmodified: bool,
    /// Keep the times at which inodes were made. Off unless asked for: they cannot be set by a restore, and make the
    /// trees of equal directories differ.
    pub birth_times: bool,
    /// Note commit and branch of a git work tree.
    pub git: bool,
    /// Threads that read files.
    pub jobs: usize,
    /// What was put is made durable, and the stat cache told, after so many bytes: [`FLUSH_BYTES`].
    pub flush_bytes: u64,
    /// How the repository is written.
    pub writer: WriterOptions,
}

/// What a backup did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupStats {
    /// The snapshot; none in a dry run, or if nothing had changed and none was wanted.
    pub snapshot: Option<Id>,
    /// Its tree; none in a dry run.
    pub tree: Option<Id>,
    /// What it was compared with.
    pub parent: Option<Id>,
    /// Counts. With errors among them it is done in part.
    pub stats: Stats,
    /// Whether it was interrupted.
    pub is_partial: bool,
    /// Whether the sources were as before and so no snapshot was made.
    pub is_unchanged: bool,
}

/// Stores directories and files as a snapshot.
///
/// # Errors
/// SNAPSHOT_INVALID when a source is missing or empty; STORAGE_FULL, LOCK_HELD, LEASE_LOST and what storing can
/// answer. An item that cannot be read is no error here: it is reported and counted.
pub fn backup(repo: &Repo, sources: &[PathBuf], options: &BackupOptions, monitor: &dyn Monitor) -> Result<BackupStats> {
    options.tags.iter().try_for_each(|tag| check_tag(tag))?;
    check_host(&options.host)?;
    let sources = gather(sources, options)?;
    raise_file_limit();
    if options.dry_run {
        return rehearse(repo, &sources, options, monitor);
    }
    let run = Run::begin(repo, sources.paths(), options, monitor)?;
    let before = run.parent.as_ref().map(|(_, parent)| parent.tree);
    let StoredTree { tree, links, git, stats } = store(repo, &run.writer, &sources, before, options, monitor)?;
    let is_partial = monitor.is_cancelled();
    let files = stats.files_new + stats.files_changed + stats.files_unmodified;
    if files + stats.directories + stats.others == 0 && !options.allow_empty && !is_partial {
        return fail(Code::SnapshotInvalid, "there is nothing to back up: no snapshot was made");
    }
    if is_partial && files == 0 {
        // Interrupted before the first file was stored: nothing to keep.
        run.writer.finish()?;
        return Ok(BackupStats { snapshot: None, tree: None, parent: None, stats, is_partial, is_unchanged: false });
    }
    let mut body = SnapshotBody::new(tree);
    (body.links, body.git, body.is_partial, body.stats) = (links, git, is_partial, stats);
    let is_unchanged =
        |parent: &SnapshotBody| Ok(parent.links == links && compare::is_same(repo, parent.tree, tree, sources.root())?);
    run.publish(body, sources.paths(), &is_unchanged)
}

/// What the repository has of some sources after they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTree {
    /// The root tree, which mirrors their absolute paths.
    pub tree: Id,
    /// Their hard-link groups, if there are any.
    pub links: Option<Id>,
    /// Where their git work tree stands.
    pub git: Option<Git>,
    /// Counts. With errors among them it is done in part.
    pub stats: Stats,
}

/// Stores directories and files as [`backup`] does, and makes no snapshot: nothing keeps what is stored until one does.
///
/// # Errors
/// As [`backup`]; SYSTEM_ERROR when the monitor says stop.
pub fn write_tree(
    repo: &Repo,
    sources: &[PathBuf],
    options: &BackupOptions,
    monitor: &dyn Monitor,
) -> Result<StoredTree> {
    let sources = gather(sources, options)?;
    raise_file_limit();
    let writer = repo.writer(&options.writer)?;
    let stored = store(repo, &writer, &sources, None, options, monitor)?;
    writer.finish()?;
    match monitor.is_cancelled() {
        true => fail(Code::SystemError, "it was interrupted before everything was stored"),
        false => Ok(stored),
    }
}

/// Reads and stores sources to their end, or until the monitor says stop. `before` is the tree they are compared with.
fn store(
    repo: &Repo,
    writer: &Writer,
    sources: &Sources,
    before: Option<Id>,
    options: &BackupOptions,
    monitor: &dyn Monitor,
) -> Result<StoredTree> {
    let state = State::open(&repo.local().cache, repo.id()).map_err(|error| {
        monitor.event(&Event::Warning(&format!("every file will be read: {error}")));
    });
    let engine = Engine::new(repo, Some(writer), state.ok(), options, monitor)?;
    monitor.event(&Event::Phase("reading"));
    let (git, seen) = store_all(&engine, writer, sources, before)?;
    monitor.event(&Event::Phase("finishing"));
    let Some(root) = engine.root() else { return fail(Code::SystemError, "the walk ended without a root tree") };
    let stats = engine.counters.to_stats();
    let links = store_links(&engine, writer)?;
    engine.flush()?;
    if !monitor.is_cancelled() && stats.errors == 0 && seen.prune(&engine).is_err() {
        monitor.event(&Event::Warning("old rows of state.sqlite could not be dropped"));
    }
    Ok(StoredTree { tree: root.tree, links, git, stats })
}

/// What every kind of backup begins and ends with.
struct Run<'a> {
    options: &'a BackupOptions,
    writer: Writer,
    start: Time,
    watch: Stopwatch,
    parent: Option<(Id, SnapshotBody)>,
}

impl<'a> Run<'a> {
    fn begin(repo: &Repo, paths: &[Vec<u8>], options: &'a BackupOptions, monitor: &dyn Monitor) -> Result<Self> {
        let (start, watch) = (clock::now(), Stopwatch::start());
        monitor.event(&Event::Phase("opening"));
        let snapshots = snapshots_of(repo, start, monitor)?;
        let parent = snapshots.parent_for(&options.host, paths).map(|parent| (parent.id, parent.body.clone()));
        let writer = repo.writer(&options.writer)?;
        if writer.has_lost_packs() {
            let message = "packs of the repository are lost: what the sources still have of them is stored again; \
                           `larder verify` says what else was in them";
            monitor.event(&Event::Warning(message));
        }
        Ok(Run { options, writer, start, watch, parent })
    }

    /// Makes the snapshot of which the tree and what lies in it are known.
    fn publish(
        self,
        mut body: SnapshotBody,
        paths: &[Vec<u8>],
        is_unchanged: &dyn Fn(&SnapshotBody) -> Result<bool>,
    ) -> Result<BackupStats> {
        let options = self.options;
        self.writer.flush()?;
        let written = self.writer.stats();
        body.paths = paths.to_vec();
        (body.host, body.user) = (options.host.clone(), options.user.clone());
        body.start = options.time.unwrap_or(self.start);
        body.end = options.time.unwrap_or_else(clock::now);
        body.tags = options.tags.clone();
        body.tags.sort();
        body.tags.dedup();
        body.parent = self.parent.as_ref().map(|(id, _)| *id);
        body.program = concat!("larder ", env!("CARGO_PKG_VERSION")).to_string();
        (body.stats.added_bytes, body.stats.stored_bytes) = (written.raw_bytes, written.stored_bytes);
        body.stats.duration_ms = self.watch.elapsed_ms();
        let unchanged = match &self.parent {
            Some((_, parent)) if options.skip_if_unchanged && !body.is_partial => is_unchanged(parent)?,
            _ => false,
        };
        let snapshot = match unchanged {
            true => None,
            false => Some(self.writer.publish(SNAPSHOT, &body.encode())?),
        };
        self.writer.finish()?;
        Ok(BackupStats {
            snapshot,
            tree: Some(body.tree),
            parent: body.parent,
            is_partial: body.is_partial,
            is_unchanged: unchanged,
            stats: body.stats,
        })
    }
}

/// Walks, reads and stores until all is done or cannot go on. Meanwhile git is asked.
fn store_all(
    engine: &Engine<'_>,
    writer: &Writer,
    sources: &Sources,
    before: Option<Id>,
) -> Result<(Option<Git>, Seen)> {
    let jobs = engine.options.jobs.max(1);
    let (sender, receiver) = bounded(2 * jobs);
    let (git, seen) = std::thread::scope(|scope| {
        let git = engine.options.git.then(|| scope.spawn(|| sources.paths().iter().find_map(|path| git_at(path))));
        for _ in 0..jobs {
            let receiver = receiver.clone();
            scope.spawn(move || files::work(engine, writer.putter(), &receiver));
        }
        drop(receiver);
        let walker = Walker::new(engine, sources, Some(Sink { putter: writer.putter(), jobs: sender }), before);
        let seen = walker.run().map_err(|error| engine.fail(error)).unwrap_or_default();
        // A panic of gix costs the note, not the backup.
        (git.and_then(|thread| thread.join().ok().flatten()), seen)
    });
    match engine.take_failure() {
        Some(error) => Err(error),
        None => Ok((git, seen)),
    }
}

/// The snapshots to compare with. What cannot be read of them is told: nobody may look at them before they are needed.
fn snapshots_of(repo: &Repo, now: Time, monitor: &dyn Monitor) -> Result<Snapshots> {
    let loaded = repo.load_roots()?;
    for (name, error) in &loaded.damaged {
        monitor.event(&Event::Warning(&format!("{} cannot be read: {error}", root_path(name))));
    }
    Ok(Snapshots::load(&loaded.roots, now).with_unread(loaded.damaged))
}

/// Walks only, and says what would be read.
fn rehearse(repo: &Repo, sources: &Sources, options: &BackupOptions, monitor: &dyn Monitor) -> Result<BackupStats> {
    let watch = Stopwatch::start();
    let snapshots = snapshots_of(repo, clock::now(), monitor)?;
    let parent = snapshots.parent_for(&options.host, sources.paths());
    let (before, parent) = (parent.map(|parent| parent.body.tree), parent.map(|parent| parent.id));
    let engine = Engine::new(repo, None, State::open(&repo.local().cache, repo.id()).ok(), options, monitor)?;
    monitor.event(&Event::Phase("looking"));
    Walker::new(&engine, sources, None, before).run()?;
    let mut stats = engine.counters.to_stats();
    stats.duration_ms = watch.elapsed_ms();
    let is_partial = monitor.is_cancelled();
    Ok(BackupStats { snapshot: None, tree: None, parent, stats, is_partial, is_unchanged: false })
}

fn store_links(engine: &Engine<'_>, writer: &Writer) -> Result<Option<Id>> {
    let mut putter = writer.putter();
    let mut object = putter.object(Kind::Links);
    let has_links = engine.take_links().finish(&mut |bytes| object.write(bytes))?;
    if has_links { Ok(Some(object.finish()?.id)) } else { Ok(None) }
}

/// The sources as one tree of paths. Those that the user named must be there and hold something.
fn gather(named: &[PathBuf], options: &BackupOptions) -> Result<Sources> {
    let mut sources = Sources::default();
    named.iter().try_for_each(|path| sources.add(path, SourceKind::Named))?;
    options.listed.iter().try_for_each(|path| sources.add(path, SourceKind::Listed))?;
    if sources.is_empty() {
        return fail(Code::InvalidArg, "no source was named");
    }
    if !options.allow_empty {
        check_named(sources.root(), &mut Vec::new())?;
    }
    Ok(sources)
}

fn check_named(node: &SourceNode, path: &mut Vec<u8>) -> Result<()> {
    if node.source == Some(SourceKind::Named) {
        let shown = if path.is_empty() { OsStr::new("/") } else { OsStr::from_bytes(path) };
        let stat = stat_follow(CWD, shown).map_err(|error| {
            let message = format!("the source {} cannot be backed up", shown.display());
            Error::new(Code::SnapshotInvalid, message)
                .with_hint("`--allow-empty` goes on without it")
                .with_source(Error::io("look at", shown, error))
        })?;
        let is_dir = stat.kind == crate::tree::EntryKind::Directory;
        let listing = || Listing::read(open_dir(CWD, shown, true)?, &mut Scratch::default());
        // One that cannot be listed is refused too: nothing of it would be kept.
        if is_dir {
            let listing = listing().map_err(|error| Error::io("list", shown, error))?;
            if listing.is_empty() {
                return Err(scan::empty_source(path));
            }
        }
    }
    for (name, child) in &node.children {
        let len = path.len();
        path.push(b'/');
        path.extend_from_slice(name);
        check_named(child, path)?;
        path.truncate(len);
    }
    Ok(())
}

/// Reads a list of files: one a line, or each ended by a NUL. Nothing in a line is special; empty ones do not count.
pub fn read_list(bytes: &[u8], is_nul_separated: bool) -> Vec<PathBuf> {
    let end = if is_nul_separated { 0 } else { b'\n' };
    let names = bytes.split(|byte| *byte == end).filter(|name| !name.is_empty());
    names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect()
}
