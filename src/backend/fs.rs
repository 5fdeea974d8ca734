//! A directory on this machine.
//!
//! Scheme `file:` or a plain path. Files appear by rename after an fsync; their directory is synced after.

use super::{Backend, GET_BYTES_MAX, Spool, check_name};
use crate::clock::Time;
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::fs::{
    PRIVATE_DIR, PRIVATE_FILE, create_dir_durable, create_durable, remove_if_there, sync_dir, write_durable,
};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Ranges up to this many bytes are read without asking for the length of the file first.
const UNCHECKED_RANGE: usize = 2 << 20;

/// A directory that keeps named bytes.
pub struct FsBackend {
    root: PathBuf,
    temp: PathBuf,
}

impl FsBackend {
    /// The directory `root`, which need not exist before the first write. Spools live in `root/tmp`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        FsBackend { temp: root.join("tmp"), root }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        check_name(name).map(|()| self.root.join(name))
    }

    fn path_for_writing(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name)?;
        if let Some(dir) = path.parent() {
            create_dir_durable(dir, PRIVATE_DIR)?;
        }
        Ok(path)
    }
}

impl Backend for FsBackend {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_durable(&self.path_for_writing(name)?, bytes, PRIVATE_FILE)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        create_durable(&self.path_for_writing(name)?, bytes, PRIVATE_FILE)
    }

    fn spool(&self) -> Result<Spool> {
        create_dir_durable(&self.temp, PRIVATE_DIR)?;
        tempfile::Builder::new().prefix("spool-").tempfile_in(&self.temp).at("create a file in", &self.temp)
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        let path = self.path_for_writing(name)?;
        spool.as_file().sync_all().at("sync", spool.path())?;
        spool.persist(&path).map_err(|failed| failed.error).at("rename to", &path)?;
        path.parent().map_or(Ok(()), sync_dir)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.path(name)?;
        let file = File::open(&path).at("open", &path)?;
        let mut bytes = Vec::with_capacity(file.metadata().at("look at", &path)?.len().min(GET_BYTES_MAX) as usize);
        file.take(GET_BYTES_MAX + 1).read_to_end(&mut bytes).at("read", &path)?;
        if bytes.len() as u64 > GET_BYTES_MAX {
            let message = format!("{} is longer than a file of its kind can be", path.display());
            return fail(Code::StorageCorrupted, message);
        }
        Ok(bytes)
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let path = self.path(name)?;
        let file = File::open(&path).at("open", &path)?;
        let too_short = || fail(Code::StorageCorrupted, format!("{} is shorter than it should be", path.display()));
        let is_there = || file.metadata().map(|meta| meta.len() >= offset.saturating_add(len as u64));
        // A length from a damaged index must not make us allocate what no file has.
        if (len > UNCHECKED_RANGE || i64::try_from(offset).is_err()) && !is_there().at("look at", &path)? {
            return too_short();
        }
        let mut bytes = vec![0; len];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => too_short(),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        let path = self.path(name)?;
        match fs::metadata(&path) {
            Ok(meta) => Ok(Some(meta.len()).filter(|_| meta.is_file())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", &path, error)),
        }
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        let path = self.path(name)?;
        match fs::metadata(&path) {
            Ok(meta) => Ok(Some(Time { seconds: meta.mtime(), nanoseconds: meta.mtime_nsec() as u32 })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", &path, error)),
        }
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        let top = self.path(prefix)?;
        // Only what is certainly not there is empty: without leases or roots, gc would delete everything.
        match fs::metadata(&top) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(Error::io("list", &top, io::Error::from(io::ErrorKind::NotADirectory))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("list", &top, error)),
        }
        for entry in walkdir::WalkDir::new(&top) {
            let entry = match entry {
                Ok(entry) => entry,
                // Deleted while we listed: gone is gone.
                Err(error) if error.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) => continue,
                Err(error) => return Err(Error::io("list", &top, io::Error::from(error))),
            };
            if !entry.file_type().is_file() || entry.file_name().as_encoded_bytes().starts_with(b".new-") {
                continue;
            }
            let Some(name) = entry.path().strip_prefix(&self.root).ok().and_then(Path::to_str) else { continue };
            match entry.metadata() {
                Ok(meta) => each(name, meta.len())?,
                Err(error) if error.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) => {}
                Err(error) => return Err(Error::io("look at", entry.path(), io::Error::from(error))),
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        remove_if_there(&self.path(name)?)
    }

    fn local_dir(&self) -> Option<&Path> {
        Some(&self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_to_be_ours_is_not_taken_into_memory() {
        let dir = tempfile::tempdir().expect("a directory");
        let backend = FsBackend::new(dir.path());
        let file = File::create(dir.path().join("long")).expect("a file");
        file.set_len(1 << 40).expect("a hole");
        assert_eq!(backend.get("long").expect_err("too long").code(), Code::StorageCorrupted);
        backend.put("short", b"abc").expect("put");
        assert_eq!(backend.get("short").expect("there"), b"abc");
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_not_empty() {
        let dir = tempfile::tempdir().expect("a directory");
        let backend = FsBackend::new(dir.path());
        let list = |prefix: &str| backend.list(prefix, &mut |_, _| Ok(()));
        list("leases").expect("not there is empty");
        std::os::unix::fs::symlink("roots", dir.path().join("roots")).expect("a loop");
        fs::write(dir.path().join("leases"), b"").expect("a file");
        for prefix in ["roots", "leases", "leases/below"] {
            assert!(list(prefix).is_err(), "{prefix}");
        }
    }
}
