//! The directory that is restored into, seen through handles.
//!
//! Nothing below the target is ever named by a path of several parts: each directory is opened relative to the handle
//! of the one above it and never through a symlink, so no name in a snapshot and no link that somebody puts in the way
//! leads out of the target.

use super::meta::{Have, Spot};
use super::options::{Overwrite, Owners, RestoreOptions};
use super::own::{Own, refusal};
use super::remove::remove;
use super::report::Report;
use crate::clock::Time;
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::hex;
use crate::repo::Repo;
use crate::tree::{Entry, check_name};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fgetxattr, fstat, mkdirat, openat, statat};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Everything that the threads of one restore share.
pub(super) struct Target<'r> {
    pub(super) repo: &'r Repo,
    pub(super) report: Report<'r>,
    pub(super) options: &'r RestoreOptions,
    /// What is left as it is.
    pub(super) own: Own,
    pub(super) path: PathBuf,
    /// Length of the path in the snapshot that the target stands for.
    pub(super) prefix_bytes: usize,
    pub(super) euid: u32,
    pub(super) egid: u32,
    /// What the process takes away from the modes of new files; `None` where it cannot be known.
    pub(super) umask: Option<u32>,
    /// Whether the file system makes files without a name (`O_TMPFILE`).
    pub(super) unnamed: AtomicBool,
    /// Whether they get their name by handle alone, else by way of `/proc`.
    pub(super) link_by_handle: AtomicBool,
    nonce: String,
    serial: AtomicU64,
    users: Mutex<HashMap<Arc<str>, Option<u32>>>,
    groups: Mutex<HashMap<Arc<str>, Option<u32>>>,
}

/// A directory that files are restored into. When the last one lets go of it, nothing in it changes any more, and it is
/// given its metadata; then it lets go of the one above it.
pub(super) struct Dir<'t> {
    target: &'t Target<'t>,
    /// `None` in a dry run where there is none.
    fd: Option<OwnedFd>,
    /// Held so that it outlives this one.
    _parent: Option<Arc<Dir<'t>>>,
    /// What it is in the snapshot; `None` for a target that stands for no stored directory.
    entry: Option<Box<Entry>>,
    /// Its path in the snapshot.
    pub(super) path: Vec<u8>,
    /// We made it, so it holds nothing else.
    pub(super) is_fresh: bool,
    /// The group that new files get in it, where that is certain.
    pub(super) new_gid: Option<u32>,
    /// New files get access lists from it.
    pub(super) has_default_acl: bool,
    /// What it has already of its metadata.
    have: Have,
}

/// What to do about one entry.
pub(super) enum Decision {
    /// There is nothing: make it.
    Make,
    /// Something is there, and may be replaced or kept where it is right.
    Replace(Box<Stat>),
    /// Something is there that stays.
    Skip,
}

impl<'r> Target<'r> {
    pub(super) fn new(
        repo: &'r Repo,
        path: &Path,
        prefix: &[u8],
        options: &'r RestoreOptions,
        report: Report<'r>,
    ) -> Result<Self> {
        Ok(Target {
            repo,
            report,
            options,
            own: Own::find(repo, &options.own),
            path: path.to_path_buf(),
            prefix_bytes: prefix.len(),
            euid: rustix::process::geteuid().as_raw(),
            egid: rustix::process::getegid().as_raw(),
            umask: umask(),
            unnamed: AtomicBool::new(true),
            link_by_handle: AtomicBool::new(true),
            nonce: nonce()?,
            serial: AtomicU64::new(0),
            users: Mutex::default(),
            groups: Mutex::default(),
        })
    }

    /// Opens the target, making it where it is not there. `entry` is the stored directory that it stands for.
    pub(super) fn open(&self, entry: Option<&Entry>, path_in_snapshot: &[u8]) -> Result<Arc<Dir<'_>>> {
        self.own.check_target(&self.path)?;
        let was_there = match std::fs::metadata(&self.path) {
            Ok(there) if !there.is_dir() => {
                return fail(Code::InvalidArg, format!("the target {} is not a directory", self.path.display()));
            }
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(error).at("look at", &self.path),
        };
        let mut dir = Dir::absent(self, None, entry.cloned().map(Box::new), path_in_snapshot.to_vec());
        if !was_there {
            if self.options.dry_run {
                return Ok(Arc::new(dir));
            }
            std::fs::create_dir_all(&self.path).at("create the directory", &self.path)?;
            // What could not be found before was a way like `new/../repository`.
            self.own.check_target(&self.path)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        dir.fd = Some(openat(CWD, &self.path, flags, Mode::empty()).at("open", &self.path)?);
        dir.learn().at("look at", &self.path)?;
        dir.is_fresh = !was_there;
        if was_there && !self.may_dress(&dir) {
            dir.entry = None;
        }
        Ok(Arc::new(dir))
    }

    /// Where a path of the snapshot lies on disk, for messages.
    pub(super) fn on_disk(&self, path: &[u8]) -> PathBuf {
        let relative = path.get(self.prefix_bytes..).unwrap_or_default();
        let relative = relative.strip_prefix(b"/").unwrap_or(relative);
        self.path.join(OsStr::from_bytes(relative))
    }

    /// A name that nobody else uses.
    pub(super) fn temporary_name(&self) -> Vec<u8> {
        format!("{}-{}.tmp", self.nonce, self.serial.fetch_add(1, Relaxed)).into_bytes()
    }

    /// Whether a name is one of this restore's own temporary ones.
    pub(super) fn is_temporary(&self, name: &[u8]) -> bool {
        name.starts_with(self.nonce.as_bytes())
    }

    /// How many threads work.
    pub(super) fn jobs(&self) -> usize {
        match self.options.jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        }
    }

    /// What the overwrite rule says of an entry whose name may be taken.
    pub(super) fn decide(&self, dir: &Dir<'_>, entry: &Entry) -> Result<Decision> {
        let Some(there) = dir.look(&entry.name)? else { return Ok(Decision::Make) };
        let stays = match self.options.overwrite {
            Overwrite::Always | Overwrite::IfChanged => false,
            Overwrite::IfNewer => entry.meta.as_ref().is_some_and(|meta| meta.mtime <= mtime(&there)),
            Overwrite::Never => true,
        };
        if stays {
            return Ok(Decision::Skip);
        }
        if !self.own.needs(&there) {
            return Ok(Decision::Replace(Box::new(there)));
        }
        let path = self.on_disk(&dir.join(&entry.name));
        if file_type(&there) == FileType::Directory {
            return Err(refusal(&path));
        }
        self.report.kept(path);
        Ok(Decision::Skip)
    }

    /// Makes or opens the directory of an entry; `None` when something else stands there and stays.
    pub(super) fn enter<'t>(
        &'t self,
        parent: &Arc<Dir<'t>>,
        entry: &Entry,
        path: &[u8],
    ) -> Result<Option<Arc<Dir<'t>>>> {
        check_name(&entry.name)?;
        let mut dir = Dir::absent(self, Some(parent.clone()), Some(Box::new(entry.clone())), path.to_vec());
        let Some(above) = parent.fd() else {
            return Ok(Some(Arc::new(dir)));
        };
        let name = entry.name.as_slice();
        if self.options.dry_run {
            dir.fd = open_dir(above, name).ok();
            dir.is_fresh = dir.fd.is_none();
            return Ok((!self.is_kept(&dir)?).then(|| Arc::new(dir)));
        }
        let mode = self.wanted_mode(entry).unwrap_or(0o777) & 0o777 | 0o700;
        let mut made = mkdirat(above, name, Mode::from_raw_mode(mode));
        if made == Err(Errno::EXIST) {
            match open_dir(above, name) {
                Ok(fd) => dir.fd = Some(fd),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    if let Decision::Skip = self.decide(parent, entry)? {
                        return Ok(None);
                    }
                    remove(self, above, name, path)?;
                    made = mkdirat(above, name, Mode::from_raw_mode(mode));
                }
                Err(Errno::ACCESS) if self.may_always_dress() => dir.fd = Some(self.force_open(above, name, path)?),
                Err(error) => return Err(error).at("open", self.on_disk(path)),
            }
        }
        if self.is_kept(&dir)? {
            return Ok(None);
        }
        if dir.fd.is_some() {
            dir.learn().at("look at", self.on_disk(path))?;
            if !self.may_dress(&dir) {
                dir.entry = None;
            }
            dir.open_up().at("set the mode of", self.on_disk(path))?;
            return Ok(Some(Arc::new(dir)));
        }
        made.at("create the directory", self.on_disk(path))?;
        dir.fd = Some(open_dir(above, name).at("open", self.on_disk(path))?);
        dir.inherit(parent, mode).at("look at", self.on_disk(path))?;
        Ok(Some(Arc::new(dir)))
    }

    /// Whether a directory that was there is left as it is, which is told then.
    fn is_kept(&self, dir: &Dir<'_>) -> Result<bool> {
        let Some(fd) = &dir.fd else { return Ok(false) };
        let path = self.on_disk(&dir.path);
        let is_own = self.own.has_open(fd).at("look at", &path)?;
        if is_own {
            self.report.kept(path);
        }
        Ok(is_own)
    }

    /// Opens a directory of ours that we took our own rights from; its stored mode comes back at the end.
    fn force_open(&self, above: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<OwnedFd> {
        let spot = Spot::Name { dir: above, name, is_link: false };
        spot.chmod(0o700).and_then(|()| open_dir(above, name)).at("open", self.on_disk(path))
    }

    /// Whether what is there gets the stored metadata in any case.
    fn may_always_dress(&self) -> bool {
        matches!(self.options.overwrite, Overwrite::Always | Overwrite::IfChanged)
    }

    /// Whether the metadata of a directory that was there may be set.
    fn may_dress(&self, dir: &Dir<'_>) -> bool {
        let stored = dir.entry.as_ref().and_then(|entry| entry.meta.as_ref());
        match self.options.overwrite {
            Overwrite::Never => false,
            Overwrite::IfNewer => stored.is_none_or(|meta| Some(meta.mtime) > dir.have.mtime),
            _ => true,
        }
    }

    /// Owner and group that an entry shall have.
    pub(super) fn wanted_owner(&self, entry: &Entry) -> Option<(u32, u32)> {
        let meta = entry.meta.as_ref()?;
        match self.options.owners {
            Owners::Nobody => None,
            Owners::Numeric => Some((meta.uid, meta.gid)),
            Owners::Names => {
                let user = named(&self.users, meta.owner.as_ref(), |name| {
                    nix::unistd::User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
                });
                let group = named(&self.groups, meta.group.as_ref(), |name| {
                    nix::unistd::Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
                });
                Some((user.unwrap_or(meta.uid), group.unwrap_or(meta.gid)))
            }
        }
    }

    /// The mode that an entry shall have; the portable profile leaves it to the system but for the executable bit.
    pub(super) fn wanted_mode(&self, entry: &Entry) -> Option<u32> {
        match &entry.meta {
            Some(meta) => Some(meta.mode),
            None if entry.is_directory() => None,
            None if entry.executable => Some(0o777 & !self.umask.unwrap_or(0o022)),
            None => Some(0o666 & !self.umask.unwrap_or(0o022)),
        }
    }

    /// The mode that a new file has when it was asked for with `mode`, where that is certain.
    pub(super) fn made_mode(&self, has_default_acl: bool, mode: u32) -> Option<u32> {
        self.umask.filter(|_| !has_default_acl).map(|umask| mode & 0o777 & !umask)
    }
}

impl<'t> Dir<'t> {
    fn absent(target: &'t Target<'t>, parent: Option<Arc<Dir<'t>>>, entry: Option<Box<Entry>>, path: Vec<u8>) -> Self {
        Dir {
            target,
            fd: None,
            _parent: parent,
            entry,
            path,
            is_fresh: true,
            new_gid: None,
            has_default_acl: false,
            have: Have::default(),
        }
    }

    /// The handle, if there is a directory.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// The handle, where something is to be written.
    pub(super) fn handle(&self) -> Result<BorrowedFd<'_>> {
        self.fd().ok_or_else(|| Error::new(Code::SystemError, "a directory was not made before what is in it"))
    }

    /// The path of something in it, as the snapshot has it.
    pub(super) fn join(&self, name: &[u8]) -> Vec<u8> {
        let mut path = Vec::with_capacity(self.path.len() + 1 + name.len());
        path.extend_from_slice(&self.path);
        path.push(b'/');
        path.extend_from_slice(name);
        path
    }

    /// What stands under a name, if anything; a symlink is seen itself.
    pub(super) fn look(&self, name: &[u8]) -> Result<Option<Stat>> {
        let Some(fd) = self.fd().filter(|_| !self.is_fresh) else { return Ok(None) };
        match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error).at("look at", self.target.on_disk(&self.join(name))),
        }
    }

    /// Looks at a directory that was there before us.
    fn learn(&mut self) -> rustix::io::Result<()> {
        let Some(fd) = &self.fd else { return Ok(()) };
        let stat = fstat(fd)?;
        self.is_fresh = false;
        self.new_gid = (stat.st_gid == self.target.egid).then_some(stat.st_gid);
        self.has_default_acl = fgetxattr(fd, "system.posix_acl_default", &mut [0u8; 0][..]).is_ok_and(|len| len > 0);
        self.have = Have::of(&stat);
        Ok(())
    }

    /// Gives us our own rights to a directory of ours that will get its stored mode at the end.
    fn open_up(&mut self) -> rustix::io::Result<()> {
        let (Some(fd), Some(mode)) = (&self.fd, self.have.mode) else { return Ok(()) };
        let is_ours = self.target.euid != 0 && self.have.owner.is_some_and(|(uid, _)| uid == self.target.euid);
        if is_ours && self.entry.is_some() && mode & 0o700 != 0o700 {
            rustix::fs::fchmod(fd, Mode::from_raw_mode(mode | 0o700))?;
            self.have.mode = Some(mode | 0o700);
        }
        Ok(())
    }

    /// What a directory that we just made has from the one above it.
    fn inherit(&mut self, parent: &Dir<'_>, mode: u32) -> rustix::io::Result<()> {
        self.has_default_acl = parent.has_default_acl;
        self.new_gid = parent.new_gid;
        if self.new_gid.is_none()
            && let Some(fd) = &self.fd
        {
            self.new_gid = Some(fstat(fd)?.st_gid).filter(|gid| *gid == self.target.egid);
        }
        self.have = Have {
            owner: self.new_gid.map(|gid| (self.target.euid, gid)),
            mode: self.target.made_mode(self.has_default_acl, mode),
            mtime: None,
            no_xattrs: !self.has_default_acl,
        };
        Ok(())
    }
}

impl Drop for Dir<'_> {
    fn drop(&mut self) {
        let (Some(fd), Some(entry)) = (self.fd(), &self.entry) else { return };
        if self.target.options.dry_run {
            return;
        }
        let at = || self.target.on_disk(&self.path);
        let have = Have { mtime: None, ..self.have };
        let dressed = self.target.dress(Spot::Fd(fd), entry, &have, &at);
        if let Err(error) = dressed.and_then(|_| self.target.late_flags(fd, entry, &at)) {
            self.target.report.failed(&self.path, error);
        }
    }
}

/// Opens a directory without following a symlink.
pub(super) fn open_dir(above: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(above, name, flags, Mode::empty())
}

/// The modification time of something on disk.
pub(super) fn mtime(stat: &Stat) -> Time {
    Time { seconds: stat.st_mtime, nanoseconds: stat.st_mtime_nsec as u32 }
}

/// The type of something on disk.
pub(super) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn named(
    known: &Mutex<HashMap<Arc<str>, Option<u32>>>,
    name: Option<&Arc<str>>,
    ask: impl Fn(&str) -> Option<u32>,
) -> Option<u32> {
    let name = name?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(id) = known.get(name) {
        return *id;
    }
    let id = ask(name);
    known.insert(name.clone(), id);
    id
}

/// Begins the temporary names of one restore.
fn nonce() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Error::new(Code::SystemError, "no random bytes").with_source(error))?;
    Ok(format!(".larder-{}", hex(&bytes)))
}

/// The process's umask, read without changing it.
fn umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(line.trim(), 8).ok()
}
