//! A medium in memory, for tests and for trying things.

use super::{Backend, Spool, check_name};
use crate::clock::{self, Time};
use crate::error::{Code, Error, IoContext, Result};
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Named bytes in memory.
#[derive(Default)]
pub struct MemBackend {
    files: Mutex<BTreeMap<String, File>>,
    /// By so many seconds its clock is ahead of this machine's.
    ahead_seconds: AtomicI64,
}

struct File {
    bytes: Vec<u8>,
    modified: Time,
}

impl MemBackend {
    /// An empty medium.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets its clock so many seconds forward: what it holds is older by that.
    pub fn advance(&self, seconds: i64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    fn file(&self, bytes: &[u8]) -> File {
        let mut modified = clock::now();
        modified.seconds += self.ahead_seconds.load(Ordering::Relaxed);
        File { bytes: bytes.to_vec(), modified }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, name: &str, look: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        check_name(name)?;
        match self.files().get(name) {
            Some(file) => look(&file.bytes),
            None => Err(Error::new(Code::FileNotFound, format!("there is no {name} in memory"))),
        }
    }
}

impl Backend for MemBackend {
    fn location(&self) -> String {
        "mem:".to_string()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        check_name(name)?;
        self.files().insert(name.to_string(), self.file(bytes));
        Ok(())
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        check_name(name)?;
        let mut files = self.files();
        if files.contains_key(name) {
            return Ok(false);
        }
        files.insert(name.to_string(), self.file(bytes));
        Ok(true)
    }

    fn spool(&self) -> Result<Spool> {
        tempfile::NamedTempFile::new().at("create", "a temporary file")
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        let bytes = fs::read(spool.path()).at("read", spool.path())?;
        self.put(name, &bytes)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.with(name, |bytes| Ok(bytes.to_vec()))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.with(name, |bytes| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            bytes
                .get(start..start.saturating_add(len))
                .map(<[u8]>::to_vec)
                .ok_or_else(|| Error::new(Code::StorageCorrupted, format!("{name} is shorter than it should be")))
        })
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        check_name(name)?;
        Ok(self.files().get(name).map(|file| file.bytes.len() as u64))
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        check_name(name)?;
        Ok(self.files().get(name).map(|file| file.modified))
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        check_name(prefix)?;
        let start = format!("{prefix}/");
        let names: Vec<(String, u64)> = self
            .files()
            .range(start.clone()..)
            .take_while(|(name, _)| name.starts_with(&start))
            .map(|(name, file)| (name.clone(), file.bytes.len() as u64))
            .collect();
        names.iter().try_for_each(|(name, len)| each(name, *len))
    }

    fn delete(&self, name: &str) -> Result<()> {
        check_name(name)?;
        self.files().remove(name);
        Ok(())
    }
}
