//! Reading and appending root records.
//!
//! A record is read when its name is the SHA-256 of its bytes, its seal opens, its signature holds and its device is
//! endorsed. Appending keeps the chain of this client's device: under a lock of this client, with the record noted
//! durably as pending before it is stored, so that neither two processes nor a crash can give one place to two
//! records.

use super::{ChainFault, Head, Root, chain_faults, check_chains};
use crate::backend::Backend;
use crate::cbor;
use crate::clock::Time;
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::{FileType, Scheme, open_small, seal_small};
use crate::crypto::sign::{device_id, read_device, verify};
use crate::error::{Code, Error, Result, fail};
use crate::id::{Id, ShortId};
use crate::object::hash;
use crate::repo::device::{ClientState, Device, device_path};
use crate::repo::records::{FORGET, Forget, Forgotten};
use crate::repo::root_path;
use minicbor::bytes::{ByteArray, ByteSlice};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// What is signed begins with it, so that no signature of a root serves for something else.
const DOMAIN: &[u8] = b"larder/root/v1\0";
/// So often is a listing repeated that files vanish from while they are read.
const ATTEMPTS: usize = 3;
/// From so many unread records on, several threads read them.
const PARALLEL_FROM: usize = 32;
/// No more threads than these: reading roots waits for the medium as much as for the processor.
const THREADS_MAX: usize = 8;

/// Root records as they were found.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Those that are sound, in no order.
    pub roots: Vec<Root>,
    /// Those that are there and cannot be believed, with why.
    pub damaged: Vec<(Id, Error)>,
}

impl Loaded {
    fn damaged_names(&self) -> HashSet<Id> {
        self.damaged.iter().map(|(name, _)| *name).collect()
    }
}

/// How a record is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootSignature {
    /// The device's public key, Ed25519.
    pub public: [u8; 32],
    /// Over the domain, the repository's id and what [`Root::encode`] answers.
    pub signature: [u8; 64],
}

/// The root records of a repository, as this client sees them.
#[derive(Clone, Copy)]
pub struct RootStore<'a> {
    /// The medium.
    pub backend: &'a dyn Backend,
    /// The keys.
    pub keyring: &'a Keyring,
    /// The repository's id.
    pub repository: &'a ShortId,
    /// What this client keeps about it.
    pub state: &'a ClientState,
}

fn by_name(roots: Vec<Root>) -> impl Iterator<Item = (Id, Root)> {
    roots.into_iter().map(|root| (root.name, root))
}

impl RootStore<'_> {
    /// Every root record; those in `known` were verified before and are not read again.
    ///
    /// # Errors
    /// FILE_IO and network codes. A damaged record is listed and stops nothing.
    pub fn load(&self, mut known: HashMap<Id, Root>) -> Result<Loaded> {
        let devices = Devices::new(self)?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut loaded = Loaded::default();
            let mut unread = Vec::new();
            self.backend.list("roots", &mut |path, _| {
                let Some(name) = path.strip_prefix("roots/").and_then(|name| name.parse::<Id>().ok()) else {
                    return Ok(());
                };
                match known.remove(&name) {
                    Some(root) => loaded.roots.push(devices.judged(root)),
                    None => unread.push(name),
                }
                Ok(())
            })?;
            let mut vanished = false;
            for (name, result) in self.read_all(&devices, &unread) {
                match result {
                    Ok(root) => loaded.roots.push(root),
                    Err(error) if error.code() == Code::FileNotFound => vanished = true,
                    Err(error) if is_damage(&error) => loaded.damaged.push((name, error)),
                    Err(error) => return Err(error),
                }
            }
            // What was forgotten may go while we read; what it left behind came before, and is found by listing again.
            if !vanished || attempt == ATTEMPTS {
                return Ok(loaded);
            }
            known.extend(by_name(loaded.roots));
        }
    }

    /// The records that are not among `seen`. What is damaged, or goes while it is read, is left out.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub fn load_beside(&self, seen: &HashSet<Id>) -> Result<Vec<Root>> {
        let devices = Devices::new(self)?;
        let mut unread = Vec::new();
        self.backend.list("roots", &mut |path, _| {
            let name = path.strip_prefix("roots/").and_then(|name| name.parse::<Id>().ok());
            unread.extend(name.filter(|name| !seen.contains(name)));
            Ok(())
        })?;
        let mut roots = Vec::new();
        for (_, result) in self.read_all(&devices, &unread) {
            match result {
                Ok(root) => roots.push(root),
                Err(error) if error.code() == Code::FileNotFound || is_damage(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(roots)
    }

    /// As [`RootStore::load`], and judges the history by what this client has seen before, which is remembered.
    ///
    /// # Errors
    /// ROLLBACK_DETECTED, unless it is accepted; else as [`RootStore::load`].
    pub fn load_checked(&self, mut known: HashMap<Id, Root>, accept_rollback: bool) -> Result<Loaded> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            // Before the roots are listed: what is appended in between is no step back.
            let heads = self.state.heads()?;
            let loaded = self.load(std::mem::take(&mut known))?;
            match check_chains(&loaded.roots, &loaded.damaged_names(), &heads, accept_rollback) {
                Ok(seen) => {
                    let remembered = self.state.remember(&heads, &seen);
                    // A home that cannot be written must not keep anybody from reading.
                    return if accept_rollback { remembered.map(|()| loaded) } else { Ok(loaded) };
                }
                // A listing beside a sweep may have missed both a record and what forgets it.
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => known = by_name(loaded.roots).collect(),
            }
        }
    }

    /// Reads every record anew and tells what is wrong with the history, for a report: nothing is remembered or
    /// accepted.
    ///
    /// # Errors
    /// As [`RootStore::load`].
    pub fn inspect(&self) -> Result<(Loaded, Vec<ChainFault>)> {
        let heads = self.state.heads()?;
        let loaded = self.load(HashMap::new())?;
        let faults = chain_faults(&loaded.roots, &loaded.damaged_names(), &heads);
        Ok((loaded, faults))
    }

    /// The files of devices that signed some of these records and cannot be read, with why. Their own clients read
    /// such records all the same; nobody else does.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub fn damaged_devices(&self, roots: &[Root]) -> Result<Vec<(String, Error)>> {
        let devices = Devices::new(self)?;
        let ids: BTreeSet<ShortId> = roots.iter().map(|root| root.device).collect();
        let mut damaged = Vec::new();
        for id in ids {
            match devices.published(&id) {
                Ok(_) => {}
                Err(error) if is_damage(&error) => damaged.push((device_path(&id), error)),
                Err(error) => return Err(error),
            }
        }
        Ok(damaged)
    }

    /// Signs a record as the next of this device and stores it, as the writer of `lease`. Durable on return.
    ///
    /// # Errors
    /// CONFIG_INVALID when what this client remembers is damaged; ENCRYPTION_FAILED, FILE_IO, STORAGE_FULL and network
    /// codes.
    pub fn append(
        &self,
        device: &Device,
        record_type: u8,
        body: &[u8],
        time: Time,
        lease: Option<ShortId>,
    ) -> Result<Root> {
        let lock = device.state.lock()?;
        let last = self.last_of(device)?;
        let mut root = Root {
            name: Id::EMPTY,
            record_type,
            device: device.id,
            sequence: last.map_or(1, |last| last.sequence.saturating_add(1)),
            previous: last.map(|last| last.name),
            time,
            body: body.to_vec(),
            is_trusted: true,
            lease,
        };
        let signed = root.encode();
        let signature = device.key.sign(&self.message(&signed));
        let raw = cbor::encoded((<&ByteSlice>::from(signed.as_slice()), ByteArray::from(signature)));
        let bytes = seal_small(FileType::Root, self.keyring, self.repository, &raw)?;
        root.name = hash(&bytes);
        let head = Head { sequence: root.sequence, name: root.name };
        device.state.note_pending(&device.id, last, head, &lock)?;
        // If this fails, the record may be there all the same: it is looked for when the next is appended.
        self.backend.put_new(&root_path(&root.name), &bytes)?;
        device.state.note_stored(&device.id, head, &lock)?;
        Ok(root)
    }

    /// Takes back a record that should not have been published: a forget record names it, then it goes.
    ///
    /// # Errors
    /// As [`RootStore::append`].
    pub fn withdraw(&self, device: &Device, root: &Root, time: Time) -> Result<()> {
        let gone = Forgotten { name: root.name, device: root.device, sequence: root.sequence };
        self.append(device, FORGET, &Forget::new(vec![gone]).encode(), time, None)?;
        match self.backend.delete(&root_path(&root.name)) {
            // Forgotten it keeps nothing, whether its file is there or not.
            Err(error) if error.code() == Code::PermissionDenied => Ok(()),
            answer => answer,
        }
    }

    /// This device's last record. What is remembered of it counts; a client that has its key and nothing else goes by
    /// what is stored.
    fn last_of(&self, device: &Device) -> Result<Option<Head>> {
        let heads = device.state.heads()?;
        if let Some(pending) = heads.pending
            && self.backend.stat(&root_path(&pending.name))?.is_some()
        {
            return Ok(Some(pending));
        }
        if let Some(seen) = heads.devices.get(&device.id).filter(|_| !heads.is_last_unknown) {
            return Ok(Some(seen.head));
        }
        let loaded = self.load(HashMap::new())?;
        // Whether the history is whole was judged when it was read; here its end is asked for.
        let stored = check_chains(&loaded.roots, &loaded.damaged_names(), &heads, true)?;
        Ok(stored.devices.get(&device.id).map(|seen| seen.head))
    }

    fn message(&self, signed: &[u8]) -> Vec<u8> {
        [DOMAIN, self.repository.as_bytes(), signed].concat()
    }

    fn read_all(&self, devices: &Devices<'_>, names: &[Id]) -> Vec<(Id, Result<Root>)> {
        let read = |name: &Id| {
            let result = self.backend.get(&root_path(name)).and_then(|bytes| self.read(devices, *name, &bytes));
            (*name, result)
        };
        if names.len() < PARALLEL_FROM {
            return names.iter().map(read).collect();
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let done = Mutex::new(Vec::with_capacity(names.len()));
        std::thread::scope(|scope| {
            for part in names.chunks(names.len().div_ceil(threads)) {
                let done = &done;
                scope.spawn(move || {
                    let results: Vec<_> = part.iter().map(read).collect();
                    done.lock().unwrap_or_else(PoisonError::into_inner).extend(results);
                });
            }
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// By whom and how a record is signed, verified.
    ///
    /// # Errors
    /// FILE_NOT_FOUND, STORAGE_CORRUPTED, DECRYPTION_FAILED, INVALID_SIGNATURE; FILE_IO and network codes.
    pub fn signature(&self, name: Id) -> Result<RootSignature> {
        let bytes = self.backend.get(&root_path(&name))?;
        self.read_signed(&Devices::new(self)?, name, &bytes).map(|(_, signature)| signature)
    }

    /// Reads and verifies one record.
    fn read(&self, devices: &Devices<'_>, name: Id, bytes: &[u8]) -> Result<Root> {
        self.read_signed(devices, name, bytes).map(|(root, _)| root)
    }

    fn read_signed(&self, devices: &Devices<'_>, name: Id, bytes: &[u8]) -> Result<(Root, RootSignature)> {
        if hash(bytes) != name {
            return fail(Code::StorageCorrupted, format!("root record {name} is damaged: its name is not its SHA-256"));
        }
        let raw = open_small(FileType::Root, self.keyring, self.repository, bytes)
            .map_err(|error| error.context(format!("root record {name} cannot be opened")))?;
        let (signed, signature): (&ByteSlice, ByteArray<64>) = cbor::decode(&raw, "root record")?;
        let root = Root::decode(name, signed)?;
        let public = devices.public(&root.device).map_err(|error| error.context(format!("root record {name}")))?;
        verify(&public, &self.message(signed), &signature)
            .map_err(|error| error.context(format!("root record {name} is not signed by the device it names")))?;
        Ok((devices.judged(root), RootSignature { public, signature: *signature }))
    }
}

/// Whether an error says that a record is not what it should be, and not that it could not be had.
fn is_damage(error: &Error) -> bool {
    use crate::error::Class;
    matches!(error.class(), Class::Damaged | Class::WrongKey)
}

/// The public keys of those who sign, each read and checked once.
struct Devices<'a> {
    store: &'a RootStore<'a>,
    /// Who is trusted where no keyring endorses; `None` where one does.
    trusted: Option<BTreeSet<ShortId>>,
    seen: Mutex<HashMap<ShortId, Option<[u8; 32]>>>,
}

impl<'a> Devices<'a> {
    fn new(store: &'a RootStore<'a>) -> Result<Self> {
        let is_plain = store.keyring.scheme() == Scheme::None;
        let trusted = is_plain.then(|| store.state.trusted()).transpose()?;
        Ok(Devices { store, trusted, seen: Mutex::new(HashMap::new()) })
    }

    fn public(&self, id: &ShortId) -> Result<[u8; 32]> {
        if let Some(found) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return found.ok_or_else(|| unknown(id));
        }
        let public = match self.published(id) {
            // What this client signed itself it knows by its own key.
            Err(error) if is_damage(&error) => {
                self.store.state.own_public().filter(|own| device_id(own) == *id).ok_or(error)
            }
            answer => answer,
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(*id, public.as_ref().ok().copied());
        public
    }

    /// What the medium has of a device, endorsed.
    fn published(&self, id: &ShortId) -> Result<[u8; 32]> {
        let public = match self.store.backend.get(&device_path(id)) {
            Ok(bytes) => read_device(&bytes, self.store.keyring, self.store.repository).map_err(|_| unknown(id))?,
            Err(error) if error.is_not_found() => return Err(unknown(id)),
            Err(error) => return Err(error),
        };
        if device_id(&public) == *id { Ok(public) } else { Err(unknown(id)) }
    }

    fn judged(&self, mut root: Root) -> Root {
        root.is_trusted = self.trusted.as_ref().is_none_or(|trusted| trusted.contains(&root.device));
        root
    }
}

fn unknown(id: &ShortId) -> Error {
    let path = device_path(id);
    Error::new(Code::InvalidSignature, format!("{path}, which proves who signed it, is not there or is not sound")).with_hint(format!(
        "bring {path} back from another copy of the repository, or run `larder backup` on the machine that wrote it: \
         that writes it anew"
    ))
}
