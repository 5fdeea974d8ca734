//! Who is dead: by a free flock, where that can be trusted.

use super::{ALIVE, LeaseClass, LeaseView};
use crate::backend::Backend;
use crate::clock;
use crate::fs::{boot_id, host_id};
use fs2::FileExt;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A writer of another machine is believed to live so long after its last refresh, many times the interval of those.
const SILENCE_SECONDS: i64 = 3_600;

/// Says which writers are certainly dead. Tests and media without locks bring their own.
pub trait Liveness {
    /// Whether this lease's writer is dead; false when in doubt.
    fn is_dead(&self, lease: &LeaseView) -> bool;
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

/// A writer is dead when the flock of its lease is free.
///
/// Where the file system may be shared between machines, this is believed only of writers of this very boot and
/// machine (STORAGE section 8.3). On a disk of this machine a writer from before a reboot is dead as well. One of another
/// machine may work over the network, where its lock is not seen here: it is dead when it was also silent for an hour.
pub struct FlockLiveness {
    leases: Option<PathBuf>,
    boot_id: String,
    host_id: String,
    pub(super) is_local_disk: bool,
}

impl FlockLiveness {
    /// For the leases of this medium. Off this machine nobody is found dead.
    pub fn new(backend: &dyn Backend) -> Self {
        let root = backend.local_dir();
        FlockLiveness {
            leases: root.map(|root| root.join("leases")),
            boot_id: boot_id(),
            host_id: host_id(),
            is_local_disk: root.is_some_and(is_local_disk),
        }
    }

    fn is_lock_believed(&self, lease: &LeaseView) -> bool {
        let Some(record) = &lease.record else { return self.is_local_disk };
        let is_host = record.host_id == self.host_id;
        let is_boot = !self.boot_id.is_empty() && record.boot_id == self.boot_id;
        record.class == LeaseClass::Flock
            && match self.is_local_disk {
                true => is_host || self.is_silent(lease, record.number),
                false => is_host && is_boot,
            }
    }

    /// Whether the last sign of life is older than [`SILENCE_SECONDS`], by the clock of this disk.
    fn is_silent(&self, lease: &LeaseView, number: u64) -> bool {
        let Some(leases) = &self.leases else { return false };
        let meta = std::fs::metadata(leases.join(lease.writer.to_hex()).join(number.to_string()));
        meta.is_ok_and(|meta| clock::now().seconds.saturating_sub(meta.mtime()) >= SILENCE_SECONDS)
    }
}

impl Liveness for FlockLiveness {
    fn is_dead(&self, lease: &LeaseView) -> bool {
        let Some(leases) = &self.leases else { return false };
        if !self.is_lock_believed(lease) {
            return false;
        }
        match File::open(leases.join(lease.writer.to_hex()).join(ALIVE)) {
            // Shared, so that two who look at once do not take each other for the writer.
            Ok(file) => FileExt::try_lock_shared(&file).is_ok(),
            // A lease appears together with this file: whose is gone has ended.
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }
}

fn is_local_disk(path: &Path) -> bool {
    // The type of the field differs between platforms.
    #[allow(clippy::unnecessary_cast)]
    rustix::fs::statfs(path).is_ok_and(|stat| LOCAL_FILE_SYSTEMS.contains(&(stat.f_type as u64 & 0xffff_ffff)))
}
