//! A file seen as memory: the only unsafe code of the library.
//!
//! A mapped file is undefined behaviour if another program truncates it. Only private files in the local state
//! directory are mapped, which larder alone writes and never shortens; the map is behind a method that copies
//! single words out, so no reference into it escapes.

#![allow(unsafe_code)]

use crate::error::{IoContext, Result};
use memmap2::MmapMut;
use std::fs::File;
use std::path::Path;

/// A private file of a fixed size, read and written as 64-bit words.
pub struct MappedFile {
    map: MmapMut,
}

impl MappedFile {
    /// Maps a file of larder's own, setting its length in bytes (a multiple of 8).
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL.
    pub fn open(file: &File, path: &Path, len_bytes: u64) -> Result<Self> {
        if file.metadata().at("look at", path)?.len() != len_bytes {
            file.set_len(len_bytes).at("set the length of", path)?;
        }
        // SAFETY: the file is private to larder (mode 0600 in its own directory), and nothing of larder shortens it.
        let map = unsafe { MmapMut::map_mut(file) }.at("map", path)?;
        Ok(MappedFile { map })
    }

    /// How many words there are.
    pub fn words(&self) -> usize {
        self.map.len() / 8
    }

    /// One word; zero past the end.
    pub fn get(&self, index: usize) -> u64 {
        let mut bytes = [0; 8];
        if let Some(word) = self.map.get(index * 8..index * 8 + 8) {
            bytes.copy_from_slice(word);
        }
        u64::from_le_bytes(bytes)
    }

    /// Sets one word; nothing past the end.
    pub fn set(&mut self, index: usize, value: u64) {
        if let Some(word) = self.map.get_mut(index * 8..index * 8 + 8) {
            word.copy_from_slice(&value.to_le_bytes());
        }
    }
}
