//! The keys of a repository, as one thing that slots wrap. FORMAT section 3.

use super::seal::{Scheme, random};
use crate::error::{Code, Error, Result};
use crate::id::ShortId;
use minicbor::{Decoder, Encoder};
use std::convert::Infallible;
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// No encoded key is longer, in bytes.
const ENTRY_BYTES_MAX: usize = 1 + 9 + 17 + 2 + 34 + 1;

/// A repository's life does not have more keys than this.
const KEYS_MAX: u64 = 4096;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing files.
    Seal,
    /// Endorsing devices: an Ed25519 seed.
    Endorse,
    /// Cutting chunks.
    Chunking,
    /// Naming chunks and nodes.
    ChunkIds,
    /// The configuration's MAC.
    Config,
    /// One of a later version, kept when the keyring is written again.
    Other(u8),
}

impl Purpose {
    /// Its number.
    pub fn code(self) -> u8 {
        match self {
            Purpose::Seal => 1,
            Purpose::Endorse => 2,
            Purpose::Chunking => 3,
            Purpose::ChunkIds => 4,
            Purpose::Config => 5,
            Purpose::Other(code) => code,
        }
    }

    /// Its name, as `larder key show` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Seal => "seal",
            Purpose::Endorse => "endorse",
            Purpose::Chunking => "chunking",
            Purpose::ChunkIds => "chunk-ids",
            Purpose::Config => "config",
            Purpose::Other(_) => "unknown",
        }
    }

    fn from_code(code: u8) -> Purpose {
        match code {
            1 => Purpose::Seal,
            2 => Purpose::Endorse,
            3 => Purpose::Chunking,
            4 => Purpose::ChunkIds,
            5 => Purpose::Config,
            code => Purpose::Other(code),
        }
    }
}

#[derive(Clone)]
struct KeyEntry {
    epoch: u64,
    id: ShortId,
    purpose: Purpose,
    key: Zeroizing<[u8; 32]>,
    is_writable: bool,
}

impl KeyEntry {
    fn generate(purpose: Purpose, epoch: u64) -> Result<KeyEntry> {
        let (id, key) = (ShortId::new(random()?), Zeroizing::new(random()?));
        Ok(KeyEntry { epoch, id, purpose, key, is_writable: true })
    }

    fn public(purpose: Purpose, key: [u8; 32]) -> KeyEntry {
        KeyEntry { epoch: 0, id: ShortId::new([0; 16]), purpose, key: Zeroizing::new(key), is_writable: false }
    }
}

/// The public half of what is known about one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Counts up with each rotation, from 1.
    pub epoch: u64,
    /// What sealed files name it by.
    pub id: ShortId,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether new things may be made with it.
    pub is_writable: bool,
}

/// All keys of a repository. Wiped when dropped.
#[derive(Clone)]
pub struct Keyring {
    scheme: Scheme,
    entries: Vec<KeyEntry>,
    chunking: Zeroizing<[u8; 32]>,
    chunk_ids: Zeroizing<[u8; 32]>,
}

impl Keyring {
    /// Fresh keys for an encrypted repository.
    ///
    /// # Errors
    /// SYSTEM_ERROR when the system has no randomness.
    pub fn generate() -> Result<Keyring> {
        let purposes = [Purpose::Seal, Purpose::Endorse, Purpose::Chunking, Purpose::ChunkIds, Purpose::Config];
        let entries = purposes.into_iter().map(|purpose| KeyEntry::generate(purpose, 1)).collect::<Result<_>>()?;
        Keyring::from_entries(entries)
    }

    /// Fresh keys, but chunking and chunk ids of another repository, so that copies between both deduplicate by chunk.
    /// Who has either key then sees which chunks both hold.
    ///
    /// # Errors
    /// As [`Keyring::generate`].
    pub fn generate_like(other: &Keyring) -> Result<Keyring> {
        let mut entries = Keyring::generate()?.entries;
        for entry in &mut entries {
            match entry.purpose {
                Purpose::Chunking => entry.key = other.chunking.clone(),
                Purpose::ChunkIds => entry.key = other.chunk_ids.clone(),
                _ => {}
            }
        }
        Keyring::from_entries(entries)
    }

    /// What stands in for a keyring without encryption: anyone can derive it from the repository's id.
    pub fn public(repo: &ShortId) -> Keyring {
        let chunking = blake3::derive_key("larder v1 public chunking", repo.as_bytes());
        let chunk_ids = blake3::derive_key("larder v1 public chunk ids", repo.as_bytes());
        Keyring {
            scheme: Scheme::None,
            entries: vec![
                KeyEntry::public(Purpose::Chunking, chunking),
                KeyEntry::public(Purpose::ChunkIds, chunk_ids),
            ],
            chunking: Zeroizing::new(chunking),
            chunk_ids: Zeroizing::new(chunk_ids),
        }
    }

    /// The same keyring with new keys to seal files with and to endorse devices with. The old ones stay, to read with.
    ///
    /// # Errors
    /// CONFIG_INVALID without encryption; SYSTEM_ERROR when the system has no randomness.
    pub fn rotated(&self) -> Result<Keyring> {
        if self.scheme == Scheme::None {
            return Err(Error::new(Code::ConfigInvalid, "a repository without encryption has no keys to rotate"));
        }
        let epoch = self.entries.iter().map(|entry| entry.epoch).max().unwrap_or(0).saturating_add(1);
        let mut entries = self.entries.clone();
        for entry in &mut entries {
            entry.is_writable &= !matches!(entry.purpose, Purpose::Seal | Purpose::Endorse);
        }
        entries.push(KeyEntry::generate(Purpose::Seal, epoch)?);
        entries.push(KeyEntry::generate(Purpose::Endorse, epoch)?);
        Keyring::from_entries(entries)
    }

    /// Whether and how files are sealed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What the gear table is derived from.
    pub fn chunking_key(&self) -> &[u8; 32] {
        &self.chunking
    }

    /// What the keys of chunk and node ids are derived from.
    pub fn chunk_id_key(&self) -> &[u8; 32] {
        &self.chunk_ids
    }

    /// A digest of bytes that says nothing to anyone who has not the keyring: equal ones can be told, and none guessed.
    pub fn digest(&self, bytes: &[u8]) -> ShortId {
        let key = blake3::derive_key("larder v1 shown digests", self.chunk_ids.as_slice());
        let mut short = [0; 16];
        short.copy_from_slice(&blake3::keyed_hash(&key, bytes).as_bytes()[..16]);
        ShortId::new(short)
    }

    /// The key that new files are sealed with; `None` without encryption, and for a keyring to read with only.
    pub fn seal_key(&self) -> Option<(ShortId, &[u8; 32])> {
        self.newest(Purpose::Seal)
    }

    /// The key that a file names; `None` if the keyring has it not.
    pub fn seal_key_by_id(&self, id: &ShortId) -> Option<&[u8; 32]> {
        self.by_id(Purpose::Seal, id)
    }

    /// The key of the configuration's MAC; `None` without encryption.
    pub fn config_key(&self) -> Option<&[u8; 32]> {
        self.newest(Purpose::Config).map(|(_, key)| key)
    }

    /// The Ed25519 seed that devices are endorsed with; `None` without encryption.
    pub fn endorse_seed(&self) -> Option<(ShortId, &[u8; 32])> {
        self.newest(Purpose::Endorse)
    }

    /// The seed that an endorsement names; `None` if the keyring has it not.
    pub fn endorse_seed_by_id(&self, id: &ShortId) -> Option<&[u8; 32]> {
        self.by_id(Purpose::Endorse, id)
    }

    /// What keys there are, without the keys.
    pub fn list(&self) -> Vec<KeyInfo> {
        let info = |entry: &KeyEntry| KeyInfo {
            epoch: entry.epoch,
            id: entry.id,
            purpose: entry.purpose,
            is_writable: entry.is_writable,
        };
        self.entries.iter().map(info).collect()
    }

    /// Its bytes, to be wrapped in a slot.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Not by way of a map of members: that would leave copies of the keys behind, as a vector that grows does.
        let mut out = Zeroizing::new(Vec::with_capacity(64 + self.entries.len() * ENTRY_BYTES_MAX));
        let written = self.encode_to(&mut Encoder::new(&mut *out));
        debug_assert!(written.is_ok(), "writing to memory cannot fail");
        out
    }

    fn encode_to(
        &self,
        encoder: &mut Encoder<&mut Vec<u8>>,
    ) -> std::result::Result<(), minicbor::encode::Error<Infallible>> {
        encoder.map(2)?.u8(0)?.u8(VERSION)?.u8(1)?.array(self.entries.len() as u64)?;
        for entry in &self.entries {
            encoder.array(5)?.u64(entry.epoch)?.bytes(entry.id.as_bytes())?.u8(entry.purpose.code())?;
            encoder.bytes(entry.key.as_slice())?.bool(entry.is_writable)?;
        }
        Ok(())
    }

    /// Reads an encoded keyring.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is malformed or a key that every repository needs is absent.
    pub fn decode(bytes: &[u8]) -> Result<Keyring> {
        let mut decoder = Decoder::new(bytes);
        let entries = decode_entries(&mut decoder).map_err(|error| malformed().with_source(error))?;
        if decoder.position() != bytes.len() {
            return Err(malformed());
        }
        Keyring::from_entries(entries)
    }

    fn from_entries(entries: Vec<KeyEntry>) -> Result<Keyring> {
        let mut keyring = Keyring {
            scheme: Scheme::Aes256Gcm,
            entries,
            chunking: Zeroizing::new([0; 32]),
            chunk_ids: Zeroizing::new([0; 32]),
        };
        let absent = || Error::new(Code::StorageCorrupted, "a keyring lacks a key that every repository needs");
        keyring.chunking = Zeroizing::new(*keyring.newest(Purpose::Chunking).ok_or_else(absent)?.1);
        keyring.chunk_ids = Zeroizing::new(*keyring.newest(Purpose::ChunkIds).ok_or_else(absent)?.1);
        for purpose in [Purpose::Seal, Purpose::Endorse, Purpose::Config] {
            keyring.entries.iter().find(|entry| entry.purpose == purpose).ok_or_else(absent)?;
        }
        Ok(keyring)
    }

    /// The key of the highest epoch; one that new things may be made with, where old ones are found by their id.
    fn newest(&self, purpose: Purpose) -> Option<(ShortId, &[u8; 32])> {
        let is_named_by_id = matches!(purpose, Purpose::Seal | Purpose::Endorse);
        let fits = |entry: &&KeyEntry| entry.purpose == purpose && (entry.is_writable || !is_named_by_id);
        self.entries.iter().filter(fits).max_by_key(|entry| entry.epoch).map(|entry| (entry.id, &*entry.key))
    }

    fn by_id(&self, purpose: Purpose, id: &ShortId) -> Option<&[u8; 32]> {
        self.entries.iter().find(|entry| entry.purpose == purpose && entry.id == *id).map(|entry| &*entry.key)
    }
}

fn malformed() -> Error {
    Error::new(Code::StorageCorrupted, "a keyring is not as this format has it")
}

fn decode_entries(decoder: &mut Decoder<'_>) -> std::result::Result<Vec<KeyEntry>, minicbor::decode::Error> {
    let malformed = || minicbor::decode::Error::message("not a keyring");
    if decoder.map()? != Some(2) || decoder.u8()? != 0 || decoder.u8()? != VERSION || decoder.u8()? != 1 {
        return Err(malformed());
    }
    let count = decoder.array()?.filter(|count| *count <= KEYS_MAX).ok_or_else(malformed)?;
    (0..count).map(|_| decode_entry(decoder)).collect()
}

fn decode_entry(decoder: &mut Decoder<'_>) -> std::result::Result<KeyEntry, minicbor::decode::Error> {
    let malformed = || minicbor::decode::Error::message("not a key");
    if decoder.array()? != Some(5) {
        return Err(malformed());
    }
    Ok(KeyEntry {
        epoch: decoder.u64()?,
        id: ShortId::from_slice(decoder.bytes()?).ok_or_else(malformed)?,
        purpose: Purpose::from_code(decoder.u8()?),
        key: Zeroizing::new(decoder.bytes()?.try_into().map_err(|_| malformed())?),
        is_writable: decoder.bool()?,
    })
}
