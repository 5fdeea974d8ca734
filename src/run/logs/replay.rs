//! A stored log, printed again.

use super::order::Turns;
use super::{LogIds, Stream};
use crate::error::Result;
use crate::id::Id;
use crate::repo::Repo;

/// Read so much of a stored stream at a time; less is read, and checked, as a whole.
const PIECE_BYTES: u64 = 1 << 20;

/// Gives a log to `each` in the order in which it came.
///
/// # Errors
/// CHUNK_NOT_FOUND, CHUNK_INVALID, CAS_ERROR when it is not here or damaged; what `each` answers.
pub fn replay(repo: &Repo, ids: &LogIds, each: &mut dyn FnMut(Stream, &[u8]) -> Result<()>) -> Result<()> {
    let mut sources = [Source::open(repo, ids.stdout)?, Source::open(repo, ids.stderr)?];
    if let Some(interleave) = &ids.interleave {
        let order = repo.read(interleave)?;
        for (stream, len) in Turns::decode(&order, [sources[0].len, sources[1].len])? {
            sources[stream.index()].give(len, stream, each)?;
        }
    }
    for (source, stream) in sources.iter_mut().zip([Stream::Stdout, Stream::Stderr]) {
        source.give(source.len - source.at, stream, each)?;
    }
    Ok(())
}

/// One stored stream and how far it was read.
struct Source<'a> {
    repo: &'a Repo,
    id: Option<Id>,
    len: u64,
    at: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl<'a> Source<'a> {
    fn open(repo: &'a Repo, id: Option<Id>) -> Result<Self> {
        let mut source = Source { repo, id, len: 0, at: 0, buffer: Vec::new(), buffer_at: 0 };
        if let Some(id) = &id {
            source.len = match repo.find(id)? {
                Some(info) => info.len,
                // To read what is not here fails with the words for that.
                None => repo.read(id)?.len() as u64,
            };
        }
        Ok(source)
    }

    fn give(&mut self, len: u64, stream: Stream, each: &mut dyn FnMut(Stream, &[u8]) -> Result<()>) -> Result<()> {
        let end = self.at + len;
        while self.at < end {
            let from = (self.at - self.buffer_at) as usize;
            let to = ((end - self.buffer_at).min(self.buffer.len() as u64)) as usize;
            if from < to {
                each(stream, &self.buffer[from..to])?;
                self.at = self.buffer_at + to as u64;
            } else if !self.fill()? {
                break;
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<bool> {
        let Some(id) = &self.id else { return Ok(false) };
        (self.buffer, self.buffer_at) = if self.len <= PIECE_BYTES {
            (self.repo.read(id)?, 0)
        } else {
            (self.repo.read_range(id, self.at, PIECE_BYTES as usize)?, self.at)
        };
        Ok(self.buffer_at + self.buffer.len() as u64 > self.at)
    }
}
