//! Slots: the keyring wrapped under a passphrase or a key file. FORMAT section 3.
//!
//! Taking a slot away does not revoke what its owner has seen; only new keys do.

use super::aead::AeadKey;
use super::keyring::Keyring;
use super::seal::{Scheme, random};
use crate::cbor::Fields;
use crate::clock::Stopwatch;
use crate::error::{Code, Error, Result, fail};
use crate::id::ShortId;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

const WHAT: &str = "key slot";
const MAGIC: &str = "larder-slot";
const VERSION: u32 = 1;

/// No slot is longer, in bytes.
const SLOT_BYTES_MAX: usize = 1 << 20;

/// A key file of fewer bytes could be guessed: it is not stretched as a passphrase is.
pub const KEY_FILE_BYTES_MIN: usize = 16;

/// Members of a slot.
mod member {
    pub const MAGIC: u64 = 0;
    pub const VERSION: u64 = 1;
    pub const KIND: u64 = 2;
    pub const COST: u64 = 3;
    pub const SALT: u64 = 4;
    pub const NONCE: u64 = 5;
    pub const WRAPPED: u64 = 6;
    pub const LABEL: u64 = 7;
    pub const CREATED: u64 = 8;
    pub const REPOSITORY: u64 = 9;
}

/// What opens a slot.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    /// What a person typed, byte by byte.
    Passphrase(&'a [u8]),
    /// The whole content of a key file.
    KeyFile(&'a [u8]),
}

impl Secret<'_> {
    fn kind(&self) -> SlotKind {
        match self {
            Secret::Passphrase(_) => SlotKind::Passphrase,
            Secret::KeyFile(_) => SlotKind::KeyFile,
        }
    }
}

/// What kind of secret a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// Stretched by Argon2id.
    Passphrase,
    /// Random enough by itself.
    KeyFile,
}

impl SlotKind {
    fn code(self) -> u8 {
        match self {
            SlotKind::Passphrase => 1,
            SlotKind::KeyFile => 2,
        }
    }

    fn from_code(code: u8) -> Option<SlotKind> {
        [SlotKind::Passphrase, SlotKind::KeyFile].into_iter().find(|kind| kind.code() == code)
    }

    /// Its name, as users see it.
    pub fn name(self) -> &'static str {
        match self {
            SlotKind::Passphrase => "passphrase",
            SlotKind::KeyFile => "key file",
        }
    }
}

/// What a passphrase costs to try: Argon2id parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfCost {
    /// Passes.
    pub t: u32,
    /// Memory in KiB.
    pub m_kib: u32,
    /// Lanes.
    pub p: u32,
}

impl KdfCost {
    /// No slot is made with less (RFC 9106, second recommended option).
    pub const FLOOR: KdfCost = KdfCost { t: 3, m_kib: 65_536, p: 4 };

    /// A slot that asks for more is refused: it would stop the reader, not an attacker.
    pub const CEILING: KdfCost = KdfCost { t: 64, m_kib: 4 << 20, p: 64 };

    /// The cost that takes this machine about `target_ms`, never less than the floor. More passes, not more memory:
    /// the repository has to open on smaller machines too, and within the memory budget.
    ///
    /// # Errors
    /// MEMORY_ALLOC when even the floor does not fit.
    pub fn calibrated(target_ms: u64) -> Result<KdfCost> {
        let watch = Stopwatch::start();
        stretch(b"calibration", &[0; 16], KdfCost::FLOOR)?;
        let pass_ms = (watch.elapsed_ms() / u64::from(KdfCost::FLOOR.t)).max(1);
        let t = (target_ms / pass_ms).clamp(u64::from(KdfCost::FLOOR.t), u64::from(KdfCost::CEILING.t));
        Ok(KdfCost { t: t as u32, ..KdfCost::FLOOR })
    }

    fn is_within(&self, least: KdfCost, most: KdfCost) -> bool {
        (least.t..=most.t).contains(&self.t)
            && (least.m_kib..=most.m_kib).contains(&self.m_kib)
            && (least.p..=most.p).contains(&self.p)
            && u64::from(self.m_kib) >= 8 * u64::from(self.p)
    }
}

/// What a slot says without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// What opens it.
    pub kind: SlotKind,
    /// What its owner calls it.
    pub label: String,
    /// Unix seconds.
    pub created: i64,
    /// What a try costs; `None` for a key file.
    pub kdf: Option<KdfCost>,
}

/// The bytes of a new slot, which is stored under the SHA-256 of them.
///
/// # Errors
/// CONFIG_INVALID for a cost below the floor or over the ceiling, or without encryption; INVALID_ARG for an empty
/// passphrase or a short key file; SYSTEM_ERROR without randomness; MEMORY_ALLOC.
pub fn wrap_slot(
    keyring: &Keyring,
    repo: &ShortId,
    secret: Secret<'_>,
    label: &str,
    created: i64,
    cost: KdfCost,
) -> Result<Vec<u8>> {
    match secret {
        Secret::Passphrase([]) => return fail(Code::InvalidArg, "an empty passphrase protects nothing"),
        Secret::KeyFile(bytes) if bytes.len() < KEY_FILE_BYTES_MIN => {
            return Err(Error::new(Code::InvalidArg, format!("a key file has at least {KEY_FILE_BYTES_MIN} bytes"))
                .with_hint("make one with `head -c 32 /dev/urandom`"));
        }
        Secret::Passphrase(_) if !cost.is_within(KdfCost::FLOOR, KdfCost::CEILING) => {
            return fail(Code::ConfigInvalid, "the cost of a passphrase is outside its limits");
        }
        _ => {}
    }
    if keyring.scheme() == Scheme::None {
        return fail(Code::ConfigInvalid, "a repository without encryption has no keys");
    }
    wrap_with(keyring, repo, secret, label, created, cost, random()?, random()?)
}

#[allow(clippy::too_many_arguments)]
pub(super) fn wrap_with(
    keyring: &Keyring,
    repo: &ShortId,
    secret: Secret<'_>,
    label: &str,
    created: i64,
    cost: KdfCost,
    salt: [u8; 16],
    nonce: [u8; 12],
) -> Result<Vec<u8>> {
    let mut slot = Fields::new();
    slot.put(member::MAGIC, MAGIC);
    slot.put(member::VERSION, VERSION);
    slot.put(member::KIND, secret.kind().code());
    if secret.kind() == SlotKind::Passphrase {
        slot.put(member::COST, [cost.t, cost.m_kib, cost.p]);
    }
    slot.put_bytes(member::SALT, &salt);
    slot.put_bytes(member::NONCE, &nonce);
    slot.put(member::LABEL, label);
    slot.put(member::CREATED, created);
    slot.put(member::REPOSITORY, repo);
    let key = AeadKey::new(*wrapping_key(secret, &salt, Some(cost))?)?;
    let wrapped = key.seal(nonce, &slot.encode(), &keyring.encode())?;
    slot.put_bytes(member::WRAPPED, &wrapped);
    Ok(slot.encode())
}

/// The keyring in a slot.
///
/// # Errors
/// INVALID_KEY when the secret does not open it, or it is of another repository; STORAGE_CORRUPTED when it is
/// malformed; MEMORY_ALLOC when its cost cannot be paid here.
pub fn unwrap_slot(bytes: &[u8], repo: &ShortId, secret: Secret<'_>) -> Result<Keyring> {
    let (mut slot, info) = read(bytes)?;
    if info.kind != secret.kind() {
        return fail(Code::InvalidKey, format!("the slot `{}` opens with a {}", info.label, info.kind.name()));
    }
    // What is authenticated is every other member as it was written, those of a later version too.
    let wrapped = slot.need_bytes(member::WRAPPED, WHAT)?;
    let authenticated = slot.encode();
    if slot.need::<ShortId>(member::REPOSITORY, WHAT)? != *repo {
        return fail(Code::InvalidKey, format!("the slot `{}` belongs to another repository", info.label));
    }
    let key = wrapping_key(secret, &slot.need_array(member::SALT, WHAT)?, info.kdf)?;
    let opened = AeadKey::new(*key)?.open(slot.need_array(member::NONCE, WHAT)?, &authenticated, &wrapped);
    let keyring = Zeroizing::new(opened.map_err(|_| {
        let what = info.kind.name();
        Error::new(Code::InvalidKey, format!("the slot `{}` does not open with this {what}", info.label))
    })?);
    Keyring::decode(&keyring)
}

/// What a slot says without its secret. Nothing of it is authenticated until the slot is opened.
///
/// # Errors
/// STORAGE_CORRUPTED when it is malformed.
pub fn slot_info(bytes: &[u8]) -> Result<SlotInfo> {
    read(bytes).map(|(_, info)| info)
}

fn read(bytes: &[u8]) -> Result<(Fields, SlotInfo)> {
    let malformed = || Error::new(Code::StorageCorrupted, format!("a {WHAT} is not as this format has it"));
    if bytes.len() > SLOT_BYTES_MAX {
        return Err(malformed());
    }
    let slot = Fields::decode(bytes, WHAT)?;
    let mut read = slot.clone();
    if read.need::<String>(member::MAGIC, WHAT)? != MAGIC || read.need::<u32>(member::VERSION, WHAT)? != VERSION {
        return Err(malformed());
    }
    let kind = SlotKind::from_code(read.need(member::KIND, WHAT)?).ok_or_else(malformed)?;
    let kdf = match kind {
        SlotKind::KeyFile => None,
        SlotKind::Passphrase => {
            let [t, m_kib, p] = read.need(member::COST, WHAT)?;
            let least = KdfCost { t: 1, m_kib: 8, p: 1 };
            let cost = KdfCost { t, m_kib, p };
            Some(Some(cost).filter(|cost| cost.is_within(least, KdfCost::CEILING)).ok_or_else(malformed)?)
        }
    };
    let (label, created) = (read.need(member::LABEL, WHAT)?, read.need(member::CREATED, WHAT)?);
    Ok((slot, SlotInfo { kind, label, created, kdf }))
}

fn wrapping_key(secret: Secret<'_>, salt: &[u8; 16], cost: Option<KdfCost>) -> Result<Zeroizing<[u8; 32]>> {
    match (secret, cost) {
        (Secret::Passphrase(passphrase), Some(cost)) => stretch(passphrase, salt, cost),
        (Secret::Passphrase(_), None) => fail(Code::StorageCorrupted, "a passphrase slot has no cost"),
        (Secret::KeyFile(content), _) => {
            let mut key = Zeroizing::new([0; 32]);
            Hkdf::<Sha256>::new(Some(salt), content)
                .expand(b"larder/keyfile/v1", key.as_mut_slice())
                .map_err(|_| Error::new(Code::EncryptionFailed, "a wrapping key could not be derived"))?;
            Ok(key)
        }
    }
}

/// Argon2id, version 0x13.
fn stretch(passphrase: &[u8], salt: &[u8; 16], cost: KdfCost) -> Result<Zeroizing<[u8; 32]>> {
    let failed = |error: argon2::Error| match error {
        argon2::Error::OutOfMemory => {
            Error::new(Code::MemoryAlloc, format!("opening a passphrase slot takes {} MiB", cost.m_kib >> 10))
        }
        error => Error::new(Code::EncryptionFailed, format!("a passphrase could not be stretched: {error}")),
    };
    let params = argon2::Params::new(cost.m_kib, cost.t, cost.p, Some(32)).map_err(failed)?;
    let mut key = Zeroizing::new([0; 32]);
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(passphrase, salt, key.as_mut_slice())
        .map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests;
