//! Is everything that is reachable indexed, in a pack that is there and long enough?

use super::findings::Findings;
use super::frames::{FrameMap, FrameSet, fingerprint};
use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::object::{Class, Key};
use crate::reach::{IdSorter, Reach, SortedSet};
use crate::repo::gc_access::pack_files_of;
use crate::repo::segment::{Place, Record};
use crate::repo::view::View;
use crate::repo::{Repo, pack_path};
use std::collections::{HashMap, HashSet};

/// Memory for the sorted list of large objects.
const SORT_BUDGET_BYTES: usize = 16 << 20;

/// What one pass over the index found.
pub(super) struct Indexed {
    /// Frames with something reachable in them.
    pub(super) wanted: FrameSet,
    /// For each pack, the sum of the fingerprints of what the index says is in it.
    pub(super) fingerprints: Vec<u64>,
    /// Large reachable objects in the order of their recipes' roots on the medium: pack, frame, offset, then object id
    /// and root node.
    pub(super) large: SortedSet<76>,
    /// Packs that cannot be read at all: not there.
    pub(super) gone: HashSet<Id>,
    /// How many packs are not here but where they were promised, and their bytes.
    pub(super) promised: (u64, u64),
}

/// What the lengths of packs tell.
#[derive(Default)]
struct Lengths {
    gone: HashSet<Id>,
    /// Of packs that are shorter than they should be, how many of their frames are whole.
    cut: HashMap<usize, u32>,
    promised: (u64, u64),
}

/// Looks at every pack's length and every reachable entry's place. Reads no pack.
pub(super) fn check_index(
    repo: &Repo,
    view: &View<'_>,
    frames: &FrameMap,
    reach: &Reach,
    findings: &Findings,
) -> Result<Indexed> {
    let Lengths { gone, cut, promised } = check_lengths(repo, view, frames, findings)?;
    let roots = large_roots(repo, view, reach)?;
    let mut large = IdSorter::<76>::new(&repo.local().cache.join("tmp"), SORT_BUDGET_BYTES);
    let strays: HashSet<usize> = view.strays()?.into_iter().filter_map(|number| frames.pack_at(number)).collect();
    let (wanted, mut fingerprints) = (frames.none(), vec![0u64; frames.packs.len()]);
    let mut root_reader = roots.reader();
    let mut at: Option<AtKey> = None;
    reach.join_in(
        &|each| view.for_each(each),
        &mut |record, is_live| {
            if at.as_ref().is_none_or(|at| at.key != record.key) {
                settle(at.take(), frames, findings);
                at = Some(AtKey { key: record.key, is_live, is_found: false, is_listed: false, seen_in: None });
                if is_live && record.key.class == Class::Node {
                    note_large(record, &mut root_reader, &mut large)?;
                }
            }
            let (Some(pack), Some(at)) = (frames.pack_at(record.pack), at.as_mut()) else { return Ok(()) };
            fingerprints[pack] = fingerprints[pack].wrapping_add(fingerprint(record));
            let is_readable = !gone.contains(&frames.packs[pack].name) && !is_cut(&cut, pack, record);
            at.is_found |= is_readable;
            at.is_listed |= !strays.contains(&pack);
            // Where it is lost, or else where it is found.
            if !is_readable || at.seen_in.is_none() {
                at.seen_in = Some(pack);
            }
            if let (true, Place::Frame { frame, .. }) = (is_live, record.place)
                && let Some(number) = frames.frame_at(pack, frame)
            {
                wanted.insert(number);
            }
            Ok(())
        },
        &mut |key| {
            findings.entry(key, None, &Error::new(Code::ChunkNotFound, "it is in no pack"));
            Ok(())
        },
    )?;
    settle(at, frames, findings);
    Ok(Indexed { wanted, fingerprints, large: large.finish()?, gone, promised })
}

/// The key that the pass is at.
struct AtKey {
    key: Key,
    is_live: bool,
    is_found: bool,
    is_listed: bool,
    seen_in: Option<usize>,
}

fn settle(at: Option<AtKey>, frames: &FrameMap, findings: &Findings) {
    let Some(AtKey { key, is_live: true, is_found, is_listed, seen_in: Some(pack) }) = at else { return };
    let (name, path) = (frames.packs[pack].name, pack_path(&frames.packs[pack].name));
    if !is_found {
        let what = format!("its pack {path} is not there, or not to its end");
        findings.entry(key, Some(&name), &Error::new(Code::ChunkNotFound, what));
    } else if !is_listed {
        // Whoever publishes a root has published the segments of what it needs.
        let what = "the segment that listed this pack is gone or damaged; nothing in it is lost";
        findings.file(path, &Error::new(Code::FileNotFound, what));
    }
}

/// Compares the packs that are there with those that the index lists.
fn check_lengths(repo: &Repo, view: &View<'_>, frames: &FrameMap, findings: &Findings) -> Result<Lengths> {
    let (files, mut lengths) = (repo.pack_files()?, Lengths::default());
    // What is absent on purpose must be where it was promised.
    let beyond = match repo.backend().beyond() {
        Some(beyond) => pack_files_of(beyond)?,
        None => HashMap::new(),
    };
    for (at, pack) in frames.packs.iter().enumerate() {
        let path = pack_path(&pack.name);
        let bytes = files.get(&pack.name).or_else(|| {
            let bytes = beyond.get(&pack.name)?;
            (lengths.promised.0, lengths.promised.1) = (lengths.promised.0 + 1, lengths.promised.1 + bytes);
            Some(bytes)
        });
        match bytes {
            Some(bytes) if *bytes == pack.file_bytes => {}
            Some(bytes) => {
                let what = format!("{path} has {bytes} bytes instead of {}", pack.file_bytes);
                findings.file(path, &Error::new(Code::StorageCorrupted, what));
                let whole = view.facts(pack.number)?.frames;
                let there = whole.iter().take_while(|frame| frame.offset + u64::from(frame.sealed_bytes) <= *bytes);
                lengths.cut.insert(at, there.count() as u32);
            }
            None => {
                findings.file(path, &Error::new(Code::FileNotFound, "the pack is not there"));
                lengths.gone.insert(pack.name);
            }
        }
    }
    Ok(lengths)
}

fn is_cut(cut: &HashMap<usize, u32>, pack: usize, record: &Record) -> bool {
    match (cut.get(&pack), record.place) {
        (Some(whole), Place::Frame { frame, .. }) => frame >= *whole,
        _ => false,
    }
}

/// Root node and object id of every large object that is reachable.
fn large_roots(repo: &Repo, view: &View<'_>, reach: &Reach) -> Result<SortedSet<64>> {
    let mut roots = IdSorter::<64>::new(&repo.local().cache.join("tmp"), SORT_BUDGET_BYTES);
    let mut reachable = reach.aliases.reader();
    view.for_each_from(Class::Alias, &mut |record| {
        if let Place::Alias { root, .. } = record.place
            && reachable.contains(record.key.id.as_bytes())?
        {
            let mut pair = [0; 64];
            pair[..32].copy_from_slice(root.as_bytes());
            pair[32..].copy_from_slice(record.key.id.as_bytes());
            roots.push(pair)?;
        }
        Ok(true)
    })?;
    roots.finish()
}

/// If this node is the root of large objects, notes them with its place.
fn note_large(record: &Record, roots: &mut crate::reach::SetReader<'_, 64>, large: &mut IdSorter<76>) -> Result<()> {
    let Place::Frame { frame, offset, .. } = record.place else { return Ok(()) };
    while let Some(pair) = roots.peek()? {
        if pair[..32] > record.key.id.as_bytes()[..] {
            break;
        }
        if pair[..32] == record.key.id.as_bytes()[..] {
            let mut out = [0; 76];
            out[..4].copy_from_slice(&record.pack.to_be_bytes());
            out[4..8].copy_from_slice(&frame.to_be_bytes());
            out[8..12].copy_from_slice(&offset.to_be_bytes());
            out[12..44].copy_from_slice(&pair[32..]);
            out[44..].copy_from_slice(&pair[..32]);
            large.push(out)?;
        }
        roots.next()?;
    }
    Ok(())
}
