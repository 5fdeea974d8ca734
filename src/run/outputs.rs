//! Declared outputs on disk: cleared away before a run, moved away after a failure, removed on request.
//!
//! Part of floor 5's `run`; RUN section 4. Nothing of the user's is lost: what larder did not make is never removed but
//! moved to `.larder/displaced/N/`, under its own path, where N is new for each run. What a failed task left is moved to
//! `.larder/failed/TASK/`. Only files and links count as made by somebody; directories go when nothing is left in them.

mod started;
#[cfg(test)]
mod tests;

pub use started::Started;

use super::pattern::{Pattern, is_hidden};
use super::portable::{DEPTH_MAX, ResultKind, ResultTree, Spot, WorkTree, allow, join, parent};
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::tree::EntryKind;
use crate::walk::{Listing, Scratch, open_dir, stat_at};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, mkdirat, openat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where larder's own files are in a project.
pub(super) const PRIVATE: &str = ".larder";
/// What was in the way of outputs.
const DISPLACED: &str = "displaced";
/// What failed tasks left.
const FAILED: &str = "failed";
/// A task's directory below `failed` has at most so many bytes of its name.
const TASK_BYTES_MAX: usize = 200;
/// A number for what is displaced is looked for so often.
const NUMBERS_MAX: u64 = 1_000_000;

/// Whether larder made the file or link at a path: it is of a result that the state beside the project knows, and nobody
/// changed it since.
pub type Made<'a> = dyn Fn(&[u8]) -> bool + Sync + 'a;

/// Makes way for outputs in one project, for as long as one invocation lasts.
pub struct Clearing<'a> {
    tree: &'a WorkTree,
    made: &'a Made<'a>,
    started: Option<&'a Started>,
    displaced: Mutex<Displacing>,
}

/// What was moved out of the way of outputs because larder had not made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Displaced {
    /// Files, links and whole directories that were moved.
    pub count: u64,
    /// Where to.
    pub dir: PathBuf,
    /// The first of them, relative to the project's root.
    pub first: Vec<u8>,
}

#[derive(Default)]
struct Displacing {
    told: Displaced,
    dir: Option<OwnedFd>,
}

/// What [`Clearing::clean`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Files and links that were removed, or would be.
    pub removed: Vec<Vec<u8>>,
    /// Outputs that larder did not make and left alone.
    pub foreign: Vec<Vec<u8>>,
}

/// What becomes of what is in the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Displace,
    Leave,
    /// Nothing is touched: what would become of all is only told.
    Tell,
}

impl<'a> Clearing<'a> {
    /// Begins. Nothing is written before something has to be moved. `started` remembers whose outputs are being made, in
    /// case this process is killed.
    pub fn new(tree: &'a WorkTree, made: &'a Made<'a>, started: Option<&'a Started>) -> Self {
        Clearing { tree, made, started, displaced: Mutex::default() }
    }

    /// The project's files.
    pub fn tree(&self) -> &'a WorkTree {
        self.tree
    }

    /// What was moved out of the way so far.
    pub fn displaced(&self) -> Displaced {
        self.displaced.lock().unwrap_or_else(PoisonError::into_inner).told.clone()
    }

    /// Before an attempt: removes the declared outputs, unless they are kept, and makes the directories they go to.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED, STORAGE_FULL.
    pub fn prepare(&self, outputs: &[Pattern], keep: bool) -> Result<()> {
        for output in outputs.iter().filter(|_| !keep) {
            self.each_top(output, &mut |spot| self.clear(spot))?;
        }
        // What is kept may hold what the user put there.
        if !keep {
            self.note(outputs)?;
        }
        for output in outputs {
            let (dir, anchor) = match output.as_path() {
                Some(path) => (parent(path), parent(path).len()),
                None => (output.literal_prefix(), output.literal_prefix().len()),
            };
            if !dir.is_empty() {
                self.tree.make_dir(dir, anchor, &|spot| self.clear(spot))?;
            }
        }
        Ok(())
    }

    /// After an attempt that did not succeed: moves what it left of its outputs to `.larder/failed/TASK/`, in place of
    /// what an earlier one left there. Answers how many outputs there were.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED, STORAGE_FULL.
    pub fn fail(&self, task: &str, outputs: &[Pattern]) -> Result<u64> {
        let path = self.tree.path().join(PRIVATE).join(FAILED).join(OsStr::from_bytes(&task_name(task)));
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).at("remove", &path),
            _ => {}
        }
        let (mut dir, mut moved) = (None, 0);
        for output in outputs {
            self.each_top(output, &mut |spot| {
                let dir = match &dir {
                    Some(dir) => dir,
                    None => dir.insert(open_private(&path)?),
                };
                moved += 1;
                match self.move_to(dir, &path, spot) {
                    // Half an output is worth less than the room it takes elsewhere.
                    Err(Moved::Elsewhere) => self.remove_all(spot),
                    Err(Moved::Failed(error)) => Err(error),
                    Ok(()) => Ok(()),
                }
            })?;
        }
        self.forget(outputs)?;
        Ok(moved)
    }

    /// Removes the declared outputs that larder made, and directories that are empty then. With `dry_run` it only tells
    /// what it would remove.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED.
    pub fn clean(&self, outputs: &[Pattern], dry_run: bool) -> Result<Cleaned> {
        let foreign = if dry_run { Foreign::Tell } else { Foreign::Leave };
        let mut cleaned = Cleaned::default();
        for output in outputs {
            self.each_top(output, &mut |spot| {
                let is_gone = self.remove(spot, foreign, &mut cleaned)?;
                if is_gone && !dry_run {
                    self.remove_empty_above(spot);
                }
                Ok(())
            })?;
        }
        Ok(cleaned)
    }

    /// Remembers that whatever comes to stand at these outputs from now on is larder's.
    pub(super) fn note(&self, outputs: &[Pattern]) -> Result<()> {
        self.started.map_or(Ok(()), |started| started.note(outputs))
    }

    /// Forgets that these outputs are being made: the state knows what stands there, or nothing of larder's does.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL.
    pub fn forget<'p>(&self, outputs: impl IntoIterator<Item = &'p Pattern>) -> Result<()> {
        self.started.map_or(Ok(()), |started| started.forget(outputs))
    }

    /// Whether a file or link at a path is larder's own.
    pub(super) fn is_made(&self, path: &[u8]) -> bool {
        (self.made)(path) || self.started.is_some_and(|started| started.was(path))
    }

    /// Makes way: what larder made is removed, anything else moved.
    pub(super) fn clear(&self, spot: Spot<'_>) -> Result<()> {
        self.remove(spot, Foreign::Displace, &mut Cleaned::default()).map(|_| ())
    }

    /// What stands where a result has nothing, at or beneath its declared outputs.
    pub(super) fn surplus(&self, outputs: &[Pattern], result: &ResultTree) -> Result<Vec<(Vec<u8>, usize)>> {
        let mut surplus = Vec::new();
        for output in outputs {
            // A declared file that is in the result has nothing beneath it.
            if output.as_path().is_some_and(|path| result.find(path).is_some() && !is_directory(result, path)) {
                continue;
            }
            self.each_top(output, &mut |spot| self.gather_surplus(spot, result, &mut surplus, 0))?;
        }
        Ok(surplus)
    }

    fn gather_surplus(
        &self,
        spot: Spot<'_>,
        result: &ResultTree,
        surplus: &mut Vec<(Vec<u8>, usize)>,
        depth: usize,
    ) -> Result<()> {
        let is_there = result.find(spot.path).is_some();
        if is_there && !is_directory(result, spot.path) {
            return Ok(());
        }
        if !is_there && result.beneath(spot.path).is_empty() {
            surplus.push((spot.path.to_vec(), spot.anchor));
            return Ok(());
        }
        check_depth(spot.path, depth)?;
        let dir = match self.tree.open_dir(spot.path, spot.anchor, OFlags::RDONLY) {
            Ok(dir) => dir,
            // Something else stands there; it is dealt with when the directory is made.
            Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT) => return Ok(()),
            Err(error) => return Err(self.tree.failed("open", spot.path, error)),
        };
        let listing = self.list(&dir, spot.path)?;
        for index in 0..listing.len() {
            let path = join(spot.path, listing.name(index));
            self.gather_surplus(Spot { path: &path, anchor: spot.anchor }, result, surplus, depth + 1)?;
        }
        Ok(())
    }

    /// Calls `each` with the declared path, if something stands there, or with every path that matches and does not lie
    /// beneath another that does.
    fn each_top(&self, output: &Pattern, each: &mut dyn FnMut(Spot<'_>) -> Result<()>) -> Result<()> {
        if let Some(path) = output.as_path() {
            let spot = Spot { path, anchor: parent(path).len() };
            return match self.tree.open_parent(spot) {
                Ok(above) => match stat_at(&above, spot.name()) {
                    Ok(_) => each(spot),
                    Err(Errno::NOENT) => Ok(()),
                    Err(error) => Err(self.tree.failed("look at", path, error)),
                },
                Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
                Err(error) => Err(self.tree.failed("open", spot.dir(), error)),
            };
        }
        let base = output.literal_prefix();
        match self.tree.open_dir(base, base.len(), OFlags::RDONLY) {
            Ok(dir) => self.each_match(output, &dir, Spot { path: base, anchor: base.len() }, each, 0),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(error) => Err(self.tree.failed("open", base, error)),
        }
    }

    fn each_match(
        &self,
        output: &Pattern,
        dir: &OwnedFd,
        at: Spot<'_>,
        each: &mut dyn FnMut(Spot<'_>) -> Result<()>,
        depth: usize,
    ) -> Result<()> {
        check_depth(at.path, depth)?;
        let listing = self.list(dir, at.path)?;
        for index in 0..listing.len() {
            let name = listing.name(index);
            let path = join(at.path, name);
            if is_hidden(name) {
                continue;
            }
            if output.matches(&path) {
                each(Spot { path: &path, anchor: at.anchor })?;
            } else if listing.is_dir_hint(index) != Some(false) && output.may_match_beneath(&path) {
                match open_dir(dir, name, false) {
                    Ok(dir) => {
                        self.each_match(output, &dir, Spot { path: &path, anchor: at.anchor }, each, depth + 1)?
                    }
                    Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT) => {}
                    Err(error) => return Err(self.tree.failed("open", &path, error)),
                }
            }
        }
        Ok(())
    }

    fn list(&self, dir: &OwnedFd, path: &[u8]) -> Result<Listing> {
        Listing::read(dir, &mut Scratch::default()).map_err(|error| self.tree.failed("list", path, error))
    }

    /// Removes what is larder's at and beneath a path; answers whether nothing is left.
    fn remove(&self, spot: Spot<'_>, foreign: Foreign, cleaned: &mut Cleaned) -> Result<bool> {
        let above = match self.tree.open_parent(spot) {
            Ok(above) => above,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(true),
            Err(error) => return Err(self.tree.failed("open", spot.dir(), error)),
        };
        self.remove_in(above.as_fd(), spot, foreign, cleaned, 0)
    }

    fn remove_in(
        &self,
        above: BorrowedFd<'_>,
        spot: Spot<'_>,
        foreign: Foreign,
        cleaned: &mut Cleaned,
        depth: usize,
    ) -> Result<bool> {
        check_depth(spot.path, depth)?;
        let failed = |error| self.tree.failed("remove", spot.path, error);
        let kind = match stat_at(above, spot.name()) {
            Ok(stat) => stat.kind,
            Err(Errno::NOENT) => return Ok(true),
            Err(error) => return Err(self.tree.failed("look at", spot.path, error)),
        };
        if kind != EntryKind::Directory {
            if self.is_made(spot.path) {
                if foreign != Foreign::Displace {
                    cleaned.removed.push(spot.path.to_vec());
                }
                if foreign == Foreign::Tell {
                    return Ok(true);
                }
                return unlinkat(above, spot.name(), AtFlags::empty()).map(|()| true).map_err(failed);
            }
            return self.deal(spot, foreign, cleaned);
        }
        let dir = open_dir(above, spot.name(), false).map_err(|error| self.tree.failed("open", spot.path, error))?;
        let listing = self.list(&dir, spot.path)?;
        // What is the user's as a whole is moved as a whole.
        if foreign == Foreign::Displace && !listing.is_empty() && !self.holds_made(&dir, spot.path, depth)? {
            return self.deal(spot, foreign, cleaned);
        }
        let mut is_empty = true;
        for index in 0..listing.len() {
            let path = join(spot.path, listing.name(index));
            let inner = Spot { path: &path, anchor: spot.anchor };
            is_empty &= self.remove_in(dir.as_fd(), inner, foreign, cleaned, depth + 1)?;
        }
        if is_empty && foreign != Foreign::Tell {
            match unlinkat(above, spot.name(), AtFlags::REMOVEDIR) {
                // A mount point is empty now and stays.
                Ok(()) | Err(Errno::NOENT | Errno::BUSY) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(is_empty)
    }

    /// What becomes of something that larder did not make.
    fn deal(&self, spot: Spot<'_>, foreign: Foreign, cleaned: &mut Cleaned) -> Result<bool> {
        match foreign {
            Foreign::Displace => self.displace(spot).map(|()| true),
            Foreign::Leave | Foreign::Tell => {
                cleaned.foreign.push(spot.path.to_vec());
                Ok(false)
            }
        }
    }

    /// Whether larder made any file in a directory or beneath it, or there is none but empty directories.
    fn holds_made(&self, dir: &OwnedFd, path: &[u8], depth: usize) -> Result<bool> {
        check_depth(path, depth)?;
        let listing = self.list(dir, path)?;
        let mut has_files = false;
        for index in 0..listing.len() {
            let (name, inner) = (listing.name(index), join(path, listing.name(index)));
            let is_dir = match listing.is_dir_hint(index) {
                Some(is_dir) => is_dir,
                None => stat_at(dir, name).is_ok_and(|stat| stat.kind == EntryKind::Directory),
            };
            if is_dir {
                let Ok(dir) = open_dir(dir, name, false) else { continue };
                if self.holds_made(&dir, &inner, depth + 1)? {
                    return Ok(true);
                }
            } else if self.is_made(&inner) {
                return Ok(true);
            }
            has_files = true;
        }
        Ok(!has_files)
    }

    /// Moves what larder did not make out of the way.
    fn displace(&self, spot: Spot<'_>) -> Result<()> {
        let mut displaced = self.displaced.lock().unwrap_or_else(PoisonError::into_inner);
        if displaced.dir.is_none() {
            (displaced.told.dir, displaced.dir) = {
                let (path, dir) = self.new_displaced()?;
                (path, Some(dir))
            };
            displaced.told.first = spot.path.to_vec();
        }
        let Displacing { told, dir: Some(dir) } = &mut *displaced else { return Ok(()) };
        match self.move_to(dir, &told.dir, spot) {
            Ok(()) => {
                told.count += 1;
                Ok(())
            }
            Err(Moved::Failed(error)) => Err(error),
            Err(Moved::Elsewhere) => {
                let at = self.tree.on_disk(spot.path);
                let message = format!("{} is in the way of an output and on another file system", at.display());
                Err(Error::new(Code::PermissionDenied, message)
                    .with_hint(format!("larder did not make it; move it away: mv {} ...", at.display())))
            }
        }
    }

    /// A directory for what this invocation displaces: the first number that is free.
    fn new_displaced(&self) -> Result<(PathBuf, OwnedFd)> {
        let above = self.tree.path().join(PRIVATE).join(DISPLACED);
        fs::create_dir_all(&above).at("create the directory", &above)?;
        let taken = fs::read_dir(&above).at("list", &above)?.flatten();
        let last = taken.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok()).max().unwrap_or(0);
        for number in last + 1..last + NUMBERS_MAX {
            let path = above.join(number.to_string());
            match fs::create_dir(&path) {
                Ok(()) => return Ok((path.clone(), open_private(&path)?)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).at("create the directory", &path),
            }
        }
        fail(Code::FileIo, format!("{} has no room for another number", above.display()))
    }

    /// Moves what stands at a path to the same path below another directory.
    fn move_to(&self, dir: &OwnedFd, dir_path: &Path, spot: Spot<'_>) -> std::result::Result<(), Moved> {
        let above = self.tree.open_parent(spot).map_err(|error| self.tree.failed("open", spot.dir(), error))?;
        let to = || dir_path.join(OsStr::from_bytes(spot.path));
        let below = make_below(dir.as_fd(), spot.dir()).at("create the directory for", to())?;
        let below = below.as_ref().map_or(dir.as_fd(), AsFd::as_fd);
        let mut name = spot.name().to_vec();
        let mut is_allowed = false;
        for number in 1..NUMBERS_MAX {
            match rename_new(&above, spot.name(), below, &name) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::XDEV | Errno::BUSY) => return Err(Moved::Elsewhere),
                // A directory moves only if what is above it can be written into it.
                Err(Errno::ACCESS | Errno::PERM) if !is_allowed => {
                    is_allowed = true;
                    let is_dir = stat_at(&above, spot.name()).is_ok_and(|stat| stat.kind == EntryKind::Directory);
                    if is_dir {
                        let _ = allow(above.as_fd(), spot.name(), 0o700);
                    }
                }
                // Displaced before: it gets a number, as `cp --backup` gives.
                Err(Errno::EXIST | Errno::NOTEMPTY) => {
                    name = [spot.name(), format!(".~{number}~").as_bytes()].concat();
                }
                Err(error) => return Err(Moved::Failed(self.tree.failed("move away", spot.path, error))),
            }
        }
        Err(Moved::Elsewhere)
    }

    /// Removes what a failed task left where it cannot be moved.
    fn remove_all(&self, spot: Spot<'_>) -> Result<()> {
        let all = |_: &[u8]| true;
        Clearing::new(self.tree, &all, None).clear(spot)
    }

    /// Removes directories above a path that have nothing in them, as far as the root.
    fn remove_empty_above(&self, spot: Spot<'_>) {
        let mut path = spot.dir();
        while !path.is_empty() {
            let dir = Spot { path, anchor: spot.anchor };
            let removed = self.tree.open_parent(dir).and_then(|above| unlinkat(above, dir.name(), AtFlags::REMOVEDIR));
            if removed.is_err() {
                break;
            }
            path = parent(path);
        }
    }
}

/// Why something was not moved.
enum Moved {
    Elsewhere,
    Failed(Error),
}

impl From<Error> for Moved {
    fn from(error: Error) -> Self {
        Moved::Failed(error)
    }
}

/// Renames to a name that is not taken.
fn rename_new(above: impl AsFd, name: &[u8], below: BorrowedFd<'_>, to: &[u8]) -> rustix::io::Result<()> {
    match renameat_with(&above, name, below, to, RenameFlags::NOREPLACE) {
        // File systems that cannot: the moment between looking and renaming is ours to lose.
        Err(Errno::INVAL | Errno::NOSYS) => match stat_at(below, to) {
            Err(Errno::NOENT) => renameat(&above, name, below, to),
            Err(error) => Err(error),
            Ok(_) => Err(Errno::EXIST),
        },
        other => other,
    }
}

fn is_directory(result: &ResultTree, path: &[u8]) -> bool {
    result.find(path).is_some_and(|entry| entry.kind == ResultKind::Directory)
}

fn check_depth(path: &[u8], depth: usize) -> Result<()> {
    if depth >= DEPTH_MAX {
        let message = format!("directories are nested more than {DEPTH_MAX} deep at {}", path.escape_ascii());
        return fail(Code::ResourceExhausted, message);
    }
    Ok(())
}

/// Makes a directory of larder's own in the project, and opens it.
fn open_private(path: &Path) -> Result<OwnedFd> {
    fs::create_dir_all(path).at("create the directory", path)?;
    openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).at("open", path)
}

/// Makes directories below a handle, following no link. `None` for the handle itself.
fn make_below(dir: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<Option<OwnedFd>> {
    let mut at: Option<OwnedFd> = None;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        let above = at.as_ref().map_or(dir, AsFd::as_fd);
        match mkdirat(above, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        at = Some(openat(above, name, flags, Mode::empty())?);
    }
    Ok(at)
}

/// A task's name as that of a directory: `/` and what cannot stand in a name escaped, cut where it is too long.
fn task_name(task: &str) -> Vec<u8> {
    let mut name = Vec::new();
    for (at, byte) in task.bytes().enumerate() {
        match byte {
            b'/' | b'%' | 0..=0x1f | 0x7f => name.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            b'.' if at == 0 => name.extend_from_slice(b"%2E"),
            _ => name.push(byte),
        }
    }
    if name.len() > TASK_BYTES_MAX {
        name.truncate(TASK_BYTES_MAX);
        let hex = crate::object::hash(task.as_bytes()).to_hex();
        name.extend_from_slice(format!("-{}", &hex[..16]).as_bytes());
    }
    name
}
