//! Frames of packs: read, kept near, authenticated, decompressed.
//!
//! Promise 6: what comes from the medium or from the cache is authenticated before it is used. From a medium elsewhere
//! neighbouring frames are read in one request, and the frames of trees and records, which every look at a snapshot needs, are
//! kept in the user's cache directory, sealed as they came.

use super::pack::{PackKind, RAW_FRAME_BYTES_MAX};
use super::segment::PackFacts;
use super::{Core, pack_path};
use crate::compress::Decompressor;
use crate::crypto::seal::{Domain, FileCipher, FileType};
use crate::error::{Code, Error, Result, fail};

/// A frame of a mixed pack is kept near if it is no longer: frames of trees are not.
const MIXED_META_BYTES: u32 = 96 << 10;

/// A frame as it lies in its pack.
pub(super) struct Sealed {
    bytes: Vec<u8>,
    is_from_cache: bool,
}

/// Opens one frame of a pack: reads, authenticates, decompresses.
pub(crate) fn open_frame(
    core: &Core,
    pack: &PackFacts,
    frame: u32,
    decompressor: &mut Decompressor,
) -> Result<Vec<u8>> {
    unseal(core, pack, frame, sealed_frame(core, pack, frame)?, decompressor)
}

/// The same from the medium itself, whatever is kept near.
pub(crate) fn open_frame_anew(
    core: &Core,
    pack: &PackFacts,
    frame: u32,
    decompressor: &mut Decompressor,
) -> Result<Vec<u8>> {
    unseal(core, pack, frame, from_medium(core, pack, frame)?, decompressor)
}

/// Reads and authenticates one frame of a pack: its plaintext is still compressed.
pub(crate) fn open_wrapped_frame(core: &Core, pack: &PackFacts, frame: u32) -> Result<Vec<u8>> {
    authenticate(core, pack, frame, sealed_frame(core, pack, frame)?)
}

/// Authenticates and decompresses.
pub(super) fn unseal(
    core: &Core,
    pack: &PackFacts,
    frame: u32,
    sealed: Sealed,
    decompressor: &mut Decompressor,
) -> Result<Vec<u8>> {
    let wrapped = authenticate(core, pack, frame, sealed)?;
    decompressor.unwrap_frame(&wrapped, RAW_FRAME_BYTES_MAX).map_err(|error| damaged_frame(pack, frame, error))
}

/// Reads these frames of one pack, ascending, in one request if they are several.
pub(super) fn read_together(core: &Core, pack: &PackFacts, frames: &[u32]) -> Vec<Result<Sealed>> {
    let mut answers: Vec<Option<Result<Sealed>>> =
        frames.iter().map(|frame| from_cache(core, pack, *frame).map(Ok)).collect();
    let missing: Vec<usize> = (0..frames.len()).filter(|at| answers[*at].is_none()).collect();
    if let [first, .., last] = missing.as_slice()
        && let (Ok((start, _)), Ok((end, len))) = (place_of(pack, frames[*first]), place_of(pack, frames[*last]))
    {
        let whole = core.backend.get_range(&pack_path(&pack.name), start, (end + len as u64 - start) as usize);
        for at in missing {
            if let Err(error) = &whole
                && !error.is_loss()
            {
                answers[at] = Some(Err(again(error)));
                continue;
            }
            // Of a file that was cut off the frames before the cut are tried one by one below.
            let part = place_of(pack, frames[at]).ok().zip(whole.as_ref().ok()).and_then(|((offset, len), whole)| {
                let from = usize::try_from(offset.checked_sub(start)?).ok()?;
                whole.get(from..from.checked_add(len)?)
            });
            answers[at] = part.map(|bytes| {
                keep_near(core, pack, frames[at], bytes);
                Ok(Sealed { bytes: bytes.to_vec(), is_from_cache: false })
            });
        }
    }
    frames
        .iter()
        .zip(answers)
        .map(|(frame, answer)| answer.unwrap_or_else(|| sealed_frame(core, pack, *frame)))
        .collect()
}

/// The same failure as a value of its own.
pub(super) fn again(error: &Error) -> Error {
    error.retold()
}

fn sealed_frame(core: &Core, pack: &PackFacts, frame: u32) -> Result<Sealed> {
    match from_cache(core, pack, frame) {
        Some(sealed) => Ok(sealed),
        None => from_medium(core, pack, frame),
    }
}

fn from_cache(core: &Core, pack: &PackFacts, frame: u32) -> Option<Sealed> {
    let (_, len) = place_of(pack, frame).ok()?;
    let bytes = core.near.as_ref().filter(|_| is_kept_near(pack, len))?.get(&pack.name, frame, len)?;
    Some(Sealed { bytes, is_from_cache: true })
}

fn from_medium(core: &Core, pack: &PackFacts, frame: u32) -> Result<Sealed> {
    let (offset, len) = place_of(pack, frame)?;
    let bytes = core.backend.get_range(&pack_path(&pack.name), offset, len)?;
    keep_near(core, pack, frame, &bytes);
    Ok(Sealed { bytes, is_from_cache: false })
}

fn keep_near(core: &Core, pack: &PackFacts, frame: u32, bytes: &[u8]) {
    if let Some(near) = core.near.as_ref().filter(|_| is_kept_near(pack, bytes.len())) {
        near.put(&pack.name, frame, bytes);
    }
}

fn is_kept_near(pack: &PackFacts, len: usize) -> bool {
    match pack.kind {
        PackKind::Meta => true,
        PackKind::Mixed => len <= MIXED_META_BYTES as usize,
        PackKind::Data => false,
    }
}

fn place_of(pack: &PackFacts, frame: u32) -> Result<(u64, usize)> {
    match pack.frames.get(frame as usize) {
        Some(place) => Ok((place.offset, place.sealed_bytes as usize)),
        None => fail(Code::StorageCorrupted, format!("{} has no frame {frame}", pack_path(&pack.name))),
    }
}

fn authenticate(core: &Core, pack: &PackFacts, frame: u32, sealed: Sealed) -> Result<Vec<u8>> {
    let Some(place) = pack.frames.get(frame as usize) else { return place_of(pack, frame).map(|_| Vec::new()) };
    let cipher = FileCipher::from_parts(FileType::Pack, &pack.key_id, &pack.salt, &core.keyring, &core.format.id)?;
    match cipher.open_vec(Domain::Frame, place.ordinal, sealed.bytes) {
        // What this machine kept may be damaged where the medium is not.
        Err(_) if sealed.is_from_cache => authenticate(core, pack, frame, from_medium(core, pack, frame)?),
        answer => answer.map_err(|error| damaged_frame(pack, frame, error)),
    }
}

fn damaged_frame(pack: &PackFacts, frame: u32, error: Error) -> Error {
    error.context(format!("frame {frame} of {} is damaged", pack_path(&pack.name)))
}
