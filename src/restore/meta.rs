//! Metadata onto what was restored: owner, attributes, mode, access lists, times, flags.
//!
//! The order matters: a change of owner clears setuid bits and capabilities, so it comes first; a change of mode
//! rewrites the mask of an access list, so the list comes after it; times come last. What is right already costs no
//! system call.

use super::target::{Target, mtime};
use crate::clock::Time;
use crate::error::{Error, IoContext, Result};
use crate::tree::{Entry, EntryKind, Xattrs, decode_xattrs};
use crate::walk::Xattr;
use rustix::fs::XattrFlags;
use rustix::fs::{
    AtFlags, CWD, Gid, IFlags, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, chmodat, chownat, fchmod,
    fchown, fgetxattr, flistxattr, fremovexattr, fsetxattr, futimens, ioctl_getflags, ioctl_setflags, lgetxattr,
    llistxattr, lremovexattr, lsetxattr, openat, utimensat,
};
use rustix::io::{Errno, Result as SysResult};
use std::borrow::Cow;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;

/// Longest attribute value and name list that Linux has.
const XATTR_BYTES_MAX: usize = 64 << 10;
/// `chattr` bits that are a user's to set; the rest says how the file system keeps the file.
const FLAGS_SETTABLE: u32 = IFlags::SECURE_REMOVAL.bits()
    | IFlags::UNRM.bits()
    | IFlags::COMPRESSED.bits()
    | IFlags::SYNC.bits()
    | IFlags::IMMUTABLE.bits()
    | IFlags::APPEND.bits()
    | IFlags::NODUMP.bits()
    | IFlags::NOATIME.bits()
    | IFlags::NOCOW.bits()
    | IFlags::DIRSYNC.bits()
    | IFlags::TOPDIR.bits();

/// Where metadata goes.
#[derive(Clone, Copy)]
pub(super) enum Spot<'a> {
    /// An open file or directory.
    Fd(BorrowedFd<'a>),
    /// A name in a directory, itself and never what it may link to.
    Name { dir: BorrowedFd<'a>, name: &'a [u8], is_link: bool },
}

/// What is known to be right before anything is set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Have {
    pub(super) owner: Option<(u32, u32)>,
    pub(super) mode: Option<u32>,
    pub(super) mtime: Option<Time>,
    /// There are certainly no attributes and no access list.
    pub(super) no_xattrs: bool,
}

impl Have {
    pub(super) fn of(stat: &Stat) -> Self {
        Have {
            owner: Some((stat.st_uid, stat.st_gid)),
            mode: Some(stat.st_mode & 0o7777),
            mtime: Some(mtime(stat)),
            no_xattrs: false,
        }
    }
}

impl Target<'_> {
    /// Gives metadata to something; answers whether anything had to change. What the system does not let us set is
    /// counted once for the item.
    pub(super) fn dress(&self, spot: Spot<'_>, entry: &Entry, have: &Have, at: &dyn Fn() -> PathBuf) -> Result<bool> {
        let mut work = Dressing { target: self, spot, at, missed: None, changed: false };
        let owned = work.owner(entry, have)?;
        if entry.meta.is_some() {
            let wanted = self.attributes(entry)?;
            work.attributes(&wanted, have, |name| !is_acl(name))?;
            work.mode(entry, have, owned)?;
            work.attributes(&wanted, have, is_acl)?;
        } else {
            work.mode(entry, have, owned)?;
        }
        if let Some(meta) = &entry.meta
            && have.mtime != Some(meta.mtime)
        {
            spot.set_mtime(meta.mtime).at("set the times of", at())?;
            work.changed = true;
        }
        let changed = work.changed;
        if let Some(error) = work.missed {
            self.report.metadata_missed(error)?;
        }
        Ok(changed)
    }

    /// Sets `chattr` flags, which may forbid all further change, at the very end.
    pub(super) fn late_flags(&self, fd: BorrowedFd<'_>, entry: &Entry, at: &dyn Fn() -> PathBuf) -> Result<()> {
        let stored = entry.meta.as_ref().and_then(|meta| meta.flags).unwrap_or(0) & FLAGS_SETTABLE;
        if stored == 0 || !matches!(entry.kind, EntryKind::File | EntryKind::Directory) {
            return Ok(());
        }
        let set = ioctl_getflags(fd).and_then(|there| {
            let wanted = there.bits() & !FLAGS_SETTABLE | stored;
            if wanted == there.bits() { Ok(()) } else { ioctl_setflags(fd, IFlags::from_bits_retain(wanted)) }
        });
        match set {
            Err(error) if is_forgiven(error) || error == Errno::NOTTY => {
                self.report.metadata_missed(Error::io("set the flags of", at(), error))
            }
            other => other.at("set the flags of", at()),
        }
    }

    /// The attributes of an entry, from the repository where they are long.
    pub(super) fn attributes<'e>(&self, entry: &'e Entry) -> Result<Cow<'e, [Xattr]>> {
        match &entry.xattrs {
            Xattrs::None => Ok(Cow::Borrowed(&[])),
            Xattrs::Inline(list) => Ok(Cow::Borrowed(list)),
            Xattrs::Blob(id) => Ok(Cow::Owned(decode_xattrs(&self.repo.read(id)?)?)),
        }
    }
}

struct Dressing<'a, 'r> {
    target: &'a Target<'r>,
    spot: Spot<'a>,
    at: &'a dyn Fn() -> PathBuf,
    missed: Option<Error>,
    changed: bool,
}

impl Dressing<'_, '_> {
    /// Counts what the system does not let us do; any other failure is one.
    fn settle(&mut self, done: SysResult<()>, action: &'static str) -> Result<bool> {
        match done {
            Ok(()) => {
                self.changed = true;
                Ok(true)
            }
            Err(error) if is_forgiven(error) => {
                self.missed.get_or_insert_with(|| Error::io(action, (self.at)(), error));
                Ok(false)
            }
            Err(error) => Err(Error::io(action, (self.at)(), error)),
        }
    }

    /// Answers whether the owner is right now, and whether the mode may have suffered.
    fn owner(&mut self, entry: &Entry, have: &Have) -> Result<Owned> {
        let Some((uid, gid)) = self.target.wanted_owner(entry) else { return Ok(Owned::Right) };
        if have.owner == Some((uid, gid)) {
            return Ok(Owned::Right);
        }
        let whole = self.spot.chown(Some(uid), Some(gid));
        if whole.is_err() {
            // Without root a file can still be given to another group of ours.
            let _ = self.spot.chown(None, Some(gid));
        }
        Ok(if self.settle(whole, "set the owner of")? { Owned::Changed } else { Owned::Wrong })
    }

    fn mode(&mut self, entry: &Entry, have: &Have, owned: Owned) -> Result<()> {
        let Some(mut mode) = self.target.wanted_mode(entry).filter(|_| entry.kind != EntryKind::Symlink) else {
            return Ok(());
        };
        if owned == Owned::Wrong {
            // Nobody gets the rights of an owner that the file does not have.
            mode &= !0o6000;
        }
        let is_kept = owned != Owned::Changed || mode & 0o6000 == 0;
        if have.mode == Some(mode) && is_kept {
            return Ok(());
        }
        let done = self.spot.chmod(mode);
        self.settle(done, "set the mode of").map(|_| ())
    }

    /// Sets those attributes that `chosen` names, and takes away what the snapshot does not have.
    fn attributes(&mut self, wanted: &[Xattr], have: &Have, chosen: fn(&[u8]) -> bool) -> Result<()> {
        if have.no_xattrs {
            for (name, value) in wanted.iter().filter(|(name, _)| chosen(name)) {
                let done = self.spot.set_xattr(name, value);
                self.settle(done, "set an attribute of")?;
            }
            return Ok(());
        }
        let names = match self.spot.list_xattrs() {
            Ok(names) => names,
            Err(error) if is_forgiven(error) && wanted.is_empty() => return Ok(()),
            Err(error) => return self.settle(Err(error), "read the attributes of").map(|_| ()),
        };
        for name in names.split(|byte| *byte == 0).filter(|name| is_ours(name) && chosen(name)) {
            if !wanted.iter().any(|(wanted, _)| wanted == name) {
                let done = self.spot.remove_xattr(name);
                self.settle(done, "remove an attribute of")?;
            }
        }
        for (name, value) in wanted.iter().filter(|(name, _)| chosen(name)) {
            if self.spot.get_xattr(name).as_deref() != Ok(value) {
                let done = self.spot.set_xattr(name, value);
                self.settle(done, "set an attribute of")?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Owned {
    Right,
    Changed,
    Wrong,
}

/// Refusals that mean "not you" or "not here" rather than that something broke.
pub(super) fn is_forgiven(error: Errno) -> bool {
    matches!(error, Errno::PERM | Errno::ACCESS | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL)
}

fn is_acl(name: &[u8]) -> bool {
    name.starts_with(b"system.posix_acl_")
}

/// Attributes that a backup carries; others, such as labels of a security module, are the machine's own.
fn is_ours(name: &[u8]) -> bool {
    name.starts_with(b"user.") || name.starts_with(b"trusted.") || is_acl(name) || name == b"security.capability"
}

impl Spot<'_> {
    fn chown(self, uid: Option<u32>, gid: Option<u32>) -> SysResult<()> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        match self {
            Spot::Fd(fd) => fchown(fd, uid, gid),
            Spot::Name { dir, name, .. } => chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
        }
    }

    pub(super) fn chmod(self, mode: u32) -> SysResult<()> {
        let mode = Mode::from_raw_mode(mode);
        match self {
            Spot::Fd(fd) => fchmod(fd, mode),
            Spot::Name { is_link: true, .. } => Ok(()),
            Spot::Name { dir, name, .. } => {
                // By way of a handle that holds this very inode: nobody can put a symlink in between.
                let fd = openat(dir, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
                chmodat(CWD, format!("/proc/self/fd/{}", fd.as_raw_fd()), mode, AtFlags::empty())
            }
        }
    }

    fn set_mtime(self, time: Time) -> SysResult<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: time.seconds, tv_nsec: i64::from(time.nanoseconds) },
        };
        match self {
            Spot::Fd(fd) => futimens(fd, &times),
            Spot::Name { dir, name, .. } => utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW),
        }
    }

    fn set_xattr(self, name: &[u8], value: &[u8]) -> SysResult<()> {
        match self {
            Spot::Fd(fd) => fsetxattr(fd, name, value, XattrFlags::empty()),
            Spot::Name { .. } => lsetxattr(self.path(), name, value, XattrFlags::empty()),
        }
    }

    fn remove_xattr(self, name: &[u8]) -> SysResult<()> {
        match self {
            Spot::Fd(fd) => fremovexattr(fd, name),
            Spot::Name { .. } => lremovexattr(self.path(), name),
        }
    }

    fn get_xattr(self, name: &[u8]) -> SysResult<Vec<u8>> {
        let mut value = vec![0; XATTR_BYTES_MAX];
        let len = match self {
            Spot::Fd(fd) => fgetxattr(fd, name, &mut value[..])?,
            Spot::Name { .. } => lgetxattr(self.path(), name, &mut value[..])?,
        };
        value.truncate(len);
        Ok(value)
    }

    /// Names, each followed by a zero.
    fn list_xattrs(self) -> SysResult<Vec<u8>> {
        let mut small = [0u8; 256];
        match self.list_into(&mut small) {
            Ok(len) => return Ok(small[..len].to_vec()),
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error),
        }
        let mut names = vec![0; XATTR_BYTES_MAX];
        let len = self.list_into(&mut names)?;
        names.truncate(len);
        Ok(names)
    }

    fn list_into(self, names: &mut [u8]) -> SysResult<usize> {
        match self {
            Spot::Fd(fd) => flistxattr(fd, names),
            Spot::Name { .. } => llistxattr(self.path(), names),
        }
    }

    /// A path for calls that take no directory handle; its last part is the only one that could be a symlink, and
    /// those calls do not follow it.
    fn path(self) -> Vec<u8> {
        match self {
            Spot::Fd(fd) => format!("/proc/self/fd/{}", fd.as_raw_fd()).into_bytes(),
            Spot::Name { dir, name, .. } => {
                let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
                path.extend_from_slice(name);
                path
            }
        }
    }
}

/// A failure for something that only root may make.
pub(super) fn needs_root(error: Errno) -> bool {
    matches!(error, Errno::PERM | Errno::ACCESS)
}
