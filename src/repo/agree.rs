//! Whether the derived index still says what the segments say.
//!
//! Its pages carry no sums, so that a bit that changed in one of them shows as an object that is lost. Both sides are summed
//! up, in whatever order each is read, and the sums compared.

use super::Repo;
use super::index::failure::is_damage;
use super::segment::{PackFacts, Record, SegmentReader, put_frames, put_record};
use super::view::View;
use crate::error::{Code, Result};
use crate::id::Id;
use crate::object::{Key, hash};
use std::collections::{HashMap, HashSet};

/// How many packs and entries there are, and a sum over the hashes of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    sum: u128,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let half = hash(bytes).as_bytes().iter().take(16).fold(0, |half: u128, byte| half << 8 | u128::from(*byte));
        self.count += 1;
        self.sum = self.sum.wrapping_add(half);
    }

    fn add_pack(&mut self, pack: &PackFacts) {
        let mut bytes = vec![pack.kind as u8];
        bytes.extend(pack.name.as_bytes());
        bytes.extend(pack.file_bytes.to_le_bytes());
        bytes.extend(pack.salt);
        bytes.extend(pack.key_id.as_bytes());
        put_frames(&mut bytes, &pack.frames);
        self.add(&bytes);
    }

    /// The number of a pack is of no meaning beyond the index.
    fn add_record(&mut self, record: &Record, pack: &Id) {
        let mut bytes = pack.as_bytes().to_vec();
        put_record(&mut bytes, &Record { pack: 0, ..*record });
        self.add(&bytes);
    }
}

impl Repo {
    /// Whether the index says of packs and entries what the segments say that it was made from. Where a segment cannot be
    /// read or is gone, that is not known, and taken for granted.
    ///
    /// # Errors
    /// CACHE_ERROR; what reading segments can answer.
    pub fn index_agrees(&self) -> Result<bool> {
        let view = self.index().view()?;
        let (mut said, mut speaking) = (Sum::default(), HashSet::new());
        for (name, _) in view.segments()? {
            let mut reader = match SegmentReader::open(self.core(), &name) {
                Err(error) if error.code() == Code::FileNotFound || is_damage(&error) => return Ok(true),
                reader => reader?,
            };
            // A pack that several segments list speaks through the first of them.
            let packs = std::mem::take(&mut reader.packs);
            let speak: Vec<bool> = packs.iter().map(|pack| speaking.insert(pack.name)).collect();
            packs.iter().zip(&speak).filter(|(_, speaks)| **speaks).for_each(|(pack, _)| said.add_pack(pack));
            let (mut key, mut told) = (None, Vec::new());
            loop {
                let record = match reader.next() {
                    Ok(Some(record)) => record,
                    Ok(None) => break,
                    Err(error) if error.code() == Code::FileNotFound || is_damage(&error) => return Ok(true),
                    Err(error) => return Err(error),
                };
                if key.replace(record.key) != Some(record.key) {
                    told.clear();
                }
                // A pack may list an entry twice; the index keeps the first.
                let at = record.pack as usize;
                if speak.get(at) == Some(&true) && !told.contains(&at) {
                    said.add_record(&record, &packs[at].name);
                    told.push(at);
                }
            }
        }
        match sum_of(&view) {
            // A row that cannot be read says something else, whatever it is.
            Err(error) if matches!(error.code(), Code::StorageCorrupted | Code::CacheError) => Ok(false),
            kept => Ok(kept? == Some(said)),
        }
    }
}

impl Repo {
    /// Makes the index anew, as [`Repo::rebuild_index`], and keeps which copies were found damaged.
    ///
    /// # Errors
    /// As [`Repo::rebuild_index`].
    pub(crate) fn rebuild_index_with_marks(&self) -> Result<()> {
        // What cannot be read of them will be found again.
        let marks = self.index().view().and_then(|view| marks_of(&view)).unwrap_or_default();
        self.rebuild_index()?;
        let packs = self.index().view()?.packs()?;
        for pack in packs {
            let keys = marks.get(&pack.name);
            keys.map_or(Ok(()), |keys| self.index().mark_bad(keys, pack.number))?;
        }
        Ok(())
    }
}

/// The copies that were found damaged, by the name of their pack.
fn marks_of(view: &View<'_>) -> Result<HashMap<Id, Vec<Key>>> {
    let names: HashMap<u32, Id> = view.packs()?.into_iter().map(|pack| (pack.number, pack.name)).collect();
    let mut marks: HashMap<Id, Vec<Key>> = HashMap::new();
    for (key, pack) in view.bad()? {
        names.get(&pack).into_iter().for_each(|name| marks.entry(*name).or_default().push(key));
    }
    Ok(marks)
}

/// What the index has of packs that a segment lists; `None` where an entry is of no pack.
fn sum_of(view: &View<'_>) -> Result<Option<Sum>> {
    let strays: HashSet<u32> = view.strays()?.into_iter().collect();
    let (mut sum, mut names) = (Sum::default(), HashMap::new());
    for pack in view.packs()?.into_iter().filter(|pack| !strays.contains(&pack.number)) {
        sum.add_pack(&view.facts(pack.number)?);
        names.insert(pack.number, pack.name);
    }
    let mut are_of_packs = true;
    view.for_each(&mut |record| {
        match names.get(&record.pack) {
            Some(name) => sum.add_record(record, name),
            None => are_of_packs &= strays.contains(&record.pack),
        }
        Ok(())
    })?;
    Ok(are_of_packs.then_some(sum))
}
