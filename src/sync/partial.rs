//! A partial repository is made, brought up to date, and completed.
//!
//! The history and the index of the other side come over, the packs do not: they are promised (see [`crate::repo::promise`]).
//! The promise is noted first, so that at no moment what is absent on purpose could be taken for lost.

use super::history::{Histories, Way, signers};
use super::mirror::copy_file;
use super::plan::only_promised;
use super::{Journey, Moved, SyncStats};
use crate::clock;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::Event;
use crate::reach::{ReachOptions, kept};
use crate::repo::gc_access::id_of;
use crate::repo::lock::{Lock, Mode};
use crate::repo::promise::Promise;
use crate::repo::records::SNAPSHOT;
use crate::repo::session::take_lock;
use crate::repo::{LOCK, Root, segment_path};
use std::collections::{BTreeMap, BTreeSet};

/// So often is listed anew when segments leave the other side while they are copied.
const ATTEMPTS: usize = 3;

impl Journey<'_> {
    /// Takes over roots and segments, and notes that `address` has the packs.
    pub(super) fn take_index(&self, histories: &Histories, address: &str) -> Result<SyncStats> {
        self.source.refuse_partial("what it does not have it cannot promise to another")?;
        let roots = histories.lacking(Way::Pull);
        let snapshots = roots.iter().filter(|root| root.record_type == SNAPSHOT).count() as u64;
        let mut stats = SyncStats { is_dry_run: self.options.dry_run, ..SyncStats::default() };
        let counted = |bytes| Moved { roots: roots.len() as u64, snapshots, bytes, ..Moved::default() };
        if self.options.dry_run {
            let bytes = lacking(&self.segments_there()?, &self.segments_here()?).map(|(_, bytes)| bytes).sum();
            stats.pulled = counted(bytes);
            return Ok(stats);
        }
        if self.target.backend().local_dir().is_none() {
            return fail(Code::InvalidArg, "only a directory of this machine can be a partial repository");
        }
        let _alone = self.alone()?;
        let before = self.target.promise()?;
        if let Some(other) = before.as_ref().filter(|promise| promise.address != address) {
            let message = format!("this is a partial repository already, of {}", other.address);
            return Err(Error::new(Code::ConfigInvalid, message)
                .with_hint("`larder sync` without --index-only completes it; then it can be made partial anew"));
        }
        let mut promise = before.unwrap_or(Promise { address: address.to_string(), segments: BTreeSet::new() });
        let mut attempt = 1;
        while let Err(error) = self.take_segments(&mut promise, &mut stats) {
            if !error.is_not_found() || attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
        }
        if !stats.is_stopped {
            self.publish(&roots)?;
            stats.pulled = counted(stats.pulled.bytes);
            self.target.refresh()?;
            self.target.remember_roots();
        }
        stats.packs_promised = self.target.promised_packs()?.len() as u64;
        Ok(stats)
    }

    /// Everything that the other side's segments say is said here; those that it no longer has go.
    fn take_segments(&self, promise: &mut Promise, stats: &mut SyncStats) -> Result<()> {
        let (there, here) = (self.segments_there()?, self.segments_here()?);
        promise.segments.extend(lacking(&there, &here).map(|(name, _)| *name));
        promise.store(&self.target.local().cache)?;
        self.monitor.event(&Event::Phase("copying the index"));
        let bytes = lacking(&there, &here).map(|(_, bytes)| *bytes).sum();
        self.monitor.event(&Event::Total { items: lacking(&there, &here).count() as u64, bytes });
        let (from, to) = (self.source.backend().as_ref(), self.target.backend().as_ref());
        for (name, bytes) in lacking(&there, &here) {
            if !copy_file(from, to, &segment_path(name), *bytes, self.monitor)? {
                stats.is_stopped = true;
                return Ok(());
            }
            stats.pulled.bytes += bytes;
        }
        let (stays, gone): (BTreeSet<Id>, BTreeSet<Id>) =
            promise.segments.iter().copied().partition(|name| there.contains_key(name));
        gone.iter().try_for_each(|name| to.delete(&segment_path(name)))?;
        promise.segments = stays;
        promise.store(&self.target.local().cache)
    }

    /// Puts records of the source to the target, the devices that signed them first.
    pub(super) fn publish(&self, roots: &[&Root]) -> Result<()> {
        self.monitor.event(&Event::Phase("publishing"));
        for device in signers(roots) {
            self.target.copy_device(self.source, &device)?;
        }
        roots.iter().try_for_each(|root| self.target.put_root_file(&root.name, &self.source.root_file(&root.name)?))
    }

    /// Ends the promise if nothing that is kept needs it any more; answers how many packs are promised still.
    pub(super) fn settle(&self) -> Result<u64> {
        let here = self.target;
        here.refresh()?;
        let _alone = match self.alone() {
            // The next sync does it.
            Err(error) if error.code() == Code::LockHeld => return Ok(here.promised_packs()?.len() as u64),
            lock => lock?,
        };
        let starts = kept(here, &here.roots()?, clock::now())?.starts;
        let options = ReachOptions::new(here, self.options.budget_bytes, self.options.jobs);
        if only_promised(here, &starts, &options, self.monitor)? > 0 {
            return Ok(here.promised_packs()?.len() as u64);
        }
        here.end_promise().map(|()| 0)
    }

    fn alone(&self) -> Result<Lock> {
        take_lock(&self.target.local().cache.join(LOCK), Mode::Exclusive, &self.options.writer)
    }

    fn segments_there(&self) -> Result<BTreeMap<Id, u64>> {
        segments(self.source.backend().as_ref())
    }

    fn segments_here(&self) -> Result<BTreeMap<Id, u64>> {
        segments(self.target.backend().as_ref())
    }
}

fn segments(backend: &dyn crate::backend::Backend) -> Result<BTreeMap<Id, u64>> {
    let mut found = BTreeMap::new();
    backend.list("index", &mut |path, bytes| {
        found.extend(id_of(path).filter(|name| segment_path(name) == path).map(|name| (name, bytes)));
        Ok(())
    })?;
    Ok(found)
}

/// What is there and not here, or not whole.
fn lacking<'a>(there: &'a BTreeMap<Id, u64>, here: &'a BTreeMap<Id, u64>) -> impl Iterator<Item = (&'a Id, &'a u64)> {
    there.iter().filter(|(name, bytes)| here.get(name) != Some(bytes))
}
