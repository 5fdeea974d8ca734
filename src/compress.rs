//! Compression of frames and of streams: zstd, lz4, gzip, zlib, or none.
//!
//! Floor 1. A frame carries its algorithm and raw length before the payload, and is stored raw where compression gains
//! under 3 %. Whatever is unwrapped is bounded by the caller before a byte is allocated. FORMAT section 4.

mod estimate;
mod stream;

pub use estimate::estimate_file_saving;
pub use stream::{Streamed, compress_stream, decompress_stream};

use crate::error::{Code, Error, Result, fail};
use crate::wire::Cursor;
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use std::fmt;
use std::str::FromStr;

/// Bytes before the payload of a wrapped frame: algorithm (u8), raw length (u32).
pub const WRAP_BYTES: usize = 5;

/// Room left behind a wrapped frame, so that sealing it in place need not move it.
const TAIL_BYTES: usize = 16;

/// How frames and streams are compressed; the numbers are those of FORMAT section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Algorithm {
    /// As it is.
    None = 0,
    /// RFC 1950.
    Zlib = 1,
    /// RFC 1952.
    Gzip = 2,
    /// One block in frames, the frame format in streams.
    Lz4 = 3,
    /// RFC 8878.
    Zstd = 4,
}

impl Algorithm {
    /// All of them, in the order of their numbers.
    pub const ALL: [Algorithm; 5] =
        [Algorithm::None, Algorithm::Zlib, Algorithm::Gzip, Algorithm::Lz4, Algorithm::Zstd];

    /// Its number in frames.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The algorithm with this number; `None` for one that this version does not know.
    pub fn from_code(code: u8) -> Option<Algorithm> {
        Algorithm::ALL.get(usize::from(code)).copied()
    }

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::None => "none",
            Algorithm::Zlib => "zlib",
            Algorithm::Gzip => "gzip",
            Algorithm::Lz4 => "lz4",
            Algorithm::Zstd => "zstd",
        }
    }

    /// The algorithm of this name.
    ///
    /// # Errors
    /// CONFIG_INVALID for another name.
    pub fn parse(text: &str) -> Result<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == text).ok_or_else(|| {
            Error::new(Code::ConfigInvalid, format!("`{}` is not a compression", text.escape_default()))
                .with_hint("compressions are none, zlib, gzip, lz4 and zstd")
        })
    }

    /// The level used where none is asked for, the lowest, the highest.
    fn levels(self) -> (i32, i32, i32) {
        match self {
            // Accepted and without effect, so that a script can vary the algorithm alone.
            Algorithm::None => (0, 0, 12),
            Algorithm::Zlib | Algorithm::Gzip => (6, 1, 9),
            // There is one lz4 compressor here; levels are accepted so that settings of other tools carry over.
            Algorithm::Lz4 => (1, 1, 12),
            // Levels from 20 up need windows that do not fit the memory budget.
            Algorithm::Zstd => (3, 1, 19),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;
    fn from_str(text: &str) -> Result<Algorithm> {
        Algorithm::parse(text)
    }
}

/// An algorithm and a level that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Which.
    pub algorithm: Algorithm,
    /// How hard: 1 to 19 for zstd, 1 to 9 for zlib and gzip, 1 to 12 for lz4 (all alike), 0 for none.
    pub level: i32,
}

impl Compression {
    /// No compression.
    pub const NONE: Compression = Compression { algorithm: Algorithm::None, level: 0 };

    /// The algorithm at this level, or at its own default: zstd 3, zlib and gzip 6.
    ///
    /// # Errors
    /// CONFIG_INVALID for a level that it has not.
    pub fn new(algorithm: Algorithm, level: Option<i32>) -> Result<Compression> {
        let (default, least, most) = algorithm.levels();
        let level = level.unwrap_or(default);
        if (least..=most).contains(&level) {
            return Ok(if algorithm == Algorithm::None { Compression::NONE } else { Compression { algorithm, level } });
        }
        fail(Code::ConfigInvalid, format!("{algorithm} has levels {least} to {most}, not {level}"))
    }
}

impl Default for Compression {
    /// zstd at level 3.
    fn default() -> Self {
        Compression { algorithm: Algorithm::Zstd, level: 3 }
    }
}

/// Compresses frames, with contexts and buffers that are used again. One per thread.
pub struct Compressor {
    context: Context,
    scratch: Vec<u8>,
}

enum Context {
    None,
    Zlib(Compress),
    Gzip(Compress),
    Lz4(lz4_flex::block::CompressTable),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    /// Makes what the algorithm needs.
    ///
    /// # Errors
    /// MEMORY_ALLOC when zstd cannot have its context.
    pub fn new(compression: Compression) -> Result<Compressor> {
        let level = compression.level;
        let deflate = flate2::Compression::new(level.unsigned_abs());
        let context = match compression.algorithm {
            Algorithm::None => Context::None,
            Algorithm::Zlib => Context::Zlib(Compress::new(deflate, true)),
            Algorithm::Gzip => Context::Gzip(Compress::new_gzip(deflate, 15)),
            Algorithm::Lz4 => Context::Lz4(lz4_flex::block::CompressTable::large()),
            Algorithm::Zstd => Context::Zstd(zstd::bulk::Compressor::new(level).map_err(no_memory)?),
        };
        Ok(Compressor { context, scratch: Vec::new() })
    }

    /// `algorithm u8 ‖ raw length u32 ‖ payload`: compressed, or raw where that gains under 3 %. The vector has room
    /// for a 16-byte tag.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED for 4 GiB and more; MEMORY_ALLOC when a compressor runs out of memory.
    pub fn wrap(&mut self, raw: &[u8]) -> Result<Vec<u8>> {
        let length = u32::try_from(raw.len())
            .map_err(|_| Error::new(Code::ResourceExhausted, "a frame cannot have 4 GiB and more"))?;
        let (algorithm, payload) = match self.compress(raw)? {
            Some(algorithm) if gains(raw.len(), self.scratch.len()) => (algorithm, &self.scratch[..]),
            _ => (Algorithm::None, raw),
        };
        let mut out = Vec::with_capacity(WRAP_BYTES + payload.len() + TAIL_BYTES);
        out.push(algorithm.code());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(payload);
        Ok(out)
    }

    /// Compresses into the scratch buffer; `None` where it is known beforehand that this is no use.
    fn compress(&mut self, raw: &[u8]) -> Result<Option<Algorithm>> {
        if raw.is_empty() || matches!(self.context, Context::None) || looks_random(raw) {
            return Ok(None);
        }
        self.scratch.clear();
        match &mut self.context {
            Context::None => Ok(None),
            Context::Zlib(deflate) => deflate_whole(deflate, raw, &mut self.scratch).map(|()| Some(Algorithm::Zlib)),
            Context::Gzip(deflate) => deflate_whole(deflate, raw, &mut self.scratch).map(|()| Some(Algorithm::Gzip)),
            Context::Lz4(table) => {
                self.scratch.resize(lz4_flex::block::get_maximum_output_size(raw.len()), 0);
                let length = lz4_flex::block::compress_into_with_table(raw, &mut self.scratch, table)
                    .map_err(|error| Error::new(Code::SystemError, "lz4 failed").with_source(error))?;
                self.scratch.truncate(length);
                Ok(Some(Algorithm::Lz4))
            }
            Context::Zstd(zstd) => {
                self.scratch.reserve(zstd::zstd_safe::compress_bound(raw.len()));
                zstd.compress_to_buffer(raw, &mut self.scratch).map_err(no_memory)?;
                Ok(Some(Algorithm::Zstd))
            }
        }
    }
}

/// Whether `stored` bytes in place of `raw` save at least 3 %.
fn gains(raw: usize, stored: usize) -> bool {
    stored as u64 * 100 <= raw as u64 * 97
}

/// Whether compressing is no use: samples all over `raw` have bytes spread as evenly as in random data, which is what
/// compressed and encrypted files look like. Text is found out by its first sample. docs/design/0002.
fn looks_random(raw: &[u8]) -> bool {
    const SAMPLE_BYTES: usize = 4096;
    const STRIDE_BYTES: usize = 32 << 10;
    /// Shorter frames are cheap to try, and have too few samples to judge by.
    const RAW_BYTES_LEAST: usize = 2 * STRIDE_BYTES;
    /// Of a byte's count in a sample, squared and summed. Random bytes give 4096²/256 + 4096 = 69,632 with a standard
    /// deviation of 361. At 81,500 a byte has 7.76 bits of (collision) entropy: 3 % are to be gained. Far below the mean
    /// something counts, and counting compresses.
    const SQUARES: std::ops::RangeInclusive<u32> = 68_000..=81_500;
    let squares = |sample: &[u8]| {
        let mut counts = [0u32; 256];
        sample.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        counts.iter().map(|count| count * count).sum::<u32>()
    };
    raw.len() >= RAW_BYTES_LEAST
        && raw
            .chunks(STRIDE_BYTES)
            .filter_map(|stride| stride.get(..SAMPLE_BYTES))
            .all(|sample| SQUARES.contains(&squares(sample)))
}

fn deflate_whole(deflate: &mut Compress, raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
    deflate.reset();
    // More than deflate can need: stored blocks have 5 bytes for every 16 KiB, wrappers at most 18.
    out.reserve(raw.len() + raw.len() / 1024 + 64);
    match deflate.compress_vec(raw, out, FlushCompress::Finish) {
        Ok(Status::StreamEnd) => Ok(()),
        _ => fail(Code::SystemError, "deflate did not finish a frame"),
    }
}

fn no_memory(error: std::io::Error) -> Error {
    Error::new(Code::MemoryAlloc, "zstd failed").with_source(error)
}

/// Undoes [`Compressor::wrap`], whatever the algorithm was. One per thread.
#[derive(Default)]
pub struct Decompressor {
    zlib: Option<Decompress>,
    gzip: Option<Decompress>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    zstd_start: Option<zstd::zstd_safe::DCtx<'static>>,
}

impl Decompressor {
    /// Makes contexts only when they are first needed.
    pub fn new() -> Decompressor {
        Decompressor::default()
    }

    /// The raw bytes of a wrapped frame. Allocates at most `limit` bytes for them.
    ///
    /// # Errors
    /// CHUNK_INVALID when the frame is broken, is of an unknown algorithm, or says or has more than `limit` raw bytes.
    pub fn unwrap_frame(&mut self, wrapped: &[u8], limit: usize) -> Result<Vec<u8>> {
        let mut cursor = Cursor::new(wrapped, "frame");
        let (Ok(code), Ok(length)) = (cursor.u8(), cursor.u32()) else { return Err(broken("ends too early")) };
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= limit)
            .ok_or_else(|| broken("has more bytes than it may"))?;
        let algorithm = Algorithm::from_code(code).ok_or_else(|| broken("has an unknown compression"))?;
        let payload = wrapped.get(WRAP_BYTES..).unwrap_or_default();
        let raw = self.expand(algorithm, payload, length)?;
        if raw.len() == length { Ok(raw) } else { Err(broken("has another length than it says")) }
    }

    /// Fills `out` with the first `len` raw bytes of a wrapped frame, or all if it has fewer. What comes after them is not
    /// looked at, where the algorithm lets that be.
    ///
    /// # Errors
    /// As [`Decompressor::unwrap_frame`], as far as it is looked at.
    pub fn unwrap_start(&mut self, wrapped: &[u8], len: usize, limit: usize, out: &mut Vec<u8>) -> Result<()> {
        let mut cursor = Cursor::new(wrapped, "frame");
        let (code, length) = (cursor.u8().unwrap_or_default(), cursor.u32().unwrap_or_default() as usize);
        if Algorithm::from_code(code) == Some(Algorithm::Zstd) && len < length && length <= limit {
            return self.zstd_start(wrapped.get(WRAP_BYTES..).unwrap_or_default(), len, out);
        }
        *out = self.unwrap_frame(wrapped, limit)?;
        out.truncate(len);
        Ok(())
    }

    fn zstd_start(&mut self, payload: &[u8], len: usize, out: &mut Vec<u8>) -> Result<()> {
        use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective, get_error_name};
        let failed = |code| broken(&format!("does not decompress: {}", get_error_name(code)));
        let context = match self.zstd_start.take() {
            Some(context) => context,
            None => DCtx::try_create().ok_or_else(|| Error::new(Code::MemoryAlloc, "zstd failed"))?,
        };
        let context = self.zstd_start.insert(context);
        context.reset(ResetDirective::SessionOnly).map_err(failed)?;
        // What it held is overwritten: only what it lacked is filled.
        out.resize(len, 0);
        let (mut input, mut output) = (InBuffer::around(payload), OutBuffer::around(&mut out[..]));
        while output.pos() < len {
            let before = (input.pos(), output.pos());
            context.decompress_stream(&mut output, &mut input).map_err(failed)?;
            if before == (input.pos(), output.pos()) {
                return Err(broken("ends too early"));
            }
        }
        Ok(())
    }

    fn expand(&mut self, algorithm: Algorithm, payload: &[u8], length: usize) -> Result<Vec<u8>> {
        match algorithm {
            Algorithm::None if payload.len() == length => Ok(payload.to_vec()),
            Algorithm::None => Err(broken("has another length than it says")),
            Algorithm::Zlib => inflate_whole(self.zlib.get_or_insert_with(|| Decompress::new(true)), payload, length),
            Algorithm::Gzip => {
                // A gzip context of flate2 cannot be reset to gzip, so it is made anew.
                self.gzip = None;
                inflate_whole(self.gzip.insert(Decompress::new_gzip(15)), payload, length)
            }
            Algorithm::Lz4 => {
                let mut out = vec![0; length];
                let filled = lz4_flex::block::decompress_into(payload, &mut out)
                    .map_err(|error| broken("does not decompress").with_source(error))?;
                out.truncate(filled);
                Ok(out)
            }
            Algorithm::Zstd => {
                let context = match self.zstd.take() {
                    Some(context) => context,
                    None => zstd::bulk::Decompressor::new().map_err(no_memory)?,
                };
                let context = self.zstd.insert(context);
                let mut out = Vec::with_capacity(length);
                context
                    .decompress_to_buffer(payload, &mut out)
                    .map_err(|error| broken("does not decompress").with_source(error))?;
                Ok(out)
            }
        }
    }
}

fn inflate_whole(inflate: &mut Decompress, payload: &[u8], length: usize) -> Result<Vec<u8>> {
    if inflate.total_in() > 0 {
        inflate.reset(true);
    }
    // One byte more, so that the end of the stream is seen even when the frame is as long as it says.
    let mut out = Vec::with_capacity(length + 1);
    match inflate.decompress_vec(payload, &mut out, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) if inflate.total_in() == payload.len() as u64 => Ok(out),
        _ => Err(broken("does not decompress")),
    }
}

fn broken(how: &str) -> Error {
    Error::new(Code::ChunkInvalid, format!("a frame {how}"))
}

/// How many times shorter `sample` becomes: raw ÷ stored length, 1.0 where it is stored raw.
///
/// # Errors
/// As [`Compressor::new`] and [`Compressor::wrap`].
pub fn estimate(sample: &[u8], compression: Compression) -> Result<f64> {
    let stored = Compressor::new(compression)?.wrap(sample)?.len() - WRAP_BYTES;
    Ok(if stored == 0 { 1.0 } else { sample.len() as f64 / stored as f64 })
}

#[cfg(test)]
mod tests;
