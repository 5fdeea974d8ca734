//! Whose outputs were being made, so that after a kill they are not taken for the user's.
//!
//! A file of items, each ended by a NUL: `P` and a path, or `G` and a glob. An item is written once nothing of the
//! user's stands at it any more, so whatever stands there later is larder's. It is advice for the next run alone: lost,
//! what a killed task left is moved to `.larder/displaced/` instead of being removed.

use crate::error::{IoContext, Result};
use crate::fs::{PRIVATE_FILE, remove_if_there, write_durable};
use crate::run::pattern::{Pattern, ancestors};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What is read of the file at most; more than this was never noted by one run.
const BYTES_MAX: u64 = 256 << 20;

/// The outputs that were begun to be made, by this run and by those that were killed.
#[derive(Debug)]
pub struct Started {
    path: PathBuf,
    /// So much of the file is whole items.
    whole_bytes: u64,
    /// Of killed runs.
    paths: HashSet<Vec<u8>>,
    globs: Vec<Pattern>,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    file: Option<File>,
    /// Items noted by this run, where killed ones noted any.
    noted: HashSet<Vec<u8>>,
}

impl Started {
    /// Reads what killed runs noted in this file, which need not be there. One run at a time may have it open.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED.
    pub fn open(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => _ = file.take(BYTES_MAX).read_to_end(&mut bytes).at("read", path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).at("open", path),
        }
        let whole_bytes = bytes.iter().rposition(|byte| *byte == 0).map_or(0, |last| last as u64 + 1);
        let (mut paths, mut globs) = (HashSet::new(), Vec::new());
        // What has no end was cut off by the kill, before anything was made of it.
        for item in bytes.split_inclusive(|byte| *byte == 0).filter_map(|item| item.strip_suffix(&[0])) {
            match item.split_first() {
                Some((b'P', path)) => _ = paths.insert(path.to_vec()),
                Some((b'G', text)) => {
                    globs.extend(std::str::from_utf8(text).ok().and_then(|text| Pattern::parse(text, b"").ok()))
                }
                _ => {}
            }
        }
        Ok(Started { path: path.to_path_buf(), whole_bytes, paths, globs, now: Mutex::default() })
    }

    /// Whether a path belongs to outputs that a killed run had begun to make.
    pub fn was(&self, path: &[u8]) -> bool {
        let is_named = |path: &[u8]| !path.is_empty() && self.paths.contains(path);
        is_named(path)
            || (!self.paths.is_empty() && ancestors(path).any(is_named))
            || self.globs.iter().any(|glob| glob.matches(path))
    }

    /// Notes outputs at which nothing of the user's stands any more.
    pub(super) fn note(&self, outputs: &[Pattern]) -> Result<()> {
        let mut bytes = Vec::new();
        outputs.iter().for_each(|output| bytes.extend(item(output)));
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut now.file {
            Some(file) => file,
            None => {
                let opened = OpenOptions::new().append(true).create(true).mode(PRIVATE_FILE).open(&self.path);
                let opened = opened.at("open", &self.path)?;
                // Half an item must not become the beginning of the next.
                if opened.metadata().at("look at", &self.path)?.len() > self.whole_bytes {
                    opened.set_len(self.whole_bytes).at("cut", &self.path)?;
                }
                now.file.insert(opened)
            }
        };
        file.write_all(&bytes).at("write", &self.path)?;
        if !self.is_empty() {
            now.noted.extend(outputs.iter().map(item));
        }
        Ok(())
    }

    /// The run ends and all it made is recorded: only what killed runs began and this one did not stays noted.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED, STORAGE_FULL.
    pub fn end(&self) -> Result<()> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.file.take().is_none() {
            return Ok(());
        }
        let before = self.paths.iter().map(|path| item(&Pattern::path(path))).chain(self.globs.iter().map(item));
        let left: Vec<u8> = before.filter(|item| !now.noted.contains(item)).flatten().collect();
        if left.is_empty() { remove_if_there(&self.path) } else { write_durable(&self.path, &left, PRIVATE_FILE) }
    }

    fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.globs.is_empty()
    }
}

fn item(output: &Pattern) -> Vec<u8> {
    let (tag, text) = match output.as_path() {
        Some(path) => (b'P', path.to_vec()),
        None => (b'G', output.text()),
    };
    [&[tag], text.as_slice(), &[0]].concat()
}
