//! Entries without content: symlinks, fifos, sockets, devices.

use super::meta::{Have, Spot, needs_root};
use super::output::put_in_place;
use super::remove::remove;
use super::report::count;
use super::target::{Dir, Target, file_type};
use crate::error::{Error, IoContext, Result};
use crate::monitor::Change;
use crate::tree::{Entry, EntryKind};
use rustix::fs::{AtFlags, FileType, Mode, Stat, makedev, mknodat, readlinkat, symlinkat, unlinkat};
use rustix::io::Result as SysResult;
use std::os::fd::BorrowedFd;

/// Makes an entry, or finds it right, and gives it its metadata; `None` if it needs rights that we do not have.
pub(super) fn restore_node(
    target: &Target<'_>,
    dir: &Dir<'_>,
    entry: &Entry,
    there: Option<&Stat>,
) -> Result<Option<Change>> {
    let path = dir.join(&entry.name);
    let spot = |above| Spot::Name { dir: above, name: &entry.name, is_link: entry.kind == EntryKind::Symlink };
    let is_right = match (there, dir.fd()) {
        (Some(stat), Some(above)) => is_same(above, entry, stat),
        _ => false,
    };
    if target.options.dry_run {
        let change = match (is_right, there) {
            (true, _) => Change::Unmodified,
            (false, Some(_)) => Change::Changed,
            (false, None) => Change::New,
        };
        return Ok(settle(target, &path, change));
    }
    let above = dir.handle()?;
    if let Some(stat) = there.filter(|_| is_right) {
        let changed = target.dress(spot(above), entry, &Have::of(stat), &|| target.on_disk(&path))?;
        return Ok(settle(target, &path, if changed { Change::Changed } else { Change::Unmodified }));
    }
    match there {
        None => match make(above, &entry.name, entry) {
            Err(error) if entry.kind.is_device() && needs_root(error) => {
                let error = Error::io("create the device", target.on_disk(&path), error);
                return target.report.metadata_missed(error).map(|()| None);
            }
            other => other.at("create", target.on_disk(&path))?,
        },
        Some(stat) => replace(target, above, entry, stat, &path)?,
    }
    let have = Have::fresh(target, dir, None);
    target.dress(spot(above), entry, &have, &|| target.on_disk(&path))?;
    Ok(settle(target, &path, if there.is_some() { Change::Changed } else { Change::New }))
}

fn settle(target: &Target<'_>, path: &[u8], change: Change) -> Option<Change> {
    let counters = &target.report.counters;
    count(if change == Change::Unmodified { &counters.unmodified } else { &counters.others }, 1);
    target.report.item(path, change, 0);
    Some(change)
}

/// Makes it under a temporary name and renames it over what is there.
fn replace(target: &Target<'_>, above: BorrowedFd<'_>, entry: &Entry, there: &Stat, path: &[u8]) -> Result<()> {
    let temporary = target.temporary_name();
    make(above, &temporary, entry).at("create", target.on_disk(path))?;
    let cleared = match file_type(there) {
        FileType::Directory => remove(target, above, &entry.name, path).map(|_| ()),
        _ => Ok(()),
    };
    let done =
        cleared.and_then(|()| put_in_place(above, &temporary, &entry.name, true).at("rename to", target.on_disk(path)));
    if done.is_err() {
        let _ = unlinkat(above, &temporary, AtFlags::empty());
    }
    done
}

fn make(above: BorrowedFd<'_>, name: &[u8], entry: &Entry) -> SysResult<()> {
    let kind = match entry.kind {
        EntryKind::Symlink => return symlinkat(entry.target.as_slice(), above, name),
        EntryKind::Fifo => FileType::Fifo,
        EntryKind::Socket => FileType::Socket,
        EntryKind::CharDevice => FileType::CharacterDevice,
        _ => FileType::BlockDevice,
    };
    let (major, minor) = entry.device.unwrap_or_default();
    mknodat(above, name, kind, Mode::from_raw_mode(0o600), makedev(major, minor))
}

/// Whether what is there is this very thing, metadata aside.
fn is_same(above: BorrowedFd<'_>, entry: &Entry, there: &Stat) -> bool {
    match (entry.kind, file_type(there)) {
        (EntryKind::Symlink, FileType::Symlink) => {
            readlinkat(above, entry.name.as_slice(), Vec::new()).is_ok_and(|text| text.to_bytes() == entry.target)
        }
        (EntryKind::Fifo, FileType::Fifo) | (EntryKind::Socket, FileType::Socket) => true,
        (EntryKind::CharDevice, FileType::CharacterDevice) | (EntryKind::BlockDevice, FileType::BlockDevice) => {
            entry.device.is_some_and(|(major, minor)| makedev(major, minor) == there.st_rdev)
        }
        _ => false,
    }
}
