//! What gc and verify need of packs and segments beyond what readers and writers do.

use super::adopt::finished_pack;
use super::frames::open_wrapped_frame;
use super::index::failure::is_damage;
use super::pack::Directory;
use super::segment::{PackFacts, Record, SegmentReader, SegmentWriter};
use super::{Repo, pack_path};
use crate::backend::Backend;
use crate::error::Result;
use crate::id::Id;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// So many segments are merged at once: each holds one frame of records in memory.
pub(super) const MERGE_MAX: usize = 64;

/// The id that a file of the repository is named by, `None` for a file that does not belong there.
pub(crate) fn id_of(path: &str) -> Option<Id> {
    path.rsplit('/').next()?.parse().ok()
}

/// The packs that are on a medium now, with the lengths of their files.
pub(crate) fn pack_files_of(backend: &dyn Backend) -> Result<HashMap<Id, u64>> {
    let mut files = HashMap::new();
    backend.list("packs", &mut |path, bytes| {
        files.extend(id_of(path).filter(|name| pack_path(name) == path).map(|name| (name, bytes)));
        Ok(())
    })?;
    Ok(files)
}

impl Repo {
    /// The packs that are there now, with the lengths of their files.
    ///
    /// # Errors
    /// What listing the medium can answer.
    pub(crate) fn pack_files(&self) -> Result<HashMap<Id, u64>> {
        pack_files_of(self.backend().as_ref())
    }

    /// What a pack says that it holds.
    ///
    /// # Errors
    /// FILE_NOT_FOUND, STORAGE_CORRUPTED, DECRYPTION_FAILED, INVALID_KEY.
    pub(crate) fn pack_directory(&self, name: &Id) -> Result<Directory> {
        Ok(finished_pack(self.core(), name)?.directory)
    }

    /// Opens a frame and answers its plaintext, still compressed. Nothing but the seal is checked.
    ///
    /// # Errors
    /// FILE_NOT_FOUND, STORAGE_CORRUPTED, DECRYPTION_FAILED.
    pub(crate) fn open_wrapped(&self, pack: &PackFacts, frame: u32) -> Result<Vec<u8>> {
        open_wrapped_frame(self.core(), pack, frame)
    }

    /// Writes segments that say what `names` say of the packs that `keeps` says yes to, and supersede them. Segments
    /// that are gone already are passed over; what damaged ones said is said again by the directories of their packs.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED, DECRYPTION_FAILED when a segment and one of its packs cannot be read; STORAGE_FULL, FILE_IO.
    pub(crate) fn merge_segments(&self, names: &[Id], keeps: &dyn Fn(&Id) -> bool) -> Result<()> {
        for group in names.chunks(MERGE_MAX) {
            match self.merge_group(group, keeps) {
                Err(error) if is_damage(&error) => self.merge_group(&self.without_damaged(group, keeps)?, keeps)?,
                answer => answer?,
            }
        }
        Ok(())
    }

    /// Gives the packs of damaged segments a segment of their own. Answers the segments that are whole.
    fn without_damaged(&self, names: &[Id], keeps: &dyn Fn(&Id) -> bool) -> Result<Vec<Id>> {
        let before = self.index().view()?.segments()?;
        self.give_up_segments(names)?;
        let known: HashSet<Id> = self.index().view()?.segments()?.into_iter().map(|(name, _)| name).collect();
        let (whole, damaged): (Vec<Id>, Vec<Id>) = names.iter().partition(|name| known.contains(name));
        let is_of_damaged = |(name, _): &(Id, Vec<Id>)| damaged.contains(name);
        let packs = before.into_iter().filter(is_of_damaged).flat_map(|(_, packs)| packs);
        // They were published: nobody's flush is waited for.
        let adopted = self.adopt_from(&packs.filter(keeps).collect::<HashSet<Id>>(), &[], &HashSet::new())?;
        match adopted.damaged.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(whole),
        }
    }

    fn merge_group(&self, names: &[Id], keeps: &dyn Fn(&Id) -> bool) -> Result<()> {
        let mut readers = Vec::with_capacity(names.len());
        for name in names {
            match SegmentReader::open(self.core(), name) {
                Ok(reader) => readers.push(reader),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        // A pack that several segments list speaks through the first of them.
        let (mut packs, mut numbers): (Vec<PackFacts>, Vec<Vec<Option<u32>>>) = (Vec::new(), Vec::new());
        let mut known = HashSet::new();
        for reader in &readers {
            numbers.push(
                reader
                    .packs
                    .iter()
                    .map(|pack| {
                        let is_first = keeps(&pack.name) && known.insert(pack.name);
                        is_first.then(|| {
                            packs.push(pack.clone());
                            (packs.len() - 1) as u32
                        })
                    })
                    .collect(),
            );
        }
        if packs.is_empty() {
            return Ok(());
        }
        let mut heads: Vec<Option<Record>> = Vec::with_capacity(readers.len());
        let mut heap = BinaryHeap::new();
        for (at, reader) in readers.iter_mut().enumerate() {
            // Of a segment that has nothing to say any more no record is read.
            let has_kept = numbers[at].iter().any(Option::is_some);
            let record = if has_kept { next_kept(reader, &numbers[at])? } else { None };
            heap.extend(record.map(|record| std::cmp::Reverse((record.key, record.pack, at))));
            heads.push(record);
        }
        let mut segment = SegmentWriter::create(self.core())?;
        while let Some(std::cmp::Reverse((_, _, at))) = heap.pop() {
            if let Some(record) = heads[at].take() {
                segment.push(&record)?;
            }
            heads[at] = next_kept(&mut readers[at], &numbers[at])?;
            heap.extend(heads[at].map(|record| std::cmp::Reverse((record.key, record.pack, at))));
        }
        let superseded: Vec<Id> = readers.iter().map(SegmentReader::name).collect();
        let name = segment.finish(self.core(), &packs, &superseded)?;
        self.index().add_known(&name, &packs)
    }
}

/// The next record of a pack that is kept, with its number in the new segment.
fn next_kept(reader: &mut SegmentReader<'_>, numbers: &[Option<u32>]) -> Result<Option<Record>> {
    while let Some(record) = reader.next()? {
        if let Some(number) = numbers.get(record.pack as usize).copied().flatten() {
            return Ok(Some(Record { pack: number, ..record }));
        }
    }
    Ok(None)
}
