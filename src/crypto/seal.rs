//! Sealed files: header, pieces, padding, trailer. FORMAT section 4.
//!
//! Each file has a key of its own, derived from a keyring key and a random salt; each piece has a nonce of its own in
//! that file. Where a piece stands, in which kind of file and of which repository, is authenticated with it.

use super::aead::{AeadKey, TAG_BYTES};
use super::keyring::Keyring;
pub use super::small::{open_small, seal_small};
use crate::error::{Code, Error, Result, fail};
use crate::id::ShortId;
use crate::wire::Cursor;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a header without envelope, which is the only kind in format 1.
pub const HEADER_BYTES: usize = 91;

/// Bytes of a trailer before it is sealed.
pub const TRAILER_BYTES: usize = 24;

const MAGIC: &[u8; 6] = b"larder";
const FORMAT: u8 = 1;

/// Header bytes that every piece authenticates: magic to key id.
const BOUND_BYTES: usize = 25;

/// What a sealed file is; a file of one type does not open as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FileType {
    /// `packs/`
    Pack = 1,
    /// `index/`
    Segment = 2,
    /// `roots/`
    Root = 3,
    /// `leases/`
    Lease = 4,
    /// `gc/`
    Doom = 5,
}

impl FileType {
    /// Its number in headers.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The file type with this number.
    pub fn from_code(code: u8) -> Option<FileType> {
        let all = [FileType::Pack, FileType::Segment, FileType::Root, FileType::Lease, FileType::Doom];
        all.into_iter().find(|file_type| file_type.code() == code)
    }
}

/// How the files of a repository are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scheme {
    /// Not at all: the same layout without tags and padding.
    None = 0,
    /// AES-256-GCM.
    Aes256Gcm = 1,
}

impl Scheme {
    /// Its number in headers.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The scheme with this number.
    pub fn from_code(code: u8) -> Option<Scheme> {
        [Scheme::None, Scheme::Aes256Gcm].into_iter().find(|scheme| scheme.code() == code)
    }

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::None => "none",
            Scheme::Aes256Gcm => "aes-256-gcm",
        }
    }
}

/// What a piece is, in its nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Domain {
    /// A frame; its ordinal is new with each attempt.
    Frame = 1,
    /// The directory, ordinal 0.
    Directory = 2,
    /// The trailer, ordinal 0.
    Trailer = 3,
}

/// The start of a sealed file, in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the file is.
    pub file_type: FileType,
    /// How it is sealed.
    pub scheme: Scheme,
    /// The keyring key it is sealed under; zeros without encryption.
    pub key_id: ShortId,
    /// Random: makes the file's own key.
    pub salt: [u8; 32],
    /// Binds the file to one key; zeros without encryption.
    pub commitment: [u8; 32],
}

impl Header {
    /// Its [`HEADER_BYTES`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&bound_bytes(self.file_type, self.scheme, &self.key_id));
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.commitment);
        out.extend_from_slice(&[0, 0]);
        out
    }

    /// Reads the header at the start of a file's bytes.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is not one of this format.
    pub fn decode(bytes: &[u8]) -> Result<Header> {
        let mut cursor = Cursor::new(bytes, "sealed file's header");
        if cursor.bytes(MAGIC.len())? != MAGIC {
            return Err(cursor.broken("does not begin with `larder`"));
        }
        let file_type = FileType::from_code(cursor.u8()?).ok_or_else(|| cursor.broken("has an unknown file type"))?;
        if cursor.u8()? != FORMAT {
            return Err(cursor.broken("is of another format: a newer larder may have written it"));
        }
        let scheme = Scheme::from_code(cursor.u8()?).ok_or_else(|| cursor.broken("has an unknown scheme"))?;
        let header = Header {
            file_type,
            scheme,
            key_id: ShortId::new(cursor.array()?),
            salt: cursor.array()?,
            commitment: cursor.array()?,
        };
        if cursor.u16()? != 0 {
            return Err(cursor.broken("has an envelope, which this format does not know"));
        }
        Ok(header)
    }
}

fn bound_bytes(file_type: FileType, scheme: Scheme, key_id: &ShortId) -> [u8; BOUND_BYTES] {
    let mut out = [0; BOUND_BYTES];
    out[..6].copy_from_slice(MAGIC);
    out[6..9].copy_from_slice(&[file_type.code(), FORMAT, scheme.code()]);
    out[9..].copy_from_slice(key_id.as_bytes());
    out
}

/// Seals and opens the pieces of one file. Shared by threads.
pub struct FileCipher {
    /// `None` without encryption.
    key: Option<AeadKey>,
    /// Associated data up to the nonce: the header's bound bytes, the repository id.
    bound: [u8; BOUND_BYTES + 16],
}

impl FileCipher {
    /// For a new file: a fresh salt, the newest key.
    ///
    /// # Errors
    /// SYSTEM_ERROR when the system has no randomness; INVALID_KEY when the keyring is one to read with only;
    /// ENCRYPTION_FAILED out of memory.
    pub fn create(file_type: FileType, keyring: &Keyring, repo: &ShortId) -> Result<(FileCipher, Header)> {
        Self::create_with_salt(file_type, keyring, repo, random()?)
    }

    pub(super) fn create_with_salt(
        file_type: FileType,
        keyring: &Keyring,
        repo: &ShortId,
        salt: [u8; 32],
    ) -> Result<(FileCipher, Header)> {
        let scheme = keyring.scheme();
        let key_id = match (scheme, keyring.seal_key()) {
            (Scheme::None, _) => ShortId::new([0; 16]),
            (_, Some((id, _))) => id,
            (_, None) => return fail(Code::InvalidKey, "the keyring has no key to write with"),
        };
        let (cipher, commitment) = Self::derive(file_type, &key_id, &salt, keyring, repo)?;
        Ok((cipher, Header { file_type, scheme, key_id, salt, commitment }))
    }

    /// For a file whose header was read.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when the file is not of the expected type; INVALID_KEY when the keyring lacks its key;
    /// DECRYPTION_FAILED when its commitment is to another key, or it is not encrypted though the repository is.
    pub fn open(header: &Header, expected: FileType, keyring: &Keyring, repo: &ShortId) -> Result<FileCipher> {
        if header.file_type != expected {
            let message = format!("a file is a {:?} where a {expected:?} belongs", header.file_type);
            return fail(Code::StorageCorrupted, message.to_lowercase());
        }
        match (header.scheme, keyring.scheme()) {
            (Scheme::None, Scheme::Aes256Gcm) => {
                return fail(Code::DecryptionFailed, "a file of an encrypted repository is not encrypted");
            }
            (Scheme::Aes256Gcm, Scheme::None) => {
                return fail(Code::InvalidKey, "a file is encrypted, and there is no key");
            }
            _ => {}
        }
        let (cipher, commitment) = Self::derive(expected, &header.key_id, &header.salt, keyring, repo)?;
        // The commitment is public: nothing is given away by how long comparing takes.
        if commitment != header.commitment {
            return fail(Code::DecryptionFailed, "a file is not sealed under the key that it names");
        }
        Ok(cipher)
    }

    /// For a file whose key id and salt are known from a segment; its header is not looked at.
    ///
    /// # Errors
    /// INVALID_KEY when the keyring lacks the key.
    pub fn from_parts(
        file_type: FileType,
        key_id: &ShortId,
        salt: &[u8; 32],
        keyring: &Keyring,
        repo: &ShortId,
    ) -> Result<FileCipher> {
        Self::derive(file_type, key_id, salt, keyring, repo).map(|(cipher, _)| cipher)
    }

    fn derive(
        file_type: FileType,
        key_id: &ShortId,
        salt: &[u8; 32],
        keyring: &Keyring,
        repo: &ShortId,
    ) -> Result<(FileCipher, [u8; 32])> {
        let scheme = keyring.scheme();
        let mut bound = [0; BOUND_BYTES + 16];
        bound[..BOUND_BYTES].copy_from_slice(&bound_bytes(file_type, scheme, key_id));
        bound[BOUND_BYTES..].copy_from_slice(repo.as_bytes());
        if scheme == Scheme::None {
            return Ok((FileCipher { key: None, bound }, [0; 32]));
        }
        let key = keyring
            .seal_key_by_id(key_id)
            .ok_or_else(|| Error::new(Code::InvalidKey, format!("the keyring has no key {key_id}")))?;
        let mut output = Zeroizing::new([0; 64]);
        Hkdf::<Sha256>::new(Some(salt), key)
            .expand_multi_info(&[b"larder/file/v1", repo.as_bytes(), &[file_type.code()]], output.as_mut_slice())
            .map_err(|_| Error::new(Code::EncryptionFailed, "a file key could not be derived"))?;
        let (mut file_key, mut commitment) = (Zeroizing::new([0; 32]), [0; 32]);
        file_key.copy_from_slice(&output[..32]);
        commitment.copy_from_slice(&output[32..]);
        Ok((FileCipher { key: Some(AeadKey::new(*file_key)?), bound }, commitment))
    }

    /// A sealed piece. No two pieces of a file may have the same domain and ordinal.
    ///
    /// # Errors
    /// ENCRYPTION_FAILED when the cipher refuses.
    pub fn seal(&self, domain: Domain, ordinal: u64, plain: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(plain.len() + TAG_BYTES);
        bytes.extend_from_slice(plain);
        self.seal_vec(domain, ordinal, bytes)
    }

    /// The same where the plaintext stands.
    ///
    /// # Errors
    /// As [`FileCipher::seal`].
    pub fn seal_vec(&self, domain: Domain, ordinal: u64, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        if let Some(key) = &self.key {
            let (nonce, aad) = self.nonce_and_aad(domain, ordinal);
            key.seal_in_place(nonce, &aad, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// The plaintext of a sealed piece.
    ///
    /// # Errors
    /// DECRYPTION_FAILED when it is not what was sealed there.
    pub fn open_bytes(&self, domain: Domain, ordinal: u64, sealed: &[u8]) -> Result<Vec<u8>> {
        self.open_vec(domain, ordinal, sealed.to_vec())
    }

    /// The same where the sealed bytes stand.
    ///
    /// # Errors
    /// As [`FileCipher::open_bytes`].
    pub fn open_vec(&self, domain: Domain, ordinal: u64, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        if let Some(key) = &self.key {
            let (nonce, aad) = self.nonce_and_aad(domain, ordinal);
            key.open_in_place(nonce, &aad, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Bytes of a sealed trailer: 40, or 24 without encryption.
    pub fn trailer_bytes(&self) -> usize {
        TRAILER_BYTES + self.overhead()
    }

    /// By how many bytes sealing lengthens a piece: 16, or 0 without encryption.
    pub fn overhead(&self) -> usize {
        if self.key.is_some() { TAG_BYTES } else { 0 }
    }

    /// The length of the whole file of which `unpadded` bytes are needed: PADMÉ, or as it is without encryption.
    pub fn padded_bytes(&self, unpadded: u64) -> u64 {
        if self.key.is_some() { padme(unpadded) } else { unpadded }
    }

    fn nonce_and_aad(&self, domain: Domain, ordinal: u64) -> ([u8; 12], [u8; BOUND_BYTES + 28]) {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&(domain as u32).to_be_bytes());
        nonce[4..].copy_from_slice(&ordinal.to_be_bytes());
        let mut aad = [0; BOUND_BYTES + 28];
        aad[..self.bound.len()].copy_from_slice(&self.bound);
        aad[self.bound.len()..].copy_from_slice(&nonce);
        (nonce, aad)
    }
}

/// The end of a sealed file: where its directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// From the start of the file.
    pub directory_offset: u64,
    /// Length as sealed.
    pub directory_sealed_bytes: u64,
    /// How many frames there are.
    pub frames: u32,
    /// None are known.
    pub flags: u32,
}

impl Trailer {
    /// Its [`TRAILER_BYTES`] bytes, to be sealed.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TRAILER_BYTES + TAG_BYTES);
        out.extend_from_slice(&self.directory_offset.to_le_bytes());
        out.extend_from_slice(&self.directory_sealed_bytes.to_le_bytes());
        out.extend_from_slice(&self.frames.to_le_bytes());
        out.extend_from_slice(&self.flags.to_le_bytes());
        out
    }

    /// Reads an opened trailer. Whether the directory lies within the file is for [`Trailer::check`].
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it has another length or unknown flags.
    pub fn decode(bytes: &[u8]) -> Result<Trailer> {
        let mut cursor = Cursor::new(bytes, "trailer");
        let trailer = Trailer {
            directory_offset: cursor.u64()?,
            directory_sealed_bytes: cursor.u64()?,
            frames: cursor.u32()?,
            flags: cursor.u32()?,
        };
        if !cursor.is_empty() || trailer.flags != 0 {
            return Err(cursor.broken("is not as this format has it"));
        }
        Ok(trailer)
    }

    /// Where the directory ends, once it is known to lie between the header and the trailer of a file of `file_bytes`.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it does not.
    pub fn check(&self, file_bytes: u64, cipher: &FileCipher) -> Result<u64> {
        let end = self.directory_offset.checked_add(self.directory_sealed_bytes);
        let limit = file_bytes.checked_sub(cipher.trailer_bytes() as u64);
        match (end, limit) {
            (Some(end), Some(limit)) if self.directory_offset >= HEADER_BYTES as u64 && end <= limit => Ok(end),
            _ => fail(Code::StorageCorrupted, "a trailer points outside its file"),
        }
    }
}

/// The PADMÉ length for `len` bytes: at most 12 % more, and few different lengths (Nikitin et al., PETS 2019).
pub fn padme(len: u64) -> u64 {
    let Some(exponent) = len.checked_ilog2().filter(|exponent| *exponent > 0) else { return len };
    let low_bits = exponent - (exponent.ilog2() + 1);
    let mask = (1u64 << low_bits) - 1;
    len.checked_add(mask).map_or(len, |sum| sum & !mask)
}

/// Random bytes from the system: keys, salts, ids.
///
/// # Errors
/// SYSTEM_ERROR when the system has none.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut out = [0; N];
    random_fill(&mut out)?;
    Ok(out)
}

/// Fills `out` with random bytes. Long stretches, which only padding has, are expanded from 32 bytes of the system's.
///
/// # Errors
/// SYSTEM_ERROR when the system has none.
pub fn random_fill(out: &mut [u8]) -> Result<()> {
    #[cfg(test)]
    if seeded::fill(out) {
        return Ok(());
    }
    const FROM_SYSTEM_BYTES: usize = 256;
    let system = |out: &mut [u8]| {
        getrandom::fill(out).map_err(|error| {
            Error::new(Code::SystemError, "the system gives no random bytes").with_source(std::io::Error::from(error))
        })
    };
    if out.len() <= FROM_SYSTEM_BYTES {
        return system(out);
    }
    let mut seed = Zeroizing::new([0; 32]);
    system(seed.as_mut_slice())?;
    blake3::Hasher::new_keyed(&seed).finalize_xof().fill(out);
    Ok(())
}

/// Repeatable bytes in place of random ones, thread by thread, for tests that replay a schedule from its seed.
#[cfg(test)]
pub(crate) mod seeded {
    use std::cell::RefCell;

    thread_local! {
        static STREAM: RefCell<Option<blake3::OutputReader>> = const { RefCell::new(None) };
    }

    /// From now on this thread gets the bytes that follow from `seed`.
    pub(crate) fn seed(seed: u64) {
        let stream = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        STREAM.with(|slot| *slot.borrow_mut() = Some(stream));
    }

    pub(super) fn fill(out: &mut [u8]) -> bool {
        STREAM.with(|slot| slot.borrow_mut().as_mut().map(|stream| stream.fill(out)).is_some())
    }
}

#[cfg(test)]
mod tests;
