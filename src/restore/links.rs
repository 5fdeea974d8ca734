//! Hard links: the first name that is restored carries the content, every other one is linked to it.
//!
//! Memory: that of [`HardLinks`], and the first path of groups that still wait for names.

use super::batch::LinkJob;
use super::meta::Have;
use super::output::{Output, put_in_place};
use super::remove::remove;
use super::report::count;
use super::target::{Dir, Target, file_type, open_dir};
use crate::error::{Code, Error, IoContext, Result};
use crate::monitor::Change;
use crate::stored::HardLinks;
use crate::tree::Entry;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, linkat, openat, statat, unlinkat};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The first restored name of a group.
pub(super) struct Leader {
    /// Its path in the snapshot.
    pub(super) path: Vec<u8>,
    state: AtomicU8,
}

const PENDING: u8 = 0;
const DONE: u8 = 1;
const FAILED: u8 = 2;
const MISSED: u8 = 3;
const KEPT: u8 = 4;

impl Leader {
    /// It stands where it belongs.
    pub(super) fn set_done(&self) {
        self.state.store(DONE, Ordering::Release);
    }

    /// It stood where it belongs before, and is the same file still.
    pub(super) fn set_kept(&self) {
        self.state.store(KEPT, Ordering::Release);
    }

    /// It needs rights that we do not have, and so does each of its group.
    pub(super) fn set_missed(&self) {
        self.state.store(MISSED, Ordering::Release);
    }

    /// It could not be restored, and so none of its group can.
    pub(super) fn set_failed(&self) {
        let _ = self.state.compare_exchange(PENDING, FAILED, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Which paths are one file, and who leads each group.
pub(super) struct Links {
    groups: HardLinks,
    /// Names of each group that did not come by yet.
    left: Vec<u32>,
    leaders: HashMap<u32, Arc<Leader>>,
}

/// What an entry is to its group.
pub(super) enum Role {
    /// It has no other names here.
    Single,
    /// It is restored for all of its group.
    Leads(Arc<Leader>),
    /// It is linked to the one that was restored.
    Follows(Arc<Leader>),
}

impl Links {
    pub(super) fn new(groups: HardLinks) -> Self {
        Links { left: groups.sizes().to_vec(), groups, leaders: HashMap::new() }
    }

    /// The role of an entry that is to be restored now.
    pub(super) fn role(&mut self, path: &[u8], entry: &Entry) -> Role {
        let Some(group) = self.groups.group(path, entry) else { return Role::Single };
        let left = &mut self.left[group as usize];
        *left = left.saturating_sub(1);
        let is_last = *left == 0;
        if let Some(leader) = self.leaders.get(&group).cloned() {
            if is_last {
                self.leaders.remove(&group);
            }
            return Role::Follows(leader);
        }
        let leader = Arc::new(Leader { path: path.to_vec(), state: AtomicU8::new(PENDING) });
        if !is_last {
            self.leaders.insert(group, leader.clone());
        }
        Role::Leads(leader)
    }

    /// An entry of a group was left alone: it is not there to be linked to.
    pub(super) fn pass_over(&mut self, path: &[u8], entry: &Entry) {
        if let Some(group) = self.groups.group(path, entry) {
            let left = &mut self.left[group as usize];
            *left = left.saturating_sub(1);
        }
    }
}

/// Gives a restored file one more name.
pub(super) fn link(target: &Target<'_>, root: &Dir<'_>, job: &LinkJob<'_>) -> Result<()> {
    let (dir, entry, leader) = (&job.dir, &job.entry, &job.leader);
    let path = dir.join(&entry.name);
    let state = leader.state.load(Ordering::Acquire);
    if target.options.dry_run {
        let is_kept = state == KEPT && is_other_name(target, root, job);
        count(if is_kept { &target.report.counters.unmodified } else { &target.report.counters.hard_links }, 1);
        let change = if job.there.is_some() { Change::Changed } else { Change::New };
        target.report.item(&path, if is_kept { Change::Unmodified } else { change }, 0);
        return Ok(());
    }
    if state != DONE && state != KEPT {
        let message = format!("its other name `{}` could not be restored", leader.path.escape_ascii());
        let error = Error::new(Code::FileIo, message);
        return if state == MISSED { target.report.metadata_missed(error) } else { Err(error) };
    }
    let above = dir.handle()?;
    let (leader_dir, leader_name) = open_leader(target, root, &leader.path)?;
    let found =
        statat(&leader_dir, leader_name, AtFlags::SYMLINK_NOFOLLOW).at("look at", target.on_disk(&leader.path))?;
    let counters = &target.report.counters;
    if job.there.as_ref().is_some_and(|there| (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino)) {
        count(&counters.unmodified, 1);
        target.report.item(&path, Change::Unmodified, 0);
        return Ok(());
    }
    let from = (leader_dir.as_fd(), leader_name);
    match put(target, from, above, &entry.name, job.there.as_deref(), &path) {
        Err(Error::Io { source, .. }) if is_unlinkable(&source) && file_type(&found) == FileType::RegularFile => {
            copy(target, from, dir, entry, job.there.as_deref())?;
        }
        other => other?,
    }
    count(&counters.hard_links, 1);
    target.report.item(&path, if job.there.is_some() { Change::Changed } else { Change::New }, 0);
    Ok(())
}

/// Whether what is there is the file of its leader.
fn is_other_name(target: &Target<'_>, root: &Dir<'_>, job: &LinkJob<'_>) -> bool {
    let found = || {
        let (above, name) = open_leader(target, root, &job.leader.path).ok()?;
        statat(&above, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    };
    match &job.there {
        Some(there) => found().is_some_and(|found| (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino)),
        None => false,
    }
}

fn put(
    target: &Target<'_>,
    (leader_dir, leader_name): (BorrowedFd<'_>, &[u8]),
    above: BorrowedFd<'_>,
    name: &[u8],
    there: Option<&Stat>,
    path: &[u8],
) -> Result<()> {
    let link =
        |to: &[u8]| linkat(leader_dir, leader_name, above, to, AtFlags::empty()).at("link", target.on_disk(path));
    let Some(there) = there else { return link(name) };
    let temporary = target.temporary_name();
    link(&temporary)?;
    let cleared = match file_type(there) {
        FileType::Directory => remove(target, above, name, path).map(|_| ()),
        _ => Ok(()),
    };
    let done = cleared.and_then(|()| put_in_place(above, &temporary, name, true).at("rename to", target.on_disk(path)));
    if done.is_err() {
        let _ = unlinkat(above, &temporary, AtFlags::empty());
    }
    done
}

/// Whether the file system has no (more) hard links for this.
fn is_unlinkable(error: &std::io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MLINK | Errno::XDEV | Errno::PERM | Errno::NOTSUP))
}

/// A copy where there can be no link: the content is right at least, and that it is a copy is said once.
fn copy(
    target: &Target<'_>,
    (leader_dir, leader_name): (BorrowedFd<'_>, &[u8]),
    dir: &Arc<Dir<'_>>,
    entry: &Entry,
    there: Option<&Stat>,
) -> Result<()> {
    let path = dir.join(&entry.name);
    let at = || target.on_disk(&path);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut source = File::from(openat(leader_dir, leader_name, flags, Mode::empty()).at("open", at())?);
    let mut output = Output::create(target, dir, 0o600, &entry.name)?;
    std::io::copy(&mut source, &mut output.file()).at("write", at())?;
    output.dress(target, entry, &at)?;
    output.publish(target, &entry.name, there)?;
    target.report.metadata_missed(Error::new(Code::SystemError, format!("{} cannot be a hard link", at().display())))
}

/// The directory of a path below the target, never through a symlink, and the last part of the path.
fn open_leader<'p>(target: &Target<'_>, root: &Dir<'_>, path: &'p [u8]) -> Result<(OwnedFd, &'p [u8])> {
    let relative = path.get(target.prefix_bytes..).unwrap_or_default();
    let mut parts: Vec<&[u8]> = relative.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let name = parts.pop().unwrap_or_default();
    let mut fd = root.handle()?.try_clone_to_owned().at("open", &target.path)?;
    for part in parts {
        fd = open_dir(fd.as_fd(), part).at("open", target.on_disk(path))?;
    }
    Ok((fd, name))
}

impl Have {
    /// What a file that was just made with this mode is known to have.
    pub(super) fn fresh(target: &Target<'_>, dir: &Dir<'_>, mode: Option<u32>) -> Self {
        Have { owner: dir.new_gid.map(|gid| (target.euid, gid)), mode, mtime: None, no_xattrs: !dir.has_default_acl }
    }
}
