//! Rows of the stat cache whose directories are gone.
//!
//! What is unchanged is not written again, so no row says when it was last of use. A backup that has walked a source
//! from end to end knows all its directories; once more rows were written than there are directories, it drops the
//! others. So the cache holds at most about three times what is of use.

use super::directory::Directory;
use super::engine::{Engine, locked};
use crate::error::Result;
use crate::state::{DirectoryRow, RowKey, RowNumber, State};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Fewer rows than these are never dropped.
const ROWS_MIN: u64 = 1_000;

/// The directories that a backup has seen, by source.
#[derive(Default)]
pub(super) struct Seen(Mutex<HashMap<Arc<[u8]>, Vec<RowNumber>>>);

impl Seen {
    /// Notes a directory, and as many rows as it may have.
    pub fn note(&self, directory: &Directory) {
        let mut seen = locked(&self.0);
        let rows = seen.entry(directory.root.clone()).or_default();
        rows.extend((0..directory.windows()).map(|part| directory.key(part as u32).number()));
    }

    /// Drops the rows of other directories, where there may be many. Only after a walk that left nothing out.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn prune(&self, engine: &Engine<'_>) -> Result<()> {
        let Some(state) = engine.state() else { return Ok(()) };
        for (root, rows) in locked(&self.0).iter() {
            let name = note_name(root);
            if written(state, &name)? > 2 * rows.len() as u64 + ROWS_MIN {
                state.retain(root, rows)?;
                state.set_note(&name, &(rows.len() as u64).to_le_bytes())?;
            }
        }
        Ok(())
    }
}

/// Counts rows that were written, by source.
///
/// # Errors
/// CACHE_ERROR.
pub(super) fn count_rows(state: &State, rows: &[(RowKey, DirectoryRow)]) -> Result<()> {
    let mut counts: HashMap<&[u8], u64> = HashMap::new();
    rows.iter().for_each(|(key, _)| *counts.entry(&key.root).or_default() += 1);
    for (root, count) in counts {
        let name = note_name(root);
        let count = written(state, &name)? + count;
        state.set_note(&name, &count.to_le_bytes())?;
    }
    Ok(())
}

fn note_name(root: &[u8]) -> String {
    format!("rows of {}", root.escape_ascii())
}

fn written(state: &State, name: &str) -> Result<u64> {
    let value = state.note(name)?.and_then(|value| value.try_into().ok());
    Ok(value.map_or(0, u64::from_le_bytes))
}
