//! An object of any length, put in parts: hashed as a whole, cut into chunks, listed in a recipe.
//!
//! FORMAT section 5. Memory is bounded by the chunker's largest chunk and one recipe node a level, whatever the length.

use super::pack::Alias;
use super::write::{Put, Putter};
use crate::error::Result;
use crate::object::{Class, Hasher, Key, Kind};
use crate::recipe::{Entry, Node, RecipeBuilder};

/// Bytes gathered before they are cut, beyond one largest chunk.
const GATHER_BYTES: usize = 1 << 20;
/// Zeros to feed the whole hash with.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// An object being written.
pub struct ObjectWriter<'p, 'w> {
    putter: &'p mut Putter<'w>,
    kind: Kind,
    hasher: Hasher,
    /// Bytes not cut yet.
    gathered: Vec<u8>,
    len: u64,
    recipe: Option<RecipeBuilder>,
    is_new: bool,
}

impl<'p, 'w> ObjectWriter<'p, 'w> {
    pub(super) fn new(putter: &'p mut Putter<'w>, kind: Kind) -> Self {
        let (hasher, gathered) = (Hasher::new(), Vec::new());
        ObjectWriter { putter, kind, hasher, gathered, len: 0, recipe: None, is_new: false }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// As [`Putter::put`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        self.gathered.extend_from_slice(bytes);
        let largest = self.putter.repo().core().format.sizes.max as usize;
        if self.gathered.len() >= largest + GATHER_BYTES { self.cut(largest) } else { Ok(()) }
    }

    /// Takes a hole: so many zeros that are not stored.
    ///
    /// # Errors
    /// As [`Putter::put`].
    pub fn hole(&mut self, len: u64) -> Result<()> {
        let mut rest = len;
        while rest > 0 {
            let part = rest.min(ZEROS.len() as u64);
            self.hasher.update(&ZEROS[..part as usize]);
            rest -= part;
        }
        self.len += len;
        if self.recipe.is_none() && self.len <= self.putter.avg() as u64 {
            self.gathered.resize(self.gathered.len() + len as usize, 0);
            return Ok(());
        }
        // A chunk ends where a hole begins.
        self.cut(0)?;
        if len > 0 { self.push(Entry::Hole { len }) } else { Ok(()) }
    }

    /// Cuts chunks from what is gathered until at most `keep` bytes are left: zero at the end or before a hole.
    fn cut(&mut self, keep: usize) -> Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        let mut rest = &gathered[..];
        while !rest.is_empty() && rest.len() >= keep.max(1) {
            let len = self.putter.repo().core().chunker.cut(rest);
            let (chunk, after) = rest.split_at(len);
            let id = self.putter.repo().core().chunk_ids.chunk(chunk);
            self.is_new |= self.putter.entry(Key { class: Class::Chunk, id }, self.kind, chunk)?;
            self.push(Entry::Piece { id, len: len as u64 })?;
            rest = after;
        }
        let at = gathered.len() - rest.len();
        self.gathered = gathered;
        self.gathered.drain(..at);
        Ok(())
    }

    fn push(&mut self, entry: Entry) -> Result<()> {
        let mut recipe = self.recipe.take().unwrap_or_default();
        let (putter, is_new) = (&mut *self.putter, &mut self.is_new);
        let pushed = recipe.push(entry, &mut |node| emit(putter, &node, is_new));
        self.recipe = Some(recipe);
        pushed
    }

    /// Ends the object.
    ///
    /// # Errors
    /// As [`Putter::put`].
    pub fn finish(mut self) -> Result<Put> {
        if self.recipe.is_none() && self.gathered.len() <= self.putter.avg() {
            return self.putter.put(self.kind, &self.gathered);
        }
        self.cut(0)?;
        let recipe = self.recipe.take().unwrap_or_default();
        let (putter, is_new) = (&mut *self.putter, &mut self.is_new);
        let root = recipe.finish(&mut |node| emit(putter, &node, is_new))?;
        let id = self.hasher.finish();
        let alias = Alias { id, kind: self.kind, len: self.len, root };
        self.is_new |= self.putter.alias(alias)?;
        Ok(Put { id, len: self.len, is_new: self.is_new })
    }
}

fn emit(putter: &mut Putter<'_>, node: &Node, is_new: &mut bool) -> Result<crate::id::Id> {
    let bytes = node.encode();
    let id = putter.repo().core().chunk_ids.node(&bytes);
    *is_new |= putter.entry(Key { class: Class::Node, id }, Kind::None, &bytes)?;
    Ok(id)
}
