//! A bounded number of files, restored together: what is wrong or missing is fetched in pack order by all workers.
//!
//! Small files, which are one piece, are written whole in one go by the worker that has their bytes: made, written,
//! given metadata, named, closed, five system calls in all. Larger ones stay open until the batch ends, and each
//! worker writes the pieces that it comes by.

use super::links::Leader;
use super::output::Output;
use super::report::count;
use super::target::{Dir, Target};
use crate::error::{Code, Error, IoContext, Result};
use crate::monitor::{Change, Event};
use crate::repo::Want;
use crate::tree::{Entry, Extents, decode_extents};
use rustix::fs::{Stat, ftruncate};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Zeros in a row that are left out where `sparse` was asked for: a block of common file systems.
const BLOCK_BYTES: usize = 4096;

/// A regular file to restore.
pub(super) struct Job<'t> {
    pub(super) dir: Arc<Dir<'t>>,
    pub(super) entry: Entry,
    /// What stands under its name now.
    pub(super) there: Option<Box<Stat>>,
    /// Others wait to be linked to it.
    pub(super) leader: Option<Arc<Leader>>,
    pub(super) is_done: AtomicBool,
}

/// A name to give to a file that is restored under another one.
pub(super) struct LinkJob<'t> {
    pub(super) dir: Arc<Dir<'t>>,
    pub(super) entry: Entry,
    pub(super) there: Option<Box<Stat>>,
    pub(super) leader: Arc<Leader>,
}

/// A file of several pieces.
pub(super) struct Large<'t> {
    pub(super) job: Job<'t>,
    /// Where it has data; `None` if it is not sparse.
    pub(super) extents: Option<Vec<(u64, u64)>>,
    output: OnceLock<Option<Output<'t>>>,
    has_failed: AtomicBool,
    /// Bytes that progress was told of.
    advanced: AtomicU64,
}

/// What one want is for.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// The whole of a small file, by its number in the batch.
    Small(u32),
    /// A piece of a large file that goes to this offset.
    Large(u32, u64),
}

/// Files that are restored together.
#[derive(Default)]
pub(super) struct Batch<'t> {
    pub(super) small: Vec<Job<'t>>,
    /// With whether all pieces are in this batch or earlier ones.
    pub(super) large: Vec<(Arc<Large<'t>>, bool)>,
    /// Files that may be right already.
    pub(super) compare: Vec<Job<'t>>,
    pub(super) links: Vec<LinkJob<'t>>,
    pub(super) wants: Vec<Want>,
    pub(super) uses: Vec<Use>,
    /// Directories that are held open by it, about.
    pub(super) dirs: usize,
}

impl Job<'_> {
    pub(super) fn path(&self) -> Vec<u8> {
        self.dir.join(&self.entry.name)
    }

    /// It failed; whatever waits for it fails too.
    pub(super) fn fail(&self, target: &Target<'_>, error: Error) {
        if let Some(leader) = &self.leader {
            leader.set_failed();
        }
        target.report.failed(&self.path(), error);
    }

    /// It is where and as it should be. `told` bytes of it were counted as progress before.
    pub(super) fn done(&self, target: &Target<'_>, change: Change, told: u64) {
        if let Some(leader) = &self.leader {
            if change == Change::Unmodified { leader.set_kept() } else { leader.set_done() }
        }
        self.is_done.store(true, Relaxed);
        let counters = &target.report.counters;
        count(if change == Change::Unmodified { &counters.unmodified } else { &counters.files }, 1);
        count(&counters.bytes, self.entry.size);
        let path = self.path();
        target.report.event(&Event::Item { path: &path, change, bytes: self.entry.size });
        target.report.event(&Event::Advance { items: 1, bytes: self.entry.size.saturating_sub(told) });
    }

    pub(super) fn change(&self) -> Change {
        if self.there.is_some() { Change::Changed } else { Change::New }
    }

    /// The failure of its content.
    pub(super) fn damaged(&self, error: Error) -> Error {
        match self.entry.content {
            Some(id) if error.code() != Code::StorageFull => {
                error.context(format!("object {id}, the content of the file, cannot be read"))
            }
            _ => error,
        }
    }

    /// Writes a file whose whole content is at hand.
    pub(super) fn write_whole(&self, target: &Target<'_>, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 != self.entry.size {
            let message = format!("it has {} bytes where the tree says {}", bytes.len(), self.entry.size);
            return Err(self.damaged(Error::new(Code::ChunkInvalid, message)));
        }
        let mode = target.wanted_mode(&self.entry).unwrap_or(0o600);
        let mut output = Output::create(target, &self.dir, mode, &self.entry.name)?;
        self.fill(target, &output, bytes)?;
        self.conclude(target, &mut output)
    }

    /// The content is whole: metadata, the name, and what must come last.
    fn conclude(&self, target: &Target<'_>, output: &mut Output<'_>) -> Result<()> {
        let at = || target.on_disk(&self.path());
        output.dress(target, &self.entry, &at)?;
        output.publish(target, &self.entry.name, self.there.as_deref())?;
        target.late_flags(output.fd(), &self.entry, &at)
    }

    fn fill(&self, target: &Target<'_>, output: &Output<'_>, bytes: &[u8]) -> Result<()> {
        if matches!(self.entry.extents, Extents::None) && !target.options.sparse {
            return if bytes.is_empty() { Ok(()) } else { self.put(target, output, bytes, 0) };
        }
        ftruncate(output.file(), self.entry.size).at("set the length of", target.on_disk(&self.path()))?;
        let extents = stored_extents(target, &self.entry)?;
        write_data(target, output, bytes, 0, extents.as_deref()).at("write", target.on_disk(&self.path()))
    }

    fn put(&self, target: &Target<'_>, output: &Output<'_>, bytes: &[u8], offset: u64) -> Result<()> {
        output.write_at(bytes, offset).at("write", target.on_disk(&self.path()))
    }
}

/// The data extents of a sparse file.
pub(super) fn stored_extents(target: &Target<'_>, entry: &Entry) -> Result<Option<Vec<(u64, u64)>>> {
    match &entry.extents {
        Extents::None => Ok(None),
        Extents::Inline(extents) => Ok(Some(extents.clone())),
        Extents::Blob(id) => decode_extents(&target.repo.read(id)?, entry.size).map(Some),
    }
}

/// Writes those bytes of a piece that are data: inside the extents, and no blocks of zeros where that was asked for.
fn write_data(
    target: &Target<'_>,
    output: &Output<'_>,
    bytes: &[u8],
    offset: u64,
    extents: Option<&[(u64, u64)]>,
) -> std::io::Result<()> {
    let end = offset + bytes.len() as u64;
    let whole = [(offset, bytes.len() as u64)];
    let extents = extents.unwrap_or(&whole);
    let first = extents.partition_point(|(start, len)| start + len <= offset);
    for (start, len) in extents[first..].iter().take_while(|(start, _)| *start < end) {
        let (from, to) = ((*start).max(offset), (start + len).min(end));
        let part = &bytes[(from - offset) as usize..(to - offset) as usize];
        if target.options.sparse { write_blocks(output, part, from)? } else { output.write_at(part, from)? }
    }
    Ok(())
}

/// Writes but for blocks that hold only zeros; blocks are those of the file.
fn write_blocks(output: &Output<'_>, bytes: &[u8], offset: u64) -> std::io::Result<()> {
    let head = (BLOCK_BYTES - (offset % BLOCK_BYTES as u64) as usize) % BLOCK_BYTES;
    let (head, rest) = bytes.split_at(head.min(bytes.len()));
    let mut at = offset;
    let mut run: (u64, usize) = (offset, 0);
    for block in [head].into_iter().chain(rest.chunks(BLOCK_BYTES)).filter(|block| !block.is_empty()) {
        if block.iter().all(|byte| *byte == 0) {
            let start = (run.0 - offset) as usize;
            output.write_at(&bytes[start..start + run.1], run.0)?;
            run = (at + block.len() as u64, 0);
        } else {
            run.1 += block.len();
        }
        at += block.len() as u64;
    }
    let start = (run.0 - offset) as usize;
    output.write_at(&bytes[start..start + run.1], run.0)
}

impl<'t> Large<'t> {
    pub(super) fn new(job: Job<'t>, extents: Option<Vec<(u64, u64)>>) -> Self {
        Large { job, extents, output: OnceLock::new(), has_failed: AtomicBool::new(false), advanced: AtomicU64::new(0) }
    }

    /// It failed, once; later failures of the same file say nothing new.
    pub(super) fn fail(&self, target: &Target<'_>, error: Error) {
        if !self.has_failed.swap(true, Relaxed) {
            self.job.fail(target, error);
        }
    }

    /// The file, made at the first call. `None` after a failure.
    pub(super) fn output(&self, target: &Target<'_>) -> Option<&Output<'t>> {
        let make = || {
            let entry = &self.job.entry;
            let mode = target.wanted_mode(entry).unwrap_or(0o600);
            let output = Output::create(target, &self.job.dir, mode, &entry.name)?;
            ftruncate(output.file(), entry.size).at("set the length of", target.on_disk(&self.job.path()))?;
            Ok(output)
        };
        self.output.get_or_init(|| make().map_err(|error| self.fail(target, error)).ok()).as_ref()
    }

    /// Writes one piece.
    pub(super) fn write(&self, target: &Target<'_>, bytes: &[u8], offset: u64) {
        if self.has_failed.load(Relaxed) {
            return;
        }
        if offset + bytes.len() as u64 > self.job.entry.size {
            let error = Error::new(Code::ChunkInvalid, "it is longer than the tree says");
            return self.fail(target, self.job.damaged(error));
        }
        let Some(output) = self.output(target) else { return };
        if let Err(error) = write_data(target, output, bytes, offset, self.extents.as_deref()) {
            return self.fail(target, Error::io("write", target.on_disk(&self.job.path()), error));
        }
        self.advanced.fetch_add(bytes.len() as u64, Relaxed);
        target.report.event(&Event::Advance { items: 0, bytes: bytes.len() as u64 });
    }

    /// All pieces are there: metadata, and the name.
    pub(super) fn finish(mut self, target: &Target<'_>) -> Job<'t> {
        self.output(target);
        let Some(mut output) = self.output.take().flatten() else { return self.job };
        if !self.has_failed.load(Relaxed) && !target.report.is_stopped() {
            match self.job.conclude(target, &mut output) {
                Ok(()) => self.job.done(target, self.job.change(), self.advanced.load(Relaxed)),
                Err(error) => self.fail(target, error),
            }
        }
        self.job
    }
}
