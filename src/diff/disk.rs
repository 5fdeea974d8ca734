//! The side of a diff that is on disk.

use super::{Comparing, DiffOptions, DiffStats, Each, Seen};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::monitor::Monitor;
use crate::object::{Hasher, hash};
use crate::repo::Repo;
use crate::tree::{Entry, EntryKind, Xattrs};
use crate::walk::{
    Listing, Scratch, Stat, Xattr, link_target, open_dir, open_file, stat_at, stat_fd, xattrs_at, xattrs_of,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::CWD;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// Compares a stored directory with one on disk: what was added is on disk only. `path` is that of the stored one.
///
/// # Errors
/// FILE_NOT_FOUND and FILE_IO when the directory cannot be read at all, and what `each` answers.
pub fn diff_dir(
    repo: &Repo,
    before: &Entry,
    path: &[u8],
    dir: &Path,
    options: &DiffOptions,
    monitor: &dyn Monitor,
    each: &mut Each<'_>,
) -> Result<DiffStats> {
    let (disk, top) = DiskDir::open(dir, before)?;
    let mut comparing = Comparing::new(repo, path, options, monitor, each);
    comparing.begin(before, &top, disk)?;
    comparing.run()
}

/// A directory that is listed, with a place in the list.
pub(super) struct DiskDir {
    fd: OwnedFd,
    path: PathBuf,
    listing: Listing,
    at: usize,
}

impl DiskDir {
    /// Opens the directory that a diff begins with, and says what it is.
    fn open(dir: &Path, before: &Entry) -> Result<(DiskDir, Seen)> {
        let failed = |error| Error::io("open", dir, error);
        let fd = open_dir(CWD, dir, true).map_err(failed)?;
        let stat = stat_fd(&fd).map_err(failed)?;
        let mut entry = of_stat(&before.name, &stat);
        entry.xattrs = placed(xattrs_of(&fd).map_err(failed)?);
        if before.meta.is_none() {
            // The root of a snapshot says nothing of itself.
            entry.meta = None;
        }
        Ok((DiskDir::read(fd, dir.to_path_buf())?, Seen { entry, error: None, is_on_disk: true }))
    }

    fn read(fd: OwnedFd, path: PathBuf) -> Result<DiskDir> {
        let listing = Listing::read(&fd, &mut Scratch::default()).map_err(|error| Error::io("list", &path, error))?;
        Ok(DiskDir { fd, path, listing, at: 0 })
    }

    /// Opens a directory in it.
    pub(super) fn enter(&self, name: &[u8]) -> Result<DiskDir> {
        let path = self.path.join(OsStr::from_bytes(name));
        let fd = open_dir(&self.fd, name, false).map_err(|error| Error::io("open", &path, error))?;
        DiskDir::read(fd, path)
    }

    /// The next entry; one that vanished meanwhile is not there.
    pub(super) fn next(&mut self) -> Option<Seen> {
        while self.at < self.listing.len() {
            let name = self.listing.c_name(self.at);
            self.at += 1;
            let seen = match self.look(name) {
                Ok(entry) => Seen { entry, error: None, is_on_disk: true },
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => {
                    let path = self.path.join(OsStr::from_bytes(name.to_bytes()));
                    let entry = Entry::new(name.to_bytes(), EntryKind::File);
                    Seen { entry, error: Some(Error::io("look at", path, error)), is_on_disk: true }
                }
            };
            return Some(seen);
        }
        None
    }

    fn look(&self, name: &CStr) -> rustix::io::Result<Entry> {
        let stat = stat_at(&self.fd, name)?;
        let mut entry = of_stat(name.to_bytes(), &stat);
        entry.xattrs = placed(xattrs_at(&self.fd, name)?);
        if stat.kind == EntryKind::Symlink {
            entry.target = link_target(&self.fd, name)?;
        }
        Ok(entry)
    }

    /// The id that a file's content would have.
    pub(super) fn hash(&self, name: &[u8]) -> Result<Id> {
        let path = self.path.join(OsStr::from_bytes(name));
        let failed = |error: std::io::Error| Error::io("read", &path, error);
        let mut file = File::from(open_file(self.fd.as_fd(), name, false).map_err(|error| failed(error.into()))?);
        let (mut hasher, mut buffer) = (Hasher::new(), vec![0; READ_BYTES]);
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => return Ok(hasher.finish()),
                len => hasher.update(&buffer[..len]),
            }
        }
    }
}

fn of_stat(name: &[u8], stat: &Stat) -> Entry {
    let mut entry = Entry::new(name, stat.kind);
    entry.meta = Some(stat.to_meta());
    entry.executable = stat.kind == EntryKind::File && stat.mode & 0o100 != 0;
    entry.device = entry.kind.is_device().then_some(stat.rdev);
    entry.size = if stat.kind == EntryKind::File { stat.size } else { 0 };
    entry
}

/// Attributes as an entry has them.
fn placed(xattrs: Vec<Xattr>) -> Xattrs {
    Xattrs::place(xattrs).unwrap_or_else(|blob| Xattrs::Blob(hash(&blob)))
}
