//! Works batches off: compares, fetches, writes, links, reads back, lets go of directories, in this order.

use super::batch::{Batch, Job, Large, LinkJob, Use, stored_extents};
use super::compare::{Compared, compare_large, compare_small};
use super::links::link;
use super::report::count;
use super::target::{Dir, Target};
use super::verify::read_back;
use crate::error::{Code, Error};
use crate::object::{Class, Key};
use crate::recipe::ChunkIds;
use crate::repo::Want;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// What stays the same from batch to batch.
pub(super) struct Runner<'t> {
    pub(super) target: &'t Target<'t>,
    pub(super) root: Arc<Dir<'t>>,
    pub(super) ids: ChunkIds,
    /// Objects up to this size are one piece.
    pub(super) whole_bytes_max: u64,
}

impl<'t> Runner<'t> {
    /// Restores the files of a batch.
    pub(super) fn run(&self, mut batch: Batch<'t>) {
        let compared = self.compare(&mut batch);
        let recut = self.fetch(&batch);
        let large = std::mem::take(&mut batch.large);
        let mut finished = self.finish(large);
        let (small, recut) = split(std::mem::take(&mut batch.small), &recut);
        // Small files that turned out to be stored in pieces: rare, so one by one.
        finished.extend(recut.into_iter().map(|job| compare_large(self.target, job, &self.ids, self.target.jobs())));
        for job in &batch.links {
            self.link(job);
        }
        let groups = [compared, small, finished];
        if self.target.options.verify && !self.target.options.dry_run {
            groups.iter().for_each(|jobs| self.each(jobs, |job| read_back(self.target, job)));
        }
    }

    /// Compares what may be right already; answers what is over, and puts into the batch what is wanted.
    fn compare(&self, batch: &mut Batch<'t>) -> Vec<Job<'t>> {
        let jobs = std::mem::take(&mut batch.compare);
        let threads = if jobs.len() == 1 { self.target.jobs() } else { 1 };
        let slots: Vec<Mutex<Option<Job<'t>>>> = jobs.into_iter().map(|job| Mutex::new(Some(job))).collect();
        let wanted = Mutex::new(Vec::new());
        self.each(&slots, |slot| {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(job) = slot.take() else { return };
            if self.target.report.is_stopped() {
                *slot = Some(job);
            } else if job.entry.size > self.whole_bytes_max {
                *slot = Some(compare_large(self.target, job, &self.ids, threads));
            } else {
                match compare_small(self.target, job) {
                    Compared::Over(job) => *slot = Some(job),
                    Compared::Wanted(job) => wanted.lock().unwrap_or_else(PoisonError::into_inner).push(job),
                }
            }
        });
        for job in wanted.into_inner().unwrap_or_else(PoisonError::into_inner) {
            batch.push_small(job);
        }
        slots.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Fetches and writes; answers the numbers of small files that are not stored as one piece.
    fn fetch(&self, batch: &Batch<'t>) -> Vec<u32> {
        let target = self.target;
        let recut = Mutex::new(Vec::new());
        if batch.wants.is_empty() || target.report.is_stopped() {
            return Vec::new();
        }
        let fetched = target.repo.fetch(&batch.wants, target.jobs(), &|at, bytes| {
            if target.report.is_stopped() {
                return;
            }
            if let Ok(bytes) = &bytes {
                count(&target.report.counters.bytes_fetched, bytes.len() as u64);
            }
            match (batch.uses[at], bytes) {
                (Use::Small(job), Ok(bytes)) => {
                    let job = &batch.small[job as usize];
                    match job.write_whole(target, bytes) {
                        Ok(()) => job.done(target, job.change(), 0),
                        Err(error) => job.fail(target, error),
                    }
                }
                (Use::Small(job), Err(error)) if error.code() == Code::ChunkNotFound => {
                    recut.lock().unwrap_or_else(PoisonError::into_inner).push(job);
                }
                (Use::Small(job), Err(error)) => {
                    let job = &batch.small[job as usize];
                    job.fail(target, job.damaged(error));
                }
                (Use::Large(file, offset), Ok(bytes)) => batch.large[file as usize].0.write(target, bytes, offset),
                (Use::Large(file, _), Err(error)) => {
                    let large = &batch.large[file as usize].0;
                    large.fail(target, large.job.damaged(error));
                }
            }
        });
        if let Err(error) = fetched {
            target.report.stop(error);
        }
        recut.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the large files that have all their pieces.
    fn finish(&self, large: Vec<(Arc<Large<'t>>, bool)>) -> Vec<Job<'t>> {
        let whole = large.into_iter().filter(|(_, is_whole)| *is_whole);
        whole.filter_map(|(large, _)| Arc::into_inner(large)).map(|large| large.finish(self.target)).collect()
    }

    fn link(&self, job: &LinkJob<'_>) {
        if self.target.report.is_stopped() {
            return;
        }
        if let Err(error) = link(self.target, &self.root, job) {
            self.target.report.failed(&job.dir.join(&job.entry.name), error);
        }
    }

    /// Does something for each item, on all threads.
    fn each<T: Sync>(&self, items: &[T], work: impl Fn(&T) + Sync) {
        let next = AtomicUsize::new(0);
        let run = || {
            while let Some(item) = items.get(next.fetch_add(1, Relaxed)) {
                work(item);
            }
        };
        match self.target.jobs().min(items.len()) {
            0 | 1 => run(),
            threads => std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(run))),
        }
    }
}

impl<'t> Batch<'t> {
    /// Adds a small file whose content is wanted whole.
    pub(super) fn push_small(&mut self, job: Job<'t>) {
        if let Some(id) = job.entry.content {
            self.wants.push(Want { key: Key { class: Class::Whole, id }, len: job.entry.size });
            self.uses.push(Use::Small(self.small.len() as u32));
        }
        self.small.push(job);
    }

    /// Adds a piece of a large file that is in the batch.
    pub(super) fn push_piece(&mut self, file: u32, key: Key, offset: u64, len: u64) {
        self.wants.push(Want { key, len });
        self.uses.push(Use::Large(file, offset));
    }
}

/// Takes the numbered jobs out.
fn split<'t>(jobs: Vec<Job<'t>>, numbers: &[u32]) -> (Vec<Job<'t>>, Vec<Job<'t>>) {
    if numbers.is_empty() {
        return (jobs, Vec::new());
    }
    let (apart, rest): (Vec<_>, Vec<_>) =
        jobs.into_iter().enumerate().partition(|(at, _)| numbers.contains(&(*at as u32)));
    let strip = |jobs: Vec<(usize, Job<'t>)>| jobs.into_iter().map(|(_, job)| job).collect();
    (strip(rest), strip(apart))
}

/// A large file and what it needs to begin.
pub(super) fn begin_large<'t>(target: &Target<'_>, job: Job<'t>) -> Result<Large<'t>, Box<(Job<'t>, Error)>> {
    match stored_extents(target, &job.entry) {
        Ok(extents) => Ok(Large::new(job, extents)),
        Err(error) => Err(Box::new((job, error))),
    }
}
