//! What a writer holds while it writes: the repository lock, a lease, the dooms it keeps clear of; and how it publishes.
//!
//! STORAGE section 8.1, in its order: the lease is created, *then* `gc/`, the fences and `index/` are listed; packs that a doom
//! names count as absent, so that nothing new relies on them. A doom that comes later is not acknowledged by this
//! writer: its sweep waits until the lease is gone, and then keeps whatever the published roots reach.

use super::adopt::Adopted;
use super::device::{ClientState, Device};
use super::doom::Dooms;
use super::index::locked;
use super::lease::{Held, has_fences};
use super::lock::{Lock, Mode};
use super::records::{FORGET, TAG, TOUCH};
use super::roots::{ChainFault, Loaded, Root, RootSignature, RootStore};
use super::view::PackBrief;
use super::{Core, OpenOptions, Repo, WriterOptions};
use crate::clock;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::hash;
use crate::wire::Cursor;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// One writer's hold on a repository.
pub(crate) struct Session {
    repo: Repo,
    held: Held,
    /// Packs that a doom named when this writer began.
    doomed: HashSet<Id>,
    /// Packs that the index listed and that were not there, or not to their end.
    gone: HashSet<Id>,
    /// The packs that were there, where they were listed and all of them are meant to be here.
    files: Option<HashSet<Id>>,
    /// A doom could not be read: what it names is not known.
    is_doom_damaged: bool,
    dooms_seen: Vec<Id>,
    generation: u64,
    /// Packs that are there, where the index may come to list some that are not: a writer that was declared dead may have
    /// woken up and published the segment of a pack that is gone; or in a partial repository. `None` elsewhere.
    there: Option<Mutex<HashSet<Id>>>,
    /// How often something was published, and how much of that before it was last seen that there is no fence: what was
    /// published after that may count or not, and a segment may list what a sweep has deleted.
    published: AtomicU64,
    settled: AtomicU64,
    _lock: Lock,
}

impl Session {
    /// Takes the lock and a lease, then looks what is doomed, and brings the index up to date.
    pub(crate) fn open(repo: &Repo, options: &WriterOptions) -> Result<Self> {
        let core = repo.core();
        let lock = take_lock(&core.local.cache.join(super::LOCK), Mode::Shared, options)?;
        let held = Held::create(repo, &options.command, None)?;
        let Dooms { dooms, damaged } = Dooms::list(core.backend.as_ref(), &core.keyring, &core.format.id)?;
        let dooms_seen: Vec<Id> = dooms.iter().map(|doom| doom.name).collect();
        if !dooms_seen.is_empty() {
            held.see(dooms_seen.clone(), None)?;
        }
        let (has_fences, is_partial) = (has_fences(core.backend.as_ref())?, repo.is_partial());
        repo.refresh()?;
        repo.index().forget_strays()?;
        let doomed: HashSet<Id> = dooms.into_iter().flat_map(|doom| doom.packs).collect();
        let mut gone = HashSet::new();
        let files: Option<HashSet<Id>> = match repo.backend().local_dir() {
            // What is promised is not relied on either, but it may come under its name.
            _ if is_partial => Some(repo.own_packs()?),
            None if !has_fences && !repo.may_lack_packs()? => None,
            _ => {
                // The index first: what it lists was there before. Whoever deletes a listed pack has left a doom until it is
                // not listed any more, so that what is missing otherwise is lost, and has to be stored again.
                let known = repo.index().view()?.packs()?;
                let files = repo.pack_files()?;
                let is_whole = |pack: &PackBrief| files.get(&pack.name) == Some(&pack.file_bytes);
                let lost = known.iter().filter(|pack| !is_whole(pack) && !doomed.contains(&pack.name));
                gone.extend(lost.map(|pack| pack.name));
                Some(files.into_keys().collect())
            }
        };
        if gone.is_empty() && files.is_some() && !is_partial {
            repo.note_whole()?;
        }
        let there = files.clone().filter(|_| has_fences || is_partial).map(Mutex::new);
        let generation = generation(repo, dooms_seen.iter().chain(&gone))?;
        Ok(Session {
            repo: repo.clone(),
            held,
            doomed,
            gone,
            files: files.filter(|_| !is_partial),
            is_doom_damaged: !damaged.is_empty(),
            dooms_seen,
            generation,
            there,
            published: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            _lock: lock,
        })
    }

    /// See [`super::Writer::generation`].
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether nothing that the index lists can go while this writer is at work.
    pub(super) fn is_undisturbed(&self) -> bool {
        !self.sees_dooms() && self.there.is_none() && self.gone.is_empty()
    }

    /// See [`super::Writer::sees_dooms`].
    pub(crate) fn sees_dooms(&self) -> bool {
        !self.dooms_seen.is_empty() || self.is_doom_damaged
    }

    /// Whether a pack of the index is doomed or gone, so that a writer must not rely on it. By its name: numbers change
    /// when another process makes the index anew.
    pub(crate) fn is_doomed(&self, pack: u32) -> Result<bool> {
        if self.doomed.is_empty() && self.gone.is_empty() && self.there.is_none() {
            return Ok(false);
        }
        let is_missing = |name: &Id| self.there.as_ref().is_some_and(|there| !locked(there).contains(name));
        match self.repo.index().pack(pack) {
            Ok(facts) => {
                let name = &facts.name;
                Ok(self.doomed.contains(name) || self.gone.contains(name) || is_missing(name))
            }
            // It left the index since it was looked up.
            Err(error) if error.code() == Code::ChunkNotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Notes packs that this writer has stored or found.
    pub(super) fn note_packs(&self, names: impl Iterator<Item = Id>) {
        if let Some(there) = &self.there {
            locked(there).extend(names);
        }
    }

    /// The packs that dooms named when this writer began.
    pub(crate) fn doomed(&self) -> &HashSet<Id> {
        &self.doomed
    }

    /// Packs that the index listed and that were not there, or not to their end.
    pub(crate) fn gone(&self) -> &HashSet<Id> {
        &self.gone
    }

    /// See [`super::Writer::has_lost_packs`]. Of a writer that was declared dead, segments may list packs that a gc deleted.
    pub(crate) fn has_lost_packs(&self) -> bool {
        self.there.is_none() && !self.gone.is_empty()
    }

    /// Whether this writer was declared dead.
    pub(crate) fn is_fenced(&self) -> Result<bool> {
        let published = self.published.load(Ordering::SeqCst);
        let is_fenced = self.held.is_fenced()?;
        if !is_fenced {
            self.settled.fetch_max(published, Ordering::SeqCst);
        }
        Ok(is_fenced)
    }

    /// Notes that something is about to be published.
    pub(super) fn publishes(&self) {
        self.published.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives packs a segment that are in none.
    pub(super) fn adopt(&self) -> Result<Adopted> {
        // Among what it names may be any pack.
        if self.is_doom_damaged {
            return Ok(Adopted::default());
        }
        self.publishes();
        match &self.files {
            Some(files) => self.repo.adopt_beside(self.held.writer(), files, &self.doomed),
            None => {
                let files = self.repo.pack_files()?.into_keys().collect();
                self.repo.adopt_beside(self.held.writer(), &files, &self.doomed)
            }
        }
    }

    /// Shows a sign of life.
    pub(crate) fn refresh(&self) -> Result<()> {
        self.held.refresh()
    }

    /// Signs and stores a root record; withdraws it if this writer was declared dead meanwhile.
    pub(crate) fn publish(&self, repo: &Repo, record_type: u8, body: &[u8]) -> Result<Id> {
        let core = repo.core();
        let state = ClientState::new(&core.local.device, repo.id());
        let backend = core.backend.as_ref();
        let device = Device::open(&state, backend, &core.keyring, repo.id(), repo.0.options.new_device)?;
        let store = root_store(core, &state);
        self.publishes();
        let root = store.append(&device, record_type, body, clock::now(), Some(*self.held.writer()))?;
        let is_fenced = self.is_fenced()?;
        // What needs no object stands all the same; and a forget that a gc may have acted on must not be taken back, or
        // the history would lack what it named.
        let needs_objects = !matches!(record_type, FORGET | TAG | TOUCH);
        if is_fenced && needs_objects {
            store.withdraw(&device, &root, clock::now())?;
            return fail(
                Code::LeaseLost,
                "this writer was declared dead while it worked; nothing was published, run it again",
            );
        }
        Ok(root.name)
    }

    /// Gives the lease back. If there is a fence, it stays unless all was published before it.
    pub(crate) fn end(&self) -> Result<()> {
        self.held.end(self.published.load(Ordering::SeqCst) == self.settled.load(Ordering::SeqCst))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A lease that cannot be removed is found dead by its free flock, or by its silence.
        let _ = self.end();
    }
}

/// What was known to be present may be relied on only by who sees the same dooms and misses the same packs, in an index
/// that lost nothing since.
pub(crate) fn generation<'a>(repo: &Repo, names: impl Iterator<Item = &'a Id>) -> Result<u64> {
    let (making, losses) = repo.index().epoch()?;
    let mut bytes: Vec<u8> = [making, losses].iter().flat_map(|n| n.to_le_bytes()).collect();
    // Names and not numbers: a number comes back when all dooms were swept.
    let mut names: Vec<&Id> = names.collect();
    names.sort_unstable();
    names.iter().for_each(|name| bytes.extend(name.as_bytes()));
    Cursor::new(hash(&bytes).as_bytes(), "hash").u64()
}

/// The repository lock: the one this command runs in, or its own.
pub(crate) fn take_lock(path: &Path, mode: Mode, options: &WriterOptions) -> Result<Lock> {
    if let Some(token) = &options.lock_token
        && let Some(lock) = Lock::inherited(path, token, mode)?
    {
        return Ok(lock);
    }
    Lock::acquire(path, mode, options.lock_wait, &options.command)
}

fn root_store<'a>(core: &'a Core, state: &'a ClientState) -> RootStore<'a> {
    RootStore { backend: core.backend.as_ref(), keyring: &core.keyring, repository: &core.format.id, state }
}

/// Takes back what a writer published after it was declared dead.
pub(crate) fn withdraw(repo: &Repo, root: &Root) -> Result<()> {
    let state = repo.client_state();
    let device = repo.device(repo.0.options.new_device)?;
    root_store(repo.core(), &state).withdraw(&device, root, clock::now())
}

/// Reads and verifies every root record, and tells what is wrong with the history.
pub(crate) fn inspect_roots(repo: &Repo) -> Result<(Loaded, Vec<ChainFault>)> {
    root_store(repo.core(), &repo.client_state()).inspect()
}

/// The files of devices that signed some of these records and cannot be read.
pub(crate) fn damaged_devices(repo: &Repo, roots: &[Root]) -> Result<Vec<(String, Error)>> {
    root_store(repo.core(), &repo.client_state()).damaged_devices(roots)
}

/// By whom and how a root record is signed.
pub(crate) fn signature(repo: &Repo, name: &Id) -> Result<RootSignature> {
    root_store(repo.core(), &repo.client_state()).signature(*name)
}

/// Every root record, those seen before from the index; a history that went back is an error.
pub(crate) fn roots_beside(repo: &Repo, seen: &HashSet<Id>) -> Result<Vec<Root>> {
    let core = repo.core();
    let state = ClientState::new(&core.local.device, repo.id());
    root_store(core, &state).load_beside(seen)
}

pub(crate) fn load_roots(repo: &Repo, options: &OpenOptions) -> Result<Loaded> {
    let core = repo.core();
    let cached = repo.index().cached_roots()?;
    let names: Vec<(Id, bool)> = cached.iter().map(|(name, root)| (*name, root.is_some())).collect();
    let known: HashMap<Id, Root> = cached.into_iter().filter_map(|(name, root)| Some((name, root?))).collect();
    let state = ClientState::new(&core.local.device, repo.id());
    let loaded = root_store(core, &state).load_checked(known, options.accept_rollback)?;
    let roots = &loaded.roots;
    let known: HashSet<&Id> = names.iter().filter(|(_, is_sound)| *is_sound).map(|(name, _)| name).collect();
    let fresh: Vec<(Id, Vec<u8>)> =
        roots.iter().filter(|root| !known.contains(&root.name)).map(|root| (root.name, root.encode())).collect();
    let there: HashSet<&Id> = roots.iter().map(|root| &root.name).collect();
    let gone: Vec<Id> = names.iter().map(|(name, _)| *name).filter(|name| !there.contains(name)).collect();
    if !fresh.is_empty() || !gone.is_empty() {
        // They are kept to save time: a full medium must not keep anybody from reading.
        let _ = repo.index().update_roots(&fresh, &gone);
    }
    Ok(loaded)
}
