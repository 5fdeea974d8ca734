//! Large objects as wholes: read from the first byte to the last and compared with their ids.
//!
//! That proves their chunks and their recipe at once, so no chunk needs a hash of its own, and it is the only check of
//! what a faulty machine may have done between hashing a file and cutting it. Of many versions of one file the first
//! is read so; of the others only what is new, chunk by chunk, or each version would cost as much as the first.

use super::data::DataCheck;
use crate::compress::Decompressor;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::{Class, Hasher, Key};
use crate::recipe::{Entry, Node};
use crate::repo::segment::Place;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Frames that a thread keeps open while it reads an object: a writer fills two packs in turn.
const FRAMES_AT_HAND: usize = 4;
/// An object is read as a whole when at least so much of it, in percent, was not read before.
const FRESH_PERCENT: u64 = 50;

/// A chunk of a recipe: its id and length, and where it lies.
#[derive(Clone, Copy)]
struct Chunk {
    id: Id,
    len: u64,
    place: Option<ChunkPlace>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct ChunkPlace {
    pack: usize,
    frame: u32,
    offset: u32,
    len: u32,
}

/// What a thread has at hand.
struct Hand {
    decompressor: Decompressor,
    frames: VecDeque<(usize, u32, Vec<u8>)>,
    /// Frames that count as read if the object that is being read is sound.
    unproven: Vec<(usize, u32)>,
}

impl DataCheck<'_> {
    /// Reads every large object whose recipe is there, in the order of the recipes.
    pub(super) fn large_objects(&self) -> Result<()> {
        let reader = Mutex::new(self.indexed.large.reader());
        let failed = Mutex::new(Ok(()));
        let work = || {
            let mut hand = Hand { decompressor: Decompressor::new(), frames: VecDeque::new(), unproven: Vec::new() };
            loop {
                let next = reader.lock().unwrap_or_else(PoisonError::into_inner).next();
                match next {
                    Ok(Some(record)) if !self.stops() => {
                        if let (Some(id), Some(root)) = (Id::from_slice(&record[12..44]), Id::from_slice(&record[44..]))
                        {
                            self.large_object(&id, &root, &mut hand);
                        }
                    }
                    Ok(_) => return,
                    Err(error) => {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
                        return;
                    }
                }
            }
        };
        std::thread::scope(|scope| (0..self.jobs).for_each(|_| _ = scope.spawn(work)));
        failed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn large_object(&self, id: &Id, root: &Id, hand: &mut Hand) {
        // What is wrong with nodes was found when they were followed, and what does not open is found pack by pack.
        let Ok(node) = self.repo.node(root) else { return };
        if !self.is_fresh(&node).unwrap_or(false) {
            return;
        }
        hand.unproven.clear();
        let mut hasher = Hasher::new();
        let read = self.hash_node(&node, &mut hasher, hand);
        if read.is_ok() && hasher.finish() == *id {
            return;
        }
        // Which chunk it is, if it is one: those that only the whole would have vouched for are looked at singly.
        let found_before = self.findings.entries();
        for (pack, frame) in std::mem::take(&mut hand.unproven) {
            self.read_frame(pack, frame, &mut hand.decompressor);
        }
        if read.is_ok() && self.findings.entries() == found_before {
            let error = Error::new(Code::CasError, "its chunks are sound, and do not make the object that they should");
            self.findings.entry(Key { class: Class::Alias, id: *id }, None, &error);
        }
    }

    /// Whether enough of an object was not read before, judged by the first and the last leaf of its recipe.
    fn is_fresh(&self, root: &Node) -> Result<bool> {
        let (mut fresh, mut all) = (0, 0);
        for is_last in [false, true] {
            let mut leaf = root.clone();
            while leaf.level > 0 {
                let mut children = leaf.entries.iter().filter_map(piece);
                let child = if is_last { children.next_back() } else { children.next() };
                let Some((id, _)) = child else { break };
                leaf = self.repo.node(&id)?;
            }
            for chunk in self.chunks(&leaf)? {
                let at = chunk.place.and_then(|place| self.frames.frame_at(place.pack, place.frame));
                all += chunk.len;
                fresh += if at.is_some_and(|at| !self.covered.contains(at)) { chunk.len } else { 0 };
            }
        }
        Ok(fresh * 100 >= all * FRESH_PERCENT)
    }

    /// The chunks that a leaf lists, in order, each with the place of its best copy.
    fn chunks(&self, leaf: &Node) -> Result<Vec<Chunk>> {
        let mut chunks: Vec<Chunk> =
            leaf.entries.iter().filter_map(piece).map(|(id, len)| Chunk { id, len, place: None }).collect();
        let mut order: Vec<usize> = (0..chunks.len()).collect();
        order.sort_unstable_by_key(|at| chunks[*at].id);
        let keys: Vec<Key> = order.iter().map(|at| Key { class: Class::Chunk, id: chunks[*at].id }).collect();
        let found = self.repo.index().lookup_many(&mut keys.into_iter())?;
        for (at, record) in order.into_iter().zip(found) {
            let Some(record) = record else { continue };
            if let (Place::Frame { frame, offset, len }, Some(pack)) = (record.place, self.frames.pack_at(record.pack))
            {
                chunks[at].place = Some(ChunkPlace { pack, frame, offset, len });
            }
        }
        Ok(chunks)
    }

    fn hash_node(&self, node: &Node, hasher: &mut Hasher, hand: &mut Hand) -> Result<()> {
        if node.level > 0 {
            return node.entries.iter().try_for_each(|entry| match entry {
                Entry::Piece { id, .. } => self.hash_node(&self.repo.node(id)?, hasher, hand),
                Entry::Hole { len } => {
                    hasher.update_zeros(*len);
                    Ok(())
                }
            });
        }
        let chunks = self.chunks(node)?;
        let mut rest = &chunks[..];
        for entry in &node.entries {
            if let Entry::Hole { len } = entry {
                hasher.update_zeros(*len);
            } else if let Some((chunk, after)) = rest.split_first() {
                self.hash_chunk(chunk, rest, hasher, hand)?;
                rest = after;
            }
        }
        Ok(())
    }

    /// Hashes one chunk; `rest` are it and those that follow it in the object.
    fn hash_chunk(&self, chunk: &Chunk, rest: &[Chunk], hasher: &mut Hasher, hand: &mut Hand) -> Result<()> {
        let Some(place) = chunk.place else {
            return fail(Code::ChunkNotFound, format!("chunk {} is in no pack", chunk.id));
        };
        if !hand.frames.iter().any(|(pack, frame, _)| (*pack, *frame) == (place.pack, place.frame)) {
            self.open_for(place, rest, hand)?;
        }
        let raw = hand.frames.iter().find(|(pack, frame, _)| (*pack, *frame) == (place.pack, place.frame));
        let bytes = raw.and_then(|(.., raw)| raw.get(place.offset as usize..(place.offset + place.len) as usize));
        match bytes.filter(|bytes| bytes.len() as u64 == chunk.len) {
            Some(bytes) => hasher.update(bytes),
            None => return fail(Code::ChunkInvalid, format!("chunk {} has another length", chunk.id)),
        }
        Ok(())
    }

    /// Opens a frame for an object that goes on with the chunks `rest`. If nobody read the frame before, all in it that
    /// the object's hash will not prove is compared with its own id.
    fn open_for(&self, place: ChunkPlace, rest: &[Chunk], hand: &mut Hand) -> Result<()> {
        let raw = match self.open(place.pack, place.frame, &mut hand.decompressor) {
            Ok(raw) => raw,
            Err(error) => {
                if self.frames.frame_at(place.pack, place.frame).is_some_and(|at| self.covered.insert(at)) {
                    self.frame_failed(place.pack, place.frame, &error);
                }
                return Err(error);
            }
        };
        if self.frames.frame_at(place.pack, place.frame).is_some_and(|at| self.covered.insert(at)) {
            let mut own: Vec<u32> = rest
                .iter()
                .map_while(|chunk| chunk.place.filter(|next| (next.pack, next.frame) == (place.pack, place.frame)))
                .map(|next| next.offset)
                .collect();
            own.sort_unstable();
            self.check_entries(place.pack, place.frame, &raw, &|offset| own.binary_search(&offset).is_err());
            hand.unproven.push((place.pack, place.frame));
        }
        if hand.frames.len() >= FRAMES_AT_HAND {
            hand.frames.pop_front();
        }
        hand.frames.push_back((place.pack, place.frame, raw));
        Ok(())
    }
}

fn piece(entry: &Entry) -> Option<(Id, u64)> {
    match entry {
        Entry::Piece { id, len } => Some((*id, *len)),
        Entry::Hole { .. } => None,
    }
}
