//! Measures the pieces that every command is made of: cutting, hashing, compressing, sealing.
//!
//! Floor 5. Each piece works on the same made-up data on one thread; its CPU time counts, so a busy machine changes
//! little. The index is measured by [`Repo::measure_index`](crate::repo::Repo::measure_index).

use crate::chunker::{Chunker, Sizes};
use crate::compress::{Algorithm, Compression, Compressor, Decompressor};
use crate::crypto::keyring::Keyring;
use crate::crypto::seal::{Domain, FileCipher, FileType};
use crate::error::Result;
use crate::id::ShortId;
use crate::object::hash;
use crate::recipe::ChunkIds;
use rustix::time::{ClockId, clock_gettime};

/// Raw bytes of one frame, what compressors and ciphers are given at a time.
const FRAME_BYTES: usize = 512 << 10;

/// One measured piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Million bytes a second of one thread's CPU time.
    pub mb_per_second: f64,
    /// For compression: how many times smaller.
    pub ratio: Option<f64>,
}

/// Measures every piece on `bytes` of made-up data each.
///
/// # Errors
/// SYSTEM_ERROR when the system gives no random bytes; what the codecs answer.
pub fn measure(bytes: usize) -> Result<Vec<Row>> {
    let (text, random) = (made_up_text(bytes), made_up_noise(bytes));
    let repo = ShortId::new([0; 16]);
    let keyring = Keyring::generate()?;
    let chunker = Chunker::new(keyring.chunking_key(), Sizes::DEFAULT);
    let ids = ChunkIds::new(keyring.chunk_id_key());
    let mut rows = vec![
        speed("chunk (gear-1)", random.len(), || {
            let mut rest = &random[..];
            while !rest.is_empty() {
                rest = &rest[chunker.cut(rest)..];
            }
            Ok(())
        })?,
        speed("hash (SHA-256)", random.len(), || {
            std::hint::black_box(hash(&random));
            Ok(())
        })?,
        speed("chunk id (BLAKE3)", random.len(), || {
            random.chunks(64 << 10).for_each(|chunk| _ = std::hint::black_box(ids.chunk(chunk)));
            Ok(())
        })?,
    ];
    let (cipher, _) = FileCipher::create(FileType::Pack, &keyring, &repo)?;
    let mut sealed = Vec::new();
    rows.push(speed("seal (AES-256-GCM)", random.len(), || {
        for (ordinal, frame) in random.chunks(FRAME_BYTES).enumerate() {
            sealed.push(cipher.seal(Domain::Frame, ordinal as u64, frame)?);
        }
        Ok(())
    })?);
    rows.push(speed("open (AES-256-GCM)", random.len(), || {
        for (ordinal, frame) in sealed.iter().enumerate() {
            std::hint::black_box(cipher.open_bytes(Domain::Frame, ordinal as u64, frame)?);
        }
        Ok(())
    })?);
    for (algorithm, level) in [
        (Algorithm::None, None),
        (Algorithm::Lz4, None),
        (Algorithm::Zstd, Some(1)),
        (Algorithm::Zstd, Some(3)),
        (Algorithm::Zstd, Some(9)),
        (Algorithm::Gzip, Some(6)),
        (Algorithm::Zlib, Some(6)),
    ] {
        rows.extend(measure_compression(Compression::new(algorithm, level)?, &text)?);
    }
    let zstd = Compression::new(Algorithm::Zstd, None)?;
    rows.push(speed("zstd level 3, noise", random.len(), || wrap_all(zstd, &random).map(|_| ()))?);
    Ok(rows)
}

fn measure_compression(compression: Compression, text: &[u8]) -> Result<Vec<Row>> {
    let level =
        if compression.algorithm == Algorithm::None { String::new() } else { format!(" level {}", compression.level) };
    let name = format!("{}{level}, text", compression.algorithm.name());
    let mut wrapped = Vec::new();
    let mut row = speed(&name, text.len(), || {
        wrapped = wrap_all(compression, text)?;
        Ok(())
    })?;
    let stored: usize = wrapped.iter().map(Vec::len).sum();
    row.ratio = Some(text.len() as f64 / stored.max(1) as f64);
    let mut decompressor = Decompressor::new();
    let back = speed(&format!("{name}, back"), text.len(), || {
        wrapped.iter().try_for_each(|frame| decompressor.unwrap_frame(frame, FRAME_BYTES).map(|_| ()))
    })?;
    Ok(vec![row, back])
}

fn wrap_all(compression: Compression, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut compressor = Compressor::new(compression)?;
    bytes.chunks(FRAME_BYTES).map(|frame| compressor.wrap(frame)).collect()
}

/// Runs `work` once on this thread and divides.
fn speed(name: &str, bytes: usize, work: impl FnOnce() -> Result<()>) -> Result<Row> {
    let start = cpu_seconds();
    work()?;
    let seconds = (cpu_seconds() - start).max(1e-9);
    Ok(Row { name: name.to_string(), mb_per_second: bytes as f64 / 1e6 / seconds, ratio: None })
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Words of a small vocabulary in a fixed order that looks like prose to a compressor.
fn made_up_text(len: usize) -> Vec<u8> {
    let words: Vec<Vec<u8>> =
        (0..2_000u64).map(|n| hash(&n.to_le_bytes()).to_hex().into_bytes()[..3 + (n % 7) as usize].to_vec()).collect();
    let mut text = Vec::with_capacity(len + 16);
    let mut state = 1u64;
    while text.len() < len {
        state = next(state);
        // Low numbers come more often, as frequent words do.
        let at = ((state >> 40) % 2_000).min((state >> 20) % 2_000);
        text.extend(&words[at as usize]);
        text.push(if at.is_multiple_of(11) { b'\n' } else { b' ' });
    }
    text.truncate(len);
    text
}

fn made_up_noise(len: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut noise = Vec::with_capacity(len + 8);
    while noise.len() < len {
        state = next(state);
        noise.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    noise.truncate(len);
    noise
}

fn next(mut x: u64) -> u64 {
    x ^= x << 13;
    x ^= x >> 7;
    x ^ (x << 17)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_measured() {
        let rows = measure(1 << 20).expect("measured");
        assert!(rows.len() > 15 && rows.iter().all(|row| row.mb_per_second > 0.0));
        for row in rows.iter().filter(|row| row.ratio.is_some()) {
            let is_smaller = row.ratio.is_some_and(|ratio| ratio > 1.2);
            assert_eq!(is_smaller, !row.name.starts_with("none"), "{row:?}");
        }
        assert!(rows.iter().any(|row| row.name.starts_with("none")));
    }
}
