//! What compression would save, from a few samples.

use super::{Compression, estimate};
use crate::error::{IoContext, Result};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How many places of a file are looked at.
const SAMPLES: u64 = 16;
/// How much is read at each place.
const SAMPLE_BYTES: u64 = 256 << 10;

/// The share of a file's bytes that compression would save, 0 to 1, from samples spread over it. `path` stands in
/// messages.
///
/// # Errors
/// FILE_IO when reading fails; MEMORY_ALLOC when the compressor cannot be made.
pub fn estimate_file_saving(file: &File, path: &Path, compression: Compression) -> Result<f64> {
    let metadata = file.metadata().at("look at", path)?;
    if !metadata.is_file() {
        let mut sample = Vec::new();
        file.take(SAMPLES * SAMPLE_BYTES).read_to_end(&mut sample).at("read", path)?;
        return saving(&sample, compression);
    }
    let len = metadata.len();
    if len <= SAMPLES * SAMPLE_BYTES {
        return saving(&read_at(file, path, 0, len)?, compression);
    }
    let mut sum = 0.0;
    for place in 0..SAMPLES {
        let offset = (len - SAMPLE_BYTES) / (SAMPLES - 1) * place;
        sum += saving(&read_at(file, path, offset, SAMPLE_BYTES)?, compression)?;
    }
    Ok(sum / SAMPLES as f64)
}

fn saving(sample: &[u8], compression: Compression) -> Result<f64> {
    Ok(1.0 - 1.0 / estimate(sample, compression)?)
}

/// Up to `len` bytes: fewer where the file has become shorter.
fn read_at(file: &File, path: &Path, offset: u64, len: u64) -> Result<Vec<u8>> {
    let mut sample = vec![0; usize::try_from(len).unwrap_or(0)];
    let mut filled = 0;
    while let Some(rest) = sample.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).at("read", path),
        }
    }
    sample.truncate(filled);
    Ok(sample)
}
