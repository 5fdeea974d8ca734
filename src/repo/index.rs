//! The index: which pack holds what, in SQLite, derived from the segments.
//!
//! FORMAT section 11. Promise 3: delete `index.sqlite` at any moment and the next command rebuilds it. Rows are
//! written only after the files they speak of are durable; a segment that vanished takes its rows with it before
//! any question is answered.

use super::Core;
use super::filter::Filter;
use super::pack::PackKind;
use super::segment::{PackFacts, Place, Record, SegmentReader, get_frames, put_frames};
use crate::crypto::seal::random;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE_DIR, create_dir_durable, open_private, remove_if_there};
use crate::id::{Id, ShortId};
use crate::object::{Class, Key, Kind};
use crate::wire::Cursor;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Changes whenever the schema does: another number means a rebuild.
const SCHEMA_VERSION: i64 = 1;
/// How long one process waits for another's transaction.
const BUSY_TIMEOUT_SECONDS: u64 = 60;
/// Decoded facts of packs kept in memory.
const PACK_CACHE: usize = 4_096;

const SCHEMA: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE segments(no INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);
CREATE TABLE packs(no INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, file_bytes INTEGER NOT NULL,
  salt BLOB NOT NULL, key_id BLOB NOT NULL, frames BLOB NOT NULL);
CREATE TABLE listed(segment INTEGER NOT NULL, pack INTEGER NOT NULL, PRIMARY KEY(segment, pack)) WITHOUT ROWID;
CREATE INDEX listed_pack ON listed(pack);
CREATE TABLE entries(class INTEGER NOT NULL, id BLOB NOT NULL, pack INTEGER NOT NULL, frame INTEGER, offset INTEGER,
  length INTEGER NOT NULL, kind INTEGER NOT NULL, root BLOB, PRIMARY KEY(class, id, pack)) WITHOUT ROWID;
CREATE TABLE bad(class INTEGER NOT NULL, id BLOB NOT NULL, pack INTEGER NOT NULL, PRIMARY KEY(class, id, pack)) WITHOUT ROWID;
CREATE TABLE roots(name BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
";

/// One copy of an entry: `pack` is a number of this index.
pub(crate) type Location = Record;

/// Totals for `index stats` and `stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexStats {
    /// Segments.
    pub segments: u64,
    /// Packs.
    pub packs: u64,
    /// Bytes of all packs as files.
    pub pack_bytes: u64,
    /// Entries: objects, chunks, nodes, aliases, each copy counted.
    pub entries: u64,
    /// Raw bytes of all entries.
    pub entry_bytes: u64,
}

/// The index of one replica of a repository.
pub(crate) struct Index {
    pub(super) path: PathBuf,
    filter_path: PathBuf,
    pub(super) pool: Mutex<Vec<Connection>>,
    filter: RwLock<Option<Filter>>,
    packs: Mutex<HashMap<u32, Arc<PackFacts>>>,
}

pub(super) fn sql(error: rusqlite::Error) -> Error {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return Error::new(Code::StorageFull, "the medium of the index is full").with_source(error);
    }
    Error::new(Code::CacheError, "the index could not be used")
        .with_source(error)
        .with_hint("`larder index rebuild` makes it anew from the repository's files")
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index {
    /// Opens the index and brings it up to the segments that are there; makes it anew where it is absent, damaged,
    /// or another repository's.
    ///
    /// # Errors
    /// CACHE_ERROR, and what reading segments can answer.
    pub(crate) fn open(core: &Core) -> Result<Self> {
        let path = core.local.cache.join("index.sqlite");
        let state = core.local.cache.join("state");
        create_dir_durable(&state, PRIVATE_DIR)?;
        let index = Index {
            filter_path: state.join("filter"),
            path,
            pool: Mutex::default(),
            filter: RwLock::default(),
            packs: Mutex::default(),
        };
        match index.is_usable(core) {
            Ok(true) => index.sync(core)?,
            Ok(false) | Err(_) => index.rebuild(core)?,
        }
        Ok(index)
    }

    pub(super) fn connect(path: &Path) -> Result<Connection> {
        open_private(path)?;
        let connection = Connection::open(path).map_err(sql)?;
        connection.busy_timeout(std::time::Duration::from_secs(BUSY_TIMEOUT_SECONDS)).map_err(sql)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-8192; PRAGMA temp_store=FILE;",
            )
            .map_err(sql)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }

    fn is_usable(&self, core: &Core) -> Result<bool> {
        if !self.path.exists() {
            return Ok(false);
        }
        self.with(|db| {
            let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            let owner: Option<Vec<u8>> =
                db.query_row("SELECT value FROM meta WHERE name = 'owner'", [], |row| row.get(0)).optional()?;
            Ok(version == SCHEMA_VERSION && owner.as_deref() == Some(owner_of(core).as_slice()))
        })
    }

    /// Runs `work` with a connection of the pool.
    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let pooled = locked(&self.pool).pop();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => Self::connect(&self.path)?,
        };
        let answer = work(&mut connection).map_err(sql);
        locked(&self.pool).push(connection);
        answer
    }

    /// Makes the index anew from the segments: a merge in key order into a new file, which then takes the name.
    ///
    /// # Errors
    /// CACHE_ERROR, and what reading segments can answer.
    pub(crate) fn rebuild(&self, core: &Core) -> Result<()> {
        locked(&self.pool).clear();
        let new_path = self.path.with_extension(format!("new-{}", std::process::id()));
        for suffix in ["", "-wal", "-shm"] {
            remove_if_there(&append(&new_path, suffix))?;
        }
        let mut db = Self::connect(&new_path)?;
        db.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;").map_err(sql)?;
        db.execute_batch(SCHEMA).map_err(sql)?;
        db.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sql)?;
        let tag = i64::from_le_bytes(random::<8>()?);
        db.execute("INSERT INTO meta VALUES('owner', ?1), ('filter', ?2)", params![owner_of(core), tag])
            .map_err(sql)?;
        // Numbers are never given twice, nor by two makings: what another process cached finds nothing, not the wrong pack.
        let base = u32::from_le_bytes(random()?) >> 2;
        db.execute("INSERT INTO sqlite_sequence VALUES('packs', ?1)", [base]).map_err(sql)?;
        merge_segments(core, &mut db)?;
        db.close().map_err(|(_, error)| sql(error))?;
        open_private(&new_path)?.sync_all().at("sync", &new_path)?;
        for suffix in ["-wal", "-shm"] {
            remove_if_there(&append(&self.path, suffix))?;
        }
        std::fs::rename(&new_path, &self.path).at("rename to", &self.path)?;
        *self.filter.write().unwrap_or_else(PoisonError::into_inner) = None;
        locked(&self.packs).clear();
        Ok(())
    }

    /// Brings the index up to the segments that are there now.
    ///
    /// # Errors
    /// CACHE_ERROR, and what reading segments can answer.
    pub(crate) fn sync(&self, core: &Core) -> Result<()> {
        let there = list_segments(core)?;
        let known: HashMap<Id, i64> = self.with(|db| {
            db.prepare_cached("SELECT name, no FROM segments")?
                .query_map([], |row| Ok((id_at(row, 0)?, row.get(1)?)))?
                .collect()
        })?;
        for name in there.iter().filter(|name| !known.contains_key(name)) {
            let mut segment = match SegmentReader::open(core, name) {
                Ok(segment) => segment,
                // Superseded and deleted since it was listed: what replaces it is listed too, or will be.
                Err(error) if error.code() == Code::FileNotFound => continue,
                Err(error) => return Err(error),
            };
            // The reader checks each record against its own list.
            let packs = segment.packs.clone();
            self.add_segment_from(name, &packs, &mut || segment.next())?;
        }
        let gone: Vec<i64> = known.iter().filter(|(name, _)| !there.contains(name)).map(|(_, no)| *no).collect();
        if gone.is_empty() { Ok(()) } else { self.drop_segments(&gone) }
    }

    /// Takes in a segment just written; `records` are sorted and count into `packs`.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn add_segment(&self, name: &Id, packs: &[PackFacts], records: &[Record]) -> Result<()> {
        let mut rest = records.iter();
        self.add_segment_from(name, packs, &mut || Ok(rest.next().copied()))
    }

    fn add_segment_from(
        &self,
        name: &Id,
        packs: &[PackFacts],
        next: &mut dyn FnMut() -> Result<Option<Record>>,
    ) -> Result<()> {
        let mut filter = self.filter.write().unwrap_or_else(PoisonError::into_inner);
        let mut failed = None;
        self.with(|db| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let Some(numbers) = insert_packs(&tx, name, packs)? else { return Ok(()) };
            {
                let mut insert = tx.prepare_cached(INSERT_ENTRY)?;
                loop {
                    match next() {
                        Ok(Some(record)) => {
                            // A pack that another segment listed brought its entries then.
                            if let Some(number) = numbers[record.pack as usize] {
                                insert_record(&mut insert, &record, number)?;
                                if let Some(filter) = filter.as_mut() {
                                    filter.insert(&record.key);
                                }
                            }
                        }
                        Ok(None) => break,
                        Err(error) => {
                            failed = Some(error);
                            return Ok(());
                        }
                    }
                }
            }
            tx.commit()
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Forgets segments that are gone, and the packs that no other segment lists.
    fn drop_segments(&self, numbers: &[i64]) -> Result<()> {
        self.with(|db| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for no in numbers {
                tx.execute("DELETE FROM listed WHERE segment = ?1", [no])?;
                tx.execute("DELETE FROM segments WHERE no = ?1", [no])?;
            }
            let dead = "SELECT no FROM packs WHERE no NOT IN (SELECT pack FROM listed)";
            tx.execute(&format!("DELETE FROM entries WHERE pack IN ({dead})"), [])?;
            tx.execute(&format!("DELETE FROM bad WHERE pack IN ({dead})"), [])?;
            tx.execute("DELETE FROM packs WHERE no NOT IN (SELECT pack FROM listed)", [])?;
            // What was known to be present may not be so any more: see `generation`.
            tx.execute("INSERT INTO meta VALUES('losses', 1) ON CONFLICT(name) DO UPDATE SET value = value + 1", [])?;
            tx.commit()
        })?;
        locked(&self.packs).clear();
        Ok(())
    }

    /// Every copy of an entry, those known to be bad last.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn lookup(&self, key: &Key) -> Result<Vec<Location>> {
        let copies = self.copies(key)?;
        let (good, bad): (Vec<_>, Vec<_>) = copies.into_iter().partition(|(_, is_bad)| !is_bad);
        Ok(good.into_iter().chain(bad).map(|(record, _)| record).collect())
    }

    /// Every copy that is not known to be bad: what a writer may rely on.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn lookup_good(&self, key: &Key) -> Result<Vec<Location>> {
        Ok(self.copies(key)?.into_iter().filter(|(_, is_bad)| !is_bad).map(|(record, _)| record).collect())
    }

    fn copies(&self, key: &Key) -> Result<Vec<(Record, bool)>> {
        self.with(|db| {
            db.prepare_cached(SELECT_COPIES)?
                .query_map(params![key.class.code(), key.id.as_bytes()], |row| Ok((record_at(row)?, row.get(8)?)))?
                .collect()
        })
    }

    /// The best copy of each of many keys, `None` where there is none, in the order of `keys`; quickest when sorted.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn lookup_many(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<Vec<Option<Location>>> {
        self.with(|db| {
            let mut statement = db.prepare_cached(SELECT_COPIES)?;
            let mut found = Vec::new();
            for key in keys {
                let mut rows = statement.query(params![key.class.code(), key.id.as_bytes()])?;
                let mut best = None;
                while let Some(row) = rows.next()? {
                    let is_bad: bool = row.get(8)?;
                    if best.is_none() || !is_bad {
                        best = Some(record_at(row)?);
                    }
                    if !is_bad {
                        break;
                    }
                }
                found.push(best);
            }
            Ok(found)
        })
    }

    /// Every entry in key order, each copy once. `each` answers false to stop.
    ///
    /// # Errors
    /// CACHE_ERROR, and what `each` answers.
    pub(crate) fn for_each(&self, each: &mut dyn FnMut(&Record) -> Result<bool>) -> Result<()> {
        self.view()?.for_each_from(Class::Whole, each)
    }

    /// Whether a key may be in the index, answered from memory. Made from the table when there is no filter yet.
    ///
    /// # Errors
    /// CACHE_ERROR, FILE_IO.
    pub(crate) fn may_contain(&self, key: &Key) -> Result<bool> {
        if let Some(filter) = self.filter.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(filter.may_contain(key));
        }
        self.load_filter()?;
        let filter = self.filter.read().unwrap_or_else(PoisonError::into_inner);
        Ok(filter.as_ref().is_none_or(|filter| filter.may_contain(key)))
    }

    fn load_filter(&self) -> Result<()> {
        let mut slot = self.filter.write().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some() {
            return Ok(());
        }
        let tag = self
            .with(|db| db.query_row("SELECT value FROM meta WHERE name = 'filter'", [], |row| row.get::<_, i64>(0)))?;
        if let Some(filter) = Filter::open(&self.filter_path, tag as u64)?.filter(|filter| !filter.is_full()) {
            *slot = Some(filter);
            return Ok(());
        }
        let count = self.stats()?.entries;
        let mut filter = Filter::create(&self.filter_path, tag as u64, count * 2)?;
        self.for_each(&mut |record| {
            filter.insert(&record.key);
            Ok(true)
        })?;
        *slot = Some(filter);
        Ok(())
    }

    /// What is known of a pack.
    ///
    /// # Errors
    /// CACHE_ERROR; STORAGE_CORRUPTED when the row is not as it was written.
    pub(crate) fn pack(&self, number: u32) -> Result<Arc<PackFacts>> {
        if let Some(facts) = locked(&self.packs).get(&number) {
            return Ok(facts.clone());
        }
        let facts = self.with(|db| {
            db.prepare_cached("SELECT no, name, kind, file_bytes, salt, key_id, frames FROM packs WHERE no = ?1")?
                .query_row([number], |row| Ok(pack_at(row)))
        })??;
        let facts = Arc::new(facts.1);
        let mut cache = locked(&self.packs);
        if cache.len() >= PACK_CACHE {
            cache.clear();
        }
        cache.insert(number, facts.clone());
        Ok(facts)
    }

    /// Every pack and its number.
    ///
    /// # Errors
    /// As [`Index::pack`].
    pub(crate) fn packs(&self) -> Result<Vec<(u32, PackFacts)>> {
        let rows: Vec<Result<(u32, PackFacts)>> = self.with(|db| {
            db.prepare_cached("SELECT no, name, kind, file_bytes, salt, key_id, frames FROM packs ORDER BY no")?
                .query_map([], |row| Ok(pack_at(row)))?
                .collect()
        })?;
        rows.into_iter().collect()
    }

    /// Every segment, with the numbers of the packs it lists.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn segments(&self) -> Result<Vec<(Id, Vec<u32>)>> {
        let rows: Vec<(Id, u32)> = self.with(|db| {
            db.prepare_cached(
                "SELECT s.name, l.pack FROM segments AS s JOIN listed AS l ON l.segment = s.no ORDER BY s.no, l.pack",
            )?
            .query_map([], |row| Ok((id_at(row, 0)?, row.get(1)?)))?
            .collect()
        })?;
        let mut segments: Vec<(Id, Vec<u32>)> = Vec::new();
        for (name, pack) in rows {
            match segments.last_mut() {
                Some((last, packs)) if *last == name => packs.push(pack),
                _ => segments.push((name, vec![pack])),
            }
        }
        Ok(segments)
    }

    /// Remembers that a copy is damaged: absent to writers, tried last by readers.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn mark_bad(&self, key: &Key, pack: u32) -> Result<()> {
        self.with(|db| {
            db.prepare_cached("INSERT OR IGNORE INTO bad VALUES(?1, ?2, ?3)")?.execute(params![
                key.class.code(),
                key.id.as_bytes(),
                pack
            ])?;
            db.execute("INSERT INTO meta VALUES('losses', 1) ON CONFLICT(name) DO UPDATE SET value = value + 1", [])
        })?;
        Ok(())
    }

    /// Forgets that copies in a pack were found damaged: they were read again and are sound.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn clear_bad(&self, pack: u32) -> Result<()> {
        self.with(|db| db.execute("DELETE FROM bad WHERE pack = ?1", [pack]))?;
        Ok(())
    }

    /// Two numbers that change whenever something that was known to be present may not be so any more: which
    /// making of the index this is, and how often it lost entries.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn epoch(&self) -> Result<(i64, i64)> {
        Ok((self.note("filter")?.unwrap_or(0), self.note("losses")?.unwrap_or(0)))
    }

    /// How many packs there are, and the bytes of all of them as files.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn pack_totals(&self) -> Result<(u64, u64)> {
        let (packs, bytes): (i64, i64) = self.with(|db| {
            db.query_row("SELECT count(*), coalesce(sum(file_bytes), 0) FROM packs", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })?;
        Ok((packs as u64, bytes as u64))
    }

    /// Verified root records kept here, by name.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn cached_roots(&self) -> Result<Vec<(Id, Vec<u8>)>> {
        self.with(|db| {
            db.prepare_cached("SELECT name, record FROM roots")?
                .query_map([], |row| Ok((id_at(row, 0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Makes the kept root records exactly those: `add` come in, `gone` go.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn update_roots(&self, add: &[(Id, Vec<u8>)], gone: &[Id]) -> Result<()> {
        self.with(|db| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for (name, record) in add {
                tx.execute("INSERT OR REPLACE INTO roots VALUES(?1, ?2)", params![name.as_bytes(), record])?;
            }
            for name in gone {
                tx.execute("DELETE FROM roots WHERE name = ?1", [name.as_bytes()])?;
            }
            tx.commit()
        })
    }

    /// A number kept under a name, such as the place of the verify cursor.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn note(&self, name: &str) -> Result<Option<i64>> {
        self.with(|db| db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional())
    }

    /// Keeps a number under a name.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn set_note(&self, name: &str, value: i64) -> Result<()> {
        self.with(|db| db.execute("INSERT OR REPLACE INTO meta VALUES(?1, ?2)", params![name, value]))?;
        Ok(())
    }

    /// Counts and sums.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn stats(&self) -> Result<IndexStats> {
        self.with(|db| {
            let (packs, pack_bytes): (i64, i64) =
                db.query_row("SELECT count(*), coalesce(sum(file_bytes), 0) FROM packs", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let segments: i64 = db.query_row("SELECT count(*) FROM segments", [], |row| row.get(0))?;
            let (entries, entry_bytes): (i64, i64) = db.query_row(
                "SELECT count(*), coalesce(sum(CASE WHEN frame IS NULL THEN 0 ELSE length END), 0) FROM entries",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok(IndexStats {
                segments: segments as u64,
                packs: packs as u64,
                pack_bytes: pack_bytes as u64,
                entries: entries as u64,
                entry_bytes: entry_bytes as u64,
            })
        })
    }

    /// SQLite's own check of the file: `ok`, or what is wrong.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn integrity(&self) -> Result<String> {
        self.with(|db| db.query_row("PRAGMA integrity_check", [], |row| row.get(0)))
    }
}

const SELECT_COPIES: &str = "SELECT class, id, pack, frame, offset, length, kind, root,
  EXISTS (SELECT 1 FROM bad AS b WHERE b.class = e.class AND b.id = e.id AND b.pack = e.pack)
  FROM entries AS e WHERE class = ?1 AND id = ?2";
const INSERT_ENTRY: &str = "INSERT OR IGNORE INTO entries VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// The names of the segments that are there now.
pub(crate) fn list_segments(core: &Core) -> Result<HashSet<Id>> {
    let mut names = HashSet::new();
    core.backend.list("index", &mut |name, _| {
        if let Some(id) = name.rsplit('/').next().and_then(|text| text.parse().ok()) {
            names.insert(id);
        }
        Ok(())
    })?;
    Ok(names)
}

/// Who this index belongs to: the repository and the place it was made at.
fn owner_of(core: &Core) -> Vec<u8> {
    use std::os::unix::fs::MetadataExt;
    let mut owner = core.format.id.as_bytes().to_vec();
    owner.extend(core.backend.location().as_bytes());
    if let Some(meta) = core.backend.local_dir().and_then(|dir| dir.metadata().ok()) {
        owner.extend(meta.dev().to_le_bytes());
        owner.extend(meta.ino().to_le_bytes());
    }
    owner
}

fn append(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn merge_segments(core: &Core, db: &mut Connection) -> Result<()> {
    let mut readers = Vec::new();
    for name in list_segments(core)? {
        match SegmentReader::open(core, &name) {
            Ok(reader) => readers.push(reader),
            Err(error) if error.code() == Code::FileNotFound => {}
            Err(error) => return Err(error),
        }
    }
    let tx = db.transaction().map_err(sql)?;
    let mut numbers = Vec::with_capacity(readers.len());
    for reader in &mut readers {
        let packs = std::mem::take(&mut reader.packs);
        let name = reader.name();
        numbers.push(insert_packs(&tx, &name, &packs).map_err(sql)?.unwrap_or_default());
        reader.packs = packs;
    }
    let mut heap = BinaryHeap::new();
    for (at, reader) in readers.iter_mut().enumerate() {
        if let Some(record) = reader.next()? {
            heap.push(std::cmp::Reverse((record.key, at, HeapRecord(record))));
        }
    }
    {
        let mut insert = tx.prepare(INSERT_ENTRY).map_err(sql)?;
        while let Some(std::cmp::Reverse((_, at, HeapRecord(record)))) = heap.pop() {
            if let Some(number) = numbers[at].get(record.pack as usize).copied().flatten() {
                insert_record(&mut insert, &record, number).map_err(sql)?;
            }
            if let Some(record) = readers[at].next()? {
                heap.push(std::cmp::Reverse((record.key, at, HeapRecord(record))));
            }
        }
    }
    tx.commit().map_err(sql)
}

/// Rides along in the heap without taking part in its order.
struct HeapRecord(Record);
impl PartialEq for HeapRecord {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for HeapRecord {}
impl PartialOrd for HeapRecord {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for HeapRecord {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

/// Enters a segment and its packs. `None` if the segment is in already; else for each pack its number if it is new to
/// the index, so that its entries are wanted.
fn insert_packs(tx: &Connection, name: &Id, packs: &[PackFacts]) -> rusqlite::Result<Option<Vec<Option<u32>>>> {
    if tx.execute("INSERT OR IGNORE INTO segments(name) VALUES(?1)", [name.as_bytes()])? == 0 {
        return Ok(None);
    }
    let segment = tx.last_insert_rowid();
    let mut numbers = Vec::with_capacity(packs.len());
    for pack in packs {
        let mut frames = Vec::new();
        put_frames(&mut frames, &pack.frames);
        let fresh = tx.prepare_cached("INSERT OR IGNORE INTO packs(name, kind, file_bytes, salt, key_id, frames) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
            pack.name.as_bytes(),
            pack.kind as u8,
            pack.file_bytes as i64,
            pack.salt,
            pack.key_id.as_bytes(),
            frames
        ])? > 0;
        let number: u32 = tx
            .prepare_cached("SELECT no FROM packs WHERE name = ?1")?
            .query_row([pack.name.as_bytes()], |row| row.get(0))?;
        tx.prepare_cached("INSERT OR IGNORE INTO listed VALUES(?1, ?2)")?.execute(params![segment, number])?;
        numbers.push(fresh.then_some(number));
    }
    Ok(Some(numbers))
}

fn insert_record(insert: &mut rusqlite::Statement<'_>, record: &Record, pack: u32) -> rusqlite::Result<()> {
    let (frame, offset, len, root) = match record.place {
        Place::Frame { frame, offset, len } => (Some(frame), Some(offset), i64::from(len), None),
        Place::Alias { len, root } => (None, None, len as i64, Some(root)),
    };
    insert.execute(params![
        record.key.class.code(),
        record.key.id.as_bytes(),
        pack,
        frame,
        offset,
        len,
        record.kind.code(),
        root.as_ref().map(Id::as_bytes)
    ])?;
    Ok(())
}

pub(super) fn id_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Id> {
    Ok(Id::new(row.get(column)?))
}

pub(super) fn record_at(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let class = Class::from_code(row.get(0)?).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, 0))?;
    let place = match row.get::<_, Option<u32>>(3)? {
        Some(frame) => Place::Frame { frame, offset: row.get(4)?, len: row.get(5)? },
        None => Place::Alias { len: row.get::<_, i64>(5)? as u64, root: id_at(row, 7)? },
    };
    Ok(Record { key: Key { class, id: id_at(row, 1)? }, pack: row.get(2)?, place, kind: Kind::from_code(row.get(6)?) })
}

pub(super) fn pack_at(row: &rusqlite::Row<'_>) -> Result<(u32, PackFacts)> {
    let read = || -> rusqlite::Result<_> {
        Ok((
            row.get(0)?,
            id_at(row, 1)?,
            row.get(2)?,
            row.get::<_, i64>(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get::<_, Vec<u8>>(6)?,
        ))
    };
    let (number, name, kind, file_bytes, salt, key_id, frames) = read().map_err(sql)?;
    let facts = PackFacts {
        name,
        kind: PackKind::from_code(kind)?,
        file_bytes: file_bytes as u64,
        salt,
        key_id: ShortId::new(key_id),
        frames: get_frames(&mut Cursor::new(&frames, "frame table"))?,
    };
    Ok((number, facts))
}
