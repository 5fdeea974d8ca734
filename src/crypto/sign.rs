//! Devices: Ed25519 keys that sign root records, and the endorsement that makes one trusted. FORMAT section 3.
//! The configuration's MAC stands here as well. FORMAT section 2.

use super::keyring::Keyring;
use super::seal::{Scheme, random};
use crate::cbor::Fields;
use crate::error::{Code, Error, Result, fail};
use crate::id::ShortId;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use minicbor::bytes::ByteArray;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const WHAT: &str = "device record";
const MAGIC: &str = "larder-device";
const VERSION: u32 = 1;

/// No device record is longer, in bytes.
const RECORD_BYTES_MAX: usize = 64 << 10;

const DEVICE_DOMAIN: &[u8] = b"larder/device/v1\0";
const CONFIG_DOMAIN: &[u8] = b"larder/config/v1";

/// Members of a device record.
mod member {
    pub const MAGIC: u64 = 0;
    pub const VERSION: u64 = 1;
    pub const PUBLIC: u64 = 2;
    pub const CREATED: u64 = 4;
    pub const ENDORSER: u64 = 5;
    pub const SIGNATURE: u64 = 6;
}

/// The key that this device signs its root records with. Wiped when dropped.
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// A fresh one.
    ///
    /// # Errors
    /// SYSTEM_ERROR when the system has no randomness.
    pub fn generate() -> Result<DeviceKey> {
        Ok(DeviceKey::from_seed(*Zeroizing::new(random()?)))
    }

    /// The one of this seed.
    pub fn from_seed(seed: [u8; 32]) -> DeviceKey {
        DeviceKey(SigningKey::from_bytes(&Zeroizing::new(seed)))
    }

    /// What it is made from again.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The name of its public half.
    pub fn device_id(&self) -> ShortId {
        device_id(&self.public())
    }

    /// Signs; the message begins with what it is, so that no signature serves for something else.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The name of a device: the first 16 bytes of the SHA-256 of its public key.
pub fn device_id(public: &[u8; 32]) -> ShortId {
    let digest: [u8; 32] = Sha256::digest(public).into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    ShortId::new(id)
}

/// Checks a signature, strictly: no weak keys, one encoding only.
///
/// # Errors
/// INVALID_SIGNATURE when it does not match.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<()> {
    VerifyingKey::from_bytes(public)
        .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
        .map_err(|_| Error::new(Code::InvalidSignature, "a signature does not match"))
}

/// The file of `keys/devices/` that makes a device known, endorsed by the keyring; without encryption there is nobody
/// to endorse it. `created` is in Unix seconds.
///
/// # Errors
/// None today.
pub fn endorse(keyring: &Keyring, repo: &ShortId, public: &[u8; 32], created: i64) -> Result<Vec<u8>> {
    let mut record = Fields::new();
    record.put(member::MAGIC, MAGIC);
    record.put(member::VERSION, VERSION);
    record.put_bytes(member::PUBLIC, public);
    record.put(member::CREATED, created);
    if let Some((id, seed)) = keyring.endorse_seed() {
        record.put(member::ENDORSER, id);
        let signature = DeviceKey::from_seed(*seed).sign(&endorsed_message(repo, &record));
        record.put_bytes(member::SIGNATURE, &signature);
    }
    Ok(record.encode())
}

/// The public key in a device record. With encryption its endorsement is checked; without, each client keeps its own
/// list of devices that it trusts.
///
/// # Errors
/// STORAGE_CORRUPTED when the record is malformed; INVALID_SIGNATURE when it is not endorsed by a key of the keyring.
pub fn read_device(bytes: &[u8], keyring: &Keyring, repo: &ShortId) -> Result<[u8; 32]> {
    let malformed = || Error::new(Code::StorageCorrupted, format!("a {WHAT} is not as this format has it"));
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(malformed());
    }
    let mut record = Fields::decode(bytes, WHAT)?;
    let signature = record.take::<ByteArray<64>>(member::SIGNATURE, WHAT)?;
    let message = endorsed_message(repo, &record);
    if record.need::<String>(member::MAGIC, WHAT)? != MAGIC || record.need::<u32>(member::VERSION, WHAT)? != VERSION {
        return Err(malformed());
    }
    let public = record.need_array(member::PUBLIC, WHAT)?;
    record.need::<i64>(member::CREATED, WHAT)?;
    let endorser = record.take::<ShortId>(member::ENDORSER, WHAT)?;
    if keyring.scheme() == Scheme::None {
        return Ok(public);
    }
    let (Some(endorser), Some(signature)) = (endorser, signature) else {
        return fail(Code::InvalidSignature, "a device is not endorsed");
    };
    let seed = keyring
        .endorse_seed_by_id(&endorser)
        .ok_or_else(|| Error::new(Code::InvalidSignature, "a device is endorsed by a key that is not ours"))?;
    verify(&DeviceKey::from_seed(*seed).public(), &message, &signature)?;
    Ok(public)
}

/// `record` is without its signature.
fn endorsed_message(repo: &ShortId, record: &Fields) -> Vec<u8> {
    [DEVICE_DOMAIN, repo.as_bytes(), &record.encode()].concat()
}

/// The MAC over the text of `config.toml` before its `mac` line. Without encryption there is no key and no such line;
/// the answer then means nothing.
pub fn config_mac(keyring: &Keyring, text: &[u8]) -> [u8; 32] {
    // HMAC fills a short key up with zeros to its block; done here, the length cannot be wrong.
    let mut block = Zeroizing::new([0; 64]);
    if let Some(key) = keyring.config_key() {
        block[..32].copy_from_slice(key);
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    mac.update(CONFIG_DOMAIN);
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REPO: ShortId = ShortId::new([9; 16]);

    fn code<T>(result: Result<T>) -> Option<Code> {
        result.err().map(|error| error.code())
    }

    #[test]
    fn signatures_match_one_message_and_key() {
        let device = DeviceKey::generate().expect("a key");
        let signature = device.sign(b"message");
        assert_eq!(code(verify(&device.public(), b"message", &signature)), None);
        assert_eq!(code(verify(&device.public(), b"massage", &signature)), Some(Code::InvalidSignature));
        assert_eq!(code(verify(&[0; 32], b"message", &signature)), Some(Code::InvalidSignature), "a weak key");
        let again = DeviceKey::from_seed(*device.seed());
        assert_eq!((again.public(), again.device_id()), (device.public(), device_id(&device.public())));
    }

    #[test]
    fn devices_are_endorsed_by_the_keyring() {
        let ring = Keyring::generate().expect("keys");
        let public = DeviceKey::generate().expect("a key").public();
        let bytes = endorse(&ring, &REPO, &public, 5).expect("endorsed");
        assert_eq!(read_device(&bytes, &ring, &REPO).expect("a device"), public);
        assert_eq!(read_device(&bytes, &ring.rotated().expect("rotated"), &REPO).expect("a device"), public);
        let other = Keyring::generate().expect("keys");
        assert_eq!(code(read_device(&bytes, &other, &REPO)), Some(Code::InvalidSignature));
        assert_eq!(code(read_device(&bytes, &ring, &ShortId::new([8; 16]))), Some(Code::InvalidSignature));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(read_device(&changed, &ring, &REPO).is_err(), "byte {at}");
            assert_eq!(code(read_device(&bytes[..at], &ring, &REPO)), Some(Code::StorageCorrupted));
        }
    }

    #[test]
    fn without_encryption_nobody_endorses() {
        let (ring, public) = (Keyring::public(&REPO), [4; 32]);
        let bytes = endorse(&ring, &REPO, &public, 5).expect("a record");
        assert_eq!(read_device(&bytes, &ring, &REPO).expect("a device"), public);
        let encrypted = Keyring::generate().expect("keys");
        assert_eq!(code(read_device(&bytes, &encrypted, &REPO)), Some(Code::InvalidSignature));
    }

    #[test]
    fn the_configuration_mac_depends_on_key_and_text() {
        let ring = Keyring::generate().expect("keys");
        assert_eq!(config_mac(&ring, b"a"), config_mac(&ring, b"a"));
        assert_ne!(config_mac(&ring, b"a"), config_mac(&ring, b"b"));
        assert_ne!(config_mac(&ring, b"a"), config_mac(&Keyring::generate().expect("keys"), b"a"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_device_or_refused(bytes: Vec<u8>) {
            prop_assert_eq!(code(read_device(&bytes, &Keyring::public(&REPO), &REPO)), Some(Code::StorageCorrupted));
        }
    }
}
