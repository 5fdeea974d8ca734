//! Handles of files and directories, and what the system says of an inode.

use crate::clock::Time;
use crate::tree::{EntryKind, Meta};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Statx, StatxAttributes, StatxFlags, StatxTimestamp};
use rustix::io::{Errno, Result};
use rustix::path::Arg;

/// `chattr` bits that `statx` tells without opening the file: those of them that can be set again.
const FLAGS: [(StatxAttributes, u32); 4] = [
    (StatxAttributes::COMPRESSED, 0x04),
    (StatxAttributes::IMMUTABLE, 0x10),
    (StatxAttributes::APPEND, 0x20),
    (StatxAttributes::NODUMP, 0x40),
];

/// File systems whose change time is none, or can be set by anyone: FAT, exFAT, SMB in three versions, and FUSE, of
/// which nothing is known (`linux/magic.h`).
const WITHOUT_CTIME: [u64; 6] = [0x4d44, 0x2011_bab0, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546];

/// What the system says of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names it has.
    pub nlink: u32,
    /// Inode number.
    pub ino: u64,
    /// Device: major in the upper half.
    pub dev: u64,
    /// Device that a device file stands for.
    pub rdev: (u32, u32),
    /// Size in bytes.
    pub size: u64,
    /// Blocks of 512 bytes that it takes.
    pub blocks: u64,
    /// When its content changed.
    pub mtime: Time,
    /// When its inode changed.
    pub ctime: Time,
    /// When it was made.
    pub btime: Option<Time>,
    /// `chattr` bits that are known without opening it.
    pub flags: u32,
}

impl Stat {
    fn from_statx(statx: &Statx) -> Result<Self> {
        let kind = match FileType::from_raw_mode(u32::from(statx.stx_mode)) {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Symlink,
            FileType::Fifo => EntryKind::Fifo,
            FileType::Socket => EntryKind::Socket,
            FileType::CharacterDevice => EntryKind::CharDevice,
            FileType::BlockDevice => EntryKind::BlockDevice,
            _ => return Err(Errno::OPNOTSUPP),
        };
        let flags = FLAGS.iter().filter(|(attribute, _)| statx.stx_attributes.contains(*attribute));
        let has_btime = statx.stx_mask & StatxFlags::BTIME.bits() != 0;
        Ok(Stat {
            kind,
            mode: u32::from(statx.stx_mode) & 0o7777,
            uid: statx.stx_uid,
            gid: statx.stx_gid,
            nlink: statx.stx_nlink,
            ino: statx.stx_ino,
            dev: u64::from(statx.stx_dev_major) << 32 | u64::from(statx.stx_dev_minor),
            rdev: (statx.stx_rdev_major, statx.stx_rdev_minor),
            size: statx.stx_size,
            blocks: statx.stx_blocks,
            mtime: time(&statx.stx_mtime),
            ctime: time(&statx.stx_ctime),
            btime: has_btime.then(|| time(&statx.stx_btime)),
            flags: flags.map(|(_, bit)| bit).sum(),
        })
    }

    /// Whether nothing that larder keeps has changed between two looks at an inode.
    pub fn is_same_as(&self, other: &Stat) -> bool {
        self.ino == other.ino
            && self.ctime == other.ctime
            && self.mtime == other.mtime
            && self.size == other.size
            && self.kind == other.kind
    }

    /// Whether it takes fewer blocks than its size, so that it may have holes. Small files may lie in the inode.
    pub fn may_be_sparse(&self) -> bool {
        self.size > 4096 && self.blocks.saturating_mul(512) < self.size
    }
}

impl Stat {
    /// What the full profile keeps of it, without the owner's names and the birth time.
    pub fn to_meta(&self) -> Meta {
        Meta {
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            owner: None,
            group: None,
            mtime: self.mtime,
            btime: None,
            flags: (self.flags != 0).then_some(self.flags),
        }
    }
}

fn time(stamp: &StatxTimestamp) -> Time {
    Time { seconds: stamp.tv_sec, nanoseconds: stamp.tv_nsec.min(999_999_999) }
}

fn mask() -> StatxFlags {
    StatxFlags::BASIC_STATS | StatxFlags::BTIME
}

/// Looks at a name in a directory; a symlink is looked at itself.
pub fn stat_at(dir: impl AsFd, name: impl Arg) -> Result<Stat> {
    Stat::from_statx(&rustix::fs::statx(dir, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, mask())?)
}

/// Looks at a name in a directory; a symlink is followed. For what the user named.
pub fn stat_follow(dir: impl AsFd, name: impl Arg) -> Result<Stat> {
    Stat::from_statx(&rustix::fs::statx(dir, name, AtFlags::empty(), mask())?)
}

/// Looks at an open file.
pub fn stat_fd(fd: impl AsFd) -> Result<Stat> {
    Stat::from_statx(&rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, mask())?)
}

/// Opens a directory to list it. `follow` is for what the user named.
pub fn open_dir(dir: impl AsFd, name: impl Arg, follow: bool) -> Result<OwnedFd> {
    open_quietly(dir, name, OFlags::DIRECTORY | nofollow(follow))
}

/// Opens a regular file to read it. Should it have become a fifo meanwhile, this does not wait for a writer.
pub fn open_file(dir: impl AsFd, name: impl Arg, follow: bool) -> Result<OwnedFd> {
    open_quietly(dir, name, OFlags::NONBLOCK | OFlags::NOCTTY | nofollow(follow))
}

/// Opens a directory only to reach what is in it: no right to read is needed.
pub fn open_path(dir: impl AsFd, name: impl Arg) -> Result<OwnedFd> {
    rustix::fs::openat(dir, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn nofollow(follow: bool) -> OFlags {
    if follow { OFlags::empty() } else { OFlags::NOFOLLOW }
}

/// Opens without changing the access time, which only the owner and root may; others change it.
fn open_quietly(dir: impl AsFd, name: impl Arg, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    name.into_with_c_str(|name| match rustix::fs::openat(&dir, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::openat(&dir, name, flags, Mode::empty()),
        other => other,
    })
}

/// Whether a change of an inode on this file system cannot go unseen in its change time.
pub fn has_true_ctime(fd: impl AsFd) -> bool {
    match rustix::fs::fstatfs(fd) {
        Ok(system) => !WITHOUT_CTIME.contains(&(system.f_type as u64)),
        Err(_) => false,
    }
}

/// The clock that file systems stamp changes with. Never fixed by tests: what is compared with it are real stamps.
pub fn stamp_now() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    Time { seconds: now.tv_sec, nanoseconds: now.tv_nsec as u32 }
}

impl Stat {
    /// Whether it may have changed after `start` without its times showing it, because a stamp is as coarse as the
    /// system's tick (at most 10 ms) or, where it has no fraction, as the file system's (2 s on the coarsest).
    pub fn is_racy(&self, start: Time) -> bool {
        let newest = self.mtime.max(self.ctime);
        let tick_ns = if self.ctime.nanoseconds == 0 { 2_000_000_000 } else { 20_000_000 };
        let nanoseconds = |time: Time| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds);
        nanoseconds(newest) + tick_ns >= nanoseconds(start)
    }
}
