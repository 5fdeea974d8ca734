//! Results become durable and findable in batches, on a thread of its own.
//!
//! A batch is one root record, of which the writer makes data, segment and index durable before. It is published two
//! seconds after its first run ended, or when much was put, at once when another process waits, and at the end. What is
//! told to the state beside the project is told after that (promise 2). kill -9 costs at most the last batch.

use crate::error::{Error, Result};
use crate::repo::records::RunEntry;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A run waits at most so long for its batch.
const BATCH_AGE: Duration = Duration::from_secs(2);
/// A batch is published when so many bytes were put.
const BATCH_BYTES: u64 = 32 << 20;
/// A batch is published when so many rows wait for it: they are held in memory.
const BATCH_ROWS: usize = 2048;
/// How often it is looked whether another process waits.
const LOOK_INTERVAL: Duration = Duration::from_millis(25);

/// What a batch is published with.
pub trait Shelf<R>: Sync {
    /// Makes the runs durable.
    ///
    /// # Errors
    /// What storing answers.
    fn publish(&self, entries: &[RunEntry]) -> Result<()>;

    /// Takes what may be told to others after the runs are durable, in the order in which it was added.
    fn after(&self, entries: &[RunEntry], rows: Vec<R>);

    /// Bytes that were put and are not durable yet.
    fn waiting_bytes(&self) -> u64;

    /// Whether somebody waits for any of it.
    fn is_awaited(&self) -> bool;
}

/// Gathers what is to be published.
#[derive(Debug)]
pub struct Publisher<R> {
    batch: Mutex<Batch<R>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Batch<R> {
    entries: Vec<RunEntry>,
    rows: Vec<R>,
    since: Option<Instant>,
    is_ending: bool,
    failure: Option<Error>,
}

impl<R> Default for Publisher<R> {
    fn default() -> Self {
        let batch = Batch { entries: Vec::new(), rows: Vec::new(), since: None, is_ending: false, failure: None };
        Publisher { batch: Mutex::new(batch), changed: Condvar::new() }
    }
}

impl<R> Publisher<R> {
    /// Adds a run that is to be published, and what is to be told after that.
    pub fn add(&self, entry: Option<RunEntry>, row: Option<R>) {
        let mut batch = self.lock();
        batch.entries.extend(entry);
        batch.rows.extend(row);
        if batch.since.is_none() {
            batch.since = Some(Instant::now());
            self.changed.notify_all();
        }
    }

    /// Waits while a batch that is full waits itself, so that rows do not pile up in memory; not for long: a pile is better
    /// than a run that stands still.
    pub fn wait_for_room(&self) {
        let start = Instant::now();
        let mut batch = self.lock();
        while batch.rows.len() >= BATCH_ROWS && batch.failure.is_none() && start.elapsed() < BATCH_AGE {
            let waited = self.changed.wait_timeout(batch, LOOK_INTERVAL);
            batch = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nothing comes after this: [`Publisher::work`] publishes what there is and returns.
    pub fn end(&self) {
        self.lock().is_ending = true;
        self.changed.notify_all();
    }

    /// Publishes batches until the end. After a failure nothing is published any more: what was put before can no
    /// longer be relied on.
    ///
    /// # Errors
    /// The first failure of [`Shelf::publish`].
    pub fn work(&self, shelf: &dyn Shelf<R>) -> Result<()> {
        while let Some((entries, rows)) = self.next(shelf) {
            let failed = match entries.is_empty() {
                true => None,
                false => shelf.publish(&entries).err(),
            };
            match failed {
                None => shelf.after(&entries, rows),
                Some(error) => {
                    let mut batch = self.lock();
                    batch.failure.get_or_insert(error);
                }
            }
        }
        self.lock().failure.take().map_or(Ok(()), Err)
    }

    /// The next batch that is due; none at the end.
    fn next(&self, shelf: &dyn Shelf<R>) -> Option<(Vec<RunEntry>, Vec<R>)> {
        let mut batch = self.lock();
        loop {
            let has_some = !batch.entries.is_empty() || !batch.rows.is_empty();
            if batch.failure.is_some() {
                batch.entries.clear();
                batch.rows.clear();
                // What comes after it wakes this thread again, to be dropped and not to pile up.
                batch.since = None;
                if batch.is_ending {
                    return None;
                }
            } else if has_some {
                let is_old = batch.since.is_some_and(|since| since.elapsed() >= BATCH_AGE);
                let is_much = batch.rows.len() >= BATCH_ROWS || shelf.waiting_bytes() >= BATCH_BYTES;
                if batch.is_ending || is_old || is_much || shelf.is_awaited() {
                    batch.since = None;
                    self.changed.notify_all();
                    return Some((std::mem::take(&mut batch.entries), std::mem::take(&mut batch.rows)));
                }
            } else if batch.is_ending {
                return None;
            }
            batch = if has_some && batch.failure.is_none() {
                let waited = self.changed.wait_timeout(batch, LOOK_INTERVAL);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(batch).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Batch<R>> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::id::Id;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[derive(Default)]
    struct Fake {
        published: Mutex<Vec<usize>>,
        told: Mutex<Vec<u8>>,
        is_awaited: AtomicBool,
        is_full: bool,
    }

    impl Shelf<u8> for Fake {
        fn publish(&self, entries: &[RunEntry]) -> Result<()> {
            self.published.lock().unwrap().push(entries.len());
            if self.is_full { Err(Error::new(Code::StorageFull, "no space")) } else { Ok(()) }
        }

        fn after(&self, _entries: &[RunEntry], rows: Vec<u8>) {
            self.told.lock().unwrap().extend(rows);
        }

        fn waiting_bytes(&self) -> u64 {
            0
        }

        fn is_awaited(&self) -> bool {
            self.is_awaited.load(Ordering::Relaxed)
        }
    }

    fn entry(n: u8) -> Option<RunEntry> {
        Some(RunEntry { action: Id::new([n; 32]), record: Id::new([n; 32]), status: 1, sandbox: 0, time_seconds: 0 })
    }

    #[test]
    fn all_is_published_at_the_end_and_told_after_that() {
        let (publisher, shelf) = (Publisher::default(), Fake::default());
        publisher.add(entry(1), Some(1));
        publisher.add(None, Some(2));
        publisher.add(entry(3), None);
        publisher.end();
        publisher.work(&shelf).expect("published");
        assert_eq!(
            (shelf.published.lock().unwrap().clone(), shelf.told.lock().unwrap().clone()),
            (vec![2], vec![1, 2])
        );
    }

    #[test]
    fn a_waiter_does_not_wait_for_the_batch() {
        // A machine that does much else may be slow once, not each time.
        let is_quick = (0..5).any(|_| {
            let (publisher, shelf) = (Publisher::default(), Fake::default());
            shelf.is_awaited.store(true, Ordering::Relaxed);
            std::thread::scope(|scope| {
                let working = scope.spawn(|| publisher.work(&shelf));
                let started = Instant::now();
                publisher.add(entry(1), Some(1));
                while shelf.told.lock().unwrap().is_empty() && started.elapsed() < 10 * BATCH_AGE {
                    std::thread::yield_now();
                }
                let is_quick = started.elapsed() < BATCH_AGE;
                publisher.end();
                working.join().unwrap().expect("published");
                is_quick
            })
        });
        assert!(is_quick, "it waited");
    }

    #[test]
    fn after_a_failure_nothing_is_told() {
        let (publisher, shelf) = (Publisher::default(), Fake { is_full: true, ..Fake::default() });
        publisher.add(entry(1), Some(1));
        publisher.end();
        assert_eq!(publisher.work(&shelf).expect_err("full").code(), Code::StorageFull);
        assert!(shelf.told.lock().unwrap().is_empty());
    }
}
