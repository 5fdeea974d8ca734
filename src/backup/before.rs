//! What is known of a directory from before: the rows of the stat cache, or the tree of an earlier snapshot.

use super::directory::Directory;
use super::engine::Engine;
use crate::id::Id;
use crate::state::DirectoryRow;
use crate::tree::{Entry, read_tree};
use std::collections::BTreeMap;

/// A larger tree of an earlier snapshot is not read only to count.
const BEFORE_BYTES_MAX: u64 = 16 << 20;

/// A directory's names in an earlier snapshot, for telling new files from changed ones where the stat cache was lost.
/// Nothing is taken for unchanged by it: a tree holds no change times.
pub(super) struct Before(std::iter::Peekable<std::vec::IntoIter<Entry>>);

impl Before {
    /// Reads the tree, unless the cache knows the directory or there is none. One that cannot be read is none.
    pub fn read(engine: &Engine<'_>, directory: &Directory, rows: &[DirectoryRow]) -> Self {
        let read = |tree: Id| {
            let is_small = engine.repo.find(&tree).ok().flatten()?.len <= BEFORE_BYTES_MAX;
            let bytes = is_small.then(|| engine.repo.read(&tree).ok()).flatten()?;
            Some(read_tree(&bytes).ok()?.entries)
        };
        let entries = directory.before.filter(|_| rows.is_empty()).and_then(read);
        Before(entries.unwrap_or_default().into_iter().peekable())
    }

    /// What the name was then; names are asked for in order.
    pub fn entry(&mut self, name: &[u8]) -> Option<Entry> {
        while self.0.next_if(|entry| entry.name.as_slice() < name).is_some() {}
        self.0.next_if(|entry| entry.name == name)
    }
}

/// The rows that can speak of a window: its own, and those beside it, because names shift when others come and go.
pub(super) fn known_rows(engine: &Engine<'_>, directory: &Directory, number: usize) -> Vec<DirectoryRow> {
    let last = if directory.windows() == 1 { number } else { number + 1 };
    let parts = number.saturating_sub(1)..=last;
    let rows: BTreeMap<u32, DirectoryRow> =
        parts.filter_map(|part| Some((part as u32, engine.known(&directory.key(part as u32))?))).collect();
    rows.into_values().collect()
}
