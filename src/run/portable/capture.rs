//! What a run left: declared outputs read, hashed, stored, and given the modes that a hit would give them.

use super::worktree::{Spot, join, name, parent};
use super::{DEPTH_MAX, ENTRIES_MAX, ResultEntry, ResultKind, ResultTree, WorkTree, encode};
use crate::error::{Code, IoContext, Result, fail};
use crate::id::Id;
use crate::object::{Hasher, Kind, hash};
use crate::record::Loss;
use crate::repo::{ObjectWriter, Putter};
use crate::run::pattern::{Pattern, is_hidden};
use crate::tree::EntryKind;
use crate::walk::{Listing, Scratch, Stat, data_extents, link_target, open_dir, open_file, stat_at, stat_fd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, fchmod, openat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Files up to this size are read whole; longer ones so much at a time.
const READ_BYTES: usize = 1 << 20;

/// What may be in a result.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaptureOptions {
    /// Links may lead out of the project.
    pub external_links: bool,
    /// Files keep their modes; the result is the same.
    pub keep_modes: bool,
}

/// The declared outputs of a run.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The result.
    pub tree: ResultTree,
    /// How each of its entries looks now, in their order: after its mode was set.
    pub stats: Vec<Stat>,
    /// Declared paths at which there is nothing.
    pub missing: Vec<Vec<u8>>,
    /// The text of declared globs that match nothing.
    pub unmatched: Vec<Vec<u8>>,
    /// What the result does not say of a path, such as `mode 0600` or `hard link`.
    pub loss: Vec<Loss>,
    /// Paths that cannot be in a result, and why: with one of them the result must not be recorded as a success.
    pub refused: Vec<(Vec<u8>, String)>,
    /// Whether a file or link holds the root's path, so that the result is good only where it was made.
    pub holds_root_path: bool,
}

/// Reads the declared outputs of a task, stores them through `putter`, or only hashes them without one. Files and
/// directories get the modes that placing them would give.
///
/// # Errors
/// FILE_IO and its kin when an output cannot be read; RESOURCE_EXHAUSTED when there are too many; what storing answers.
pub fn capture(
    putter: Option<&mut Putter<'_>>,
    tree: &WorkTree,
    outputs: &[Pattern],
    options: &CaptureOptions,
) -> Result<Captured> {
    let mut capturer = Capturer {
        tree,
        putter,
        options,
        buffer: Vec::new(),
        scratch: Scratch::default(),
        found: Vec::new(),
        seen: HashSet::new(),
        has_many: outputs.len() > 1,
        loss: Vec::new(),
        refused: Vec::new(),
        holds_root_path: false,
    };
    let (mut missing, mut unmatched) = (Vec::new(), Vec::new());
    for output in outputs {
        match output.as_path() {
            Some(path) if !capturer.literal(path)? => missing.push(path.to_vec()),
            None if !capturer.pattern(output)? => unmatched.push(output.text()),
            _ => {}
        }
    }
    capturer.finish(missing, unmatched)
}

struct Capturer<'c, 'w> {
    tree: &'c WorkTree,
    putter: Option<&'c mut Putter<'w>>,
    options: &'c CaptureOptions,
    buffer: Vec<u8>,
    scratch: Scratch,
    found: Vec<(ResultEntry, Stat)>,
    /// Paths that were met, where several patterns may meet one.
    seen: HashSet<Vec<u8>>,
    has_many: bool,
    loss: Vec<Loss>,
    refused: Vec<(Vec<u8>, String)>,
    holds_root_path: bool,
}

/// Where the content of a file goes.
enum Sink<'p, 'w> {
    Store(ObjectWriter<'p, 'w>),
    Hash(Box<Hasher>),
}

impl Capturer<'_, '_> {
    /// A declared path with all that is beneath it. False if there is nothing.
    fn literal(&mut self, path: &[u8]) -> Result<bool> {
        if path.is_empty() {
            return self.everything().map(|()| true);
        }
        let spot = Spot { path, anchor: parent(path).len() };
        let above = match self.tree.open_parent(spot) {
            Ok(above) => above,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
            Err(error @ (Errno::XDEV | Errno::LOOP)) => {
                self.refuse(path, self.tree.failed("open", parent(path), error).to_string());
                return Ok(true);
            }
            Err(error) => return Err(self.tree.failed("open", parent(path), error)),
        };
        match stat_at(&above, spot.name()) {
            Ok(stat) => self.take(above.as_fd(), path, stat, 0).map(|()| true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.tree.failed("look at", path, error)),
        }
    }

    /// The whole project, but larder's own and git's.
    fn everything(&mut self) -> Result<()> {
        let failed = |error| self.tree.failed("list", b"", error);
        let dir = self.tree.open_dir(b"", 0, OFlags::RDONLY).map_err(failed)?;
        let listing = Listing::read(&dir, &mut self.scratch).map_err(failed)?;
        for name in (0..listing.len()).map(|index| listing.name(index)).filter(|name| !is_hidden(name)) {
            let stat = stat_at(&dir, name).map_err(|error| self.tree.failed("look at", name, error))?;
            self.take(dir.as_fd(), name, stat, 0)?;
        }
        Ok(())
    }

    /// Everything that a pattern matches. False if that is nothing.
    fn pattern(&mut self, output: &Pattern) -> Result<bool> {
        let base = output.literal_prefix();
        let dir = match self.tree.open_dir(base, base.len(), OFlags::RDONLY) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
            Err(error @ (Errno::XDEV | Errno::LOOP)) => {
                self.refuse(base, self.tree.failed("open", base, error).to_string());
                return Ok(true);
            }
            Err(error) => return Err(self.tree.failed("open", base, error)),
        };
        self.matching(output, &dir, base, 0)
    }

    fn matching(&mut self, output: &Pattern, dir: &OwnedFd, path: &[u8], depth: usize) -> Result<bool> {
        self.check_depth(path, depth)?;
        let listing = Listing::read(dir, &mut self.scratch).map_err(|error| self.tree.failed("list", path, error))?;
        let mut matched = false;
        for index in 0..listing.len() {
            let name = listing.name(index);
            let inner = join(path, name);
            if is_hidden(name) {
                continue;
            }
            if output.matches(&inner) {
                matched = true;
                let stat = stat_at(dir, name).map_err(|error| self.tree.failed("look at", &inner, error))?;
                self.take(dir.as_fd(), &inner, stat, depth + 1)?;
            } else if listing.is_dir_hint(index) != Some(false) && output.may_match_beneath(&inner) {
                match open_dir(dir, name, false) {
                    Ok(dir) => matched |= self.matching(output, &dir, &inner, depth + 1)?,
                    Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT) => {}
                    Err(error) => return Err(self.tree.failed("open", &inner, error)),
                }
            }
        }
        Ok(matched)
    }

    /// Takes what stands under a name in a directory, with all that is beneath it.
    fn take(&mut self, above: BorrowedFd<'_>, path: &[u8], stat: Stat, depth: usize) -> Result<()> {
        if self.has_many && !self.seen.insert(path.to_vec()) {
            return Ok(());
        }
        if self.found.len() >= ENTRIES_MAX {
            let message = format!("a result may have {ENTRIES_MAX} files; there are more at {}", path.escape_ascii());
            return fail(Code::ResourceExhausted, message);
        }
        match stat.kind {
            EntryKind::File => self.file(above, path, stat),
            EntryKind::Directory => self.directory(above, path, stat, depth),
            EntryKind::Symlink => self.link(above, path, stat),
            kind => {
                self.refuse(path, format!("a {} cannot be stored", kind.name()));
                Ok(())
            }
        }
    }

    fn directory(&mut self, above: BorrowedFd<'_>, path: &[u8], stat: Stat, depth: usize) -> Result<()> {
        self.check_depth(path, depth)?;
        let failed = |error| self.tree.failed("open", path, error);
        let dir = match open_dir(above, name(path), false) {
            Err(Errno::ACCESS) => {
                allow(above, name(path), 0o700).and_then(|()| open_dir(above, name(path), false)).map_err(failed)?
            }
            opened => opened.map_err(failed)?,
        };
        let plain = self.tree.mode(true);
        if stat.mode & 0o777 != plain && !self.options.keep_modes {
            if stat.mode & 0o777 != 0o755 {
                self.lose(path, format!("mode {:04o}", stat.mode & 0o777));
            }
            // Inherited bits such as set-group-id say how the place works, not what is in it.
            let _ = fchmod(&dir, Mode::from_raw_mode(stat.mode & 0o7000 | plain));
        }
        let listing = Listing::read(&dir, &mut self.scratch).map_err(|error| self.tree.failed("list", path, error))?;
        let mut is_empty = true;
        for index in 0..listing.len() {
            let name = listing.name(index);
            is_empty = false;
            let inner = join(path, name);
            if is_hidden(name) {
                self.refuse(&inner, "`.git` and `.larder` are never part of a result".to_string());
                continue;
            }
            let stat = stat_at(&dir, name).map_err(|error| self.tree.failed("look at", &inner, error))?;
            self.take(dir.as_fd(), &inner, stat, depth + 1)?;
        }
        if is_empty {
            let stat = stat_fd(&dir).map_err(|error| self.tree.failed("look at", path, error))?;
            self.found.push((ResultEntry { path: path.to_vec(), kind: ResultKind::Directory }, stat));
        }
        Ok(())
    }

    fn link(&mut self, above: BorrowedFd<'_>, path: &[u8], stat: Stat) -> Result<()> {
        let text = link_target(above, name(path)).map_err(|error| self.tree.failed("read the link", path, error))?;
        self.holds_root_path |= self.tree.is_held_by(&text);
        // By the root's path it says where it leads as if it began there.
        let leads_out = match self.tree.beneath(&text) {
            Some(inner) => leaves(b"", inner),
            None => leaves(path, &text),
        };
        if leads_out && !self.options.external_links {
            let text = text.escape_ascii();
            self.refuse(path, format!("the link leads out of the project, to {text}; `external-links` allows it"));
            return Ok(());
        }
        self.found.push((ResultEntry { path: path.to_vec(), kind: ResultKind::Symlink(text) }, stat));
        Ok(())
    }

    fn file(&mut self, above: BorrowedFd<'_>, path: &[u8], stat: Stat) -> Result<()> {
        if stat.mode & 0o6000 != 0 {
            self.refuse(path, format!("a file that runs as its owner (mode {:04o}) cannot be stored", stat.mode));
            return Ok(());
        }
        if stat.nlink > 1 {
            self.lose(path, "hard link".to_string());
        }
        if !self.tree.is_plain(stat.mode) {
            self.lose(path, format!("mode {:04o}", stat.mode));
        }
        let executable = stat.mode & 0o100 != 0;
        let name = name(path);
        let failed = |error| self.tree.failed("read", path, error);
        let file = match open_file(above, name, false) {
            Err(Errno::ACCESS) => {
                allow(above, name, 0o600).and_then(|()| open_file(above, name, false)).map_err(failed)?
            }
            opened => opened.map_err(failed)?,
        };
        let wanted = self.tree.mode(executable);
        let mut stat = stat;
        if stat.mode != wanted {
            // Its other names may be the user's; a file of somebody else's stays as it is.
            if stat.nlink == 1 && !self.options.keep_modes {
                let _ = fchmod(&file, Mode::from_raw_mode(wanted));
            }
            stat = stat_fd(&file).map_err(failed)?;
        }
        let (content, stat) = self.read(path, &file, stat)?;
        self.found.push((
            ResultEntry { path: path.to_vec(), kind: ResultKind::File { content, size: stat.size, executable } },
            stat,
        ));
        Ok(())
    }

    /// The id of a file's content, and how the file looked when it was read. One that changes is read once more.
    fn read(&mut self, path: &[u8], file: &OwnedFd, mut stat: Stat) -> Result<(Id, Stat)> {
        for _ in 0..2 {
            let (content, len) = self.read_once(path, file, &stat)?;
            let after = stat_fd(file).map_err(|error| self.tree.failed("look at", path, error))?;
            if after.is_same_as(&stat) && len == stat.size {
                return Ok((content, after));
            }
            stat = after;
        }
        fail(Code::FileIo, format!("{} changes while it is read: who writes to it?", self.tree.on_disk(path).display()))
    }

    fn read_once(&mut self, path: &[u8], file: &OwnedFd, stat: &Stat) -> Result<(Id, u64)> {
        if stat.size <= READ_BYTES as u64 && !stat.may_be_sparse() {
            return self.read_whole(path, file, stat.size);
        }
        self.read_in_pieces(path, file, stat)
    }

    fn read_whole(&mut self, path: &[u8], file: &OwnedFd, size: u64) -> Result<(Id, u64)> {
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.len() < size as usize + 1 {
            buffer.resize(size as usize + 1, 0);
        }
        let read = fill(file, &mut buffer[..size as usize + 1], 0);
        let len = read.at("read", self.tree.on_disk(path))?;
        let bytes = &buffer[..len];
        self.holds_root_path |= self.tree.is_held_by(bytes);
        let content = match &mut self.putter {
            Some(putter) => putter.put(Kind::Blob, bytes)?.id,
            None => hash(bytes),
        };
        self.buffer = buffer;
        Ok((content, len as u64))
    }

    fn read_in_pieces(&mut self, path: &[u8], file: &OwnedFd, stat: &Stat) -> Result<(Id, u64)> {
        let extents = match stat.may_be_sparse() {
            true => data_extents(file, stat.size).at("read", self.tree.on_disk(path))?,
            false => None,
        };
        // The end of one piece stands before the next, so that a root's path across both is found.
        let overlap = self.tree.overlap();
        let mut buffer = vec![0; overlap + READ_BYTES];
        let mut sink = match &mut self.putter {
            Some(putter) => Sink::Store(putter.object(Kind::Blob)),
            None => Sink::Hash(Box::default()),
        };
        let mut at = 0;
        for (start, len) in extents.as_deref().unwrap_or(&[(0, stat.size)]) {
            sink.hole(start - at)?;
            at = *start;
            let mut kept = 0;
            while at < start + len {
                let wanted = (start + len - at).min(READ_BYTES as u64) as usize;
                let read = fill(file, &mut buffer[kept..kept + wanted], at).at("read", self.tree.on_disk(path))?;
                sink.write(&buffer[kept..kept + read])?;
                self.holds_root_path |= self.tree.is_held_by(&buffer[..kept + read]);
                at += read as u64;
                if read < wanted {
                    return Ok((sink.finish()?, at));
                }
                let held = overlap.min(kept + read);
                buffer.copy_within(kept + read - held..kept + read, 0);
                kept = held;
            }
        }
        sink.hole(stat.size - at)?;
        Ok((sink.finish()?, stat.size))
    }

    fn check_depth(&self, path: &[u8], depth: usize) -> Result<()> {
        if depth >= DEPTH_MAX {
            let message = format!("directories are nested more than {DEPTH_MAX} deep at {}", path.escape_ascii());
            return fail(Code::ResourceExhausted, message);
        }
        Ok(())
    }

    fn lose(&mut self, path: &[u8], what: String) {
        self.loss.push(Loss { path: path.to_vec(), what });
    }

    fn refuse(&mut self, path: &[u8], why: String) {
        self.refused.push((path.to_vec(), why));
    }

    fn finish(mut self, missing: Vec<Vec<u8>>, unmatched: Vec<Vec<u8>>) -> Result<Captured> {
        self.found.sort_unstable_by(|a, b| a.0.path.cmp(&b.0.path));
        let (mut entries, mut stats) = (Vec::with_capacity(self.found.len()), Vec::with_capacity(self.found.len()));
        for (entry, stat) in self.found {
            entries.push(entry);
            stats.push(stat);
        }
        let id = match &mut self.putter {
            Some(putter) => encode(&entries, &mut |bytes| Ok(putter.put(Kind::Tree, bytes)?.id))?,
            None => encode(&entries, &mut |bytes| Ok(hash(bytes)))?,
        };
        Ok(Captured {
            tree: ResultTree { id, entries },
            stats,
            missing,
            unmatched,
            loss: self.loss,
            refused: self.refused,
            holds_root_path: self.holds_root_path,
        })
    }
}

impl Sink<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Sink::Store(object) => object.write(bytes),
            Sink::Hash(hasher) => {
                hasher.update(bytes);
                Ok(())
            }
        }
    }

    fn hole(&mut self, len: u64) -> Result<()> {
        match self {
            Sink::Store(object) if len > 0 => object.hole(len),
            Sink::Store(_) => Ok(()),
            Sink::Hash(hasher) => {
                let zeros = [0; 4096];
                let mut rest = len;
                while rest > 0 {
                    let part = rest.min(zeros.len() as u64);
                    hasher.update(&zeros[..part as usize]);
                    rest -= part;
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Id> {
        match self {
            Sink::Store(object) => Ok(object.finish()?.id),
            Sink::Hash(hasher) => Ok(hasher.finish()),
        }
    }
}

/// Whether a link at a path of the project leads out of it, by its text.
fn leaves(path: &[u8], text: &[u8]) -> bool {
    if text.starts_with(b"/") {
        return true;
    }
    let mut depth = path.iter().filter(|byte| **byte == b'/').count();
    for part in text.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

/// Gives the owner of a file or directory these permissions, and never that of a link which took its place.
pub(in crate::run) fn allow(above: BorrowedFd<'_>, name: &[u8], mode: u32) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let there = openat(above, name, flags, Mode::empty())?;
    if !matches!(stat_fd(&there)?.kind, EntryKind::File | EntryKind::Directory) {
        return Err(Errno::ACCESS);
    }
    // What is only reached cannot be changed by its handle, but by the name that the system has for that.
    let path = format!("/proc/self/fd/{}", there.as_raw_fd());
    chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match rustix::io::pread(file, &mut buffer[len..], offset + len as u64) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(len)
}
