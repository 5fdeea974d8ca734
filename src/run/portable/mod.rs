//! Results of tasks: declared outputs captured as a portable tree, and put back.
//!
//! Part of floor 5's `run`. A result is a tree of the portable profile whose root stands for the project's root: names,
//! types, contents, executable bits and link texts, nothing else, so the same outputs have the same id on every machine.
//! In memory it is a flat list, because patterns, keys and state rows speak of paths.
//!
//! Promise 12: what [`place()`] leaves behind equals what the run left, seen through the portable profile; [`capture()`]
//! gives the outputs of a run the same modes. Promise 6: what is placed was checked, and all objects of one result are
//! checked before any file of it is replaced. Nothing is written through a link that leads out of the project.

mod capture;
mod place;
mod staging;
#[cfg(test)]
mod tests;
mod worktree;

pub(in crate::run) use capture::allow;
pub use capture::{CaptureOptions, Captured, capture};
pub use place::{Each, PlaceOptions, Placed, Wanted, place};
pub use worktree::WorkTree;
pub(in crate::run) use worktree::{Spot, join, parent};

use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::{Class, Key, hash};
use crate::repo::{Repo, Want};
use crate::tree::{Entry, EntryKind, Profile, TreeWriter, read_tree};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// A result with more entries is refused when captured and damage when read: trees may name one subtree many times.
pub const ENTRIES_MAX: usize = 1 << 22;
/// Directories of a result are nested no deeper than this.
pub(in crate::run) const DEPTH_MAX: usize = 512;
/// Results whose trees are fetched together.
const READ_TOGETHER: usize = 4096;

/// One path of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultEntry {
    /// Relative to the project's root, without `.` and `..`.
    pub path: Vec<u8>,
    /// What stands there.
    pub kind: ResultKind,
}

/// What stands at a path of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// A regular file.
    File {
        /// The id of its content.
        content: Id,
        /// Its size in bytes.
        size: u64,
        /// Whether it can be executed.
        executable: bool,
    },
    /// A directory with nothing in it; others follow from the paths of what is in them.
    Directory,
    /// A symbolic link, and what it says.
    Symlink(Vec<u8>),
}

/// What a task left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultTree {
    /// The id of the portable tree.
    pub id: Id,
    /// Its files, links and empty directories, sorted bytewise by path.
    pub entries: Vec<ResultEntry>,
}

impl ResultTree {
    /// The result of a task without outputs.
    pub fn empty() -> Self {
        ResultTree { id: empty_id(), entries: Vec::new() }
    }

    /// The entry at a path, if there is one.
    pub fn find(&self, path: &[u8]) -> Option<&ResultEntry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_slice().cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// The entries below a directory, which may be none.
    pub fn beneath(&self, dir: &[u8]) -> &[ResultEntry] {
        let mut prefix = dir.to_vec();
        prefix.push(b'/');
        let start = self.entries.partition_point(|entry| entry.path < prefix);
        let rest = self.entries.get(start..).unwrap_or_default();
        let len = rest.partition_point(|entry| entry.path.starts_with(&prefix));
        rest.get(..len).unwrap_or_default()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(ResultEntry::size).sum()
    }
}

impl ResultEntry {
    /// The size of a file, zero for anything else.
    pub fn size(&self) -> u64 {
        if let ResultKind::File { size, .. } = self.kind { size } else { 0 }
    }
}

/// The id of the portable tree that has no entries.
pub fn empty_id() -> Id {
    hash(&TreeWriter::new(Profile::Portable).finish())
}

/// Makes trees of entries and gives each to `put`, inner ones first; answers the root's id.
///
/// # Errors
/// STORAGE_CORRUPTED for entries that make no sound tree; what `put` answers.
pub fn encode(entries: &[ResultEntry], put: &mut dyn FnMut(&[u8]) -> Result<Id>) -> Result<Id> {
    let mut order: Vec<&ResultEntry> = entries.iter().collect();
    order.sort_by(|a, b| tree_order(&a.path).cmp(tree_order(&b.path)));
    let mut open = Open(vec![(Vec::new(), TreeWriter::new(Profile::Portable))]);
    for entry in order {
        let parts: Vec<&[u8]> = entry.path.split(|byte| *byte == b'/').collect();
        let Some((name, dirs)) = parts.split_last() else { continue };
        let shared = open.0.iter().skip(1).zip(dirs).take_while(|((open, _), dir)| open == *dir).count();
        open.close(shared + 1, put)?;
        dirs.iter().skip(shared).for_each(|dir| open.begin(dir));
        match tree_entry(name, &entry.kind) {
            Some(entry) => open.push(&entry)?,
            None => open.begin(name),
        }
    }
    open.close(1, put)?;
    match open.0.pop() {
        Some((_, root)) => put(&root.finish()),
        None => Ok(empty_id()),
    }
}

/// Trees sort by name, so a path sorts as if `/` came before every byte of a name.
fn tree_order(path: &[u8]) -> impl Iterator<Item = u8> {
    path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte })
}

/// The directories on the way to the entry being encoded, the root first.
struct Open(Vec<(Vec<u8>, TreeWriter)>);

impl Open {
    fn begin(&mut self, name: &[u8]) {
        self.0.push((name.to_vec(), TreeWriter::new(Profile::Portable)));
    }

    fn push(&mut self, entry: &Entry) -> Result<()> {
        self.0.last_mut().map_or(Ok(()), |(_, writer)| writer.push(entry))
    }

    /// Ends directories until `keep` are open.
    fn close(&mut self, keep: usize, put: &mut dyn FnMut(&[u8]) -> Result<Id>) -> Result<()> {
        while self.0.len() > keep {
            let Some((name, writer)) = self.0.pop() else { break };
            let mut entry = Entry::new(name, EntryKind::Directory);
            entry.summary = Some(writer.summary());
            entry.content = Some(put(&writer.finish())?);
            self.push(&entry)?;
        }
        Ok(())
    }
}

/// The entry of what is no directory.
fn tree_entry(name: &[u8], kind: &ResultKind) -> Option<Entry> {
    match kind {
        ResultKind::File { content, size, executable } => {
            let mut entry = Entry::new(name, EntryKind::File);
            (entry.size, entry.executable) = (*size, *executable);
            entry.content = (*size > 0).then_some(*content);
            Some(entry)
        }
        ResultKind::Symlink(text) => {
            let mut entry = Entry::new(name, EntryKind::Symlink);
            entry.target = text.clone();
            Some(entry)
        }
        ResultKind::Directory => None,
    }
}

/// Reads a result.
///
/// # Errors
/// CHUNK_NOT_FOUND and CHUNK_INVALID when one of its trees is not here or damaged; STORAGE_CORRUPTED when it is no
/// portable tree, or one that says more than a result can.
pub fn read(repo: &Repo, tree: &Id) -> Result<ResultTree> {
    let mut all = read_together(repo, &[*tree], 1)?;
    all.pop().unwrap_or_else(|| Ok(ResultTree::empty()))
}

/// Reads many results, some thousands together in pack order. Gives each its place in `trees` and the result.
///
/// # Errors
/// CACHE_ERROR. What is wrong with a single one is given in its place.
pub fn read_many(
    repo: &Repo,
    trees: &[Id],
    jobs: usize,
    each: &mut dyn FnMut(usize, Result<ResultTree>),
) -> Result<()> {
    let mut at = 0..;
    for part in trees.chunks(READ_TOGETHER) {
        read_together(repo, part, jobs)?.into_iter().zip(&mut at).for_each(|(tree, at)| each(at, tree));
    }
    Ok(())
}

/// A directory still to be read: which result it belongs to, and its path there.
struct Pending {
    result: usize,
    path: Vec<u8>,
    tree: Id,
}

fn read_together(repo: &Repo, trees: &[Id], jobs: usize) -> Result<Vec<Result<ResultTree>>> {
    let mut results: Vec<Result<Vec<ResultEntry>>> = trees.iter().map(|_| Ok(Vec::new())).collect();
    let roots = trees.iter().enumerate();
    let mut level: Vec<Pending> =
        roots.map(|(result, tree)| Pending { result, path: Vec::new(), tree: *tree }).collect();
    let mut counts = vec![0; trees.len()];
    for _ in 0..DEPTH_MAX {
        if level.is_empty() {
            break;
        }
        let read = read_level(repo, &level, jobs)?;
        let mut next = Vec::new();
        for dir in level {
            let Ok(entries) = &mut results[dir.result] else { continue };
            let added = match read.get(&dir.tree) {
                Some(Ok(listed)) => {
                    counts[dir.result] += listed.len();
                    unfold(&dir, listed, counts[dir.result], entries, &mut next)
                }
                Some(Err(error)) => Err(Error::new(error.code(), error.to_string())),
                None => fail(Code::ChunkNotFound, format!("the tree {} is not in the repository", dir.tree)),
            };
            if let Err(error) = added {
                results[dir.result] = Err(error.context(format!("the result {} cannot be read", trees[dir.result])));
            }
        }
        level = next;
    }
    for dir in level {
        let message = format!("the result {} is nested too deeply", trees[dir.result]);
        results[dir.result] = fail(Code::StorageCorrupted, message);
    }
    let finish = |(entries, id): (Result<Vec<ResultEntry>>, &Id)| {
        entries.map(|mut entries| {
            entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            // Results are held by the hundred thousand, and most have one entry.
            entries.shrink_to_fit();
            ResultTree { id: *id, entries }
        })
    };
    Ok(results.into_iter().zip(trees).map(finish).collect())
}

/// Trees by id, or why they cannot be read.
type Trees = HashMap<Id, Result<Arc<Vec<Entry>>>>;

/// Reads each tree of a level once.
fn read_level(repo: &Repo, level: &[Pending], jobs: usize) -> Result<Trees> {
    let ids: Vec<Id> = level.iter().map(|dir| dir.tree).collect::<BTreeSet<Id>>().into_iter().collect();
    if let [id] = ids.as_slice() {
        return Ok(HashMap::from([(*id, repo.read(id).and_then(|bytes| entries_of(&bytes)))]));
    }
    let wants: Vec<Want> = ids.iter().map(|id| Want { key: Key { class: Class::Whole, id: *id }, len: 0 }).collect();
    let read = Mutex::new(HashMap::with_capacity(ids.len()));
    repo.fetch(&wants, jobs, &|at, bytes| {
        let entries = match bytes {
            Ok(bytes) => entries_of(bytes),
            // A long one is stored in pieces.
            Err(error) if error.code() == Code::ChunkNotFound => {
                repo.read(&ids[at]).and_then(|bytes| entries_of(&bytes))
            }
            Err(error) => Err(error),
        };
        read.lock().unwrap_or_else(PoisonError::into_inner).insert(ids[at], entries);
    })?;
    Ok(read.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn entries_of(bytes: &[u8]) -> Result<Arc<Vec<Entry>>> {
    let tree = read_tree(bytes)?;
    if tree.profile != Profile::Portable {
        return fail(Code::StorageCorrupted, "it is the tree of a backup, not a result");
    }
    let mut entries = tree.entries;
    // Thousands of trees are held together, and most have one entry.
    entries.shrink_to_fit();
    Ok(Arc::new(entries))
}

/// Adds the entries of one directory to a result, and its directories to those that are still to be read. `count` is
/// how many entries the result has with them.
fn unfold(
    dir: &Pending,
    listed: &[Entry],
    count: usize,
    entries: &mut Vec<ResultEntry>,
    next: &mut Vec<Pending>,
) -> Result<()> {
    if count > ENTRIES_MAX {
        return fail(Code::StorageCorrupted, format!("it has more than {ENTRIES_MAX} entries"));
    }
    if listed.is_empty() && !dir.path.is_empty() {
        entries.push(ResultEntry { path: dir.path.clone(), kind: ResultKind::Directory });
    }
    for entry in listed {
        let path = join(&dir.path, &entry.name);
        let kind = match (entry.kind, entry.content) {
            (EntryKind::Directory, Some(tree)) => {
                next.push(Pending { result: dir.result, path, tree });
                continue;
            }
            (EntryKind::File, content) => ResultKind::File {
                content: content.unwrap_or(Id::EMPTY),
                size: entry.size,
                executable: entry.executable,
            },
            (EntryKind::Symlink, _) => ResultKind::Symlink(entry.target.clone()),
            (kind, _) => {
                return fail(Code::StorageCorrupted, format!("`{}` is a {}", path.escape_ascii(), kind.name()));
            }
        };
        entries.push(ResultEntry { path, kind });
    }
    Ok(())
}
