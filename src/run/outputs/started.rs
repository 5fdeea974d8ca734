//! Whose outputs are being made, so that after a kill they are not taken for the user's.
//!
//! A file of items, each ended by a NUL: `P` and a path, or `G` and a glob, where outputs are begun to be made; the same
//! with a small letter once that is over. An item is begun once nothing of the user's stands at it any more, so whatever
//! comes to stand there is larder's. It is over when the state knows what stands there: from then on an edit is told
//! from what larder made. It is advice alone: lost, what a killed task left is moved to `.larder/displaced/` instead of
//! being removed.

use crate::error::{IoContext, Result};
use crate::fs::{PRIVATE_FILE, remove_if_there, write_durable};
use crate::run::pattern::{Pattern, ancestors};
use std::collections::{BTreeSet, HashSet};
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
    /// Whether no outer run writes there, too.
    is_alone: bool,
    /// So much of the file is whole items.
    whole_bytes: u64,
    /// Of runs before this one.
    paths: HashSet<Vec<u8>>,
    globs: Vec<Pattern>,
    /// Open once anything was written.
    file: Mutex<Option<File>>,
}

impl Started {
    /// Reads what killed runs noted in this file, which need not be there. One run at a time may have it open, and those
    /// within it, which are not alone.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED.
    pub fn open(path: &Path, is_alone: bool) -> Result<Self> {
        let (items, whole_bytes) = items_begun(path)?;
        let (mut paths, mut globs) = (HashSet::new(), Vec::new());
        for item in &items {
            match item.split_first() {
                Some((b'P', path)) => _ = paths.insert(path.to_vec()),
                Some((b'G', text)) => {
                    globs.extend(std::str::from_utf8(text).ok().and_then(|text| Pattern::parse(text, b"").ok()))
                }
                _ => {}
            }
        }
        Ok(Started { path: path.to_path_buf(), is_alone, whole_bytes, paths, globs, file: Mutex::default() })
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
        self.append(&outputs.iter().flat_map(|output| item(output, b"PG")).collect::<Vec<u8>>())
    }

    /// Notes that these outputs are not being made any more.
    pub(super) fn forget<'p>(&self, outputs: impl IntoIterator<Item = &'p Pattern>) -> Result<()> {
        let has_some = !self.paths.is_empty() || !self.globs.is_empty() || self.file().is_some();
        if !has_some {
            return Ok(());
        }
        self.append(&outputs.into_iter().flat_map(|output| item(output, b"pg")).collect::<Vec<u8>>())
    }

    fn append(&self, bytes: &[u8]) -> Result<()> {
        let mut file = self.file();
        let file = match &mut *file {
            Some(file) => file,
            None => {
                let opened = OpenOptions::new().append(true).create(true).mode(PRIVATE_FILE).open(&self.path);
                let opened = opened.at("open", &self.path)?;
                // Half an item must not become the beginning of the next.
                if self.is_alone && opened.metadata().at("look at", &self.path)?.len() > self.whole_bytes {
                    opened.set_len(self.whole_bytes).at("cut", &self.path)?;
                }
                file.insert(opened)
            }
        };
        file.write_all(bytes).at("write", &self.path)
    }

    /// The run ends: what is not over stays noted, and nothing else.
    ///
    /// # Errors
    /// FILE_IO, PERMISSION_DENIED, STORAGE_FULL.
    pub fn end(&self) -> Result<()> {
        if self.file().take().is_none() || !self.is_alone {
            return Ok(());
        }
        let (items, _) = items_begun(&self.path)?;
        let left: Vec<u8> = items.into_iter().flat_map(|item| [item.as_slice(), &[0]].concat()).collect();
        if left.is_empty() { remove_if_there(&self.path) } else { write_durable(&self.path, &left, PRIVATE_FILE) }
    }

    fn file(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The items of a file that are not over, and how many of its bytes are whole items. What has no end was cut off by a
/// kill, before anything was made of it.
fn items_begun(path: &Path) -> Result<(BTreeSet<Vec<u8>>, u64)> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => _ = file.take(BYTES_MAX).read_to_end(&mut bytes).at("read", path)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).at("open", path),
    }
    let whole_bytes = bytes.iter().rposition(|byte| *byte == 0).map_or(0, |last| last as u64 + 1);
    let mut begun = BTreeSet::new();
    for item in bytes.split_inclusive(|byte| *byte == 0).filter_map(|item| item.strip_suffix(&[0])) {
        match item.split_first() {
            Some((tag @ (b'p' | b'g'), text)) => _ = begun.remove(&[&[tag.to_ascii_uppercase()], text].concat()),
            Some(_) => _ = begun.insert(item.to_vec()),
            None => {}
        }
    }
    Ok((begun, whole_bytes))
}

/// An item with the tag of paths, or with that of globs.
fn item(output: &Pattern, [of_path, of_glob]: &[u8; 2]) -> Vec<u8> {
    let (tag, text) = match output.as_path() {
        Some(path) => (*of_path, path.to_vec()),
        None => (*of_glob, output.text()),
    };
    [&[tag], text.as_slice(), &[0]].concat()
}
