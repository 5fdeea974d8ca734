//! Frames of a medium elsewhere, kept on this machine: sealed as they came, each with the SHA-256 of its bytes before it.
//!
//! `frames/<pack>-<n>` below the cache directory of the repository. It saves requests and nothing else: whatever fails here
//! is as if it had not been kept. The oldest go when it has grown over its bound.

use crate::fs::{PRIVATE_DIR, create_dir_durable};
use crate::id::Id;
use crate::object::hash;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Bytes of all frames that are kept.
const BYTES_MAX: u64 = 512 << 20;
const HASH_BYTES: usize = 32;

/// Frames kept near.
pub(crate) struct Near {
    dir: PathBuf,
    bytes_max: u64,
    /// Bytes that are there, once they were counted.
    held_bytes: Mutex<Option<u64>>,
}

impl Near {
    /// Keeps them below `cache`.
    pub(super) fn new(cache: &std::path::Path) -> Self {
        Near { dir: cache.join("frames"), bytes_max: BYTES_MAX, held_bytes: Mutex::new(None) }
    }

    /// The bytes of a frame, if they are here and as they were.
    pub(super) fn get(&self, pack: &Id, frame: u32, len: usize) -> Option<Vec<u8>> {
        let path = self.path(pack, frame);
        let mut bytes = std::fs::read(&path).ok()?;
        let sealed = bytes.get(HASH_BYTES..).filter(|sealed| sealed.len() == len)?;
        if hash(sealed).as_bytes().as_slice() != bytes.get(..HASH_BYTES)? {
            let _ = std::fs::remove_file(&path);
            return None;
        }
        Some(bytes.split_off(HASH_BYTES))
    }

    /// Keeps the bytes of a frame.
    pub(super) fn put(&self, pack: &Id, frame: u32, sealed: &[u8]) {
        let mut held = self.held_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match *held {
            Some(bytes) => bytes,
            None => self.files().iter().map(|(_, _, bytes)| bytes).sum(),
        };
        let stored = self.store(pack, frame, sealed).is_some();
        let mut bytes = before + if stored { sealed.len() as u64 } else { 0 };
        if bytes > self.bytes_max {
            bytes = self.let_go(bytes);
        }
        *held = Some(bytes);
    }

    fn store(&self, pack: &Id, frame: u32, sealed: &[u8]) -> Option<()> {
        create_dir_durable(&self.dir, PRIVATE_DIR).ok()?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.dir).ok()?;
        file.write_all(hash(sealed).as_bytes()).ok()?;
        file.write_all(sealed).ok()?;
        file.persist(self.path(pack, frame)).ok().map(|_| ())
    }

    /// Removes the oldest until half is left; answers how much that is.
    fn let_go(&self, mut bytes: u64) -> u64 {
        let mut files = self.files();
        files.sort_unstable();
        for (_, path, len) in files {
            if bytes <= self.bytes_max / 2 {
                break;
            }
            if std::fs::remove_file(path).is_ok() {
                bytes = bytes.saturating_sub(len);
            }
        }
        bytes
    }

    fn files(&self) -> Vec<(SystemTime, PathBuf, u64)> {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let file = |entry: std::fs::DirEntry| {
            let meta = entry.metadata().ok()?;
            Some((meta.modified().ok()?, entry.path(), meta.len()))
        };
        entries.flatten().filter_map(file).collect()
    }

    fn path(&self, pack: &Id, frame: u32) -> PathBuf {
        self.dir.join(format!("{pack}-{frame}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_whole_or_gone_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let near = Near { bytes_max: 1_000, ..Near::new(dir.path()) };
        let pack = Id::new([7; 32]);
        assert_eq!(near.get(&pack, 0, 100), None);
        near.put(&pack, 0, &[1; 100]);
        assert_eq!(near.get(&pack, 0, 100).unwrap(), [1; 100]);
        assert_eq!(near.get(&pack, 0, 99), None, "another length than the index says");
        std::fs::write(near.path(&pack, 0), [2; 132]).unwrap();
        assert_eq!(near.get(&pack, 0, 100), None);
        assert!(!near.path(&pack, 0).exists(), "what is damaged goes");
        (1..30).for_each(|frame| near.put(&pack, frame, &[3; 100]));
        let held: u64 = near.files().iter().map(|(_, _, bytes)| bytes).sum();
        assert!(held <= 1_400, "{held} bytes are kept");
        assert!(near.get(&pack, 29, 100).is_some(), "the youngest stays");
    }
}
