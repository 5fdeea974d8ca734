//! What larder itself stands on: the repository in use, and what its caller names, such as keys and settings.
//!
//! A restore leaves it as it is, whatever the snapshot has and whatever is to be deleted. It is known by device and
//! inode, so that no symlink, no `..` and no mount leads to it unseen.

use crate::error::{Code, Error, IoContext, Result};
use crate::repo::Repo;
use rustix::fs::{Stat, fstat};
use std::collections::HashSet;
use std::fs::{Metadata, metadata, symlink_metadata};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device and inode.
type Inode = (u64, u64);

/// Files and directories that are left as they are.
pub(super) struct Own {
    /// They themselves.
    places: HashSet<Inode>,
    /// The directories and symlinks that lead to them.
    ways: HashSet<Inode>,
}

impl Own {
    /// Finds what the repository lies in here, and what stands at these paths.
    pub(super) fn find(repo: &Repo, others: &[PathBuf]) -> Self {
        let mut own = Own { places: HashSet::new(), ways: HashSet::new() };
        let local = repo.local();
        [&local.cache, &local.device].into_iter().chain(others).for_each(|path| own.add(path));
        // Packs may lie on another medium, behind a symlink or a mount.
        let parts = std::fs::read_dir(&local.cache).into_iter().flatten().flatten().map(|part| part.path());
        parts.filter(|part| part.is_dir()).for_each(|part| own.add(&part));
        own
    }

    fn add(&mut self, path: &Path) {
        let (Ok(named), Ok(real)) = (std::path::absolute(path), path.canonicalize()) else { return };
        for path in [named, real] {
            let mut above = path.ancestors().filter_map(|path| symlink_metadata(path).ok());
            self.places.extend(above.next().map(|there| inode(&there)));
            self.ways.extend(above.map(|there| inode(&there)));
        }
    }

    /// Whether it is one of them.
    pub(super) fn has(&self, there: &Stat) -> bool {
        self.places.contains(&(there.st_dev, there.st_ino))
    }

    /// Whether it is one of them, opened.
    pub(super) fn has_open(&self, handle: impl AsFd) -> rustix::io::Result<bool> {
        fstat(handle).map(|there| self.has(&there))
    }

    /// Whether it is one of them or leads to one.
    pub(super) fn needs(&self, there: &Stat) -> bool {
        self.has(there) || self.ways.contains(&(there.st_dev, there.st_ino))
    }

    /// Refuses a target that is one of them or lies within.
    ///
    /// # Errors
    /// INVALID_ARG; FILE_IO when the target cannot be found out about.
    pub(super) fn check_target(&self, target: &Path) -> Result<()> {
        let named = std::path::absolute(target).at("find", target)?;
        // Of what is to be made, the deepest directory that is there.
        let there = named.ancestors().find_map(|path| path.canonicalize().ok()).unwrap_or(named);
        let is_own = |path: &Path| metadata(path).is_ok_and(|there| self.places.contains(&inode(&there)));
        match there.ancestors().find(|path| is_own(path)) {
            None => Ok(()),
            Some(place) => {
                let (target, place) = (target.display(), place.display());
                let message = format!("the target {target} lies in {place}, where larder keeps its own files");
                Err(Error::new(Code::InvalidArg, message).with_hint("name a directory outside of it"))
            }
        }
    }
}

/// Why something is not replaced.
pub(super) fn refusal(path: &Path) -> Error {
    let message = format!("{} is left as it is: larder's own files are there", path.display());
    Error::new(Code::PermissionDenied, message).with_hint("restore it to another directory with --target")
}

fn inode(there: &Metadata) -> Inode {
    (there.dev(), there.ino())
}
