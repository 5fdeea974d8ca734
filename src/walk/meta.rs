//! Metadata beyond `stat`: owners' names, extended attributes, link targets, data extents of sparse files.
//!
//! POSIX ACLs are the attributes `system.posix_acl_access` and `system.posix_acl_default` and travel as such. An
//! unchanged change time means unchanged attributes, so they are asked for only of what is new or changed.

use rustix::buffer::spare_capacity;
use rustix::fd::{AsFd, AsRawFd};
use rustix::fs::SeekFrom;
use rustix::io::{Errno, Result};
use rustix::path::Arg;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::{Arc, Mutex, PoisonError};

/// The kernel's limit on a list of names and on a value.
const XATTR_BYTES_MAX: usize = 64 << 10;
/// Of a file in more pieces than this the smallest holes are stored as zeros, so that the list stays in bounds.
const EXTENTS_MAX: usize = 64 << 10;

/// Name and value of an extended attribute.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// Names of users and groups, each asked for once.
#[derive(Debug, Default)]
pub struct Owners {
    users: Mutex<HashMap<u32, Option<Arc<str>>>>,
    groups: Mutex<HashMap<u32, Option<Arc<str>>>>,
}

impl Owners {
    /// The name of a user, if the system knows one.
    pub fn user(&self, uid: u32) -> Option<Arc<str>> {
        remembered(&self.users, uid, || nix::unistd::User::from_uid(uid.into()).ok().flatten().map(|user| user.name))
    }

    /// The name of a group, if the system knows one.
    pub fn group(&self, gid: u32) -> Option<Arc<str>> {
        remembered(&self.groups, gid, || {
            nix::unistd::Group::from_gid(gid.into()).ok().flatten().map(|group| group.name)
        })
    }
}

fn remembered(
    names: &Mutex<HashMap<u32, Option<Arc<str>>>>,
    id: u32,
    ask: impl FnOnce() -> Option<String>,
) -> Option<Arc<str>> {
    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
    names.entry(id).or_insert_with(|| ask().map(Arc::from)).clone()
}

/// The attributes of an open file or directory.
pub fn xattrs_of(fd: impl AsFd) -> Result<Vec<Xattr>> {
    read_xattrs(
        |list| rustix::fs::flistxattr(&fd, spare_capacity(list)),
        |name, value| rustix::fs::fgetxattr(&fd, name, spare_capacity(value)),
    )
}

/// The attributes of a name in a directory, which may be a symlink, a fifo or a device and is not opened. There is
/// no call for that relative to a handle before Linux 6.13; the handle's own path stands in for one.
pub fn xattrs_at(dir: impl AsFd, name: &CStr) -> Result<Vec<Xattr>> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    let path = CString::new(path).map_err(|_| Errno::INVAL)?;
    read_xattrs(
        |list| rustix::fs::llistxattr(&path, spare_capacity(list)),
        |name, value| rustix::fs::lgetxattr(&path, name, spare_capacity(value)),
    )
}

fn read_xattrs(
    list: impl Fn(&mut Vec<u8>) -> Result<usize>,
    get: impl Fn(&CStr, &mut Vec<u8>) -> Result<usize>,
) -> Result<Vec<Xattr>> {
    let mut names = Vec::with_capacity(1024);
    match grown(&mut names, list) {
        Ok(()) => {}
        // No attributes on this file system; or no /proc, where nothing better can be done.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let mut xattrs = Vec::new();
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let mut value = Vec::with_capacity(256);
        match grown(&mut value, |value| get(name, value)) {
            Ok(()) => xattrs.push((name.to_bytes().to_vec(), value)),
            // Gone meanwhile, or listed but not for us to read.
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(xattrs)
}

/// Calls again with the largest buffer when the first was too small.
fn grown(buffer: &mut Vec<u8>, call: impl Fn(&mut Vec<u8>) -> Result<usize>) -> Result<()> {
    match call(buffer) {
        Err(Errno::RANGE) => {
            buffer.clear();
            buffer.reserve_exact(XATTR_BYTES_MAX);
            call(buffer).map(|_| ())
        }
        other => other.map(|_| ()),
    }
}

/// What a symlink says.
pub fn link_target(dir: impl AsFd, name: impl Arg) -> Result<Vec<u8>> {
    rustix::fs::readlinkat(dir, name, Vec::new()).map(CString::into_bytes)
}

/// Where a file of this size has data, or `None` if it has no holes. Moves the file's position.
pub fn data_extents(fd: impl AsFd, size: u64) -> Result<Option<Vec<(u64, u64)>>> {
    let mut extents: Vec<(u64, u64)> = Vec::new();
    let mut smallest_hole = 1;
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(&fd, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            // A file system that does not know holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(None),
            Err(error) => return Err(error),
        };
        let end = rustix::fs::seek(&fd, SeekFrom::Hole(start))?.min(size);
        if start >= end {
            break;
        }
        push_extent(&mut extents, (start, end - start), smallest_hole);
        if extents.len() > EXTENTS_MAX {
            smallest_hole = widen(&mut extents, smallest_hole);
        }
        at = end;
    }
    Ok((extents != [(0, size)]).then_some(extents))
}

fn push_extent(extents: &mut Vec<(u64, u64)>, (start, len): (u64, u64), smallest_hole: u64) {
    match extents.last_mut() {
        Some((before, before_len)) if start - (*before + *before_len) < smallest_hole => {
            *before_len = start + len - *before;
        }
        _ => extents.push((start, len)),
    }
}

/// Fills ever larger holes until half of the list is gone; answers the smallest hole that is kept from now on.
fn widen(extents: &mut Vec<(u64, u64)>, mut smallest_hole: u64) -> u64 {
    while extents.len() > EXTENTS_MAX / 2 {
        smallest_hole = smallest_hole.saturating_mul(2).max(8192);
        let mut wider = Vec::with_capacity(extents.len());
        extents.iter().for_each(|extent| push_extent(&mut wider, *extent, smallest_hole));
        *extents = wider;
    }
    smallest_hole
}

#[cfg(test)]
mod tests {
    use super::super::{open_dir, open_file};
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn holes_are_found() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = std::fs::File::create(dir.path().join("sparse")).expect("create");
        file.set_len(1 << 20).expect("set length");
        file.write_all_at(&[1; 4096], 262_144).expect("write");
        let parent = open_dir(rustix::fs::CWD, dir.path(), false).expect("open");
        let fd = open_file(&parent, c"sparse", false).expect("open");
        let stat = super::super::stat_fd(&fd).expect("stat");
        if stat.may_be_sparse() {
            assert_eq!(data_extents(&fd, stat.size).expect("seek"), Some(vec![(262_144, 4096)]));
        }
        std::fs::write(dir.path().join("full"), [7; 9000]).expect("write");
        let fd = open_file(&parent, c"full", false).expect("open");
        assert_eq!(data_extents(&fd, 9000).expect("seek"), None);
    }

    #[test]
    fn a_file_in_too_many_pieces_keeps_its_largest_holes() {
        let mut extents: Vec<(u64, u64)> = (0..EXTENTS_MAX as u64 + 1).map(|n| (n * 8192, 4096)).collect();
        extents.push((1 << 40, 5));
        assert!(widen(&mut extents, 1) > 4096);
        assert_eq!(extents.len(), 2);
        assert_eq!(extents[1], (1 << 40, 5));
    }

    #[test]
    fn attributes_come_with_their_values() {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::fs::write(dir.path().join("f"), "x").expect("write");
        let parent = open_dir(rustix::fs::CWD, dir.path(), false).expect("open");
        let fd = open_file(&parent, c"f", false).expect("open");
        let set = rustix::fs::fsetxattr(&fd, c"user.k", &[7; 2000], rustix::fs::XattrFlags::empty());
        let expected = if set.is_ok() { vec![(b"user.k".to_vec(), vec![7; 2000])] } else { Vec::new() };
        let only_user = |xattrs: Vec<Xattr>| -> Vec<Xattr> {
            xattrs.into_iter().filter(|(name, _)| name.starts_with(b"user.")).collect()
        };
        assert_eq!(only_user(xattrs_of(&fd).expect("read")), expected);
        assert_eq!(only_user(xattrs_at(&parent, c"f").expect("read")), expected);
    }

    #[test]
    fn owners_have_names_where_the_system_knows_them() {
        let owners = Owners::default();
        assert_eq!(owners.user(0).as_deref(), Some("root"));
        assert_eq!(owners.user(0xffff_fff0), None);
    }
}
