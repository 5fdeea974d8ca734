//! Diff: two stored trees, or a stored tree and a directory on disk.
//!
//! Floor 5. Both sides are walked together in order of names, and nothing is held but the directories on the way down.
//! Directories with equal tree ids are equal in everything, so they are skipped unread: two snapshots of millions of
//! files are compared in the time that their differences take.

mod disk;
#[cfg(test)]
mod tests;

pub use disk::diff_dir;

use crate::error::{Error, Result};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::repo::Repo;
use crate::stored::Entries;
use crate::tree::{Entry, EntryKind, Meta};
use disk::DiskDir;
use std::cmp::Ordering;

/// How an entry differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Only the second side has it.
    Added,
    /// Only the first side has it.
    Removed,
    /// The content of a file, the target of a symlink or the numbers of a device differ.
    Modified,
    /// Only metadata differs.
    Metadata,
    /// It became something else, such as a directory that was a file.
    Type,
}

impl Difference {
    /// The letter that stands for it: `+ - M U T`.
    pub fn letter(self) -> char {
        match self {
            Difference::Added => '+',
            Difference::Removed => '-',
            Difference::Modified => 'M',
            Difference::Metadata => 'U',
            Difference::Type => 'T',
        }
    }
}

/// What to compare.
#[derive(Clone, Debug, Default)]
pub struct DiffOptions {
    /// Also tell of entries of which only metadata differs.
    pub metadata: bool,
    /// Against a directory: read files even when size and time are equal.
    pub content: bool,
    /// Directories above these paths are known in part only: what they hold beside is not told as added. Empty: all
    /// is known.
    pub sources: Vec<Vec<u8>>,
}

/// One entry that differs.
#[derive(Clone, Copy, Debug)]
pub struct DiffItem<'a> {
    /// Its path in the stored tree, beginning with `/`.
    pub path: &'a [u8],
    /// How it differs.
    pub difference: Difference,
    /// The first side's.
    pub before: Option<&'a Entry>,
    /// The second side's; of a directory on disk it has no content ids.
    pub after: Option<&'a Entry>,
}

/// Receives what differs, in order of paths.
pub type Each<'a> = dyn FnMut(&DiffItem<'_>) -> Result<()> + 'a;

/// Counts of one kind of difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Everything else.
    pub others: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

impl Counts {
    fn add(&mut self, entry: &Entry) {
        match entry.kind {
            EntryKind::File => {
                self.files += 1;
                self.bytes += entry.size;
            }
            EntryKind::Directory => self.directories += 1,
            _ => self.others += 1,
        }
    }
}

/// What differs in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffStats {
    /// Only on the second side.
    pub added: Counts,
    /// Only on the first side.
    pub removed: Counts,
    /// Files with other content and so on; bytes are those of the second side.
    pub modified: Counts,
    /// Only metadata differs.
    pub metadata: Counts,
    /// Became something else.
    pub types: u64,
    /// Directories that were skipped unread because they are equal.
    pub equal_trees: u64,
    /// Entries that could not be read.
    pub errors: u64,
    /// Whether it was asked to stop before the end.
    pub cancelled: bool,
}

impl DiffStats {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let counted = [self.added, self.removed, self.modified, self.metadata];
        self.types == 0 && counted.iter().all(|counts| counts.files + counts.directories + counts.others == 0)
    }
}

/// Compares two entries of stored trees and, if both are directories, all beneath them. `path` is what their paths
/// begin with.
///
/// # Errors
/// What `each` answers. What cannot be read is told to the monitor.
pub fn diff_trees(
    repo: &Repo,
    before: &Entry,
    after: &Entry,
    path: &[u8],
    options: &DiffOptions,
    monitor: &dyn Monitor,
    each: &mut Each<'_>,
) -> Result<DiffStats> {
    let mut comparing = Comparing::new(repo, path, options, monitor, each);
    comparing.pair(Some(before), Some(&Seen::stored(after.clone())), None)?;
    comparing.run()
}

/// An entry of the second side.
struct Seen {
    entry: Entry,
    /// Why nothing more is known of it than its name.
    error: Option<Error>,
    is_on_disk: bool,
}

impl Seen {
    fn stored(entry: Entry) -> Self {
        Seen { entry, error: None, is_on_disk: false }
    }
}

/// A directory of the second side.
enum Right<'r> {
    Stored(Entries<'r>),
    Disk(DiskDir),
}

impl Right<'_> {
    fn next(&mut self) -> Result<Option<Seen>> {
        match self {
            Right::Stored(entries) => Ok(entries.next_entry()?.map(Seen::stored)),
            Right::Disk(dir) => Ok(dir.next()),
        }
    }
}

/// A directory that is being compared; one side may be absent.
struct Level<'r> {
    left: Option<Entries<'r>>,
    right: Option<Right<'r>>,
    next_left: Option<Entry>,
    next_right: Option<Seen>,
    path_bytes: usize,
    /// The first side knows it in part only.
    is_partial: bool,
}

struct Comparing<'a, 'r> {
    repo: &'r Repo,
    options: &'a DiffOptions,
    monitor: &'a dyn Monitor,
    each: &'a mut Each<'a>,
    levels: Vec<Level<'r>>,
    path: Vec<u8>,
    stats: DiffStats,
}

impl<'a, 'r> Comparing<'a, 'r> {
    fn new(
        repo: &'r Repo,
        path: &[u8],
        options: &'a DiffOptions,
        monitor: &'a dyn Monitor,
        each: &'a mut Each<'a>,
    ) -> Self {
        let path = path.strip_suffix(b"/").unwrap_or(path).to_vec();
        Comparing { repo, options, monitor, each, levels: Vec::new(), path, stats: DiffStats::default() }
    }

    fn run(mut self) -> Result<DiffStats> {
        while let Some(level) = self.levels.last_mut() {
            if self.monitor.is_cancelled() {
                self.stats.cancelled = true;
                break;
            }
            self.path.truncate(level.path_bytes);
            if let Err(error) = level.look() {
                // What else stands there is not known, so nothing more can be said of this directory.
                self.levels.pop();
                self.failed(&error);
                continue;
            }
            let order = match (&level.next_left, &level.next_right) {
                (None, None) => {
                    self.levels.pop();
                    continue;
                }
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(left), Some(right)) => left.name.cmp(&right.entry.name),
            };
            let left = if order.is_le() { level.next_left.take() } else { None };
            let right = if order.is_ge() { level.next_right.take() } else { None };
            let name = left.as_ref().or(right.as_ref().map(|right| &right.entry)).map(|entry| &entry.name);
            if let Some(name) = name {
                self.path.push(b'/');
                self.path.extend_from_slice(name);
            }
            if left.is_none() && level.is_partial {
                continue;
            }
            let above = self.levels.len() - 1;
            self.pair(left.as_ref(), right.as_ref(), Some(above))?;
        }
        Ok(self.stats)
    }

    /// Compares what stands under one name, and begins with what is beneath. `above` is the level that it stands in.
    fn pair(&mut self, left: Option<&Entry>, right: Option<&Seen>, above: Option<usize>) -> Result<()> {
        if let Some(error) = right.and_then(|right| right.error.as_ref()) {
            self.failed(error);
            return Ok(());
        }
        match (left, right) {
            (Some(left), Some(right)) if left.kind == right.entry.kind => {
                if left.is_directory() && !right.is_on_disk && left.content == right.entry.content {
                    self.stats.equal_trees += 1;
                    return self.compare_metadata(left, right);
                }
                match self.is_modified(left, right, above) {
                    Ok(true) => self.tell(Difference::Modified, Some(left), Some(&right.entry))?,
                    Ok(false) => self.compare_metadata(left, right)?,
                    Err(error) => self.failed(&error),
                }
            }
            (Some(left), Some(right)) => self.tell(Difference::Type, Some(left), Some(&right.entry))?,
            (Some(left), None) => self.tell(Difference::Removed, Some(left), None)?,
            (None, Some(right)) => self.tell(Difference::Added, None, Some(&right.entry))?,
            (None, None) => {}
        }
        self.enter(left, right, above);
        Ok(())
    }

    fn enter(&mut self, left: Option<&Entry>, right: Option<&Seen>, above: Option<usize>) {
        let left = left.and_then(|left| left.content.filter(|_| left.is_directory()));
        let right = match right.filter(|right| right.entry.is_directory()) {
            Some(right) if right.is_on_disk => match self.enter_disk(right, above) {
                Ok(dir) => dir.map(Right::Disk),
                Err(error) => return self.failed(&error),
            },
            Some(right) => right.entry.content.map(|tree| Right::Stored(Entries::new(self.repo, tree))),
            None => None,
        };
        if left.is_some() || right.is_some() {
            self.push(left, right);
        }
    }

    fn push(&mut self, left: Option<Id>, right: Option<Right<'r>>) {
        let (repo, path) = (self.repo, &self.path);
        let sources = &self.options.sources;
        self.levels.push(Level {
            left: left.map(|tree| Entries::new(repo, tree)),
            right,
            next_left: None,
            next_right: None,
            path_bytes: path.len(),
            is_partial: !sources.is_empty() && !sources.iter().any(|source| is_at_or_below(path, source)),
        });
    }

    /// Begins with a directory on disk that is open already.
    fn begin(&mut self, left: &Entry, right: &Seen, disk: DiskDir) -> Result<()> {
        if left.kind != right.entry.kind {
            self.tell(Difference::Type, Some(left), Some(&right.entry))?;
        } else {
            self.compare_metadata(left, right)?;
        }
        let tree = left.content.filter(|_| left.is_directory());
        self.push(tree, Some(Right::Disk(disk)));
        Ok(())
    }

    /// A directory of the disk, by the handle of the one above it.
    fn enter_disk(&self, right: &Seen, above: Option<usize>) -> Result<Option<DiskDir>> {
        match above.and_then(|above| self.levels.get(above)).and_then(|level| level.right.as_ref()) {
            Some(Right::Disk(dir)) => dir.enter(&right.entry.name).map(Some),
            _ => Ok(None),
        }
    }

    fn is_modified(&self, left: &Entry, right: &Seen, above: Option<usize>) -> Result<bool> {
        let entry = &right.entry;
        match left.kind {
            EntryKind::Symlink => Ok(left.target != entry.target),
            EntryKind::CharDevice | EntryKind::BlockDevice => Ok(left.device != entry.device),
            EntryKind::File if !right.is_on_disk => Ok(left.size != entry.size || left.content != entry.content),
            EntryKind::File => {
                let mtime = |entry: &Entry| entry.meta.as_ref().map(|meta| meta.mtime);
                if left.size != entry.size || left.size == 0 {
                    return Ok(left.size != entry.size);
                }
                if !self.options.content && mtime(left).is_some() && mtime(left) == mtime(entry) {
                    return Ok(false);
                }
                match above.and_then(|above| self.levels.get(above)).and_then(|level| level.right.as_ref()) {
                    Some(Right::Disk(dir)) => Ok(Some(dir.hash(&entry.name)?) != left.content),
                    _ => Ok(true),
                }
            }
            _ => Ok(false),
        }
    }

    fn compare_metadata(&mut self, left: &Entry, right: &Seen) -> Result<()> {
        if !self.options.metadata || has_same_metadata(left, right) {
            return Ok(());
        }
        self.tell(Difference::Metadata, Some(left), Some(&right.entry))
    }

    fn tell(&mut self, difference: Difference, before: Option<&Entry>, after: Option<&Entry>) -> Result<()> {
        let counts = match difference {
            Difference::Added => Some(&mut self.stats.added),
            Difference::Removed => Some(&mut self.stats.removed),
            Difference::Modified => Some(&mut self.stats.modified),
            Difference::Metadata => Some(&mut self.stats.metadata),
            Difference::Type => None,
        };
        match (counts, after.or(before)) {
            (Some(counts), Some(entry)) => counts.add(entry),
            _ => self.stats.types += 1,
        }
        let path = if self.path.is_empty() { b"/" } else { &self.path[..] };
        (self.each)(&DiffItem { path, difference, before, after })
    }

    fn failed(&mut self, error: &Error) {
        self.stats.errors += 1;
        let path = if self.path.is_empty() { b"/" } else { &self.path[..] };
        self.monitor.event(&Event::Failed { path, error });
    }
}

impl Level<'_> {
    /// Looks at the next entry of each side.
    fn look(&mut self) -> Result<()> {
        if let (None, Some(left)) = (&self.next_left, &mut self.left) {
            self.next_left = left.next_entry()?;
        }
        if let (None, Some(right)) = (&self.next_right, &mut self.right) {
            self.next_right = right.next()?;
        }
        Ok(())
    }
}

/// Whether owner, mode, times and attributes agree, as far as both sides know them.
fn has_same_metadata(left: &Entry, right: &Seen) -> bool {
    let entry = &right.entry;
    let (Some(one), Some(other)) = (&left.meta, &entry.meta) else {
        return left.executable == entry.executable || left.kind != EntryKind::File;
    };
    let essence = |meta: &Meta| {
        let mode = if left.kind == EntryKind::Symlink { 0 } else { meta.mode };
        (mode, meta.uid, meta.gid, meta.mtime, meta.flags.unwrap_or(0))
    };
    let names = |meta: &Meta| (meta.owner.clone(), meta.group.clone());
    essence(one) == essence(other) && left.xattrs == entry.xattrs && (right.is_on_disk || names(one) == names(other))
}

/// Whether a path is this one or lies beneath it.
fn is_at_or_below(path: &[u8], top: &[u8]) -> bool {
    let top = top.strip_suffix(b"/").unwrap_or(top);
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
