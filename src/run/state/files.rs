//! Every path that a task read or made, once: how it looked, what it held, and when that last changed.
//!
//! Paths have numbers that never change; rows of tasks name them by number. `changed` is the epoch (the number of the
//! invocation) in which the content was last found different: a task that was keyed in that epoch or later has seen
//! it. So a touched file is hashed once and no task's row is written, and a header that ten thousand tasks read stands
//! here once.

use super::stamp::{Stamp, look};
use crate::id::Id;
use rustix::fd::{AsFd, BorrowedFd};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};

/// So many files share a row of the database.
pub const CHUNK_FILES: usize = 128;
/// Room is made for so many at least.
const ROOM_MIN: usize = 64;
/// From so many names on a directory is opened instead of being looked up for each.
const OPEN_FROM_NAMES: usize = 6;

/// The number of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileNo(pub u32);

/// What is known of a path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// How it looked when its content was taken.
    pub stamp: Stamp,
    /// The content of a file, or the hash of a symlink's text.
    pub content: Option<Id>,
    /// The epoch in which its content was last found different.
    pub changed: u32,
    /// The epoch in which the stamp was taken; 0 if nothing is known.
    pub stamped: u32,
    /// Whether it may have changed after it was read without its times showing it.
    pub is_racy: bool,
}

/// Whether a path was looked at in this invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Look {
    #[default]
    NotYet,
    /// What is known is what is there.
    Current,
    /// The system does not let us read it.
    Unreadable,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) at: u32,
    pub(super) len: u32,
    pub(super) dir: u32,
    pub(super) known: Known,
    pub(super) follow: bool,
    pub(super) look: Look,
}

/// All paths. Their bytes lie in one piece of memory.
#[derive(Debug, Default)]
pub struct Files {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// Directories of the paths, as ranges of `bytes`.
    dirs: Vec<(u32, u32)>,
    dir_numbers: HashMap<u64, u32>,
    last_dir: u32,
    /// From the hash of a path to its number, made when the first path is looked up.
    numbers: Option<HashMap<u64, u32>>,
    pub(super) links: HashMap<u32, Vec<u8>>,
    pub(super) dirty: BTreeSet<u32>,
    hasher: RandomState,
    /// The epoch of this invocation.
    pub epoch: u32,
    /// Stamps of later epochs than this one are not trusted: the system stopped before it had written all.
    pub trusted_epoch: u32,
}

impl Files {
    /// No files yet.
    pub fn new() -> Self {
        Files { dirs: vec![(0, 0)], epoch: 1, trusted_epoch: u32::MAX, ..Files::default() }
    }

    /// Makes room for so many at once.
    pub fn reserve(&mut self, count: usize) {
        self.entries.reserve_exact(count.saturating_sub(self.entries.len()));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a number is one of a file.
    pub fn has(&self, file: FileNo) -> bool {
        (file.0 as usize) < self.entries.len()
    }

    /// The path: relative to the root, or absolute.
    pub fn path(&self, file: FileNo) -> &[u8] {
        self.entries.get(file.0 as usize).map_or(&[], |entry| self.slice(entry.at, entry.len))
    }

    /// Whether symlinks at its end are followed.
    pub fn follows(&self, file: FileNo) -> bool {
        self.entries.get(file.0 as usize).is_some_and(|entry| entry.follow)
    }

    /// What is known of it.
    pub fn known(&self, file: FileNo) -> Known {
        self.entries.get(file.0 as usize).map(|entry| entry.known).unwrap_or_default()
    }

    /// The epoch in which it changed last.
    pub fn changed(&self, file: FileNo) -> u32 {
        self.entries.get(file.0 as usize).map_or(u32::MAX, |entry| entry.known.changed)
    }

    /// The text of a symlink.
    pub fn link_text(&self, file: FileNo) -> Option<&[u8]> {
        self.links.get(&file.0).map(Vec::as_slice)
    }

    /// Whether it was looked at in this invocation and could be read.
    pub fn is_current(&self, file: FileNo) -> bool {
        self.entries.get(file.0 as usize).is_some_and(|entry| entry.look == Look::Current)
    }

    /// Whether a stamp that is seen now says that nothing has changed.
    pub fn is_same(&self, file: FileNo, seen: &Stamp) -> bool {
        self.entries.get(file.0 as usize).is_some_and(|entry| {
            let known = &entry.known;
            known.stamped != 0 && known.stamp == *seen && !known.is_racy && known.stamped <= self.trusted_epoch
        })
    }

    /// Notes that what is known is what is there.
    pub fn confirm(&mut self, file: FileNo) {
        if let Some(entry) = self.entries.get_mut(file.0 as usize) {
            entry.look = Look::Current;
        }
    }

    /// Notes what is there now. True if the content is another than was known.
    pub fn set(&mut self, file: FileNo, seen: &Content) -> bool {
        let (epoch, trusted_epoch) = (self.epoch, self.trusted_epoch);
        let Some(entry) = self.entries.get_mut(file.0 as usize) else { return false };
        let known = &mut entry.known;
        let is_same = known.stamped != 0
            && (known.stamp.mode ^ seen.stamp.mode) & 0o170_000 == 0
            && known.content == seen.id
            && (!seen.stamp.is_file() || known.stamp.is_executable() == seen.stamp.is_executable())
            // What a racy directory holds is known only to who lists it again.
            && (!seen.stamp.is_directory()
                || (known.stamp == seen.stamp && (!known.is_racy || entry.look == Look::Current)));
        if !is_same {
            // Once its content was given out in this epoch, a later change belongs to the next.
            known.changed = if entry.look == Look::Current { epoch.saturating_add(1) } else { epoch };
        }
        let is_as_written =
            is_same && known.stamp == seen.stamp && known.is_racy == seen.is_racy && known.stamped <= trusted_epoch;
        if !is_as_written {
            (known.stamp, known.content, known.stamped, known.is_racy) = (seen.stamp, seen.id, epoch, seen.is_racy);
            self.dirty.insert(file.0 / CHUNK_FILES as u32);
        }
        entry.look = Look::Current;
        match &seen.link {
            Some(text) => _ = self.links.insert(file.0, text.clone()),
            None => _ = self.links.remove(&file.0),
        }
        !is_same
    }

    /// Notes what a task made there: it was known before anybody else could read it.
    pub fn set_made(&mut self, file: FileNo, made: &Content) {
        if let Some(entry) = self.entries.get_mut(file.0 as usize) {
            entry.look = Look::NotYet;
        }
        self.set(file, made);
    }

    /// Notes that the system does not let us read it.
    pub fn set_unreadable(&mut self, file: FileNo) {
        let epoch = self.epoch;
        if let Some(entry) = self.entries.get_mut(file.0 as usize) {
            entry.look = Look::Unreadable;
            (entry.known.changed, entry.known.stamped) = (epoch, 0);
            self.dirty.insert(file.0 / CHUNK_FILES as u32);
        }
    }

    /// Makes room for numbers that were given away and whose rows are lost: no other path may get them.
    pub fn keep_numbers(&mut self, count: u32) {
        if self.entries.len() < count as usize {
            self.entries.resize_with(count as usize, Entry::default);
        }
    }

    /// The number of a path; a new one if it has none.
    pub fn number(&mut self, path: &[u8], follow: bool) -> FileNo {
        let (found, hash) = self.look_up(path, follow);
        found.unwrap_or_else(|| {
            let file = self.push(path, follow);
            self.numbers.get_or_insert_default().insert(hash, file.0);
            file
        })
    }

    /// The number of a path, if it has one.
    pub fn find(&mut self, path: &[u8], follow: bool) -> Option<FileNo> {
        self.look_up(path, follow).0
    }

    /// The number of a path; and where among the numbers it stands, or would.
    fn look_up(&mut self, path: &[u8], follow: bool) -> (Option<FileNo>, u64) {
        let numbers = self.numbers.take().unwrap_or_else(|| self.make_numbers());
        let mut hash = self.hash(path, follow);
        let found = loop {
            match numbers.get(&hash).map(|number| FileNo(*number)) {
                None => break None,
                Some(file) if self.path(file) == path && self.follows(file) == follow => break Some(file),
                Some(_) => hash = hash.wrapping_add(1),
            }
        };
        self.numbers = Some(numbers);
        (found, hash)
    }

    fn make_numbers(&self) -> HashMap<u64, u32> {
        let mut numbers = HashMap::with_capacity(self.entries.len());
        for (number, entry) in (0..).zip(&self.entries) {
            let mut hash = self.hash(self.slice(entry.at, entry.len), entry.follow);
            while numbers.contains_key(&hash) {
                hash = hash.wrapping_add(1);
            }
            numbers.insert(hash, number);
        }
        numbers
    }

    fn hash(&self, path: &[u8], follow: bool) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(path);
        hasher.write_u8(u8::from(follow));
        hasher.finish()
    }

    fn push(&mut self, path: &[u8], follow: bool) -> FileNo {
        let number = self.entries.len() as u32;
        let at = self.bytes.len() as u32;
        make_room(&mut self.entries, 1);
        make_room(&mut self.bytes, path.len());
        self.bytes.extend_from_slice(path);
        let dir = self.dir_of(at, path.len() as u32);
        self.entries.push(Entry { at, len: path.len() as u32, dir, follow, ..Entry::default() });
        self.dirty.insert(number / CHUNK_FILES as u32);
        FileNo(number)
    }

    /// The number of the directory that a path, already among the bytes, lies in.
    pub(super) fn dir_of(&mut self, at: u32, len: u32) -> u32 {
        let path = self.slice(at, len);
        let dir_len = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash.max(1)) as u32;
        let is_it = |files: &Files, number: u32| {
            let (found_at, found_len) = files.dirs.get(number as usize).copied().unwrap_or_default();
            files.slice(found_at, found_len) == files.slice(at, dir_len)
        };
        if is_it(self, self.last_dir) {
            return self.last_dir;
        }
        let mut hash = self.hash(self.slice(at, dir_len), false);
        while let Some(number) = self.dir_numbers.get(&hash).copied() {
            if is_it(self, number) {
                self.last_dir = number;
                return number;
            }
            hash = hash.wrapping_add(1);
        }
        self.last_dir = self.dirs.len() as u32;
        self.dirs.push((at, dir_len));
        self.dir_numbers.insert(hash, self.last_dir);
        self.last_dir
    }

    pub(super) fn slice(&self, at: u32, len: u32) -> &[u8] {
        self.bytes.get(at as usize..at as usize + len as usize).unwrap_or_default()
    }
}

/// Makes room by an eighth of what there is: there may be hundreds of thousands, and doubling takes as much again.
pub(super) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 8).max(ROOM_MIN));
    }
}

/// What stands at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// How it looked before it was read.
    pub stamp: Stamp,
    /// The content of a file, or the hash of a symlink's text.
    pub id: Option<Id>,
    /// The text of a symlink.
    pub link: Option<Vec<u8>>,
    /// Whether it may have changed after it was read without its times showing it.
    pub is_racy: bool,
}

/// Looking at many at once.
impl Files {
    /// Looks at files where that was not done in this invocation. Those that look as they did are current; the others
    /// are answered, to be read.
    pub fn check(&mut self, root: BorrowedFd<'_>, files: &mut Vec<FileNo>, jobs: usize) -> Vec<FileNo> {
        files.retain(|file| self.entries.get(file.0 as usize).is_some_and(|entry| entry.look == Look::NotYet));
        self.sort_by_directory(files);
        let differing = self.differing(root, files, jobs);
        for file in files.iter() {
            self.confirm(*file);
        }
        for file in &differing {
            if let Some(entry) = self.entries.get_mut(file.0 as usize) {
                entry.look = Look::NotYet;
            }
        }
        differing
    }

    /// The files, of those given in the order of [`Files::sort_by_directory`], that do not look as they did.
    pub fn differing(&self, root: BorrowedFd<'_>, files: &[FileNo], jobs: usize) -> Vec<FileNo> {
        const ALONE_BELOW_FILES: usize = 2_000;
        if files.len() < ALONE_BELOW_FILES || jobs < 2 {
            return self.differing_part(root, files);
        }
        let parts = files.chunks(files.len().div_ceil(jobs));
        std::thread::scope(|scope| {
            let threads: Vec<_> = parts.map(|part| scope.spawn(|| self.differing_part(root, part))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        })
    }

    /// Sorts, and takes out what occurs twice.
    pub fn sort_by_directory(&self, files: &mut Vec<FileNo>) {
        let key = |file: &FileNo| (self.entries.get(file.0 as usize).map_or(0, |entry| entry.dir), file.0);
        if !files.is_sorted_by_key(key) {
            files.sort_unstable_by_key(key);
        }
        files.dedup();
    }

    fn differing_part(&self, root: BorrowedFd<'_>, files: &[FileNo]) -> Vec<FileNo> {
        let dir = |file: &FileNo| self.entries.get(file.0 as usize).map_or(0, |entry| entry.dir);
        let mut differing = Vec::new();
        for group in files.chunk_by(|left, right| dir(left) == dir(right)) {
            self.compare_group(root, group, &mut differing);
        }
        differing
    }

    fn compare_group(&self, root: BorrowedFd<'_>, group: &[FileNo], differing: &mut Vec<FileNo>) {
        let dir = group.first().and_then(|file| self.entries.get(file.0 as usize)).map_or(0, |entry| entry.dir);
        let (at, len) = self.dirs.get(dir as usize).copied().unwrap_or_default();
        let opened = match len {
            1.. if group.len() >= OPEN_FROM_NAMES => crate::walk::open_path(root, self.slice(at, len)).ok(),
            _ => None,
        };
        let skip = match (&opened, self.slice(at, len)) {
            (Some(_), b"/") => 1,
            (Some(_), _) => len as usize + 1,
            (None, _) => 0,
        };
        let handle = opened.as_ref().map_or(root, |opened| opened.as_fd());
        for file in group {
            let Some(entry) = self.entries.get(file.0 as usize) else { continue };
            let name = self.slice(entry.at, entry.len).get(skip..).unwrap_or_default();
            let name = if name.is_empty() { b".".as_slice() } else { name };
            // What cannot be looked at is looked at again by who reads it, and fails there with its path.
            let seen = look(handle, name, entry.follow).unwrap_or(Stamp::ABSENT);
            if !self.is_same(*file, &seen) {
                differing.push(*file);
            }
        }
    }
}
