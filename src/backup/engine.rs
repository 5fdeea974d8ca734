//! What all threads of one backup share: the repository's writer, the stat cache, counters, the way to speak.

use super::BackupOptions;
use super::directory::{Finished, Window};
use super::prune;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::monitor::{Change, Event, Monitor};
use crate::repo::{Repo, Writer};
use crate::snapshot::Stats;
use crate::state::{DirectoryRow, RowKey, State};
use crate::walk::{LinkCollector, Owners, Stat, stat_follow};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was put is made durable, and the stat cache told, at least this often (STORAGE section 4).
const FLUSH_MS: u64 = 30_000;
/// And when so many bytes of rows wait for it.
const ROWS_BYTES_MAX: u64 = 32 << 20;

/// Counts of a backup, added to from all threads.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub files_new: AtomicU64,
    pub files_changed: AtomicU64,
    pub files_unmodified: AtomicU64,
    pub directories: AtomicU64,
    pub others: AtomicU64,
    pub total_bytes: AtomicU64,
    pub read_bytes: AtomicU64,
    pub errors: AtomicU64,
    found_items: AtomicU64,
    found_bytes: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts one file that is kept.
    pub fn file(&self, change: Change, bytes: u64) {
        let counter = match change {
            Change::New => &self.files_new,
            Change::Unmodified => &self.files_unmodified,
            _ => &self.files_changed,
        };
        Self::add(counter, 1);
        Self::add(&self.total_bytes, bytes);
    }

    /// What a snapshot says of them.
    pub fn to_stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            files_new: read(&self.files_new),
            files_changed: read(&self.files_changed),
            files_unmodified: read(&self.files_unmodified),
            directories: read(&self.directories),
            others: read(&self.others),
            total_bytes: read(&self.total_bytes),
            read_bytes: read(&self.read_bytes),
            errors: read(&self.errors),
            ..Stats::default()
        }
    }
}

/// Rows of the stat cache that wait for their objects to be durable.
#[derive(Default)]
struct Waiting {
    rows: Vec<(RowKey, DirectoryRow)>,
    bytes: u64,
}

/// One backup at work.
pub(super) struct Engine<'a> {
    pub repo: &'a Repo,
    /// Absent in a dry run.
    pub writer: Option<&'a Writer>,
    pub options: &'a BackupOptions,
    pub monitor: &'a dyn Monitor,
    pub counters: Counters,
    pub owners: Owners,
    /// The repository's generation in which this backup relies on what is there.
    pub generation: u64,
    state: Option<State>,
    links: Mutex<LinkCollector>,
    waiting: Mutex<Waiting>,
    /// Windows of which some files are stored and some are not, by their addresses.
    open: Mutex<HashMap<usize, Arc<Window>>>,
    flushing: Mutex<Stopwatch>,
    root: Mutex<Option<Finished>>,
    is_stopped: AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Inodes of what the repository keeps on this machine: never a part of a backup into it.
    own: Vec<(u64, u64)>,
}

pub(super) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Engine<'a> {
    pub fn new(
        repo: &'a Repo,
        writer: Option<&'a Writer>,
        state: Option<State>,
        options: &'a BackupOptions,
        monitor: &'a dyn Monitor,
    ) -> Result<Self> {
        Ok(Engine {
            repo,
            writer,
            options,
            monitor,
            counters: Counters::default(),
            owners: Owners::default(),
            generation: writer.map_or_else(|| repo.generation(), |writer| Ok(writer.generation()))?,
            state,
            links: Mutex::new(LinkCollector::new(&repo.local().cache)),
            waiting: Mutex::default(),
            open: Mutex::default(),
            flushing: Mutex::new(Stopwatch::start()),
            root: Mutex::default(),
            is_stopped: AtomicBool::new(false),
            failure: Mutex::default(),
            own: own_inodes(repo),
        })
    }

    /// Ends everything with this failure; the first one counts.
    pub fn fail(&self, error: Error) {
        locked(&self.failure).get_or_insert(error);
        self.is_stopped.store(true, Ordering::Release);
    }

    /// Whether something failed that ends the backup.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Whether the user wants it to end with what it has.
    pub fn is_cancelled(&self) -> bool {
        self.monitor.is_cancelled()
    }

    /// The failure that ended it.
    pub fn take_failure(&self) -> Option<Error> {
        locked(&self.failure).take()
    }

    /// Reports an item that is left out, or not as it should be.
    pub fn report(&self, path: &[u8], error: &Error) {
        Counters::add(&self.counters.errors, 1);
        if self.options.fail_fast {
            // It ends the backup, and is told as what ended it.
            let shown = path.escape_ascii();
            return self.fail(Error::new(error.code(), format!("{shown} could not be stored: {error}")));
        }
        self.monitor.event(&Event::Failed { path, error });
    }

    /// Whether it is the repository itself: backed up into itself it would grow without end.
    pub fn is_own(&self, stat: &Stat) -> bool {
        self.own.contains(&(stat.dev, stat.ino))
    }

    /// Says that there is so much more to do.
    pub fn found(&self, items: u64, bytes: u64) {
        let items = self.counters.found_items.fetch_add(items, Ordering::Relaxed) + items;
        let bytes = self.counters.found_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.monitor.event(&Event::Total { items, bytes });
    }

    /// Notes a name of an inode that has several.
    pub fn note_links(&self, stat: &Stat, path: impl FnOnce() -> Vec<u8>) -> Result<()> {
        if stat.nlink > 1 { locked(&self.links).add(stat.dev, stat.ino, &path()) } else { Ok(()) }
    }

    /// The names that were noted.
    pub fn take_links(&self) -> LinkCollector {
        let empty = LinkCollector::new(&self.repo.local().cache);
        std::mem::replace(&mut locked(&self.links), empty)
    }

    /// The root tree, once everything is done.
    pub fn set_root(&self, finished: Finished) {
        *locked(&self.root) = Some(finished);
    }

    /// The root tree.
    pub fn root(&self) -> Option<Finished> {
        locked(&self.root).clone()
    }

    /// What was known of a directory. The cache only saves time: what cannot be read is not known.
    pub fn known(&self, key: &RowKey) -> Option<DirectoryRow> {
        self.state.as_ref().filter(|_| !self.options.ignore_state)?.load(key).ok().flatten()
    }

    /// Whether an object is in the repository, where a new backup may rely on it.
    pub fn holds(&self, id: &Id) -> Result<bool> {
        match self.writer {
            Some(writer) => writer.holds(id),
            None => Ok(self.repo.find(id)?.is_some()),
        }
    }

    /// The stat cache, if there is one.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Keeps a row until what it speaks of is durable.
    pub fn remember(&self, key: RowKey, row: DirectoryRow) {
        if self.state.is_none() {
            return;
        }
        let mut waiting = locked(&self.waiting);
        waiting.bytes += (row.bytes().len() + key.dir.len() + 64) as u64;
        waiting.rows.push((key, row));
    }

    /// Notes that files of a window are being stored, so that a flush remembers those that are done.
    pub fn open_window(&self, window: &Arc<Window>) {
        if self.state.is_some() {
            locked(&self.open).insert(Arc::as_ptr(window) as usize, window.clone());
        }
    }

    /// Everything in the window is done.
    pub fn close_window(&self, window: &Arc<Window>) {
        if self.state.is_some() {
            locked(&self.open).remove(&(Arc::as_ptr(window) as usize));
        }
    }

    /// Flushes when it is time; one thread does, the others go on.
    pub fn flush_if_due(&self) -> Result<()> {
        let Ok(mut since) = self.flushing.try_lock() else { return Ok(()) };
        let rows_bytes = locked(&self.waiting).bytes;
        let is_due = since.elapsed_ms() >= FLUSH_MS
            || self.writer.is_some_and(|writer| writer.bytes_since_flush() >= self.options.flush_bytes)
            || rows_bytes >= ROWS_BYTES_MAX;
        if is_due {
            self.flush()?;
            *since = Stopwatch::start();
        }
        Ok(())
    }

    /// Makes durable what was put, then tells the stat cache: a killed backup does not do this again (promise 9).
    pub fn flush(&self) -> Result<()> {
        let mut rows = std::mem::take(&mut *locked(&self.waiting)).rows;
        let open: Vec<Arc<Window>> = locked(&self.open).values().cloned().collect();
        rows.extend(open.iter().filter_map(|window| window.row_so_far(self.generation)));
        let Some(writer) = self.writer else { return Ok(()) };
        writer.flush()?;
        let Some(state) = self.state.as_ref().filter(|_| !rows.is_empty()) else { return Ok(()) };
        let committed = state.commit(&rows).and_then(|()| prune::count_rows(state, &rows));
        if let Err(error) = committed {
            self.monitor.event(&Event::Warning(&format!("the next backup will take longer: {error}")));
        }
        Ok(())
    }
}

fn own_inodes(repo: &Repo) -> Vec<(u64, u64)> {
    let local = stat_follow(rustix::fs::CWD, repo.local().cache.as_path());
    local.into_iter().map(|stat| (stat.dev, stat.ino)).collect()
}
