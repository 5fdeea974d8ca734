//! Files on their way into the project: without a name, or in a directory of larder's own, until they are whole.

use super::worktree::{WorkTree, is_temporary};
use crate::clock;
use crate::error::{Error, IoContext, Result};
use crate::walk::{Stat, open_dir, stat_at, stat_fd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ftruncate, linkat, openat, renameat, unlinkat};
use rustix::io::{Errno, Result as SysResult};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Where files wait, below the project's root.
const DIR: &str = ".larder/tmp";
/// What a killed process left there is removed when it is so old: nobody waits so long for the rest of a result.
const LEFTOVER_SECONDS: i64 = 3600;

/// Makes files that wait.
#[derive(Debug, Default)]
pub(super) struct Stage {
    dir: Mutex<Option<Arc<OwnedFd>>>,
    /// A file system told us that it makes no files without names.
    needs_names: AtomicBool,
    /// The kernel gives names by way of `/proc` only.
    links_by_path: AtomicBool,
}

/// A file that waits; without ever being published it goes away again.
#[derive(Debug)]
pub(super) struct Staged {
    dir: Arc<OwnedFd>,
    name: Vec<u8>,
    is_published: bool,
}

/// Content of a file that waits for the rest of its result.
#[derive(Debug)]
pub(super) enum Content {
    Held(Vec<u8>),
    Staged(Staged),
}

impl Content {
    /// How much memory it takes.
    pub(super) fn held_bytes(&self) -> u64 {
        if let Content::Held(bytes) = self { bytes.len() as u64 } else { 0 }
    }
}

impl Stage {
    /// A file of this size, of zeros.
    pub(super) fn create(&self, tree: &WorkTree, executable: bool, size: u64) -> Result<Staged> {
        let dir = self.dir(tree)?;
        let name = tree.temporary_name();
        let at = || tree.path().join(DIR);
        let file = create(dir.as_fd(), &name, executable).at("create a file in", at())?;
        let staged = Staged { dir, name, is_published: false };
        ftruncate(&file, size).at("set the length of a file in", at())?;
        Ok(staged)
    }

    fn dir(&self, tree: &WorkTree) -> Result<Arc<OwnedFd>> {
        let mut dir = self.dir.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dir) = &*dir {
            return Ok(dir.clone());
        }
        let path = tree.path().join(DIR);
        fs::create_dir_all(&path).at("create the directory", &path)?;
        remove_leftovers(&path);
        let opened = open_dir(CWD, &path, true).at("open", &path)?;
        Ok(dir.insert(Arc::new(opened)).clone())
    }

    /// Makes a file that is not there yet, whole at once. EXIST if there is something.
    pub(super) fn make(&self, above: BorrowedFd<'_>, name: &[u8], executable: bool, bytes: &[u8]) -> SysResult<Stat> {
        if !self.needs_names.load(Relaxed) {
            let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
            match openat(above, c".", flags, mode(executable)) {
                Ok(fd) => {
                    let file = File::from(fd);
                    write_all(&file, bytes)?;
                    self.link(&file, above, name)?;
                    return stat_fd(&file);
                }
                Err(Errno::NOTSUP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                    self.needs_names.store(true, Relaxed);
                }
                Err(error) => return Err(error),
            }
        }
        let file = create(above, name, executable)?;
        let made = write_all(&file, bytes).and_then(|()| stat_fd(&file));
        if made.is_err() {
            // No half file stays.
            let _ = unlinkat(above, name, AtFlags::empty());
        }
        made
    }

    fn link(&self, file: &File, above: BorrowedFd<'_>, name: &[u8]) -> SysResult<()> {
        if !self.links_by_path.load(Relaxed) {
            match linkat(file, c"", above, name, AtFlags::EMPTY_PATH) {
                // Kernels before 6.10 allow it to root only, and say so like this.
                Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => self.links_by_path.store(true, Relaxed),
                other => return other,
            }
        }
        linkat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), above, name, AtFlags::SYMLINK_FOLLOW)
    }

    /// Gives a file that waited its name, in place of another or of nothing.
    pub(super) fn publish(&self, staged: &mut Staged, above: BorrowedFd<'_>, name: &[u8]) -> SysResult<Stat> {
        match renameat(&*staged.dir, &staged.name, above, name) {
            Ok(()) => staged.is_published = true,
            // The output is on another file system.
            Err(Errno::XDEV) => copy(staged, above, name)?,
            Err(error) => return Err(error),
        }
        stat_at(above, name)
    }
}

impl Staged {
    /// Its name, for [`StagedWriter::write_at`] from several threads.
    pub(super) fn writer(&self) -> StagedWriter {
        StagedWriter { dir: self.dir.clone(), name: self.name.clone() }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_published {
            let _ = unlinkat(&*self.dir, &self.name, AtFlags::empty());
        }
    }
}

/// Writes to a file that waits. It holds no file open: a result may have thousands.
pub(super) struct StagedWriter {
    dir: Arc<OwnedFd>,
    name: Vec<u8>,
}

impl StagedWriter {
    pub(super) fn write_at(&self, tree: &WorkTree, bytes: &[u8], offset: u64) -> Result<()> {
        let written =
            openat(&*self.dir, &self.name, OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
                .map_err(std::io::Error::from)
                .and_then(|fd| File::from(fd).write_all_at(bytes, offset));
        written.map_err(|error| Error::io("write to a file in", tree.path().join(DIR), error))
    }
}

/// What the system makes of this under the umask is what [`WorkTree::mode`] says.
fn mode(executable: bool) -> Mode {
    Mode::from_raw_mode(if executable { 0o777 } else { 0o666 })
}

fn create(dir: BorrowedFd<'_>, name: &[u8], executable: bool) -> SysResult<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, mode(executable)).map(File::from)
}

fn write_all(mut file: &File, bytes: &[u8]) -> SysResult<()> {
    file.write_all(bytes).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// Copies a file that waited to where it cannot be renamed to, under a temporary name first.
fn copy(staged: &Staged, above: BorrowedFd<'_>, name: &[u8]) -> SysResult<()> {
    let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let from = openat(&*staged.dir, &staged.name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let executable = stat_fd(&from)?.mode & 0o100 != 0;
    let mut to = create(above, &staged.name, executable)?;
    let mut from = File::from(from);
    let copied = from
        .seek(SeekFrom::Start(0))
        .and_then(|_| std::io::copy(&mut from, &mut to))
        .map_err(errno)
        .and_then(|_| renameat(above, &staged.name, above, name));
    if copied.is_err() {
        let _ = unlinkat(above, &staged.name, AtFlags::empty());
    }
    copied
}

/// Removes what killed processes left. Others may be placing beside us in a project that is shared, so not what is new.
fn remove_leftovers(path: &std::path::Path) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        let is_old = || {
            use std::os::unix::fs::MetadataExt;
            entry.metadata().is_ok_and(|meta| meta.mtime() < clock::now().seconds - LEFTOVER_SECONDS)
        };
        if is_temporary(entry.file_name().as_encoded_bytes()) && is_old() {
            let _ = fs::remove_file(entry.path());
        }
    }
}
