//! Removing what stands in the way, or what the snapshot does not have.

use super::report::count;
use super::target::{Dir, Target, open_dir};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::monitor::{Change, Event};
use rustix::fs::{AtFlags, Dir as Listing, fstat, unlinkat};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};

/// Removes one name. A directory goes with all that is in it where `delete` was asked for, else only when empty.
pub(super) fn remove(target: &Target<'_>, above: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<u64> {
    match unlinkat(above, name, AtFlags::empty()) {
        Ok(()) => return Ok(1),
        Err(Errno::NOENT) => return Ok(0),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error).at("remove", target.on_disk(path)),
    }
    let mut removed = 1;
    if target.options.delete {
        removed += empty(target, above, name, path)?;
    }
    match unlinkat(above, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(removed),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Err(Error::new(
            Code::FileIo,
            format!("{} is a directory that is not empty, where the snapshot has none", target.on_disk(path).display()),
        )
        .with_hint("`--delete` removes what the snapshot does not have")),
        Err(error) => Err(error).at("remove", target.on_disk(path)),
    }
}

/// Removes everything in a directory, on its own file system only.
fn empty(target: &Target<'_>, above: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<u64> {
    let fd = open_dir(above, name).at("open", target.on_disk(path))?;
    let device = |fd: BorrowedFd<'_>| fstat(fd).map(|stat| stat.st_dev).at("look at", target.on_disk(path));
    if device(fd.as_fd())? != device(above)? {
        return fail(Code::PermissionDenied, format!("{} is a mount point", target.on_disk(path).display()));
    }
    let mut removed = 0;
    for child in names(fd.as_fd()).at("list", target.on_disk(path))? {
        let mut inner = path.to_vec();
        inner.push(b'/');
        inner.extend_from_slice(&child);
        removed += remove(target, fd.as_fd(), &child, &inner)?;
    }
    Ok(removed)
}

/// The names in a directory but `.` and `..`, sorted.
pub(super) fn names(fd: BorrowedFd<'_>) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Listing::read_from(fd)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes from a directory every name that `keep` does not hold on to; failures are reported one by one.
pub(super) fn remove_others(target: &Target<'_>, dir: &Dir<'_>, keep: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
    let Some(fd) = dir.fd().filter(|_| !dir.is_fresh) else { return };
    let names = match names(fd) {
        Ok(names) => names,
        Err(error) => {
            return target.report.failed(&dir.path, Error::io("list", target.on_disk(&dir.path), error));
        }
    };
    for name in names {
        let path = dir.join(&name);
        if target.is_temporary(&name) || keep(&name, &path) {
            continue;
        }
        let removed = if target.options.dry_run { Ok(1) } else { remove(target, fd, &name, &path) };
        match removed {
            Ok(removed) => {
                count(&target.report.counters.deleted, removed);
                target.report.event(&Event::Item { path: &path, change: Change::Removed, bytes: 0 });
            }
            Err(error) => target.report.failed(&path, error),
        }
    }
}
