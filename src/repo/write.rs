//! Writing objects: hash, look whether it is known, gather neighbours into a frame, compress, seal, pack.
//!
//! Promise 2: packs, then segments, then roots. A [`Writer`] is shared by threads; each has a [`Putter`] with a frame
//! of its own, so that neighbours of one directory stay neighbours in a frame. Full frames go to a pool that compresses
//! them and checks that they decode again. [`Writer::flush`] makes everything put before it durable and findable.

mod claims;
mod packs;
mod transfer;

use self::claims::Claims;
pub(crate) use self::packs::pack_target_bytes;
use self::packs::{Frame, Lane, Packs, Slot};
use super::index::locked;
use super::pack::{Alias, FinishedPack, FrameEntry};
use super::segment::{PackFacts, Record, SegmentWriter, records_of};
use super::session::Session;
use super::{Repo, WriterOptions};
use crate::compress::{Compressor, Decompressor};
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::object::{Class, Key, Kind, hash};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;

/// A data frame is closed at so many raw bytes, and is never longer than twice that unless it is a single chunk.
pub(crate) const DATA_FRAME_BYTES: usize = 512 << 10;
/// A frame of trees, nodes and records is closed at so many raw bytes.
pub(crate) const META_FRAME_BYTES: usize = 64 << 10;
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
    /// Held for reading by whoever puts, for writing by a flush.
    gate: RwLock<()>,
    claims: Claims,
    /// How many of the keys that the index found damaged were taken out of the claims.
    given_up: AtomicUsize,
    slots: Mutex<Vec<Arc<Mutex<Slot>>>>,
    packs: Packs,
    in_flight: InFlight,
    is_failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    objects: AtomicU64,
    raw_bytes: AtomicU64,
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

impl Writer {
    pub(super) fn open(repo: &Repo, options: &WriterOptions) -> Result<Self> {
        let session = Session::open(repo, options)?;
        if repo.backend().local_dir().is_some() {
            session.adopt()?;
        }
        let shared = Arc::new(Shared {
            repo: repo.clone(),
            session,
            options: options.clone(),
            gate: RwLock::default(),
            claims: Claims::new(),
            given_up: AtomicUsize::new(repo.index().found_bad_since(0).len()),
            slots: Mutex::default(),
            packs: Packs::new(repo, options.verify_writes)?,
            in_flight: InFlight::default(),
            is_failed: AtomicBool::new(false),
            failure: Mutex::default(),
            objects: AtomicU64::new(0),
            raw_bytes: AtomicU64::new(0),
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
            stored_bytes: self.shared.packs.stored_bytes(),
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
        shared.claims.clear();
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

impl Shared {
    fn fail(&self, error: Error) {
        self.is_failed.store(true, Ordering::Release);
        locked(&self.failure).get_or_insert(error);
    }

    /// Passes an answer on; a failure is one of everything that comes after as well.
    fn lasting<T>(&self, answer: Result<T>) -> Result<T> {
        if let Err(error) = &answer {
            self.fail(error.retold());
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
        *slot = Some(error.retold());
        Err(error)
    }

    /// Whether a key is in the index in a pack to rely on, or was put since the last flush.
    fn is_known(&self, key: &Key) -> Result<bool> {
        Ok(self.claims.contains(key) || self.is_stored(key)?)
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
        if !self.claims.claim(key) {
            return Ok(false);
        }
        // Others may have taken the key for present since, so a failure here cannot be taken back.
        Ok(!self.lasting(self.is_stored(&key))?)
    }

    /// What was taken for present and was found damaged since has to be stored anew.
    fn forget_damaged(&self) {
        for key in self.repo.index().found_bad_since(self.given_up.load(Ordering::Acquire)) {
            self.claims.give_up(&key);
            self.given_up.fetch_add(1, Ordering::AcqRel);
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
                    Err(error) => Err(error.retold()),
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
        self.packs.take(frame)
    }

    /// Finishes the open packs, writes their segment and enters it into the index.
    fn close_packs(&self) -> Result<()> {
        let closed = self.packs.close()?;
        if closed.is_empty() {
            return Ok(());
        }
        self.session.publishes();
        write_segment(&self.repo, &closed, &[])?;
        self.session.note_packs(closed.iter().map(|pack| pack.name));
        Ok(())
    }
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
