//! Mark: which bytes of which pack are still needed, and which copy of a duplicate survives.

use crate::error::Result;
use crate::id::Id;
use crate::object::{Class, Key};
use crate::reach::Reach;
use crate::repo::pack::PackKind;
use crate::repo::scan::Scan;
use crate::repo::segment::{Place, Record};
use crate::repo::view::View;
use std::collections::{HashMap, HashSet};

/// Whether a copy in a pack can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there, and nothing speaks against it.
    Sound,
    /// A doom names it: it is there still, and may go any time.
    Doomed,
    /// Its file is not there.
    Gone,
}

/// How much of a frame is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameUse {
    /// Bytes of all its entries.
    pub(super) raw_bytes: u32,
    /// Bytes of those that are needed from here.
    pub(super) live_bytes: u32,
    /// How many are needed; an entry may have no bytes.
    pub(super) live_entries: u32,
}

/// How much of a pack is needed.
#[derive(Clone, Debug)]
pub(super) struct PackUse {
    /// Its number in the view.
    pub(super) number: u32,
    pub(super) name: Id,
    pub(super) kind: PackKind,
    pub(super) file_bytes: u64,
    pub(super) standing: Standing,
    /// Where its frames begin in [`Usage::frames`].
    first_frame: usize,
    frames: u32,
    /// Aliases needed from here.
    pub(super) live_aliases: u32,
}

/// What was found needed, pack by pack and frame by frame: eight bytes or so a frame, nothing an entry.
pub(super) struct Usage {
    pub(super) packs: Vec<PackUse>,
    frames: Vec<FrameUse>,
    by_number: HashMap<u32, usize>,
    /// Copies known to be damaged, by pack number.
    bad: HashSet<(Key, u32)>,
    /// Copies of all entries.
    pub(super) entries: u64,
    /// Reachable objects, chunks and nodes of which there is no copy.
    pub(super) missing: u64,
    /// Doomed packs that hold the only copy of something reachable: they stay.
    pub(super) revived: HashSet<Id>,
    /// Packs that are gone and should hold the only copy of something reachable: they stay listed, so that it is known
    /// what is lost, and found again should the file come back.
    pub(super) mourned: HashSet<Id>,
    /// Packs, by number, with damaged copies of which none is needed any more: what is sound of them goes elsewhere.
    pub(super) healed: HashSet<u32>,
}

/// Receives a key's copies by pack name, and whether it is reachable.
type EachGroup<'a> = dyn FnMut(&Usage, &[Copy], bool) -> Result<()> + 'a;

/// One copy of the entry that a scan is at.
#[derive(Clone, Copy)]
struct Copy {
    pack: usize,
    record: Record,
}

impl Usage {
    /// Looks at every entry of the scan once. `standing` says of each pack, by name, whether it counts.
    pub(super) fn mark(scan: &Scan<'_>, reach: &Reach, standing: &dyn Fn(&Id) -> Standing) -> Result<Usage> {
        let mut usage = Usage::new(&scan.view, standing)?;
        let (mut frames, mut aliases) = (std::mem::take(&mut usage.frames), vec![0u32; usage.packs.len()]);
        let (mut entries, mut missing, mut lost) = (0, 0, 0);
        let (mut revived, mut mourned) = (HashSet::new(), HashSet::new());
        let mut healed: HashSet<u32> = usage.bad.iter().map(|(_, pack)| *pack).collect();
        usage.each_group(scan, reach, &mut missing, &mut |usage, copies, is_live| {
            entries += copies.len() as u64;
            for copy in copies {
                if let Some(at) = usage.frame_at(copy) {
                    frames[at].raw_bytes = frames[at].raw_bytes.saturating_add(len_of(&copy.record));
                }
            }
            if !is_live {
                return Ok(());
            }
            let Some(copy) = usage.survivor(copies) else {
                lost += u64::from(!copies.is_empty());
                mourned.extend(copies.iter().map(|copy| usage.packs[copy.pack].name));
                return Ok(());
            };
            if usage.packs[copy.pack].standing == Standing::Doomed {
                revived.insert(usage.packs[copy.pack].name);
            }
            if usage.bad.contains(&(copy.record.key, copy.record.pack)) {
                healed.remove(&copy.record.pack);
            }
            match usage.frame_at(&copy) {
                Some(at) => {
                    frames[at].live_bytes = frames[at].live_bytes.saturating_add(len_of(&copy.record));
                    frames[at].live_entries += 1;
                }
                None => aliases[copy.pack] += 1,
            }
            Ok(())
        })?;
        usage.frames = frames;
        usage.packs.iter_mut().zip(aliases).for_each(|(pack, count)| pack.live_aliases = count);
        Ok(Usage { entries, missing: missing + lost, revived, mourned, healed, ..usage })
    }

    fn new(view: &View<'_>, standing: &dyn Fn(&Id) -> Standing) -> Result<Usage> {
        let (mut packs, mut first_frame) = (Vec::new(), 0);
        // What no segment lists yet may be a writer's that goes on: it is neither deleted nor relied on.
        let strays: HashSet<u32> = view.strays()?.into_iter().collect();
        for brief in view.packs()?.into_iter().filter(|brief| !strays.contains(&brief.number)) {
            packs.push(PackUse {
                number: brief.number,
                name: brief.name,
                kind: brief.kind,
                file_bytes: brief.file_bytes,
                standing: standing(&brief.name),
                first_frame,
                frames: brief.frames,
                live_aliases: 0,
            });
            first_frame += brief.frames as usize;
        }
        Ok(Usage {
            by_number: packs.iter().enumerate().map(|(at, pack)| (pack.number, at)).collect(),
            packs,
            frames: vec![FrameUse::default(); first_frame],
            bad: view.bad()?.into_iter().collect(),
            entries: 0,
            missing: 0,
            revived: HashSet::new(),
            mourned: HashSet::new(),
            healed: HashSet::new(),
        })
    }

    /// The frames of a pack.
    pub(super) fn frames(&self, pack: &PackUse) -> &[FrameUse] {
        &self.frames[pack.first_frame..pack.first_frame + pack.frames as usize]
    }

    /// Passes over the scan once more and tells `each` of every needed entry in a pack that `wanted` says yes to.
    pub(super) fn each_needed(
        &self,
        scan: &Scan<'_>,
        reach: &Reach,
        wanted: &dyn Fn(usize) -> bool,
        each: &mut dyn FnMut(usize, &Record) -> Result<()>,
    ) -> Result<()> {
        self.each_group(scan, reach, &mut 0, &mut |usage, copies, is_live| match usage
            .survivor(copies)
            .filter(|copy| is_live && wanted(copy.pack))
        {
            Some(copy) => each(copy.pack, &copy.record),
            None => Ok(()),
        })
    }

    /// Packs with other copies of what was to survive in one of `packs`.
    pub(super) fn spare_copies(&self, scan: &Scan<'_>, reach: &Reach, packs: &HashSet<Id>) -> Result<HashSet<Id>> {
        let mut spare = HashSet::new();
        self.each_group(scan, reach, &mut 0, &mut |usage, copies, is_live| {
            let survivor = usage.survivor(copies).filter(|_| is_live);
            if survivor.is_some_and(|copy| packs.contains(&usage.packs[copy.pack].name)) {
                spare.extend(copies.iter().map(|copy| usage.packs[copy.pack].name));
            }
            Ok(())
        })?;
        Ok(spare)
    }

    /// Tells `each` of every key: all its copies, by pack name, and whether it is reachable.
    fn each_group(&self, scan: &Scan<'_>, reach: &Reach, missing: &mut u64, each: &mut EachGroup<'_>) -> Result<()> {
        let (mut copies, mut key, mut key_is_live): (Vec<Copy>, Option<Key>, bool) = (Vec::new(), None, false);
        let mut absent = 0;
        let mut settle = |copies: &mut Vec<Copy>, is_live: bool| {
            // Packs are in name order, so this is the order of names.
            copies.sort_unstable_by_key(|copy| copy.pack);
            each(self, copies, is_live)?;
            copies.clear();
            Ok(())
        };
        reach.join_in(
            &|each| scan.for_each(each),
            &mut |record, is_live| {
                if key.is_some_and(|key| key != record.key) {
                    settle(&mut copies, key_is_live)?;
                }
                (key, key_is_live) = (Some(record.key), is_live);
                if let Some(pack) = self.by_number.get(&record.pack) {
                    copies.push(Copy { pack: *pack, record: *record });
                }
                Ok(())
            },
            &mut |_| {
                absent += 1;
                Ok(())
            },
        )?;
        settle(&mut copies, key_is_live)?;
        *missing += absent;
        Ok(())
    }

    /// The copy that survives: the first by pack name that is sound. Where there is none, a doomed one, whose pack is
    /// to be kept; else a damaged one, which is better than nothing.
    fn survivor(&self, copies: &[Copy]) -> Option<Copy> {
        let first = |is_bad: bool, standing: Standing| {
            copies.iter().find(|copy| {
                self.packs[copy.pack].standing == standing
                    && self.bad.contains(&(copy.record.key, copy.record.pack)) == is_bad
            })
        };
        first(false, Standing::Sound)
            .or_else(|| first(false, Standing::Doomed))
            .or_else(|| first(true, Standing::Sound))
            .or_else(|| first(true, Standing::Doomed))
            .copied()
    }

    fn frame_at(&self, copy: &Copy) -> Option<usize> {
        let pack = &self.packs[copy.pack];
        match copy.record.place {
            Place::Frame { frame, .. } if frame < pack.frames => Some(pack.first_frame + frame as usize),
            _ => None,
        }
    }
}

fn len_of(record: &Record) -> u32 {
    match record.place {
        Place::Frame { len, .. } if record.key.class != Class::Alias => len,
        _ => 0,
    }
}
