//! Carrying out a plan: packs, then single entries, each flush with a segment of its own.
//!
//! What was flushed stays when the rest fails, and is not carried again.

use super::plan::{Chosen, Plan, key_of};
use crate::backend::{Spool, askers};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::monitor::{Event, Monitor};
use crate::object::{Class, Key, Kind};
use crate::repo::{Putter, Repo, Want, Writer, pack_path};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes of a pack that are asked for at once.
const STEP_BYTES: u64 = 8 << 20;
/// After so many packs a segment is written: until then their directories are held in memory.
const FLUSH_PACKS: usize = 32;
/// Entries that are asked for at once, and their bytes.
const BATCH: usize = 8_192;
const BATCH_BYTES: u64 = 32 << 20;

/// What was carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) packs: u64,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) is_stopped: bool,
}

/// From where to where, and how.
pub(super) struct Carrier<'a> {
    pub(super) source: &'a Repo,
    pub(super) target: &'a Writer,
    pub(super) jobs: usize,
    pub(super) monitor: &'a dyn Monitor,
}

impl Carrier<'_> {
    /// Carries everything of a plan and flushes it; what arrived is added to `carried`. A pack that left the source
    /// meanwhile is FILE_NOT_FOUND: then what is lacking is to be found anew.
    pub(super) fn carry(&self, plan: &Plan, carried: &mut Carried) -> Result<()> {
        if plan.is_empty() {
            return Ok(());
        }
        self.monitor.event(&Event::Phase("carrying"));
        let items = plan.packs.len() as u64 + plan.entries.len();
        self.monitor.event(&Event::Total { items, bytes: plan.bytes() });
        self.carry_packs(&plan.packs, carried)?;
        if !carried.is_stopped {
            self.carry_entries(plan, carried)?;
        }
        self.target.flush()
    }

    fn carry_packs(&self, packs: &[Chosen], carried: &mut Carried) -> Result<()> {
        if packs.is_empty() {
            return Ok(());
        }
        let (target, monitor) = (self.target, self.monitor);
        let (there, listed) = (target.repo().pack_files()?, target.repo().index().pack_names(true)?);
        let (next, is_over, shared) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new((carried, None)));
        let work = || {
            while let Some(pack) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
                if is_over.load(Ordering::Relaxed) || monitor.is_cancelled() {
                    break;
                }
                let is_there = there.get(&pack.name) == Some(&pack.file_bytes);
                let done = self.carry_pack(pack, is_there, listed.contains(&pack.name)).and_then(|moved| {
                    // Whoever sees that enough packs wait writes their segment.
                    if target.packs_waiting() >= FLUSH_PACKS {
                        target.flush()?
                    }
                    Ok(moved)
                });
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match done {
                    Ok(moved) => {
                        shared.0.packs += u64::from(moved > 0);
                        shared.0.bytes += moved;
                    }
                    Err(error) => {
                        is_over.store(true, Ordering::Relaxed);
                        shared.1.get_or_insert(error);
                    }
                }
            }
        };
        let is_far = [self.source, target.repo()].iter().any(|side| side.backend().local_dir().is_none());
        std::thread::scope(|scope| {
            (0..askers(self.jobs, is_far).clamp(1, packs.len())).for_each(|_| _ = scope.spawn(work))
        });
        let (carried, failure) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        carried.is_stopped |= monitor.is_cancelled();
        match failure {
            None => Ok(()),
            Some(error) => {
                // What arrived whole shall not be carried again.
                let _ = target.flush();
                Err(error)
            }
        }
    }

    /// Carries one pack; answers how many bytes were moved: none if it was there already.
    fn carry_pack(&self, pack: &Chosen, is_there: bool, is_listed: bool) -> Result<u64> {
        let (source, target, monitor) = (self.source, self.target, self.monitor);
        if is_there && target.take_pack_there(&pack.name, is_listed).is_ok() {
            self.note_whole(pack, is_listed)?;
            monitor.event(&Event::Advance { items: 1, bytes: pack.file_bytes });
            return Ok(0);
        }
        let mut spool: Spool = target.repo().backend().spool()?;
        let (path, mut offset) = (pack_path(&pack.name), 0);
        while offset < pack.file_bytes {
            if monitor.is_cancelled() {
                return Ok(0);
            }
            let step = STEP_BYTES.min(pack.file_bytes - offset);
            let bytes = source.backend().get_range(&path, offset, step as usize)?;
            spool.write_all(&bytes).at("write", spool.path())?;
            offset += step;
            monitor.event(&Event::Advance { items: 0, bytes: step });
        }
        target.take_pack(pack.name, spool).map_err(|error| came_from(source, error))?;
        self.note_whole(pack, is_listed)?;
        monitor.event(&Event::Advance { items: 1, bytes: 0 });
        Ok(pack.file_bytes)
    }

    /// What was found damaged in a pack before counts no longer.
    fn note_whole(&self, pack: &Chosen, is_listed: bool) -> Result<()> {
        if is_listed { self.target.repo().pack_is_whole(&pack.name) } else { Ok(()) }
    }

    fn carry_entries(&self, plan: &Plan, carried: &mut Carried) -> Result<()> {
        let (source, target, monitor) = (self.source, self.target, self.monitor);
        let (mut reader, putter) = (plan.entries.reader(), Mutex::new(target.putter()));
        let (mut wants, mut bytes) = (Vec::new(), 0);
        loop {
            let next = reader.next()?;
            let is_full = wants.len() >= BATCH || bytes >= BATCH_BYTES;
            if (next.is_none() || is_full) && !wants.is_empty() {
                self.carry_batch(&putter, &wants)?;
                carried.entries += wants.len() as u64;
                carried.bytes += bytes;
                monitor.event(&Event::Advance { items: wants.len() as u64, bytes });
                wants.clear();
                bytes = 0;
            }
            if monitor.is_cancelled() {
                carried.is_stopped = true;
                return Ok(());
            }
            match next {
                None => return Ok(()),
                Some(entry) => match key_of(&entry) {
                    Some((key, _)) if key.class == Class::Alias => {
                        let (len, root) = source.alias(&key.id)?;
                        let kind = kind_of(source, &key)?;
                        putter.lock().unwrap_or_else(PoisonError::into_inner).copy_alias(key.id, kind, len, root)?;
                        carried.entries += 1;
                    }
                    Some((key, len)) => {
                        wants.push(Want { key, len: u64::from(len) });
                        bytes += u64::from(len);
                    }
                    None => return fail(Code::CacheError, "a list of what is lacking was changed while it was read"),
                },
            }
        }
    }

    fn carry_batch(&self, putter: &Mutex<Putter<'_>>, wants: &[Want]) -> Result<()> {
        let source = self.source;
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let kinds: Vec<Kind> = wants.iter().map(|want| kind_of(source, &want.key)).collect::<Result<_>>()?;
        source.fetch(wants, self.jobs, &|at, bytes| {
            let put = bytes.map_err(|error| came_from(source, error)).and_then(|bytes| {
                putter.lock().unwrap_or_else(PoisonError::into_inner).copy_entry(wants[at].key, kinds[at], bytes)
            });
            if let Err(error) = put {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        })?;
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

/// Damage is told with the side that it came from.
fn came_from(source: &Repo, error: Error) -> Error {
    if error.class() != crate::error::Class::Damaged {
        return error;
    }
    let location = source.backend().location();
    Error::new(error.code(), format!("{error}: it came from {location}"))
        .with_hint(format!("`larder -r {location} verify --read-data` lists all damage there"))
}

/// The kind of an entry, as it was stored.
pub(super) fn kind_of(repo: &Repo, key: &Key) -> Result<Kind> {
    Ok(repo.index().lookup(key)?.first().map_or(Kind::None, |record| record.kind))
}
