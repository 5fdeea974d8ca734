//! A whole sealed file with one frame and an empty directory: root records, leases, dooms. FORMAT section 4.

use super::keyring::Keyring;
use super::seal::{Domain, FileCipher, FileType, HEADER_BYTES, Header, Trailer, random_fill};
use crate::error::{Code, Error, Result, fail};
use crate::id::ShortId;
use crate::wire::Cursor;

/// A record is never longer than this, in bytes: what a reader allocates is bounded.
pub const SMALL_BYTES_MAX: usize = 64 << 20;

/// Algorithms of FORMAT section 4 that such files use.
const NONE: u8 = 0;
const ZSTD: u8 = 4;
const ZSTD_LEVEL: i32 = 3;

/// Below this, compression cannot pay for itself; in bytes.
const ZSTD_BYTES_LEAST: usize = 256;

/// Seals a record as a file of its own, padded.
///
/// # Errors
/// RESOURCE_EXHAUSTED over 64 MiB; ENCRYPTION_FAILED, SYSTEM_ERROR as [`FileCipher::create`] and [`FileCipher::seal`].
pub fn seal_small(file_type: FileType, keyring: &Keyring, repo: &ShortId, raw: &[u8]) -> Result<Vec<u8>> {
    let (cipher, header) = FileCipher::create(file_type, keyring, repo)?;
    assemble(&cipher, &header, raw, random_fill)
}

pub(super) fn assemble(
    cipher: &FileCipher,
    header: &Header,
    raw: &[u8],
    fill: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<Vec<u8>> {
    if raw.len() > SMALL_BYTES_MAX {
        return fail(Code::ResourceExhausted, format!("a record cannot have more than {SMALL_BYTES_MAX} bytes"));
    }
    let mut out = header.encode();
    out.extend(cipher.seal_vec(Domain::Frame, 0, wrap(raw))?);
    let directory_offset = out.len() as u64;
    let directory = cipher.seal_vec(Domain::Directory, 0, wrap(&[]))?;
    out.extend_from_slice(&directory);
    let trailer = Trailer { directory_offset, directory_sealed_bytes: directory.len() as u64, frames: 1, flags: 0 };
    let needed = (out.len() + cipher.trailer_bytes()) as u64;
    let body_bytes = out.len();
    out.resize(body_bytes + (cipher.padded_bytes(needed) - needed) as usize, 0);
    fill(out.get_mut(body_bytes..).unwrap_or_default())?;
    out.extend(cipher.seal_vec(Domain::Trailer, 0, trailer.encode())?);
    Ok(out)
}

/// The record in such a file. Every byte of the file but the padding is checked.
///
/// # Errors
/// STORAGE_CORRUPTED when the file is not laid out as it should be; DECRYPTION_FAILED when it does not open;
/// INVALID_KEY when the keyring lacks its key.
pub fn open_small(file_type: FileType, keyring: &Keyring, repo: &ShortId, bytes: &[u8]) -> Result<Vec<u8>> {
    let broken = || Error::new(Code::StorageCorrupted, "a small sealed file is not laid out as it should be");
    let header = Header::decode(bytes)?;
    let cipher = FileCipher::open(&header, file_type, keyring, repo)?;
    let trailer_offset = bytes.len().checked_sub(cipher.trailer_bytes()).ok_or_else(broken)?;
    let sealed_trailer = bytes.get(trailer_offset..).ok_or_else(broken)?;
    let trailer = Trailer::decode(&cipher.open_bytes(Domain::Trailer, 0, sealed_trailer)?)?;
    let directory_end = trailer.check(bytes.len() as u64, &cipher)? as usize;
    let directory_offset = trailer.directory_offset as usize;
    let padded = cipher.padded_bytes((directory_end + cipher.trailer_bytes()) as u64);
    if trailer.frames != 1 || bytes.len() as u64 != padded {
        return Err(broken());
    }
    let frame = bytes.get(HEADER_BYTES..directory_offset).ok_or_else(broken)?;
    let directory = bytes.get(directory_offset..directory_end).ok_or_else(broken)?;
    if !unwrap(&cipher.open_bytes(Domain::Directory, 0, directory)?)?.is_empty() {
        return Err(broken());
    }
    unwrap(&cipher.open_bytes(Domain::Frame, 0, frame)?)
}

/// `algorithm ‖ raw length ‖ payload`, with zstd where it shortens.
fn wrap(raw: &[u8]) -> Vec<u8> {
    let packed = Some(raw).filter(|raw| raw.len() >= ZSTD_BYTES_LEAST);
    let packed = packed.and_then(|raw| zstd::bulk::compress(raw, ZSTD_LEVEL).ok());
    let (algorithm, payload) = match &packed {
        Some(packed) if packed.len() < raw.len() => (ZSTD, &packed[..]),
        _ => (NONE, raw),
    };
    let mut out = Vec::with_capacity(5 + payload.len() + 16);
    out.push(algorithm);
    out.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

fn unwrap(wrapped: &[u8]) -> Result<Vec<u8>> {
    let mut cursor = Cursor::new(wrapped, "record's frame");
    let algorithm = cursor.u8()?;
    let length = cursor.u32()? as usize;
    let payload = cursor.bytes(cursor.remaining())?;
    let raw = match algorithm {
        NONE => payload.to_vec(),
        ZSTD if length <= SMALL_BYTES_MAX => zstd::bulk::decompress(payload, length)
            .map_err(|error| cursor.broken("does not decompress").with_source(error))?,
        _ => return Err(cursor.broken("has an unknown compression or length")),
    };
    if raw.len() == length { Ok(raw) } else { Err(cursor.broken("has another length than it says")) }
}
