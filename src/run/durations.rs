//! Remembered durations of tasks: they decide what goes first, and may be lost.

use crate::error::{IoContext, Result};
use crate::fs::{PRIVATE_FILE, write_durable};
use crate::object::hash;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const FILE: &str = "durations";
const MAGIC: &[u8; 8] = b"larder-1";
const ROW_BYTES: usize = 12;
/// More rows than these are not read: names that tasks once had are forgotten then.
const ROWS_MAX: usize = 1 << 20;

/// How long tasks took when they last ran, by the hash of their name.
#[derive(Debug)]
pub struct Remembered {
    path: PathBuf,
    rows: HashMap<u64, u32>,
    is_changed: bool,
}

impl Remembered {
    /// What is remembered in this directory; nothing, if that cannot be read.
    pub fn load(dir: &Path) -> Remembered {
        let path = dir.join(FILE);
        let bytes = std::fs::read(&path).unwrap_or_default();
        let rows = bytes.strip_prefix(MAGIC).unwrap_or_default().chunks_exact(ROW_BYTES).take(ROWS_MAX);
        let rows = rows.filter_map(|row| {
            let (name, ms) = row.split_at_checked(8)?;
            Some((u64::from_le_bytes(name.try_into().ok()?), u32::from_le_bytes(ms.try_into().ok()?)))
        });
        Remembered { path, rows: rows.collect(), is_changed: false }
    }

    /// How long a task took.
    pub fn ms(&self, task: &str) -> Option<u64> {
        self.rows.get(&row_of(task)).map(|ms| u64::from(*ms))
    }

    /// The average, for those that never ran; at least 1.
    pub fn average_ms(&self) -> u64 {
        let sum: u64 = self.rows.values().map(|ms| u64::from(*ms)).sum();
        (sum / (self.rows.len() as u64).max(1)).max(1)
    }

    /// Remembers how long a task took.
    pub fn set(&mut self, task: &str, ms: u64) {
        if self.rows.len() < ROWS_MAX {
            self.rows.insert(row_of(task), u32::try_from(ms).unwrap_or(u32::MAX));
            self.is_changed = true;
        }
    }

    /// Writes down what changed.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL, PERMISSION_DENIED.
    pub fn save(&self) -> Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let mut rows: Vec<(&u64, &u32)> = self.rows.iter().collect();
        rows.sort_unstable();
        let mut bytes = MAGIC.to_vec();
        for (name, ms) in rows {
            bytes.extend(name.to_le_bytes());
            bytes.extend(ms.to_le_bytes());
        }
        if let Some(dir) = self.path.parent() {
            std::fs::create_dir_all(dir).at("create the directory", dir)?;
        }
        write_durable(&self.path, &bytes, PRIVATE_FILE)
    }
}

fn row_of(task: &str) -> u64 {
    u64::from_le_bytes(hash(task.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_comes_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut all = Remembered::load(dir.path());
        assert_eq!((all.ms("build"), all.average_ms()), (None, 1));
        all.set("build", 40);
        all.set("test", u64::MAX);
        all.set("build", 20);
        all.save().expect("saved");
        let all = Remembered::load(dir.path());
        assert_eq!((all.ms("build"), all.ms("test")), (Some(20), Some(u64::from(u32::MAX))));
        #[allow(clippy::disallowed_methods)]
        std::fs::write(dir.path().join(FILE), b"nonsense").expect("written");
        assert_eq!(Remembered::load(dir.path()).ms("build"), None);
    }
}
