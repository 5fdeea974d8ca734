//! What becomes of each pack.

use super::usage::{FrameUse, PackUse, Standing, Usage};
use super::{GcOptions, MAX_UNUSED_PERCENT};
use crate::error::Result;
use crate::id::Id;
use crate::repo::pack::FramePlace;
use crate::repo::view::View;
use std::collections::HashSet;

/// A frame is carried over as it is while at most so many percent of it are not needed: what it is built anew for must pay
/// for compressing it. Less where packs are wanted tighter than [`super::MAX_UNUSED_PERCENT`].
const FRAME_DEAD_PERCENT: u64 = 50;
/// A pack below this is small.
pub(super) const SMALL_PACK_BYTES: u64 = 4 << 20;
/// So many small packs of live data are made into few.
const SMALL_PACKS: usize = 16;

/// What becomes of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is.
    Keep,
    /// What is needed of it goes into a new pack.
    Rewrite,
    /// Nothing of it is needed.
    Drop,
}

/// What becomes of a frame of a pack that is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameFate {
    /// Nothing of it is needed.
    Drop,
    /// Enough of it is: it is sealed anew as it is.
    Reseal,
    /// Too little: what is needed goes into a new frame.
    Rebuild,
}

impl FrameFate {
    /// The fate of a frame that is used so, where `dead_percent` of one may stay.
    pub(super) fn of(frame: &FrameUse, dead_percent: u64) -> FrameFate {
        let dead = u64::from(frame.raw_bytes.saturating_sub(frame.live_bytes));
        match frame.live_entries {
            0 => FrameFate::Drop,
            _ if dead * 100 <= u64::from(frame.raw_bytes) * dead_percent => FrameFate::Reseal,
            _ => FrameFate::Rebuild,
        }
    }
}

/// What becomes of all packs, in the order of [`Usage::packs`].
pub(super) struct Plan {
    pub(super) fates: Vec<Fate>,
    /// How much of a frame may stay that is not needed.
    pub(super) frame_dead_percent: u64,
    /// Bytes that will be freed by dropping and rewriting, before padding.
    pub(super) freed_bytes: u64,
    /// Bytes that are not needed and stay: in frames that are half needed, in packs not worth rewriting.
    pub(super) dead_bytes_kept: u64,
    /// Bytes that rewriting copies.
    pub(super) copied_bytes: u64,
}

/// Decides. Packs in `fresh` stay. Where the options bound what is copied, packs that free most for what they cost come
/// first.
pub(super) fn plan(view: &View<'_>, usage: &Usage, fresh: &HashSet<Id>, options: &GcOptions) -> Result<Plan> {
    let unused_percent = u64::from(options.max_unused_percent);
    let mut plan = Plan {
        fates: vec![Fate::Keep; usage.packs.len()],
        frame_dead_percent: FRAME_DEAD_PERCENT.min(unused_percent * FRAME_DEAD_PERCENT / u64::from(MAX_UNUSED_PERCENT)),
        freed_bytes: 0,
        dead_bytes_kept: 0,
        copied_bytes: 0,
    };
    let (mut worth, mut small) = (Vec::new(), Vec::new());
    for (at, pack) in usage.packs.iter().enumerate() {
        if pack.standing == Standing::Doomed || fresh.contains(&pack.name) || usage.mourned.contains(&pack.name) {
            continue;
        }
        let frames = usage.frames(pack);
        let is_needed = pack.live_aliases > 0 || frames.iter().any(|frame| frame.live_entries > 0);
        if !is_needed || pack.standing == Standing::Gone {
            plan.fates[at] = Fate::Drop;
            plan.freed_bytes += if pack.standing == Standing::Gone { 0 } else { pack.file_bytes };
            continue;
        }
        let (freed, dead) =
            freed_and_dead(pack, frames, plan.frame_dead_percent, &|| Ok(view.facts(pack.number)?.frames))?;
        plan.dead_bytes_kept += dead;
        let is_worth = freed > 0 && freed * 100 >= pack.file_bytes * unused_percent;
        // Damage that another copy has made good is no more to be found by every verify.
        if is_worth || usage.healed.contains(&pack.number) {
            worth.push((at, freed, dead));
        } else if pack.file_bytes < SMALL_PACK_BYTES {
            small.push((at, freed, dead));
        }
    }
    if small.len() >= SMALL_PACKS {
        worth.append(&mut small);
    }
    // Most freed for each byte copied first: freed / copied, without dividing.
    let cost = |at: usize, freed: u64| usage.packs[at].file_bytes.saturating_sub(freed);
    worth.sort_by_key(|&(at, freed, _)| {
        (std::cmp::Reverse((u128::from(freed) << 32) / u128::from(cost(at, freed).max(1))), usage.packs[at].name)
    });
    for (at, freed, _) in worth {
        let copied = cost(at, freed);
        if options.max_repack_bytes.is_some_and(|most| plan.copied_bytes + copied > most) {
            continue;
        }
        plan.fates[at] = Fate::Rewrite;
        plan.copied_bytes += copied;
        plan.freed_bytes += freed;
        plan.dead_bytes_kept -= freed;
    }
    Ok(plan)
}

/// Stored bytes of a pack that rewriting would free, and all that are not needed.
fn freed_and_dead(
    pack: &PackUse,
    frames: &[FrameUse],
    frame_dead_percent: u64,
    places: &dyn Fn() -> Result<Vec<FramePlace>>,
) -> Result<(u64, u64)> {
    // Most packs are needed whole: their tables of frames are not read.
    if frames.iter().all(|frame| frame.live_bytes == frame.raw_bytes && frame.live_entries > 0) {
        return Ok((0, 0));
    }
    let (mut freed, mut dead) = (0, 0);
    for (frame, place) in frames.iter().zip(places()?) {
        let sealed = u64::from(place.sealed_bytes);
        let unneeded = match frame.raw_bytes {
            0 => {
                if frame.live_entries == 0 {
                    sealed
                } else {
                    0
                }
            }
            raw => sealed * u64::from(raw - frame.live_bytes.min(raw)) / u64::from(raw),
        };
        dead += unneeded;
        if FrameFate::of(frame, frame_dead_percent) != FrameFate::Reseal {
            freed += unneeded;
        }
    }
    Ok((freed.min(pack.file_bytes), dead.min(pack.file_bytes)))
}
