//! Sweep: deletes what dooms name, once nobody can rely on it any more.
//!
//! STORAGE section 8.2, in its order: every live lease names the doom or is gone; those of the dead are fenced; *then*
//! the roots are listed; *then* what they reach is revived; *then* new segments take the place of those that list what
//! goes; and only then is anything deleted: roots, segments, packs, and last the doom itself. It can be broken off
//! after any step, and the next sweep goes on.

use super::hold::{Hold, Others};
use super::usage::{Standing, Usage};
use super::{GcOptions, GcStats, reach_options};
use crate::clock;
use crate::error::{Code, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::reach::{Start, kept, reachable};
use crate::repo::doom::Doom;
use crate::repo::lease::LeaseView;
use crate::repo::{Repo, pack_path, root_path, segment_path};
use std::collections::{BTreeSet, HashMap, HashSet};

/// From so many small segments on they are made one.
const SEGMENTS_MAX: usize = 16;
/// A segment of fewer packs than this is small.
const SMALL_SEGMENT_PACKS: usize = 64;

/// What mark found, as far as sweep needs it.
pub(super) struct Marked {
    /// What kept objects alive then.
    pub(super) starts: Vec<Start>,
    /// Doomed packs that must stay because of it.
    pub(super) revived: HashSet<Id>,
}

/// Sweeps every doom in `gc/` that may be.
pub(super) fn sweep(
    repo: &Repo,
    hold: &mut Hold<'_>,
    marked: &Marked,
    options: &GcOptions,
    stats: &mut GcStats,
    monitor: &dyn Monitor,
) -> Result<()> {
    hold.refresh()?;
    let Others { alive: others, fenced } = hold.others()?;
    let (due, waiting): (Vec<Doom>, Vec<Doom>) =
        hold.dooms.iter().cloned().partition(|doom| others.iter().all(|lease| lease.has_seen(&doom.name)));
    stats.dooms_waiting = waiting.len() as u64;
    stats.waits_for = match waiting.is_empty() {
        true => Vec::new(),
        false => others
            .iter()
            .filter_map(|lease| lease.record.as_ref())
            .map(|record| (record.pid, record.command.clone()))
            .collect(),
    };
    let Now { revived, forgotten } = match due.is_empty() {
        true => Now::default(),
        false => look_again(repo, hold, &fenced, marked, options, monitor)?,
    };
    let doomed: HashSet<Id> = due.iter().flat_map(|doom| &doom.packs).copied().collect();
    let gone: HashSet<Id> = doomed.difference(&revived).copied().collect();
    stats.packs_revived += doomed.intersection(&revived).count() as u64;
    // A gc that was itself taken for dead leaves all to the one that took it so.
    if hold.is_fenced()? {
        return fail(Code::LeaseLost, "this gc was declared dead while it worked; what it found is left to the next");
    }
    let superseded = merge(repo, &gone, stats)?;
    // The forget record itself may have been withdrawn: then what it named lives again.
    for name in due.iter().flat_map(|doom| &doom.roots).filter(|name| forgotten.contains(name)) {
        repo.backend().delete(&root_path(name))?;
        stats.roots_deleted += 1;
    }
    for name in &superseded {
        repo.backend().delete(&segment_path(name))?;
    }
    // No index may say any more that what is deleted next is here.
    repo.refresh()?;
    delete_packs(repo, hold, &gone, stats, monitor)?;
    if !stats.is_stopped {
        lift(repo, due, fenced.iter().any(LeaseView::may_be_gc))?;
    }
    Ok(())
}

/// What the roots of this moment say, after every writer that may not know of the dooms has ended or was fenced.
#[derive(Default)]
struct Now {
    /// Doomed packs that are needed.
    revived: HashSet<Id>,
    /// Root records that keep nothing.
    forgotten: HashSet<Id>,
}

fn look_again(
    repo: &Repo,
    hold: &Hold<'_>,
    fenced: &[LeaseView],
    marked: &Marked,
    options: &GcOptions,
    monitor: &dyn Monitor,
) -> Result<Now> {
    let core = repo.core();
    let (mut verdicts, mut roots) = (super::verdicts(repo, fenced)?, super::sound_roots(repo)?);
    verdicts.speak(core.backend.as_ref(), &core.keyring, repo.id(), hold.writer(), &roots)?;
    roots.retain(|root| !verdicts.is_void(root));
    let kept = kept(repo, &roots, clock::now())?;
    let known: HashSet<Start> = marked.starts.iter().copied().collect();
    let (mut fresh, forgotten) = (kept.starts, kept.forgotten.into_iter().collect());
    fresh.retain(|start| !known.contains(start));
    let mut revived = marked.revived.clone();
    if fresh.is_empty() {
        return Ok(Now { revived, forgotten });
    }
    repo.refresh()?;
    let reach = reachable(repo, &fresh, &reach_options(repo, options), monitor)?;
    super::refuse_broken(&reach)?;
    let doomed: HashSet<Id> = hold.dooms.iter().flat_map(|doom| &doom.packs).copied().collect();
    let files = repo.pack_files()?;
    let scan = repo.scan()?;
    let standing = |name: &Id| match (doomed.contains(name), files.contains_key(name)) {
        (_, false) => Standing::Gone,
        (true, true) => Standing::Doomed,
        (false, true) => Standing::Sound,
    };
    revived.extend(Usage::mark(&scan, &reach, &standing)?.revived);
    Ok(Now { revived, forgotten })
}

/// Takes dooms away whose packs are gone. While another gc may live that was taken for dead, their packs stay doomed: it
/// may be about to delete one that a sync has brought back, or to publish a segment that lists it.
fn lift(repo: &Repo, due: Vec<Doom>, may_wake: bool) -> Result<()> {
    let core = repo.core();
    let backend = core.backend.as_ref();
    if may_wake && due.len() > 1 {
        let packs: BTreeSet<Id> = due.iter().flat_map(|doom| &doom.packs).copied().collect();
        Doom::publish(backend, &core.keyring, repo.id(), packs.into_iter().collect(), Vec::new(), Vec::new())?;
    }
    match may_wake && due.len() == 1 {
        true => Ok(()),
        false => due.iter().try_for_each(|doom| doom.remove(backend)),
    }
}

/// Publishes segments without the packs in `gone`, and makes many small segments one. Answers what they supersede.
fn merge(repo: &Repo, gone: &HashSet<Id>, stats: &mut GcStats) -> Result<Vec<Id>> {
    repo.refresh()?;
    let segments = repo.index().view()?.segments()?;
    let lists_gone = |packs: &[Id]| packs.iter().any(|pack| gone.contains(pack));
    let is_small = |packs: &[Id]| packs.len() < SMALL_SEGMENT_PACKS;
    let many_small = segments.iter().filter(|(_, packs)| is_small(packs)).count() > SEGMENTS_MAX;
    let superseded: Vec<Id> = segments
        .into_iter()
        .filter(|(_, packs)| lists_gone(packs) || (many_small && is_small(packs)))
        .map(|(name, _)| name)
        .collect();
    repo.merge_segments(&superseded, &|pack| !gone.contains(pack))?;
    stats.segments_merged += superseded.len() as u64;
    Ok(superseded)
}

fn delete_packs(
    repo: &Repo,
    hold: &mut Hold<'_>,
    gone: &HashSet<Id>,
    stats: &mut GcStats,
    monitor: &dyn Monitor,
) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let lengths: HashMap<Id, u64> = repo.pack_files()?;
    // Some may be gone already, by a sweep that was broken off.
    let mut gone: Vec<&Id> = gone.iter().filter(|name| lengths.contains_key(name)).collect();
    gone.sort_unstable();
    monitor.event(&Event::Phase("deleting packs"));
    monitor.event(&Event::Total { items: gone.len() as u64, bytes: 0 });
    for name in gone {
        if monitor.is_cancelled() {
            stats.is_stopped = true;
            return Ok(());
        }
        hold.refresh()?;
        repo.backend().delete(&pack_path(name))?;
        let bytes = lengths.get(name).copied().unwrap_or(0);
        stats.packs_deleted += 1;
        stats.bytes_freed += bytes;
        monitor.event(&Event::Advance { items: 1, bytes });
    }
    Ok(())
}
