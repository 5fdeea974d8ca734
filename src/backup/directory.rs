//! A directory while it is being stored: its names in windows, what became of each, and the tree in the end.
//!
//! Whoever finishes the last name of a directory writes its tree and hands it to the directory above, so trees are
//! written as soon as they can be, by whichever thread is there, and memory holds only what is open. A directory of very many
//! names has several windows, each finished on its own.

use super::engine::{Engine, locked};
use super::entries::EntryEncoder;
use super::scan::empty_source;
use crate::clock::Time;
use crate::error::{Error, IoContext, Result};
use crate::id::Id;
use crate::object::{Kind, hash};
use crate::repo::Putter;
use crate::state::{DirectoryRow, Fingerprint, Known, RowBuilder, RowHeader, RowKey};
use crate::tree::{EntryKind, Extents, Profile, Summary, TreeWriter};
use crate::walk::{Listing, Stat, Xattr, open_dir, open_path, stat_fd};
use rustix::fd::OwnedFd;
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Names in one window: what a directory of millions holds in memory at a time, some 200 bytes each.
/// Tests have few, so that their directories have several windows.
pub(super) const WINDOW_NAMES: usize = if cfg!(test) { 40 } else { 64 << 10 };

/// A directory being stored.
pub(super) struct Directory {
    /// The window of the directory above that it stands in, and its place there. The root has none.
    pub parent: Option<(Arc<Window>, u32)>,
    /// Absolute path; empty for `/`.
    pub path: Vec<u8>,
    /// The source it belongs to, as the stat cache names it.
    pub root: Arc<[u8]>,
    /// Its tree in an earlier snapshot, asked only where the stat cache knows nothing.
    pub before: Option<Id>,
    /// Its names, without those that rules leave out.
    pub listing: Listing,
    /// Whether it only leads to sources.
    pub is_virtual: bool,
    /// What becomes of it if nothing is in it in the end.
    pub if_empty: IfEmpty,
    /// Its own inode.
    pub stat: Stat,
    /// Its attributes, if they had to be asked for.
    pub xattrs: Vec<Xattr>,
    handle: Mutex<Option<Arc<OwnedFd>>>,
    windows: usize,
    windows_left: AtomicUsize,
    is_partial: AtomicBool,
    spool: Mutex<Spool>,
    window_ended: Condvar,
}

/// A finished directory.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub tree: Id,
    pub summary: Summary,
}

/// A part of a directory's names, looked at.
pub(super) struct Window {
    pub directory: Arc<Directory>,
    pub number: u32,
    pub items: Vec<Item>,
    /// What is known of the directory, if all these items are as they were.
    pub same: Option<RowHeader>,
    /// When looking began: what changed at that time or later may change again unseen.
    pub start: Time,
    done: Mutex<Vec<(u32, Done)>>,
    pending: AtomicUsize,
}

/// One name of a window.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its place in the directory's listing.
    pub name: u32,
    /// How it looks.
    pub stat: Stat,
    /// What was stored of it before, if that is known and still there.
    pub known: Option<Id>,
    /// Whether it looks as it did then: what is stored of it can be used again.
    pub is_same: bool,
    /// Whether it looks as it did then but may have changed all the same, so that it is read to be sure.
    pub looks_same: bool,
    /// Whether there was something of this name then.
    pub was_there: bool,
    /// Whether it had extended attributes then.
    pub has_xattrs: bool,
    /// Whether a symlink stands for what it leads to, because the user named it.
    pub follow: bool,
}

/// What became of an item that had to be worked on.
#[derive(Clone, Debug)]
pub(super) enum Done {
    /// A file was stored.
    File(Box<FileDone>),
    /// A directory was stored.
    Directory(Finished, Vec<Xattr>),
    /// It is not in the tree: reported, or the backup was interrupted.
    LeftOut,
}

/// A file that was stored.
#[derive(Clone, Debug)]
pub(super) struct FileDone {
    pub stat: Stat,
    pub content: Option<Id>,
    pub size: u64,
    pub xattrs: Vec<Xattr>,
    pub extents: Extents,
    pub is_racy: bool,
}

impl Item {
    /// Whether its content must be read.
    pub fn must_read(&self) -> bool {
        self.stat.kind == EntryKind::File && !self.is_same
    }
}

/// What the stat cache compares.
pub(super) fn fingerprint(stat: &Stat) -> Fingerprint {
    let size = match stat.kind {
        EntryKind::File => stat.size,
        kind if kind.is_device() => u64::from(stat.rdev.0) << 32 | u64::from(stat.rdev.1),
        _ => 0,
    };
    let Stat { kind, mtime, ctime, ino, mode, uid, gid, .. } = *stat;
    Fingerprint { kind, size, mtime, ctime, ino, mode, uid, gid }
}

impl Directory {
    /// An open directory with its names, of which nothing was looked at yet.
    pub fn new(place: Place, handle: OwnedFd, listing: Listing, stat: Stat, xattrs: Vec<Xattr>) -> Arc<Self> {
        let windows = listing.len().div_ceil(WINDOW_NAMES).max(1);
        Arc::new(Directory {
            parent: place.parent,
            path: place.path,
            root: place.root,
            before: place.before,
            listing,
            is_virtual: place.is_virtual,
            if_empty: place.if_empty,
            stat,
            xattrs,
            handle: Mutex::new(Some(Arc::new(handle))),
            windows,
            windows_left: AtomicUsize::new(windows),
            is_partial: AtomicBool::new(false),
            spool: Mutex::default(),
            window_ended: Condvar::new(),
        })
    }

    /// How many windows its names make.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// Its handle, opened again if it was given up meanwhile; never another directory's.
    pub fn handle(&self) -> Result<Arc<OwnedFd>> {
        let mut handle = locked(&self.handle);
        if let Some(fd) = &*handle {
            return Ok(fd.clone());
        }
        let path = OsStr::from_bytes(&self.path);
        let (parent, item) = match &self.parent {
            Some((window, index)) => (window.directory.handle()?, Some(&window.items[*index as usize])),
            None => (Arc::new(open_path(rustix::fs::CWD, c"/").at("open", "/")?), None),
        };
        let name = CString::new(self.path.rsplit(|byte| *byte == b'/').next().unwrap_or(b"")).unwrap_or_default();
        let name = if item.is_none() { c"." } else { name.as_c_str() };
        let fd = match self.is_virtual {
            true => open_path(&*parent, name),
            false => open_dir(&*parent, name, item.is_none_or(|item| item.follow)),
        };
        let fd = fd.at("open", path)?;
        let now = stat_fd(&fd).at("look at", path)?;
        if (now.dev, now.ino) != (self.stat.dev, self.stat.ino) {
            return Err(Error::io("open", path, std::io::Error::other("another directory has taken its place")));
        }
        Ok(handle.insert(Arc::new(fd)).clone())
    }

    /// Gives the handle up; whoever is still using it keeps it open.
    pub fn release(&self) {
        *locked(&self.handle) = None;
    }

    /// The absolute path of a name in it.
    pub fn path_of(&self, name: u32) -> Vec<u8> {
        [&self.path[..], b"/", self.listing.name(name as usize)].concat()
    }

    /// Where the stat cache keeps a window.
    pub fn key(&self, part: u32) -> RowKey {
        let inner = self.path.strip_prefix(&self.root[..]).unwrap_or(&self.path);
        let inner = inner.strip_prefix(b"/").unwrap_or(inner);
        RowKey { root: self.root.to_vec(), dir: inner.to_vec(), part }
    }

    /// Notes that something is missing because the backup was interrupted.
    pub fn set_partial(&self) {
        self.is_partial.store(true, Ordering::Relaxed);
    }

    /// Does without windows that were not begun. The walker still holds the one before them.
    pub fn skip_windows(&self, count: usize) {
        self.set_partial();
        self.windows_left.fetch_sub(count, Ordering::AcqRel);
    }

    /// One window is finished; answers the directory when all are.
    fn window_done(&self, engine: &Engine<'_>, putter: &mut Putter<'_>, window: &Window) -> Result<Option<Finished>> {
        if let Some(finished) = window.unchanged() {
            return Ok(Some(finished));
        }
        let (bytes, row, summary) = window.encode(engine, putter)?;
        let key = self.key(window.number);
        if self.windows == 1 {
            let tree = putter.put(Kind::Tree, &bytes)?.id;
            let is_whole = !self.is_partial.load(Ordering::Relaxed);
            let tree_of_row = if is_whole { tree } else { Id::EMPTY };
            let row =
                row.finish(&RowHeader { tree: tree_of_row, generation: engine.generation, summary, parts: 1 }, &key);
            engine.remember(key, row);
            return Ok(Some(Finished { tree, summary }));
        }
        // Its row stands for its files only: a directory of several windows is always encoded again.
        let header = RowHeader { generation: engine.generation, parts: self.windows as u32, ..RowHeader::default() };
        engine.remember(key.clone(), row.finish(&header, &key));
        self.spool(engine, putter, &bytes, summary)
    }

    /// What became of it, now that it is finished.
    fn done(&self, engine: &Engine<'_>, finished: Finished) -> Result<Done> {
        // What was there and could not be read was told; it is no sign of a source that is not mounted.
        let is_whole = !self.is_partial.load(Ordering::Relaxed) && engine.counters.errors.load(Ordering::Relaxed) == 0;
        let is_empty = || finished.tree == hash(&TreeWriter::new(Profile::Full).finish());
        match self.if_empty {
            IfEmpty::Drop if is_empty() => Ok(Done::LeftOut),
            IfEmpty::Refuse if is_whole && is_empty() && !engine.is_cancelled() => Err(empty_source(&self.path)),
            _ => Ok(Done::Directory(finished, self.xattrs.clone())),
        }
    }

    /// Keeps an encoded window in a file until the last is there. The walker waits for each, so they come in order.
    fn spool(
        &self,
        engine: &Engine<'_>,
        putter: &mut Putter<'_>,
        bytes: &[u8],
        summary: Summary,
    ) -> Result<Option<Finished>> {
        let dir = &engine.repo.local().cache;
        let mut spool = locked(&self.spool);
        let file = match &mut spool.file {
            Some(file) => file,
            None => spool.file.insert(tempfile::tempfile_in(dir).at("create a file in", dir)?),
        };
        file.write_all(bytes).at("write to", dir)?;
        spool.summary.files = spool.summary.files.saturating_add(summary.files);
        spool.summary.bytes = spool.summary.bytes.saturating_add(summary.bytes);
        let is_last = self.windows_left.fetch_sub(1, Ordering::AcqRel) == 1;
        self.window_ended.notify_all();
        let Some(mut file) = spool.file.take_if(|_| is_last) else { return Ok(None) };
        file.rewind().at("read from", dir)?;
        let mut object = putter.object(Kind::Tree);
        let mut piece = vec![0; 1 << 20];
        loop {
            match file.read(&mut piece).at("read from", dir)? {
                0 => break,
                len => object.write(&piece[..len])?,
            }
        }
        let (tree, summary) = (object.finish()?.id, spool.summary);
        Ok(Some(Finished { tree, summary }))
    }

    /// Waits until at most so many windows are left, or the backup failed.
    pub fn wait_for_windows(&self, engine: &Engine<'_>, left: usize) {
        let mut spool = locked(&self.spool);
        while self.windows_left.load(Ordering::Acquire) > left && !engine.is_stopped() {
            // The pause is for a failure of another thread, which does not wake us.
            let waited = self.window_ended.wait_timeout(spool, Duration::from_millis(100));
            spool = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Encoded windows of a directory that has several.
#[derive(Default)]
struct Spool {
    file: Option<File>,
    summary: Summary,
}

/// Where a directory stands.
pub(super) struct Place {
    pub parent: Option<(Arc<Window>, u32)>,
    pub path: Vec<u8>,
    pub root: Arc<[u8]>,
    pub before: Option<Id>,
    pub is_virtual: bool,
    pub if_empty: IfEmpty,
}

/// What becomes of a directory in which nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfEmpty {
    /// It is stored.
    Keep,
    /// It is left out: it was entered for what might be included beneath it.
    Drop,
    /// It is a source of which nothing is left but what was included, and nothing was.
    Refuse,
}

impl Window {
    /// Items that were looked at; `pending` of them are to be worked on, and the walker holds it open beside them.
    pub fn new(
        directory: Arc<Directory>,
        number: u32,
        items: Vec<Item>,
        same: Option<RowHeader>,
        start: Time,
        pending: usize,
    ) -> Arc<Self> {
        let pending = AtomicUsize::new(pending + 1);
        Arc::new(Window { directory, number, items, same, start, done: Mutex::default(), pending })
    }

    /// The tree of before, if nothing has changed.
    fn unchanged(&self) -> Option<Finished> {
        let header = self.same?;
        let is_same = |(index, done): &(u32, Done)| match done {
            Done::Directory(finished, _) => self.items[*index as usize].known == Some(finished.tree),
            _ => false,
        };
        locked(&self.done).iter().all(is_same).then_some(Finished { tree: header.tree, summary: header.summary })
    }

    fn encode(&self, engine: &Engine<'_>, putter: &mut Putter<'_>) -> Result<(Vec<u8>, RowBuilder, Summary)> {
        let mut done = std::mem::take(&mut *locked(&self.done));
        done.sort_unstable_by_key(|(index, _)| *index);
        let mut encoder = EntryEncoder::new(engine, putter, self);
        let mut done = done.into_iter().peekable();
        for (index, item) in self.items.iter().enumerate() {
            let done = done.next_if(|(at, _)| *at as usize == index).map(|(_, done)| done);
            encoder.push(item, done)?;
        }
        Ok(encoder.finish())
    }

    /// What a flush can remember of a window that is not finished: files that were stored, and those of before.
    pub fn row_so_far(&self, generation: u64) -> Option<(RowKey, DirectoryRow)> {
        let done = locked(&self.done);
        let files: BTreeMap<u32, &FileDone> = done
            .iter()
            .filter_map(|(index, done)| match done {
                Done::File(file) => Some((*index, &**file)),
                _ => None,
            })
            .collect();
        if files.is_empty() {
            return None;
        }
        let mut row = RowBuilder::new();
        for (index, item) in self.items.iter().enumerate() {
            let name = self.directory.listing.name(item.name as usize);
            match files.get(&(index as u32)) {
                Some(file) => row.push(&file.known(name)),
                None if item.is_same => row.push(&item.known_again(name)),
                None => {}
            }
        }
        let key = self.directory.key(self.number);
        // Without a tree the row never stands for the directory, only for its files.
        let header = RowHeader { generation, parts: self.directory.windows as u32, ..RowHeader::default() };
        let row = row.finish(&header, &key);
        Some((key, row))
    }
}

impl FileDone {
    /// What the stat cache keeps of it.
    pub fn known<'n>(&self, name: &'n [u8]) -> Known<'n> {
        Known {
            name,
            fingerprint: fingerprint(&self.stat),
            content: self.content,
            has_xattrs: !self.xattrs.is_empty(),
            is_racy: self.is_racy,
        }
    }
}

impl Item {
    /// What the stat cache keeps of an item that is as it was.
    pub fn known_again<'n>(&self, name: &'n [u8]) -> Known<'n> {
        Known {
            name,
            fingerprint: fingerprint(&self.stat),
            content: self.known,
            has_xattrs: self.has_xattrs,
            is_racy: false,
        }
    }
}

/// Enters what became of items of a window. If they were the last, its tree is written, and so on upward.
pub(super) fn settle(
    engine: &Engine<'_>,
    putter: &mut Putter<'_>,
    window: &Arc<Window>,
    done: impl IntoIterator<Item = (u32, Done)>,
) -> Result<()> {
    let count = {
        let mut all = locked(&window.done);
        let before = all.len();
        all.extend(done);
        all.len() - before
    };
    release(engine, putter, window, count)
}

/// So many holds on a window are given up.
pub(super) fn release(
    engine: &Engine<'_>,
    putter: &mut Putter<'_>,
    window: &Arc<Window>,
    mut count: usize,
) -> Result<()> {
    let mut window = window.clone();
    // A loop, because directories can be nested deeper than the stack.
    loop {
        if window.pending.fetch_sub(count, Ordering::AcqRel) != count {
            return Ok(());
        }
        engine.close_window(&window);
        let directory = window.directory.clone();
        let Some(finished) = directory.window_done(engine, putter, &window)? else { return Ok(()) };
        drop(window);
        let done = directory.done(engine, finished)?;
        let Some((above, index)) = directory.parent.clone() else {
            if let Done::Directory(finished, _) = done {
                engine.set_root(finished);
            }
            return Ok(());
        };
        locked(&above.done).push((index, done));
        (window, count) = (above, 1);
    }
}
