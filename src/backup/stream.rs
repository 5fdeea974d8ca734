//! Backups of one stream: standard input, or what a command prints.

use super::{BackupOptions, BackupStats, Run, compare};
use crate::clock;
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::Kind;
use crate::repo::{Putter, Repo};
use crate::snapshot::{SnapshotBody, Stats};
use crate::tree::{Entry, EntryKind, Meta, Profile, Summary, TreeWriter, check_name};
use crate::walk::Owners;
use nix::poll::{PollFd, PollFlags, poll};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

/// Read so much at a time.
const PIECE_BYTES: usize = 1 << 20;

/// How often someone who waits for input looks whether to stop, milliseconds.
const LOOK_MS: u16 = 100;

/// An input that can be waited for without being deaf: a read ends when the monitor says stop.
pub struct Interruptible<'a, R> {
    inner: R,
    monitor: &'a dyn Monitor,
}

impl<'a, R: Read + AsFd> Interruptible<'a, R> {
    /// Reads from `inner`, which holds nothing in a buffer of its own.
    pub fn new(inner: R, monitor: &'a dyn Monitor) -> Self {
        Interruptible { inner, monitor }
    }
}

impl<R: Read + AsFd> Read for Interruptible<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.monitor.is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let mut waiting = [PollFd::new(self.inner.as_fd(), PollFlags::POLLIN)];
            if poll(&mut waiting, LOOK_MS)? > 0 {
                return self.inner.read(out);
            }
        }
    }
}

/// Stores what `input` gives as a file of this path. If it fails or is interrupted there is no snapshot: half a
/// stream is worth nothing.
///
/// # Errors
/// INVALID_ARG for a path that is none; SNAPSHOT_INVALID for an empty stream; FILE_IO; what storing can answer.
pub fn backup_stream(
    repo: &Repo,
    path: &[u8],
    input: &mut dyn Read,
    options: &BackupOptions,
    monitor: &dyn Monitor,
) -> Result<BackupStats> {
    store(repo, path, input, &mut || Ok(()), options, monitor)
}

/// Runs a command and stores what it prints as a file of this path, but only if it succeeds.
///
/// # Errors
/// As [`backup_stream`]; TASK_FAILED when the command cannot be started or fails.
pub fn backup_command(
    repo: &Repo,
    path: &[u8],
    mut command: Command,
    options: &BackupOptions,
    monitor: &dyn Monitor,
) -> Result<BackupStats> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Error::new(Code::TaskFailed, format!("`{shown}` cannot be started")).with_source(error))?;
    let Some(output) = child.stdout.take() else { return fail(Code::SystemError, "a command without output") };
    let mut output = Interruptible::new(output, monitor);
    let mut ended = None;
    let mut end = || {
        let status =
            child.wait().map_err(|error| Error::new(Code::SystemError, "waiting failed").with_source(error))?;
        ended = Some(status);
        if status.success() {
            return Ok(());
        }
        fail(Code::TaskFailed, format!("`{shown}` failed ({status}): no snapshot was made"))
    };
    let stored = store(repo, path, &mut output, &mut end, options, monitor);
    // A command that nobody listens to any more must not be left running.
    drop(output);
    if ended.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    stored
}

fn store(
    repo: &Repo,
    path: &[u8],
    input: &mut dyn Read,
    end: &mut dyn FnMut() -> Result<()>,
    options: &BackupOptions,
    monitor: &dyn Monitor,
) -> Result<BackupStats> {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let is_sound = !parts.is_empty() && parts.iter().all(|part| check_name(part).is_ok());
    if !is_sound {
        return fail(Code::InvalidArg, format!("`{}` is no name for a file", path.escape_ascii()));
    }
    let absolute = vec![[&b"/"[..], &parts.join(&b'/')].concat()];
    let run = Run::begin(repo, &absolute, options, monitor)?;
    monitor.event(&Event::Phase("reading"));
    let mut putter = run.writer.putter();
    let (content, size) = read_all(&mut putter, input, monitor)?;
    end()?;
    if size == 0 && !options.allow_empty {
        return Err(Error::new(Code::SnapshotInvalid, "the input is empty: no snapshot was made")
            .with_hint("`--allow-empty` makes a snapshot of it all the same"));
    }
    let tree = put_trees(&mut putter, &parts, content, size)?;
    drop(putter);
    let before = match &run.parent {
        Some((_, parent)) => compare::content_at(repo, parent.tree, &parts)?,
        None => None,
    };
    let mut body = SnapshotBody::new(tree);
    body.stats = Stats { total_bytes: size, read_bytes: size, ..Stats::default() };
    match before {
        None => body.stats.files_new = 1,
        Some(before) if before == content => body.stats.files_unmodified = 1,
        Some(_) => body.stats.files_changed = 1,
    }
    run.publish(body, &absolute, &|_| Ok(before == Some(content)))
}

fn read_all(putter: &mut Putter<'_>, input: &mut dyn Read, monitor: &dyn Monitor) -> Result<(Option<Id>, u64)> {
    let mut object = putter.object(Kind::Blob);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        if monitor.is_cancelled() {
            return fail(Code::SystemError, "interrupted: no snapshot was made");
        }
        match input.read(&mut piece) {
            // Who writes into a pipe may have been stopped by the same signal: the end is then no end.
            Ok(0) if monitor.is_cancelled() => {}
            Ok(0) => break,
            Ok(len) => {
                object.write(&piece[..len])?;
                monitor.event(&Event::Advance { items: 0, bytes: len as u64 });
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).at("read", "the input"),
        }
    }
    let put = object.finish()?;
    Ok(((put.len > 0).then_some(put.id), put.len))
}

/// The file and the directories that lead to it, as if this process had made them now.
fn put_trees(putter: &mut Putter<'_>, parts: &[&[u8]], content: Option<Id>, size: u64) -> Result<Id> {
    let owners = Owners::default();
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let mut meta = Meta { mode: 0o600, uid, gid, mtime: clock::now(), ..Meta::default() };
    (meta.owner, meta.group) = (owners.user(uid), owners.group(gid));
    let mut tree = content;
    let mut summary = None;
    for part in parts.iter().rev() {
        let is_file = summary.is_none();
        let mut entry = Entry::new(*part, if is_file { EntryKind::File } else { EntryKind::Directory });
        meta.mode = if is_file { 0o600 } else { 0o700 };
        (entry.content, entry.summary, entry.meta) = (tree, summary, Some(meta.clone()));
        entry.size = if is_file { size } else { 0 };
        let mut writer = TreeWriter::new(Profile::Full);
        writer.push(&entry)?;
        summary = Some(Summary { files: 1, bytes: size });
        tree = Some(putter.put(Kind::Tree, writer.bytes())?.id);
    }
    tree.map_or_else(|| fail(Code::SystemError, "a stream without a tree"), Ok)
}
