//! Results put back: what is right on disk is left alone, the rest fetched in pack order and written.
//!
//! All objects of all results are asked for at once, so that each frame is opened once whatever it holds. An object that
//! arrives waits for the others of its result: in memory while there is room, else in a file of larder's own; when all
//! are there and were checked, the result is written. A new file has no name until it is whole (`O_TMPFILE`); one that
//! replaces another is renamed over it. So a killed process leaves no half file, and a damaged object changes nothing.

use super::staging::{Content, Stage, Staged};
use super::worktree::{Spot, parent};
use super::{ResultKind, ResultTree};
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::{Class, Hasher, Key};
use crate::repo::{Repo, Want};
use crate::run::outputs::Clearing;
use crate::run::pattern::{Pattern, ancestors};
use crate::tree::EntryKind;
use crate::walk::{Stat, link_target, open_file, stat_at, stat_fd};
use rustix::fs::{Mode, fchmod, mkdirat, symlinkat};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Content that waits for the rest of its result is held in memory up to so many bytes in all.
const HELD_BYTES_MAX: u64 = if cfg!(test) { 20_000 } else { 64 << 20 };
/// How much of a file that may be right already is read at a time.
const READ_BYTES: usize = 256 << 10;

/// A result to put back.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The caller's number for it.
    pub task: u32,
    /// The result.
    pub tree: &'a ResultTree,
    /// What the task declares: of what stands there and is not in the result, nothing stays.
    pub outputs: &'a [Pattern],
}

/// How results are put back.
#[derive(Clone, Copy)]
pub struct PlaceOptions<'a> {
    /// Threads that work; at least one.
    pub jobs: usize,
    /// Whether the user wants it to stop. Results that were not begun are then not told of.
    pub is_stopped: &'a (dyn Fn() -> bool + Sync),
}

/// A result that was put back.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Files, links and empty directories that were made.
    pub made: u64,
    /// Entries that were right already and were not touched.
    pub untouched: u64,
    /// Bytes that came out of the repository.
    pub bytes: u64,
    /// How each entry of the result looks now, in their order.
    pub stats: Vec<Stat>,
}

/// Receives the number of each result and what became of it, once, from any thread, in no order.
pub type Each<'a> = dyn Fn(u32, Result<Placed>) + Sync + 'a;

/// Puts results back.
///
/// A result with an object that is missing or damaged (CHUNK_NOT_FOUND, CHUNK_INVALID and their kin) leaves everything on
/// disk as it was. A result that cannot be written answers FILE_IO, PERMISSION_DENIED or STORAGE_FULL, and may be there
/// in part.
///
/// # Errors
/// CACHE_ERROR; what is wrong with a single result goes to `each`.
pub fn place(
    repo: &Repo,
    clearing: &Clearing<'_>,
    wants: &[Wanted<'_>],
    options: &PlaceOptions<'_>,
    each: &Each<'_>,
) -> Result<()> {
    let placer = Placer { repo, clearing, options, each, stage: Stage::default(), held_bytes: AtomicU64::new(0) };
    let slots: Vec<Mutex<Option<Job<'_>>>> = wants.iter().map(|_| Mutex::new(None)).collect();
    placer.on_all_threads(wants.len(), &|at| {
        let job = placer.survey(wants[at]);
        match job {
            Ok(job) => *locked(&slots[at]) = Some(job),
            Err(error) => (placer.each)(wants[at].task, Err(error)),
        }
    });
    let jobs: Vec<Job<'_>> =
        slots.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    placer.fetch(&jobs)
}

/// What stands at an entry of a result.
enum There {
    /// What should.
    Right(Box<Stat>),
    /// Nothing.
    Nothing,
    /// Something else.
    Other,
    /// Nothing can, because one of its directories is something else.
    Blocked,
}

/// Where the content of an entry comes from.
enum Source<'b> {
    Bytes(&'b [u8]),
    Staged(Staged),
}

/// One result on its way.
struct Job<'a> {
    wanted: Wanted<'a>,
    there: Vec<There>,
    /// How much of each entry's path lies above the declared output.
    anchors: Vec<u16>,
    /// What stands at the declared outputs and is not in the result, with how much of each path is above them.
    surplus: Vec<(Vec<u8>, usize)>,
    /// Pieces that have not arrived.
    left: AtomicUsize,
    progress: Mutex<Option<Box<Progress>>>,
}

/// What has arrived of a result.
#[derive(Default)]
struct Progress {
    contents: HashMap<u32, Content>,
    error: Option<Error>,
    bytes: u64,
}

/// What a want is for: a job, one of its entries, and where in the file it goes; `None` for the whole of it.
#[derive(Clone, Copy)]
struct Use {
    job: u32,
    entry: u32,
    offset: Option<u64>,
}

struct Placer<'p> {
    repo: &'p Repo,
    clearing: &'p Clearing<'p>,
    options: &'p PlaceOptions<'p>,
    each: &'p Each<'p>,
    stage: Stage,
    held_bytes: AtomicU64,
}

impl<'p> Placer<'p> {
    /// Looks at what stands at each entry, and what else at the declared outputs.
    fn survey<'a>(&self, wanted: Wanted<'a>) -> Result<Job<'a>> {
        let entries = &wanted.tree.entries;
        let anchors = anchors(wanted.outputs, wanted.tree);
        let mut there = Vec::with_capacity(entries.len());
        let mut dirs = Dirs::default();
        for (entry, anchor) in entries.iter().zip(&anchors) {
            let spot = Spot { path: &entry.path, anchor: usize::from(*anchor) };
            there.push(self.look(&mut dirs, spot, &entry.kind)?);
        }
        let surplus = self.clearing.surplus(wanted.outputs, wanted.tree)?;
        Ok(Job { wanted, there, anchors, surplus, left: AtomicUsize::new(0), progress: Mutex::default() })
    }

    fn look(&self, dirs: &mut Dirs, spot: Spot<'_>, kind: &ResultKind) -> Result<There> {
        let tree = self.clearing.tree();
        let above = match dirs.of(spot, &|| tree.open_parent(spot)) {
            Ok(above) => above,
            Err(Errno::NOENT) => return Ok(There::Nothing),
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(There::Blocked),
            Err(error) => return Err(tree.failed("open", spot.dir(), error)),
        };
        let stat = match stat_at(above, spot.name()) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(There::Nothing),
            Err(error) => return Err(tree.failed("look at", spot.path, error)),
        };
        let is_right = match (kind, stat.kind) {
            (ResultKind::File { content, size, executable }, EntryKind::File) if *size == stat.size => {
                return self.look_into(above, spot, &stat, content, *executable);
            }
            (ResultKind::Directory, EntryKind::Directory) => true,
            (ResultKind::Symlink(text), EntryKind::Symlink) => {
                link_target(above, spot.name()).is_ok_and(|found| found == *text)
            }
            _ => false,
        };
        Ok(if is_right { There::Right(Box::new(stat)) } else { There::Other })
    }

    /// Whether a file of the right size has the right content; then its mode is made right too.
    fn look_into(
        &self,
        above: BorrowedFd<'_>,
        spot: Spot<'_>,
        stat: &Stat,
        content: &Id,
        executable: bool,
    ) -> Result<There> {
        let mode = self.clearing.tree().mode(executable);
        if stat.mode != mode && stat.nlink > 1 {
            return Ok(There::Other);
        }
        let Ok(file) = open_file(above, spot.name(), false) else { return Ok(There::Other) };
        if hash_of(&file, stat.size).is_none_or(|found| found != *content) {
            return Ok(There::Other);
        }
        if stat.mode != mode && fchmod(&file, Mode::from_raw_mode(mode)).is_err() {
            return Ok(There::Other);
        }
        Ok(stat_fd(&file).map_or(There::Other, |stat| There::Right(Box::new(stat))))
    }

    /// Asks for everything that is missing; ends each result as soon as it has all.
    fn fetch(&self, jobs: &[Job<'_>]) -> Result<()> {
        let (mut wants, mut uses) = (Vec::new(), Vec::new());
        let mut ready = Vec::new();
        for (number, job) in jobs.iter().enumerate() {
            let start = wants.len();
            self.plan(number as u32, job, &mut wants, &mut uses);
            job.left.store(wants.len() - start, Ordering::Release);
            if wants.len() == start {
                ready.push(job);
            }
        }
        self.on_all_threads(ready.len(), &|at| self.finish(ready[at], None));
        if wants.is_empty() {
            return Ok(());
        }
        self.repo.fetch(&wants, self.options.jobs, &|at, bytes| {
            let (to, job) = (uses[at], &jobs[uses[at].job as usize]);
            if !(self.options.is_stopped)() {
                self.arrived(job, to, &wants[at], bytes);
            }
        })
    }

    /// Adds what a result needs to the wants. What is damaged is noted and the rest asked for all the same, so that all
    /// that is damaged is known.
    fn plan(&self, number: u32, job: &Job<'_>, wants: &mut Vec<Want>, uses: &mut Vec<Use>) {
        let whole_bytes_max = u64::from(self.repo.config().sizes.avg);
        for (at, (entry, there)) in job.wanted.tree.entries.iter().zip(&job.there).enumerate() {
            let ResultKind::File { content, size, executable } = &entry.kind else { continue };
            if *size == 0 || matches!(there, There::Right(_)) {
                continue;
            }
            let to = Use { job: number, entry: at as u32, offset: None };
            if *size <= whole_bytes_max {
                wants.push(Want { key: Key { class: Class::Whole, id: *content }, len: *size });
                uses.push(to);
                continue;
            }
            let planned = self
                .plan_pieces(content, *size, to, wants, uses)
                .and_then(|()| self.stage.create(self.clearing.tree(), *executable, *size));
            match planned {
                Ok(staged) => {
                    job.progress(|progress| _ = progress.contents.insert(at as u32, Content::Staged(staged)));
                }
                Err(error) => job.fail(error),
            }
        }
    }

    fn plan_pieces(&self, content: &Id, size: u64, to: Use, wants: &mut Vec<Want>, uses: &mut Vec<Use>) -> Result<()> {
        let mut end = 0;
        self.repo.pieces(content, &mut |piece| {
            end = piece.offset + piece.len;
            if let Some(key) = piece.key {
                wants.push(Want { key, len: piece.len });
                uses.push(Use { offset: Some(piece.offset), ..to });
            }
            Ok(())
        })?;
        check_size(content, end, size)
    }

    /// A piece is here, or cannot be had.
    fn arrived(&self, job: &Job<'_>, to: Use, want: &Want, bytes: Result<&[u8]>) {
        let is_last = job.left.load(Ordering::Acquire) == 1;
        let kept = match bytes {
            // It need not be kept: everything else of the result is here.
            Ok(bytes) if is_last && to.offset.is_none() => {
                job.progress(|progress| progress.bytes += bytes.len() as u64);
                if let Err(error) = check_size(&want.key.id, bytes.len() as u64, want.len) {
                    job.fail(error);
                }
                job.left.store(0, Ordering::Release);
                return self.finish(job, Some((to.entry, bytes)));
            }
            Ok(bytes) => self.keep(job, to, want, bytes),
            // Stored in pieces, by a repository that cut at other sizes.
            Err(error) if error.code() == Code::ChunkNotFound && to.offset.is_none() => {
                self.repo.read(&want.key.id).and_then(|bytes| self.keep(job, to, want, &bytes))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            job.fail(error);
        }
        if job.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish(job, None);
        }
    }

    /// Keeps a piece until the rest of its result is here.
    fn keep(&self, job: &Job<'_>, to: Use, want: &Want, bytes: &[u8]) -> Result<()> {
        job.progress(|progress| progress.bytes += bytes.len() as u64);
        let tree = self.clearing.tree();
        if let Some(offset) = to.offset {
            let writer = job.progress(|progress| match progress.contents.get(&to.entry) {
                Some(Content::Staged(staged)) => Some(staged.writer()),
                _ => None,
            });
            let Some(writer) = writer else { return Ok(()) };
            return writer.write_at(tree, bytes, offset);
        }
        check_size(&want.key.id, bytes.len() as u64, want.len)?;
        let held = self.held_bytes.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        let content = if held + bytes.len() as u64 <= HELD_BYTES_MAX {
            Content::Held(bytes.to_vec())
        } else {
            self.held_bytes.fetch_sub(bytes.len() as u64, Ordering::AcqRel);
            let kind = job.wanted.tree.entries.get(to.entry as usize).map(|entry| &entry.kind);
            let executable = matches!(kind, Some(ResultKind::File { executable: true, .. }));
            let staged = self.stage.create(tree, executable, bytes.len() as u64)?;
            staged.writer().write_at(tree, bytes, 0)?;
            Content::Staged(staged)
        };
        job.progress(|progress| _ = progress.contents.insert(to.entry, content));
        Ok(())
    }

    /// Everything of a result is here, `last` what arrived last: it is written.
    fn finish(&self, job: &Job<'_>, last: Option<(u32, &[u8])>) {
        if (self.options.is_stopped)() {
            return;
        }
        let progress = locked(&job.progress).take().unwrap_or_default();
        let Progress { mut contents, error, bytes } = *progress;
        let held: u64 = contents.values().map(Content::held_bytes).sum();
        let placed = match error {
            Some(error) => Err(error),
            None => self.write(job, &mut contents, last, bytes),
        };
        drop(contents);
        self.held_bytes.fetch_sub(held, Ordering::AcqRel);
        (self.each)(job.wanted.task, placed);
    }

    fn write(
        &self,
        job: &Job<'_>,
        contents: &mut HashMap<u32, Content>,
        last: Option<(u32, &[u8])>,
        bytes: u64,
    ) -> Result<Placed> {
        let entries = &job.wanted.tree.entries;
        self.make_way(job)?;
        let mut placed = Placed { made: 0, untouched: 0, bytes, stats: Vec::with_capacity(entries.len()) };
        let mut dirs = Dirs::default();
        for (at, (entry, there)) in entries.iter().zip(&job.there).enumerate() {
            if let There::Right(stat) = there {
                placed.untouched += 1;
                placed.stats.push(**stat);
                continue;
            }
            let held;
            let source = match (contents.remove(&(at as u32)), last) {
                (Some(Content::Staged(staged)), _) => Source::Staged(staged),
                (Some(Content::Held(bytes)), _) => {
                    held = bytes;
                    Source::Bytes(&held)
                }
                (None, Some((entry, bytes))) if entry as usize == at => Source::Bytes(bytes),
                (None, _) => Source::Bytes(&[]),
            };
            let is_taken = matches!(there, There::Other);
            placed.stats.push(self.make(&mut dirs, job.spot(at), &entry.kind, source, is_taken)?);
            placed.made += 1;
        }
        Ok(placed)
    }

    /// What is not in the result goes, and what is the user's is moved; from then on what stands there is larder's.
    fn make_way(&self, job: &Job<'_>) -> Result<()> {
        for (path, anchor) in &job.surplus {
            self.clearing.clear(Spot { path, anchor: *anchor })?;
        }
        let mut has_changes = false;
        for (at, (entry, there)) in job.wanted.tree.entries.iter().zip(&job.there).enumerate() {
            let spot = job.spot(at);
            has_changes |= !matches!(there, There::Right(_));
            match there {
                // A file of larder's own is replaced by renaming.
                There::Other if matches!(entry.kind, ResultKind::File { .. }) && self.clearing.is_made(spot.path) => {}
                There::Other => self.clearing.clear(spot)?,
                There::Blocked => _ = self.make_dir(spot)?,
                There::Nothing | There::Right(_) => {}
            }
        }
        if has_changes { self.clearing.note(job.wanted.outputs) } else { Ok(()) }
    }

    fn make_dir(&self, spot: Spot<'_>) -> Result<OwnedFd> {
        self.clearing.tree().make_dir(spot.dir(), spot.anchor, &|spot| self.clearing.clear(spot))
    }

    /// Makes one entry. What came to stand there since it was looked at makes way.
    fn make(
        &self,
        dirs: &mut Dirs,
        spot: Spot<'_>,
        kind: &ResultKind,
        source: Source<'_>,
        is_taken: bool,
    ) -> Result<Stat> {
        let (tree, name) = (self.clearing.tree(), spot.name());
        let above = dirs.of(spot, &|| self.make_dir(spot))?;
        let failed = |error| tree.failed("create", spot.path, error);
        let executable = matches!(kind, ResultKind::File { executable: true, .. });
        let is_file = matches!(kind, ResultKind::File { .. });
        let (mut staged, bytes) = match source {
            Source::Staged(staged) => (Some(staged), &[][..]),
            Source::Bytes(bytes) if is_taken && is_file => (Some(self.staged(executable, bytes)?), bytes),
            Source::Bytes(bytes) => (None, bytes),
        };
        let mut attempt = || match (kind, &mut staged) {
            (ResultKind::File { .. }, Some(staged)) => self.stage.publish(staged, above, name),
            (ResultKind::File { .. }, None) => self.stage.make(above, name, executable, bytes),
            (ResultKind::Symlink(text), _) => {
                symlinkat(text.as_slice(), above, name).and_then(|()| stat_at(above, name))
            }
            (ResultKind::Directory, _) => {
                mkdirat(above, name, Mode::from_raw_mode(0o777)).and_then(|()| stat_at(above, name))
            }
        };
        match attempt() {
            Err(Errno::EXIST | Errno::ISDIR | Errno::NOTEMPTY) => {
                self.clearing.clear(spot)?;
                attempt().map_err(failed)
            }
            made => made.map_err(failed),
        }
    }

    fn staged(&self, executable: bool, bytes: &[u8]) -> Result<Staged> {
        let tree = self.clearing.tree();
        let staged = self.stage.create(tree, executable, bytes.len() as u64)?;
        if !bytes.is_empty() {
            staged.writer().write_at(tree, bytes, 0)?;
        }
        Ok(staged)
    }

    fn on_all_threads(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let run = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= count || (self.options.is_stopped)() {
                    break;
                }
                work(at);
            }
        };
        match self.options.jobs.min(count / 8) {
            0 | 1 => run(),
            threads => std::thread::scope(|scope| {
                (1..threads).for_each(|_| _ = scope.spawn(run));
                run();
            }),
        }
    }
}

impl Job<'_> {
    /// Made by the first that arrives: there may be a hundred thousand jobs.
    fn progress<T>(&self, work: impl FnOnce(&mut Progress) -> T) -> T {
        work(locked(&self.progress).get_or_insert_default())
    }

    fn fail(&self, error: Error) {
        self.progress(|progress| _ = progress.error.get_or_insert(error));
    }

    fn spot(&self, at: usize) -> Spot<'_> {
        let path = self.wanted.tree.entries.get(at).map_or(&[][..], |entry| &entry.path);
        Spot { path, anchor: self.anchors.get(at).map_or(0, |anchor| usize::from(*anchor)) }
    }
}

/// The directory that was worked in last: entries are sorted, so most lie in the same one.
#[derive(Default)]
struct Dirs(Option<(Vec<u8>, OwnedFd)>);

impl Dirs {
    fn of<E>(
        &mut self,
        spot: Spot<'_>,
        open: &dyn Fn() -> std::result::Result<OwnedFd, E>,
    ) -> std::result::Result<BorrowedFd<'_>, E> {
        let kept = self.0.take().filter(|(path, _)| path == spot.dir());
        let at = match kept {
            Some(kept) => kept,
            None => (spot.dir().to_vec(), open()?),
        };
        Ok(self.0.insert(at).1.as_fd())
    }
}

/// For each entry how much of its path lies above the declared output that it belongs to.
fn anchors(outputs: &[Pattern], tree: &ResultTree) -> Vec<u16> {
    let paths: HashSet<&[u8]> = outputs.iter().filter_map(Pattern::as_path).collect();
    let globs: Vec<&Pattern> = outputs.iter().filter(|output| output.as_path().is_none()).collect();
    let of = |path: &[u8]| {
        let declared = std::iter::once(path).chain(ancestors(path)).find(|path| paths.contains(path));
        let anchor = match declared {
            Some(path) => parent(path).len(),
            None => globs.iter().find(|glob| glob.matches(path)).map_or(0, |glob| glob.literal_prefix().len()),
        };
        u16::try_from(anchor).unwrap_or(u16::MAX)
    };
    tree.entries.iter().map(|entry| of(&entry.path)).collect()
}

fn check_size(content: &Id, found: u64, size: u64) -> Result<()> {
    if found == size {
        return Ok(());
    }
    fail(Code::ChunkInvalid, format!("object {content} has {found} bytes where the result says {size}"))
}

/// The hash of an open file of so many bytes; `None` when it cannot be read or has another length.
fn hash_of(file: &OwnedFd, size: u64) -> Option<Id> {
    let mut buffer = vec![0; (size as usize).min(READ_BYTES) + 1];
    let (mut hasher, mut at) = (Hasher::new(), 0);
    loop {
        match rustix::io::pread(file, &mut buffer, at) {
            Ok(0) => break,
            Ok(len) => {
                hasher.update(buffer.get(..len)?);
                at += len as u64;
            }
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    (at == size).then(|| hasher.finish())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
