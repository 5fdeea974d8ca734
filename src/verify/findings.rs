//! What is found wrong while looking, gathered from many threads, each thing once.

use super::frames::FrameMap;
use super::report::{Damage, Fault};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::object::Key;
use crate::repo::{Repo, pack_path};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Everything found wrong so far.
#[derive(Default)]
pub(super) struct Findings {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    files: BTreeMap<String, Damage>,
    entries: BTreeMap<Key, Found>,
    packs: HashSet<Id>,
}

/// What is wrong with one entry.
struct Found {
    damage: Damage,
    /// Packs whose copy is bad.
    packs: BTreeSet<Id>,
}

impl Findings {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file of the repository is wrong.
    pub(super) fn file(&self, path: String, error: &Error) {
        self.inner().files.entry(path.clone()).or_insert_with(|| Damage::file(path, error));
    }

    /// An entry is wrong: the copy in this pack, or all there is.
    pub(super) fn entry(&self, key: Key, pack: Option<&Id>, error: &Error) {
        let file = pack.map(pack_path);
        let mut inner = self.inner();
        inner.packs.extend(pack);
        let found = inner
            .entries
            .entry(key)
            .or_insert_with(|| Found { damage: Damage::entry(key, file.clone(), error), packs: BTreeSet::new() });
        if found.damage.file.is_none() || (found.damage.fault, Fault::of(error)) == (Fault::Missing, Fault::Damaged) {
            found.damage = Damage::entry(key, file, error);
        }
        found.packs.extend(pack);
    }

    /// Whether anything in a pack is wrong so far.
    pub(super) fn is_hurt(&self, pack: &Id) -> bool {
        self.inner().packs.contains(pack)
    }

    /// How many entries are wrong so far.
    pub(super) fn entries(&self) -> usize {
        self.inner().entries.len()
    }

    /// Ends the gathering: says of each entry whether a sound copy is left, and marks bad copies in the index, so that
    /// writers store them again. Files first, then entries, in order. `is_there` says which packs can be read.
    pub(super) fn finish(self, repo: &Repo, frames: &FrameMap, is_there: &dyn Fn(&Id) -> bool) -> Result<Vec<Damage>> {
        let inner = self.inner.into_inner().unwrap_or_else(PoisonError::into_inner);
        let numbers: BTreeMap<Id, u32> = frames.packs.iter().map(|pack| (pack.name, pack.number)).collect();
        let names: BTreeMap<u32, Id> = frames.packs.iter().map(|pack| (pack.number, pack.name)).collect();
        let mut damage: Vec<Damage> = inner.files.into_values().collect();
        for (key, mut found) in inner.entries {
            let copies = repo.index().lookup(&key)?;
            found.damage.has_other_copy = copies
                .iter()
                .any(|copy| names.get(&copy.pack).is_some_and(|name| is_there(name) && !found.packs.contains(name)))
                && !found.packs.is_empty();
            for number in found.packs.iter().filter_map(|name| numbers.get(name)) {
                // The mark only saves time: a replica that cannot be written to is verified all the same.
                let _ = repo.index().mark_bad(&[key], *number);
            }
            damage.push(found.damage);
        }
        Ok(damage)
    }
}
