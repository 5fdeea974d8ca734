//! Stored trees, walked: entries of a directory and of all directories beneath it, in order, as they are read.
//!
//! Floor 4, above [`tree`](crate::tree). Memory holds one reader for each directory on the way down, and a reader
//! holds at most [`BLOCK_BYTES`] of its tree, so neither the depth of a snapshot nor directories of millions matter
//! (promise 8). Paths are bytes: those of the snapshot's root tree, beginning with `/`.

mod links;
#[cfg(test)]
pub(crate) mod tests;

pub use links::HardLinks;

use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::repo::Repo;
use crate::tree::{Entry, EntryKind, Profile, Summary, TreeReader};
use std::cmp::Ordering;

/// Trees longer than this are read block by block.
const BLOCK_BYTES: usize = 1 << 20;
/// Directories deeper than this are damage or malice: Linux's longest path has half as many parts.
const DEPTH_MAX: usize = 4096;

/// What a visitor wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descend {
    /// Goes on, into this entry if it is a directory.
    Into,
    /// Goes on, but not into this entry.
    Over,
    /// Ends the walk.
    Stop,
}

/// Receives what a walk meets.
pub trait Visitor {
    /// An entry; what is in a directory follows right after it.
    ///
    /// # Errors
    /// What the visitor likes; it ends the walk.
    fn entry(&mut self, path: &[u8], entry: &Entry) -> Result<Descend>;

    /// The end of a directory that was gone into, the root of the walk among them.
    ///
    /// # Errors
    /// As [`Visitor::entry`].
    fn leave(&mut self, _path: &[u8]) -> Result<()> {
        Ok(())
    }

    /// A directory whose tree cannot be read (further). The walk goes on with what follows it, and `leave` is called.
    ///
    /// # Errors
    /// As [`Visitor::entry`]; unless overridden, the failure itself.
    fn broken(&mut self, _path: &[u8], error: Error) -> Result<()> {
        Err(error)
    }
}

/// Walks the tree `root`, whose own path is `path` (empty for the root of a snapshot). False if it was stopped.
///
/// # Errors
/// What the visitor answers.
pub fn walk(repo: &Repo, root: &Id, path: &[u8], visitor: &mut dyn Visitor) -> Result<bool> {
    let mut path = path.strip_suffix(b"/").unwrap_or(path).to_vec();
    let mut levels = vec![(Entries::new(repo, *root), path.len())];
    while let Some((entries, path_bytes)) = levels.last_mut() {
        path.truncate(*path_bytes);
        let entry = match entries.next_entry() {
            Ok(Some(entry)) => entry,
            ended => {
                if let Err(error) = ended {
                    visitor.broken(&path, error)?;
                }
                levels.pop();
                visitor.leave(&path)?;
                continue;
            }
        };
        path.push(b'/');
        path.extend_from_slice(&entry.name);
        match visitor.entry(&path, &entry)? {
            Descend::Stop => return Ok(false),
            Descend::Into if levels.len() >= DEPTH_MAX => {
                visitor.broken(&path, Error::new(Code::StorageCorrupted, "directories are nested too deeply"))?;
            }
            Descend::Into => {
                if let Some(tree) = entry.content.filter(|_| entry.is_directory()) {
                    levels.push((Entries::new(repo, tree), path.len()));
                }
            }
            Descend::Over => {}
        }
    }
    Ok(true)
}

/// Walks a tree with a function; the first tree that cannot be read ends it.
///
/// # Errors
/// Those of reading, and what `each` answers.
pub fn walk_tree(repo: &Repo, root: &Id, each: &mut dyn FnMut(&[u8], &Entry) -> Result<Descend>) -> Result<()> {
    struct Each<'a>(&'a mut dyn FnMut(&[u8], &Entry) -> Result<Descend>);
    impl Visitor for Each<'_> {
        fn entry(&mut self, path: &[u8], entry: &Entry) -> Result<Descend> {
            (self.0)(path, entry)
        }
    }
    walk(repo, root, b"", &mut Each(each)).map(|_| ())
}

/// What stands at a path of the tree `root`, `None` if nothing does. Symlinks are not followed. The root itself is a
/// directory without name and metadata.
///
/// # Errors
/// Those of reading.
pub fn lookup(repo: &Repo, root: &Id, path: &[u8]) -> Result<Option<Entry>> {
    let mut found = Entry::new(Vec::new(), EntryKind::Directory);
    found.content = Some(*root);
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".") {
        let Some(tree) = found.content.filter(|_| found.is_directory()) else { return Ok(None) };
        let Some(next) = Entries::new(repo, tree).find(name)? else { return Ok(None) };
        found = next;
    }
    Ok(Some(found))
}

/// As [`lookup`], but that there is nothing is a failure.
///
/// # Errors
/// FILE_NOT_FOUND, and those of reading.
pub fn require(repo: &Repo, root: &Id, path: &[u8]) -> Result<Entry> {
    match lookup(repo, root, path)? {
        Some(entry) => Ok(entry),
        None => fail(Code::FileNotFound, format!("the snapshot has no `{}`", path.escape_ascii())),
    }
}

/// How many files and bytes a tree holds, by what its entries say of what lies beneath them.
///
/// # Errors
/// Those of reading.
pub fn summary(repo: &Repo, tree: &Id) -> Result<Summary> {
    let mut total = Summary::default();
    let mut entries = Entries::new(repo, *tree);
    while let Some(entry) = entries.next_entry()? {
        total.add(&entry);
    }
    Ok(total)
}

/// The entries of one tree in order, read as they are asked for.
pub struct Entries<'r> {
    repo: &'r Repo,
    tree: Id,
    reader: Option<TreeReader>,
    offset: u64,
    len: Option<u64>,
}

impl<'r> Entries<'r> {
    /// Begins; nothing is read yet.
    pub fn new(repo: &'r Repo, tree: Id) -> Self {
        Entries { repo, tree, reader: Some(TreeReader::new()), offset: 0, len: None }
    }

    /// The next entry, `None` at the end.
    ///
    /// # Errors
    /// CHUNK_NOT_FOUND, CHUNK_INVALID, STORAGE_CORRUPTED; after one of them there is no more.
    pub fn next_entry(&mut self) -> Result<Option<Entry>> {
        let next = self.advance();
        if next.is_err() {
            self.reader = None;
        }
        next.map_err(|error| error.context(format!("the tree {} cannot be read", self.tree)))
    }

    fn advance(&mut self) -> Result<Option<Entry>> {
        loop {
            let Some(reader) = &mut self.reader else { return Ok(None) };
            if let Some(entry) = reader.next_entry()? {
                return Ok(Some(entry));
            }
            if self.len.is_some_and(|len| self.offset >= len) {
                return self.reader.take().map_or(Ok(None), |reader| reader.finish().map(|_| None));
            }
            let bytes = match self.len {
                None => self.first()?,
                Some(_) => self.repo.read_range(&self.tree, self.offset, BLOCK_BYTES)?,
            };
            if bytes.is_empty() {
                return fail(Code::StorageCorrupted, "it ends too early");
            }
            self.offset += bytes.len() as u64;
            if let Some(reader) = &mut self.reader {
                reader.feed(&bytes);
            }
        }
    }

    /// The first block, and how long the whole is.
    fn first(&mut self) -> Result<Vec<u8>> {
        let Some(info) = self.repo.find(&self.tree)? else {
            return fail(Code::ChunkNotFound, "it is not in the repository");
        };
        self.len = Some(info.len);
        if info.len <= BLOCK_BYTES as u64 {
            return self.repo.read(&self.tree);
        }
        self.repo.read_range(&self.tree, 0, BLOCK_BYTES)
    }

    /// The entry of this name; reads no further than where it would stand.
    ///
    /// # Errors
    /// As [`Entries::next_entry`].
    pub fn find(&mut self, name: &[u8]) -> Result<Option<Entry>> {
        while let Some(entry) = self.next_entry()? {
            match entry.name.as_slice().cmp(name) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Some(entry)),
                Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The tree's profile, once an entry or the end was read.
    pub fn profile(&self) -> Option<Profile> {
        self.reader.as_ref().and_then(TreeReader::profile)
    }
}
