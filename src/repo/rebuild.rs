//! Making the index anew: a merge of all segments in key order into a new file, which then takes the name.
//!
//! FORMAT section 11. One process does it at a time, the others wait and use what it made. A reader of a segment holds
//! a frame of records, so that only so many are merged at once; of more segments, groups are merged into runs on disk first.

use super::Core;
use super::connections::{append, open};
use super::index::failure::{is_damage, sql};
use super::index::rows::{INSERT_ENTRY, SCHEMA, SCHEMA_VERSION, insert_packs, insert_record};
use super::index::{Index, SYNC_ATTEMPTS, list_segments, locked, owner_of};
use super::segment::{Record, SegmentReader, get_record, put_record};
use crate::crypto::seal::random;
use crate::error::{Code, IoContext, Result};
use crate::fs::{open_private, remove_if_there};
use crate::id::Id;
use crate::wire::Cursor;
use fs2::FileExt;
use rusqlite::{Connection, params};
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// So many segments are merged at once: each holds some 600 KiB of decoded records.
pub(super) const READERS_MAX: usize = 64;
/// What is buffered of a run, bytes.
const RUN_BUFFER_BYTES: usize = 64 << 10;

impl Index {
    /// Makes the index anew from the segments. Those that are damaged are left out, which [`Index::sync`] tells.
    ///
    /// # Errors
    /// CACHE_ERROR, and what reading segments can answer.
    pub(crate) fn rebuild(&self, core: &Core) -> Result<()> {
        let _alone = self.lock_rebuild()?;
        self.make_anew(core)
    }

    /// As [`Index::rebuild`], unless another process has done it while this one waited.
    pub(super) fn rebuild_if_unusable(&self, core: &Core) -> Result<()> {
        let _alone = self.lock_rebuild()?;
        if self.is_usable(core)? { Ok(()) } else { self.make_anew(core) }
    }

    fn lock_rebuild(&self) -> Result<File> {
        let path = self.state.join("rebuild.lock");
        let file = open_private(&path)?;
        file.lock_exclusive().at("lock", &path)?;
        Ok(file)
    }

    fn make_anew(&self, core: &Core) -> Result<()> {
        let new_path = append(&self.path, ".new");
        let (mut damaged, mut attempt) = (HashSet::new(), 0);
        loop {
            attempt += 1;
            // Also what was left by a process that was killed.
            ["", "-wal", "-shm", "-journal"]
                .iter()
                .try_for_each(|suffix| remove_if_there(&append(&new_path, suffix)))?;
            match self.fill(core, &new_path, &damaged) {
                Ok(None) => break,
                Ok(Some(name)) => _ = damaged.insert(name),
                // A segment was superseded and deleted while it was read: what took its place is found by listing again.
                Err(error) if error.code() == Code::FileNotFound && attempt < SYNC_ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
        open_private(&new_path)?.sync_all().at("sync", &new_path)?;
        self.connections.replace(&new_path)?;
        *self.filter.write().unwrap_or_else(PoisonError::into_inner) = None;
        locked(&self.packs).clear();
        self.looked_for_strays.store(false, Ordering::Release);
        Ok(())
    }

    /// Answers the name of a segment that turned out to be damaged, and then the file is worth nothing.
    fn fill(&self, core: &Core, path: &Path, skip: &HashSet<Id>) -> Result<Option<Id>> {
        open_private(path)?;
        let mut db = open(path)?;
        db.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;").map_err(sql)?;
        db.execute_batch(SCHEMA).map_err(sql)?;
        db.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sql)?;
        let tag = i64::from_le_bytes(random::<8>()?);
        db.execute("INSERT INTO meta VALUES('owner', ?1), ('filter', ?2)", params![owner_of(core), tag])
            .map_err(sql)?;
        // Numbers are never given twice, nor by two makings: what another process cached finds nothing, not the wrong pack.
        let base = u32::from_le_bytes(random()?) >> 2;
        db.execute("INSERT INTO sqlite_sequence VALUES('packs', ?1)", [base]).map_err(sql)?;
        let names: Vec<Id> = list_segments(core)?.into_iter().filter(|name| !skip.contains(name)).collect();
        let damaged = merge_segments(core, &mut db, &names, &self.state)?;
        // Not when others use it already: they would be refused.
        db.execute_batch("PRAGMA journal_mode=WAL;").map_err(sql)?;
        db.close().map_err(|(_, error)| sql(error))?;
        Ok(damaged)
    }
}

/// Something that answers records in key order, with the numbers that packs have in the index.
pub(super) enum Source<'a> {
    /// A segment, and for each of its packs the number, unless another segment speaks for it.
    Segment(Box<SegmentReader<'a>>, Vec<Option<u32>>),
    Run(BufReader<File>),
}

impl Source<'_> {
    fn next(&mut self) -> Result<Option<Record>> {
        match self {
            Source::Segment(reader, numbers) => {
                while let Some(record) = reader.next()? {
                    if let Some(pack) = numbers.get(record.pack as usize).copied().flatten() {
                        return Ok(Some(Record { pack, ..record }));
                    }
                }
                Ok(None)
            }
            Source::Run(file) => read_from_run(file),
        }
    }

    fn segment(&self) -> Option<Id> {
        match self {
            Source::Segment(reader, _) => Some(reader.name()),
            Source::Run(_) => None,
        }
    }
}

/// Why a merge ended early.
pub(super) enum Ended {
    Damaged(Id),
    Failed(crate::error::Error),
}

impl From<crate::error::Error> for Ended {
    fn from(error: crate::error::Error) -> Self {
        Ended::Failed(error)
    }
}

fn merge_segments(core: &Core, db: &mut Connection, names: &[Id], state: &Path) -> Result<Option<Id>> {
    let tx = db.transaction().map_err(sql)?;
    match merge_into(core, &tx, names, state) {
        Ok(()) => tx.commit().map_err(sql).map(|()| None),
        Err(Ended::Damaged(name)) => Ok(Some(name)),
        Err(Ended::Failed(error)) => Err(error),
    }
}

fn merge_into(core: &Core, tx: &Connection, names: &[Id], state: &Path) -> std::result::Result<(), Ended> {
    let mut sources = Vec::new();
    for group in names.chunks(READERS_MAX) {
        let readers = open_group(core, tx, group)?;
        if names.len() <= READERS_MAX {
            sources = readers;
        } else {
            let file = tempfile::tempfile_in(state).at("create a file in", state)?;
            let mut run = BufWriter::with_capacity(RUN_BUFFER_BYTES, file);
            merge(readers, &mut |record| write_to_run(&mut run, record).at("write", "a temporary file"))?;
            let mut file = run.into_inner().map_err(|error| error.into_error()).at("write", "a temporary file")?;
            file.rewind().at("read", "a temporary file")?;
            sources.push(Source::Run(BufReader::with_capacity(RUN_BUFFER_BYTES, file)));
        }
    }
    let mut insert = tx.prepare(INSERT_ENTRY).map_err(sql)?;
    merge(sources, &mut |record| insert_record(&mut insert, record, record.pack).map_err(sql))
}

fn open_group<'a>(core: &'a Core, tx: &Connection, names: &[Id]) -> std::result::Result<Vec<Source<'a>>, Ended> {
    let mut sources = Vec::with_capacity(names.len());
    for name in names {
        let mut reader = match SegmentReader::open(core, name) {
            Ok(reader) => reader,
            // Superseded and deleted since it was listed.
            Err(error) if error.code() == Code::FileNotFound => continue,
            Err(error) if is_damage(&error) => return Err(Ended::Damaged(*name)),
            Err(error) => return Err(error.into()),
        };
        let packs = std::mem::take(&mut reader.packs);
        let numbers = insert_packs(tx, name, &packs).map_err(sql)?.unwrap_or_default();
        sources.push(Source::Segment(Box::new(reader), numbers));
    }
    Ok(sources)
}

pub(super) fn merge(
    mut sources: Vec<Source<'_>>,
    each: &mut dyn FnMut(&Record) -> Result<()>,
) -> std::result::Result<(), Ended> {
    let next = |source: &mut Source<'_>| match (source.next(), source.segment()) {
        (Err(error), Some(name)) if is_damage(&error) => Err(Ended::Damaged(name)),
        (answer, _) => answer.map_err(Ended::Failed),
    };
    let mut heads: Vec<Option<Record>> = Vec::with_capacity(sources.len());
    let mut heap = BinaryHeap::with_capacity(sources.len());
    for (at, source) in sources.iter_mut().enumerate() {
        let head = next(source)?;
        heap.extend(head.map(|record| Reverse((record.key, at))));
        heads.push(head);
    }
    while let Some(mut least) = heap.peek_mut() {
        let Reverse((_, at)) = *least;
        if let Some(record) = heads[at].take() {
            each(&record)?;
        }
        heads[at] = next(&mut sources[at])?;
        match &heads[at] {
            Some(record) => *least = Reverse((record.key, at)),
            None => _ = PeekMut::pop(least),
        }
    }
    Ok(())
}

/// A record in a run: its pack's number, its length, and the record as in a segment.
fn write_to_run(out: &mut impl Write, record: &Record) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(96);
    put_record(&mut bytes, &Record { pack: 0, ..*record });
    out.write_all(&record.pack.to_le_bytes())?;
    out.write_all(&[bytes.len() as u8])?;
    out.write_all(&bytes)
}

fn read_from_run(file: &mut impl Read) -> Result<Option<Record>> {
    let (mut start, mut bytes) = ([0; 5], [0; 255]);
    match file.read_exact(&mut start) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        answer => answer.at("read", "a temporary file")?,
    }
    let bytes = &mut bytes[..usize::from(start[4])];
    file.read_exact(bytes).at("read", "a temporary file")?;
    let record = get_record(&mut Cursor::new(bytes, "run"))?;
    Ok(Some(Record { pack: u32::from_le_bytes([start[0], start[1], start[2], start[3]]), ..record }))
}
