//! A file on its way: it has no name, or a temporary one, until it is whole.
//!
//! Where the file system can (`O_TMPFILE`), a file is made without a name and linked in at the end: a killed process
//! leaves nothing at all, for 2 µs a file against 8 of a rename. Elsewhere it has a temporary name in the same
//! directory. Either way nothing half stands under a final name (promise 4).

use super::meta::{Have, Spot};
use super::remove::remove;
use super::target::{Dir, Target, file_type};
use crate::error::{IoContext, Result};
use crate::tree::Entry;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, linkat, openat, renameat, unlinkat};
use rustix::io::{Errno, Result as SysResult};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A file being written in the directory where it will stand.
pub(super) struct Output<'t> {
    file: File,
    dir: Arc<Dir<'t>>,
    temporary: Option<Vec<u8>>,
    /// The mode it has, where that is certain.
    pub(super) mode: Option<u32>,
}

impl<'t> Output<'t> {
    /// Makes it, with this mode as far as the system grants it.
    pub(super) fn create(target: &Target<'_>, dir: &Arc<Dir<'t>>, mode: u32, name: &[u8]) -> Result<Self> {
        let above = dir.handle()?;
        if target.unnamed.load(Relaxed) {
            let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
            match openat(above, c".", flags, Mode::from_raw_mode(mode & 0o777)) {
                Ok(fd) => {
                    let mode = target.made_mode(dir.has_default_acl, mode);
                    return Ok(Output { file: File::from(fd), dir: dir.clone(), temporary: None, mode });
                }
                Err(Errno::NOTSUP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => target.unnamed.store(false, Relaxed),
                Err(error) => return Err(error).at("create", target.on_disk(&dir.join(name))),
            }
        }
        let temporary = target.temporary_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(above, &temporary, flags, Mode::from_raw_mode(0o600))
            .at("create", target.on_disk(&dir.join(name)))?;
        Ok(Output { file: File::from(fd), dir: dir.clone(), temporary: Some(temporary), mode: None })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Gives it its metadata.
    pub(super) fn dress(&self, target: &Target<'_>, entry: &Entry, at: &dyn Fn() -> PathBuf) -> Result<()> {
        let have = Have::fresh(target, &self.dir, self.mode);
        target.dress(Spot::Fd(self.fd()), entry, &have, at).map(|_| ())
    }

    /// Writes at an offset; from many threads at once.
    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// Gives it its name, in place of what `there` says stands under it.
    pub(super) fn publish(&mut self, target: &Target<'_>, name: &[u8], there: Option<&Stat>) -> Result<()> {
        let dir = self.dir.clone();
        let above = dir.handle()?;
        if there.is_some_and(|stat| file_type(stat) == FileType::Directory) {
            remove(target, above, name, &dir.join(name))?;
        }
        let at = || target.on_disk(&dir.join(name));
        if self.temporary.is_none() {
            if there.is_none() {
                return self.link(target, above, name).at("give its name to", at());
            }
            let temporary = target.temporary_name();
            self.link(target, above, &temporary).at("give its name to", at())?;
            self.temporary = Some(temporary);
        }
        if let Some(temporary) = &self.temporary {
            put_in_place(above, temporary, name, there.is_some()).at("rename to", at())?;
            self.temporary = None;
        }
        Ok(())
    }

    fn link(&self, target: &Target<'_>, above: BorrowedFd<'_>, name: &[u8]) -> SysResult<()> {
        if target.link_by_handle.load(Relaxed) {
            match linkat(&self.file, c"", above, name, AtFlags::EMPTY_PATH) {
                // Kernels before 6.10 allow it to root only, and say so like this.
                Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => target.link_by_handle.store(false, Relaxed),
                other => return other,
            }
        }
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        linkat(CWD, path, above, name, AtFlags::SYMLINK_FOLLOW)
    }
}

impl Drop for Output<'_> {
    /// Leaves no trace of what did not get its name.
    fn drop(&mut self) {
        if let (Some(temporary), Ok(above)) = (self.temporary.take(), self.dir.handle()) {
            let _ = unlinkat(above, &temporary, AtFlags::empty());
        }
    }
}

/// Renames a temporary name to the final one; never over something that nobody decided to replace.
pub(super) fn put_in_place(above: BorrowedFd<'_>, temporary: &[u8], name: &[u8], replace: bool) -> SysResult<()> {
    if replace {
        return renameat(above, temporary, above, name);
    }
    match rustix::fs::renameat_with(above, temporary, above, name, rustix::fs::RenameFlags::NOREPLACE) {
        // File systems without it: the moment between looking and renaming is ours to lose.
        Err(Errno::INVAL | Errno::NOSYS) => renameat(above, temporary, above, name),
        other => other,
    }
}
