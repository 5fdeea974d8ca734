//! Rewriting: what is needed of a pack goes into new ones, and their segment is published.
//!
//! Nothing is deleted here. A frame of which enough is needed is opened and sealed anew under a new key and ordinal, without
//! decompressing it; its other entries stay listed. From the rest the needed entries are taken into new frames, each
//! checked against its id. A pack of which anything cannot be read stays as it is.

use super::plan::{Fate, FrameFate, Plan, SMALL_PACK_BYTES};
use super::usage::{PackUse, Usage};
use crate::compress::{Compressor, Decompressor};
use crate::crypto::seal::Scheme;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::{Class, Key, Kind};
use crate::reach::{IdSorter, Reach, SetReader};
use crate::repo::Repo;
use crate::repo::pack::{FinishedPack, FrameEntry, PackKind, PackWriter, RAW_FRAME_BYTES_MAX};
use crate::repo::scan::Scan;
use crate::repo::segment::{PackFacts, Place};
use crate::repo::write::{DATA_FRAME_BYTES, META_FRAME_BYTES, pack_target_bytes, write_segment};
use std::path::Path;

/// A segment is published when so many new packs wait for one: what waits is held in memory.
const PACKS_A_SEGMENT: usize = 16;
/// Memory for the sorted places of needed entries.
const SORT_BUDGET_BYTES: usize = 32 << 20;

/// What rewriting did.
#[derive(Default)]
pub(super) struct Rewritten {
    /// Packs whose needed content is now elsewhere, published and durable.
    pub(super) done: Vec<Id>,
    /// Packs that could not be read whole, with why.
    pub(super) damaged: Vec<(Id, Error)>,
    /// Needed entries that those packs do not give, with the pack's number in the view.
    pub(super) bad: Vec<(Key, u32)>,
    /// New packs, and the bytes of their files.
    pub(super) packs: u64,
    pub(super) bytes: u64,
    /// The monitor said stop before all was done.
    pub(super) is_stopped: bool,
}

/// Rewrites the packs that the plan says to.
pub(super) fn rewrite(
    repo: &Repo,
    scan: &Scan<'_>,
    reach: &Reach,
    usage: &Usage,
    plan: &Plan,
    temp: &Path,
    monitor: &dyn Monitor,
) -> Result<Rewritten> {
    let mut chosen: Vec<usize> = (0..plan.fates.len()).filter(|at| plan.fates[*at] == Fate::Rewrite).collect();
    let mut out = Rewritten::default();
    if chosen.is_empty() {
        return Ok(out);
    }
    monitor.event(&Event::Phase("rewriting packs"));
    monitor.event(&Event::Total { items: chosen.len() as u64, bytes: plan.copied_bytes });
    // Neighbours stay neighbours: what one writer flushed is read and written in that order, kind by kind.
    chosen.sort_by_key(|at| (usage.packs[*at].kind as u8, usage.packs[*at].number));
    let needed = Needed::collect(scan, reach, usage, &chosen, temp)?;
    let mut places = NeededReader { frames: needed.0.reader(), aliases: needed.1.reader() };
    let is_small = plan.copied_bytes < SMALL_PACK_BYTES;
    let mut output = Output::new(repo, is_small)?;
    for (order, at) in chosen.iter().enumerate() {
        if monitor.is_cancelled() {
            out.is_stopped = true;
            break;
        }
        let pack = &usage.packs[*at];
        match output.take_pack(usage, plan, pack, scan.view.facts(pack.number)?, order as u32, &mut places) {
            Ok(()) => output.pending.push(pack.name),
            Err(Failure::Ours(error)) => return Err(error),
            Err(Failure::Pack(error)) => {
                monitor.event(&Event::Failed { path: crate::repo::pack_path(&pack.name).as_bytes(), error: &error });
                out.damaged.push((pack.name, error));
                out.bad.extend(output.bad.drain(..).map(|key| (key, pack.number)));
            }
        }
        monitor.event(&Event::Advance { items: 1, bytes: pack.file_bytes });
        if output.finished.len() >= PACKS_A_SEGMENT {
            output.publish(&mut out)?;
        }
    }
    output.publish(&mut out)?;
    Ok(out)
}

/// Why a pack was not taken.
enum Failure {
    /// It cannot be read: it stays as it is, and the rest goes on.
    Pack(Error),
    /// What was to be written was not. It holds what was taken of other packs, too: the gc ends.
    Ours(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Ours(error)
    }
}

/// What reading a pack failed of: the pack, unless the machine or the way to it did.
fn of_pack(error: Error) -> Failure {
    if error.is_loss() { Failure::Pack(error) } else { Failure::Ours(error) }
}

/// The places of needed entries in the packs to rewrite, in the order of rewriting: (pack, frame, offset), and
/// (pack, object id) of aliases.
struct Needed(crate::reach::SortedSet<12>, crate::reach::SortedSet<36>);

impl Needed {
    fn collect(scan: &Scan<'_>, reach: &Reach, usage: &Usage, chosen: &[usize], temp: &Path) -> Result<Needed> {
        let mut order = vec![u32::MAX; usage.packs.len()];
        chosen.iter().enumerate().for_each(|(place, at)| order[*at] = place as u32);
        let (mut frames, mut aliases) =
            (IdSorter::<12>::new(temp, SORT_BUDGET_BYTES), IdSorter::<36>::new(temp, SORT_BUDGET_BYTES));
        usage.each_needed(scan, reach, &|at| order[at] != u32::MAX, &mut |at, record| {
            let pack = order[at].to_be_bytes();
            match record.place {
                Place::Frame { frame, offset, .. } => {
                    let mut place = [0; 12];
                    place[..4].copy_from_slice(&pack);
                    place[4..8].copy_from_slice(&frame.to_be_bytes());
                    place[8..].copy_from_slice(&offset.to_be_bytes());
                    frames.push(place)
                }
                Place::Alias { .. } => {
                    let mut place = [0; 36];
                    place[..4].copy_from_slice(&pack);
                    place[4..].copy_from_slice(record.key.id.as_bytes());
                    aliases.push(place)
                }
            }
        })?;
        Ok(Needed(frames.finish()?, aliases.finish()?))
    }
}

/// Reads [`Needed`] along with the packs' directories.
struct NeededReader<'a> {
    frames: SetReader<'a, 12>,
    aliases: SetReader<'a, 36>,
}

impl NeededReader<'_> {
    fn has_entry(&mut self, pack: u32, frame: u32, offset: u32) -> Result<bool> {
        let mut place = [0; 12];
        place[..4].copy_from_slice(&pack.to_be_bytes());
        place[4..8].copy_from_slice(&frame.to_be_bytes());
        place[8..].copy_from_slice(&offset.to_be_bytes());
        self.frames.contains(&place)
    }

    /// Every alias needed from this pack.
    fn aliases_of(&mut self, pack: u32) -> Result<Vec<Id>> {
        let mut ids = Vec::new();
        while let Some(place) = self.aliases.peek()? {
            let of = u32::from_be_bytes([place[0], place[1], place[2], place[3]]);
            if of > pack {
                break;
            }
            if of == pack {
                ids.extend(Id::from_slice(&place[4..]));
            }
            self.aliases.next()?;
        }
        Ok(ids)
    }
}

/// Which new pack a frame goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Data,
    Meta,
}

/// The lane that a writer would have given this entry.
fn lane_of(entry: &FrameEntry) -> Lane {
    match entry.key.class {
        Class::Chunk => Lane::Data,
        Class::Whole if entry.kind == Kind::Blob => Lane::Data,
        _ => Lane::Meta,
    }
}

/// The new packs.
struct Output<'a> {
    repo: &'a Repo,
    target_bytes: u64,
    /// All goes into one pack, whatever it is.
    is_small: bool,
    open: [Option<PackWriter>; 2],
    /// New frames being filled from rebuilt ones: bytes and entries, by lane.
    filling: [(Vec<u8>, Vec<FrameEntry>); 2],
    finished: Vec<FinishedPack>,
    /// Old packs that are done once what is open is published.
    pending: Vec<Id>,
    /// Needed entries of the frame that is being taken.
    bad: Vec<Key>,
    /// Raw bytes of that frame, up to the last that is needed.
    raw: Vec<u8>,
    compressor: Compressor,
    decompressor: Decompressor,
}

impl<'a> Output<'a> {
    fn new(repo: &'a Repo, is_small: bool) -> Result<Self> {
        Ok(Output {
            repo,
            target_bytes: pack_target_bytes(repo.index().pack_totals()?.1),
            is_small,
            open: [None, None],
            filling: Default::default(),
            finished: Vec::new(),
            pending: Vec::new(),
            bad: Vec::new(),
            raw: Vec::new(),
            compressor: Compressor::new(repo.config().compression)?,
            decompressor: Decompressor::new(),
        })
    }

    /// Takes what is needed of one pack. On failure the pack stays, and what was taken of it is a spare copy.
    fn take_pack(
        &mut self,
        usage: &Usage,
        plan: &Plan,
        pack: &PackUse,
        facts: PackFacts,
        order: u32,
        needed: &mut NeededReader<'_>,
    ) -> std::result::Result<(), Failure> {
        let directory = self.repo.pack_directory(&pack.name).map_err(of_pack)?;
        if !directory.frames.iter().map(|(place, _)| place).eq(&facts.frames) {
            let message = "its directory and the segments do not agree";
            return Err(Failure::Pack(Error::new(Code::StorageCorrupted, message)));
        }
        for (number, ((_, entries), used)) in directory.frames.into_iter().zip(usage.frames(pack)).enumerate() {
            let frame = number as u32;
            let fate = FrameFate::of(used, plan.frame_dead_percent);
            if fate == FrameFate::Drop {
                continue;
            }
            let (mut is_needed, mut offset) = (Vec::with_capacity(entries.len()), 0);
            for entry in &entries {
                is_needed.push(needed.has_entry(order, frame, offset)?);
                offset += entry.len;
            }
            self.bad = entries.iter().zip(&is_needed).filter(|(_, needed)| **needed).map(|(one, _)| one.key).collect();
            let wrapped = self.repo.open_wrapped(&facts, frame).map_err(of_pack)?;
            let must_check = fate == FrameFate::Rebuild || self.repo.keyring().scheme() == Scheme::None;
            // What a tag vouches for is copied as it is; without tags every needed byte is looked at.
            if must_check {
                self.open_checked(&wrapped, &entries, &is_needed).map_err(of_pack)?;
            }
            self.bad.clear();
            match fate {
                FrameFate::Reseal => self.append(&wrapped, entries)?,
                _ => self.fill(&entries, &is_needed)?,
            }
        }
        let ids = needed.aliases_of(order)?;
        for alias in directory.aliases.into_iter().filter(|alias| ids.contains(&alias.id)) {
            self.pack(Lane::Meta)?.push_alias(alias);
        }
        Ok(())
    }

    /// Decodes a frame up to its last needed entry, and checks every needed one against its id.
    fn open_checked(&mut self, wrapped: &[u8], entries: &[FrameEntry], is_needed: &[bool]) -> Result<()> {
        let wanted = is_needed.iter().rposition(|is_needed| *is_needed).map_or(0, |last| last + 1);
        let len = entries[..wanted].iter().map(|entry| entry.len as usize).sum();
        let Output { decompressor, raw, .. } = self;
        decompressor.unwrap_start(wrapped, len, RAW_FRAME_BYTES_MAX, raw)?;
        let mut offset = 0;
        for (entry, is_needed) in entries.iter().zip(is_needed) {
            let end = offset + entry.len as usize;
            let bytes = self.raw.get(offset..end).unwrap_or_default();
            if *is_needed {
                self.repo.check(&entry.key, bytes)?;
            }
            offset = end;
        }
        Ok(())
    }

    /// Takes needed entries of the frame that is open into the frames being filled.
    fn fill(&mut self, entries: &[FrameEntry], is_needed: &[bool]) -> Result<()> {
        let mut offset = 0;
        for (entry, is_needed) in entries.iter().zip(is_needed) {
            let end = offset + entry.len as usize;
            if *is_needed {
                let lane = lane_of(entry);
                let limit = if lane == Lane::Data { DATA_FRAME_BYTES } else { META_FRAME_BYTES };
                if self.filling[lane as usize].0.len() + entry.len as usize > 2 * limit {
                    self.close_frame(lane)?;
                }
                let (bytes, filled) = &mut self.filling[lane as usize];
                bytes.extend_from_slice(self.raw.get(offset..end).unwrap_or_default());
                filled.push(*entry);
                if bytes.len() >= limit {
                    self.close_frame(lane)?;
                }
            }
            offset = end;
        }
        Ok(())
    }

    fn close_frame(&mut self, lane: Lane) -> Result<()> {
        let (bytes, entries) = std::mem::take(&mut self.filling[lane as usize]);
        if entries.is_empty() {
            return Ok(());
        }
        let wrapped = self.compressor.wrap(&bytes)?;
        if self.decompressor.unwrap_frame(&wrapped, bytes.len())? != bytes {
            return fail(
                Code::EncryptionFailed,
                "a frame did not decode to what was stored: check this machine's memory",
            );
        }
        self.append(&wrapped, entries)
    }

    fn append(&mut self, wrapped: &[u8], entries: Vec<FrameEntry>) -> Result<()> {
        let lane = entries.first().map_or(Lane::Data, lane_of);
        let target_bytes = self.target_bytes;
        let fits = self.pack(lane)?.fits(wrapped.len(), entries.len(), target_bytes);
        if !fits {
            self.close_pack(self.slot(lane))?;
        }
        self.pack(lane)?.append(wrapped, entries, true)
    }

    fn slot(&self, lane: Lane) -> usize {
        if self.is_small { 0 } else { lane as usize }
    }

    fn pack(&mut self, lane: Lane) -> Result<&mut PackWriter> {
        let kind = match lane {
            _ if self.is_small => PackKind::Mixed,
            Lane::Data => PackKind::Data,
            Lane::Meta => PackKind::Meta,
        };
        let slot = self.slot(lane);
        let open = match self.open[slot].take() {
            Some(open) => open,
            None => PackWriter::create(self.repo.core(), kind)?,
        };
        Ok(self.open[slot].insert(open))
    }

    fn close_pack(&mut self, slot: usize) -> Result<()> {
        if let Some(pack) = self.open[slot].take() {
            self.finished.push(pack.finish(self.repo.backend().as_ref())?);
        }
        Ok(())
    }

    /// Closes everything and publishes it: packs, then their segment (promise 2). Then the old packs are done.
    fn publish(&mut self, out: &mut Rewritten) -> Result<()> {
        self.close_frame(Lane::Data)?;
        self.close_frame(Lane::Meta)?;
        self.close_pack(0)?;
        self.close_pack(1)?;
        if !self.finished.is_empty() {
            let finished = std::mem::take(&mut self.finished);
            write_segment(self.repo, &finished, &[])?;
            out.packs += finished.len() as u64;
            out.bytes += finished.iter().map(|pack| pack.file_bytes).sum::<u64>();
        }
        out.done.append(&mut self.pending);
        Ok(())
    }
}
