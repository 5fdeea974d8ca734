//! What has to be carried: everything that the wanted roots reach and the target lacks, and in which packs of the source
//! it lies.
//!
//! Sets are sorted and merge-joined with both indexes, so memory stays within a budget (promise 8). What stands in the
//! target only in doomed packs or in damaged copies is lacking there.

use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::{Class, Key};
use crate::reach::{IdSorter, Reach, ReachOptions, SortedSet, Start, reachable};
use crate::repo::Repo;
use crate::repo::segment::{Place, Record};
use crate::repo::view::View;
use std::collections::{HashMap, HashSet};

/// A pack is carried whole if at least this share of what is in it is lacking: one part in so many.
const WHOLE_SHARE: u64 = 2;
/// The frame of an alias, which stands in none: aliases come last in their pack.
const NO_FRAME: u32 = u32::MAX;

/// Class, id.
pub(super) type KeyBytes = [u8; 33];
/// Pack, frame, offset and length (big-endian), class, id: sorted as the source's packs are read.
pub(super) type Located = [u8; 49];

/// Where it has to go.
pub(super) struct Target<'a> {
    pub(super) repo: &'a Repo,
    /// Packs that are about to go there.
    pub(super) doomed: &'a HashSet<Id>,
    /// Packs that were only promised to it, or that it has lost.
    pub(super) absent: HashSet<Id>,
}

impl<'a> Target<'a> {
    pub(super) fn new(repo: &'a Repo, doomed: &'a HashSet<Id>) -> Result<Self> {
        let absent = if repo.is_partial() { repo.promised_packs()? } else { HashSet::new() };
        Ok(Target { repo, doomed, absent })
    }
}

/// What has to be carried.
pub(super) struct Plan {
    /// Packs that are carried as they are, by name.
    pub(super) packs: Vec<Chosen>,
    /// Entries that are carried one by one, in the order in which they lie at the source.
    pub(super) entries: SortedSet<49>,
    /// Lacking entries, in packs or alone.
    pub(super) lacking: u64,
    /// Raw bytes of `entries`.
    pub(super) entry_bytes: u64,
}

/// A pack that is carried whole.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) name: Id,
    pub(super) file_bytes: u64,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.lacking == 0
    }

    /// Bytes on the way, as far as they are known before.
    pub(super) fn bytes(&self) -> u64 {
        self.packs.iter().map(|pack| pack.file_bytes).sum::<u64>() + self.entry_bytes
    }
}

/// Finds what `target` lacks of what `starts` reach in `source`.
pub(super) fn plan(
    source: &Repo,
    target: &Target<'_>,
    starts: &[Start],
    options: &ReachOptions,
    monitor: &dyn Monitor,
) -> Result<Plan> {
    let reach = reachable(source, starts, options, monitor)?;
    if let Some(broken) = reach.broken.first() {
        return Err(damaged_source(source, reach.broken.len(), &broken.error));
    }
    monitor.event(&Event::Phase("comparing"));
    let wanted = keys_of(&reach, options)?;
    let lacking = lacking(&wanted, target, options)?;
    let view = source.index().view()?;
    let (located, in_packs) = locate(source, &view, &lacking, options)?;
    choose(&view, target, located, &in_packs, lacking.len(), options)
}

/// How much of what `starts` reach stands only in packs that were promised to a partial repository.
pub(super) fn only_promised(
    repo: &Repo,
    starts: &[Start],
    options: &ReachOptions,
    monitor: &dyn Monitor,
) -> Result<u64> {
    let reach = reachable(repo, starts, options, monitor)?;
    if let Some(broken) = reach.broken.first() {
        return Err(damaged_source(repo, reach.broken.len(), &broken.error));
    }
    Ok(lacking(&keys_of(&reach, options)?, &Target::new(repo, &HashSet::new())?, options)?.len())
}

fn damaged_source(source: &Repo, count: usize, error: &Error) -> Error {
    let what = format!(
        "{count} objects that should be carried are damaged or missing at {}: {error}",
        source.backend().location()
    );
    let verify = format!("larder -r {} verify", source.backend().location());
    Error::new(Code::StorageCorrupted, what)
        .with_hint(format!("`{verify}` names them; `{verify} --repair` mends what another replica has"))
}

fn sorter<const N: usize>(options: &ReachOptions) -> IdSorter<N> {
    IdSorter::new(&options.temp, options.budget_bytes / 8)
}

/// The entries that make up what is reachable.
fn keys_of(reach: &Reach, options: &ReachOptions) -> Result<SortedSet<33>> {
    let mut keys = sorter(options);
    let (mut objects, mut large) = (reach.objects.reader(), reach.aliases.reader());
    while let Some(id) = objects.next()? {
        let class = if large.contains(&id)? { Class::Alias } else { Class::Whole };
        keys.push(key_bytes(&Key { class, id: Id::new(id) }))?;
    }
    for (class, set) in [(Class::Chunk, &reach.chunks), (Class::Node, &reach.nodes)] {
        let mut reader = set.reader();
        while let Some(id) = reader.next()? {
            keys.push(key_bytes(&Key { class, id: Id::new(id) }))?;
        }
    }
    keys.finish()
}

fn lacking(wanted: &SortedSet<33>, target: &Target<'_>, options: &ReachOptions) -> Result<SortedSet<33>> {
    let view = target.repo.index().view()?;
    let is_unreliable = |name: &Id| target.doomed.contains(name) || target.absent.contains(name);
    let unreliable: HashSet<u32> =
        view.packs()?.into_iter().filter(|pack| is_unreliable(&pack.name)).map(|pack| pack.number).collect();
    let bad: HashSet<(Key, u32)> = view.bad()?.into_iter().collect();
    let (mut reader, mut out) = (wanted.reader(), sorter(options));
    view.for_each_from(Class::Whole, &mut |record| {
        if !unreliable.contains(&record.pack) && !bad.contains(&(record.key, record.pack)) {
            reader.seek(&key_bytes(&record.key), &mut |key| out.push(key))?;
        }
        Ok(true)
    })?;
    reader.rest(&mut |key| out.push(key))?;
    out.finish()
}

/// Where the source has what is lacking, and how many raw bytes each of its packs holds in all.
fn locate(
    source: &Repo,
    view: &View<'_>,
    lacking: &SortedSet<33>,
    options: &ReachOptions,
) -> Result<(SortedSet<49>, HashMap<u32, u64>)> {
    let bad: HashSet<(Key, u32)> = view.bad()?.into_iter().collect();
    let (mut reader, mut out, mut in_packs) = (lacking.reader(), sorter(options), HashMap::new());
    let mut lost = 0;
    // The copy chosen so far, and whether it was found damaged once: such a one is tried where there is no other.
    let mut best: Option<(Record, bool)> = None;
    view.for_each_from(Class::Whole, &mut |record| {
        let (_, _, len) = place_of(record);
        *in_packs.entry(record.pack).or_default() += u64::from(len);
        let is_lacking = reader.seek(&key_bytes(&record.key), &mut |_| {
            lost += 1;
            Ok(())
        })?;
        if !is_lacking {
            return Ok(true);
        }
        let is_bad = bad.contains(&(record.key, record.pack));
        match best {
            Some((other, was_bad)) if other.key == record.key => {
                if was_bad && !is_bad {
                    best = Some((*record, false));
                }
            }
            _ => {
                if let Some((other, _)) = best.replace((*record, is_bad)) {
                    out.push(located(&other))?;
                }
            }
        }
        Ok(true)
    })?;
    if let Some((record, _)) = best {
        out.push(located(&record))?;
    }
    reader.rest(&mut |_| {
        lost += 1;
        Ok(())
    })?;
    match lost {
        0 => Ok((out.finish()?, in_packs)),
        lost => Err(damaged_source(source, lost, &Error::new(Code::ChunkNotFound, "they are in no sound pack"))),
    }
}

/// Decides which packs are carried whole.
fn choose(
    view: &View<'_>,
    target: &Target<'_>,
    located: SortedSet<49>,
    in_packs: &HashMap<u32, u64>,
    lacking: u64,
    options: &ReachOptions,
) -> Result<Plan> {
    let mut needed: HashMap<u32, u64> = HashMap::new();
    let mut reader = located.reader();
    while let Some(entry) = reader.next()? {
        let (pack, _, _, len) = numbers(&entry);
        *needed.entry(pack).or_default() += u64::from(len);
    }
    let mut whole = HashSet::new();
    let mut packs = Vec::new();
    for pack in view.packs()? {
        let Some(bytes) = needed.get(&pack.number) else { continue };
        let in_all = in_packs.get(&pack.number).copied().unwrap_or(0);
        if bytes * WHOLE_SHARE >= in_all && !target.doomed.contains(&pack.name) {
            whole.insert(pack.number);
            packs.push(Chosen { name: pack.name, file_bytes: pack.file_bytes });
        }
    }
    let (mut entries, mut entry_bytes, mut reader) = (sorter(options), 0, located.reader());
    while let Some(entry) = reader.next()? {
        let (pack, _, _, len) = numbers(&entry);
        if !whole.contains(&pack) {
            entries.push(entry)?;
            entry_bytes += u64::from(len);
        }
    }
    Ok(Plan { packs, entries: entries.finish()?, lacking, entry_bytes })
}

fn key_bytes(key: &Key) -> KeyBytes {
    let mut bytes = [0; 33];
    bytes[0] = key.class.code();
    bytes[1..].copy_from_slice(key.id.as_bytes());
    bytes
}

fn place_of(record: &Record) -> (u32, u32, u32) {
    match record.place {
        Place::Frame { frame, offset, len } => (frame, offset, len),
        Place::Alias { .. } => (NO_FRAME, 0, 0),
    }
}

fn located(record: &Record) -> Located {
    let (frame, offset, len) = place_of(record);
    let mut bytes = [0; 49];
    for (at, number) in [record.pack, frame, offset, len].into_iter().enumerate() {
        bytes[4 * at..4 * at + 4].copy_from_slice(&number.to_be_bytes());
    }
    bytes[16..].copy_from_slice(&key_bytes(&record.key));
    bytes
}

/// Pack, frame, offset and length.
fn numbers(entry: &Located) -> (u32, u32, u32, u32) {
    let at = |at: usize| u32::from_be_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
    (at(0), at(4), at(8), at(12))
}

/// The entry and its length.
pub(super) fn key_of(entry: &Located) -> Option<(Key, u32)> {
    let id = Id::from_slice(&entry[17..])?;
    Some((Key { class: Class::from_code(entry[16])?, id }, numbers(entry).3))
}
