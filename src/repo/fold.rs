//! Segments kept few: what many small ones say is said by one, and damaged ones that nothing needs any more go.
//!
//! STORAGE section 5, FORMAT section 7. A writer does this at its end, where the medium is a directory of this machine, and only
//! while it holds the lock by which two gcs exclude each other: a segment written from what was read before a sweep would
//! list packs that the sweep has deleted. A gc of another machine does not see that lock; it sweeps nothing that a
//! writer which saw no doom does not know of, and only such a writer folds. Packs are gc's alone.

use super::gc_access::MERGE_MAX;
use super::lock::{Lock, Mode, Wait};
use super::{GC_LOCK, Repo, segment_path};
use crate::error::{Code, Result};
use crate::id::Id;
use crate::object::hash;

/// From so many segments of one size on they are made one.
const SEGMENTS_MAX: usize = 64;
/// Segments of fewer packs than this are of one size; then those of fewer than that.
const SIZES_PACKS: [usize; 2] = [64, 4_096];

/// What [`Repo::tidy_segments`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tidied {
    /// Segments that one took the place of.
    pub(crate) folded: u64,
    /// Damaged segments that were removed.
    pub(crate) retired: u64,
}

impl Repo {
    /// Folds small segments when there are many, and removes damaged ones whose packs others list. Does nothing while a
    /// gc is at work, or somebody else does the same.
    ///
    /// # Errors
    /// STORAGE_FULL, FILE_IO, CACHE_ERROR. Whatever fails, nothing is lost: what is folded goes after what takes its place
    /// is durable.
    pub(crate) fn tidy_segments(&self, command: &str) -> Result<Tidied> {
        let mut tidied = Tidied::default();
        // What another side's segments say ends with them, so no segment of ours says it.
        let may_fold = self.backend().local_dir().is_some() && !self.is_partial();
        if !may_fold || (self.segments_to_fold()?.is_empty() && !self.has_damaged_segments()) {
            return Ok(tidied);
        }
        let lock = Lock::acquire(&self.local().cache.join(GC_LOCK), Mode::Exclusive, Wait::No, command);
        let _alone = match lock {
            Err(error) if error.code() == Code::LockHeld => return Ok(tidied),
            lock => lock?,
        };
        // What was swept or folded before the lock was had is known from here on.
        self.refresh()?;
        loop {
            let names = self.segments_to_fold()?;
            if names.is_empty() {
                break;
            }
            self.merge_segments(&names, &|_| true)?;
            names.iter().try_for_each(|name| self.backend().delete(&segment_path(name)))?;
            tidied.folded += names.len() as u64;
            self.refresh()?;
        }
        tidied.retired = self.retire_damaged()?;
        Ok(tidied)
    }

    fn has_damaged_segments(&self) -> bool {
        !self.damaged_segments().is_empty()
    }

    /// The oldest of the segments of one size, if there are too many of them.
    fn segments_to_fold(&self) -> Result<Vec<Id>> {
        let sizes = self.index().segment_sizes()?;
        for limit in SIZES_PACKS {
            let mut small = sizes.iter().filter(|(_, packs)| *packs < limit).map(|(name, _)| *name);
            if small.clone().count() > SEGMENTS_MAX {
                return Ok(small.by_ref().take(MERGE_MAX).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Removes segments whose bytes are not what their names say, once every pack that is there is listed by a sound one:
    /// then there is nothing that they could still tell. Their packs were adopted, by this writer or another.
    fn retire_damaged(&self) -> Result<u64> {
        let damaged: Vec<Id> = self.damaged_segments().into_iter().map(|(name, _)| name).collect();
        if damaged.is_empty() {
            return Ok(0);
        }
        let listed = self.index().pack_names(true)?;
        if !self.pack_files()?.keys().all(|name| listed.contains(name)) {
            return Ok(0);
        }
        let mut retired = 0;
        for name in damaged {
            // One that is whole may be sealed with a key that this client does not have.
            match self.backend().get(&segment_path(&name)) {
                Ok(bytes) if hash(&bytes) != name => {
                    self.backend().delete(&segment_path(&name))?;
                    retired += 1;
                }
                Ok(_) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        if retired > 0 {
            self.refresh()?;
        }
        Ok(retired)
    }
}
