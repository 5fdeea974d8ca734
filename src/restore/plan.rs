//! Walks the stored tree, decides what is to be done about each entry, and hands out batches.
//!
//! Directories are made on the way down, what needs no content is made at once, files are gathered into batches. Only
//! this thread makes directories; so a directory is there before anything in it, and is let go of after it was left.

use super::batch::{Batch, Job, LinkJob};
use super::compare::{keep, looks_right, may_be_right};
use super::links::{Leader, Links, Role};
use super::node::restore_node;
use super::remove::remove_others;
use super::report::count;
use super::run::begin_large;
use super::select::{Selection, Verdict};
use super::target::{Decision, Dir, Target, file_type};
use super::verify::read_back;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::Change;
use crate::stored::{Descend, Visitor};
use crate::tree::{Entry, EntryKind, check_name};
use rustix::fs::{FileType, Stat};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;

/// Files in a batch.
const FILES_MAX: usize = 16 << 10;
/// Pieces in a batch.
const PIECES_MAX: usize = 64 << 10;

/// How many handles a batch may hold open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    dirs: usize,
    large: usize,
}

impl Limits {
    /// Leaves most of the process's handles to others: two batches are under way at any time.
    pub(super) fn of_process() -> Self {
        let handles = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1 << 20);
        let share = (handles / 8).clamp(16, 2048) as usize;
        Limits { dirs: share, large: share }
    }
}

/// A directory on the way down.
struct Level<'t> {
    path: Vec<u8>,
    entry: Option<Entry>,
    /// Made or opened when the first thing in it is chosen.
    dir: Option<Arc<Dir<'t>>>,
    verdict: Verdict,
    /// Names that the snapshot has, where others are to be removed.
    names: Option<HashSet<Vec<u8>>>,
    /// Whether the current batch holds it open.
    batch: u64,
}

/// Makes batches from a stored tree.
pub(super) struct Planner<'t> {
    target: &'t Target<'t>,
    selection: Selection,
    links: Links,
    levels: Vec<Level<'t>>,
    batch: Batch<'t>,
    batch_number: u64,
    limits: Limits,
    out: SyncSender<Batch<'t>>,
    whole_bytes_max: u64,
    /// Directories above these are in the snapshot only in part: nothing is removed from them.
    sources: Vec<Vec<u8>>,
}

impl<'t> Planner<'t> {
    pub(super) fn new(
        target: &'t Target<'t>,
        selection: Selection,
        links: Links,
        sources: &[Vec<u8>],
        out: SyncSender<Batch<'t>>,
        whole_bytes_max: u64,
    ) -> Self {
        Planner {
            target,
            selection,
            links,
            levels: Vec::new(),
            batch: Batch::default(),
            batch_number: 1,
            limits: Limits::of_process(),
            out,
            whole_bytes_max,
            sources: sources.to_vec(),
        }
    }

    /// Begins at the target.
    pub(super) fn begin(&mut self, root: Arc<Dir<'t>>, path: &[u8]) {
        let verdict = self.selection.at_root();
        let names = self.names_to_keep(path);
        self.levels.push(Level { path: path.to_vec(), entry: None, dir: Some(root), verdict, names, batch: 0 });
    }

    /// Sends what is left.
    pub(super) fn end(&mut self) -> Result<()> {
        self.levels.clear();
        self.send()
    }

    fn names_to_keep(&self, path: &[u8]) -> Option<HashSet<Vec<u8>>> {
        let is_whole = self.sources.is_empty() || self.sources.iter().any(|source| is_at_or_below(path, source));
        (self.target.options.delete && is_whole).then(HashSet::new)
    }

    /// The directory that the walk is in, made if need be; `None` if it cannot be or is left alone.
    fn here(&mut self) -> Option<Arc<Dir<'t>>> {
        let first = self.levels.iter().rposition(|level| level.dir.is_some())?;
        for at in first + 1..self.levels.len() {
            let above = self.levels[at - 1].dir.clone()?;
            let level = &mut self.levels[at];
            let entered = match &level.entry {
                Some(entry) => self.target.enter(&above, entry, &level.path),
                None => Ok(None),
            };
            match entered {
                Ok(Some(dir)) => {
                    count(&self.target.report.counters.directories, 1);
                    level.dir = Some(dir);
                }
                Ok(None) => {
                    count(&self.target.report.counters.skipped, 1);
                    self.target.report.item(&level.path, Change::Skipped, 0);
                    return self.give_up(at);
                }
                Err(error) => {
                    self.target.report.failed(&level.path, error);
                    return self.give_up(at);
                }
            }
        }
        self.levels.last().and_then(|level| level.dir.clone())
    }

    /// Nothing at or below this level can be restored.
    fn give_up(&mut self, at: usize) -> Option<Arc<Dir<'t>>> {
        self.levels[at..].iter_mut().for_each(|level| level.verdict = Verdict::Out);
        None
    }

    fn file(&mut self, dir: Arc<Dir<'t>>, entry: &Entry, there: Option<Box<Stat>>, role: Role) -> Result<()> {
        let leader = match role {
            Role::Follows(leader) => return self.follow(dir, entry, there, leader),
            Role::Leads(leader) => Some(leader),
            Role::Single => None,
        };
        let target = self.target;
        let right = there.as_ref().is_some_and(|there| looks_right(target, entry, there));
        let compare = there.as_ref().is_some_and(|there| {
            // A larger or smaller file has right pieces too, if it is worth looking for them.
            let is_file = file_type(there) == FileType::RegularFile;
            is_file && (may_be_right(entry, there) || entry.size > self.whole_bytes_max)
        });
        let job = Job { dir, entry: entry.clone(), there, leader, is_done: AtomicBool::new(false) };
        if right {
            keep(target, &job);
        } else if compare {
            self.hold();
            self.batch.compare.push(job);
        } else if target.options.dry_run {
            job.done(target, job.change(), 0);
        } else if entry.content.is_none() || entry.size == 0 {
            match job.write_whole(target, &[]) {
                Ok(()) => job.done(target, job.change(), 0),
                Err(error) => job.fail(target, error),
            }
            if target.options.verify {
                read_back(target, &job);
            }
        } else if entry.size <= self.whole_bytes_max {
            self.hold();
            self.batch.push_small(job);
        } else {
            self.hold();
            self.large(job)?;
        }
        self.send_if_full()
    }

    /// One more name of a file that is restored already, or will be when its batch is worked off.
    fn follow(
        &mut self,
        dir: Arc<Dir<'t>>,
        entry: &Entry,
        there: Option<Box<Stat>>,
        leader: Arc<Leader>,
    ) -> Result<()> {
        self.hold();
        self.batch.links.push(LinkJob { dir, entry: entry.clone(), there, leader });
        self.send_if_full()
    }

    /// Lists the pieces of a large file; those that do not fit go to the batches that follow.
    fn large(&mut self, job: Job<'t>) -> Result<()> {
        let id = job.entry.content.unwrap_or(Id::EMPTY);
        let large = match begin_large(self.target, job) {
            Ok(large) => Arc::new(large),
            Err(failed) => {
                let (job, error) = *failed;
                job.fail(self.target, error);
                return Ok(());
            }
        };
        self.batch.large.push((large.clone(), false));
        let mut total = 0;
        let listed = self.target.repo.pieces(&id, &mut |piece| {
            total += piece.len;
            let Some(key) = piece.key else { return Ok(()) };
            if self.batch.wants.len() >= PIECES_MAX {
                self.send()?;
                self.batch.large.push((large.clone(), false));
            }
            let file = self.batch.large.len() as u32 - 1;
            self.batch.push_piece(file, key, piece.offset, piece.len);
            if self.target.report.is_stopped() { fail(Code::SystemError, "stopped") } else { Ok(()) }
        });
        if self.target.report.is_stopped() {
            return Ok(());
        }
        let listed = listed.and_then(|()| match total == large.job.entry.size {
            true => Ok(()),
            false => fail(Code::ChunkInvalid, format!("it has {total} bytes, not those of the tree")),
        });
        if let Err(error) = listed {
            large.fail(self.target, large.job.damaged(error));
        }
        if let Some(last) = self.batch.large.last_mut() {
            last.1 = true;
        }
        Ok(())
    }

    /// Notes that the batch holds the directory that the walk is in.
    fn hold(&mut self) {
        if let Some(level) = self.levels.last_mut().filter(|level| level.batch != self.batch_number) {
            level.batch = self.batch_number;
            self.batch.dirs += 1;
        }
    }

    fn send_if_full(&mut self) -> Result<()> {
        let batch = &self.batch;
        let files = batch.small.len() + batch.compare.len() + batch.links.len();
        let is_full = files >= FILES_MAX
            || batch.wants.len() >= PIECES_MAX
            || batch.large.len() >= self.limits.large
            || batch.dirs >= self.limits.dirs;
        if is_full { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_number += 1;
        self.out.send(batch).map_err(|_| Error::new(Code::SystemError, "the threads of the restore ended early"))
    }

    /// Restores something that is no directory.
    pub(super) fn leaf(&mut self, path: &[u8], entry: &Entry) -> Result<()> {
        check_name(&entry.name)?;
        let Some(dir) = self.here() else { return Ok(()) };
        let there = match self.target.decide(&dir, entry) {
            Ok(Decision::Make) => None,
            Ok(Decision::Replace(there)) => Some(there),
            Ok(Decision::Skip) => {
                self.links.pass_over(path, entry);
                count(&self.target.report.counters.skipped, 1);
                self.target.report.item(path, Change::Skipped, 0);
                return Ok(());
            }
            Err(error) => {
                self.target.report.failed(path, error);
                return Ok(());
            }
        };
        if !entry.unknown.is_empty() {
            self.target.report.unknown_keys();
        }
        let role = self.links.role(path, entry);
        if entry.kind == EntryKind::File {
            return self.file(dir, entry, there, role);
        }
        let leader = match role {
            Role::Follows(leader) => return self.follow(dir, entry, there, leader),
            Role::Leads(leader) => Some(leader),
            Role::Single => None,
        };
        match restore_node(self.target, &dir, entry, there.as_deref()) {
            Ok(Some(Change::Unmodified)) => leader.iter().for_each(|leader| leader.set_kept()),
            Ok(Some(_)) => leader.iter().for_each(|leader| leader.set_done()),
            Ok(None) => leader.iter().for_each(|leader| leader.set_missed()),
            Err(error) => {
                leader.iter().for_each(|leader| leader.set_failed());
                self.target.report.failed(path, error);
            }
        }
        Ok(())
    }
}

impl Visitor for Planner<'_> {
    fn entry(&mut self, path: &[u8], entry: &Entry) -> Result<Descend> {
        if self.target.report.is_stopped() {
            return Ok(Descend::Stop);
        }
        let Some(level) = self.levels.last_mut() else { return Ok(Descend::Stop) };
        if let Some(names) = &mut level.names {
            names.insert(entry.name.clone());
        }
        let verdict = self.selection.judge(path, entry.is_directory(), level.verdict);
        if verdict == Verdict::Out {
            return Ok(Descend::Over);
        }
        if !entry.is_directory() {
            self.leaf(path, entry)?;
            return Ok(Descend::Over);
        }
        check_name(&entry.name)?;
        let names = self.names_to_keep(path);
        self.levels.push(Level {
            path: path.to_vec(),
            entry: Some(entry.clone()),
            dir: None,
            verdict,
            names,
            batch: 0,
        });
        if verdict == Verdict::Chosen {
            self.here();
        }
        Ok(Descend::Into)
    }

    fn leave(&mut self, _path: &[u8]) -> Result<()> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let Some(dir) = level.dir else { return Ok(()) };
        if let Some(names) = level.names.filter(|_| !self.target.report.is_stopped()) {
            let selection = &self.selection;
            remove_others(self.target, &dir, &mut |name, path| {
                names.contains(name) || !selection.would_choose(path, level.verdict)
            });
        }
        Ok(())
    }

    fn broken(&mut self, path: &[u8], error: Error) -> Result<()> {
        // What else it held is not known, so nothing may be removed from it.
        if let Some(level) = self.levels.last_mut() {
            level.names = None;
        }
        self.target.report.failed(if path.is_empty() { b"/" } else { path }, error);
        Ok(())
    }
}

/// Whether a path is this one or lies beneath it.
fn is_at_or_below(path: &[u8], top: &[u8]) -> bool {
    let top = top.strip_suffix(b"/").unwrap_or(top);
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
