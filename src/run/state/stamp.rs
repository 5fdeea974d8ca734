//! What the system says of a path, as far as a change of it shows.

use crate::clock::Time;
use crate::tree::EntryKind;
use crate::walk::Stat;
use rustix::fs::{AtFlags, FileType, StatxFlags};
use rustix::io::Errno;
use rustix::path::Arg;
use std::os::fd::AsFd;

/// Size, times, inode and mode of a path: equal stamps that are not racy mean equal content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Size in bytes.
    pub size: u64,
    /// When its content changed, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// When its inode changed, nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Its inode.
    pub ino: u64,
    /// Type and permissions as the system has them; 0 for what is not there.
    pub mode: u32,
}

impl Stamp {
    /// Of what is not there.
    pub const ABSENT: Stamp = Stamp { size: 0, mtime_ns: 0, ctime_ns: 0, ino: 0, mode: 0 };

    /// From what another module saw.
    pub fn of(stat: &Stat) -> Stamp {
        let kind = match stat.kind {
            EntryKind::File => FileType::RegularFile,
            EntryKind::Directory => FileType::Directory,
            EntryKind::Symlink => FileType::Symlink,
            EntryKind::Fifo => FileType::Fifo,
            EntryKind::Socket => FileType::Socket,
            EntryKind::CharDevice => FileType::CharacterDevice,
            EntryKind::BlockDevice => FileType::BlockDevice,
        };
        Stamp {
            size: stat.size,
            mtime_ns: nanoseconds(stat.mtime),
            ctime_ns: nanoseconds(stat.ctime),
            ino: stat.ino,
            mode: kind.as_raw_mode() | stat.mode,
        }
    }

    /// What it is; `None` for what is not there.
    pub fn file_type(&self) -> Option<FileType> {
        (self.mode != 0).then(|| FileType::from_raw_mode(self.mode))
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.file_type() == Some(FileType::RegularFile)
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.file_type() == Some(FileType::Directory)
    }

    /// Whether it is a symlink.
    pub fn is_symlink(&self) -> bool {
        self.file_type() == Some(FileType::Symlink)
    }

    /// Whether its owner may execute it.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }

    /// Whether it may have changed after `start_ns` without its times showing it: a stamp is as coarse as the system's
    /// tick or, where it has no fraction, as the file system's (2 s on the coarsest).
    pub fn is_racy(&self, start_ns: i64) -> bool {
        self.mode != 0 && self.mtime_ns.max(self.ctime_ns).saturating_add(self.tick_ns()) >= start_ns
    }

    /// From when on it is not racy any more.
    pub fn settles_at_ns(&self) -> i64 {
        self.mtime_ns.max(self.ctime_ns).saturating_add(self.tick_ns()).saturating_add(1)
    }

    fn tick_ns(&self) -> i64 {
        if self.ctime_ns % 1_000_000_000 == 0 { 2_000_000_000 } else { 20_000_000 }
    }
}

fn nanoseconds(time: Time) -> i64 {
    time.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(time.nanoseconds))
}

/// The clock that file systems stamp changes with.
pub fn stamp_now_ns() -> i64 {
    nanoseconds(crate::walk::stamp_now())
}

/// Looks at a name in a directory; what is not there, or lies beneath what is no directory, has the stamp of absence.
///
/// # Errors
/// What the system answers.
pub fn look(dir: impl AsFd, name: impl Arg, follow: bool) -> Result<Stamp, Errno> {
    let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW } | AtFlags::NO_AUTOMOUNT;
    let wanted = StatxFlags::TYPE
        | StatxFlags::MODE
        | StatxFlags::MTIME
        | StatxFlags::CTIME
        | StatxFlags::INO
        | StatxFlags::SIZE;
    match rustix::fs::statx(dir, name, flags, wanted) {
        Ok(seen) => Ok(Stamp {
            size: seen.stx_size,
            mtime_ns: nanoseconds(Time { seconds: seen.stx_mtime.tv_sec, nanoseconds: seen.stx_mtime.tv_nsec }),
            ctime_ns: nanoseconds(Time { seconds: seen.stx_ctime.tv_sec, nanoseconds: seen.stx_ctime.tv_nsec }),
            ino: seen.stx_ino,
            mode: u32::from(seen.stx_mode),
        }),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(Stamp::ABSENT),
        // A link that leads nowhere, or to itself.
        Err(Errno::LOOP) if follow => Ok(Stamp::ABSENT),
        Err(error) => Err(error),
    }
}
