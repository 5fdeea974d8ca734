//! Files that are there already: what is right on disk is not fetched.
//!
//! A file is compared piece by piece with the stored one by hashing what is on disk. If all is right only metadata is
//! set; if not, a new file is made of the right pieces and the fetched ones, and replaces the old one whole.

use super::batch::{Job, Large, Use, stored_extents};
use super::meta::{Have, Spot};
use super::options::Overwrite;
use super::report::count;
use super::target::{Target, file_type, mtime};
use super::verify::open;
use crate::error::{Code, IoContext, Result, fail};
use crate::id::Id;
use crate::monitor::Change;
use crate::object::{Class, hash};
use crate::recipe::ChunkIds;
use crate::repo::{Piece, Want};
use crate::tree::Entry;
use rustix::fs::{FileType, Stat, copy_file_range};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Pieces that are fetched in one go.
const PIECES_MAX: usize = 16 << 10;
/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;

/// What a comparison came to.
pub(super) enum Compared<'t> {
    /// The job is over.
    Over(Job<'t>),
    /// Its whole content is wanted.
    Wanted(Job<'t>),
}

/// Whether size and time say that the content is right, and the rule lets us believe them.
pub(super) fn looks_right(target: &Target<'_>, entry: &Entry, there: &Stat) -> bool {
    let believes = target.options.overwrite == Overwrite::IfChanged && !target.options.verify;
    believes && may_be_right(entry, there) && entry.meta.as_ref().is_some_and(|meta| meta.mtime == mtime(there))
}

/// Whether it is worth reading what is there.
pub(super) fn may_be_right(entry: &Entry, there: &Stat) -> bool {
    file_type(there) == FileType::RegularFile && there.st_size as u64 == entry.size
}

/// Compares a small file, which is one piece.
pub(super) fn compare_small<'t>(target: &Target<'_>, job: Job<'t>) -> Compared<'t> {
    match is_equal(&job) {
        Ok(true) => keep(target, &job),
        Ok(false) if target.options.dry_run => job.done(target, Change::Changed, 0),
        Ok(false) => return Compared::Wanted(job),
        // What cannot be read is not right.
        Err(_) if target.options.dry_run => job.done(target, Change::Changed, 0),
        Err(_) => return Compared::Wanted(job),
    }
    Compared::Over(job)
}

fn is_equal(job: &Job<'_>) -> std::io::Result<bool> {
    let mut bytes = vec![0; job.entry.size as usize];
    let file = open(job)?;
    file.read_exact_at(&mut bytes, 0)?;
    Ok(hash(&bytes) == job.entry.content.unwrap_or(Id::EMPTY))
}

/// The content is right: sets what differs of the metadata.
pub(super) fn keep(target: &Target<'_>, job: &Job<'_>) {
    count(&target.report.counters.bytes_kept, job.entry.size);
    let changed = match (&job.there, job.dir.fd()) {
        (Some(there), Some(dir)) if !target.options.dry_run => {
            let spot = Spot::Name { dir, name: &job.entry.name, is_link: false };
            target.dress(spot, &job.entry, &Have::of(there), &|| target.on_disk(&job.path()))
        }
        _ => Ok(false),
    };
    match changed {
        Ok(changed) => job.done(target, if changed { Change::Changed } else { Change::Unmodified }, 0),
        Err(error) => job.fail(target, error),
    }
}

/// Compares a file of many pieces, and restores it if it is not right. `jobs` threads may fetch.
pub(super) fn compare_large<'t>(target: &Target<'_>, job: Job<'t>, ids: &ChunkIds, jobs: usize) -> Job<'t> {
    let file = open(&job);
    let mut work = match stored_extents(target, &job.entry) {
        Ok(extents) => Work {
            target,
            ids,
            jobs,
            local: file.ok(),
            large: Large::new(job, extents),
            right: Vec::new(),
            is_rewriting: false,
            wants: Vec::new(),
            uses: Vec::new(),
            buffer: Vec::new(),
            total: 0,
        },
        Err(error) => {
            job.fail(target, error);
            return job;
        }
    };
    match work.run() {
        Ok(()) if work.is_rewriting && target.options.dry_run => {
            work.large.job.done(target, Change::Changed, 0);
            work.large.job
        }
        Ok(()) if work.is_rewriting => work.large.finish(target),
        Ok(()) => {
            keep(target, &work.large.job);
            work.large.job
        }
        Err(_) if target.report.is_stopped() => work.large.finish(target),
        Err(error) => {
            let error = work.large.job.damaged(error);
            work.large.fail(target, error);
            work.large.finish(target)
        }
    }
}

struct Work<'a, 'r, 't> {
    target: &'a Target<'r>,
    ids: &'a ChunkIds,
    jobs: usize,
    /// What is there, if it can be read.
    local: Option<File>,
    large: Large<'t>,
    /// Stretches found right before the first wrong one, (offset, length): copied when that one comes.
    right: Vec<(u64, u64)>,
    is_rewriting: bool,
    wants: Vec<Want>,
    uses: Vec<Use>,
    buffer: Vec<u8>,
    total: u64,
}

impl Work<'_, '_, '_> {
    fn run(&mut self) -> Result<()> {
        let id = self.large.job.entry.content.unwrap_or(Id::EMPTY);
        let repo = self.target.repo;
        repo.pieces(&id, &mut |piece| self.piece(&piece))?;
        if self.total != self.large.job.entry.size {
            return fail(Code::ChunkInvalid, format!("it has {} bytes, not those of the tree", self.total));
        }
        // All pieces may be right, and more stand after them.
        if self.large.job.there.as_ref().is_none_or(|there| !may_be_right(&self.large.job.entry, there)) {
            self.begin_rewriting()?;
        }
        self.fetch()
    }

    fn piece(&mut self, piece: &Piece) -> Result<()> {
        if self.target.report.is_stopped() {
            return fail(Code::SystemError, "stopped before the end");
        }
        self.total += piece.len;
        let is_right = self.is_right(piece);
        if self.is_rewriting && self.target.options.dry_run {
            return Ok(());
        }
        match (is_right, piece.key) {
            (true, key) => {
                count(&self.target.report.counters.bytes_kept, if self.is_rewriting { piece.len } else { 0 });
                match key {
                    Some(_) if self.is_rewriting => self.large.write(self.target, &self.buffer, piece.offset),
                    Some(_) => self.note_right(piece),
                    None => {}
                }
            }
            (false, key) => {
                self.begin_rewriting()?;
                if let Some(key) = key {
                    self.wants.push(Want { key, len: piece.len });
                    self.uses.push(Use::Large(0, piece.offset));
                }
            }
        }
        if self.wants.len() >= PIECES_MAX { self.fetch() } else { Ok(()) }
    }

    /// Whether what is on disk is this piece; its bytes are in the buffer then.
    fn is_right(&mut self, piece: &Piece) -> bool {
        let Some(local) = &self.local else { return false };
        match piece.key {
            Some(key) => {
                self.buffer.resize(piece.len as usize, 0);
                local.read_exact_at(&mut self.buffer, piece.offset).is_ok()
                    && match key.class {
                        Class::Whole => hash(&self.buffer) == key.id,
                        _ => self.ids.chunk(&self.buffer) == key.id,
                    }
            }
            None => is_zero(local, piece.offset, piece.len, &mut self.buffer),
        }
    }

    fn note_right(&mut self, piece: &Piece) {
        match self.right.last_mut() {
            Some((offset, len)) if *offset + *len == piece.offset => *len += piece.len,
            _ => self.right.push((piece.offset, piece.len)),
        }
    }

    /// From the first wrong piece on there is a new file; what was right before it is copied over.
    fn begin_rewriting(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_rewriting, true) || self.target.options.dry_run {
            return Ok(());
        }
        let Some(output) = self.large.output(self.target) else { return Ok(()) };
        for (offset, len) in std::mem::take(&mut self.right) {
            count(&self.target.report.counters.bytes_kept, len);
            if let Some(local) = &self.local {
                copy(local, output.file(), offset, len).at("write", self.target.on_disk(&self.large.job.path()))?;
            }
        }
        Ok(())
    }

    fn fetch(&mut self) -> Result<()> {
        let (wants, uses) = (std::mem::take(&mut self.wants), std::mem::take(&mut self.uses));
        if wants.is_empty() {
            return Ok(());
        }
        let (target, large) = (self.target, &self.large);
        target.repo.fetch(&wants, self.jobs, &|at, bytes| {
            let Use::Large(_, offset) = uses[at] else { return };
            match bytes {
                Ok(bytes) => {
                    count(&target.report.counters.bytes_fetched, bytes.len() as u64);
                    large.write(target, bytes, offset);
                }
                Err(error) => large.fail(target, large.job.damaged(error)),
            }
        })
    }
}

fn is_zero(local: &File, mut offset: u64, mut len: u64, buffer: &mut Vec<u8>) -> bool {
    while len > 0 {
        let part = len.min(COPY_BYTES as u64) as usize;
        buffer.resize(part, 0);
        if local.read_exact_at(buffer, offset).is_err() || buffer.iter().any(|byte| *byte != 0) {
            return false;
        }
        offset += part as u64;
        len -= part as u64;
    }
    true
}

/// Copies a stretch from one file to the other, inside the kernel where it can; some file systems share the blocks.
fn copy(from: &File, to: &File, offset: u64, len: u64) -> std::io::Result<()> {
    let (mut source, mut sink, end) = (offset, offset, offset + len);
    while source < end {
        let left = (end - source) as usize;
        match copy_file_range(from, Some(&mut source), to, Some(&mut sink), left) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let mut buffer = vec![0; if source < end { COPY_BYTES } else { 0 }];
    while source < end {
        let part = (end - source).min(COPY_BYTES as u64) as usize;
        from.read_exact_at(&mut buffer[..part], source)?;
        to.write_all_at(&buffer[..part], source)?;
        source += part as u64;
    }
    Ok(())
}
