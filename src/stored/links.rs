//! Which paths of a snapshot are one file.

use crate::error::Result;
use crate::id::Id;
use crate::repo::Repo;
use crate::tree::{Entry, LinksReader};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The groups of a links object, in 16 bytes for each name.
#[derive(Clone, Debug, Default)]
pub struct HardLinks {
    /// Hash of a path, number of its group; sorted.
    paths: Vec<(u64, u32)>,
    /// Names in each group.
    sizes: Vec<u32>,
}

impl HardLinks {
    /// Reads the links object of a snapshot; without one there are no groups.
    ///
    /// # Errors
    /// Those of reading, STORAGE_CORRUPTED.
    pub fn read(repo: &Repo, links: Option<&Id>) -> Result<Self> {
        let mut all = HardLinks::default();
        let Some(id) = links else { return Ok(all) };
        let mut reader = LinksReader::new();
        repo.stream(id, &mut |bytes| {
            reader.feed(bytes);
            while let Some(paths) = reader.next_group()? {
                let group = all.sizes.len() as u32;
                all.sizes.push(paths.len() as u32);
                all.paths.extend(paths.iter().map(|path| (hash(path), group)));
            }
            Ok(())
        })
        .and_then(|()| reader.finish())
        .map_err(|error| error.context("the snapshot's list of hard links cannot be read"))?;
        all.paths.sort_unstable();
        Ok(all)
    }

    /// The group of an entry, `None` if it has no other names.
    pub fn group(&self, path: &[u8], entry: &Entry) -> Option<u32> {
        if !entry.linked {
            return None;
        }
        let at = self.paths.binary_search_by_key(&hash(path), |(hash, _)| *hash).ok()?;
        Some(self.paths[at].1)
    }

    /// How many names each group has.
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}
