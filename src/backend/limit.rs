//! A backend that leaves room on the way for others: so many bytes a second up, so many down.
//!
//! Bytes take their turn in one queue for each direction, whatever the number of threads, so the average holds; one
//! request is sent as fast as it goes. Leases do not stand in it: a sign of life that comes an hour late, behind packs,
//! is none.

use super::{Backend, Spool};
use crate::clock::Time;
use crate::error::Result;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes a second; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// To the medium.
    pub up_bytes_per_second: Option<u64>,
    /// From the medium.
    pub down_bytes_per_second: Option<u64>,
}

impl Limits {
    /// Whether there is any.
    pub fn is_any(&self) -> bool {
        self.up_bytes_per_second.is_some() || self.down_bytes_per_second.is_some()
    }
}

/// Keeps to limits.
pub struct LimitBackend {
    inner: Arc<dyn Backend>,
    up: Turns,
    down: Turns,
}

impl LimitBackend {
    /// Asks `inner` no faster than so.
    pub fn new(inner: Arc<dyn Backend>, limits: Limits) -> Self {
        let (up, down) = (Turns::new(limits.up_bytes_per_second), Turns::new(limits.down_bytes_per_second));
        LimitBackend { inner, up, down }
    }

    fn received(&self, name: &str, answer: Result<Vec<u8>>) -> Result<Vec<u8>> {
        self.down.take(name, answer.as_ref().map_or(0, |bytes| bytes.len() as u64));
        answer
    }
}

/// When the next bytes may go.
struct Turns {
    bytes_per_second: Option<u64>,
    free_at: Mutex<Option<Instant>>,
}

impl Turns {
    fn new(bytes_per_second: Option<u64>) -> Self {
        Turns { bytes_per_second: bytes_per_second.map(|rate| rate.max(1)), free_at: Mutex::new(None) }
    }

    /// Waits until so many bytes have had their time.
    fn take(&self, name: &str, bytes: u64) {
        let Some(rate) = self.bytes_per_second.filter(|_| !name.starts_with("leases/")) else { return };
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let until = free_at.unwrap_or(now).max(now) + Duration::from_secs_f64(bytes as f64 / rate as f64);
            *free_at = Some(until);
            until
        };
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
}

impl Backend for LimitBackend {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.up.take(name, bytes.len() as u64);
        self.inner.put(name, bytes)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.up.take(name, bytes.len() as u64);
        self.inner.put_new(name, bytes)
    }

    fn spool(&self) -> Result<Spool> {
        self.inner.spool()
    }

    fn put_spool(&self, name: &str, spool: Spool) -> Result<()> {
        self.up.take(name, spool.as_file().metadata().map_or(0, |meta| meta.len()));
        self.inner.put_spool(name, spool)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.received(name, self.inner.get(name))
    }

    fn get_range(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.received(name, self.inner.get_range(name, offset, len))
    }

    fn stat(&self, name: &str) -> Result<Option<u64>> {
        self.inner.stat(name)
    }

    fn modified(&self, name: &str) -> Result<Option<Time>> {
        self.inner.modified(name)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str, u64) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, each)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.inner.delete(name)
    }

    fn creates_exclusively(&self) -> bool {
        self.inner.creates_exclusively()
    }

    fn local_dir(&self) -> Option<&Path> {
        self.inner.local_dir()
    }

    fn beyond(&self) -> Option<&dyn Backend> {
        self.inner.beyond()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::MemBackend;

    const HOURS: Duration = Duration::from_secs(36_000);

    #[test]
    fn threads_share_one_limit() {
        let limits = Limits { up_bytes_per_second: Some(1_000_000), down_bytes_per_second: None };
        let backend = LimitBackend::new(Arc::new(MemBackend::new()), limits);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let backend = &backend;
                scope.spawn(move || backend.put(name, &[0; 25_000]).unwrap());
            }
        });
        assert!(start.elapsed() >= Duration::from_millis(100));
    }

    #[test]
    fn a_sign_of_life_does_not_wait() {
        let limits = Limits { up_bytes_per_second: Some(1), down_bytes_per_second: Some(1) };
        let backend = LimitBackend::new(Arc::new(MemBackend::new()), limits);
        // Hours of packs have been promised their time.
        for turns in [&backend.up, &backend.down] {
            *turns.free_at.lock().unwrap() = Some(Instant::now() + HOURS);
        }
        let (say, hear) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            assert!(backend.put_new("leases/w/1", &[0; 1_000]).unwrap());
            say.send(backend.get("leases/w/1").unwrap().len()).unwrap();
        });
        assert_eq!(hear.recv_timeout(Duration::from_secs(120)), Ok(1_000));
    }
}
