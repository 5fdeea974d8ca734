//! Gc: finds what no root needs, and deletes it without stopping anybody.
//!
//! Floor 5; STORAGE section 8. Two phases. *Mark* lists packs, then leases, then roots, then the index; finds what is
//! reachable; writes what is needed of half-empty packs into new ones; and says in a doom record what is needed no
//! longer. *Sweep*, at once or by a later gc, waits for every writer that may not know of the doom, looks at the roots
//! again, and deletes. Promise 5 (reachable is safe) rests on these orders alone, on no clock. A gc may be killed at
//! any moment: what it wrote are spare copies, what it doomed the next one sweeps.

mod hold;
mod plan;
mod rewrite;
mod sweep;
#[cfg(test)]
mod tests;
mod usage;

use crate::clock;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::reach::{Kept, Reach, ReachOptions, kept, reachable};
use crate::repo::doom::{Doom, Dooms};
use crate::repo::lease::{LeaseView, Verdicts};
use crate::repo::scan::Scan;
use crate::repo::session::withdraw;
use crate::repo::view::View;
use crate::repo::{Repo, Root, Use, WriterOptions, pack_path, root_path};
pub use hold::remove_old_litter;

use hold::{Hold, fresh_packs, remove_litter};
use plan::{Fate, Plan, plan};
use rewrite::Rewritten;
use std::collections::{HashMap, HashSet};
use sweep::{Marked, sweep};
use usage::{Standing, Usage};

/// So often are the roots listed until a listing is whole.
const LISTINGS: usize = 5;

/// A pack is rewritten when so many percent of its file would be freed, unless another number is asked for.
pub const MAX_UNUSED_PERCENT: u8 = 20;

/// How [`gc`] works.
#[derive(Clone, Debug)]
pub struct GcOptions {
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
    /// Rewriting copies at most so many bytes; packs with nothing needed in them are deleted in any case.
    pub max_repack_bytes: Option<u64>,
    /// A pack is rewritten when so many percent of its file would be freed; 0 leaves no byte that nothing needs.
    pub max_unused_percent: u8,
    /// Memory for sorted sets, bytes.
    pub budget_bytes: usize,
    /// Nobody else is at work, says whoever asks: other leases are taken away, whatever they say.
    pub no_writers: bool,
    /// Threads, locks, and what the lock and the lease say is being done.
    pub writer: WriterOptions,
}

/// What a gc did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcStats {
    /// It was a dry run: `packs_dropped`, `packs_rewritten` and `bytes_dead` say what would be done.
    pub is_dry_run: bool,
    /// Snapshots that live.
    pub snapshots: u64,
    /// Runs that are kept.
    pub runs: u64,
    /// Objects, chunks and recipe nodes that are reachable.
    pub objects: u64,
    /// Reachable ones that are not here: `verify` names them.
    pub objects_missing: u64,
    /// Packs before.
    pub packs: u64,
    /// Packs with nothing needed in them.
    pub packs_dropped: u64,
    /// Packs whose needed content was written into new ones.
    pub packs_rewritten: u64,
    /// New packs, and the bytes of their files.
    pub packs_written: u64,
    /// Bytes of new packs.
    pub bytes_written: u64,
    /// Stored bytes that nothing needs and that this gc finds worth freeing, before padding.
    pub bytes_dead: u64,
    /// Stored bytes that nothing needs and that stay, because freeing them costs more than it gives.
    pub bytes_dead_kept: u64,
    /// Packs deleted.
    pub packs_deleted: u64,
    /// Bytes of files deleted.
    pub bytes_freed: u64,
    /// Doomed packs that turned out to be needed and stay.
    pub packs_revived: u64,
    /// Packs in no segment, left by writers that were killed, that were taken in.
    pub packs_adopted: u64,
    /// Segments that others took the place of.
    pub segments_merged: u64,
    /// Files of forgotten root records deleted.
    pub roots_deleted: u64,
    /// Dooms that a later gc will sweep, because a writer that began before them is at work.
    pub dooms_waiting: u64,
    /// Those writers: process id and command.
    pub waits_for: Vec<(u32, String)>,
    /// Packs that cannot be read whole, with why. They stay.
    pub damaged: Vec<(Id, String)>,
    /// The monitor said stop; the next gc goes on from there.
    pub is_stopped: bool,
}

/// Deletes what no root needs.
///
/// # Errors
/// PERMISSION_DENIED in a partial repository; LOCK_HELD when another gc is at work; CONFIG_INVALID when the repository needs a newer program; STORAGE_CORRUPTED when
/// a root, a tree or a recipe cannot be read, because what it keeps is not known then; LEASE_LOST; STORAGE_FULL and what a
/// medium answers.
pub fn gc(repo: &Repo, options: &GcOptions, monitor: &dyn Monitor) -> Result<GcStats> {
    repo.config().allow(Use::Gc)?;
    repo.refuse_partial("gc would not know what is needed there")?;
    if options.dry_run {
        return dry_run(repo, options, monitor);
    }
    let mut hold = Hold::take(repo, options)?;
    let mut stats = GcStats::default();
    // Mark: packs, then leases, then roots, then the index.
    let files = repo.pack_files()?;
    let others = hold.others()?;
    let kept = kept(repo, &withdraw_void(repo, &verdicts(repo, &others.fenced)?)?, clock::now())?;
    repo.refresh()?;
    let doomed: HashSet<Id> = hold.dooms.iter().flat_map(|doom| &doom.packs).copied().collect();
    let adopted = repo.adopt_from(&files.keys().copied().collect(), &others.alive, &doomed)?;
    stats.packs_adopted = adopted.packs;
    stats.damaged.extend(adopted.damaged.into_iter().map(|(name, error)| (name, error.to_string())));
    if others.alive.is_empty() {
        remove_litter(repo)?;
    }
    let marked = mark(repo, &mut hold, &files, &others.alive, &kept, options, &mut stats, monitor)?;
    if !stats.is_stopped {
        sweep(repo, &mut hold, &marked, options, &mut stats, monitor)?;
    }
    hold.end()?;
    Ok(stats)
}

/// What counts of what these writers published.
fn verdicts(repo: &Repo, fenced: &[LeaseView]) -> Result<Verdicts> {
    let core = repo.core();
    Verdicts::load(core.backend.as_ref(), &core.keyring, repo.id(), fenced)
}

/// The roots that count. What a writer published after it was declared dead and swept over is taken back in its place:
/// it may have died before it could.
fn withdraw_void(repo: &Repo, verdicts: &Verdicts) -> Result<Vec<Root>> {
    let roots = sound_roots(repo)?;
    let void: Vec<&Root> = roots.iter().filter(|root| verdicts.is_void(root)).collect();
    if void.is_empty() {
        return Ok(roots);
    }
    void.into_iter().try_for_each(|root| withdraw(repo, root))?;
    let mut roots = sound_roots(repo)?;
    roots.retain(|root| !verdicts.is_void(root));
    Ok(roots)
}

/// What is there, what is needed, and how the two meet.
struct Survey<'a> {
    scan: Scan<'a>,
    reach: Reach,
    usage: Usage,
}

fn survey<'a>(
    repo: &'a Repo,
    files: &HashMap<Id, u64>,
    kept: &Kept,
    doomed: &HashSet<Id>,
    options: &GcOptions,
    monitor: &dyn Monitor,
) -> Result<Survey<'a>> {
    let mut scan = repo.scan()?;
    let reach = reachable(repo, &kept.starts, &reach_options(repo, options), monitor)?;
    refuse_broken(&reach)?;
    let standing = standing(repo, &scan.view, files, doomed)?;
    let usage = match Usage::mark(&scan, &reach, &standing) {
        Err(error) if scan.can_try_again(&error) => Usage::mark(&scan, &reach, &standing)?,
        answer => answer?,
    };
    Ok(Survey { scan, reach, usage })
}

/// Finds what is needed, rewrites, and dooms the rest.
#[allow(clippy::too_many_arguments)]
fn mark(
    repo: &Repo,
    hold: &mut Hold<'_>,
    files: &HashMap<Id, u64>,
    others: &[LeaseView],
    kept: &Kept,
    options: &GcOptions,
    stats: &mut GcStats,
    monitor: &dyn Monitor,
) -> Result<Marked> {
    let doomed: HashSet<Id> = hold.dooms.iter().flat_map(|doom| &doom.packs).copied().collect();
    let mut survey = survey(repo, files, kept, &doomed, options, monitor)?;
    if survey.usage.missing > 0 || !survey.scan.agrees_on(survey.usage.entries)? {
        // By an index that lost a row the pack could be doomed that holds what the row spoke of.
        drop(survey);
        repo.rebuild_index()?;
        survey = self::survey(repo, files, kept, &doomed, options, monitor)?;
    }
    let Survey { scan, reach, usage } = survey;
    hold.refresh()?;
    let fresh = fresh_packs(repo, &usage.packs.iter().map(|pack| pack.name).collect(), others);
    let plan = plan(&scan.view, &usage, &fresh, options)?;
    note(stats, kept, &reach, &usage, &plan);
    let temp = reach_options(repo, options).temp;
    let rewritten = rewrite::rewrite(repo, &scan, &reach, &usage, &plan, &temp, monitor)?;
    let packs = doomed_now(repo, &scan, &reach, &usage, &plan, &rewritten)?;
    stats.packs_rewritten = rewritten.done.len() as u64;
    (stats.packs_written, stats.bytes_written) = (rewritten.packs, rewritten.bytes);
    stats.is_stopped = rewritten.is_stopped;
    stats.damaged.extend(rewritten.damaged.into_iter().map(|(name, error)| (name, error.to_string())));
    let known: HashSet<&Id> = hold.dooms.iter().flat_map(|doom| &doom.roots).collect();
    let roots: Vec<Id> = kept.forgotten.iter().filter(|name| !known.contains(name)).copied().collect();
    if !packs.is_empty() || !roots.is_empty() {
        let going: HashSet<&Id> = packs.iter().collect();
        let lists_going = |listed: &[Id]| listed.iter().any(|pack| going.contains(pack));
        let segments =
            scan.view.segments()?.into_iter().filter(|(_, listed)| lists_going(listed)).map(|(name, _)| name).collect();
        let core = repo.core();
        hold.dooms.push(Doom::publish(core.backend.as_ref(), &core.keyring, repo.id(), packs, segments, roots)?);
    }
    Ok(Marked { starts: kept.starts.clone(), revived: usage.revived })
}

/// The packs that a doom may name now: needed no longer, or needed from elsewhere.
fn doomed_now(
    repo: &Repo,
    scan: &Scan<'_>,
    reach: &Reach,
    usage: &Usage,
    plan: &Plan,
    rewritten: &Rewritten,
) -> Result<Vec<Id>> {
    let mut packs: Vec<Id> = rewritten.done.clone();
    packs.extend(
        usage.packs.iter().zip(&plan.fates).filter(|(_, fate)| **fate == Fate::Drop).map(|(pack, _)| pack.name),
    );
    if rewritten.damaged.is_empty() {
        return Ok(packs);
    }
    // What was to survive in a damaged pack may have its only sound copy in another: that stays too, and the damaged
    // copy is marked, so that the next gc lets another survive.
    let damaged: HashSet<Id> = rewritten.damaged.iter().map(|(name, _)| *name).collect();
    for (key, number) in &rewritten.bad {
        let _ = repo.index().mark_bad(&[*key], *number);
    }
    let spared = usage.spare_copies(scan, reach, &damaged)?;
    packs.retain(|name| !spared.contains(name));
    Ok(packs)
}

fn note(stats: &mut GcStats, kept: &Kept, reach: &Reach, usage: &Usage, plan: &Plan) {
    let count = |fate| plan.fates.iter().filter(|one| **one == fate).count() as u64;
    (stats.snapshots, stats.runs) = (kept.snapshots.all().len() as u64, kept.runs);
    (stats.objects, stats.objects_missing) = (reach.len(), usage.missing);
    stats.packs = usage.packs.len() as u64;
    (stats.packs_dropped, stats.packs_rewritten) = (count(Fate::Drop), count(Fate::Rewrite));
    (stats.bytes_dead, stats.bytes_dead_kept) = (plan.freed_bytes, plan.dead_bytes_kept);
}

/// Which packs count. One that was not listed is asked for singly: its writer may have flushed since.
fn standing(
    repo: &Repo,
    view: &View<'_>,
    files: &HashMap<Id, u64>,
    doomed: &HashSet<Id>,
) -> Result<impl Fn(&Id) -> Standing + use<>> {
    let mut gone = HashSet::new();
    for pack in view.packs()?.iter().filter(|pack| !files.contains_key(&pack.name)) {
        if repo.backend().stat(&pack_path(&pack.name))?.is_none() {
            gone.insert(pack.name);
        }
    }
    let doomed = doomed.clone();
    Ok(move |name: &Id| match name {
        name if gone.contains(name) => Standing::Gone,
        name if doomed.contains(name) => Standing::Doomed,
        _ => Standing::Sound,
    })
}

/// Every root record; none of them damaged. The history must be whole, and the records are read from their files: what
/// the index remembers of them has no checksum, and a snapshot that it forgot would be deleted.
fn sound_roots(repo: &Repo) -> Result<Vec<Root>> {
    repo.load_roots()?;
    let mut attempt = 0;
    let loaded = loop {
        attempt += 1;
        let (loaded, faults) = repo.verify_roots()?;
        match faults.first() {
            None => break loaded,
            // A listing beside a writer may have missed a batch of runs and found what forgets those that it replaces:
            // taken so, its runs would be kept by nothing.
            Some(_) if attempt < LISTINGS => {}
            Some(fault) => return fail(Code::RollbackDetected, format!("the history has been changed: {fault}")),
        }
    };
    match loaded.damaged.into_iter().next() {
        None => Ok(loaded.roots),
        Some((name, error)) => {
            let path = root_path(&name);
            let is_unproven = error.code() == Code::InvalidSignature;
            let error =
                error.context(format!("{path} cannot be read, and what it keeps is not known: nothing was deleted"));
            // A record that nobody can prove may be sound: what proves it has to come back.
            Err(if is_unproven {
                error
            } else {
                error.with_hint(format!(
                    "bring the file back from another copy of the repository, or move {path} away if it is lost"
                ))
            })
        }
    }
}

/// What cannot be followed may keep anything.
fn refuse_broken(reach: &Reach) -> Result<()> {
    let Some(broken) = reach.broken.first() else { return Ok(()) };
    let more = match reach.broken.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let what = format!("{}{more} cannot be read, and what is beneath is not known: nothing was deleted", broken.key.id);
    Err(Error::new(Code::StorageCorrupted, what)
        .with_hint("`larder verify` names the snapshots that are hurt; forget those, then gc goes on"))
}

fn reach_options(repo: &Repo, options: &GcOptions) -> ReachOptions {
    ReachOptions::new(repo, options.budget_bytes, options.writer.jobs)
}

/// Finds what would be done. Takes no lock and no lease, and writes nothing but the local index.
fn dry_run(repo: &Repo, options: &GcOptions, monitor: &dyn Monitor) -> Result<GcStats> {
    let mut stats = GcStats { is_dry_run: true, ..GcStats::default() };
    let core = repo.core();
    let dooms = Dooms::list(core.backend.as_ref(), &core.keyring, repo.id())?;
    let files = repo.pack_files()?;
    let kept = kept(repo, &sound_roots(repo)?, clock::now())?;
    repo.refresh()?;
    let doomed: HashSet<Id> = dooms.dooms.iter().flat_map(|doom| &doom.packs).copied().collect();
    let Survey { scan, reach, usage } = survey(repo, &files, &kept, &doomed, options, monitor)?;
    let plan = plan(&scan.view, &usage, &HashSet::new(), options)?;
    note(&mut stats, &kept, &reach, &usage, &plan);
    stats.roots_deleted = kept.forgotten.len() as u64;
    stats.dooms_waiting = dooms.dooms.len() as u64;
    monitor.event(&Event::Total { items: stats.packs_dropped + stats.packs_rewritten, bytes: stats.bytes_dead });
    Ok(stats)
}
