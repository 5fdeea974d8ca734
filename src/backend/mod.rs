//! Places that keep named bytes. Nothing here knows what the bytes mean.
//!
//! Floor 2. A scheme is one file and one row of [`SCHEMES`]; the conformance suite in `tests/backends.rs` runs over every row.
//! Names are relative, `/`-separated, as in FORMAT section 1. Everything is write-once but for `put`, durable on
//! return (promise 4), and safe to call from many threads.

mod cloud;
mod fault;
mod fs;
mod grant;
mod http;
mod limit;
mod location;
mod mem;
mod net;
mod pace;
mod partial;
mod probe;
mod rclone;
mod record;
mod retry;
mod sftp;
mod stdio;
mod token;
mod variables;
mod web;

pub use fault::{Fault, FaultBackend, Plan};
pub use fs::FsBackend;
pub use grant::{Grant, GrantBackend, HELD_BYTES_MAX, TAKEN_BYTES_MAX, named_sum, take};
pub use http::{ERROR_HEADER, MODIFIED_HEADER, PROTOCOL_HEADER, VERSION};
pub use limit::{LimitBackend, Limits};
pub use location::{Access, Location, SCHEMES, Scheme};
pub use mem::MemBackend;
pub use pace::PaceBackend;
pub(crate) use pace::askers;
pub use partial::PartialBackend;
pub use probe::{Creation, Probe, probe};
pub use record::{Call, Operation, RecordBackend};
pub use retry::{Patience, RetryBackend};
pub use stdio::{Program, StdioBackend, serve};
pub use token::Token;
pub use variables::Variables;

use crate::clock::Time;
use crate::error::{Code, IoContext, Result, fail};
use crate::fs::{PRIVATE_DIR, create_dir_durable};
use std::path::Path;

/// A file being written that will get its name when it is whole. Dropped without [`Backend::put_spool`], it vanishes.
pub type Spool = tempfile::NamedTempFile;

/// What is got at once, and may be put at once, is no longer than this, in bytes: a file of it fits the memory budget
/// several times over. Whoever finds a longer one has found damage.
pub const GET_BYTES_MAX: u64 = 64 << 20;

/// A place that keeps named bytes.
pub trait Backend: Send + Sync {
    /// Where it is, for messages: never with credentials.
    fn location(&self) -> String;

    /// Creates or replaces a small file, whole or not at all.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL, PERMISSION_DENIED, and the network codes of remote media.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Creates a small file; false, and nothing changed, if the name is taken.
    ///
    /// # Errors
    /// As [`Backend::put`].
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool>;

    /// A temporary file from which [`Backend::put_spool`] is cheap.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL.
    fn spool(&self) -> Result<Spool>;

    /// Gives a finished spool its name.
    ///
    /// # Errors
    /// As [`Backend::put`].
    fn put_spool(&self, name: &str, spool: Spool) -> Result<()>;

    /// A whole small file.
    ///
    /// # Errors
    /// FILE_NOT_FOUND when there is none of this name; STORAGE_CORRUPTED when it is longer than [`GET_BYTES_MAX`]; FILE_IO
    /// and network codes.
    fn get(&self, name: &str) -> Result<Vec<u8>>;

    /// Exactly `len` bytes from `offset`.
    ///
    /// # Errors
    /// FILE_NOT_FOUND; STORAGE_CORRUPTED when the file is shorter.
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>>;

    /// The length of a file in bytes, `None` if there is none.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    fn stat(&self, name: &str) -> Result<Option<u64>>;

    /// Calls `each` with the name and length of every file below the directory `prefix` (such as `packs`), in no
    /// order. Temporary files are not listed. A directory that is not there is empty.
    ///
    /// # Errors
    /// FILE_IO, network codes, and what `each` answers.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()>;

    /// Deletes a file; no failure if it is not there.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED, network codes.
    fn delete(&self, name: &str) -> Result<()>;

    /// When a file was last written, by the medium's own clock and never by that of whoever wrote it; `None` where the
    /// medium has no such clock, or no such file. By it a writer that went silent is told from one that is at work.
    ///
    /// # Errors
    /// FILE_IO and network codes.
    fn modified(&self, _name: &str) -> Result<Option<Time>> {
        Ok(None)
    }

    /// Whether of several [`Backend::put_new`] of one name at once one wins, as far as the medium itself can tell.
    fn creates_exclusively(&self) -> bool {
        true
    }

    /// The directory, when the medium is one on this machine.
    fn local_dir(&self) -> Option<&Path> {
        None
    }

    /// The medium from which packs are read that are not here on purpose; `None` where everything is here.
    fn beyond(&self) -> Option<&dyn Backend> {
        None
    }
}

/// A spool of a medium that is not of this machine: in a directory of ours, or the system's.
fn spool_in(dir: Option<&Path>) -> Result<Spool> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("spool-");
    match dir {
        Some(dir) => {
            create_dir_durable(dir, PRIVATE_DIR)?;
            builder.tempfile_in(dir).at("create a file in", dir)
        }
        None => builder.tempfile().at("create", "a temporary file"),
    }
}

/// Refuses what is not a name in a repository: empty parts, `.` and `..` would lead elsewhere.
fn check_name(name: &str) -> Result<()> {
    let is_sound = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    if name.split('/').all(is_sound) {
        Ok(())
    } else {
        fail(Code::InvalidArg, format!("`{}` is not a name in a repository", name.escape_debug()))
    }
}
