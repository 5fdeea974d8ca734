//! What a command prints: kept as it comes, stored, and printed again.
//!
//! A part of `run` (RUN.md section 4). Each stream is kept exactly; the order between them is that of arrival. A log is
//! stored as up to three blobs: standard output, standard error, and, when both have something, their order (FORMAT.md,
//! "Logs"). Memory does not grow with a log: what is more than a little goes to a file that has no name.

mod mask;
mod order;
mod replay;
mod screen;

pub use mask::Mask;
pub use replay::replay;
pub use screen::Screen;

use crate::error::{Error, IoContext, Result};
use crate::id::Id;
use crate::object::Kind;
use crate::repo::Putter;
use mask::Masker;
use order::Order;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// The most that is kept of both streams of a command.
pub const LOG_BYTES_MAX: u64 = 64 << 20;
/// So much of a log stays in memory.
const MEMORY_BYTES: usize = 64 << 10;
/// Read so much of a file at a time.
const PIECE_BYTES: usize = 64 << 10;

/// One of the two outputs of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    fn index(self) -> usize {
        match self {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
        }
    }
}

/// How logs are kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The most that is kept of both streams together; then a mark ends the log.
    pub bytes_max: u64,
    /// The directory for what is not kept in memory.
    pub spill: PathBuf,
    /// What must not stand in a log.
    pub mask: Mask,
}

/// Takes what a command prints.
#[derive(Debug)]
pub struct Recorder<'a> {
    options: &'a LogOptions,
    maskers: [Masker<'a>; 2],
    kept: Kept,
}

/// The part that does not know of secrets.
#[derive(Debug, Default)]
struct Kept {
    memory: Vec<u8>,
    file: Option<File>,
    order: Order,
    bytes: [u64; 2],
    /// The stream that went beyond the limit first, and how much was lost of both.
    cut: Option<(Stream, u64)>,
    fault: Option<Error>,
}

/// What a command printed.
#[derive(Debug)]
pub struct Logs {
    kept: Kept,
}

/// The objects that hold a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogIds {
    /// Standard output, unless it is empty.
    pub stdout: Option<Id>,
    /// Standard error, unless it is empty.
    pub stderr: Option<Id>,
    /// The order of both, unless one of them is empty.
    pub interleave: Option<Id>,
}

impl<'a> Recorder<'a> {
    /// Nothing was printed yet.
    pub fn new(options: &'a LogOptions) -> Self {
        let masker = || Masker::new(&options.mask);
        Recorder { options, maskers: [masker(), masker()], kept: Kept::default() }
    }

    /// Takes a piece of a stream. `on_output` sees what is kept of it, without secrets: an end that may be the beginning
    /// of one comes later.
    pub fn push(&mut self, stream: Stream, bytes: &[u8], on_output: &dyn Fn(Stream, &[u8])) {
        let (kept, options) = (&mut self.kept, self.options);
        self.maskers[stream.index()].push(bytes, &mut |bytes| kept.push(options, stream, bytes, on_output));
    }

    /// Nothing more comes.
    pub fn finish(mut self, on_output: &dyn Fn(Stream, &[u8])) -> Logs {
        let (kept, options) = (&mut self.kept, self.options);
        for (masker, stream) in self.maskers.iter_mut().zip([Stream::Stdout, Stream::Stderr]) {
            masker.finish(&mut |bytes| kept.push(options, stream, bytes, on_output));
        }
        if let Some((stream, lost)) = kept.cut {
            let mark = format!("\n[larder: the log ends here; {lost} more bytes were printed]\n");
            kept.keep(options, stream, mark.as_bytes(), on_output);
        }
        Logs { kept: self.kept }
    }
}

impl Kept {
    fn push(&mut self, options: &LogOptions, stream: Stream, bytes: &[u8], on_output: &dyn Fn(Stream, &[u8])) {
        let used = self.bytes[0] + self.bytes[1] + self.order.len() as u64;
        let room = match self.cut {
            Some(_) => 0,
            None => usize::try_from(options.bytes_max.saturating_sub(used)).unwrap_or(usize::MAX),
        };
        let (kept, lost) = bytes.split_at(room.min(bytes.len()));
        if !kept.is_empty() {
            self.keep(options, stream, kept, on_output);
        }
        if !lost.is_empty() {
            self.cut.get_or_insert((stream, 0)).1 += lost.len() as u64;
        }
    }

    fn keep(&mut self, options: &LogOptions, stream: Stream, bytes: &[u8], on_output: &dyn Fn(Stream, &[u8])) {
        on_output(stream, bytes);
        if self.fault.is_some() {
            return;
        }
        if let Err(error) = self.write(options, bytes) {
            self.fault = Some(error);
            return;
        }
        self.bytes[stream.index()] += bytes.len() as u64;
        self.order.push(stream, bytes.len() as u64);
    }

    fn write(&mut self, options: &LogOptions, bytes: &[u8]) -> Result<()> {
        if self.file.is_none() && self.memory.len() + bytes.len() <= MEMORY_BYTES {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(&options.spill).at("create a file in", &options.spill)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(&self.memory).and_then(|()| file.write_all(bytes)).at("write a log in", &options.spill)?;
        // The file has it all from here on.
        self.memory = Vec::new();
        Ok(())
    }
}

impl Logs {
    /// How many bytes of a stream are kept.
    pub fn len(&self, stream: Stream) -> u64 {
        self.kept.bytes[stream.index()]
    }

    /// Whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.kept.bytes == [0, 0]
    }

    /// Whether there was more than the limit.
    pub fn is_cut(&self) -> bool {
        self.kept.cut.is_some()
    }

    /// Why not all of it could be kept: a full disk. A result with such a log is not stored.
    pub fn fault(&self) -> Option<&Error> {
        self.kept.fault.as_ref()
    }

    /// All of it, in the order of arrival.
    ///
    /// # Errors
    /// FILE_IO, and what `each` answers.
    pub fn each(&self, each: &mut dyn FnMut(Stream, &[u8]) -> Result<()>) -> Result<()> {
        let mut turns = self.kept.order.turns();
        let mut turn = turns.next();
        self.pieces(&mut |mut piece| {
            while let (false, Some((stream, left))) = (piece.is_empty(), &mut turn) {
                let (now, later) = piece.split_at(usize::try_from(*left).unwrap_or(usize::MAX).min(piece.len()));
                each(*stream, now)?;
                *left -= now.len() as u64;
                piece = later;
                if *left == 0 {
                    turn = turns.next();
                }
            }
            Ok(())
        })
    }

    /// One stream, whole.
    ///
    /// # Errors
    /// FILE_IO.
    pub fn bytes(&self, wanted: Stream) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.each(&mut |stream, piece| {
            if stream == wanted {
                bytes.extend_from_slice(piece);
            }
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Stores it.
    ///
    /// # Errors
    /// FILE_IO, and what [`Putter::put`] answers.
    pub fn store(&self, putter: &mut Putter<'_>) -> Result<LogIds> {
        let mut ids = LogIds::default();
        for (stream, id) in [(Stream::Stdout, &mut ids.stdout), (Stream::Stderr, &mut ids.stderr)] {
            if self.len(stream) > 0 {
                let mut object = putter.object(Kind::Blob);
                self.each(&mut |one, piece| if one == stream { object.write(piece) } else { Ok(()) })?;
                *id = Some(object.finish()?.id);
            }
        }
        if ids.stdout.is_some() && ids.stderr.is_some() {
            ids.interleave = Some(putter.put(Kind::Blob, &self.kept.order.encode())?.id);
        }
        Ok(ids)
    }

    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Some(file) = &self.kept.file else { return each(&self.kept.memory) };
        let mut file = file;
        file.seek(SeekFrom::Start(0)).at("read", "a log")?;
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(len) => each(&buffer[..len])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).at("read", "a log"),
            }
        }
    }
}
