//! What happened so far: counters that many threads raise, and the monitor that hears of single items.

use super::options::RestoreStats;
use crate::error::{Class, Code, Error, Result};
use crate::monitor::{Change, Event, Monitor};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

macro_rules! counters {
    ($($name:ident),*) => {
        /// Counters by the names of [`RestoreStats`].
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub $name: AtomicU64,)* }

        impl Counters {
            pub(super) fn stats(&self) -> RestoreStats {
                RestoreStats { $($name: self.$name.load(Relaxed),)* ..RestoreStats::default() }
            }
        }
    };
}

counters! {
    files, directories, others, hard_links, unmodified, skipped, deleted, bytes, bytes_fetched, bytes_kept, verified,
    metadata_missed, errors, damaged
}

/// Where every thread of a restore says what it did.
pub(super) struct Report<'m> {
    monitor: &'m dyn Monitor,
    pub(super) counters: Counters,
    strict_metadata: bool,
    fail_fast: bool,
    /// The failure that ends everything, such as a full medium.
    fatal: Mutex<Option<Error>>,
    stopped: AtomicBool,
    /// Whether entries said more than this version knows.
    has_unknown: AtomicBool,
    /// What was left as it is because larder itself stands on it.
    kept: Mutex<BTreeSet<PathBuf>>,
}

/// Adds to a counter.
pub(super) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Relaxed);
}

impl<'m> Report<'m> {
    pub(super) fn new(monitor: &'m dyn Monitor, strict_metadata: bool, fail_fast: bool) -> Self {
        Report {
            monitor,
            counters: Counters::default(),
            strict_metadata,
            fail_fast,
            fatal: Mutex::new(None),
            stopped: AtomicBool::new(false),
            has_unknown: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }

    pub(super) fn event(&self, event: &Event<'_>) {
        self.monitor.event(event);
    }

    /// Whether to begin nothing new: the user wants it to end, or something ended it.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed) || self.monitor.is_cancelled()
    }

    /// One item is done.
    pub(super) fn item(&self, path: &[u8], change: Change, bytes: u64) {
        self.monitor.event(&Event::Item { path, change, bytes });
        self.monitor.event(&Event::Advance { items: 1, bytes });
    }

    /// One item failed; the rest goes on unless nothing could succeed any more.
    pub(super) fn failed(&self, path: &[u8], error: Error) {
        count(&self.counters.errors, 1);
        if error.class() == Class::Damaged {
            count(&self.counters.damaged, 1);
        }
        if self.fail_fast || error.code() == Code::StorageFull {
            // It ends the restore, and is told as what ended it.
            return self.stop(error);
        }
        self.monitor.event(&Event::Failed { path, error: &error });
    }

    /// Ends everything with this failure.
    pub(super) fn stop(&self, error: Error) {
        self.stopped.store(true, Relaxed);
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Some metadata of an item could not be set because that needs rights or a file system that we do not have.
    ///
    /// # Errors
    /// The failure itself when metadata is asked for strictly.
    pub(super) fn metadata_missed(&self, error: Error) -> Result<()> {
        count(&self.counters.metadata_missed, 1);
        if self.strict_metadata { Err(error) } else { Ok(()) }
    }

    /// An entry says something that this version does not know.
    pub(super) fn unknown_keys(&self) {
        if !self.has_unknown.swap(true, Relaxed) {
            self.monitor
                .event(&Event::Warning("a later larder noted more about these files than this one can restore"));
        }
    }

    /// Something of larder's own stands here, and stays as it is.
    pub(super) fn kept(&self, path: PathBuf) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
    }

    /// The end: what was done, or the failure that ended it.
    pub(super) fn finish(self) -> Result<RestoreStats> {
        let fatal = self.fatal.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = fatal {
            return Err(error);
        }
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !kept.is_empty() {
            let kept: Vec<_> = kept.iter().map(|path| path.display().to_string()).collect();
            let message = format!("left as it is, because larder itself uses it: {}", kept.join(", "));
            self.monitor.event(&Event::Warning(&message));
        }
        let mut stats = self.counters.stats();
        stats.cancelled = self.monitor.is_cancelled();
        if stats.metadata_missed > 0 && !self.strict_metadata {
            self.monitor.event(&Event::Warning(&format!(
                "owners, attributes or devices of {} items could not be set: this needs root, or a file system that holds them",
                stats.metadata_missed
            )));
        }
        Ok(stats)
    }
}
