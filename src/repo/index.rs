//! The index: which pack holds what, in SQLite, derived from the segments.
//!
//! FORMAT section 11. Promise 3: delete `index.sqlite` at any moment and the next command rebuilds it. Rows are
//! written only after the files they speak of are durable; a segment that vanished takes its rows with it before
//! any question is answered.

pub(super) mod failure;
pub(super) mod rows;

use self::failure::{cannot_be_written, is_busy, is_damage, is_sqlite_damage, sql};
use self::rows::{
    INSERT_ENTRY, SCHEMA_VERSION, SELECT_COPIES, drop_unlisted, id_at, insert_packs, insert_record, pack_at, record_at,
    summed_root, unsummed_root,
};
use super::Core;
use super::adopt::STRAYS;
use super::connections::{Borrowed, Connections};
use super::filter::Filter;
use super::roots::Root;
use super::segment::{PackFacts, Record, SegmentReader};
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE_DIR, create_dir_durable};
use crate::id::Id;
use crate::object::{Class, Key};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// So often are the segments listed again when some vanish while they are read.
pub(super) const SYNC_ATTEMPTS: usize = 4;
/// Decoded facts of packs kept in memory.
const PACK_CACHE: usize = 4_096;

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
    /// The directory of what belongs to it.
    pub(super) state: PathBuf,
    pub(super) connections: Connections,
    pub(super) filter: RwLock<Option<Filter>>,
    pub(super) packs: Mutex<HashMap<u32, Arc<PackFacts>>>,
    /// Segments that are there and cannot be read, with why.
    pub(super) damaged: Mutex<Vec<(Id, Error)>>,
    /// What was found damaged since it was opened, for writers that took it for present before.
    pub(super) found_bad: Mutex<Vec<Key>>,
    /// Packs that no segment lists were looked for.
    pub(super) looked_for_strays: AtomicBool,
    /// Where it is while its own place cannot be written to.
    _temporary: Option<tempfile::TempDir>,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index {
    /// Opens the index and brings it up to the segments that are there; makes it anew where it is absent, damaged,
    /// or another repository's. On a medium that is full or must not be written to, it is made for this process alone.
    ///
    /// # Errors
    /// CACHE_ERROR, and what reading segments can answer.
    pub(crate) fn open(core: &Core) -> Result<Self> {
        match Self::open_in(core, &core.local.cache, None) {
            Err(error) if cannot_be_written(&error) => {
                let dir = tempfile::Builder::new().prefix("larder-index-").tempdir().at("create", "a directory")?;
                let path = dir.path().to_path_buf();
                Self::open_in(core, &path, Some(dir))
            }
            answer => answer,
        }
    }

    fn open_in(core: &Core, dir: &Path, temporary: Option<tempfile::TempDir>) -> Result<Self> {
        let (path, state) = (dir.join("index.sqlite"), dir.join("state"));
        create_dir_durable(&state, PRIVATE_DIR)?;
        let index = Index {
            connections: Connections::new(path.clone(), state.join("index.lock")),
            path,
            state,
            filter: RwLock::default(),
            packs: Mutex::default(),
            damaged: Mutex::default(),
            found_bad: Mutex::default(),
            looked_for_strays: AtomicBool::new(false),
            _temporary: temporary,
        };
        if !index.is_usable(core)? {
            index.rebuild_if_unusable(core)?;
        }
        match index.sync(core) {
            Err(error) if is_sqlite_damage(&error) => {
                index.rebuild(core)?;
                index.sync(core)?;
            }
            answer => answer?,
        }
        Ok(index)
    }

    /// Whether there is an index of this repository and version.
    ///
    /// # Errors
    /// What says nothing about the index: that it is busy, or cannot be written to.
    pub(super) fn is_usable(&self, core: &Core) -> Result<bool> {
        if !self.path.exists() {
            return Ok(false);
        }
        let read = self.with(|db| {
            let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            let owner: Option<Vec<u8>> =
                db.query_row("SELECT value FROM meta WHERE name = 'owner'", [], |row| row.get(0)).optional()?;
            Ok(version == SCHEMA_VERSION && owner.as_deref() == Some(owner_of(core).as_slice()))
        });
        match read {
            Err(error) if cannot_be_written(&error) || is_busy(&error) => Err(error),
            answer => Ok(answer.unwrap_or(false)),
        }
    }

    pub(super) fn take(&self) -> Result<Borrowed> {
        let borrowed = self.connections.take()?;
        if borrowed.is_of_new_file {
            locked(&self.packs).clear();
        }
        Ok(borrowed)
    }

    /// Runs `work` with a connection of the pool.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut borrowed = self.take()?;
        let answer = work(&mut borrowed.connection).map_err(sql);
        self.connections.give(borrowed);
        answer
    }

    /// Brings the index up to the segments that are there now. One that is damaged stops nothing, see
    /// [`Index::damaged`].
    ///
    /// # Errors
    /// CACHE_ERROR, and what reading segments can answer.
    pub(crate) fn sync(&self, core: &Core) -> Result<()> {
        // What takes the place of a segment that vanished was there before it went, and is found by listing again.
        (0..SYNC_ATTEMPTS).try_fold(true, |again, _| if again { self.sync_once(core) } else { Ok(false) }).map(|_| ())
    }

    /// Answers whether a segment vanished between listing and reading it.
    fn sync_once(&self, core: &Core) -> Result<bool> {
        // Numbers of packs mean something in one file only: what follows speaks of the file that is there now.
        if self.connections.renew() {
            locked(&self.packs).clear();
        }
        // Before the listing: what others take in between is no segment that vanished.
        let known: HashSet<Id> = self
            .with(|db| db.prepare_cached("SELECT name FROM segments")?.query_map([], |row| id_at(row, 0))?.collect())?;
        let there = list_segments(core)?;
        let (mut vanished, mut damaged) = (false, Vec::new());
        for name in there.difference(&known) {
            match self.take_in(core, name) {
                Ok(()) => {}
                Err(error) if error.code() == Code::FileNotFound => vanished = true,
                Err(error) if is_damage(&error) => damaged.push((*name, error)),
                Err(error) => return Err(error),
            }
        }
        let gone: Vec<Id> = known.difference(&there).copied().filter(|name| *name != STRAYS).collect();
        if !gone.is_empty() {
            self.drop_segments(&gone)?;
        }
        let is_whole = damaged.is_empty();
        *locked(&self.damaged) = damaged;
        if !is_whole {
            self.take_in_strays_once(core)?;
        }
        Ok(vanished)
    }

    fn take_in(&self, core: &Core, name: &Id) -> Result<()> {
        let mut segment = SegmentReader::open(core, name)?;
        let packs = std::mem::take(&mut segment.packs);
        self.add_segment_from(name, &packs, &mut || segment.next())
    }

    /// Takes in a segment just written; `records` are sorted and count into `packs`.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn add_segment(&self, name: &Id, packs: &[PackFacts], records: &[Record]) -> Result<()> {
        let mut rest = records.iter();
        self.add_segment_from(name, packs, &mut || Ok(rest.next().copied()))
    }

    /// Takes in a segment just written that says again what is known of each of its packs. One that may say more is left to
    /// [`Index::sync`], which reads it.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn add_known(&self, name: &Id, packs: &[PackFacts]) -> Result<()> {
        self.with(|db| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            match insert_packs(&tx, name, packs)? {
                Some(numbers) if numbers.iter().all(Option::is_none) => tx.commit(),
                _ => Ok(()),
            }
        })
    }

    fn add_segment_from(
        &self,
        name: &Id,
        packs: &[PackFacts],
        next: &mut dyn FnMut() -> Result<Option<Record>>,
    ) -> Result<()> {
        let mut filter = self.filter.write().unwrap_or_else(PoisonError::into_inner);
        if filter.is_none() {
            *filter = Filter::open(&self.filter_path(), self.note("filter")?.unwrap_or(0) as u64)?;
        }
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
    pub(super) fn drop_segments(&self, names: &[Id]) -> Result<()> {
        self.with(|db| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            for name in names {
                let no = "(SELECT no FROM segments WHERE name = ?1)";
                tx.execute(&format!("DELETE FROM listed WHERE segment = {no}"), [name.as_bytes()])?;
                tx.execute("DELETE FROM segments WHERE name = ?1", [name.as_bytes()])?;
            }
            drop_unlisted(&tx)?;
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
            // One transaction for all: each of its own looks at the file's lock and log again.
            let tx = db.transaction()?;
            let mut statement = tx.prepare_cached(SELECT_COPIES)?;
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
        if let Some(filter) = Filter::open(&self.filter_path(), tag as u64)?.filter(|filter| !filter.is_full()) {
            *slot = Some(filter);
            return Ok(());
        }
        let count = self.stats()?.entries;
        let mut filter = Filter::create(&self.filter_path(), count * 2)?;
        self.for_each(&mut |record| {
            filter.insert(&record.key);
            Ok(true)
        })?;
        *slot = Some(filter.finish(tag as u64)?);
        Ok(())
    }

    pub(super) fn filter_path(&self) -> PathBuf {
        self.state.join("filter")
    }

    /// What is known of a pack.
    ///
    /// # Errors
    /// CHUNK_NOT_FOUND when it left the index since its number was looked up; CACHE_ERROR; STORAGE_CORRUPTED when the
    /// row is not as it was written.
    pub(crate) fn pack(&self, number: u32) -> Result<Arc<PackFacts>> {
        if let Some(facts) = locked(&self.packs).get(&number) {
            return Ok(facts.clone());
        }
        let facts = self.with(|db| {
            db.prepare_cached("SELECT no, name, kind, file_bytes, salt, key_id, frames FROM packs WHERE no = ?1")?
                .query_row([number], |row| Ok(pack_at(row)))
                .optional()
        })?;
        let gone = || Error::new(Code::ChunkNotFound, "a pack has left the index");
        let facts = Arc::new(facts.ok_or_else(gone)??.1);
        let mut cache = locked(&self.packs);
        if cache.len() >= PACK_CACHE {
            cache.clear();
        }
        cache.insert(number, facts.clone());
        Ok(facts)
    }

    /// Remembers that copies in a pack are damaged: absent to writers, tried last by readers.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn mark_bad(&self, keys: &[Key], pack: u32) -> Result<()> {
        let fresh = self.with(|db| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let mut fresh = 0;
            for key in keys {
                fresh += tx.prepare_cached("INSERT OR IGNORE INTO bad VALUES(?1, ?2, ?3)")?.execute(params![
                    key.class.code(),
                    key.id.as_bytes(),
                    pack
                ])?;
            }
            if fresh > 0 {
                tx.execute(
                    "INSERT INTO meta VALUES('losses', 1) ON CONFLICT(name) DO UPDATE SET value = value + 1",
                    [],
                )?;
            }
            tx.commit()?;
            Ok(fresh)
        })?;
        if fresh > 0 {
            locked(&self.found_bad).extend(keys);
        }
        Ok(())
    }

    /// Keys of copies that were found damaged since the index was opened, without the first `known` of them.
    pub(super) fn found_bad_since(&self, known: usize) -> Vec<Key> {
        locked(&self.found_bad).get(known..).map_or_else(Vec::new, <[Key]>::to_vec)
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

    /// Every segment, the oldest first, with how many packs it lists.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn segment_sizes(&self) -> Result<Vec<(Id, usize)>> {
        self.with(|db| {
            db.prepare_cached(
                "SELECT s.name, count(l.pack) FROM segments AS s LEFT JOIN listed AS l ON l.segment = s.no
                 WHERE s.name <> ?1 GROUP BY s.no ORDER BY s.no",
            )?
            .query_map([STRAYS.as_bytes()], |row| Ok((id_at(row, 0)?, row.get::<_, u32>(1)? as usize)))?
            .collect()
        })
    }

    /// Verified root records kept here, by name; `None` where one is not as it was kept.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub(crate) fn cached_roots(&self) -> Result<Vec<(Id, Option<Root>)>> {
        self.with(|db| {
            let mut select = db.prepare_cached("SELECT name, record FROM roots")?;
            // Read one by one: together they are as large as all that they say.
            let rows = select.query_map([], |row| {
                let (name, kept) = (id_at(row, 0)?, row.get(1)?);
                Ok((name, unsummed_root(&name, kept).and_then(|record| Root::decode(name, &record).ok())))
            })?;
            rows.collect()
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
                tx.execute(
                    "INSERT OR REPLACE INTO roots VALUES(?1, ?2)",
                    params![name.as_bytes(), summed_root(name, record)],
                )?;
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
pub(super) fn owner_of(core: &Core) -> Vec<u8> {
    use std::os::unix::fs::MetadataExt;
    let mut owner = core.format.id.as_bytes().to_vec();
    owner.extend(core.backend.location().as_bytes());
    if let Some(meta) = core.backend.local_dir().and_then(|dir| dir.metadata().ok()) {
        owner.extend(meta.dev().to_le_bytes());
        owner.extend(meta.ino().to_le_bytes());
    }
    owner
}
