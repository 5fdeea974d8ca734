//! Every entry of the index in key order, read from the segments that a view lists.
//!
//! FORMAT section 7. Segments are sorted as the index is, and reading them costs a tenth of what asking SQLite for every
//! row does. Whoever reads them keeps others from deleting them: gc, by its lock.

use super::rebuild::{Ended, READERS_MAX, Source, merge};
use super::segment::{Record, SegmentReader};
use super::view::View;
use super::{Core, Repo};
use crate::error::{Code, Error, Result};
use crate::id::Id;
use std::collections::{HashMap, HashSet};

/// A view, and where its entries are read.
pub(crate) struct Scan<'a> {
    core: &'a Core,
    /// The index at the moment of the scan: it says which segments count, and how packs are numbered.
    pub(crate) view: View<'a>,
    /// `None` where the index itself is read.
    segments: Option<Vec<Id>>,
}

impl Repo {
    /// The index as it is now. Its entries are read from segments where these are few and say all of it.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn scan(&self) -> Result<Scan<'_>> {
        let view = self.index().view()?;
        // Packs that no segment lists are known by the index alone, and from far away the index is nearer.
        let is_of_use = self.backend().local_dir().is_some() && view.strays()?.is_empty();
        let segments: Vec<Id> = view.segments()?.into_iter().map(|(name, _)| name).collect();
        let segments = Some(segments).filter(|segments| is_of_use && segments.len() <= READERS_MAX);
        Ok(Scan { core: self.core(), view, segments })
    }
}

impl Scan<'_> {
    /// Tells `each` of every copy of every entry, by key.
    ///
    /// # Errors
    /// CACHE_ERROR; FILE_NOT_FOUND, STORAGE_CORRUPTED, DECRYPTION_FAILED when a segment is not as it was when the index was
    /// made from it; and what `each` answers.
    pub(crate) fn for_each(&self, each: &mut dyn FnMut(&Record) -> Result<()>) -> Result<()> {
        let Some(segments) = &self.segments else { return self.view.for_each(each) };
        let numbers: HashMap<Id, u32> = self.view.packs()?.iter().map(|pack| (pack.name, pack.number)).collect();
        // A pack that several segments list speaks through the first of them.
        let mut speaking = HashSet::new();
        let mut sources = Vec::with_capacity(segments.len());
        for name in segments {
            let mut reader = SegmentReader::open(self.core, name)?;
            let packs = std::mem::take(&mut reader.packs);
            let numbers: Vec<Option<u32>> = packs
                .iter()
                .map(|pack| numbers.get(&pack.name).copied().filter(|number| speaking.insert(*number)))
                .collect();
            if numbers.iter().any(Option::is_some) {
                sources.push(Source::Segment(Box::new(reader), numbers));
            }
        }
        let mut last = None;
        let ended = merge(sources, &mut |record| {
            // A pack may list an entry twice; the index keeps the first.
            if last == Some((record.key, record.pack)) {
                return Ok(());
            }
            last = Some((record.key, record.pack));
            each(record)
        });
        ended.map_err(|ended| match ended {
            Ended::Failed(error) => error,
            Ended::Damaged(name) => Error::new(Code::StorageCorrupted, format!("segment {name} is damaged")),
        })
    }

    /// Whether the index has as many entries as were read from segments: one that lost some answers wrongly elsewhere.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn agrees_on(&self, entries: u64) -> Result<bool> {
        Ok(self.segments.is_none() || self.view.count()? == entries)
    }

    /// After a failure of [`Scan::for_each`]: whether another try may do, which reads the index itself.
    pub(crate) fn can_try_again(&mut self, error: &Error) -> bool {
        error.is_loss() && self.segments.take().is_some()
    }
}
