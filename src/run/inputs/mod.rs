//! What tasks read: sources found by patterns, looked at once, hashed only if they changed.
//!
//! Part of floor 5's `run`. A source is what no task makes: patterns are evaluated outside the output area, once per
//! invocation, and what a task makes enters the keys of others only through its result. Files are read here and
//! nowhere else in `run`; how they looked before they were read is kept, so that a change while they were read, or in
//! the same tick of the clock, is found out.

mod depfile;
mod git;
mod read;
mod walk;

pub use depfile::{observed, parse_depfile, read_depfile, still_holds};
pub use read::read_content;

use super::graph::OutputArea;
use super::pattern::Pattern;
use super::state::files::{Content, FileNo, Files};
use super::state::rows::{Digest, PatternRow};
use crate::error::{Code, Error, IoContext, Result};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// From so many files on, reading them is shared among threads.
const ALONE_BELOW_FILES: usize = 64;

/// The files of a project, as they are in this invocation. Used from any thread.
#[derive(Debug)]
pub struct Sources {
    root: OwnedFd,
    root_path: PathBuf,
    jobs: usize,
    bytes_max: u64,
    files: Mutex<Files>,
    patterns: Mutex<Patterns>,
    /// What tasks made that is nobody's output any more.
    leftovers: BTreeSet<Vec<u8>>,
}

/// Patterns by number and by text.
#[derive(Debug, Default)]
struct Patterns {
    numbers: HashMap<Vec<u8>, u32>,
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    text: Vec<u8>,
    row: PatternRow,
    /// Whether the row holds in this invocation.
    is_valid: bool,
    is_dirty: bool,
}

/// What a pattern found, and when that last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number of the pattern.
    pub pattern: u32,
    /// Its files, sorted by path; the target of a symlink comes after it.
    pub files: Vec<FileNo>,
}

impl Sources {
    /// The sources below a root, of which this is known. A longer file than `bytes_max` is not read.
    ///
    /// # Errors
    /// FILE_NOT_FOUND and so on when the root cannot be opened.
    pub fn new(
        root_path: &Path,
        jobs: usize,
        bytes_max: u64,
        files: Files,
        patterns: HashMap<Vec<u8>, (u32, PatternRow)>,
    ) -> Result<Self> {
        let root = crate::walk::open_path(rustix::fs::CWD, root_path).at("open", root_path)?;
        let mut all = Patterns::default();
        for (text, (number, row)) in patterns {
            let index = number as usize;
            if index >= all.slots.len() {
                all.slots.resize_with(index + 1, Slot::default);
            }
            if let Some(slot) = all.slots.get_mut(index) {
                *slot = Slot { text: text.clone(), row, ..Slot::default() };
            }
            all.numbers.insert(text, number);
        }
        Ok(Sources {
            root,
            root_path: root_path.to_path_buf(),
            jobs,
            bytes_max,
            files: Mutex::new(files),
            patterns: Mutex::new(all),
            leftovers: BTreeSet::new(),
        })
    }

    /// The same, but patterns pass over these paths.
    #[must_use]
    pub fn without(mut self, leftovers: BTreeSet<Vec<u8>>) -> Self {
        self.leftovers = leftovers;
        self
    }

    /// The root, for looking at what is below it.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The root's path.
    pub fn root_path(&self) -> &Path {
        &self.root_path
    }

    /// All files.
    pub fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn patterns(&self) -> MutexGuard<'_, Patterns> {
        self.patterns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at files that were not yet looked at, and reads those that differ from what is known. What cannot be read
    /// counts as changed; who wants its content gets the error.
    pub fn check(&self, mut wanted: Vec<FileNo>) {
        let differing = self.files().check(self.root(), &mut wanted, self.jobs);
        self.read_all(&differing);
    }

    /// Reads files whose content is not known, whatever is known of them.
    fn read_all(&self, wanted: &[FileNo]) {
        let jobs = if wanted.len() < ALONE_BELOW_FILES { 1 } else { self.jobs.max(1) };
        let work = |part: &[FileNo]| {
            for file in part {
                let (path, follow) = self.place_of(*file);
                let read = read_content(self.root(), &path, follow, self.bytes_max);
                let mut files = self.files();
                match read {
                    Ok(content) => _ = files.set(*file, &content),
                    Err(_) => files.set_unreadable(*file),
                }
            }
        };
        if jobs == 1 {
            return work(wanted);
        }
        std::thread::scope(|scope| {
            for part in wanted.chunks(wanted.len().div_ceil(jobs)) {
                scope.spawn(move || work(part));
            }
        });
    }

    /// The content of a file as it was found in this invocation, looked for now if it was not yet.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED and so on.
    pub fn content(&self, file: FileNo) -> Result<Content> {
        {
            let mut files = self.files();
            if let Some(content) = current(&files, file) {
                return Ok(content);
            }
            let is_known = files.known(file).stamped != 0;
            let differing = if is_known { files.check(self.root(), &mut vec![file], 1) } else { vec![file] };
            if let Some(content) = current(&files, file).filter(|_| differing.is_empty()) {
                return Ok(content);
            }
        }
        let (path, follow) = self.place_of(file);
        let read = read_content(self.root(), &path, follow, self.bytes_max);
        let mut files = self.files();
        // Another thread may have been first: one invocation sees one content.
        if let Some(content) = current(&files, file) {
            return Ok(content);
        }
        match read {
            Ok(content) => {
                files.set(file, &content);
                Ok(content)
            }
            Err(error) => {
                files.set_unreadable(file);
                Err(error)
            }
        }
    }

    fn place_of(&self, file: FileNo) -> (Vec<u8>, bool) {
        let files = self.files();
        (files.path(file).to_vec(), files.follows(file))
    }

    /// Whether what files held when they were looked at is what they hold now. Answers those that differ. Each is
    /// looked at again, and read again where its times would not show a change.
    pub fn changed_since(&self, mut wanted: Vec<FileNo>) -> Vec<FileNo> {
        let differing = {
            let files = self.files();
            files.sort_by_directory(&mut wanted);
            files.differing(self.root(), &wanted, self.jobs)
        };
        differing.into_iter().filter(|file| self.is_changed(*file)).collect()
    }

    fn is_changed(&self, file: FileNo) -> bool {
        let (path, follow) = self.place_of(file);
        let read = read_content(self.root(), &path, follow, self.bytes_max);
        let mut files = self.files();
        match read {
            Ok(content) if content.stamp.is_directory() => !files.known(file).stamp.is_directory(),
            Ok(content) => files.set(file, &content),
            Err(_) => {
                files.set_unreadable(file);
                true
            }
        }
    }
}

/// What is known of a file if it was looked at in this invocation.
fn current(files: &Files, file: FileNo) -> Option<Content> {
    files.is_current(file).then(|| {
        let known = files.known(file);
        let link = files.link_text(file).map(<[u8]>::to_vec);
        Content { stamp: known.stamp, id: known.content, link, is_racy: known.is_racy }
    })
}

/// Patterns.
impl Sources {
    /// The files on which the answer of a pattern rests, as far as it is known: what it looked in and what it found.
    pub fn pattern_files(&self, pattern: u32, into: &mut Vec<FileNo>) {
        let patterns = self.patterns();
        if let Some(slot) = patterns.slots.get(pattern as usize) {
            into.extend(slot.row.looked_in.iter().chain(&slot.row.found));
        }
    }

    /// The epoch in which what a pattern finds last changed: its names, or the content of one. `None` when that cannot
    /// be said without walking. Its files must have been looked at.
    pub fn pattern_changed(&self, pattern: u32, area: &Digest) -> Option<u32> {
        let files = self.files();
        let mut patterns = self.patterns();
        let slot = patterns.slots.get_mut(pattern as usize)?;
        if !slot.is_valid {
            let is_same = |file: &FileNo| files.changed(*file) <= slot.row.evaluated;
            slot.is_valid = slot.row.evaluated > 0 && slot.row.area == *area && slot.row.looked_in.iter().all(is_same);
        }
        let newest = slot.row.found.iter().map(|file| files.changed(*file)).fold(slot.row.changed, u32::max);
        slot.is_valid.then_some(newest)
    }

    /// The text of a pattern.
    pub fn pattern_text(&self, pattern: u32) -> Vec<u8> {
        self.patterns().slots.get(pattern as usize).map(|slot| slot.text.clone()).unwrap_or_default()
    }

    /// The newest of what a pattern found: what to name as the reason.
    pub fn pattern_newest(&self, pattern: u32) -> Option<Vec<u8>> {
        let files = self.files();
        let patterns = self.patterns();
        let slot = patterns.slots.get(pattern as usize)?;
        let newest = slot.row.found.iter().max_by_key(|file| files.changed(**file))?;
        (files.changed(*newest) > slot.row.changed).then(|| files.path(*newest).to_vec())
    }

    /// What a pattern finds outside the output area. It is evaluated once per invocation, and not walked where no
    /// directory has changed.
    ///
    /// # Errors
    /// FILE_IO and so on when a directory cannot be listed; CONFIG_INVALID for `@git` outside a git work tree.
    pub fn find(&self, pattern: &Pattern, area: &OutputArea, area_digest: &Digest) -> Result<Found> {
        let text = pattern.text();
        let known = self.patterns().numbers.get(&text).copied();
        if let Some(number) = known {
            let looked_in = self.patterns().slots.get(number as usize).map(|slot| slot.row.looked_in.clone());
            self.check(looked_in.unwrap_or_default());
            if self.pattern_changed(number, area_digest).is_some() {
                return Ok(self.found(number));
            }
        }
        let walked = walk::walk(self, pattern, area)?;
        Ok(self.settle(text, walked, area_digest))
    }

    fn found(&self, pattern: u32) -> Found {
        let patterns = self.patterns();
        let files = patterns.slots.get(pattern as usize).map(|slot| slot.row.found.clone()).unwrap_or_default();
        Found { pattern, files }
    }

    /// Notes what a walk found.
    fn settle(&self, text: Vec<u8>, walked: walk::Walked, area: &Digest) -> Found {
        let (looked_in, names, epoch) = {
            let mut files = self.files();
            for (path, content) in &walked.directories {
                let file = files.number(path, false);
                files.set(file, content);
            }
            let directories = walked.directories.iter().map(|(path, _)| path);
            let looked_in: Vec<FileNo> =
                directories.chain(&walked.rules).map(|path| files.number(path, false)).collect();
            let names: Vec<FileNo> = walked.found.iter().map(|path| files.number(path, false)).collect();
            (looked_in, names, files.epoch)
        };
        self.check(looked_in.iter().chain(&names).copied().collect());
        let found = self.with_targets(&names);
        let mut patterns = self.patterns();
        let number = match patterns.numbers.get(&text).copied() {
            Some(number) => number,
            None => {
                let number = patterns.slots.len() as u32;
                patterns.slots.push(Slot { text: text.clone(), ..Slot::default() });
                patterns.numbers.insert(text, number);
                number
            }
        };
        if let Some(slot) = patterns.slots.get_mut(number as usize) {
            let is_same = slot.row.evaluated > 0 && slot.row.found == found;
            let changed = match (is_same, slot.is_valid) {
                (true, _) => slot.row.changed,
                (false, false) => epoch,
                // Somebody was told otherwise in this invocation.
                (false, true) => epoch.saturating_add(1),
            };
            // Its directories, listed again, count as changed in the next epoch.
            let evaluated = if slot.is_valid { epoch.saturating_add(1) } else { epoch };
            slot.row = PatternRow { area: *area, evaluated, changed, looked_in, found: found.clone() };
            (slot.is_valid, slot.is_dirty) = (true, true);
        }
        Found { pattern: number, files: found }
    }

    /// Evaluates a pattern again although it was in this invocation. A path that it finds now and did not, or the other
    /// way round; what it was said to find stays said.
    pub fn find_again(&self, number: u32, pattern: &Pattern, area: &OutputArea, digest: &Digest) -> Option<Vec<u8>> {
        let (looked_in, before) = {
            let patterns = self.patterns();
            let slot = patterns.slots.get(number as usize)?;
            (slot.row.looked_in.clone(), slot.row.found.clone())
        };
        let is_same = {
            let files = self.files();
            let mut looked_in = looked_in;
            files.sort_by_directory(&mut looked_in);
            files.differing(self.root(), &looked_in, 1).is_empty()
        };
        if is_same {
            return None;
        }
        let walked = walk::walk(self, pattern, area).ok()?;
        let found = self.settle(pattern.text(), walked, digest).files;
        let differs = before.iter().find(|file| !found.contains(file));
        let differs = differs.or_else(|| found.iter().find(|file| !before.contains(file)));
        let file = differs?;
        Some(self.files().path(*file).to_vec())
    }

    /// Reads files again, whatever their stamps say.
    pub fn read_again(&self, wanted: &[FileNo]) {
        self.read_all(wanted);
    }

    /// Adds what symlinks lead to, after each of them.
    fn with_targets(&self, names: &[FileNo]) -> Vec<FileNo> {
        let mut files = self.files();
        let mut found = Vec::with_capacity(names.len());
        let mut targets = Vec::new();
        for name in names {
            found.push(*name);
            if files.known(*name).stamp.is_symlink() {
                let path = files.path(*name).to_vec();
                let target = files.number(&path, true);
                found.push(target);
                targets.push(target);
            }
        }
        drop(files);
        self.check(targets);
        found
    }

    fn is_leftover(&self, path: &[u8]) -> bool {
        self.leftovers.contains(path)
    }

    /// The leftovers that one of these patterns would find, and passes over. What a path names is meant, and what git
    /// knows depends on git.
    pub fn passed_over<'a>(&'a self, patterns: &'a [Pattern]) -> impl Iterator<Item = &'a [u8]> {
        let is_met = |path: &[u8], one: &Pattern| {
            !matches!(one, Pattern::Git(_)) && one.as_path() != Some(path) && one.matches(path)
        };
        let leftovers = self.leftovers.iter().map(Vec::as_slice);
        leftovers.filter(move |path| patterns.iter().any(|one| is_met(path, one)))
    }

    /// Rows of patterns to be written: number, text, row.
    pub fn take_dirty_patterns(&self) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
        let mut patterns = self.patterns();
        let dirty = patterns.slots.iter_mut().enumerate().filter(|(_, slot)| slot.is_dirty);
        dirty
            .map(|(number, slot)| {
                slot.is_dirty = false;
                (number as u32, slot.text.clone(), slot.row.encode())
            })
            .collect()
    }

    /// Patterns whose answers were used in this invocation.
    pub fn used_patterns(&self) -> Vec<(u32, Vec<u8>)> {
        let patterns = self.patterns();
        let used = patterns.slots.iter().enumerate().filter(|(_, slot)| slot.is_valid);
        used.map(|(number, slot)| (number as u32, slot.text.clone())).collect()
    }
}

/// The error for what stands where a file should.
fn no_file(path: &[u8], what: &str) -> Error {
    Error::new(Code::InvalidArg, format!("the input `{}` is {what}, which has no content", path.escape_ascii()))
}
