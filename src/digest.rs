//! Checksums of whole streams, for pipelines: CRC-32, SHA-256, BLAKE3.
//!
//! Floor 1. Only SHA-256 names anything in a repository; the others are for comparing with other tools.

use crate::error::{Code, Error, IoContext, Result};
use sha2::Digest as _;
use std::io::Read;
use std::path::Path;

/// How much of a stream is read at a time.
const READ_BYTES: usize = 128 << 10;

/// A way to sum up bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// CRC-32 of ISO 3309, as zip and gzip use it: 8 digits.
    Crc32,
    /// SHA-256: 64 digits, what an object is named by.
    #[default]
    Sha256,
    /// BLAKE3 without a key: 64 digits.
    Blake3,
}

impl Algorithm {
    /// Its name, as `larder digest --json` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "crc32",
            Algorithm::Sha256 => "sha256",
            Algorithm::Blake3 => "blake3",
        }
    }
}

/// A sum being made.
enum State {
    Crc32(flate2::Crc),
    Sha256(sha2::Sha256),
    Blake3(Box<blake3::Hasher>),
}

/// Sums up a stream to its end: lower-case hexadecimal digits. `path` stands in messages.
///
/// # Errors
/// FILE_IO and PERMISSION_DENIED when reading fails.
pub fn digest(stream: &mut dyn Read, path: &Path, algorithm: Algorithm) -> Result<String> {
    let mut state = match algorithm {
        Algorithm::Crc32 => State::Crc32(flate2::Crc::new()),
        Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
        Algorithm::Blake3 => State::Blake3(Box::default()),
    };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).at("read", path),
        };
        let bytes = buffer.get(..read).ok_or_else(|| Error::new(Code::SystemError, "a read went past its buffer"))?;
        match &mut state {
            State::Crc32(crc) => crc.update(bytes),
            State::Sha256(hasher) => hasher.update(bytes),
            State::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }
    Ok(match state {
        State::Crc32(crc) => format!("{:08x}", crc.sum()),
        State::Sha256(hasher) => crate::id::hex(&hasher.finalize()),
        State::Blake3(hasher) => crate::id::hex(hasher.finalize().as_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values() {
        let of = |algorithm| digest(&mut &b"abc"[..], Path::new("-"), algorithm).expect("memory can be read");
        assert_eq!(of(Algorithm::Crc32), "352441c2");
        assert_eq!(of(Algorithm::Sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(of(Algorithm::Blake3), "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
    }
}
