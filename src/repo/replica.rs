//! Several replicas of one repository: the same id, the same keys, each with files, leases and dooms of its own.
//!
//! What a client remembers of the histories it keeps for each replica apart: one may lag behind another without that
//! being a step back.

use super::device::ClientState;
use super::keys;
use super::roots::{Heads, Loaded, Root, RootStore};
use super::{Local, OpenOptions, Repo, Use, format};
use crate::backend::Backend;
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::Scheme;
use crate::error::{Code, Error, Result, fail};
use crate::id::{Id, ShortId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Repo {
    /// Opens another replica of this repository with the keys of this one. `local` must be that replica's own.
    ///
    /// # Errors
    /// CONFIG_MISSING when there is none; CONFIG_INVALID when it is of another repository, was changed, or needs a newer
    /// program; INVALID_KEY when it has other keys.
    pub fn open_replica(&self, backend: Arc<dyn Backend>, local: Local) -> Result<Repo> {
        let (format, text) = format::load(backend.as_ref())?;
        if format.id != *self.id() {
            let message = format!("{} holds another repository, {}", backend.location(), format.id);
            return Err(Error::new(Code::ConfigInvalid, message)
                .with_hint("`larder copy` carries snapshots from one repository into another"));
        }
        format.allow(Use::Read)?;
        format.refuse_downgrade(self.config().scheme != Scheme::None, false)?;
        let keyring = match format.scheme {
            Scheme::None => Keyring::public(&format.id),
            Scheme::Aes256Gcm => Keyring::decode(&self.keyring().encode())?,
        };
        format::check_mac(&text, &keyring)?;
        self.share_trust(&ClientState::new(&local.device, self.id()))?;
        Repo::with_keyring(backend, local, keyring, format, OpenOptions::default())
    }

    /// Makes an empty replica of this repository on a medium, with the same key slots, and opens it. One whose making
    /// failed before is made again.
    ///
    /// # Errors
    /// CONFIG_INVALID when there is a repository, or the configuration of this one is not what it was opened by;
    /// STORAGE_CORRUPTED when a key slot is damaged, or the configuration is not stored as it was sent; FILE_IO,
    /// STORAGE_FULL and network codes.
    pub fn make_replica(&self, backend: Arc<dyn Backend>, local: Local) -> Result<Repo> {
        let is_begun = backend.stat(format::CONFIG_FILE)?.is_some();
        let holds_one = || fail(Code::ConfigInvalid, format!("{} holds a repository already", backend.location()));
        if is_begun && !self.is_half_made(backend.as_ref())? {
            return holds_one();
        }
        if !is_begun {
            format::refuse_others(self.backend().as_ref(), backend.as_ref())?;
        }
        // These bytes are judged, and no others are stored.
        let (format, text) = format::load(self.backend().as_ref())?;
        format::check_mac(&text, self.keyring())?;
        if format != *self.config() {
            let message = format!("config.toml at {} is not as it was when it was opened", self.backend().location());
            return fail(Code::ConfigInvalid, message);
        }
        if keys::copy_slots(self.backend().as_ref(), backend.as_ref())? == 0 && self.config().scheme != Scheme::None {
            return fail(Code::StorageCorrupted, "there is no key slot here, so none could be copied");
        }
        // The configuration comes last: before it, there is no repository there.
        match is_begun {
            true => backend.put(format::CONFIG_FILE, &text)?,
            false if backend.put_new(format::CONFIG_FILE, &text)? => {}
            false => return holds_one(),
        }
        if backend.get(format::CONFIG_FILE)? != text {
            let message = format!("config.toml at {} has other bytes than were sent there", backend.location());
            return Err(Error::new(Code::StorageCorrupted, message).with_hint(
                "the medium or the way to it alters what it is given; the same command mends it once it does not",
            ));
        }
        self.open_replica(backend, local)
    }

    /// Whether at a medium is what a failed attempt to make a replica of this repository leaves: key slots of this one, a
    /// configuration that is not sound, and nothing that was ever backed up.
    ///
    /// # Errors
    /// What asking the medium can answer.
    pub fn is_half_made(&self, backend: &dyn Backend) -> Result<bool> {
        let says_another = match format::load(backend) {
            Ok((format, text)) if format == *self.config() && format::check_mac(&text, self.keyring()).is_ok() => {
                return Ok(false);
            }
            Ok((format, _)) => format.id != *self.id(),
            Err(error) if error.code() == Code::ConfigInvalid => false,
            Err(error) => return Err(error),
        };
        let (theirs, ours) = (keys::slot_names(backend)?, keys::slot_names(self.backend().as_ref())?);
        // Its slots tell whose it is where its id may be what is wrong.
        if !theirs.is_subset(&ours) || (theirs.is_empty() && (says_another || self.config().scheme != Scheme::None)) {
            return Ok(false);
        }
        let mut is_empty = true;
        for dir in ["roots", "index", "packs"] {
            backend.list(dir, &mut |_, _| {
                is_empty = false;
                Ok(())
            })?;
        }
        Ok(is_empty)
    }

    /// Where nothing is encrypted each client keeps a list of whom it trusts: it is one list for all replicas.
    fn share_trust(&self, there: &ClientState) -> Result<()> {
        if self.config().scheme != Scheme::None {
            return Ok(());
        }
        let here = self.client_state();
        for device in here.trusted()?.difference(&there.trusted()?) {
            there.set_trusted(device, true)?;
        }
        match there.heads()?.own {
            Some(own) => here.set_trusted(&own, true),
            None => Ok(()),
        }
    }

    /// Every root record that is here, those in `known` unread, and what this client remembers of the history of this
    /// replica. Nothing is judged: a replica may be in the middle of a transfer.
    pub(crate) fn unjudged_roots(&self, known: &[Root]) -> Result<(Loaded, Heads)> {
        let state = self.client_state();
        let core = self.core();
        let store = RootStore {
            backend: core.backend.as_ref(),
            keyring: &core.keyring,
            repository: &core.format.id,
            state: &state,
        };
        let cached = self.index().cached_roots()?;
        let mut by_name: HashMap<Id, Root> = known.iter().map(|root| (root.name, root.clone())).collect();
        let in_cache: HashSet<Id> = cached.iter().filter(|(_, root)| root.is_some()).map(|(name, _)| *name).collect();
        by_name.extend(cached.into_iter().filter_map(|(name, root)| Some((name, root?))));
        let heads = state.heads()?;
        let loaded = store.load(by_name)?;
        let fresh: Vec<(Id, Vec<u8>)> = loaded
            .roots
            .iter()
            .filter(|root| !in_cache.contains(&root.name))
            .map(|root| (root.name, root.encode()))
            .collect();
        if !fresh.is_empty() {
            // They are kept to save time.
            let _ = self.index().update_roots(&fresh, &[]);
        }
        Ok((loaded, heads))
    }

    /// Remembers the history of this replica as it is now, if it is whole.
    pub(crate) fn remember_roots(&self) {
        let _ = self.load_roots();
    }

    /// The file of a root record, compared with its name.
    ///
    /// # Errors
    /// FILE_NOT_FOUND; STORAGE_CORRUPTED when it has other bytes.
    pub(crate) fn root_file(&self, name: &Id) -> Result<Vec<u8>> {
        let path = super::root_path(name);
        let bytes = self.backend().get(&path)?;
        if crate::object::hash(&bytes) != *name {
            return fail(Code::StorageCorrupted, format!("{path} at {} is damaged", self.backend().location()));
        }
        Ok(bytes)
    }

    /// Stores a root record of another replica as it is. What it keeps must be here before. Durable on return.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL, PERMISSION_DENIED and network codes.
    pub(crate) fn put_root_file(&self, name: &Id, bytes: &[u8]) -> Result<()> {
        self.backend().put(&super::root_path(name), bytes)
    }

    /// Notes that the file of a pack is whole again, whatever was found wrong in it before.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn pack_is_whole(&self, name: &Id) -> Result<()> {
        let packs = self.index().view()?.packs()?;
        packs.iter().filter(|pack| pack.name == *name).try_for_each(|pack| self.index().clear_bad(pack.number))
    }

    /// Leaves out of the index what segments say whose files are damaged: the next writer lists their packs again, by their
    /// own directories, and the damaged files go.
    ///
    /// # Errors
    /// CACHE_ERROR, FILE_IO and network codes.
    pub(crate) fn give_up_segments(&self, names: &[Id]) -> Result<()> {
        let is_damaged = |name: &&Id| match self.backend().get(&super::segment_path(name)) {
            Ok(bytes) => crate::object::hash(&bytes) != **name,
            Err(error) => error.class() == crate::error::Class::Damaged,
        };
        let damaged: Vec<Id> = names.iter().filter(is_damaged).copied().collect();
        if damaged.is_empty() { Ok(()) } else { self.index().drop_segments(&damaged) }
    }

    /// Stores the public key of a device whose records are about to come.
    ///
    /// # Errors
    /// INVALID_SIGNATURE when it is not endorsed; FILE_NOT_FOUND; FILE_IO and its kin.
    pub(crate) fn copy_device(&self, from: &Repo, device: &ShortId) -> Result<()> {
        let path = super::device::device_path(device);
        if self.backend().stat(&path)?.is_some() {
            return Ok(());
        }
        let bytes = from.backend().get(&path)?;
        let public = crate::crypto::sign::read_device(&bytes, self.keyring(), self.id())?;
        if crate::crypto::sign::device_id(&public) != *device {
            return fail(Code::InvalidSignature, format!("{path} is the key of another device"));
        }
        self.backend().put_new(&path, &bytes).map(|_| ())
    }
}
