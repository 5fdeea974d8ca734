//! Writing objects: hash, look whether it is known, gather neighbours into a frame, compress, seal, pack.
//!
//! Promise 2: packs, then segments, then roots. A [`Writer`] is shared by threads; each has a [`Putter`] with a frame
//! of its own, so that neighbours of one directory stay neighbours in a frame. Full frames go to a pool that compresses
//! them and checks that they decode again. [`Writer::flush`] makes everything put before it durable and findable.

mod transfer;

use super::pack::{Alias, FinishedPack, FrameEntry, PackKind, PackWriter};
use super::segment::{PackFacts, Record, SegmentWriter, records_of};
use super::session::Session;
use super::{Repo, WriterOptions};
use crate::compress::{Compressor, Decompressor};
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::{Class, Key, Kind, hash};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;

/// A data frame is closed at so many raw bytes, and is never longer than twice that unless it is a single chunk.
pub(crate) const DATA_FRAME_BYTES: usize = 512 << 10;
/// A frame of trees, nodes and records is closed at so many raw bytes.
pub(crate) const META_FRAME_BYTES: usize = 64 << 10;
/// A flush of less than this makes one mixed pack.
const MIXED_PACK_BYTES: usize = 4 << 20;
/// Packs grow with the repository between these bounds (STORAGE section 4).
const PACK_BYTES: (u64, u64) = (16 << 20, 64 << 20);
/// Keys of one flush are spread over so many locks.
const SHARDS: usize = 64;

/// Keys put since the last flush. Ids are hashes already, so a few of their bytes serve as the hash.
type KeySet = HashSet<Key, BuildHasherDefault<IdHasher>>;

/// Takes the first eight bytes of the id, and mixes the class in.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(word) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*word);
        }
    }

    fn write_usize(&mut self, _len: usize) {}

    fn write_isize(&mut self, class: isize) {
        self.0 ^= (class as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What [`Putter::put`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// The object's id.
    pub id: Id,
    /// Its length in bytes.
    pub len: u64,
    /// Whether the repository did not have it, or not all of it.
    pub is_new: bool,
}

/// What a writer has added so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Entries: whole objects, chunks, nodes, aliases.
    pub objects: u64,
    /// Their bytes before compression.
    pub raw_bytes: u64,
    /// Bytes of packs and segments that were written.
    pub stored_bytes: u64,
}

/// Which pack a frame goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Data,
    Meta,
}

/// A frame on its way: raw when it leaves a putter, wrapped after the pool.
struct Frame {
    lane: Lane,
    bytes: Vec<u8>,
    entries: Vec<FrameEntry>,
    aliases: Vec<Alias>,
}

impl Frame {
    fn new(lane: Lane) -> Self {
        Frame { lane, bytes: Vec::new(), entries: Vec::new(), aliases: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.aliases.is_empty()
    }
}

/// The open frames of one thread.
struct Slot {
    data: Frame,
    meta: Frame,
}

/// Frames that may still end up in one mixed pack.
#[derive(Default)]
struct Small {
    frames: Vec<Frame>,
    bytes: usize,
    /// The flush has grown beyond a mixed pack.
    is_over: bool,
}

/// The packs being written.
#[derive(Default)]
struct Packs {
    small: Mutex<Small>,
    data: [Mutex<Option<PackWriter>>; 2],
    meta: Mutex<Option<PackWriter>>,
    closed: Mutex<Vec<FinishedPack>>,
}

/// Frames handed to the pool and not yet stored.
#[derive(Default)]
struct InFlight {
    count: Mutex<usize>,
    changed: Condvar,
}

/// What the writer and its pool share.
struct Shared {
    repo: Repo,
    session: Session,
    options: WriterOptions,
    pack_target_bytes: u64,
    /// Held for reading by whoever puts, for writing by a flush.
    gate: RwLock<()>,
    seen: Vec<Mutex<KeySet>>,
    /// How many of the keys that the index found damaged were taken out of `seen`.
    unseen: AtomicUsize,
    slots: Mutex<Vec<Arc<Mutex<Slot>>>>,
    packs: Packs,
    in_flight: InFlight,
    is_failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    dice: AtomicU64,
    objects: AtomicU64,
    raw_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    flushed_raw_bytes: AtomicU64,
}

/// Adds objects and roots to a repository. Holds the repository lock for sharing, and a lease.
pub struct Writer {
    shared: Arc<Shared>,
    /// Made for the first frame: a backup of what has not changed stores none.
    pool: OnceLock<Pool>,
}

/// The threads that compress, and the way to them.
struct Pool {
    queue: Sender<Frame>,
    threads: Vec<JoinHandle<()>>,
}

/// Adds objects from one thread.
pub struct Putter<'w> {
    writer: &'w Writer,
    slot: Arc<Mutex<Slot>>,
    is_wary: bool,
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    pub(super) fn open(repo: &Repo, options: &WriterOptions) -> Result<Self> {
        let session = Session::open(repo, options)?;
        if repo.backend().local_dir().is_some() {
            session.adopt()?;
        }
        let stored = repo.index().pack_totals()?.1;
        let shared = Arc::new(Shared {
            repo: repo.clone(),
            session,
            options: options.clone(),
            pack_target_bytes: pack_target_bytes(stored),
            gate: RwLock::default(),
            seen: (0..SHARDS).map(|_| Mutex::default()).collect(),
            unseen: AtomicUsize::new(repo.index().found_bad_since(0).len()),
            slots: Mutex::default(),
            packs: Packs::default(),
            in_flight: InFlight::default(),
            is_failed: AtomicBool::new(false),
            failure: Mutex::default(),
            dice: AtomicU64::new(u64::from_le_bytes(crate::crypto::seal::random()?) | 1),
            objects: AtomicU64::new(0),
            raw_bytes: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
            flushed_raw_bytes: AtomicU64::new(0),
        });
        Ok(Writer { shared, pool: OnceLock::new() })
    }

    fn pool(&self) -> &Pool {
        self.pool.get_or_init(|| {
            let jobs = self.shared.options.jobs.max(1);
            let (queue, receiver) = bounded(2 * jobs);
            let start = |_| {
                let (shared, receiver) = (self.shared.clone(), receiver.clone());
                std::thread::spawn(move || shared.compress_frames(&receiver))
            };
            Pool { queue, threads: (0..jobs).map(start).collect() }
        })
    }

    /// A putter for the calling thread.
    pub fn putter(&self) -> Putter<'_> {
        let mut slots = locked(&self.shared.slots);
        // A slot that only this list knows was left by a putter that is gone: its frames are filled on.
        let free = slots.iter().find(|slot| Arc::strong_count(slot) == 1).cloned();
        let slot = free.unwrap_or_else(|| {
            let slot = Arc::new(Mutex::new(Slot { data: Frame::new(Lane::Data), meta: Frame::new(Lane::Meta) }));
            slots.push(slot.clone());
            slot
        });
        Putter { writer: self, slot, is_wary: false }
    }

    /// The repository it writes to.
    pub fn repo(&self) -> &Repo {
        &self.shared.repo
    }

    /// A number that changes whenever something that was known to be present may not be so any more: a gc doomed packs,
    /// the index lost entries, was made anew, or found damage. It is that of the moment this writer began: what it
    /// relies on was looked at under the dooms that it saw then, not under those that came later.
    pub fn generation(&self) -> u64 {
        self.shared.session.generation()
    }

    /// Whether packs were doomed and not yet deleted when this writer began. What a root names may lie in one of them
    /// then, so that naming it once more is safe only after [`Writer::holds`] was asked about all of it.
    pub fn sees_dooms(&self) -> bool {
        self.shared.session.sees_dooms()
    }

    /// What was added so far.
    pub fn stats(&self) -> WriterStats {
        WriterStats {
            objects: self.shared.objects.load(Ordering::Relaxed),
            raw_bytes: self.shared.raw_bytes.load(Ordering::Relaxed),
            stored_bytes: self.shared.stored_bytes.load(Ordering::Relaxed),
        }
    }

    /// Raw bytes added since the last flush.
    pub fn bytes_since_flush(&self) -> u64 {
        self.stats().raw_bytes - self.shared.flushed_raw_bytes.load(Ordering::Relaxed)
    }

    /// Whether the repository holds an object with all its pieces, in packs that a writer may rely on.
    ///
    /// # Errors
    /// CACHE_ERROR.
    pub fn holds(&self, id: &Id) -> Result<bool> {
        if *id == Id::EMPTY || self.shared.is_known(&Key { class: Class::Whole, id: *id })? {
            return Ok(true);
        }
        if !self.shared.is_known(&Key { class: Class::Alias, id: *id })? {
            return Ok(false);
        }
        let (_, root) = self.shared.repo.alias(id)?;
        self.holds_node(&root)
    }

    fn holds_node(&self, id: &Id) -> Result<bool> {
        if !self.shared.is_known(&Key { class: Class::Node, id: *id })? {
            return Ok(false);
        }
        let node = match self.shared.repo.node(id) {
            Ok(node) => node,
            Err(error) if error.class() == crate::error::Class::Damaged => return Ok(false),
            Err(error) => return Err(error),
        };
        for entry in &node.entries {
            let crate::recipe::Entry::Piece { id, .. } = entry else { continue };
            let is_there = match node.level {
                0 => self.shared.is_known(&Key { class: Class::Chunk, id: *id })?,
                _ => self.holds_node(id)?,
            };
            if !is_there {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes everything put before durable and findable: closes packs, writes a segment, enters it into the index.
    ///
    /// # Errors
    /// STORAGE_FULL, FILE_IO and what a medium answers; also the failure of anything put before.
    pub fn flush(&self) -> Result<()> {
        let shared = &self.shared;
        let _alone = shared.gate.write().unwrap_or_else(PoisonError::into_inner);
        locked(&shared.slots).retain(|slot| {
            let mut slot = locked(slot);
            for lane in [Lane::Data, Lane::Meta] {
                let frame = slot.take(lane);
                if !frame.is_empty() {
                    self.submit(frame);
                }
            }
            true
        });
        // A slot whose putter is gone is empty now for good.
        locked(&shared.slots).retain(|slot| Arc::strong_count(slot) > 1);
        shared.wait_for_pool();
        shared.take_failure()?;
        // Frames of packs that could not be ended are gone, and their keys were given out as stored.
        shared.lasting(shared.close_packs())?;
        shared.flushed_raw_bytes.store(shared.raw_bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        shared.seen.iter().for_each(|shard| locked(shard).clear());
        shared.session.refresh()
    }

    fn submit(&self, frame: Frame) {
        *locked(&self.shared.in_flight.count) += 1;
        // The pool lives as long as the writer, so the queue takes it.
        if self.pool().queue.send(frame).is_err() {
            self.shared.fail(Error::new(Code::SystemError, "the threads that store frames have ended"));
            self.shared.one_done();
        }
    }

    /// Flushes, then signs and stores a root record. Durable on return.
    ///
    /// # Errors
    /// As [`Writer::flush`]; LEASE_LOST when this writer was declared dead and cannot prove that its data is all there.
    pub fn publish(&self, record_type: u8, body: &[u8]) -> Result<Id> {
        self.flush()?;
        self.shared.session.publish(&self.shared.repo, record_type, body)
    }

    /// Ends the writer: flushes, gives the lease and the lock back.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn finish(self) -> Result<()> {
        self.flush()?;
        // Few segments are quick to open, and that is all: what was written is whole without it.
        if self.shared.session.is_undisturbed() {
            let _ = self.shared.repo.tidy_segments(&self.shared.options.command);
        }
        self.shared.session.end()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(Pool { queue, threads }) = self.pool.take() else { return };
        drop(queue);
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Slot {
    fn frame(&mut self, lane: Lane) -> &mut Frame {
        match lane {
            Lane::Data => &mut self.data,
            Lane::Meta => &mut self.meta,
        }
    }

    fn take(&mut self, lane: Lane) -> Frame {
        std::mem::replace(self.frame(lane), Frame::new(lane))
    }
}

impl Shared {
    fn fail(&self, error: Error) {
        self.is_failed.store(true, Ordering::Release);
        locked(&self.failure).get_or_insert(error);
    }

    /// Passes an answer on; a failure is one of everything that comes after as well.
    fn lasting<T>(&self, answer: Result<T>) -> Result<T> {
        if let Err(error) = &answer {
            self.fail(Error::new(error.code(), error.to_string()));
        }
        answer
    }

    /// The failure of the pool, once as it was, later in short: nothing put after it can be trusted to be stored.
    fn take_failure(&self) -> Result<()> {
        if !self.is_failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut slot = locked(&self.failure);
        let error = slot.take().unwrap_or_else(|| Error::new(Code::FileIo, "an earlier write failed"));
        *slot = Some(Error::new(error.code(), error.to_string()));
        Err(error)
    }

    /// Whether a key is in the index in a pack to rely on, or was put since the last flush.
    fn is_known(&self, key: &Key) -> Result<bool> {
        Ok(locked(self.shard(key)).contains(key) || self.is_stored(key)?)
    }

    fn shard(&self, key: &Key) -> &Mutex<KeySet> {
        &self.seen[usize::from(key.id.as_bytes()[31]) % SHARDS]
    }

    fn is_stored(&self, key: &Key) -> Result<bool> {
        if !self.repo.index().may_contain(key)? {
            return Ok(false);
        }
        let copies = self.repo.index().lookup_good(key)?;
        for copy in copies {
            if !self.session.is_doomed(copy.pack)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes a key as present; whether it has to be stored for that, by the caller.
    fn claim(&self, key: Key) -> Result<bool> {
        self.forget_damaged();
        if !locked(self.shard(&key)).insert(key) {
            return Ok(false);
        }
        // Others may have taken the key for present since, so a failure here cannot be taken back.
        Ok(!self.lasting(self.is_stored(&key))?)
    }

    /// What was taken for present and was found damaged since has to be stored anew.
    fn forget_damaged(&self) {
        for key in self.repo.index().found_bad_since(self.unseen.load(Ordering::Acquire)) {
            locked(self.shard(&key)).remove(&key);
            self.unseen.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn wait_for_pool(&self) {
        let mut count = locked(&self.in_flight.count);
        while *count > 0 {
            count = self.in_flight.changed.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn one_done(&self) {
        *locked(&self.in_flight.count) -= 1;
        self.in_flight.changed.notify_all();
    }

    /// One thread of the pool: wraps frames until the writer is gone.
    fn compress_frames(&self, queue: &Receiver<Frame>) {
        let mut decompressor = Decompressor::new();
        let mut compressor = Compressor::new(self.options.compression.unwrap_or(self.repo.core().format.compression));
        for frame in queue {
            if !self.is_failed.load(Ordering::Acquire) {
                // A flush waits until every frame is done with, so a panic must not take the count along.
                let stored = catch_unwind(AssertUnwindSafe(|| match &mut compressor {
                    Ok(compressor) => self.store_frame(frame, compressor, &mut decompressor),
                    Err(error) => Err(Error::new(error.code(), error.to_string())),
                }));
                if let Err(error) =
                    stored.unwrap_or_else(|_| fail(Code::SystemError, "a thread that stores frames panicked"))
                {
                    self.fail(error);
                }
            }
            self.one_done();
        }
    }

    fn store_frame(
        &self,
        mut frame: Frame,
        compressor: &mut Compressor,
        decompressor: &mut Decompressor,
    ) -> Result<()> {
        let wrapped = compressor.wrap(&frame.bytes)?;
        if self.options.verify_writes && decompressor.unwrap_frame(&wrapped, frame.bytes.len())? != frame.bytes {
            return fail(Code::ChunkInvalid, "a frame did not decode to what was stored: check this machine's memory");
        }
        frame.bytes = wrapped;
        self.packs.take(self, frame)
    }

    /// Finishes the open packs, writes their segment and enters it into the index.
    fn close_packs(&self) -> Result<()> {
        let small = std::mem::take(&mut *locked(&self.packs.small));
        if !small.frames.is_empty() {
            let mut pack = PackWriter::create(self.repo.core(), PackKind::Mixed)?;
            for frame in small.frames {
                append_frame(&mut pack, frame, self.options.verify_writes)?;
            }
            self.finish_pack(pack)?;
        }
        for open in self.packs.data.iter().chain([&self.packs.meta]) {
            if let Some(pack) = locked(open).take() {
                self.finish_pack(pack)?;
            }
        }
        let closed = std::mem::take(&mut *locked(&self.packs.closed));
        if closed.is_empty() {
            return Ok(());
        }
        self.session.publishes();
        write_segment(&self.repo, &closed, &[])?;
        self.session.note_packs(closed.iter().map(|pack| pack.name));
        Ok(())
    }

    fn finish_pack(&self, pack: PackWriter) -> Result<()> {
        let finished = pack.finish(self.repo.core().backend.as_ref())?;
        self.stored_bytes.fetch_add(finished.file_bytes, Ordering::Relaxed);
        locked(&self.packs.closed).push(finished);
        Ok(())
    }

    /// Heads or tails: which of the two data packs takes a frame.
    fn toss(&self) -> usize {
        let mut x = self.dice.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.dice.store(x, Ordering::Relaxed);
        (x >> 33) as usize & 1
    }
}

impl Packs {
    /// Takes a wrapped frame: holds it while all still fits a mixed pack, else appends it to a pack of its lane.
    fn take(&self, shared: &Shared, frame: Frame) -> Result<()> {
        let frames = {
            let mut small = locked(&self.small);
            small.bytes += frame.bytes.len();
            small.frames.push(frame);
            small.is_over |= small.bytes > MIXED_PACK_BYTES;
            if !small.is_over {
                return Ok(());
            }
            std::mem::take(&mut small.frames)
        };
        frames.into_iter().try_for_each(|frame| self.append(shared, frame))
    }

    fn append(&self, shared: &Shared, frame: Frame) -> Result<()> {
        let (open, kind) = match frame.lane {
            Lane::Data => (&self.data[shared.toss()], PackKind::Data),
            Lane::Meta => (&self.meta, PackKind::Meta),
        };
        let mut open = locked(open);
        let fits = open.as_ref().is_none_or(|pack| {
            pack.fits(frame.bytes.len(), frame.entries.len() + 2 * frame.aliases.len(), shared.pack_target_bytes)
        });
        if !fits && let Some(pack) = open.take() {
            shared.finish_pack(pack)?;
        }
        let pack = match open.as_mut() {
            Some(pack) => pack,
            None => open.insert(PackWriter::create(shared.repo.core(), kind)?),
        };
        append_frame(pack, frame, shared.options.verify_writes)
    }
}

fn append_frame(pack: &mut PackWriter, frame: Frame, check: bool) -> Result<()> {
    if !frame.entries.is_empty() {
        pack.append(&frame.bytes, frame.entries, check)?;
    }
    frame.aliases.into_iter().for_each(|alias| pack.push_alias(alias));
    Ok(())
}

/// How large packs are in a repository of so many stored bytes.
pub(crate) fn pack_target_bytes(stored_bytes: u64) -> u64 {
    (160 * stored_bytes.isqrt()).clamp(PACK_BYTES.0, PACK_BYTES.1)
}

/// Writes the segment of some finished packs and enters it into the index.
pub(crate) fn write_segment(repo: &Repo, packs: &[FinishedPack], supersedes: &[Id]) -> Result<Id> {
    let facts: Vec<PackFacts> = packs.iter().map(PackFacts::of).collect();
    let mut records: Vec<Record> =
        packs.iter().enumerate().flat_map(|(number, pack)| records_of(pack, number as u32)).collect();
    // A key may stand twice in a pack that gc filled from several; the index keeps the first in the order of the pack.
    records.sort_unstable_by_key(|record| (record.key, record.pack, record.place));
    let mut segment = SegmentWriter::create(repo.core())?;
    records.iter().try_for_each(|record| segment.push(record))?;
    let name = segment.finish(repo.core(), &facts, supersedes)?;
    repo.index().add_segment(&name, &facts, &records)?;
    Ok(name)
}

impl<'w> Putter<'w> {
    /// Puts an object that is in memory.
    ///
    /// # Errors
    /// The failure of anything put before, CACHE_ERROR.
    pub fn put(&mut self, kind: Kind, bytes: &[u8]) -> Result<Put> {
        if bytes.len() > self.avg() {
            let mut object = self.object(kind);
            object.write(bytes)?;
            return object.finish();
        }
        let (id, len) = (hash(bytes), bytes.len() as u64);
        let is_new = !bytes.is_empty() && self.entry(Key { class: Class::Whole, id }, kind, bytes)?;
        Ok(Put { id, len, is_new })
    }

    /// Begins an object of any length that comes in parts.
    pub fn object(&mut self, kind: Kind) -> super::stream::ObjectWriter<'_, 'w> {
        super::stream::ObjectWriter::new(self, kind)
    }

    /// From now on, what is there already is read before it is relied on: what is damaged is stored anew.
    pub fn set_wary(&mut self, is_wary: bool) {
        self.is_wary = is_wary;
    }

    pub(super) fn avg(&self) -> usize {
        self.repo().core().format.sizes.avg as usize
    }

    pub(crate) fn repo(&self) -> &'w Repo {
        &self.writer.shared.repo
    }

    /// Puts one entry; whether it had to be stored.
    pub(super) fn entry(&mut self, key: Key, kind: Kind, bytes: &[u8]) -> Result<bool> {
        let shared = &self.writer.shared;
        let _open = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        shared.take_failure()?;
        if self.is_wary && !shared.repo.index().lookup_good(&key)?.is_empty() {
            // A copy that cannot be read is marked, and then it is absent.
            let _ = shared.repo.entry(&key);
        }
        if !shared.claim(key)? {
            return Ok(false);
        }
        shared.objects.fetch_add(1, Ordering::Relaxed);
        shared.raw_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let is_data = key.class == Class::Chunk || (key.class == Class::Whole && kind == Kind::Blob);
        let (lane, limit) = if is_data { (Lane::Data, DATA_FRAME_BYTES) } else { (Lane::Meta, META_FRAME_BYTES) };
        let mut slot = locked(&self.slot);
        if slot.frame(lane).bytes.len() + bytes.len() > 2 * limit {
            self.writer.submit(slot.take(lane));
        }
        let frame = slot.frame(lane);
        if frame.bytes.capacity() == 0 {
            frame.bytes.reserve_exact(limit + self.avg());
        }
        frame.bytes.extend_from_slice(bytes);
        frame.entries.push(FrameEntry { key, kind, len: bytes.len() as u32 });
        if frame.bytes.len() >= limit {
            self.writer.submit(slot.take(lane));
        }
        Ok(true)
    }

    /// Puts an alias; whether it had to be stored.
    pub(super) fn alias(&mut self, alias: Alias) -> Result<bool> {
        let shared = &self.writer.shared;
        let _open = shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        if !shared.claim(Key { class: Class::Alias, id: alias.id })? {
            return Ok(false);
        }
        shared.objects.fetch_add(1, Ordering::Relaxed);
        locked(&self.slot).meta.aliases.push(alias);
        Ok(true)
    }
}
