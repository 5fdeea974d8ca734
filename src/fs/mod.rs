//! Files as a medium that must not lose anything: durable writes, private modes, boot and host ids.
//!
//! Floor 0. Promise 4 (done means durable): a file is written under a temporary name, synced, renamed, and its
//! directory synced. The only module that writes files of its own accord.

mod map;

pub use map::MappedFile;

use crate::error::{IoContext, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::OnceLock;

/// Mode of files that hold keys or local state.
pub const PRIVATE_FILE: u32 = 0o600;
/// Mode of directories that hold such files.
pub const PRIVATE_DIR: u32 = 0o700;

/// Writes a whole file so that it is there entirely or not at all, and durable on return.
///
/// # Errors
/// FILE_IO, STORAGE_FULL, PERMISSION_DENIED.
pub fn write_durable(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let dir = parent(path);
    let temp = tempfile::Builder::new().prefix(".new-").tempfile_in(dir).at("create a file in", dir)?;
    let file = temp.as_file();
    rustix::fs::fchmod(file, rustix::fs::Mode::from_raw_mode(mode)).at("set the mode of", temp.path())?;
    temp.as_file().write_all(bytes).at("write", path)?;
    file.sync_all().at("sync", path)?;
    temp.persist(path).map_err(|failed| failed.error).at("rename to", path)?;
    sync_dir(dir)
}

/// Creates a file that must not exist yet, with these bytes, durable on return. False if it exists.
///
/// # Errors
/// FILE_IO, STORAGE_FULL, PERMISSION_DENIED.
pub fn create_durable(path: &Path, bytes: &[u8], mode: u32) -> Result<bool> {
    let dir = parent(path);
    let temp = tempfile::Builder::new().prefix(".new-").tempfile_in(dir).at("create a file in", dir)?;
    rustix::fs::fchmod(temp.as_file(), rustix::fs::Mode::from_raw_mode(mode)).at("set the mode of", temp.path())?;
    temp.as_file().write_all(bytes).at("write", path)?;
    temp.as_file().sync_all().at("sync", path)?;
    match temp.persist_noclobber(path) {
        Ok(_) => sync_dir(dir).map(|()| true),
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(failed) => Err(failed.error).at("rename to", path),
    }
}

/// Makes a directory and its missing parents with this mode; each new one is durable on return.
///
/// # Errors
/// FILE_IO, STORAGE_FULL, PERMISSION_DENIED.
pub fn create_dir_durable(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    create_dir_durable(above, mode)?;
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => sync_dir(above),
        // Who made it beside us may not have synced it yet.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => sync_dir(above),
        Err(error) => Err(error).at("create the directory", path),
    }
}

/// Makes renames and creations in a directory durable.
///
/// # Errors
/// FILE_IO.
pub fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).at("sync the directory", path)
}

/// Opens a file for reading and writing, creating it with a private mode; close-on-exec as all files of Rust are.
///
/// # Errors
/// FILE_IO, PERMISSION_DENIED.
pub fn open_private(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE)
        .open(path)
        .at("open", path)
}

/// Makes an empty private file if there is none of this name. One that is there is not even opened: closing it would
/// drop all locks that this process has on it by `fcntl`, as SQLite does.
///
/// # Errors
/// FILE_IO, STORAGE_FULL, PERMISSION_DENIED.
pub fn create_private_if_absent(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(PRIVATE_FILE).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error).at("create", path),
        _ => Ok(()),
    }
}

/// Removes a file; it is no failure if it is not there.
///
/// # Errors
/// FILE_IO, PERMISSION_DENIED.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", path),
        _ => Ok(()),
    }
}

/// The limit of open files that this process began with, once it was raised.
static FILE_LIMIT_BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// Lets this process open as many files as the system allows it: directories that work waits in have handles.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_ok() {
        let _ = FILE_LIMIT_BEFORE.set(limit);
    }
}

/// The limit of open files that programs expect to find, if this process raised its own.
pub fn file_limit_before() -> Option<Rlimit> {
    FILE_LIMIT_BEFORE.get().cloned()
}

/// The kernel's id of this boot, or an empty text where there is none.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_string()).unwrap_or_default()
}

/// A stable id of this machine, or its host name where there is none.
pub fn host_id() -> String {
    match fs::read_to_string("/etc/machine-id") {
        Ok(text) if !text.trim().is_empty() => text.trim().to_string(),
        _ => host_name(),
    }
}

/// The name of this machine.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
