//! Reading objects: from id to checked bytes.
//!
//! Promise 6: every byte is authenticated when its frame is opened and re-hashed before it is used. Where one copy is
//! damaged the next is tried; a bad byte is an error with the object, pack and path named, and is never returned.

use super::frames::{again, open_frame, read_together, unseal};
use super::segment::{Place, Record};
use super::{Repo, pack_path};
use crate::backend::askers;
use crate::compress::Decompressor;
use crate::error::{Class as ErrorClass, Code, Error, Result, fail};
use crate::id::Id;
use crate::object::{Class, Hasher, Key, Kind, hash};
use crate::recipe::{Entry, Node};
use lru::LruCache;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Raw bytes of frames kept for the next read.
const FRAME_CACHE_BYTES: usize = 24 << 20;
/// So much between two frames is read along with them, where each request waits for a medium elsewhere.
const GAP_BYTES: u64 = 128 << 10;
/// So many frames are read in one request at most: about 4 MiB of them.
const STRETCH_FRAMES: usize = 8;
/// Under this name the index keeps 1 when packs were missed; one that is made anew has to miss them again.
const LOST_NOTE: &str = "packs-lost";
/// Zeros to feed a hash with.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What is known of an object without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its kind, as whoever stored it first said.
    pub kind: Kind,
    /// Its length in bytes.
    pub len: u64,
}

/// A stretch of an object that is stored as one entry, or is a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// From the start of the object, bytes.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// The entry; `None` is a hole, whose bytes are zeros.
    pub key: Option<Key>,
}

/// An entry that [`Repo::fetch`] is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// The entry.
    pub key: Key,
    /// Its length in bytes. That of a chunk is what its recipe says, and must be so.
    pub len: u64,
}

impl Want {
    fn fits(&self, bytes: &[u8]) -> bool {
        self.key.class != Class::Chunk || bytes.len() as u64 == self.len
    }
}

/// Receives what [`Repo::fetch`] reads: the index of the want, and its bytes or why there are none.
pub type Each<'a> = dyn Fn(usize, Result<&[u8]>) + Sync + 'a;

/// Frames that were opened lately.
pub(crate) struct FrameCache(Mutex<Frames>);

/// Raw frames by pack and frame number, and how many bytes they are.
struct Frames {
    lru: LruCache<(u32, u32), Arc<Vec<u8>>>,
    held_bytes: usize,
}

impl Default for FrameCache {
    fn default() -> Self {
        FrameCache(Mutex::new(Frames { lru: LruCache::unbounded(), held_bytes: 0 }))
    }
}

impl FrameCache {
    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, at: (u32, u32)) -> Option<Arc<Vec<u8>>> {
        self.frames().lru.get(&at).cloned()
    }

    fn put(&self, at: (u32, u32), raw: Arc<Vec<u8>>) {
        let mut frames = self.frames();
        frames.held_bytes += raw.len();
        if let Some(old) = frames.lru.put(at, raw) {
            frames.held_bytes -= old.len();
        }
        while frames.held_bytes > FRAME_CACHE_BYTES {
            match frames.lru.pop_lru() {
                Some((_, old)) => frames.held_bytes -= old.len(),
                None => break,
            }
        }
    }

    /// Forgets everything, as when numbers of packs were given anew.
    pub(crate) fn clear(&self) {
        let mut frames = self.frames();
        frames.lru.clear();
        frames.held_bytes = 0;
    }
}

/// Where a wanted entry lies; ordered as packs are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Located {
    pack: u32,
    frame: u32,
    offset: u32,
    len: u32,
    /// Its index among the wants.
    want: u32,
}

impl Repo {
    /// What is known of an object, `None` if it is not here.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn find(&self, id: &Id) -> Result<Option<ObjectInfo>> {
        if *id == Id::EMPTY {
            return Ok(Some(ObjectInfo { kind: Kind::Blob, len: 0 }));
        }
        let found = self.find_once(id)?;
        if found.is_none() && self.look_for_strays()? { self.find_once(id) } else { Ok(found) }
    }

    fn find_once(&self, id: &Id) -> Result<Option<ObjectInfo>> {
        for class in [Class::Whole, Class::Alias] {
            if let Some(record) = self.index().lookup(&Key { class, id: *id })?.first() {
                let len = match record.place {
                    Place::Frame { len, .. } => u64::from(len),
                    Place::Alias { len, .. } => len,
                };
                return Ok(Some(ObjectInfo { kind: record.kind, len }));
            }
        }
        Ok(None)
    }

    /// A whole object in memory, checked against its id.
    ///
    /// # Errors
    /// CHUNK_NOT_FOUND when it or a piece of it is not here; CHUNK_INVALID when every copy is damaged.
    pub fn read(&self, id: &Id) -> Result<Vec<u8>> {
        if *id == Id::EMPTY {
            return Ok(Vec::new());
        }
        let key = Key { class: Class::Whole, id: *id };
        if !self.index().lookup(&key)?.is_empty() {
            return self.entry(&key);
        }
        let mut bytes = Vec::new();
        self.stream(id, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// An object from first byte to last, in pieces; the whole is checked at the end.
    ///
    /// # Errors
    /// As [`Repo::read`], CAS_ERROR when sound pieces make another object, and what `out` answers.
    pub fn stream(&self, id: &Id, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut hasher = Hasher::new();
        self.pieces(id, &mut |piece| match piece.key {
            Some(key) => {
                let bytes = self.entry(&key)?;
                if bytes.len() as u64 != piece.len {
                    return Err(other_length(&key));
                }
                hasher.update(&bytes);
                out(&bytes)
            }
            None => for_zeros(piece.len, &mut |zeros| {
                hasher.update(zeros);
                out(zeros)
            }),
        })?;
        if hasher.finish() != *id {
            return fail(Code::CasError, format!("object {id} does not have the bytes its name says"));
        }
        Ok(())
    }

    /// So many bytes from `offset` of an object; fewer at its end. Pieces are checked, the whole is not.
    ///
    /// # Errors
    /// As [`Repo::read`].
    pub fn read_range(&self, id: &Id, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len.min(1 << 20));
        let range = offset..offset.saturating_add(len as u64);
        self.pieces_in(id, &range, &mut |piece| {
            let from = range.start.saturating_sub(piece.offset) as usize;
            let to = (range.end - piece.offset).min(piece.len) as usize;
            match piece.key {
                Some(key) => {
                    let entry = self.entry(&key)?;
                    let part = entry.get(from..to).filter(|_| entry.len() as u64 == piece.len);
                    bytes.extend_from_slice(part.ok_or_else(|| other_length(&key))?);
                }
                None => bytes.resize(bytes.len() + (to - from), 0),
            }
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The pieces of an object in order. A small object is one piece.
    ///
    /// # Errors
    /// As [`Repo::read`], for the recipe.
    pub fn pieces(&self, id: &Id, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
        self.pieces_in(id, &(0..u64::MAX), each)
    }

    fn pieces_in(&self, id: &Id, range: &Range<u64>, each: &mut dyn FnMut(Piece) -> Result<()>) -> Result<()> {
        if *id == Id::EMPTY {
            return Ok(());
        }
        let whole = Key { class: Class::Whole, id: *id };
        let look = || self.index().lookup(&whole).map(|copies| copies.first().map(|record| record.place));
        let (place, alias) = match look()? {
            Some(place) => (Some(place), None),
            // Not finding an alias brings the index up to date: a small object that was moved meanwhile is found then.
            None => match self.alias(id) {
                Err(error) if error.code() == Code::ChunkNotFound => (Some(look()?.ok_or(error)?), None),
                alias => (None, Some(alias?)),
            },
        };
        if let Some(Place::Frame { len, .. }) = place {
            let piece = Piece { offset: 0, len: u64::from(len), key: Some(whole) };
            return if range.start < piece.len && range.end > 0 { each(piece) } else { Ok(()) };
        }
        let Some((len, root)) = alias else {
            return fail(Code::CacheError, format!("the index has no place for object {id}"));
        };
        let mut offset = 0;
        self.walk_node(&root, None, len, &mut offset, range, each)?;
        if offset != len {
            return fail(Code::CasError, format!("the recipe of object {id} makes {offset} bytes instead of {len}"));
        }
        Ok(())
    }

    /// Length and root node of a large object.
    pub(crate) fn alias(&self, id: &Id) -> Result<(u64, Id)> {
        let look = || self.index().lookup(&Key { class: Class::Alias, id: *id });
        let mut copies = look()?;
        if copies.is_empty() {
            self.refresh()?;
            self.look_for_strays()?;
            copies = look()?;
        }
        match copies.first().map(|record| record.place) {
            Some(Place::Alias { len, root }) => Ok((len, root)),
            _ => fail(Code::ChunkNotFound, format!("object {id} is not in the repository")),
        }
    }

    /// A recipe node, checked.
    pub(crate) fn node(&self, id: &Id) -> Result<Node> {
        Node::decode(&self.entry(&Key { class: Class::Node, id: *id })?)
    }

    fn walk_node(
        &self,
        id: &Id,
        level: Option<u8>,
        len: u64,
        offset: &mut u64,
        range: &Range<u64>,
        each: &mut dyn FnMut(Piece) -> Result<()>,
    ) -> Result<()> {
        let node = self.node(id)?;
        // Levels fall by one from node to node, so a recipe cannot lead in a circle.
        if level.is_some_and(|level| level != node.level) {
            return fail(Code::ChunkInvalid, format!("recipe node {id} stands at the wrong level"));
        }
        // So offsets never run past the length of the object, whatever the nodes beneath say.
        if node.total != len {
            return fail(Code::ChunkInvalid, format!("recipe node {id} makes {} bytes instead of {len}", node.total));
        }
        for entry in &node.entries {
            let (start, len) = (*offset, entry.len());
            if start >= range.end || start + len <= range.start {
                *offset += len;
                continue;
            }
            match entry {
                Entry::Hole { len } => {
                    *offset += len;
                    each(Piece { offset: start, len: *len, key: None })?;
                }
                Entry::Piece { id, len } if node.level == 0 => {
                    *offset += len;
                    each(Piece { offset: start, len: *len, key: Some(Key { class: Class::Chunk, id: *id }) })?;
                }
                Entry::Piece { id, len } => self.walk_node(id, Some(node.level - 1), *len, offset, range, each)?,
            }
        }
        Ok(())
    }

    /// The bytes of one entry, checked against its id; copies are tried in turn.
    pub(crate) fn entry(&self, key: &Key) -> Result<Vec<u8>> {
        match self.entry_once(key) {
            // Packs are rewritten while we read: what moved is found again by looking at the segments once more.
            Err(error) if is_missing(&error) => {
                self.refresh()?;
                let again = match self.entry_once(key) {
                    Err(error) if is_missing(&error) && self.look_for_strays()? => self.entry_once(key),
                    answer => answer,
                };
                again.map_err(|error| match error.code() {
                    Code::FileNotFound if self.is_partial() => {
                        let message = format!("{} is not here, and no longer where it was promised", describe(key));
                        Error::new(Code::ChunkNotFound, message)
                            .with_source(error)
                            .with_hint("`larder sync --index-only` looks where it is now")
                    }
                    Code::FileNotFound => {
                        self.mark_lost(key);
                        Error::new(Code::ChunkNotFound, format!("{} is lost", describe(key))).with_source(error)
                    }
                    _ => error,
                })
            }
            answer => answer,
        }
    }

    fn entry_once(&self, key: &Key) -> Result<Vec<u8>> {
        let mut failure = None;
        for location in self.copies(key)? {
            let Place::Frame { frame, offset, len } = location.place else { continue };
            let read = self.cached_frame(location.pack, frame).and_then(|raw| {
                let bytes = raw.get(offset as usize..offset as usize + len as usize).unwrap_or_default();
                self.check(key, bytes).map(|()| bytes.to_vec())
            });
            match read {
                Ok(bytes) => return Ok(bytes),
                // What is missing may be found elsewhere by looking again, whatever else is damaged.
                Err(_) if failure.as_ref().is_some_and(is_missing) => {}
                Err(error) => failure = Some(self.note_damage(key, location.pack, error)),
            }
        }
        Err(failure
            .unwrap_or_else(|| Error::new(Code::ChunkNotFound, format!("{} is not in the repository", describe(key)))))
    }

    /// The copies of an entry; in a partial repository those that are here come first.
    fn copies(&self, key: &Key) -> Result<Vec<Record>> {
        let mut copies = self.index().lookup(key)?;
        if self.is_partial() && copies.len() > 1 {
            copies.sort_by_cached_key(|copy| !self.has_file(copy.pack));
        }
        Ok(copies)
    }

    /// Whether the file of a pack is in the directory here.
    fn has_file(&self, pack: u32) -> bool {
        let path = self.index().pack(pack).ok().map(|facts| pack_path(&facts.name));
        path.zip(self.backend().local_dir()).is_some_and(|(path, dir)| dir.join(path).exists())
    }

    /// Marks copies as bad whose packs are gone for good, so that the next writer stores them again, and looks what else
    /// was in them.
    fn mark_lost(&self, key: &Key) {
        for location in self.index().lookup(key).unwrap_or_default() {
            let Ok(facts) = self.index().pack(location.pack) else { continue };
            if matches!(self.backend().stat(&pack_path(&facts.name)), Ok(None)) {
                let _ = self.index().mark_bad(&[*key], location.pack);
                self.note_lost_packs();
            }
        }
    }

    /// Notes that packs are missing here: whoever writes lists them from now on, wherever they are.
    pub(crate) fn note_lost_packs(&self) {
        // Where the index cannot be written to, nobody writes.
        let _ = self.index().set_note(LOST_NOTE, 1);
    }

    /// Whether anybody missed a pack since all of them were there.
    pub(super) fn may_lack_packs(&self) -> Result<bool> {
        Ok(self.index().note(LOST_NOTE)?.unwrap_or(0) != 0)
    }

    /// Notes that all packs are there.
    pub(super) fn note_whole(&self) -> Result<()> {
        if self.may_lack_packs()? { self.index().set_note(LOST_NOTE, 0) } else { Ok(()) }
    }

    /// Marks a copy as bad when the failure says so, and names object, pack and path.
    fn note_damage(&self, key: &Key, pack: u32, error: Error) -> Error {
        if error.class() != ErrorClass::Damaged || is_missing(&error) {
            return error;
        }
        // With the first of a frame all of it is known. A replica that cannot be written to is read all the same.
        if self.index().lookup_good(key).is_ok_and(|copies| copies.iter().any(|copy| copy.pack == pack)) {
            let _ = self.index().mark_bad(&self.frame_of(key, pack), pack);
        }
        match self.index().pack(pack) {
            Ok(facts) => error.context(format!("{} is damaged in {}", describe(key), pack_path(&facts.name))),
            Err(_) => error,
        }
    }

    /// What hangs on a damaged copy: all that is in its frame, if the pack can say what that is.
    fn frame_of(&self, key: &Key, pack: u32) -> Vec<Key> {
        let found = || {
            let directory = self.pack_directory(&self.index().pack(pack).ok()?.name).ok()?;
            let mut frames = directory.frames.into_iter().map(|(_, entries)| entries);
            frames.find(|entries| entries.iter().any(|entry| entry.key == *key))
        };
        found().map_or_else(|| vec![*key], |entries| entries.iter().map(|entry| entry.key).collect())
    }

    fn cached_frame(&self, pack: u32, frame: u32) -> Result<Arc<Vec<u8>>> {
        if let Some(raw) = self.frame_cache().get((pack, frame)) {
            return Ok(raw);
        }
        let facts = self.index().pack(pack)?;
        let raw = Arc::new(open_frame(self.core(), &facts, frame, &mut Decompressor::new())?);
        self.frame_cache().put((pack, frame), raw.clone());
        Ok(raw)
    }

    /// Re-hashes the bytes of an entry.
    pub(crate) fn check(&self, key: &Key, bytes: &[u8]) -> Result<()> {
        let id = match key.class {
            Class::Whole => hash(bytes),
            Class::Chunk => self.core().chunk_ids.chunk(bytes),
            Class::Node => self.core().chunk_ids.node(bytes),
            Class::Alias => return fail(Code::ChunkInvalid, "an alias has no bytes"),
        };
        if id == key.id {
            Ok(())
        } else {
            fail(Code::ChunkInvalid, format!("{} does not have the bytes its name says", describe(key)))
        }
    }

    /// Reads many entries: each frame is opened once, in (pack, frame) order, by `jobs` threads; from a medium elsewhere
    /// neighbouring frames in one request, and by more threads, which wait for it. `each` is called once for every want, from any
    /// thread, in no order.
    ///
    /// # Errors
    /// CACHE_ERROR. What is wrong with a single entry goes to `each`.
    pub fn fetch(&self, wants: &[Want], jobs: usize, each: &Each<'_>) -> Result<()> {
        let mut by_key: Vec<u32> = (0..wants.len() as u32).collect();
        by_key.sort_unstable_by_key(|at| wants[*at as usize].key);
        let mut found = self.index().lookup_many(&mut by_key.iter().map(|at| wants[*at as usize].key))?;
        if self.is_partial() {
            for (at, location) in by_key.iter().zip(&mut found) {
                *location = self.copies(&wants[*at as usize].key)?.first().copied();
            }
        }
        let mut located = Vec::with_capacity(wants.len());
        for (at, location) in by_key.iter().zip(found) {
            match location.map(|record| (record.pack, record.place)) {
                Some((pack, Place::Frame { frame, offset, len })) => {
                    located.push(Located { pack, frame, offset, len, want: *at });
                }
                _ => each(*at as usize, self.wanted(&wants[*at as usize]).as_deref().map_err(again)),
            }
        }
        located.sort_unstable();
        let frames: Vec<&[Located]> = located.chunk_by(|a, b| (a.pack, a.frame) == (b.pack, b.frame)).collect();
        let is_far = super::is_far(self.backend().as_ref());
        let stretches: Vec<&[&[Located]]> = match is_far {
            true => {
                frames.chunk_by(|a, b| self.are_neighbours(a, b)).flat_map(|all| all.chunks(STRETCH_FRAMES)).collect()
            }
            false => frames.chunks(1).collect(),
        };
        let jobs = askers(jobs, is_far);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut decompressor = Decompressor::new();
            while let Some(stretch) = stretches.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.fetch_stretch(stretch, wants, &mut decompressor, each);
            }
        };
        match jobs.min(stretches.len()) {
            0 | 1 => work(),
            threads => std::thread::scope(|scope| {
                (1..threads).for_each(|_| _ = scope.spawn(work));
                work();
            }),
        }
        Ok(())
    }

    /// Whether two frames lie so near to each other that reading what is between them costs less than asking again.
    fn are_neighbours(&self, one: &[Located], other: &[Located]) -> bool {
        let place = |at: &[Located]| self.index().pack(at[0].pack).ok()?.frames.get(at[0].frame as usize).copied();
        one[0].pack == other[0].pack
            && place(one).zip(place(other)).is_some_and(|(one, other)| {
                other.offset.saturating_sub(one.offset + u64::from(one.sealed_bytes)) <= GAP_BYTES
            })
    }

    fn wanted(&self, want: &Want) -> Result<Vec<u8>> {
        let bytes = self.entry(&want.key)?;
        if want.fits(&bytes) { Ok(bytes) } else { Err(other_length(&want.key)) }
    }

    fn fetch_stretch(&self, stretch: &[&[Located]], wants: &[Want], decompressor: &mut Decompressor, each: &Each<'_>) {
        let facts = self.index().pack(stretch[0][0].pack);
        let sealed = match &facts {
            Ok(facts) => {
                let numbers: Vec<u32> = stretch.iter().map(|group| group[0].frame).collect();
                read_together(self.core(), facts, &numbers)
            }
            Err(error) => stretch.iter().map(|_| Err(again(error))).collect(),
        };
        for (group, sealed) in stretch.iter().zip(sealed) {
            let raw = match (&facts, sealed) {
                // A medium that does not answer would not do so for each entry again.
                (Ok(_), Err(error)) if !error.is_loss() && !self.is_partial() => {
                    group.iter().for_each(|at| each(at.want as usize, Err(again(&error))));
                    continue;
                }
                (Ok(facts), Ok(sealed)) => unseal(self.core(), facts, group[0].frame, sealed, decompressor).ok(),
                _ => None,
            };
            self.hand_out(group, raw.as_deref(), wants, each);
        }
    }

    fn hand_out(&self, group: &[Located], raw: Option<&[u8]>, wants: &[Want], each: &Each<'_>) {
        for Located { offset, len, want, .. } in group {
            let key = &wants[*want as usize].key;
            let (start, end) = (*offset as usize, *offset as usize + *len as usize);
            let bytes = raw.and_then(|raw| raw.get(start..end));
            match bytes.filter(|bytes| wants[*want as usize].fits(bytes) && self.check(key, bytes).is_ok()) {
                Some(bytes) => each(*want as usize, Ok(bytes)),
                // The slow way tries every copy and says what is wrong.
                None => each(*want as usize, self.wanted(&wants[*want as usize]).as_deref().map_err(again)),
            }
        }
    }
}

/// Whether something is not where it was said to be.
fn is_missing(error: &Error) -> bool {
    matches!(error.code(), Code::FileNotFound | Code::ChunkNotFound)
}

fn other_length(key: &Key) -> Error {
    Error::new(Code::ChunkInvalid, format!("{} has another length than its recipe says", describe(key)))
}

fn describe(key: &Key) -> String {
    match key.class {
        Class::Whole | Class::Alias => format!("object {}", key.id),
        Class::Chunk => format!("chunk {}", key.id),
        Class::Node => format!("recipe node {}", key.id),
    }
}

fn for_zeros(mut len: u64, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    while len > 0 {
        let part = len.min(ZEROS.len() as u64) as usize;
        out(&ZEROS[..part])?;
        len -= part as u64;
    }
    Ok(())
}
