//! AES-256-GCM with a nonce that the caller keeps unique.

use crate::error::{Code, Error, Result};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes of the tag that sealing appends.
pub const TAG_BYTES: usize = 16;

/// A key to seal and open with; the library wipes it when it is dropped.
pub struct AeadKey(LessSafeKey);

impl AeadKey {
    /// Takes the key's bytes.
    ///
    /// # Errors
    /// ENCRYPTION_FAILED when the library refuses, which it does only out of memory.
    pub fn new(key: [u8; 32]) -> Result<AeadKey> {
        let key = Zeroizing::new(key);
        UnboundKey::new(&AES_256_GCM, key.as_slice())
            .map(|key| AeadKey(LessSafeKey::new(key)))
            .map_err(|_| not_sealed())
    }

    /// Ciphertext ‖ 16-byte tag.
    ///
    /// # Errors
    /// ENCRYPTION_FAILED past what one nonce may cover (64 GiB).
    pub fn seal(&self, nonce: [u8; 12], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(plain.len() + TAG_BYTES);
        bytes.extend_from_slice(plain);
        self.seal_in_place(nonce, aad, &mut bytes)?;
        Ok(bytes)
    }

    /// The same where the plaintext stands; `bytes` does not move if it has room for the tag.
    ///
    /// # Errors
    /// As [`AeadKey::seal`].
    pub fn seal_in_place(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut Vec<u8>) -> Result<()> {
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), bytes)
            .map_err(|_| not_sealed())
    }

    /// The plaintext.
    ///
    /// # Errors
    /// DECRYPTION_FAILED when a bit of key, nonce, associated data or ciphertext is not what it was.
    pub fn open(&self, nonce: [u8; 12], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = sealed.to_vec();
        self.open_in_place(nonce, aad, &mut bytes)?;
        Ok(bytes)
    }

    /// The same where the ciphertext stands. After a failure `bytes` is empty.
    ///
    /// # Errors
    /// As [`AeadKey::open`].
    pub fn open_in_place(&self, nonce: [u8; 12], aad: &[u8], bytes: &mut Vec<u8>) -> Result<()> {
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), bytes);
        let length = opened.map(|plain| plain.len());
        bytes.truncate(length.unwrap_or(0));
        length
            .map(|_| ())
            .map_err(|_| Error::new(Code::DecryptionFailed, "sealed bytes do not open: they were changed"))
    }
}

fn not_sealed() -> Error {
    Error::new(Code::EncryptionFailed, "bytes could not be sealed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_bit_is_noticed() {
        let key = AeadKey::new([1; 32]).expect("a key");
        let sealed = key.seal([2; 12], b"about", b"plain").expect("sealed");
        assert_eq!(sealed.len(), 5 + TAG_BYTES);
        assert_eq!(key.open([2; 12], b"about", &sealed).expect("opened"), b"plain");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = key.open([2; 12], b"about", &changed).expect_err("changed");
            assert_eq!(error.code(), Code::DecryptionFailed);
        }
        assert!(key.open([3; 12], b"about", &sealed).is_err());
        assert!(key.open([2; 12], b"other", &sealed).is_err());
        assert!(AeadKey::new([0; 32]).expect("a key").open([2; 12], b"about", &sealed).is_err());
        for end in 0..sealed.len() {
            assert!(key.open([2; 12], b"about", &sealed[..end]).is_err());
        }
    }
}
