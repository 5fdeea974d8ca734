//! A medium that passes everything on, and kills this program after a write.

use crate::scene::repository;
use larder::backend::{Backend, FsBackend, Spool};
use larder::error::Result;
use rustix::process::{Signal, getpid, kill_process};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub struct Killer {
    inner: FsBackend,
    prefix: String,
    /// The write that is the last.
    at: u64,
    /// How long after it.
    delay: Duration,
    written: AtomicU64,
}

impl Killer {
    /// Over the repository of a scene; `at` counts writes of names with this prefix from 1.
    pub fn new(dir: &Path, prefix: &str, at: u64, delay: Duration) -> Killer {
        let inner = FsBackend::new(repository(dir));
        Killer { inner, prefix: prefix.to_string(), at, delay, written: AtomicU64::new(0) }
    }

    /// How many writes there were.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    fn wrote(&self, name: &str) {
        if !name.starts_with(&self.prefix) || self.written.fetch_add(1, Ordering::SeqCst) + 1 != self.at {
            return;
        }
        let delay = self.delay;
        let kill = move || {
            std::thread::sleep(delay);
            kill_process(getpid(), Signal::KILL).unwrap();
        };
        if delay.is_zero() { kill() } else { drop(std::thread::spawn(kill)) }
    }
}

impl Backend for Killer {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.inner.put(name, bytes).inspect(|()| self.wrote(name))
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.inner.put_new(name, bytes).inspect(|_| self.wrote(name))
    }
    fn spool(&self) -> Result<Spool> {
        self.inner.spool()
    }
    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.inner.put_spool(name, spool).inspect(|()| self.wrote(name))
    }
    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.inner.get(name)
    }
    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.inner.get_range(name, offset, len)
    }
    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.inner.stat(name)
    }
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, each)
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name).inspect(|()| self.wrote(name))
    }
    fn local_dir(&self) -> Option<&Path> {
        self.inner.local_dir()
    }
}
