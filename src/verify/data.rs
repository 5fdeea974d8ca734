//! Reading packs: their directories, and every frame that was not read before, entry by entry.

use super::findings::Findings;
use super::frames::{FrameMap, FrameSet, fingerprint_of};
use super::objects::Indexed;
use crate::compress::Decompressor;
use crate::error::{Code, Error, Result, fail};
use crate::monitor::{Event, Monitor};
use crate::object::Class;
use crate::repo::frames::open_frame_anew;
use crate::repo::pack::{Alias, Directory, FrameEntry};
use crate::repo::segment::{PackFacts, Place, Record};
use crate::repo::view::View;
use crate::repo::{Repo, pack_path};
use lru::LruCache;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Entries of directories kept at hand, all together.
const DIRECTORY_ENTRIES_MAX: usize = 500_000;
/// Tables of packs' frames kept at hand.
const FACTS_AT_HAND: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// Reads packs and says what is wrong with them.
pub(super) struct DataCheck<'a> {
    pub(super) repo: &'a Repo,
    pub(super) frames: &'a FrameMap,
    pub(super) indexed: &'a Indexed,
    pub(super) findings: &'a Findings,
    pub(super) monitor: &'a dyn Monitor,
    pub(super) jobs: usize,
    /// Frames whose every entry was looked at.
    pub(super) covered: FrameSet,
    pub(super) bytes_read: AtomicU64,
    pub(super) is_stopped: AtomicBool,
    /// What the index says of packs whose own directories cannot be read.
    substitutes: HashMap<usize, Arc<Directory>>,
    view: Mutex<View<'a>>,
    facts: Mutex<LruCache<usize, Arc<PackFacts>>>,
    directories: Mutex<(LruCache<usize, Arc<Directory>>, usize)>,
}

impl<'a> DataCheck<'a> {
    pub(super) fn new(
        repo: &'a Repo,
        view: View<'a>,
        frames: &'a FrameMap,
        indexed: &'a Indexed,
        findings: &'a Findings,
        monitor: &'a dyn Monitor,
        jobs: usize,
    ) -> Self {
        DataCheck {
            repo,
            frames,
            indexed,
            findings,
            monitor,
            jobs: jobs.max(1),
            covered: frames.none(),
            bytes_read: AtomicU64::new(0),
            is_stopped: AtomicBool::new(false),
            substitutes: HashMap::new(),
            view: Mutex::new(view),
            facts: Mutex::new(LruCache::new(FACTS_AT_HAND)),
            directories: Mutex::new((LruCache::unbounded(), 0)),
        }
    }

    /// Whether the monitor says stop; remembered.
    pub(super) fn stops(&self) -> bool {
        let stop = self.monitor.is_cancelled();
        self.is_stopped.fetch_or(stop, Ordering::Relaxed);
        stop
    }

    /// Runs `work` for each of `items` on all threads.
    fn for_each(&self, items: &[usize], work: &(dyn Fn(usize, &mut Decompressor) + Sync)) {
        let next = AtomicUsize::new(0);
        let run = || {
            let mut decompressor = Decompressor::new();
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.stops() {
                    return;
                }
                work(*item, &mut decompressor);
            }
        };
        std::thread::scope(|scope| (0..self.jobs.min(items.len())).for_each(|_| _ = scope.spawn(run)));
    }

    /// Reads the directory of every pack that is there and compares it with the index.
    pub(super) fn directories(&mut self) -> Result<()> {
        let there: Vec<usize> = (0..self.frames.packs.len())
            .filter(|at| !self.indexed.gone.contains(&self.frames.packs[*at].name))
            .collect();
        let unreadable = Mutex::new(Vec::new());
        self.for_each(&there, &|pack, _| {
            if let Err(error) = self.check_directory(pack) {
                let path = pack_path(&self.frames.packs[pack].name);
                self.monitor.event(&Event::Failed { path: path.as_bytes(), error: &error });
                self.findings.file(path, &error);
                unreadable.lock().unwrap_or_else(PoisonError::into_inner).push(pack);
            }
            self.monitor.event(&Event::Advance { items: 1, bytes: 0 });
        });
        let unreadable = unreadable.into_inner().unwrap_or_else(PoisonError::into_inner);
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        self.substitutes = substitutes(&view, self.frames, &unreadable)?;
        Ok(())
    }

    fn check_directory(&self, pack: usize) -> Result<()> {
        let directory = self.directory(pack)?;
        let facts = self.facts(pack)?;
        let agrees = directory.kind == facts.kind
            && directory.frames.iter().map(|(place, _)| place).eq(&facts.frames)
            && fingerprint_of(&directory) == self.indexed.fingerprints[pack];
        if agrees {
            return Ok(());
        }
        fail(Code::StorageCorrupted, "the pack's directory and the index do not say the same")
    }

    /// What the index knows of a pack.
    pub(super) fn facts(&self, pack: usize) -> Result<Arc<PackFacts>> {
        let held = || self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(facts) = held().get(&pack) {
            return Ok(facts.clone());
        }
        let number = self.frames.packs[pack].number;
        let facts = Arc::new(self.view.lock().unwrap_or_else(PoisonError::into_inner).facts(number)?);
        held().put(pack, facts.clone());
        Ok(facts)
    }

    /// What a pack says that it holds, or what the index says where the pack cannot.
    pub(super) fn directory(&self, pack: usize) -> Result<Arc<Directory>> {
        if let Some(directory) = self.substitutes.get(&pack) {
            return Ok(directory.clone());
        }
        let held = || self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = held().0.get(&pack) {
            return Ok(directory.clone());
        }
        let directory = Arc::new(self.repo.pack_directory(&self.frames.packs[pack].name)?);
        let mut guard = held();
        let (cache, entries) = &mut *guard;
        *entries += entries_of(&directory);
        *entries -= cache.put(pack, directory.clone()).map_or(0, |old| entries_of(&old));
        while *entries > DIRECTORY_ENTRIES_MAX {
            match cache.pop_lru() {
                Some((_, old)) => *entries -= entries_of(&old),
                None => break,
            }
        }
        Ok(directory)
    }

    /// Reads the frames of these packs that were not read before; with `only_wanted`, those that something reachable
    /// is in. Answers those in which nothing was wrong.
    pub(super) fn packs(&self, chosen: &[usize], only_wanted: bool) -> Vec<usize> {
        let sound = Mutex::new(Vec::new());
        self.for_each(chosen, &|pack, decompressor| {
            let brief = &self.frames.packs[pack];
            let is_there = !self.indexed.gone.contains(&brief.name);
            let mut is_sound = is_there;
            for frame in 0..if is_there { brief.frames } else { 0 } {
                let Some(at) = self.frames.frame_at(pack, frame) else { continue };
                let is_due = !only_wanted || self.indexed.wanted.contains(at);
                if is_due && self.covered.insert(at) {
                    is_sound &= self.read_frame(pack, frame, decompressor);
                }
            }
            if is_sound && !self.findings.is_hurt(&brief.name) {
                sound.lock().unwrap_or_else(PoisonError::into_inner).push(pack);
            }
            self.monitor.event(&Event::Advance { items: 1, bytes: brief.file_bytes });
        });
        sound.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a frame and compares every entry with its id. Whether all was well.
    pub(super) fn read_frame(&self, pack: usize, frame: u32, decompressor: &mut Decompressor) -> bool {
        match self.open(pack, frame, decompressor) {
            Ok(raw) => self.check_entries(pack, frame, &raw, &|_| true),
            Err(error) => {
                self.frame_failed(pack, frame, &error);
                false
            }
        }
    }

    /// Opens a frame.
    pub(super) fn open(&self, pack: usize, frame: u32, decompressor: &mut Decompressor) -> Result<Vec<u8>> {
        let facts = self.facts(pack)?;
        let bytes = facts.frames.get(frame as usize).map_or(0, |place| u64::from(place.sealed_bytes));
        let raw = open_frame_anew(self.repo.core(), &facts, frame, decompressor)?;
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        Ok(raw)
    }

    /// Compares the entries of an open frame that begin where `is_due` says with their ids. Whether all was well.
    pub(super) fn check_entries(&self, pack: usize, frame: u32, raw: &[u8], is_due: &dyn Fn(u32) -> bool) -> bool {
        let Ok(directory) = self.directory(pack) else { return false };
        let Some((_, entries)) = directory.frames.get(frame as usize) else { return false };
        let name = &self.frames.packs[pack].name;
        let (mut offset, mut is_sound) = (0u32, true);
        for entry in entries {
            let end = offset + entry.len;
            if is_due(offset) {
                let bytes = raw.get(offset as usize..end as usize).unwrap_or_default();
                if let Err(error) = self.repo.check(&entry.key, bytes) {
                    is_sound = false;
                    self.findings.entry(entry.key, Some(name), &error);
                }
            }
            offset = end;
        }
        if offset as usize != raw.len() {
            is_sound = false;
            let what = format!("frame {frame} has {} bytes and its entries {offset}", raw.len());
            self.findings.file(pack_path(name), &Error::new(Code::StorageCorrupted, what));
        }
        is_sound
    }

    /// Everything in a frame that does not open is damaged.
    pub(super) fn frame_failed(&self, pack: usize, frame: u32, error: &Error) {
        let name = &self.frames.packs[pack].name;
        let path = pack_path(name);
        self.monitor.event(&Event::Failed { path: path.as_bytes(), error });
        match self.directory(pack) {
            Ok(directory) => {
                let entries = directory.frames.get(frame as usize).map_or(&[][..], |(_, entries)| entries);
                entries.iter().for_each(|entry| self.findings.entry(entry.key, Some(name), error));
            }
            Err(_) => self.findings.file(path, error),
        }
    }
}

fn entries_of(directory: &Directory) -> usize {
    1 + directory.frames.iter().map(|(_, entries)| entries.len()).sum::<usize>()
}

/// Directories as the index would have them, for packs that cannot say it themselves.
fn substitutes(view: &View<'_>, frames: &FrameMap, packs: &[usize]) -> Result<HashMap<usize, Arc<Directory>>> {
    if packs.is_empty() {
        return Ok(HashMap::new());
    }
    let mut records: HashMap<usize, Vec<Record>> = packs.iter().map(|pack| (*pack, Vec::new())).collect();
    view.for_each_from(Class::Whole, &mut |record| {
        if let Some(of_pack) = frames.pack_at(record.pack).and_then(|pack| records.get_mut(&pack)) {
            of_pack.push(*record);
        }
        Ok(true)
    })?;
    let mut made = HashMap::new();
    for (pack, records) in records {
        let facts = view.facts(frames.packs[pack].number)?;
        made.insert(pack, Arc::new(substitute(&facts, records)));
    }
    Ok(made)
}

fn substitute(facts: &PackFacts, mut records: Vec<Record>) -> Directory {
    let place_of = |record: &Record| match record.place {
        Place::Frame { frame, offset, .. } => (frame, offset),
        Place::Alias { .. } => (u32::MAX, 0),
    };
    records.sort_by_key(place_of);
    let mut directory = Directory {
        kind: facts.kind,
        frames: facts.frames.iter().map(|place| (*place, Vec::new())).collect(),
        aliases: Vec::new(),
    };
    for record in records {
        match record.place {
            Place::Frame { frame, len, .. } => {
                if let Some((_, entries)) = directory.frames.get_mut(frame as usize) {
                    entries.push(FrameEntry { key: record.key, kind: record.kind, len });
                }
            }
            Place::Alias { len, root } => {
                directory.aliases.push(Alias { id: record.key.id, kind: record.kind, len, root });
            }
        }
    }
    directory
}
