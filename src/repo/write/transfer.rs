//! What a writer takes over from another replica: whole packs as they are, and single entries.
//!
//! A pack keeps its name, so it is verified by its name on arrival; a segment of this replica lists it with the next
//! flush. What a doom of this replica names is not taken over under that name: it is about to go.

use super::{Putter, Writer};
use crate::backend::{FsBackend, Spool};
use crate::crypto::seal::FileType;
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::Id;
use crate::object::{Hasher, Key, Kind};
use crate::repo::adopt::finished_pack;
use crate::repo::pack::{Alias, Directory, FinishedPack, check_name, read_directory};
use crate::repo::pack_path;
use std::collections::HashSet;
use std::io::{Read, Seek};
use std::sync::PoisonError;

/// Bytes that are hashed at once.
const STEP_BYTES: usize = 1 << 20;

impl Writer {
    /// Packs that may not be relied on here: they are about to go.
    pub(crate) fn doomed(&self) -> &HashSet<Id> {
        self.shared.session.doomed()
    }

    /// Packs that segments list here and that are not there, or not to their end.
    pub(crate) fn gone(&self) -> &HashSet<Id> {
        self.shared.session.gone()
    }

    /// Whether segments list packs that are not there and that no gc took: what was in them is stored again when it is met
    /// again. At a medium elsewhere nobody looks before something was missed there.
    pub fn has_lost_packs(&self) -> bool {
        self.shared.session.has_lost_packs()
    }

    /// Whether this writer was declared dead: what it relied on must be looked at again.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    pub(crate) fn is_fenced(&self) -> Result<bool> {
        self.shared.session.is_fenced()
    }

    /// Takes over a whole pack that was spooled on this repository's medium; findable after the next flush.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it has other bytes than its name says; DECRYPTION_FAILED, INVALID_KEY when it is not of
    /// this repository; STORAGE_FULL, FILE_IO and network codes.
    pub(crate) fn take_pack(&self, name: Id, spool: Spool) -> Result<()> {
        let pack = self.check_pack(name, &spool)?;
        let _open = self.shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.shared.take_failure()?;
        self.shared.repo.backend().put_spool(&pack_path(&name), spool)?;
        self.shared.packs.add(pack);
        Ok(())
    }

    /// Takes over a pack that is on the medium already: of an earlier transfer that was interrupted, or, if a segment
    /// lists it, one that was found wanting here. Of such a one every byte is read and compared with its name.
    ///
    /// # Errors
    /// As [`Writer::take_pack`]; FILE_NOT_FOUND.
    pub(crate) fn take_pack_there(&self, name: &Id, is_listed: bool) -> Result<()> {
        let core = self.shared.repo.core();
        let pack = finished_pack(core, name)?;
        if is_listed {
            check_name(core.backend.as_ref(), &pack_path(name), name, pack.file_bytes)?;
        }
        let _open = self.shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.shared.packs.add(pack);
        Ok(())
    }

    /// How many packs wait for the next flush.
    pub(crate) fn packs_waiting(&self) -> usize {
        self.shared.packs.closed()
    }

    fn check_pack(&self, name: Id, spool: &Spool) -> Result<FinishedPack> {
        let path = spool.path();
        let mut file = spool.as_file();
        file.rewind().at("read", path)?;
        let (mut hasher, mut file_bytes, mut part) = (Hasher::new(), 0u64, vec![0; STEP_BYTES]);
        loop {
            let read = file.read(&mut part).at("read", path)?;
            if read == 0 {
                break;
            }
            hasher.update(part.get(..read).unwrap_or_default());
            file_bytes += read as u64;
        }
        if hasher.finish() != name {
            let message = format!("{} arrived with other bytes than its name says", pack_path(&name));
            return fail(Code::StorageCorrupted, message);
        }
        // Exactly these bytes are read, not what another would answer when it is asked again.
        let unnamed = || Error::new(Code::FileIo, "a temporary file has no name");
        let dir = FsBackend::new(path.parent().ok_or_else(unnamed)?);
        let file_name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unnamed)?;
        let core = self.shared.repo.core();
        let (header, _, raw) = read_directory(&dir, file_name, FileType::Pack, &core.keyring, &core.format.id)?;
        let directory = Directory::decode(&raw)?;
        Ok(FinishedPack { name, file_bytes, salt: header.salt, key_id: header.key_id, directory })
    }
}

impl Putter<'_> {
    /// Puts an entry of another replica, whose bytes were compared with its id; whether it had to be stored.
    ///
    /// # Errors
    /// As [`Putter::put`].
    pub(crate) fn copy_entry(&mut self, key: Key, kind: Kind, bytes: &[u8]) -> Result<bool> {
        self.entry(key, kind, bytes)
    }

    /// Puts what leads from a large object to its recipe, as another replica has it.
    ///
    /// # Errors
    /// As [`Putter::put`].
    pub(crate) fn copy_alias(&mut self, id: Id, kind: Kind, len: u64, root: Id) -> Result<bool> {
        self.alias(Alias { id, kind, len, root })
    }
}
