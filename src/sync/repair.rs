//! Repair: what is missing or damaged here is fetched from a replica that has it.
//!
//! A file named by its SHA-256 is put in the place of a damaged one if the other side has it under the same name; what
//! no such file brings back comes over object by object, into new packs. Nothing is deleted, and nothing is stored that
//! does not have the bytes that its name says.

use super::carry::kind_of;
use super::reseal::put_large;
use crate::backend::{Backend, Spool, named_sum};
use crate::error::{Code, Error, IoContext, Result};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::{Class, Hasher, Key};
use crate::repo::segment::Place;
use crate::repo::{Repo, Want, Writer, WriterOptions, pack_path};
use std::collections::HashSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Bytes that are asked for at once.
const STEP_BYTES: u64 = 8 << 20;
/// Entries that are asked for at once.
const BATCH: usize = 4_096;

/// What is wrong, and not mended yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wounds {
    /// Files that are missing or damaged, by path.
    pub files: Vec<String>,
    /// Entries of which no sound copy is left, with the file that should hold them.
    pub entries: Vec<(Key, Option<String>)>,
}

impl Wounds {
    /// Whether there is nothing left.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.entries.is_empty()
    }
}

/// What one replica gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairStats {
    /// Files put in the place of damaged or missing ones.
    pub files: u64,
    /// Objects, chunks and recipe nodes stored again.
    pub entries: u64,
    /// Bytes on the way.
    pub bytes: u64,
    /// The monitor said stop.
    pub is_stopped: bool,
}

impl RepairStats {
    /// Whether anything was mended.
    pub fn is_nothing(&self) -> bool {
        self.files == 0 && self.entries == 0
    }
}

/// Mends `here` with what `from` has. What was mended is taken out of `wounds`.
///
/// # Errors
/// CONFIG_INVALID when they are not of one repository; LOCK_HELD; STORAGE_FULL and what the medium here answers. What the
/// other side cannot give is no failure: the wound stays.
pub fn repair(
    here: &Repo,
    from: &Repo,
    wounds: &mut Wounds,
    options: &WriterOptions,
    monitor: &dyn Monitor,
) -> Result<RepairStats> {
    if here.id() != from.id() {
        return Err(Error::new(Code::ConfigInvalid, "these are two repositories, not two replicas of one"));
    }
    monitor.event(&Event::Phase("repairing"));
    monitor.event(&Event::Total { items: (wounds.files.len() + wounds.entries.len()) as u64, bytes: 0 });
    let segments: Vec<Id> =
        wounds.files.iter().filter(|path| path.starts_with("index/")).filter_map(|path| named_sum(path)).collect();
    here.give_up_segments(&segments)?;
    // A writer, so that no gc here deletes what is being mended.
    let writer = here.writer(options)?;
    let mut repair = Repair { here, from, writer: &writer, monitor, stats: RepairStats::default() };
    let mended = repair.files(&mut wounds.files)?;
    // What lies in a pack that is whole again is whole, too.
    wounds.entries.retain(|(_, file)| !file.as_ref().is_some_and(|file| mended.contains(file)));
    if !repair.stats.is_stopped {
        repair.entries(&mut wounds.entries)?;
    }
    let stats = repair.stats;
    writer.finish()?;
    Ok(stats)
}

struct Repair<'a> {
    here: &'a Repo,
    from: &'a Repo,
    writer: &'a Writer,
    monitor: &'a dyn Monitor,
    stats: RepairStats,
}

impl Repair<'_> {
    fn files(&mut self, files: &mut Vec<String>) -> Result<HashSet<String>> {
        let doomed: HashSet<String> = self.writer.doomed().iter().map(pack_path).collect();
        let (mut left, mut mended) = (Vec::new(), HashSet::new());
        for path in std::mem::take(files) {
            if self.monitor.is_cancelled() {
                self.stats.is_stopped = true;
            }
            if self.stats.is_stopped || doomed.contains(&path) || !self.file(&path)? {
                left.push(path);
                continue;
            }
            if let Some(name) = path.strip_prefix("packs/").and_then(|_| named_sum(&path)) {
                self.here.pack_is_whole(&name)?;
            }
            self.monitor.event(&Event::Advance { items: 1, bytes: 0 });
            mended.insert(path);
        }
        *files = left;
        Ok(mended)
    }

    /// Fetches one file; false if the other side cannot give it.
    fn file(&mut self, path: &str) -> Result<bool> {
        let Some(name) = named_sum(path) else { return Ok(false) };
        let spool = self.here.backend().spool()?;
        match fetch(self.from.backend().as_ref(), path, &name, spool) {
            Ok((spool, bytes)) => {
                self.here.backend().put_spool(path, spool)?;
                self.stats.files += 1;
                self.stats.bytes += bytes;
                Ok(true)
            }
            Err(Fetch::NotThere) => Ok(false),
            Err(Fetch::Here(error)) => Err(error),
        }
    }

    fn entries(&mut self, entries: &mut Vec<(Key, Option<String>)>) -> Result<()> {
        let mut left = Vec::new();
        let wounds = std::mem::take(entries);
        for batch in wounds.chunks(BATCH) {
            if self.monitor.is_cancelled() {
                self.stats.is_stopped = true;
            }
            if self.stats.is_stopped {
                left.extend_from_slice(batch);
                continue;
            }
            let (mut wants, mut large) = (Vec::new(), Vec::new());
            for (key, file) in batch {
                match self.lookup(key)? {
                    Some(Found::Small(len)) => wants.push((Want { key: *key, len }, file)),
                    Some(Found::Large) => large.push((*key, file)),
                    None => left.push((*key, file.clone())),
                }
            }
            for at in self.small(&wants)? {
                left.push((wants[at].0.key, wants[at].1.clone()));
            }
            for (key, file) in large {
                match put_large(self.from, &mut self.writer.putter(), &key.id) {
                    Ok(()) => self.stats.entries += 1,
                    Err(error) if is_theirs(&error) => left.push((key, file.clone())),
                    Err(error) => return Err(error),
                }
            }
            self.monitor.event(&Event::Advance { items: batch.len() as u64, bytes: 0 });
        }
        *entries = left;
        self.writer.flush()
    }

    fn lookup(&self, key: &Key) -> Result<Option<Found>> {
        let index = self.from.index();
        let alias = Key { class: Class::Alias, ..*key };
        if let Some(record) = index.lookup(key)?.first() {
            return Ok(Some(match record.place {
                Place::Frame { len, .. } => Found::Small(u64::from(len)),
                Place::Alias { .. } => Found::Large,
            }));
        }
        let is_object = matches!(key.class, Class::Whole | Class::Alias);
        Ok((is_object && !index.lookup(&alias)?.is_empty()).then_some(Found::Large))
    }

    /// Stores small entries again; answers which of them the other side could not give.
    fn small(&mut self, wants: &[(Want, &Option<String>)]) -> Result<Vec<usize>> {
        let putter = Mutex::new(self.writer.putter());
        let (lost, failed, bytes_moved) = (Mutex::new(Vec::new()), Mutex::new(None), Mutex::new(0));
        let asked: Vec<Want> = wants.iter().map(|(want, _)| Want { key: want.key, len: want.len }).collect();
        self.from.fetch(&asked, 1, &|at, bytes| {
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(_) => return locked(&lost).push(at),
            };
            let key = asked[at].key;
            let put = kind_of(self.from, &key).and_then(|kind| locked(&putter).copy_entry(key, kind, bytes));
            match put {
                Ok(_) => *locked(&bytes_moved) += bytes.len() as u64,
                Err(error) => _ = locked(&failed).get_or_insert(error),
            }
        })?;
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let lost = lost.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.stats.entries += (wants.len() - lost.len()) as u64;
        self.stats.bytes += *locked(&bytes_moved);
        Ok(lost)
    }
}

enum Found {
    Small(u64),
    Large,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether it is the other side that failed.
fn is_theirs(error: &Error) -> bool {
    use crate::error::Class::{Damaged, Network, NotFound, Timeout};
    matches!(error.class(), Damaged | Network | NotFound | Timeout)
}

enum Fetch {
    /// The other side has not got it, not whole, or does not answer.
    NotThere,
    /// It could not be stored here.
    Here(Error),
}

/// A file of the other side in a spool, compared with its name.
fn fetch(from: &dyn Backend, path: &str, name: &Id, mut spool: Spool) -> std::result::Result<(Spool, u64), Fetch> {
    let len = from.stat(path).ok().flatten().ok_or(Fetch::NotThere)?;
    let (mut hasher, mut offset) = (Hasher::new(), 0);
    while offset < len {
        let step = STEP_BYTES.min(len - offset);
        let bytes = from.get_range(path, offset, step as usize).map_err(|_| Fetch::NotThere)?;
        hasher.update(&bytes);
        spool.write_all(&bytes).at("write", spool.path()).map_err(Fetch::Here)?;
        offset += step;
    }
    if hasher.finish() == *name { Ok((spool, len)) } else { Err(Fetch::NotThere) }
}
