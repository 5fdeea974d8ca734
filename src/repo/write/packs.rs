//! From frames to packs: a flush of little makes one mixed pack, a larger one fills packs by lane.

use crate::crypto::seal::random;
use crate::error::Result;
use crate::repo::Repo;
use crate::repo::index::locked;
use crate::repo::pack::{Alias, FinishedPack, FrameEntry, PackKind, PackWriter};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A flush of less than this makes one mixed pack.
const MIXED_PACK_BYTES: usize = 4 << 20;
/// Packs grow with the repository between these bounds (STORAGE section 4).
const PACK_BYTES: (u64, u64) = (16 << 20, 64 << 20);

/// Which pack a frame goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Data,
    Meta,
}

/// A frame on its way: raw when it leaves a putter, wrapped after the pool.
pub(super) struct Frame {
    pub lane: Lane,
    pub bytes: Vec<u8>,
    pub entries: Vec<FrameEntry>,
    pub aliases: Vec<Alias>,
}

impl Frame {
    pub(super) fn new(lane: Lane) -> Self {
        Frame { lane, bytes: Vec::new(), entries: Vec::new(), aliases: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.aliases.is_empty()
    }
}

/// The open frames of one thread.
pub(super) struct Slot {
    pub data: Frame,
    pub meta: Frame,
}

impl Slot {
    pub(super) fn frame(&mut self, lane: Lane) -> &mut Frame {
        match lane {
            Lane::Data => &mut self.data,
            Lane::Meta => &mut self.meta,
        }
    }

    pub(super) fn take(&mut self, lane: Lane) -> Frame {
        std::mem::replace(self.frame(lane), Frame::new(lane))
    }
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
pub(super) struct Packs {
    repo: Repo,
    target_bytes: u64,
    /// Whether frames are read again once they are sealed.
    check: bool,
    small: Mutex<Small>,
    data: [Mutex<Option<PackWriter>>; 2],
    meta: Mutex<Option<PackWriter>>,
    closed: Mutex<Vec<FinishedPack>>,
    dice: AtomicU64,
    stored_bytes: AtomicU64,
}

impl Packs {
    /// Packs as long as a repository of so many bytes has them.
    pub(super) fn new(repo: &Repo, check: bool) -> Result<Self> {
        Ok(Packs {
            repo: repo.clone(),
            target_bytes: pack_target_bytes(repo.index().pack_totals()?.1),
            check,
            small: Mutex::default(),
            data: Default::default(),
            meta: Mutex::default(),
            closed: Mutex::default(),
            dice: AtomicU64::new(u64::from_le_bytes(random()?) | 1),
            stored_bytes: AtomicU64::new(0),
        })
    }

    /// Bytes of the packs that are finished.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored_bytes.load(Ordering::Relaxed)
    }

    /// Takes a wrapped frame: holds it while all still fits a mixed pack, else appends it to a pack of its lane.
    pub(super) fn take(&self, frame: Frame) -> Result<()> {
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
        frames.into_iter().try_for_each(|frame| self.append(frame))
    }

    fn append(&self, frame: Frame) -> Result<()> {
        let (open, kind) = match frame.lane {
            Lane::Data => (&self.data[self.toss()], PackKind::Data),
            Lane::Meta => (&self.meta, PackKind::Meta),
        };
        let mut open = locked(open);
        let fits = open.as_ref().is_none_or(|pack| {
            pack.fits(frame.bytes.len(), frame.entries.len() + 2 * frame.aliases.len(), self.target_bytes)
        });
        if !fits && let Some(pack) = open.take() {
            self.finish(pack)?;
        }
        let pack = match open.as_mut() {
            Some(pack) => pack,
            None => open.insert(PackWriter::create(self.repo.core(), kind)?),
        };
        append_frame(pack, frame, self.check)
    }

    /// Finishes what is open. All packs since the last time, durable.
    pub(super) fn close(&self) -> Result<Vec<FinishedPack>> {
        let small = std::mem::take(&mut *locked(&self.small));
        if !small.frames.is_empty() {
            let mut pack = PackWriter::create(self.repo.core(), PackKind::Mixed)?;
            for frame in small.frames {
                append_frame(&mut pack, frame, self.check)?;
            }
            self.finish(pack)?;
        }
        for open in self.data.iter().chain([&self.meta]) {
            if let Some(pack) = locked(open).take() {
                self.finish(pack)?;
            }
        }
        Ok(std::mem::take(&mut *locked(&self.closed)))
    }

    fn finish(&self, pack: PackWriter) -> Result<()> {
        self.add(pack.finish(self.repo.core().backend.as_ref())?);
        Ok(())
    }

    /// Adds a pack that is finished and durable.
    pub(super) fn add(&self, pack: FinishedPack) {
        self.stored_bytes.fetch_add(pack.file_bytes, Ordering::Relaxed);
        locked(&self.closed).push(pack);
    }

    /// How many finished packs no segment lists yet.
    pub(super) fn closed(&self) -> usize {
        locked(&self.closed).len()
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
