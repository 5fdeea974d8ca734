//! What a writer holds while it writes: the repository lock, a lease, the dooms it keeps clear of; and how it publishes.
//!
//! STORAGE section 8.1, in its order: the lease is created, *then* `gc/` and `index/` are listed; packs that a doom
//! names count as absent, so that nothing new relies on them. A doom that comes later is not acknowledged by this
//! writer: its sweep waits until the lease is gone, and then keeps whatever the published roots reach.

use super::device::{ClientState, Device};
use super::doom::Dooms;
use super::lease::Lease;
use super::lock::{Lock, Mode};
use super::roots::{ChainFault, Loaded, Root, RootStore};
use super::{Core, OpenOptions, Repo, WriterOptions};
use crate::clock;
use crate::error::{Code, Result, fail};
use crate::id::Id;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One writer's hold on a repository.
pub(crate) struct Session {
    repo: Repo,
    lease: Mutex<Option<Lease>>,
    /// Numbers of packs that a doom named when this writer began.
    doomed: HashSet<u32>,
    dooms_seen: Vec<Id>,
    _lock: Lock,
}

impl Session {
    /// Takes the lock and a lease, then looks what is doomed, and brings the index up to date.
    pub(crate) fn open(repo: &Repo, options: &WriterOptions) -> Result<Self> {
        let core = repo.core();
        let lock = take_lock(&core.local.cache.join(super::LOCK), options)?;
        let mut lease = Lease::create(core.backend.as_ref(), &core.keyring, &core.format.id, &options.command)?;
        let dooms = Dooms::list(core.backend.as_ref(), &core.keyring, &core.format.id)?.dooms;
        let dooms_seen: Vec<Id> = dooms.iter().map(|doom| doom.name).collect();
        if !dooms_seen.is_empty() {
            lease.refresh(core.backend.as_ref(), &core.keyring, &core.format.id, &dooms_seen)?;
        }
        repo.refresh()?;
        let mut doomed = HashSet::new();
        if !dooms_seen.is_empty() {
            let names: HashSet<Id> = dooms.into_iter().flat_map(|doom| doom.packs).collect();
            let packs = repo.index().packs()?;
            doomed.extend(packs.into_iter().filter(|(_, facts)| names.contains(&facts.name)).map(|(number, _)| number));
        }
        Ok(Session { repo: repo.clone(), lease: Mutex::new(Some(lease)), doomed, dooms_seen, _lock: lock })
    }

    fn lease(&self) -> MutexGuard<'_, Option<Lease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a pack of the index is doomed, so that a writer must not rely on it.
    pub(crate) fn is_doomed(&self, pack: u32) -> bool {
        self.doomed.contains(&pack)
    }

    /// Shows a sign of life.
    pub(crate) fn refresh(&self) -> Result<()> {
        let core = self.repo.core();
        match self.lease().as_mut() {
            Some(lease) if lease.is_due() => {
                lease.refresh(core.backend.as_ref(), &core.keyring, &core.format.id, &self.dooms_seen)
            }
            _ => Ok(()),
        }
    }

    /// Signs and stores a root record; withdraws it if this writer was declared dead meanwhile.
    pub(crate) fn publish(&self, repo: &Repo, record_type: u8, body: &[u8]) -> Result<Id> {
        let core = repo.core();
        let state = ClientState::new(&core.local.device, repo.id());
        let backend = core.backend.as_ref();
        let device = Device::open(&state, backend, &core.keyring, repo.id(), repo.0.options.new_device)?;
        let store = root_store(core, &state);
        let root = store.append(&device, record_type, body, clock::now())?;
        let is_fenced = match self.lease().as_ref() {
            Some(lease) => lease.is_fenced(core.backend.as_ref())?,
            None => true,
        };
        if is_fenced {
            store.withdraw(&device, &root, clock::now())?;
            return fail(
                Code::LeaseLost,
                "this writer was declared dead while it worked; nothing was published, run it again",
            );
        }
        Ok(root.name)
    }

    /// Gives the lease back.
    pub(crate) fn end(&self) -> Result<()> {
        match self.lease().take() {
            Some(lease) => lease.end(self.repo.core().backend.as_ref()),
            None => Ok(()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A lease that cannot be removed is found dead by its free flock.
        let _ = self.end();
    }
}

/// The repository lock for sharing: the one this command runs in, or its own.
pub(crate) fn take_lock(path: &Path, options: &WriterOptions) -> Result<Lock> {
    if let Some(token) = &options.lock_token
        && let Some(lock) = Lock::inherited(path, token, Mode::Shared)?
    {
        return Ok(lock);
    }
    Lock::acquire(path, Mode::Shared, options.lock_wait, &options.command)
}

fn root_store<'a>(core: &'a Core, state: &'a ClientState) -> RootStore<'a> {
    RootStore { backend: core.backend.as_ref(), keyring: &core.keyring, repository: &core.format.id, state }
}

/// Reads and verifies every root record, and tells what is wrong with the history.
pub(crate) fn inspect_roots(repo: &Repo) -> Result<(Loaded, Vec<ChainFault>)> {
    root_store(repo.core(), &repo.client_state()).inspect()
}

/// Every root record, those seen before from the index; a history that went back is an error.
pub(crate) fn load_roots(repo: &Repo, options: &OpenOptions) -> Result<Loaded> {
    let core = repo.core();
    let cached = repo.index().cached_roots()?;
    let mut known: HashMap<Id, Root> = HashMap::with_capacity(cached.len());
    for (name, bytes) in &cached {
        if let Ok(root) = Root::decode(*name, bytes) {
            known.insert(*name, root);
        }
    }
    let state = ClientState::new(&core.local.device, repo.id());
    let loaded = root_store(core, &state).load_checked(&known, options.accept_rollback)?;
    let roots = &loaded.roots;
    let fresh: Vec<(Id, Vec<u8>)> =
        roots.iter().filter(|root| !known.contains_key(&root.name)).map(|root| (root.name, root.encode())).collect();
    let there: HashSet<&Id> = roots.iter().map(|root| &root.name).collect();
    let gone: Vec<Id> = cached.iter().map(|(name, _)| *name).filter(|name| !there.contains(name)).collect();
    if !fresh.is_empty() || !gone.is_empty() {
        repo.index().update_roots(&fresh, &gone)?;
    }
    Ok(loaded)
}
