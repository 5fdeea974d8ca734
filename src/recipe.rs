//! How a large object is put together: chunk ids and the tree of recipe nodes.
//!
//! Floor 1. Ids here are keyed BLAKE3 hashes: internal, apart from object ids, and useless to who lacks the key.
//! A recipe of any length is built and read with one node a level in memory. FORMAT section 5.

use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::wire::{Cursor, put_varint};

/// A node lists at most so many entries: what a reader allocates for one is bounded.
pub const ENTRIES_MAX: usize = 4096;

/// Recipes have at most so many levels; at 1,024 entries a node that is more than any file system holds.
pub const LEVELS_MAX: usize = 8;

/// No chunk is longer than this, in bytes (the largest `max` of the chunker).
pub const CHUNK_BYTES_MAX: u64 = 8 << 20;

const VERSION: u8 = 1;
const TAG_PIECE: u8 = 0;
const TAG_HOLE: u8 = 1;

/// Names chunks and nodes under a repository's chunk id key.
#[derive(Clone)]
pub struct ChunkIds {
    chunk: [u8; 32],
    node: [u8; 32],
}

impl ChunkIds {
    /// Derives both keys.
    pub fn new(key: &[u8; 32]) -> Self {
        ChunkIds {
            chunk: blake3::derive_key("larder v1 chunk id", key),
            node: blake3::derive_key("larder v1 node id", key),
        }
    }

    /// The id of a chunk.
    pub fn chunk(&self, bytes: &[u8]) -> Id {
        Id::new(*blake3::keyed_hash(&self.chunk, bytes).as_bytes())
    }

    /// The id of an encoded node.
    pub fn node(&self, bytes: &[u8]) -> Id {
        Id::new(*blake3::keyed_hash(&self.node, bytes).as_bytes())
    }
}

impl Drop for ChunkIds {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.chunk);
        zeroize::Zeroize::zeroize(&mut self.node);
    }
}

/// One stretch of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A chunk at level 0, a node of the level below elsewhere.
    Piece {
        /// Its id.
        id: Id,
        /// How many bytes of the object it stands for.
        len: u64,
    },
    /// Zeros that are not stored; at level 0 only.
    Hole {
        /// How many.
        len: u64,
    },
}

impl Entry {
    /// How many bytes of the object it stands for.
    pub fn len(&self) -> u64 {
        match self {
            Entry::Piece { len, .. } | Entry::Hole { len } => *len,
        }
    }

    /// Whether it stands for no bytes, which no encoded entry does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A node ends after an id whose first 8 bytes have their low 10 bits zero: every 1,024 entries on average, at
    /// places that an insertion elsewhere does not move.
    fn ends_node(&self) -> bool {
        matches!(self, Entry::Piece { id, .. } if id.as_bytes()[0] == 0 && id.as_bytes()[1] & 3 == 0)
    }
}

/// A list of entries: of chunks and holes at level 0, of nodes above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// 0 lists chunks, n + 1 lists nodes of level n.
    pub level: u8,
    /// The sum of the entries' lengths, in bytes.
    pub total: u64,
    /// 1 to 4,096 of them.
    pub entries: Vec<Entry>,
}

impl Node {
    /// Its bytes, as FORMAT section 5 has them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.entries.len() * 38);
        out.extend([VERSION, self.level]);
        put_varint(&mut out, self.total);
        put_varint(&mut out, self.entries.len() as u64);
        for entry in &self.entries {
            match entry {
                Entry::Piece { id, len } => {
                    out.push(TAG_PIECE);
                    out.extend_from_slice(id.as_bytes());
                    put_varint(&mut out, *len);
                }
                Entry::Hole { len } => {
                    out.push(TAG_HOLE);
                    put_varint(&mut out, *len);
                }
            }
        }
        out
    }

    /// Reads a node. Allocates for at most [`ENTRIES_MAX`] entries.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when any limit or sum is not kept, or bytes are left over.
    pub fn decode(bytes: &[u8]) -> Result<Node> {
        let mut cursor = Cursor::new(bytes, "recipe node");
        if cursor.u8()? != VERSION {
            return Err(cursor.broken("has an unknown version"));
        }
        let level = cursor.u8()?;
        if usize::from(level) >= LEVELS_MAX {
            return Err(cursor.broken("has a level over its limit"));
        }
        let total = cursor.varint()?;
        let count = cursor.count(ENTRIES_MAX)?;
        // The shortest entry has 2 bytes: a count that the bytes cannot hold must not decide an allocation.
        let mut entries = Vec::with_capacity(count.min(cursor.remaining() / 2));
        let mut sum = 0u64;
        for _ in 0..count {
            let entry = decode_entry(&mut cursor, level)?;
            sum = sum.checked_add(entry.len()).ok_or_else(|| cursor.broken("has lengths that are too large"))?;
            entries.push(entry);
        }
        if entries.is_empty() || sum != total || !cursor.is_empty() {
            return Err(cursor.broken("contradicts itself"));
        }
        Ok(Node { level, total, entries })
    }
}

fn decode_entry(cursor: &mut Cursor<'_>, level: u8) -> Result<Entry> {
    let entry = match cursor.u8()? {
        TAG_PIECE => Entry::Piece { id: cursor.id()?, len: cursor.varint()? },
        TAG_HOLE if level == 0 => Entry::Hole { len: cursor.varint()? },
        _ => return Err(cursor.broken("has an unknown entry")),
    };
    if entry.is_empty() {
        return Err(cursor.broken("has an empty entry"));
    }
    match entry {
        Entry::Piece { len, .. } if level == 0 && len > CHUNK_BYTES_MAX => {
            Err(cursor.broken("has a chunk over its limit"))
        }
        _ => Ok(entry),
    }
}

/// Encodes and stores a node, and answers its id.
pub type Emit<'a> = dyn FnMut(Node) -> Result<Id> + 'a;

/// Builds a recipe from the stretches of an object in order, with one unfinished node a level in memory. The same
/// stretches give the same root.
#[derive(Default)]
pub struct RecipeBuilder {
    /// Unfinished nodes by level; the last one has had no finished node.
    levels: Vec<Vec<Entry>>,
}

impl RecipeBuilder {
    /// Of an object of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next stretch; a hole that follows a hole lengthens it, an empty one is nothing.
    ///
    /// # Errors
    /// INVALID_ARG for a chunk without bytes or over 8 MiB; RESOURCE_EXHAUSTED past 8 levels or 2^64 bytes; what `emit`
    /// fails with.
    pub fn push(&mut self, entry: Entry, emit: &mut Emit<'_>) -> Result<()> {
        match entry {
            Entry::Hole { len: 0 } => return Ok(()),
            Entry::Hole { len } => {
                if let Some(Entry::Hole { len: before }) = self.levels.first_mut().and_then(|level| level.last_mut()) {
                    *before = before.checked_add(len).ok_or_else(too_long)?;
                    return Ok(());
                }
            }
            Entry::Piece { len, .. } if len == 0 || len > CHUNK_BYTES_MAX => {
                return fail(Code::InvalidArg, format!("a chunk cannot have {len} bytes"));
            }
            Entry::Piece { .. } => {}
        }
        self.push_at(0, entry, emit)
    }

    /// Finishes every level; the id of the root node.
    ///
    /// # Errors
    /// INVALID_ARG when nothing was pushed; else as [`RecipeBuilder::push`].
    pub fn finish(mut self, emit: &mut Emit<'_>) -> Result<Id> {
        let mut level = 0;
        while level < self.levels.len() {
            let is_top = level + 1 == self.levels.len();
            match self.levels[level][..] {
                // Only one node was made below: it is the root.
                [Entry::Piece { id, .. }] if is_top && level > 0 => return Ok(id),
                [] => {}
                _ => {
                    let entry = self.emit(level, emit)?;
                    match entry {
                        Entry::Piece { id, .. } if is_top => return Ok(id),
                        _ => self.push_at(level + 1, entry, emit)?,
                    }
                }
            }
            level += 1;
        }
        fail(Code::InvalidArg, "the empty object has no recipe")
    }

    fn push_at(&mut self, level: usize, entry: Entry, emit: &mut Emit<'_>) -> Result<()> {
        if level >= LEVELS_MAX {
            return Err(too_long());
        }
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        // A node is finished only when more comes: until then a hole may still grow at its end, and it may be the root.
        let pending = &self.levels[level];
        if pending.len() == ENTRIES_MAX || pending.last().is_some_and(Entry::ends_node) {
            let node = self.emit(level, emit)?;
            self.push_at(level + 1, node, emit)?;
        }
        self.levels[level].push(entry);
        Ok(())
    }

    fn emit(&mut self, level: usize, emit: &mut Emit<'_>) -> Result<Entry> {
        let entries = std::mem::take(&mut self.levels[level]);
        let mut total = 0u64;
        for entry in &entries {
            total = total.checked_add(entry.len()).ok_or_else(too_long)?;
        }
        let id = emit(Node { level: level as u8, total, entries })?;
        Ok(Entry::Piece { id, len: total })
    }
}

fn too_long() -> Error {
    Error::new(Code::ResourceExhausted, "an object is too long for a recipe")
}

#[cfg(test)]
mod tests;
