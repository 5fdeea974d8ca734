//! The project's files, seen through a handle of its root.
//!
//! Every path is resolved by `openat2` beneath that handle. In the part of a path above a declared output a link of the
//! user's may lead elsewhere *within* the project; below it no link is followed at all. On kernels without `openat2`
//! (before 5.6) no link is followed anywhere.

use crate::error::{Code, Error, IoContext, Result};
use crate::id::hex;
use memchr::memmem::Finder;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::{Errno, Result as SysResult};
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Files that larder writes beside others until they are whole are named so; none of them is ever the user's.
const TEMPORARY: (&[u8], &[u8]) = (b".larder-", b".tmp");
/// A path is resolved again so often when directories are renamed meanwhile.
const RETRIES: usize = 16;

/// A project's files.
#[derive(Debug)]
pub struct WorkTree {
    root: OwnedFd,
    path: PathBuf,
    umask: u32,
    nonce: String,
    serial: AtomicU64,
    /// Whether the kernel has `openat2`.
    pub(super) resolves: AtomicBool,
    /// The root's absolute path, as it was named and as it is: what makes a result good only here.
    held: Vec<Finder<'static>>,
}

/// Where a path lies: the directory, and the name in it. `anchor` is how much of the path lies above the declared
/// output: links in that part are the user's and may be followed within the project.
#[derive(Clone, Copy, Debug)]
pub(in crate::run) struct Spot<'p> {
    pub(in crate::run) path: &'p [u8],
    pub(in crate::run) anchor: usize,
}

impl<'p> Spot<'p> {
    pub(in crate::run) fn name(&self) -> &'p [u8] {
        name(self.path)
    }

    pub(in crate::run) fn dir(&self) -> &'p [u8] {
        parent(self.path)
    }
}

impl WorkTree {
    /// Opens the root of a project.
    ///
    /// # Errors
    /// FILE_NOT_FOUND, FILE_IO, PERMISSION_DENIED; SYSTEM_ERROR without random bytes.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, path, flags, Mode::empty()).at("open", path)?;
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)
            .map_err(|error| Error::new(Code::SystemError, "no random bytes").with_source(error))?;
        Ok(WorkTree {
            root,
            path: path.to_path_buf(),
            umask: umask(),
            nonce: hex(&nonce),
            serial: AtomicU64::new(0),
            resolves: AtomicBool::new(true),
            held: finders(path),
        })
    }

    /// The root, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a path of the project lies, for messages.
    pub fn on_disk(&self, path: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(path))
    }

    /// The permissions that a file or directory of a result has.
    pub(in crate::run) fn mode(&self, executable: bool) -> u32 {
        if executable { 0o777 & !self.umask } else { 0o666 & !self.umask }
    }

    /// Whether permissions say no more than the executable bit does, under this umask or the usual one.
    pub(in crate::run) fn is_plain(&self, mode: u32) -> bool {
        let executable = mode & 0o100 != 0;
        mode == self.mode(executable) || mode == if executable { 0o755 } else { 0o644 }
    }

    /// Whether these bytes hold the root's absolute path, or that of something in it.
    pub(in crate::run) fn is_held_by(&self, bytes: &[u8]) -> bool {
        self.held.iter().any(|finder| {
            let goes_on = |at: usize| bytes.get(at + finder.needle().len()).is_some_and(is_of_name);
            finder.find_iter(bytes).any(|at| !goes_on(at))
        })
    }

    /// What an absolute path says below the root, if it begins with the root's path.
    pub(in crate::run) fn beneath<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let inner = self.held.iter().find_map(|root| {
            path.strip_prefix(root.needle()).filter(|inner| inner.is_empty() || inner.starts_with(b"/"))
        })?;
        Some(inner.strip_prefix(b"/").unwrap_or(inner))
    }

    /// How many bytes of one piece must stand before the next for [`WorkTree::is_held_by`].
    pub(in crate::run) fn overlap(&self) -> usize {
        self.held.iter().map(|finder| finder.needle().len()).max().unwrap_or(0)
    }

    /// A name for a file that is not whole yet.
    pub(in crate::run) fn temporary_name(&self) -> Vec<u8> {
        let serial = self.serial.fetch_add(1, Relaxed).to_string();
        [TEMPORARY.0, self.nonce.as_bytes(), b"-", serial.as_bytes(), TEMPORARY.1].concat()
    }

    /// Opens a directory to reach or list what is in it. The first `anchor` bytes of the path may hold links.
    pub(in crate::run) fn open_dir(&self, path: &[u8], anchor: usize, flags: OFlags) -> SysResult<OwnedFd> {
        let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if path.is_empty() {
            return openat(&self.root, c".", flags, Mode::empty());
        }
        match self.resolve(self.root.as_fd(), path, flags, false) {
            Err(Errno::LOOP) if anchor > 0 => {}
            other => return other,
        }
        let anchor = anchor.min(path.len());
        let (above, below) = path.split_at(anchor);
        let below = below.strip_prefix(b"/").unwrap_or(below);
        if below.is_empty() {
            return self.resolve(self.root.as_fd(), above, flags, true);
        }
        let above = self.resolve(self.root.as_fd(), above, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, true)?;
        self.resolve(above.as_fd(), below, flags, false)
    }

    /// The directory that a path lies in, to work in.
    pub(in crate::run) fn open_parent(&self, spot: Spot<'_>) -> SysResult<OwnedFd> {
        self.open_dir(spot.dir(), spot.anchor, OFlags::PATH)
    }

    fn resolve(&self, dir: BorrowedFd<'_>, path: &[u8], flags: OFlags, follow: bool) -> SysResult<OwnedFd> {
        if !self.resolves.load(Relaxed) {
            return step_by_step(dir, path, flags);
        }
        let mut how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        how.set(ResolveFlags::NO_SYMLINKS, !follow);
        for _ in 0..RETRIES {
            match openat2(dir, path, flags, Mode::empty(), how) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::NOSYS | Errno::PERM) => {
                    self.resolves.store(false, Relaxed);
                    return step_by_step(dir, path, flags);
                }
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    }

    /// Opens a directory, making what is not there. `clear` is asked to make way for a directory of the result where
    /// something else stands; above the declared output that is a failure.
    pub(in crate::run) fn make_dir(
        &self,
        path: &[u8],
        anchor: usize,
        clear: &dyn Fn(Spot<'_>) -> Result<()>,
    ) -> Result<OwnedFd> {
        match self.open_dir(path, anchor, OFlags::PATH) {
            Ok(fd) => return Ok(fd),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => return Err(self.failed("open", path, error)),
        }
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut above = self.open_dir(b"", 0, OFlags::PATH).at("open", &self.path)?;
        for end in ends.chain([path.len()]) {
            let spot = Spot { path: path.get(..end).unwrap_or(path), anchor };
            above = self.make_step(above.as_fd(), spot, clear)?;
        }
        Ok(above)
    }

    fn make_step(
        &self,
        above: BorrowedFd<'_>,
        spot: Spot<'_>,
        clear: &dyn Fn(Spot<'_>) -> Result<()>,
    ) -> Result<OwnedFd> {
        let open = || self.open_dir(spot.path, spot.anchor, OFlags::PATH);
        for _ in 0..RETRIES {
            match open() {
                Ok(fd) => return Ok(fd),
                Err(Errno::NOENT) => match mkdirat(above, spot.name(), Mode::from_raw_mode(0o777)) {
                    Ok(()) => continue,
                    // Beside us, unless it is a link that leads nowhere.
                    Err(Errno::EXIST) if open().is_ok() => continue,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(self.failed("create the directory", spot.path, error)),
                },
                Err(Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => return Err(self.failed("open", spot.path, error)),
            }
            if spot.path.len() <= spot.anchor {
                return Err(self.failed("open", spot.path, Errno::NOTDIR));
            }
            clear(spot)?;
        }
        Err(self.failed("create the directory", spot.path, Errno::AGAIN))
    }

    /// A failure at a path of the project. Where a link leads out of it, that is what is wrong.
    pub(in crate::run) fn failed(&self, action: &'static str, path: &[u8], error: Errno) -> Error {
        let on_disk = self.on_disk(path);
        match error {
            Errno::XDEV => Error::new(
                Code::PermissionDenied,
                format!("{} lies behind a link that leads out of the project", on_disk.display()),
            ),
            Errno::LOOP => {
                Error::new(Code::PermissionDenied, format!("{} lies behind a symbolic link", on_disk.display()))
            }
            error => Error::io(action, on_disk, error),
        }
    }
}

/// Searches for a root's path. That of the root of all files would be found everywhere and says nothing.
fn finders(path: &Path) -> Vec<Finder<'static>> {
    let named = std::path::absolute(path).ok();
    let real = path.canonicalize().ok().filter(|real| named.as_ref() != Some(real));
    let paths = named.into_iter().chain(real).filter(|path| path.parent().is_some());
    paths.map(|path| Finder::new(path.as_os_str().as_bytes()).into_owned()).collect()
}

/// Whether a byte can go on a name, so that a path before it is another's.
fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether a name is one that larder gives to files that are not whole yet.
pub(in crate::run) fn is_temporary(name: &[u8]) -> bool {
    name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)
}

/// Opens a directory name by name, following no link.
fn step_by_step(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> SysResult<OwnedFd> {
    let mut at: Option<OwnedFd> = None;
    let mut parts = path.split(|byte| *byte == b'/').peekable();
    while let Some(part) = parts.next() {
        if part.is_empty() || part == b"." || part == b".." {
            return Err(Errno::INVAL);
        }
        let flags = if parts.peek().is_some() { OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC } else { flags };
        let above = at.as_ref().map_or(dir, AsFd::as_fd);
        let next = openat(above, part, flags | OFlags::NOFOLLOW, Mode::empty());
        // What is a link instead of a directory is called no directory here.
        at = Some(next.map_err(|error| if error == Errno::NOTDIR { Errno::LOOP } else { error })?);
    }
    at.ok_or(Errno::NOENT)
}

/// A path and a name in it.
pub(in crate::run) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

/// The directory of a path; empty for the root.
pub(in crate::run) fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').and_then(|at| path.get(..at)).unwrap_or_default()
}

/// The last name of a path.
pub(in crate::run) fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The process's umask, read without changing it; the usual one where it cannot be read.
fn umask() -> u32 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|text| u32::from_str_radix(text.trim(), 8).ok()).unwrap_or(0o022)
}
