//! Measures the index at a size that no test reaches: `larder bench --index N`.
//!
//! Segments of made-up entries are written into an empty repository as a writer would leave them; then the index is made from
//! them and asked.

use super::pack::{FramePlace, PackKind};
use super::segment::{PackFacts, Place, Record, SegmentWriter};
use super::{Repo, random};
use crate::clock::Stopwatch;
use crate::error::Result;
use crate::id::{Id, ShortId};
use crate::object::{Class, Key, Kind, hash};

/// Entries of one made-up segment: what a writer flushes of small files, many times over.
const SEGMENT_ENTRIES: u64 = 1_000_000;
/// Entries of one made-up pack.
const PACK_ENTRIES: u64 = 10_000;

/// What [`Repo::measure_index`] measured, wall seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexMeasure {
    /// Entries in the index.
    pub entries: u64,
    /// Writing the segments.
    pub write_seconds: f64,
    /// Making the index from them.
    pub rebuild_seconds: f64,
    /// Making the filter.
    pub filter_seconds: f64,
    /// One lookup of a key that is there, in random order.
    pub hit_seconds: f64,
    /// One question about a key that is not there.
    pub miss_seconds: f64,
    /// Length of `index.sqlite`.
    pub index_bytes: u64,
}

impl Repo {
    /// Fills this repository, which should be a throw-away one, with segments of `entries` made-up entries, and
    /// measures its index. The packs they name do not exist.
    ///
    /// # Errors
    /// STORAGE_FULL, FILE_IO, CACHE_ERROR.
    pub fn measure_index(&self, entries: u64) -> Result<IndexMeasure> {
        let watch = Stopwatch::start();
        for first in (0..entries).step_by(SEGMENT_ENTRIES as usize) {
            self.write_made_up_segment(first, SEGMENT_ENTRIES.min(entries - first))?;
        }
        let write_seconds = watch.elapsed_seconds();
        let watch = Stopwatch::start();
        self.rebuild_index()?;
        let rebuild_seconds = watch.elapsed_seconds();
        let watch = Stopwatch::start();
        self.index().may_contain(&made_up_key(0))?;
        let filter_seconds = watch.elapsed_seconds();
        let asked = entries.clamp(1, 100_000);
        let watch = Stopwatch::start();
        for n in 0..asked {
            self.index().lookup(&made_up_key(n * 7_919 % entries.max(1)))?;
        }
        let hit_seconds = watch.elapsed_seconds() / asked as f64;
        let watch = Stopwatch::start();
        for n in 0..asked {
            self.index().may_contain(&made_up_key(entries + n))?;
        }
        let miss_seconds = watch.elapsed_seconds() / asked as f64;
        let index_bytes = std::fs::metadata(self.local().cache.join("index.sqlite")).map_or(0, |meta| meta.len());
        Ok(IndexMeasure {
            entries,
            write_seconds,
            rebuild_seconds,
            filter_seconds,
            hit_seconds,
            miss_seconds,
            index_bytes,
        })
    }

    fn write_made_up_segment(&self, first: u64, count: u64) -> Result<()> {
        let mut packs = Vec::new();
        for _ in 0..count.div_ceil(PACK_ENTRIES) {
            let frames =
                (0..64).map(|n| FramePlace { offset: n * 150_000, sealed_bytes: 150_000, ordinal: n }).collect();
            let (name, salt, key_id) = (Id::new(random()?), random()?, ShortId::new([0; 16]));
            packs.push(PackFacts { name, kind: PackKind::Data, file_bytes: 10 << 20, salt, key_id, frames });
        }
        let mut records: Vec<Record> = (0..count)
            .map(|n| Record {
                key: made_up_key(first + n),
                pack: (n / PACK_ENTRIES) as u32,
                place: Place::Frame { frame: (n % 64) as u32, offset: (n % 1_000 * 500) as u32, len: 500 },
                kind: Kind::Blob,
            })
            .collect();
        records.sort_unstable_by_key(|record| record.key);
        let mut segment = SegmentWriter::create(self.core())?;
        records.iter().try_for_each(|record| segment.push(record))?;
        segment.finish(self.core(), &packs, &[]).map(|_| ())
    }
}

fn made_up_key(n: u64) -> Key {
    Key { class: Class::Whole, id: hash(&n.to_le_bytes()) }
}
