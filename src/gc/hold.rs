//! What a gc holds while it works: locks, and a lease like any writer's; and what it knows of the others.

use super::GcOptions;
use crate::clock;
use crate::error::{Code, IoContext, Result, fail};
use crate::fs::remove_if_there;
use crate::id::{Id, ShortId};
use crate::repo::doom::{Doom, Dooms};
use crate::repo::lease::{Lease, LeaseView, Liveness, fence, list_leases, remove_lease};
use crate::repo::lock::{Lock, Mode};
use crate::repo::session::take_lock;
use crate::repo::{GC_LOCK, LOCK, Repo};
use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::time::SystemTime;

/// What writers name their temporary files by.
const LITTER: [&[u8]; 2] = [b"spool-", b"lease-"];
/// Younger files may be of a writer that has no lease yet.
const LITTER_AGE_SECONDS: i64 = 3_600;

/// Locks, lease, and the dooms that were there when it began.
pub(super) struct Hold<'a> {
    repo: &'a Repo,
    liveness: &'a dyn Liveness,
    lease: Option<Lease>,
    writer: ShortId,
    /// Dooms of earlier gcs, not swept yet.
    pub(super) dooms: Vec<Doom>,
    _gc_lock: Lock,
    _lock: Lock,
}

/// The other writers of a moment.
#[derive(Default)]
pub(super) struct Others {
    /// Those who are not taken for dead: no doom that one of them may not know of is swept.
    pub(super) alive: Vec<LeaseView>,
    /// Those who are, and may live all the same. They publish no root any more; but one may be about to publish the
    /// segment of a pack that is there, so what no segment lists is not touched before they have ended.
    pub(super) fenced: Vec<LeaseView>,
}

impl<'a> Hold<'a> {
    /// Takes the locks and a lease, then lists `gc/`, as every writer does.
    pub(super) fn take(repo: &'a Repo, options: &GcOptions, liveness: &'a dyn Liveness) -> Result<Self> {
        let (core, cache) = (repo.core(), &repo.local().cache);
        let gc_lock =
            Lock::acquire(&cache.join(GC_LOCK), Mode::Exclusive, options.writer.lock_wait, &options.writer.command)?;
        let lock = take_lock(&cache.join(LOCK), &options.writer)?;
        let backend = core.backend.as_ref();
        let mut lease = Lease::create(backend, &core.keyring, repo.id(), &options.writer.command)?;
        let listed = Dooms::list(backend, &core.keyring, repo.id())?;
        if let Some((name, error)) = listed.damaged.first() {
            // Nothing can be swept by it, so all it names is still there, and will be doomed again if it should be.
            return fail(Code::StorageCorrupted, format!("doom record gc/{name} cannot be read: {error}"))
                .map_err(|error| error.with_hint(format!("remove the file gc/{name}; nothing is lost by that")));
        }
        let names: Vec<Id> = listed.dooms.iter().map(|doom| doom.name).collect();
        if !names.is_empty() {
            lease.refresh(backend, &core.keyring, repo.id(), &names)?;
        }
        let writer = *lease.writer();
        Ok(Hold { repo, liveness, lease: Some(lease), writer, dooms: listed.dooms, _gc_lock: gc_lock, _lock: lock })
    }

    /// Everybody else who may still write. Those who are dead are fenced first: whatever such a writer publishes later
    /// it takes back. Where death is certain nothing is left of them.
    pub(super) fn others(&self) -> Result<Others> {
        let core = self.repo.core();
        let backend = core.backend.as_ref();
        let mut others = Others::default();
        for lease in list_leases(backend, &core.keyring, self.repo.id(), self.liveness)? {
            match (lease.writer == self.writer, lease.is_fenced, lease.is_alive) {
                (true, ..) => {}
                (_, true, _) => others.fenced.push(lease),
                (_, _, true) => others.alive.push(lease),
                // A process whose flock is free has ended; of any other the fence must stay for good.
                _ if backend.local_dir().is_some() => remove_lease(backend, &lease.writer)?,
                _ => {
                    fence(backend, &lease.writer)?;
                    others.fenced.push(lease);
                }
            }
        }
        Ok(others)
    }

    /// Shows a sign of life.
    ///
    /// # Errors
    /// LEASE_LOST when this gc was declared dead: it must not delete anything any more.
    pub(super) fn refresh(&mut self) -> Result<()> {
        let core = self.repo.core();
        let names: Vec<Id> = self.dooms.iter().map(|doom| doom.name).collect();
        match self.lease.as_mut() {
            Some(lease) if lease.is_due() => {
                lease.refresh(core.backend.as_ref(), &core.keyring, self.repo.id(), &names)
            }
            _ => Ok(()),
        }
    }

    /// Whether this gc was declared dead.
    pub(super) fn is_fenced(&self) -> Result<bool> {
        match &self.lease {
            Some(lease) => lease.is_fenced(self.repo.backend().as_ref()),
            None => Ok(true),
        }
    }

    /// Gives the lease back, then the locks.
    pub(super) fn end(mut self) -> Result<()> {
        match self.lease.take() {
            Some(lease) => lease.end(self.repo.backend().as_ref()),
            None => Ok(()),
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // A lease that cannot be removed is found dead by its free flock.
        if let Some(lease) = self.lease.take() {
            let _ = lease.end(self.repo.backend().as_ref());
        }
    }
}

/// Removes what killed writers left in the medium's `tmp/`. Nobody else writes, and what is old was not begun since.
pub(super) fn remove_litter(repo: &Repo) -> Result<u64> {
    let Some(temp) = repo.backend().local_dir().map(|root| root.join("tmp")) else { return Ok(0) };
    let Ok(entries) = std::fs::read_dir(&temp) else { return Ok(0) };
    let mut removed = 0;
    for entry in entries.flatten() {
        let is_ours = LITTER.iter().any(|start| entry.file_name().as_encoded_bytes().starts_with(start));
        let Ok(meta) = entry.metadata() else { continue };
        let is_old = meta.mtime() < clock::now().seconds - LITTER_AGE_SECONDS;
        if is_ours && is_old {
            let path = entry.path();
            if meta.is_dir() {
                std::fs::remove_dir_all(&path).at("remove", &path)?
            } else {
                remove_if_there(&path)?
            }
            removed += 1;
        }
    }
    Ok(removed)
}

/// Packs that may be the work of a writer that goes on: made since the oldest of `others` began. To doom them would be
/// safe, and would hold that doom back until the writer has ended and then revive them. Known only on a disk of this
/// machine; elsewhere none.
pub(super) fn fresh_packs(repo: &Repo, packs: &HashSet<Id>, others: &[LeaseView]) -> HashSet<Id> {
    let Some(root) = repo.backend().local_dir() else { return HashSet::new() };
    let modified = |path: &str| std::fs::metadata(root.join(path)).and_then(|meta| meta.modified()).ok();
    // Where the time of a lease is not known, every pack may be its writer's.
    let began =
        |lease: &LeaseView| modified(&format!("leases/{}/alive", lease.writer)).unwrap_or(SystemTime::UNIX_EPOCH);
    let Some(oldest) = others.iter().map(began).min() else { return HashSet::new() };
    let is_fresh = |name: &&Id| modified(&crate::repo::pack_path(name)).is_some_and(|time| time >= oldest);
    packs.iter().filter(is_fresh).copied().collect()
}
