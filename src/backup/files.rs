//! Reading files and storing their content: what the workers do.

use super::directory::{Directory, Done, FileDone, Item, Window, settle};
use super::engine::{Counters, Engine};
use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::monitor::{Change, Event};
use crate::object::Kind;
use crate::repo::{ObjectWriter, Putter};
use crate::tree::{EntryKind, Extents};
use crate::walk::{Stat, data_extents, open_file, stamp_now, stat_fd, xattrs_at, xattrs_of};
use crossbeam_channel::Receiver;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// Files up to this size are read whole; longer ones are read so much at a time.
pub(super) const WHOLE_BYTES: u64 = 1 << 20;

/// Files to store: neighbours, so that they end up in one frame.
#[derive(Default)]
pub(super) struct Job {
    pub parts: Vec<Part>,
    pub files: usize,
    pub bytes: u64,
}

/// Files of one window.
pub(super) struct Part {
    pub window: Arc<Window>,
    /// The directory's handle, held as long as its files are waiting.
    pub handle: Arc<OwnedFd>,
    pub items: Vec<u32>,
}

/// Why a file was not stored.
enum Problem {
    /// It cannot be read: reported, and the rest goes on.
    Item(Error),
    /// Storing failed: nothing can go on.
    Fatal(Error),
    /// The backup was interrupted.
    Cancelled,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::Fatal(error)
    }
}

/// What a file was read as.
struct Read {
    done: FileDone,
    is_changing: bool,
    /// Bytes of it that were told the monitor already.
    streamed_bytes: u64,
}

/// Works until there are no more jobs.
pub(super) fn work(engine: &Engine<'_>, mut putter: Putter<'_>, jobs: &Receiver<Job>) {
    let mut buffer = Vec::new();
    for job in jobs {
        if engine.is_stopped() {
            continue;
        }
        // Where nothing has changed there is nothing to read.
        if buffer.is_empty() {
            buffer = vec![0; WHOLE_BYTES as usize + 1];
        }
        let run = || -> Result<()> {
            for part in job.parts {
                let mut reader = FileReader { engine, putter: &mut putter, buffer: &mut buffer, part: &part };
                let done = reader.read_all()?;
                settle(engine, &mut putter, &part.window, done)?;
            }
            engine.flush_if_due()
        };
        if let Err(error) = run() {
            engine.fail(error);
        }
    }
}

struct FileReader<'r, 'e, 'w> {
    engine: &'r Engine<'e>,
    putter: &'r mut Putter<'w>,
    buffer: &'r mut [u8],
    part: &'r Part,
}

impl FileReader<'_, '_, '_> {
    fn read_all(&mut self) -> Result<Vec<(u32, Done)>> {
        let mut all = Vec::with_capacity(self.part.items.len());
        for index in &self.part.items {
            let item = &self.part.window.items[*index as usize];
            let done = match self.read(item) {
                Ok(read) => self.keep(item, read)?,
                Err(Problem::Fatal(error)) => return Err(error),
                Err(Problem::Item(error)) => {
                    self.engine.report(&self.directory().path_of(item.name), &error);
                    Done::LeftOut
                }
                Err(Problem::Cancelled) => {
                    self.directory().set_partial();
                    Done::LeftOut
                }
            };
            all.push((*index, done));
        }
        Ok(all)
    }

    fn directory(&self) -> &Directory {
        &self.part.window.directory
    }

    /// Counts and reports a file that was stored.
    fn keep(&self, item: &Item, read: Read) -> Result<Done> {
        let Read { done, is_changing, streamed_bytes } = read;
        let path = self.directory().path_of(item.name);
        let change = match item.was_there {
            false => Change::New,
            true if item.looks_same && item.known == done.content => Change::Unmodified,
            true => Change::Changed,
        };
        self.engine.counters.file(change, done.size);
        self.engine.note_links(&done.stat, || path.clone())?;
        if is_changing {
            let error = Error::new(Code::FileIo, "it changed while it was read; stored as it was read");
            self.engine.report(&path, &error);
        }
        self.engine.monitor.event(&Event::Item { path: &path, change, bytes: done.size });
        let bytes = done.size.saturating_sub(streamed_bytes);
        self.engine.monitor.event(&Event::Advance { items: 1, bytes });
        Ok(Done::File(Box::new(done)))
    }

    fn read(&mut self, item: &Item) -> std::result::Result<Read, Problem> {
        if self.engine.is_cancelled() {
            return Err(Problem::Cancelled);
        }
        let start = stamp_now();
        let name = self.directory().listing.c_name(item.name as usize);
        if item.stat.size == 0 {
            // Nothing to read, so it is not opened.
            let xattrs = xattrs_at(&*self.part.handle, name).map_err(|error| self.problem(item, error))?;
            let is_racy = item.stat.is_racy(start);
            let done = FileDone { stat: item.stat, content: None, size: 0, xattrs, extents: Extents::None, is_racy };
            return Ok(Read { done, is_changing: false, streamed_bytes: 0 });
        }
        let file = open_file(&*self.part.handle, name, item.follow).map_err(|error| self.problem(item, error))?;
        let mut read = match item.stat.size <= WHOLE_BYTES && !item.stat.may_be_sparse() {
            true => self.read_whole(item, &file)?,
            false => self.read_in_pieces(item, &file)?,
        };
        read.done.xattrs = xattrs_of(&file).map_err(|error| self.problem(item, error))?;
        read.done.is_racy = read.is_changing || read.done.stat.is_racy(start);
        Ok(read)
    }

    /// Reads a small file in one go. If it is not as it was when it was looked at, it is read once more.
    fn read_whole(&mut self, item: &Item, file: &OwnedFd) -> std::result::Result<Read, Problem> {
        let mut before = item.stat;
        for is_second in [false, true] {
            let len = self.fill(file, before.size).map_err(|error| self.problem(item, error))?;
            let after = self.look(item, file)?;
            let is_settled = after.is_same_as(&before) && len as u64 == before.size;
            if is_settled || is_second {
                Counters::add(&self.engine.counters.read_bytes, len as u64);
                let content = self.putter.put(Kind::Blob, &self.buffer[..len])?.id;
                let done = done(after, content, len as u64);
                return Ok(Read { done, is_changing: !is_settled, streamed_bytes: 0 });
            }
            if after.size > WHOLE_BYTES {
                break;
            }
            before = after;
        }
        self.read_in_pieces(item, file)
    }

    /// Reads up to one byte more than `size`, to notice that there is more. Answers how much there was.
    fn fill(&mut self, file: &OwnedFd, size: u64) -> rustix::io::Result<usize> {
        let wanted = (size as usize + 1).min(self.buffer.len());
        let mut len = 0;
        while len < wanted {
            match rustix::io::pread(file, &mut self.buffer[len..wanted], len as u64) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
            // All that was expected and no more: the end, without asking again.
            if len as u64 == size {
                break;
            }
        }
        Ok(len)
    }

    /// Reads a long or sparse file piece by piece, as far as it reached at first: a log may grow for ever.
    fn read_in_pieces(&mut self, item: &Item, file: &OwnedFd) -> std::result::Result<Read, Problem> {
        let before = self.look(item, file)?;
        let extents = match before.may_be_sparse() {
            true => data_extents(file, before.size).map_err(|error| self.problem(item, error))?,
            false => None,
        };
        let whole = [(0, before.size)];
        let mut object = self.putter.object(Kind::Blob);
        let (mut at, mut streamed) = (0, 0);
        for (offset, len) in extents.as_deref().unwrap_or(&whole) {
            object.hole(offset - at)?;
            let mut source = Source { engine: self.engine, file, buffer: self.buffer };
            at = match source.copy(&mut object, *offset, offset + len) {
                Ok(end) => end,
                Err(Stop::Io(error)) => {
                    drop(object);
                    return Err(self.problem(item, error));
                }
                Err(Stop::Problem(problem)) => return Err(problem),
            };
            streamed += at - offset;
            if at < offset + len {
                break;
            }
        }
        let after = stat_fd(file);
        let is_whole = after.is_ok_and(|after| after.is_same_as(&before));
        if is_whole {
            object.hole(before.size - at)?;
            at = before.size;
        }
        let content = object.finish()?.id;
        let after = self.look(item, file)?;
        let mut done = done(after, content, at);
        // The list of extents is not that of what was read if the file changed meanwhile.
        done.extents = extents.filter(|_| is_whole).map_or(Extents::None, Extents::Inline);
        Ok(Read { done, is_changing: !is_whole, streamed_bytes: streamed })
    }

    /// Looks at the open file; something else in its place is no file to be read.
    fn look(&self, item: &Item, file: &OwnedFd) -> std::result::Result<Stat, Problem> {
        let stat = stat_fd(file).map_err(|error| self.problem(item, error))?;
        if stat.kind != EntryKind::File {
            return Err(Problem::Item(Error::new(Code::FileIo, "something else took its place while it was read")));
        }
        Ok(stat)
    }

    fn problem(&self, item: &Item, error: Errno) -> Problem {
        let path = self.directory().path_of(item.name);
        Problem::Item(Error::io("read", OsStr::from_bytes(&path), error))
    }
}

fn done(stat: Stat, content: Id, size: u64) -> FileDone {
    let content = (size > 0).then_some(content);
    FileDone { stat, content, size, xattrs: Vec::new(), extents: Extents::None, is_racy: false }
}

enum Stop {
    Io(Errno),
    Problem(Problem),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Problem(Problem::Fatal(error))
    }
}

struct Source<'s, 'e> {
    engine: &'s Engine<'e>,
    file: &'s OwnedFd,
    buffer: &'s mut [u8],
}

impl Source<'_, '_> {
    /// Copies from `at` to `end` or the end of the file; answers how far it came.
    fn copy(&mut self, object: &mut ObjectWriter<'_, '_>, mut at: u64, end: u64) -> std::result::Result<u64, Stop> {
        while at < end {
            if self.engine.is_cancelled() || self.engine.is_stopped() {
                return Err(Stop::Problem(Problem::Cancelled));
            }
            let wanted = (end - at).min(WHOLE_BYTES) as usize;
            let len = match rustix::io::pread(self.file, &mut self.buffer[..wanted], at) {
                Ok(0) => break,
                Ok(len) => len,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(Stop::Io(error)),
            };
            object.write(&self.buffer[..len])?;
            at += len as u64;
            Counters::add(&self.engine.counters.read_bytes, len as u64);
            self.engine.monitor.event(&Event::Advance { items: 0, bytes: len as u64 });
        }
        Ok(at)
    }
}
