//! Who is dead: by a free flock, where that can be trusted; elsewhere by an hour of silence on the clock of the medium.

use super::{ALIVE, LeaseClass, LeaseView, lease_path};
use crate::backend::Backend;
use crate::clock::Time;
use crate::error::Result;
use crate::fs::{boot_id, host_id};
use fs2::FileExt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A writer is believed to live so long after its last refresh, sixty times the interval of those.
const SILENCE_SECONDS: i64 = 3_600;

/// What is known of a writer's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is at work, or nobody can tell.
    Alive,
    /// It showed no sign of life for so long that it is taken for dead. It may wake up all the same: it must be fenced, and
    /// the fence must stay.
    Silent,
    /// It has ended, for certain.
    Ended,
}

/// File systems of one machine alone, by the magic number that statfs gives: a lock on them is one for everybody who
/// could write. Network, cluster and FUSE file systems are not among them.
const LOCAL_FILE_SYSTEMS: [u64; 14] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0xf2f5_2010, // f2fs
    0x794c_7630, // overlayfs
    0x2fc1_2fc1, // zfs
    0xca45_1a4e, // bcachefs
    0x4d44,      // vfat
    0x2011_bab0, // exfat
    0x7366_746e, // ntfs3
    0x3153_464a, // jfs
    0x5265_4973, // reiserfs
];

/// Tells who is dead.
///
/// The flock of a lease is believed where it is free; where the file system may be shared between machines, only of writers of
/// this very boot and machine (STORAGE section 8.3). On a disk of this machine a writer from before a reboot is dead as well. One
/// of another machine may work over the network, where its lock is not seen here: it goes by its silence, like every
/// writer on a medium without locks.
pub struct Liveness<'a> {
    backend: &'a dyn Backend,
    leases: Option<PathBuf>,
    boot_id: String,
    host_id: String,
    pub(super) is_local_disk: bool,
    /// The time by the clock of the medium, if it is known and true.
    now: Option<Time>,
}

impl<'a> Liveness<'a> {
    /// For the leases of this medium; `now` by its clock: without it nobody is found dead by silence.
    pub fn new(backend: &'a dyn Backend, now: Option<Time>) -> Self {
        let root = backend.local_dir();
        Liveness {
            backend,
            leases: root.map(|root| root.join("leases")),
            boot_id: boot_id(),
            host_id: host_id(),
            is_local_disk: root.is_some_and(is_local_disk),
            now,
        }
    }

    /// What is known of this writer.
    ///
    /// # Errors
    /// What asking the medium for a time can answer.
    pub fn life(&self, lease: &LeaseView) -> Result<Life> {
        if lease.has_ended {
            return Ok(Life::Ended);
        }
        let Some(leases) = self.leases.as_ref().filter(|_| self.may_hold_flock(lease)) else {
            return self.by_silence(lease);
        };
        let is_free = match File::open(leases.join(lease.writer.to_hex()).join(ALIVE)) {
            // Shared, so that two who look at once do not take each other for the writer.
            Ok(file) => FileExt::try_lock_shared(&file).is_ok(),
            // A lease with a flock appears together with this file: whose is gone has ended.
            Err(error) => error.kind() == ErrorKind::NotFound && lease.record.is_some(),
        };
        match (is_free, self.is_lock_believed(lease)) {
            (false, _) if lease.record.is_none() => self.by_silence(lease),
            (false, _) => Ok(Life::Alive),
            (true, true) => Ok(Life::Ended),
            (true, false) => self.by_silence(lease),
        }
    }

    /// Whether its life may show by silence alone: then [`Liveness::life`] needs to know the time.
    pub fn needs_clock(&self, lease: &LeaseView) -> bool {
        let shows_by_flock = self.may_hold_flock(lease) && self.is_lock_believed(lease);
        !(lease.has_ended || lease.is_fenced || shows_by_flock)
    }

    fn may_hold_flock(&self, lease: &LeaseView) -> bool {
        self.leases.is_some() && lease.record.as_ref().is_none_or(|record| record.class == LeaseClass::Flock)
    }

    fn is_lock_believed(&self, lease: &LeaseView) -> bool {
        let Some(record) = &lease.record else { return self.is_local_disk };
        let is_host = record.host_id == self.host_id;
        let is_boot = !self.boot_id.is_empty() && record.boot_id == self.boot_id;
        is_host && (self.is_local_disk || is_boot)
    }

    /// Whether the last sign of life is older than [`SILENCE_SECONDS`].
    fn by_silence(&self, lease: &LeaseView) -> Result<Life> {
        let (Some(now), Some(newest)) = (self.now, lease.newest) else { return Ok(Life::Alive) };
        let last = self.backend.modified(&lease_path(&lease.writer, &newest.to_string()))?;
        let is_silent = last.is_some_and(|last| now.seconds.saturating_sub(last.seconds) >= SILENCE_SECONDS);
        Ok(if is_silent { Life::Silent } else { Life::Alive })
    }
}

pub(super) fn is_local_disk(path: &Path) -> bool {
    // The type of the field differs between platforms.
    #[allow(clippy::unnecessary_cast)]
    rustix::fs::statfs(path).is_ok_and(|stat| LOCAL_FILE_SYSTEMS.contains(&(stat.f_type as u64 & 0xffff_ffff)))
}
