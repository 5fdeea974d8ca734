//! What roots reach: every object, recipe node and chunk that must be kept, as sorted sets on disk.
//!
//! Floor 4, on `repo`, `tree`, `record` and `snapshot`. Run records are read first, then the trees of all, level by level: a level is a sorted set, what was visited is left out of it, and
//! the rest is read in the order in which it is stored. Memory stays within a budget whatever the size of the
//! repository (promise 8), and only what is opened is looked up: the sets are merge-joined with the ordered index by
//! [`Reach::join`].

mod keep;
mod sort;
#[cfg(test)]
pub(crate) mod tests;
mod walk;

pub use keep::{Kept, kept, snapshot_starts};
pub use sort::{IdSorter, SetReader, SortedSet};

use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::{Class, Key, Kind};
use crate::repo::Repo;
use crate::repo::segment::Record;
use std::path::PathBuf;
use walk::Walk;

/// The budget is shared by this many sorted sets that grow at the same time.
const SETS: usize = 8;

/// An object that something keeps, and how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Start {
    /// Its kind: that of the reference, which is the one that counts.
    pub kind: Kind,
    /// Its id.
    pub id: Id,
}

/// How [`reachable`] works.
#[derive(Clone, Debug)]
pub struct ReachOptions {
    /// Where sets go that do not fit into memory.
    pub temp: PathBuf,
    /// Memory for all sets together, bytes.
    pub budget_bytes: usize,
    /// Threads that read trees and nodes.
    pub jobs: usize,
}

impl ReachOptions {
    /// For this repository, with so much memory and so many threads.
    pub fn new(repo: &Repo, budget_bytes: usize, jobs: usize) -> Self {
        ReachOptions { temp: repo.local().cache.join("tmp"), budget_bytes, jobs }
    }

    fn sorter<const N: usize>(&self) -> IdSorter<N> {
        IdSorter::new(&self.temp, self.budget_bytes / SETS)
    }
}

/// A run record, tree or recipe node that is needed to know what is reachable, and cannot be read.
#[derive(Debug)]
pub struct Broken {
    /// The entry: of class whole or alias for a record or tree.
    pub key: Key,
    /// Why. CHUNK_NOT_FOUND when it is not there at all.
    pub error: Error,
}

/// Everything that is reachable, by id, each in ascending order.
pub struct Reach {
    /// Objects of every kind.
    pub objects: SortedSet<32>,
    /// Those of them that are stored as chunks.
    pub aliases: SortedSet<32>,
    /// Recipe nodes.
    pub nodes: SortedSet<32>,
    /// Chunks.
    pub chunks: SortedSet<32>,
    /// How many of the objects are trees.
    pub trees: u64,
    /// What could not be followed. Whoever deletes what is not reachable must stop when there is any.
    pub broken: Vec<Broken>,
}

/// Finds what `starts` reach. Damage is recorded and does not end it.
///
/// # Errors
/// CONFIG_INVALID when a start, or a run record, is of a kind or version that this version cannot follow; CACHE_ERROR, FILE_IO, STORAGE_FULL for
/// the sets; SYSTEM_ERROR when the monitor says stop.
pub fn reachable(repo: &Repo, starts: &[Start], options: &ReachOptions, monitor: &dyn Monitor) -> Result<Reach> {
    let (mut objects, mut trees, mut runs) = (options.sorter(), options.sorter(), options.sorter());
    for start in starts.iter().filter(|start| start.id != Id::EMPTY) {
        match start.kind {
            Kind::Tree => trees.push(*start.id.as_bytes())?,
            Kind::Run => runs.push(*start.id.as_bytes())?,
            // An action names contents and keeps none.
            Kind::Action => objects.push(*start.id.as_bytes())?,
            kind if kind.holds_references() => return Err(unknown_kind(start)),
            _ => objects.push(*start.id.as_bytes())?,
        }
    }
    monitor.event(&Event::Phase("finding what is reachable"));
    let mut walk = Walk::new(repo, options, monitor)?;
    let (trees, objects) = walk.runs(&runs.finish()?, trees, objects)?;
    let (objects, trees) = walk.trees(trees, objects)?;
    let (aliases, roots) = walk.expand(&objects)?;
    let (nodes, chunks) = walk.nodes(roots)?;
    Ok(Reach { objects, aliases, nodes, chunks, trees, broken: walk.into_broken() })
}

fn unknown_kind(start: &Start) -> Error {
    let what =
        format!("object {} is of kind {}, and this version does not know what that keeps", start.id, start.kind.name());
    Error::new(Code::ConfigInvalid, what).with_hint("use a newer larder")
}

/// What [`Reach::join`] calls for every entry: the entry, and whether it is reachable.
pub(crate) type Joined<'a> = dyn FnMut(&Record, bool) -> Result<()> + 'a;

/// Tells what it is given of every copy of every entry, in the order of keys.
pub(crate) type Entries<'a> = dyn Fn(&mut dyn FnMut(&Record) -> Result<()>) -> Result<()> + 'a;

impl Reach {
    /// How many entries are reachable.
    pub fn len(&self) -> u64 {
        self.objects.len() + self.nodes.len() + self.chunks.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// [`Reach::join_in`] with the index as it is now.
    ///
    /// # Errors
    /// As [`Reach::join_in`].
    pub(crate) fn join(
        &self,
        repo: &Repo,
        each: &mut Joined<'_>,
        missing: &mut dyn FnMut(Key) -> Result<()>,
    ) -> Result<()> {
        let view = repo.index().view()?;
        self.join_in(&|each| view.for_each(each), each, missing)
    }

    /// Passes once over `entries`, those of a view made no earlier than the roots were listed, telling `each` of every
    /// entry whether it is reachable, and `missing` of every reachable object (class whole), chunk and node that the
    /// index does not have.
    ///
    /// # Errors
    /// CACHE_ERROR, FILE_IO, and what the callbacks answer.
    pub(crate) fn join_in(
        &self,
        entries: &Entries<'_>,
        each: &mut Joined<'_>,
        missing: &mut dyn FnMut(Key) -> Result<()>,
    ) -> Result<()> {
        let mut readers = [self.objects.reader(), self.chunks.reader(), self.nodes.reader(), self.aliases.reader()];
        let mut stored_large = self.aliases.reader();
        let (mut class, mut last) = (Class::Whole, None);
        entries(&mut |record| {
            if last.is_some_and(|last| last > record.key) {
                return Err(Error::new(Code::CacheError, "the index is not in order")
                    .with_hint("`larder index rebuild` makes it anew from the repository's files"));
            }
            last = Some(record.key);
            while class != record.key.class {
                readers[at(class)].rest(&mut |id| lost(class, id, &mut stored_large, missing))?;
                class = next(class);
            }
            let is_reachable = readers[at(class)]
                .seek(record.key.id.as_bytes(), &mut |id| lost(class, id, &mut stored_large, missing))?;
            each(record, is_reachable)
        })?;
        loop {
            readers[at(class)].rest(&mut |id| lost(class, id, &mut stored_large, missing))?;
            match class {
                Class::Alias => return Ok(()),
                _ => class = next(class),
            }
        }
    }
}

/// The classes in the order of the index.
fn next(class: Class) -> Class {
    match class {
        Class::Whole => Class::Chunk,
        Class::Chunk => Class::Node,
        Class::Node | Class::Alias => Class::Alias,
    }
}

fn at(class: Class) -> usize {
    usize::from(class.code() - 1)
}

/// An id that the index does not have in this class: for an object that is no loss if it is stored as chunks.
fn lost(
    class: Class,
    id: [u8; 32],
    stored_large: &mut SetReader<'_, 32>,
    missing: &mut dyn FnMut(Key) -> Result<()>,
) -> Result<()> {
    // Aliases were taken from the index itself, a moment ago.
    if class == Class::Alias || (class == Class::Whole && stored_large.contains(&id)?) {
        return Ok(());
    }
    missing(Key { class, id: Id::new(id) })
}
