//! The traversal: run records, levels of trees, then levels of recipe nodes.

use super::{Broken, IdSorter, ReachOptions, SortedSet};
use crate::error::{Code, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::{Class, Key, Kind};
use crate::recipe::{self, Node};
use crate::record::Record;
use crate::repo::segment::Place;
use crate::repo::{Repo, Want};
use crate::tree::{Reference, TreeReader};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many trees or nodes are asked for at once; each frame is opened once in a batch.
const BATCH: usize = 32_768;
/// More sets of visited ids than this are made one.
const VISITED_MAX: usize = 16;

pub(super) struct Walk<'a> {
    repo: &'a Repo,
    options: &'a ReachOptions,
    monitor: &'a dyn Monitor,
    /// Every alias of the index: object id, then root node.
    stored_large: SortedSet<64>,
    broken: Mutex<Vec<Broken>>,
}

/// Where the references of a level go.
struct Sink {
    next: IdSorter<32>,
    leaves: IdSorter<32>,
    failed: Result<()>,
}

/// The references of one tree or node.
#[derive(Default)]
struct Found {
    next: Vec<[u8; 32]>,
    leaves: Vec<[u8; 32]>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sink {
    fn take(&mut self, found: &Found) -> Result<()> {
        found.next.iter().try_for_each(|id| self.next.push(*id))?;
        found.leaves.iter().try_for_each(|id| self.leaves.push(*id))
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(repo: &'a Repo, options: &'a ReachOptions, monitor: &'a dyn Monitor) -> Result<Self> {
        let mut aliases = options.sorter::<64>();
        repo.index().view()?.for_each_from(Class::Alias, &mut |record| {
            if let Place::Alias { root, .. } = record.place {
                aliases.push(pair(&record.key.id, &root))?;
            }
            Ok(true)
        })?;
        Ok(Walk { repo, options, monitor, stored_large: aliases.finish()?, broken: Mutex::default() })
    }

    pub(super) fn into_broken(self) -> Vec<Broken> {
        self.broken.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_broken(&self, key: Key, error: crate::error::Error) {
        locked(&self.broken).push(Broken { key, error });
    }

    /// Visits every tree that `first` reaches, once. Answers all objects, `objects` among them, and how many trees.
    pub(super) fn trees(&mut self, first: SortedSet<32>, objects: IdSorter<32>) -> Result<(SortedSet<32>, u64)> {
        let mut visited = Visited::new(self.options);
        let (mut frontier, mut objects) = (first, objects);
        while let Some(level) = visited.enter(&frontier)? {
            let mut reader = level.reader();
            while let Some(id) = reader.next()? {
                objects.push(id)?;
            }
            let sink = self.tree_level(level, objects)?;
            objects = sink.leaves;
            frontier = sink.next.finish()?;
        }
        Ok((objects.finish()?, visited.count))
    }

    fn tree_level(&self, level: &SortedSet<32>, objects: IdSorter<32>) -> Result<Sink> {
        let sink = Mutex::new(Sink { next: self.options.sorter(), leaves: objects, failed: Ok(()) });
        self.level(level, &sink, &small_tree, &|id| self.large_tree(id, &sink))?;
        finish(sink)
    }

    /// Reads run records. Answers `trees` and `objects` with what they keep, they themselves among the objects.
    pub(super) fn runs(
        &self,
        runs: &SortedSet<32>,
        trees: IdSorter<32>,
        mut objects: IdSorter<32>,
    ) -> Result<(SortedSet<32>, IdSorter<32>)> {
        let mut reader = runs.reader();
        while let Some(id) = reader.next()? {
            objects.push(id)?;
        }
        let sink = Mutex::new(Sink { next: trees, leaves: objects, failed: Ok(()) });
        self.level(runs, &sink, &small_run, &|id| self.large_run(id, &sink))?;
        let sink = finish(sink)?;
        Ok((sink.next.finish()?, sink.leaves))
    }

    /// Reads objects in the order in which they are stored; those that are stored as chunks are left to `large`.
    fn level(
        &self,
        level: &SortedSet<32>,
        sink: &Mutex<Sink>,
        parse: &Parse,
        large: &dyn Fn(&Id) -> Result<()>,
    ) -> Result<()> {
        let (mut ids, mut stored_large) = (level.reader(), self.stored_large.reader());
        let mut batch = Vec::new();
        while let Some(id) = ids.next()? {
            while stored_large.peek()?.is_some_and(|pair| pair[..32] < id[..]) {
                stored_large.next()?;
            }
            if stored_large.peek()?.is_some_and(|pair| pair[..32] == id[..]) {
                large(&Id::new(id))?;
            } else {
                batch.push(Want { key: Key { class: Class::Whole, id: Id::new(id) }, len: 0 });
            }
            if batch.len() == BATCH {
                self.read(&std::mem::take(&mut batch), sink, parse)?;
            }
        }
        self.read(&batch, sink, parse)
    }

    /// A run record that is stored as chunks: one that observed very many files.
    fn large_run(&self, id: &Id, sink: &Mutex<Sink>) -> Result<()> {
        let mut found = Found::default();
        match Record::load(self.repo, id) {
            Ok(record) => take_record(&record, &mut found),
            Err(error) if error.code() == Code::ConfigInvalid => return Err(error),
            Err(error) => self.note_broken(Key { class: Class::Alias, id: *id }, error),
        }
        locked(sink).take(&found)
    }

    /// A tree that is stored as chunks: read as a stream, however large.
    fn large_tree(&self, id: &Id, sink: &Mutex<Sink>) -> Result<()> {
        let (mut reader, mut failed) = (TreeReader::new(), Ok(()));
        let streamed = self.repo.stream(id, &mut |bytes| {
            let mut found = Found::default();
            reader.feed(bytes);
            take_entries(&mut reader, &mut found)?;
            failed = locked(sink).take(&found);
            if failed.is_err() { fail(Code::FileIo, "a set of ids could not be written") } else { Ok(()) }
        });
        failed?;
        if let Err(error) = streamed.and_then(|()| reader.finish().map(|_| ())) {
            self.note_broken(Key { class: Class::Alias, id: *id }, error);
        }
        Ok(())
    }

    /// Reads a batch in the order in which it is stored and takes what it names.
    fn read(&self, wants: &[Want], sink: &Mutex<Sink>, parse: &Parse) -> Result<()> {
        if self.monitor.is_cancelled() {
            return fail(Code::SystemError, "stopped on request");
        }
        self.repo.fetch(wants, self.options.jobs, &|at, bytes| {
            let mut found = Found::default();
            match bytes.and_then(|bytes| parse(bytes, &mut found)) {
                Ok(()) => {
                    let mut sink = locked(sink);
                    let taken = sink.take(&found);
                    if sink.failed.is_ok() {
                        sink.failed = taken;
                    }
                }
                // A record of a later version is sound, and what it keeps is not known.
                Err(error) if error.code() == Code::ConfigInvalid => {
                    let mut sink = locked(sink);
                    if sink.failed.is_ok() {
                        sink.failed = Err(error);
                    }
                }
                Err(error) => self.note_broken(wants[at].key, error),
            }
        })?;
        self.monitor.event(&Event::Advance { items: wants.len() as u64, bytes: 0 });
        Ok(())
    }

    /// Which of the objects are stored as chunks, and the root nodes of those.
    pub(super) fn expand(&self, objects: &SortedSet<32>) -> Result<(SortedSet<32>, SortedSet<32>)> {
        let (mut aliases, mut roots) = (self.options.sorter::<32>(), self.options.sorter::<32>());
        let (mut large, mut objects) = (self.stored_large.reader(), objects.reader());
        while let Some(pair) = large.next()? {
            let (id, root) = halves(&pair);
            if objects.contains(&id)? {
                aliases.push(id)?;
                roots.push(root)?;
            }
        }
        Ok((aliases.finish()?, roots.finish()?))
    }

    /// Visits every recipe node that `roots` reach, once. Answers all nodes and all chunks.
    pub(super) fn nodes(&mut self, roots: SortedSet<32>) -> Result<(SortedSet<32>, SortedSet<32>)> {
        let mut visited = Visited::new(self.options);
        let (mut frontier, mut chunks) = (roots, self.options.sorter());
        while let Some(level) = visited.enter(&frontier)? {
            let sink = Mutex::new(Sink { next: self.options.sorter(), leaves: chunks, failed: Ok(()) });
            let (mut reader, mut batch) = (level.reader(), Vec::new());
            while let Some(id) = reader.next()? {
                batch.push(Want { key: Key { class: Class::Node, id: Id::new(id) }, len: 0 });
                if batch.len() == BATCH {
                    self.read(&std::mem::take(&mut batch), &sink, &node)?;
                }
            }
            self.read(&batch, &sink, &node)?;
            let sink = finish(sink)?;
            chunks = sink.leaves;
            frontier = sink.next.finish()?;
        }
        Ok((visited.all()?, chunks.finish()?))
    }
}

type Parse = dyn Fn(&[u8], &mut Found) -> Result<()> + Sync;

fn finish(sink: Mutex<Sink>) -> Result<Sink> {
    let mut sink = sink.into_inner().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut sink.failed, Ok(()))?;
    Ok(sink)
}

fn small_tree(bytes: &[u8], found: &mut Found) -> Result<()> {
    let mut reader = TreeReader::new();
    reader.feed(bytes);
    take_entries(&mut reader, found)?;
    reader.finish().map(|_| ())
}

fn take_entries(reader: &mut TreeReader, found: &mut Found) -> Result<()> {
    while let Some(references) = reader.next_references()? {
        for reference in references.into_iter().flatten() {
            match reference {
                // The empty object is stored nowhere.
                Reference::Blob(id) if id == Id::EMPTY => {}
                Reference::Blob(id) => found.leaves.push(*id.as_bytes()),
                Reference::Tree(id) => found.next.push(*id.as_bytes()),
            }
        }
    }
    Ok(())
}

fn small_run(bytes: &[u8], found: &mut Found) -> Result<()> {
    take_record(&Record::decode(bytes)?, found);
    Ok(())
}

fn take_record(record: &Record, found: &mut Found) {
    for (kind, id) in record.references().filter(|(_, id)| *id != Id::EMPTY) {
        let out = if kind == Kind::Tree { &mut found.next } else { &mut found.leaves };
        out.push(*id.as_bytes());
    }
}

fn node(bytes: &[u8], found: &mut Found) -> Result<()> {
    let node = Node::decode(bytes)?;
    let out = if node.level == 0 { &mut found.leaves } else { &mut found.next };
    out.extend(node.entries.iter().filter_map(|entry| match entry {
        recipe::Entry::Piece { id, .. } => Some(*id.as_bytes()),
        recipe::Entry::Hole { .. } => None,
    }));
    Ok(())
}

fn pair(id: &Id, root: &Id) -> [u8; 64] {
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(id.as_bytes());
    pair[32..].copy_from_slice(root.as_bytes());
    pair
}

fn halves(pair: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut id, mut root) = ([0; 32], [0; 32]);
    id.copy_from_slice(&pair[..32]);
    root.copy_from_slice(&pair[32..]);
    (id, root)
}

/// What earlier levels visited.
struct Visited<'a> {
    options: &'a ReachOptions,
    levels: Vec<SortedSet<32>>,
    count: u64,
}

impl<'a> Visited<'a> {
    fn new(options: &'a ReachOptions) -> Self {
        Visited { options, levels: Vec::new(), count: 0 }
    }

    /// Keeps what of `frontier` was not visited yet as the next level; `None` when there is nothing new.
    fn enter(&mut self, frontier: &SortedSet<32>) -> Result<Option<&SortedSet<32>>> {
        if self.levels.len() >= VISITED_MAX {
            let all = self.union()?;
            self.levels = vec![all];
        }
        let mut earlier: Vec<_> = self.levels.iter().map(SortedSet::reader).collect();
        let (mut fresh, mut reader) = (self.options.sorter(), frontier.reader());
        'ids: while let Some(id) = reader.next()? {
            for level in &mut earlier {
                if level.contains(&id)? {
                    continue 'ids;
                }
            }
            fresh.push(id)?;
        }
        let fresh = fresh.finish()?;
        if fresh.is_empty() {
            return Ok(None);
        }
        self.count += fresh.len();
        self.levels.push(fresh);
        Ok(self.levels.last())
    }

    fn union(&self) -> Result<SortedSet<32>> {
        let mut all = self.options.sorter();
        for level in &self.levels {
            let mut reader = level.reader();
            while let Some(id) = reader.next()? {
                all.push(id)?;
            }
        }
        all.finish()
    }

    /// Every id that was visited.
    fn all(self) -> Result<SortedSet<32>> {
        self.union()
    }
}
