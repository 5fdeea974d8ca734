//! Where a large object is cut into chunks: by content, so that an insertion moves only the cuts beside it.
//!
//! Floor 1. The gear table is drawn whole from the repository's chunking key, so the places of the cuts say nothing to
//! who lacks it. FastCDC with normalisation level 2 (Xia et al., USENIX ATC 2016). FORMAT section 5, `gear-1`.

mod stream;

pub use stream::cut_stream;

use crate::error::{Code, Error, Result};

/// What a gear table is derived under.
const GEAR_CONTEXT: &str = "larder v1 gear table";

/// The shortest minimum: the rolling value remembers 64 bytes.
const MIN_BYTES_LEAST: u32 = 64;

/// The longest maximum: a chunk is held in memory by every stage that touches it.
const MAX_BYTES_MOST: u32 = 8 << 20;

/// Lengths of chunks in bytes: never shorter than `min` (but at an end), never longer than `max`, about `avg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// No cut before so many bytes.
    pub min: u32,
    /// The average aimed at, a power of two.
    pub avg: u32,
    /// A cut at so many bytes at the latest.
    pub max: u32,
}

impl Sizes {
    /// 16, 64 and 256 KiB.
    pub const DEFAULT: Sizes = Sizes { min: 16 << 10, avg: 64 << 10, max: 256 << 10 };

    /// Checked sizes in bytes.
    ///
    /// # Errors
    /// CONFIG_INVALID unless 64 <= min < avg <= max <= 8 MiB and avg is a power of two.
    pub fn new(min: u32, avg: u32, max: u32) -> Result<Sizes> {
        let sound = MIN_BYTES_LEAST <= min && min < avg && avg <= max && max <= MAX_BYTES_MOST;
        if sound && avg.is_power_of_two() {
            return Ok(Sizes { min, avg, max });
        }
        Err(Error::new(Code::ConfigInvalid, format!("chunk sizes {min}/{avg}/{max} cannot be used")).with_hint(
            format!(
                "sizes are min/avg/max in bytes with {MIN_BYTES_LEAST} <= min < avg <= max <= {MAX_BYTES_MOST}, and avg a power of two"
            ),
        ))
    }

    /// The sizes of a profile: `default`, `fine` (16 KiB on average) or `coarse` (1 MiB).
    ///
    /// # Errors
    /// CONFIG_INVALID for another name.
    pub fn profile(name: &str) -> Result<Sizes> {
        let kib = |min: u32, avg: u32, max: u32| Ok(Sizes { min: min << 10, avg: avg << 10, max: max << 10 });
        match name {
            "default" => Ok(Sizes::DEFAULT),
            "fine" => kib(4, 16, 64),
            "coarse" => kib(256, 1024, 4096),
            _ => {
                let message = format!("`{}` is not a chunk profile", name.escape_default());
                Err(Error::new(Code::ConfigInvalid, message).with_hint("profiles are default, fine and coarse"))
            }
        }
    }
}

/// Cuts objects into chunks.
#[derive(Clone)]
pub struct Chunker {
    gear: Box<[u64; 256]>,
    sizes: Sizes,
    small: u64,
    large: u64,
}

impl Chunker {
    /// Cuts with these sizes by the gear table of this key.
    pub fn new(key: &[u8; 32], sizes: Sizes) -> Self {
        let mut bytes = [0; 2048];
        blake3::Hasher::new_derive_key(GEAR_CONTEXT).update(key).finalize_xof().fill(&mut bytes);
        let mut gear = Box::new([0; 256]);
        for (value, bytes) in gear.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *value = u64::from_le_bytes(*bytes);
        }
        let bits = sizes.avg.ilog2();
        Chunker { gear, sizes, small: 1 << (64 - (bits + 2)), large: 1 << (64 - (bits - 2)) }
    }

    /// The sizes it cuts with.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The length in bytes of the first chunk of `data`, which is at least `max` bytes long or runs to the end (of the
    /// object, or before a hole). 0 only where there is no data.
    pub fn cut(&self, data: &[u8]) -> usize {
        let (min, avg, max) = (self.sizes.min as usize, self.sizes.avg as usize, self.sizes.max as usize);
        if data.len() <= min {
            return data.len();
        }
        let data = &data[..data.len().min(max)];
        let (head, tail) = data.split_at(data.len().min(avg));
        let mut rolling = 0;
        // The masks cover the top bits, so "no bit of the mask is set" is "below the mask's lowest bit".
        if let Some(at) = self.scan(&head[min..], &mut rolling, self.small) {
            return min + at;
        }
        self.scan(tail, &mut rolling, self.large).map_or(data.len(), |at| head.len() + at)
    }

    /// Rolls over `data` up to the first byte after which the value is below `limit`; how many bytes that took.
    fn scan(&self, data: &[u8], rolling: &mut u64, limit: u64) -> Option<usize> {
        let (blocks, rest) = data.as_chunks::<8>();
        let mut value = *rolling;
        for (index, block) in blocks.iter().enumerate() {
            // Unrolled by the compiler: the array has a fixed length.
            for (offset, byte) in block.iter().enumerate() {
                value = (value << 1).wrapping_add(self.gear[usize::from(*byte)]);
                if value < limit {
                    return Some(index * 8 + offset + 1);
                }
            }
        }
        for (offset, byte) in rest.iter().enumerate() {
            value = (value << 1).wrapping_add(self.gear[usize::from(*byte)]);
            if value < limit {
                return Some(blocks.len() * 8 + offset + 1);
            }
        }
        *rolling = value;
        None
    }
}

#[cfg(test)]
mod tests;
