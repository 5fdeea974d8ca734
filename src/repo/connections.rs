//! Connections to `index.sqlite`, a file that other processes use and may replace meanwhile.
//!
//! SQLite finds the write-ahead log of a database by name. A file that takes the name of another must therefore come
//! without the other's log, and nobody may open the two from different sides of the change: whoever connects holds
//! `state/index.lock` shared, whoever replaces the file holds it exclusive. A connection to a file that was replaced
//! goes on with what that held; it is not used again, and does not take the log of the new one away when it ends.

use super::index::failure::sql;
use super::index::locked;
use crate::error::{IoContext, Result};
use crate::fs::{open_private, remove_if_there};
use fs2::FileExt;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// How long one process waits for another's transaction.
const BUSY_TIMEOUT_SECONDS: u64 = 60;
/// A write-ahead log that a large transaction made long is cut to this, bytes.
const LOG_BYTES_MAX: u32 = 16 << 20;
/// So many pages of the log are moved into the database. Who opens it first reads the log whole, and with SQLite's own
/// limit of 1,000 that cost a backup of nothing new a quarter of its time.
const LOG_PAGES_MAX: u32 = 128;

/// What a connection holds of the database in memory, KiB: pages above the leaves. Each thread may have one, and what was
/// read before is in the system's memory.
const CACHE_KIB: u32 = 2048;

/// The connections of this process.
pub(super) struct Connections {
    path: PathBuf,
    gate: PathBuf,
    pool: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    /// Device and inode of the file that they lead to.
    file: Option<(u64, u64)>,
    free: Vec<Connection>,
}

/// A connection that is in use.
pub(super) struct Borrowed {
    pub(super) connection: Connection,
    file: (u64, u64),
    /// The first one to a file that took the place of another.
    pub(super) is_of_new_file: bool,
}

impl Connections {
    pub(super) fn new(path: PathBuf, gate: PathBuf) -> Self {
        Connections { path, gate, pool: Mutex::default() }
    }

    /// A free connection, or a new one. An index that is not there is not made.
    pub(super) fn take(&self) -> Result<Borrowed> {
        {
            let mut pool = locked(&self.pool);
            if let (Some(file), Some(connection)) = (pool.file, pool.free.pop()) {
                return Ok(Borrowed { connection, file, is_of_new_file: false });
            }
        }
        let gate = open_private(&self.gate)?;
        FileExt::lock_shared(&gate).at("lock", &self.gate)?;
        let connection = open(&self.path)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sql)?;
        // The log is opened by the first read.
        connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0)).map_err(sql)?;
        let meta = self.path.metadata().at("look at", &self.path)?;
        let file = (meta.dev(), meta.ino());
        let mut pool = locked(&self.pool);
        let is_of_new_file = pool.file.is_some_and(|other| other != file);
        if is_of_new_file {
            pool.free.clear();
        }
        pool.file = Some(file);
        Ok(Borrowed { connection, file, is_of_new_file })
    }

    /// Forgets connections to a file that another has taken the name of. Whether there were any.
    pub(super) fn renew(&self) -> bool {
        let now = self.path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
        let mut pool = locked(&self.pool);
        let is_other = pool.file.is_some() && pool.file != now;
        if is_other {
            *pool = Pool::default();
        }
        is_other
    }

    /// Takes one back that is in no transaction.
    pub(super) fn give(&self, borrowed: Borrowed) {
        let mut pool = locked(&self.pool);
        if pool.file == Some(borrowed.file) && borrowed.connection.is_autocommit() {
            pool.free.push(borrowed.connection);
        }
    }

    /// Lets a database that nobody has open take the name.
    pub(super) fn replace(&self, new_path: &Path) -> Result<()> {
        let gate = open_private(&self.gate)?;
        gate.lock_exclusive().at("lock", &self.gate)?;
        for suffix in ["-wal", "-shm"] {
            remove_if_there(&append(&self.path, suffix))?;
        }
        std::fs::rename(new_path, &self.path).at("rename to", &self.path)?;
        *locked(&self.pool) = Pool::default();
        Ok(())
    }
}

/// Opens a database that is there.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(std::time::Duration::from_secs(BUSY_TIMEOUT_SECONDS)).map_err(sql)?;
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-{CACHE_KIB}; PRAGMA temp_store=FILE; \
             PRAGMA journal_size_limit={LOG_BYTES_MAX}; PRAGMA wal_autocheckpoint={LOG_PAGES_MAX};"
        ))
        .map_err(sql)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// The name of a file that belongs to a database.
pub(super) fn append(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
