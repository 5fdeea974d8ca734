//! Numbers for the frames of all packs, and sets of them: a bit a frame.

use crate::error::Result;
use crate::id::Id;
use crate::object::{Class, Key, Kind};
use crate::repo::pack::Directory;
use crate::repo::segment::{Place, Record};
use crate::repo::view::{PackBrief, View};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every frame of a view, numbered through.
pub(super) struct FrameMap {
    /// The packs, by name.
    pub(super) packs: Vec<PackBrief>,
    first: Vec<usize>,
    by_number: HashMap<u32, usize>,
    count: usize,
}

impl FrameMap {
    pub(super) fn new(view: &View<'_>) -> Result<Self> {
        let packs = view.packs()?;
        let (mut first, mut count) = (Vec::with_capacity(packs.len()), 0);
        for pack in &packs {
            first.push(count);
            count += pack.frames as usize;
        }
        let by_number = packs.iter().enumerate().map(|(at, pack)| (pack.number, at)).collect();
        Ok(FrameMap { packs, first, by_number, count })
    }

    /// Where a pack of the view stands in [`FrameMap::packs`].
    pub(super) fn pack_at(&self, number: u32) -> Option<usize> {
        self.by_number.get(&number).copied()
    }

    /// The number of a frame among all.
    pub(super) fn frame_at(&self, pack: usize, frame: u32) -> Option<usize> {
        (frame < self.packs[pack].frames).then(|| self.first[pack] + frame as usize)
    }

    /// No frame yet.
    pub(super) fn none(&self) -> FrameSet {
        FrameSet((0..self.count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }
}

/// A set of frames that several threads add to.
pub(super) struct FrameSet(Vec<AtomicU64>);

impl FrameSet {
    /// Adds a frame; whether it was new.
    pub(super) fn insert(&self, frame: usize) -> bool {
        let bit = 1 << (frame % 64);
        self.0.get(frame / 64).is_some_and(|word| word.fetch_or(bit, Ordering::Relaxed) & bit == 0)
    }

    /// Whether it has a frame.
    pub(super) fn contains(&self, frame: usize) -> bool {
        self.0.get(frame / 64).is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (frame % 64)) != 0)
    }
}

/// A number that two lists of entries share when they say the same in whatever order, and else hardly ever.
pub(super) fn fingerprint(record: &Record) -> u64 {
    let start = |id: &Id| u64::from_le_bytes(std::array::from_fn(|at| id.as_bytes()[at]));
    let place = match record.place {
        Place::Frame { frame, offset, len } => {
            mixed(u64::from(frame) << 32 | u64::from(offset)) ^ mixed(u64::from(len) | 1 << 40)
        }
        Place::Alias { len, root } => mixed(len) ^ start(&root),
    };
    mixed(start(&record.key.id) ^ place ^ u64::from(record.key.class.code()))
}

/// The sum of the fingerprints of everything that a directory lists. Of a key that stands there twice, the first counts:
/// it is the one that the index keeps.
pub(super) fn fingerprint_of(directory: &Directory) -> u64 {
    let mut first: HashMap<Key, (Place, Kind)> = HashMap::new();
    let mut list = |key: Key, place: Place, kind: Kind| {
        let known = first.entry(key).or_insert((place, kind));
        if place < known.0 {
            *known = (place, kind);
        }
    };
    for (frame, (_, entries)) in directory.frames.iter().enumerate() {
        let mut offset = 0;
        for entry in entries {
            list(entry.key, Place::Frame { frame: frame as u32, offset, len: entry.len }, entry.kind);
            offset += entry.len;
        }
    }
    for alias in &directory.aliases {
        let key = Key { class: Class::Alias, id: alias.id };
        list(key, Place::Alias { len: alias.len, root: alias.root }, alias.kind);
    }
    let prints = first
        .iter()
        .map(|(key, (place, kind))| fingerprint(&Record { key: *key, pack: 0, place: *place, kind: *kind }));
    prints.fold(0, u64::wrapping_add)
}

/// Spreads bits (the finalizer of SplitMix64).
fn mixed(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
