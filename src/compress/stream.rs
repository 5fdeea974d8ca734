//! Whole streams in the formats that other tools read: gzip, zlib, the lz4 frame format, zstd.

use super::{Algorithm, Compression, no_memory};
use crate::error::{Code, Error, Result, fail};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

/// What is moved at a time, in bytes.
const BUFFER_BYTES: usize = 128 << 10;

/// The first bytes of a zstd frame, RFC 8878.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The first bytes of a frame of the lz4 frame format.
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// What went through a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// The format that was written or recognised.
    pub algorithm: Algorithm,
    /// Bytes read.
    pub input_bytes: u64,
    /// Bytes written.
    pub output_bytes: u64,
}

/// Compresses `input` to `output` in the algorithm's own stream format. `none` writes gzip with stored blocks: bytes that
/// happen to begin like one of the formats come back all the same, and a missing end is noticed.
///
/// # Errors
/// FILE_IO and its kin when reading or writing fails; MEMORY_ALLOC when zstd cannot have its context.
pub fn compress_stream(input: impl Read, output: impl Write, compression: Compression) -> Result<Streamed> {
    let level = compression.level;
    let deflate = flate2::Compression::new(level.unsigned_abs());
    let mut sink = Counted::new(BufWriter::with_capacity(BUFFER_BYTES, output));
    let input_bytes = match compression.algorithm {
        Algorithm::Zlib => {
            let mut encoder = flate2::write::ZlibEncoder::new(&mut sink, deflate);
            let bytes = copy(input, &mut encoder, reading)?;
            encoder.finish().map_err(writing)?;
            bytes
        }
        Algorithm::None | Algorithm::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(&mut sink, deflate);
            let bytes = copy(input, &mut encoder, reading)?;
            encoder.finish().map_err(writing)?;
            bytes
        }
        Algorithm::Lz4 => {
            let mut info = lz4_flex::frame::FrameInfo::new();
            info.content_checksum = true;
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, &mut sink);
            let bytes = copy(input, &mut encoder, reading)?;
            encoder.finish().map_err(|error| writing(error.into()))?;
            bytes
        }
        Algorithm::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(&mut sink, level).map_err(no_memory)?;
            encoder.include_checksum(true).map_err(no_memory)?;
            let bytes = copy(input, &mut encoder, reading)?;
            encoder.finish().map_err(writing)?;
            bytes
        }
    };
    sink.flush().map_err(writing)?;
    Ok(Streamed { algorithm: compression.algorithm, input_bytes, output_bytes: sink.bytes })
}

/// Decompresses `input` to `output`; the format is recognised by its first bytes. Several gzip members, zstd frames or
/// lz4 frames in a row are one stream.
///
/// # Errors
/// INVALID_ARG when the input is in none of the formats; CHUNK_INVALID when it is broken, ends too early or is empty;
/// FILE_IO and its kin when reading or writing fails.
pub fn decompress_stream(input: impl Read, output: impl Write) -> Result<Streamed> {
    let mut source = BufReader::with_capacity(BUFFER_BYTES, Counted::new(Marked(input)));
    let mut start = [0; 4];
    let filled = peek(&mut source, &mut start)?;
    let mut sink = BufWriter::with_capacity(BUFFER_BYTES, output);
    let start = start.get(..filled).unwrap_or_default();
    let Some(algorithm) = recognise(start) else {
        return match [ZSTD_MAGIC, LZ4_MAGIC].iter().any(|magic| magic.starts_with(start)) || filled < 2 {
            true => Err(damaged("the compressed input ends before its header does")),
            false => fail(Code::InvalidArg, "the input is neither gzip, zlib, lz4 nor zstd"),
        };
    };
    // What was taken to look at it is put before the rest.
    let mut chained = io::Read::chain(start, &mut source);
    let output_bytes = match algorithm {
        Algorithm::Zlib => {
            let mut decoder = flate2::bufread::ZlibDecoder::new(&mut chained);
            let bytes = copy(&mut decoder, &mut sink, undecodable)?;
            expect_end(decoder.into_inner())?;
            bytes
        }
        Algorithm::Lz4 => decode_lz4(&mut chained, &mut sink)?,
        Algorithm::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(&mut chained).map_err(no_memory)?;
            copy(decoder, &mut sink, undecodable)?
        }
        _ => copy(flate2::bufread::MultiGzDecoder::new(&mut chained), &mut sink, undecodable)?,
    };
    sink.flush().map_err(writing)?;
    Ok(Streamed { algorithm, input_bytes: source.get_ref().bytes, output_bytes })
}

/// The format that begins like this.
fn recognise(start: &[u8]) -> Option<Algorithm> {
    match *start {
        _ if *start == ZSTD_MAGIC => Some(Algorithm::Zstd),
        _ if *start == LZ4_MAGIC => Some(Algorithm::Lz4),
        [0x1f, 0x8b, ..] => Some(Algorithm::Gzip),
        // RFC 1950: deflate with a window of at most 32 KiB, and a header that is a multiple of 31.
        [method, flags, ..] if method & 0x0f == 8 && method >> 4 <= 7 => {
            (u16::from_be_bytes([method, flags]) % 31 == 0).then_some(Algorithm::Zlib)
        }
        _ => None,
    }
}

/// Several frames in a row. The decoder answers 0 at the end of each, but also where the input stops inside one: only
/// at a sound end has it not asked for more.
fn decode_lz4(input: impl Read, sink: &mut impl Write) -> Result<u64> {
    let mut decoder = lz4_flex::frame::FrameDecoder::new(Counted::new(input));
    let (mut output_bytes, mut frame_start) = (0, 0);
    loop {
        output_bytes += copy(&mut decoder, sink, undecodable)?;
        let input = decoder.get_ref();
        if input.bytes == frame_start {
            return Ok(output_bytes);
        }
        if input.has_ended {
            return Err(undecodable(io::ErrorKind::UnexpectedEof.into()));
        }
        frame_start = input.bytes;
    }
}

fn expect_end(mut rest: impl BufRead) -> Result<()> {
    match rest.fill_buf() {
        Ok([]) => Ok(()),
        Ok(_) => Err(damaged("the compressed input goes on after its end")),
        Err(error) => Err(undecodable(error)),
    }
}

/// Fills `start` as far as the input reaches.
fn peek(source: &mut impl Read, start: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while let Some(rest) = start.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(undecodable(error)),
        }
    }
    Ok(filled)
}

/// Moves everything; `on_read` says what a failure of the reading side means. Answers the bytes moved.
fn copy(mut from: impl Read, to: &mut impl Write, on_read: fn(io::Error) -> Error) -> Result<u64> {
    let (mut buffer, mut total) = (vec![0; BUFFER_BYTES], 0);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => {
                to.write_all(buffer.get(..count).unwrap_or_default()).map_err(writing)?;
                total += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(on_read(error)),
        }
    }
}

fn reading(error: io::Error) -> Error {
    Error::io("read", "the input", error)
}

fn writing(error: io::Error) -> Error {
    Error::io("write", "the output", error)
}

fn damaged(message: &str) -> Error {
    Error::new(Code::ChunkInvalid, message).with_hint("it was cut off or changed on its way: get it again")
}

/// A failure below a decoder: of the input itself, where [`Marked`] says so, else of what it holds.
fn undecodable(error: io::Error) -> Error {
    if !error.get_ref().is_some_and(|inner| inner.is::<InputFailed>()) {
        return damaged("the input does not decompress").with_source(error);
    }
    match error.into_inner().map(|inner| inner.downcast::<InputFailed>()) {
        Some(Ok(failed)) => reading(failed.0),
        _ => reading(io::ErrorKind::Other.into()),
    }
}

/// What the input itself failed with, on its way through a decoder.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct InputFailed(io::Error);

/// Marks the failures of a reader, so that they are told from those of the decoder above it.
struct Marked<R>(R);

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(io::Error::other(InputFailed(error))),
            result => result,
        }
    }
}

/// Counts what goes through.
struct Counted<T> {
    inner: T,
    bytes: u64,
    /// Whether a reader was asked for more than there was.
    has_ended: bool,
}

impl<T> Counted<T> {
    fn new(inner: T) -> Self {
        Counted { inner, bytes: 0, has_ended: false }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.bytes += count as u64;
        self.has_ended |= count == 0 && !out.is_empty();
        Ok(count)
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
