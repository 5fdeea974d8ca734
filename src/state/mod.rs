//! What saves time and is no truth: `state.sqlite`. STORAGE section 5, FORMAT section 11.
//!
//! Floor 4. The stat cache remembers, for each directory of a source, what every name in it looked like when it was
//! stored and as which object: a file that looks the same is not read again. Losing the file costs time only; so does
//! anything in it that cannot be read, which counts as absent. What must never happen is a row that is wrong: a row is
//! committed only after its objects are durable, it carries a checksum over its key and itself, and it knows the
//! generation of the repository in which its objects were known present.
//!
//! The file is local and private (mode 0600): it holds names and ids in clear.

mod row;

pub use row::{DirectoryRow, Fingerprint, Known, RowBuilder, RowEntries, RowHeader};

use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE_DIR, create_dir_durable, create_private_if_absent, open_private, remove_if_there};
use crate::id::ShortId;
use fs2::FileExt;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Changes whenever the schema or the rows do: another number means starting anew.
const SCHEMA_VERSION: i64 = 1;
/// How long one process waits for another's transaction.
const BUSY_TIMEOUT_SECONDS: u64 = 60;
/// So many pages of the log are moved into the database: who opens it first reads the log whole.
const LOG_PAGES_MAX: u32 = 128;
/// Its name.
const FILE: &str = "state.sqlite";
/// Held shared by whoever opens it, exclusive by whoever replaces it.
const GATE: &str = "state/state.lock";
/// `id` is made from the key by [`row_id`]; `root` groups the rows of one source, to drop them together.
const SCHEMA: &str = "
CREATE TABLE directories(id INTEGER PRIMARY KEY, root INTEGER NOT NULL, row BLOB NOT NULL);
CREATE TABLE notes(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

/// The open state file. Used from any thread.
pub struct State {
    /// The directory of the file.
    dir: PathBuf,
    repository: ShortId,
    /// Reads within one transaction, so that a lookup costs no file locks.
    reader: Mutex<Connection>,
    /// Opened for the first change: a backup of what has not changed makes none.
    writer: Mutex<Option<Connection>>,
}

/// Where a row belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// Absolute path of the source.
    pub root: Vec<u8>,
    /// Path of the directory beneath it.
    pub dir: Vec<u8>,
    /// 0; a directory of very many entries has further parts.
    pub part: u32,
}

impl RowKey {
    /// The number under which its row is kept, for [`State::retain`].
    pub fn number(&self) -> RowNumber {
        RowNumber(row_id(self))
    }
}

/// What stands for a [`RowKey`] where there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowNumber(i64);

fn sql(error: rusqlite::Error) -> Error {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return Error::new(Code::StorageFull, "the medium of state.sqlite is full").with_source(error);
    }
    Error::new(Code::CacheError, "state.sqlite could not be used")
        .with_source(error)
        .with_hint("it holds only what saves time: delete it if this stays")
}

fn locked(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Opens `state.sqlite` in a directory; makes it anew where it is absent, damaged or another repository's.
    ///
    /// # Errors
    /// CACHE_ERROR, FILE_IO, STORAGE_FULL.
    pub fn open(dir: &Path, repository: &ShortId) -> Result<Self> {
        let path = dir.join(FILE);
        create_dir_durable(&dir.join("state"), PRIVATE_DIR)?;
        let gate_path = dir.join(GATE);
        let gate = enter(&gate_path)?;
        match Self::open_existing(dir, repository) {
            Ok(Some(state)) => return Ok(state),
            Ok(None) => {}
            // Another process holds it for longer than a transaction lasts: not to be deleted.
            Err(error) if is_busy(&error) => return Err(error),
            Err(_) => {}
        }
        FileExt::unlock(&gate).at("unlock", &gate_path)?;
        FileExt::lock_exclusive(&gate).at("lock", &gate_path)?;
        // Somebody else may have made it meanwhile.
        if let Ok(Some(state)) = Self::open_existing(dir, repository) {
            return Ok(state);
        }
        Self::create(&path, repository)?;
        Self::open_existing(dir, repository)?
            .ok_or_else(|| Error::new(Code::CacheError, format!("{} was changed by another program", path.display())))
    }

    fn open_existing(dir: &Path, repository: &ShortId) -> Result<Option<Self>> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let Some(reader) = connect_own(&path, repository)? else { return Ok(None) };
        let (reader, writer) = (Mutex::new(reader), Mutex::default());
        let state = State { dir: dir.to_path_buf(), repository: *repository, reader, writer };
        state.begin_reading()?;
        Ok(Some(state))
    }

    /// Works with the connection that writes.
    fn write<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match writer.take() {
            Some(connection) => connection,
            None => {
                let _gate = enter(&self.dir.join(GATE))?;
                // Another process may have made it anew since, even for another repository.
                connect_own(&self.dir.join(FILE), &self.repository)?
                    .ok_or_else(|| Error::new(Code::CacheError, "state.sqlite was replaced while it was in use"))?
            }
        };
        work(writer.insert(connection)).map_err(sql)
    }

    fn create(path: &Path, repository: &ShortId) -> Result<()> {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.as_os_str().to_os_string();
            name.push(suffix);
            remove_if_there(&PathBuf::from(name))?;
        }
        let mut connection = connect(path)?;
        let transaction = connection.transaction().map_err(sql)?;
        transaction.execute_batch(SCHEMA).map_err(sql)?;
        transaction
            .execute("INSERT INTO notes VALUES ('repository', ?1)", params![&repository.as_bytes()[..]])
            .map_err(sql)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sql)?;
        transaction.commit().map_err(sql)
    }

    /// Holds a snapshot for reading, but not where that would keep writers out: without a write-ahead log.
    fn begin_reading(&self) -> Result<()> {
        let reader = locked(&self.reader);
        let mode: String = reader.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(sql)?;
        if mode == "wal" { reader.execute_batch("BEGIN").map_err(sql) } else { Ok(()) }
    }

    /// The row of a directory as it was when this state was opened. What is damaged is absent.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn load(&self, key: &RowKey) -> Result<Option<DirectoryRow>> {
        let reader = locked(&self.reader);
        let mut select = reader.prepare_cached("SELECT row FROM directories WHERE id = ?1").map_err(sql)?;
        let found = select.query_row(params![row_id(key)], |row| Ok(row.get_ref(0)?.as_blob()?.to_vec()));
        Ok(found.optional().map_err(sql)?.and_then(|bytes| DirectoryRow::open(bytes, key)))
    }

    /// Writes rows in one transaction. Their objects must be durable.
    ///
    /// # Errors
    /// CACHE_ERROR, STORAGE_FULL.
    pub fn commit(&self, rows: &[(RowKey, DirectoryRow)]) -> Result<()> {
        let mut sorted: Vec<(i64, &RowKey, &DirectoryRow)> =
            rows.iter().map(|(key, row)| (row_id(key), key, row)).collect();
        sorted.sort_unstable_by_key(|(id, ..)| *id);
        self.write(|writer| {
            let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT OR REPLACE INTO directories(id, root, row) VALUES (?1, ?2, ?3)")?;
                for (id, key, row) in sorted {
                    insert.execute(params![id, hash(&[&key.root]), row.bytes()])?;
                }
            }
            transaction.commit()
        })
    }

    /// Forgets every row of a source but those with these numbers.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn retain(&self, root: &[u8], keep: &[RowNumber]) -> Result<()> {
        self.write(|writer| {
            let transaction = writer.transaction()?;
            transaction.execute_batch("CREATE TEMP TABLE keep(id INTEGER PRIMARY KEY)")?;
            {
                let mut insert = transaction.prepare("INSERT OR IGNORE INTO keep VALUES (?1)")?;
                for number in keep {
                    insert.execute(params![number.0])?;
                }
            }
            transaction
                .execute("DELETE FROM directories WHERE root = ?1 AND id NOT IN keep", params![hash(&[root])])?;
            transaction.execute_batch("DROP TABLE keep")?;
            transaction.commit()
        })
    }

    /// A small thing that somebody remembered: a verify cursor, a duration.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>> {
        // Who has written sees that; who has not, the notes as they were when this state was opened.
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match writer.as_ref() {
            Some(writer) => note_in(writer, name),
            None => note_in(&locked(&self.reader), name),
        }
    }

    /// Remembers a small thing; an empty value forgets it.
    ///
    /// # Errors
    /// CACHE_ERROR, STORAGE_FULL.
    pub fn set_note(&self, name: &str, value: &[u8]) -> Result<()> {
        let changed = self.write(|writer| match value.is_empty() {
            true => writer.execute("DELETE FROM notes WHERE name = ?1", params![name]),
            false => writer.execute("INSERT OR REPLACE INTO notes VALUES (?1, ?2)", params![name, value]),
        });
        changed.map(|_| ())
    }
}

/// SQLite finds a write-ahead log by name: nobody may open the file while another process replaces it.
fn enter(gate_path: &Path) -> Result<File> {
    let gate = open_private(gate_path)?;
    FileExt::lock_shared(&gate).at("lock", gate_path)?;
    Ok(gate)
}

/// A connection to the file of this repository and version; `None` where it is another's.
fn connect_own(path: &Path, repository: &ShortId) -> Result<Option<Connection>> {
    let connection = connect(path)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql)?;
    let is_own =
        version == SCHEMA_VERSION && note_in(&connection, "repository")?.as_deref() == Some(&repository.as_bytes()[..]);
    Ok(is_own.then_some(connection))
}

fn note_in(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    connection
        .query_row("SELECT value FROM notes WHERE name = ?1", params![name], |row| row.get(0))
        .optional()
        .map_err(sql)
}

fn connect(path: &Path) -> Result<Connection> {
    create_private_if_absent(path)?;
    let connection = Connection::open(path).map_err(sql)?;
    connection.busy_timeout(std::time::Duration::from_secs(BUSY_TIMEOUT_SECONDS)).map_err(sql)?;
    // NORMAL: a power cut may lose the last rows but leaves none half written. On a medium where a write-ahead log
    // cannot be had, SQLite keeps its rollback journal.
    connection
        .execute_batch(&format!(
            "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-8192; \
             PRAGMA wal_autocheckpoint={LOG_PAGES_MAX};"
        ))
        .map_err(sql)?;
    // A connection to a file that was deleted must not take the log of the one that took its name away.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sql)?;
    Ok(connection)
}

fn is_busy(error: &Error) -> bool {
    let beneath = std::error::Error::source(error).and_then(|source| source.downcast_ref::<rusqlite::Error>());
    let code = beneath.and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}

/// The row number of a key: directories of one parent lie together. Two keys may share a number; the row's checksum
/// covers its key, so the other is then absent.
fn row_id(key: &RowKey) -> i64 {
    let name_at = key.dir.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let (parent, name) = key.dir.split_at(name_at);
    let place = hash(&[&key.root, parent]) as u64 & 0xffff_ffff_0000_0000;
    let number = hash(&[name, &key.part.to_le_bytes()]) as u64 >> 32;
    ((place | number) >> 1) as i64
}

fn hash(parts: &[&[u8]]) -> i64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    i64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    fn key(dir: &str) -> RowKey {
        RowKey { root: b"/home".to_vec(), dir: dir.as_bytes().to_vec(), part: 0 }
    }

    fn row(key: &RowKey, tree: u8) -> DirectoryRow {
        let header = RowHeader { tree: Id::new([tree; 32]), ..RowHeader::default() };
        RowBuilder::new().finish(&header, key)
    }

    fn open(dir: &Path) -> State {
        State::open(dir, &ShortId::new([1; 16])).expect("open")
    }

    #[test]
    fn rows_are_seen_by_the_next_and_not_by_another_repository() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let state = open(dir.path());
        let keys: Vec<RowKey> = ["", "a", "a/b", "b"].into_iter().map(key).collect();
        let rows: Vec<_> = keys.iter().map(|key| (key.clone(), row(key, 7))).collect();
        state.commit(&rows).expect("commit");
        let next = open(dir.path());
        for key in &keys {
            let loaded = next.load(key).expect("load").expect("there");
            assert_eq!(loaded.header().map(|header| header.tree), Some(Id::new([7; 32])));
        }
        next.retain(b"/home", &[keys[0].number()]).expect("retain");
        let third = open(dir.path());
        assert!(third.load(&keys[0]).expect("load").is_some() && third.load(&keys[1]).expect("load").is_none());
        let other = State::open(dir.path(), &ShortId::new([2; 16])).expect("open");
        assert!(other.load(&keys[0]).expect("load").is_none());
    }

    #[test]
    fn a_damaged_file_is_made_anew_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("state.sqlite");
        std::fs::write(&path, "this is no database, however long it may be").expect("write");
        open(dir.path()).set_note("cursor", b"17").expect("set");
        assert_eq!(open(dir.path()).note("cursor").expect("get"), Some(b"17".to_vec()));
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        open(dir.path()).set_note("cursor", b"").expect("forget");
        assert_eq!(open(dir.path()).note("cursor").expect("get"), None);
    }

    #[test]
    fn a_row_under_the_key_of_another_is_absent() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let state = open(dir.path());
        state.commit(&[(key("a"), row(&key("b"), 1))]).expect("commit");
        assert!(open(dir.path()).load(&key("a")).expect("load").is_none());
    }

    #[test]
    fn many_that_open_it_first_at_the_same_time_all_have_it() {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::thread::scope(|scope| (0..16).for_each(|_| _ = scope.spawn(|| open(dir.path()))));
    }
}
