//! `run.sqlite`: what saves `larder run` from doing again what it knows. RUN section 6.
//!
//! Floor 5. Losing the file costs time only; so does anything in it that cannot be read. A row of a task says under
//! which action it was keyed, which record holds its result, and which files that rests on; a row of files says how
//! 128 paths looked and what they held. The numbers of invocations (epochs) connect the two: see [`files`].
//!
//! The file is local and private (mode 0600): it holds names and ids in clear.

pub mod files;
pub(in crate::run) mod pack;
pub mod rows;
pub mod stamp;

use crate::error::{Code, Error, Result};
use crate::fs::{PRIVATE_DIR, boot_id, create_dir_durable, create_private_if_absent, remove_if_there};
use files::Files;
use rows::{PatternRow, RowNo};
use rusqlite::blob::ZeroBlob;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The name of the file.
pub const FILE: &str = "run.sqlite";
/// Changes whenever the schema or a row does: another number means starting anew.
const SCHEMA_VERSION: i64 = 1;
/// How long one process waits for another's transaction.
const BUSY_TIMEOUT_SECONDS: u64 = 60;
/// Room for more files than these is made as they come.
const FILES_RESERVED_MAX: u32 = 4 << 20;
/// So many ways to read manifests are remembered.
const PLANS_MAX: i64 = 8;
const SCHEMA: &str = "
CREATE TABLE plan(digest BLOB PRIMARY KEY, manifest BLOB NOT NULL, used INTEGER NOT NULL, light BLOB NOT NULL,
    whole BLOB NOT NULL);
CREATE TABLE task(n INTEGER PRIMARY KEY, row BLOB NOT NULL);
CREATE TABLE file(n INTEGER PRIMARY KEY, row BLOB NOT NULL);
CREATE TABLE pattern(n INTEGER PRIMARY KEY, text BLOB NOT NULL UNIQUE, row BLOB NOT NULL);
CREATE TABLE note(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

/// The open file, or the wish for one: it is made by the first who writes.
#[derive(Debug)]
pub struct State {
    dir: PathBuf,
    reader: Option<Connection>,
    /// How many changes had been written when it was read, or by itself.
    writes: u32,
}

/// The rows of tasks, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct TaskRows {
    bytes: Vec<u8>,
    /// By number: where a row begins and how long it is.
    places: Vec<(u32, u32)>,
}

/// What is written in one transaction.
#[derive(Debug, Default)]
pub struct Change {
    /// The epoch that the next invocation comes after.
    pub epoch: u32,
    /// How many numbers of files were given away.
    pub files: u32,
    /// How many numbers of tasks were given away.
    pub tasks: u32,
    /// Rows of files.
    pub file_rows: Vec<(u32, Vec<u8>)>,
    /// Rows of tasks.
    pub task_rows: Vec<(RowNo, Vec<u8>)>,
    /// Patterns: number, text, row.
    pub pattern_rows: Vec<(u32, Vec<u8>, Vec<u8>)>,
    /// A manifest as it was read.
    pub plan: Option<PlanRow>,
}

/// A manifest as it was read, packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanRow {
    /// Of the manifest's path and of all that it was read with.
    pub digest: rows::Digest,
    /// The manifest's path.
    pub manifest: Vec<u8>,
    /// What is needed to see that nothing is to be done.
    pub light: Vec<u8>,
    /// The whole.
    pub whole: Vec<u8>,
}

/// Numbers that stand beside the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The last epoch that wrote something.
    pub epoch: u32,
    /// Stamps of epochs up to this one are trusted.
    pub trusted_epoch: u32,
    /// How many numbers of files were given away.
    pub files: u32,
    /// How many numbers of tasks were given away.
    pub tasks: u32,
}

fn sql(error: rusqlite::Error) -> Error {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return Error::new(Code::StorageFull, "the medium of run.sqlite is full").with_source(error);
    }
    Error::new(Code::CacheError, "run.sqlite could not be used")
        .with_source(error)
        .with_hint("it holds only what saves time: delete it if this stays")
}

impl State {
    /// Opens the file in a directory, to read in one transaction. One that is absent, of another version or damaged is
    /// empty; nothing is written.
    pub fn open(dir: &Path) -> State {
        let reader = Self::connect(&dir.join(FILE)).ok().filter(|reader| reader.execute_batch("BEGIN").is_ok());
        let writes = reader.as_ref().and_then(|reader| writes_of(reader).ok()).unwrap_or(0);
        State { dir: dir.to_path_buf(), reader, writes }
    }

    /// Whether another process has written since this was read.
    pub fn is_behind(&self) -> bool {
        let now = Self::connect(&self.dir.join(FILE)).and_then(|connection| writes_of(&connection));
        now.unwrap_or(0) != self.writes
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(BUSY_TIMEOUT_SECONDS))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.execute_batch("PRAGMA synchronous=NORMAL; PRAGMA cache_size=-2048;")?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == SCHEMA_VERSION { Ok(connection) } else { Err(rusqlite::Error::InvalidQuery) }
    }

    /// Whether there is a file that could be read.
    pub fn is_there(&self) -> bool {
        self.reader.is_some()
    }

    /// The directory that the file is in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The numbers that stand beside the rows. After another boot, what is younger than the last completed sync is not
    /// trusted.
    ///
    /// # Errors
    /// CACHE_ERROR, as for every method that reads.
    pub fn counters(&self) -> Result<Counters> {
        let number = |name: &str| -> Result<u32> { Ok(number_of(self.note(name)?)) };
        let is_same_boot = self.note("boot")?.is_some_and(|boot| boot == boot_id().as_bytes() && !boot.is_empty());
        Ok(Counters {
            epoch: number("epoch")?,
            trusted_epoch: if is_same_boot { u32::MAX } else { number("synced")? },
            files: number("files")?,
            tasks: number("tasks")?,
        })
    }

    fn note(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(reader) = &self.reader else { return Ok(None) };
        note_of(reader, name).map_err(sql)
    }

    /// What is needed of a manifest to see that nothing is to be done, as `decode` reads it.
    pub fn plan<T>(&self, digest: &rows::Digest, decode: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>> {
        self.plan_part("SELECT light FROM plan WHERE digest = ?1", digest, decode)
    }

    /// A whole manifest, as `decode` reads it.
    pub fn whole_plan<T>(&self, digest: &rows::Digest, decode: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>> {
        self.plan_part("SELECT whole FROM plan WHERE digest = ?1", digest, decode)
    }

    /// What was last read of a manifest, whatever it was read with, light and whole: for the numbers of its tasks.
    pub fn last_plan(&self, manifest: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Some(reader) = &self.reader else { return Ok(None) };
        let select = "SELECT light, whole FROM plan WHERE manifest = ?1 ORDER BY used DESC LIMIT 1";
        reader.query_row(select, params![manifest], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(sql)
    }

    fn plan_part<T>(&self, select: &str, key: &[u8], decode: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>> {
        let Some(reader) = &self.reader else { return Ok(None) };
        // Where it lies: a copy of it would be as large as what it becomes.
        let part = reader.query_row(select, params![key], |row| Ok(decode(row.get_ref(0)?.as_blob()?)));
        Ok(part.optional().map_err(sql)?.flatten())
    }

    /// All files.
    pub fn files(&self, counters: &Counters) -> Result<Files> {
        let mut files = Files::new();
        files.epoch = counters.epoch.saturating_add(1);
        files.trusted_epoch = counters.trusted_epoch;
        if let Some(reader) = &self.reader {
            // A number that is not true costs no more than address space.
            files.reserve(counters.files.min(FILES_RESERVED_MAX) as usize);
            let mut select = reader.prepare("SELECT n, row FROM file ORDER BY n").map_err(sql)?;
            let mut found = select.query([]).map_err(sql)?;
            while let Some(row) = found.next().map_err(sql)? {
                let number: u32 = row.get(0).map_err(sql)?;
                files.take_row(number, row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).map_err(sql)?);
            }
        }
        // A number that was given away is never given to another path, even if its row was lost.
        files.keep_numbers(counters.files);
        Ok(files)
    }

    /// The rows of the tasks with these numbers, or of all.
    pub fn task_rows(&self, wanted: Option<&[RowNo]>) -> Result<TaskRows> {
        let mut rows = TaskRows::default();
        let Some(reader) = &self.reader else { return Ok(rows) };
        match wanted {
            None => self.each_task_row(&mut |number, bytes| rows.push(number, bytes))?,
            Some(wanted) => {
                let mut select = reader.prepare("SELECT row FROM task WHERE n = ?1").map_err(sql)?;
                for number in wanted {
                    let found = select.query_row(params![number.0], |row| {
                        rows.push(*number, row.get_ref(0)?.as_blob()?);
                        Ok(())
                    });
                    found.optional().map_err(sql)?;
                }
            }
        }
        Ok(rows)
    }

    /// The rows of all tasks, one by one.
    pub fn each_task(&self, each: &mut dyn FnMut(RowNo, rows::RowView<'_>)) -> Result<()> {
        self.each_task_row(&mut |number, bytes| {
            if let Some(row) = pack::checked(bytes).and_then(rows::RowView::read) {
                each(number, row);
            }
        })
    }

    fn each_task_row(&self, each: &mut dyn FnMut(RowNo, &[u8])) -> Result<()> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let mut select = reader.prepare("SELECT n, row FROM task ORDER BY n").map_err(sql)?;
        let mut found = select.query([]).map_err(sql)?;
        while let Some(row) = found.next().map_err(sql)? {
            let bytes = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).map_err(sql)?;
            each(RowNo(row.get(0).map_err(sql)?), bytes);
        }
        Ok(())
    }

    /// All patterns by their text, with their numbers.
    pub fn patterns(&self) -> Result<HashMap<Vec<u8>, (u32, PatternRow)>> {
        let mut patterns = HashMap::new();
        let Some(reader) = &self.reader else { return Ok(patterns) };
        let mut select = reader.prepare("SELECT n, text, row FROM pattern").map_err(sql)?;
        let mut found = select.query([]).map_err(sql)?;
        while let Some(row) = found.next().map_err(sql)? {
            let bytes = row.get_ref(2).and_then(|value| Ok(value.as_blob()?)).map_err(sql)?;
            let decoded = PatternRow::decode(bytes).unwrap_or_default();
            patterns.insert(row.get(1).map_err(sql)?, (row.get(0).map_err(sql)?, decoded));
        }
        Ok(patterns)
    }
}

/// Writing.
impl State {
    /// Writes a change in one transaction. What the rows rest on must be durable. Nothing is written, and the answer is
    /// no, if another process has written since this was read: the numbers in the change may be others by now.
    ///
    /// # Errors
    /// CACHE_ERROR, FILE_IO, STORAGE_FULL.
    pub fn write(&mut self, change: &Change) -> Result<bool> {
        // The snapshot that was read would keep the log from being folded in.
        if let Some(reader) = self.reader.take() {
            let _ = reader.execute_batch("COMMIT");
        }
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let is_first = writes_of(&transaction).map_err(sql)? == self.writes;
        if is_first {
            Self::write_rows(&transaction, change).map_err(sql)?;
            let writes = self.writes.wrapping_add(1);
            let note = "INSERT OR REPLACE INTO note VALUES ('writes', ?1)";
            transaction.execute(note, params![&writes.to_le_bytes()[..]]).map_err(sql)?;
            transaction.commit().map_err(sql)?;
            self.writes = writes;
        } else {
            drop(transaction);
        }
        self.reader = Some(writer);
        Ok(is_first)
    }

    fn write_rows(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
        let mut note = transaction.prepare_cached("INSERT OR REPLACE INTO note VALUES (?1, ?2)")?;
        note.execute(params!["epoch", &change.epoch.to_le_bytes()[..]])?;
        note.execute(params!["files", &change.files.to_le_bytes()[..]])?;
        note.execute(params!["tasks", &change.tasks.to_le_bytes()[..]])?;
        note.execute(params!["boot", boot_id().as_bytes()])?;
        let mut file = transaction.prepare_cached("INSERT OR REPLACE INTO file VALUES (?1, ?2)")?;
        for (number, row) in &change.file_rows {
            file.execute(params![number, row])?;
        }
        let mut task = transaction.prepare_cached("INSERT OR REPLACE INTO task VALUES (?1, ?2)")?;
        for (number, row) in &change.task_rows {
            task.execute(params![number.0, row])?;
        }
        let mut pattern = transaction.prepare_cached("INSERT OR REPLACE INTO pattern VALUES (?1, ?2, ?3)")?;
        for (number, text, row) in &change.pattern_rows {
            pattern.execute(params![number, text, row])?;
        }
        if let Some(plan) = &change.plan {
            // As values of the statement they would be copied twice.
            let (light, whole) = (ZeroBlob(plan.light.len() as u64), ZeroBlob(plan.whole.len() as u64));
            transaction.execute(
                "INSERT OR REPLACE INTO plan VALUES (?1, ?2, ?3, ?4, ?5)",
                params![&plan.digest[..], plan.manifest, change.epoch, light, whole],
            )?;
            let row = transaction.last_insert_rowid();
            for (column, bytes) in [("light", &plan.light), ("whole", &plan.whole)] {
                transaction.blob_open(MAIN_DB, "plan", column, row, false)?.write_all_at(bytes, 0)?;
            }
            transaction.execute(
                "DELETE FROM plan WHERE digest NOT IN (SELECT digest FROM plan ORDER BY used DESC LIMIT ?1)",
                params![PLANS_MAX],
            )?;
        }
        Ok(())
    }

    /// Notes that everything up to an epoch has reached the medium.
    ///
    /// # Errors
    /// As [`State::write`].
    pub fn set_synced(&mut self, epoch: u32) -> Result<()> {
        let writer = self.writer()?;
        writer
            .execute("INSERT OR REPLACE INTO note VALUES ('synced', ?1)", params![&epoch.to_le_bytes()[..]])
            .map_err(sql)?;
        self.reader = Some(writer);
        Ok(())
    }

    /// The connection, of a file that is made anew if it cannot be used.
    fn writer(&mut self) -> Result<Connection> {
        if let Some(connection) = self.reader.take().filter(Connection::is_autocommit) {
            return Ok(connection);
        }
        let path = self.dir.join(FILE);
        create_dir_durable(&self.dir, PRIVATE_DIR)?;
        match Self::connect(&path) {
            Ok(connection) => return Ok(connection),
            // Another process holds it for longer than a transaction lasts: not to be deleted.
            Err(error) if is_busy(&error) => return Err(sql(error)),
            Err(_) => {}
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.as_os_str().to_os_string();
            name.push(suffix);
            remove_if_there(&PathBuf::from(name))?;
        }
        create_private_if_absent(&path)?;
        let connection = Connection::open(&path).map_err(sql)?;
        connection
            .execute_batch(&format!(
                "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE; {SCHEMA} \
                 PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            ))
            .map_err(sql)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sql)?;
        Ok(connection)
    }
}

fn note_of(connection: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.query_row("SELECT value FROM note WHERE name = ?1", params![name], |row| row.get(0)).optional()
}

/// How many changes were ever written.
fn writes_of(connection: &Connection) -> rusqlite::Result<u32> {
    note_of(connection, "writes").map(number_of)
}

fn number_of(note: Option<Vec<u8>>) -> u32 {
    note.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}

impl TaskRows {
    fn push(&mut self, number: RowNo, row: &[u8]) {
        let (Some(body), index) = (pack::checked(row), number.0 as usize) else { return };
        if index >= self.places.len() {
            self.places.resize(index + 1, (0, 0));
        }
        if let Some(place) = self.places.get_mut(index) {
            *place = (self.bytes.len() as u32, body.len() as u32);
            files::make_room(&mut self.bytes, body.len());
            self.bytes.extend_from_slice(body);
        }
    }

    /// The row of a task.
    pub fn get(&self, number: RowNo) -> Option<rows::RowView<'_>> {
        let (at, len) = self.places.get(number.0 as usize).copied()?;
        rows::RowView::read(self.bytes.get(at as usize..at as usize + len as usize).filter(|body| !body.is_empty())?)
    }
}
