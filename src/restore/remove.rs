//! Removing what stands in the way, or what the snapshot does not have.

use super::own::refusal;
use super::report::count;
use super::target::{Dir, Target, file_type, open_dir};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::monitor::{Change, Event};
use rustix::fs::{AtFlags, Dir as Listing, FileType, fstat, statat, unlinkat};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

/// Removes one name; a dry run goes the same ways and only looks. A directory goes with all that is in it where `delete`
/// was asked for, else only when empty. What larder itself stands on, and what leads there, is refused.
pub(super) fn remove(target: &Target<'_>, above: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<u64> {
    match statat(above, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) if target.own.needs(&there) => return Err(refusal(&target.on_disk(path))),
        Ok(_) => {}
        Err(Errno::NOENT) => return Ok(0),
        Err(error) => return Err(error).at("look at", target.on_disk(path)),
    }
    match take_away(target, above, name, AtFlags::empty()) {
        Ok(()) => return Ok(1),
        Err(Errno::NOENT) => return Ok(0),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error).at("remove", target.on_disk(path)),
    }
    let mut removed = 1;
    if target.options.delete {
        removed += empty(target, above, name, path)?;
    }
    match take_away(target, above, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(removed),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Err(Error::new(
            Code::FileIo,
            format!("{} is a directory that is not empty, where the snapshot has none", target.on_disk(path).display()),
        )
        .with_hint("`--delete` removes what the snapshot does not have")),
        Err(error) => Err(error).at("remove", target.on_disk(path)),
    }
}

fn take_away(target: &Target<'_>, above: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> rustix::io::Result<()> {
    if !target.options.dry_run {
        return unlinkat(above, name, flags);
    }
    let is_directory = || Ok(file_type(&statat(above, name, AtFlags::SYMLINK_NOFOLLOW)?) == FileType::Directory);
    if flags.is_empty() && is_directory()? { Err(Errno::ISDIR) } else { Ok(()) }
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
    if let Some(fd) = dir.fd().filter(|_| !dir.is_fresh) {
        remove_from(target, fd, &dir.path, keep);
    }
}

fn remove_from(target: &Target<'_>, fd: BorrowedFd<'_>, dir: &[u8], keep: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
    let names = match names(fd) {
        Ok(names) => names,
        Err(error) => return target.report.failed(dir, Error::io("list", target.on_disk(dir), error)),
    };
    for name in names {
        let path = [dir, b"/", &name].concat();
        if target.is_temporary(&name) || keep(&name, &path) {
            continue;
        }
        match spare(target, fd, &name, &path).and_then(|is_spared| match is_spared {
            true => Ok(0),
            false => remove(target, fd, &name, &path),
        }) {
            Ok(0) => {}
            Ok(removed) => {
                count(&target.report.counters.deleted, removed);
                // The snapshot has no such path: what is told is where it was.
                let on_disk = target.on_disk(&path);
                let path = on_disk.as_os_str().as_bytes();
                target.report.event(&Event::Item { path, change: Change::Removed, bytes: 0 });
            }
            Err(error) => target.report.failed(&path, error),
        }
    }
}

/// Keeps what larder itself stands on, and the way to it; all else goes from a directory on the way. False, and nothing
/// done, where it is neither.
fn spare(target: &Target<'_>, above: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<bool> {
    let at = || target.on_disk(path);
    let there = match statat(above, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) if target.own.needs(&there) => there,
        Ok(_) | Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error).at("look at", at()),
    };
    let is_passage = file_type(&there) == FileType::Directory && !target.own.has(&there);
    // Another file system is left alone as a whole.
    if is_passage && there.st_dev == fstat(above).at("look at", at())?.st_dev {
        let fd = open_dir(above, name).at("open", at())?;
        remove_from(target, fd.as_fd(), path, &mut |_, _| false);
    } else {
        target.report.kept(at());
    }
    Ok(true)
}
