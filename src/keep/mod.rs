//! Which runs are kept: by age, number and bytes, pinned ones in any case; and how the others go.
//!
//! Floor 5; RUN section 6. A run goes when a new batch without it was published and the old one forgotten, in this order,
//! so that a listing finds each survivor in one of them; gc then frees what nothing else needs. What names objects once
//! more must be sure that they are there (promise 2): see [`sure`].

mod measure;
mod policy;
mod rewrite;
#[cfg(test)]
mod tests;

pub use policy::Policy;

use crate::action::Action;
use crate::cbor::Fields;
use crate::clock::Time;
use crate::crypto::seal::Scheme;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::Monitor;
use crate::object::Kind;
use crate::reach::{ReachOptions, Start, reachable};
use crate::record::Record;
use crate::repo::lease::has_fences;
use crate::repo::records::{FORGET, Forget, PIN, Pin, RUNS, RunEntry, Runs as Batch};
use crate::repo::{Repo, Writer, WriterOptions, root_path};
use crate::runs::{Run, Runs};
use rewrite::{Rewrite, may_rewrite, rewrite};
use std::collections::HashSet;

/// So often is chosen anew when others change what there is.
const ATTEMPTS: usize = 3;

/// How [`keep`] works.
#[derive(Clone, Debug)]
pub struct KeepOptions {
    /// What stays.
    pub policy: Policy,
    /// Says what would go, and lets nothing go.
    pub dry_run: bool,
    /// The time by which age counts.
    pub now: Time,
    /// An earlier measure, where an estimate is enough.
    pub measured: Option<Measured>,
    /// How what is reachable is found.
    pub reach: ReachOptions,
    /// Locks, and what the lock and the lease say is being done.
    pub writer: WriterOptions,
}

/// So many runs needed about so many bytes of packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The runs.
    pub runs: u64,
    /// The bytes.
    pub bytes: u64,
}

impl Measured {
    /// What so many runs would need.
    fn of(&self, runs: usize) -> u64 {
        let bytes = u128::from(self.bytes) * runs as u128 / u128::from(self.runs.max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// What [`keep`] did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepStats {
    /// Runs that stay.
    pub kept: u64,
    /// Those of them that are pinned.
    pub pinned: u64,
    /// Runs that went.
    pub removed: u64,
    /// Runs that should have gone, and share a batch that this client could not write anew now.
    pub held: u64,
    /// Batches before.
    pub batches: u64,
    /// Batches that were written.
    pub batches_written: u64,
    /// Root records that count no longer; gc deletes their files.
    pub roots_forgotten: u64,
    /// About how many bytes of packs the runs that stay need, if that was measured: where the policy bounds bytes below
    /// what all packs have, and no estimate was enough.
    pub bytes_kept: Option<u64>,
}

/// Lets go of the runs that the policy does not keep, and makes many small batches one.
///
/// # Errors
/// INVALID_ARG for a policy that bounds nothing; ROLLBACK_DETECTED; STORAGE_CORRUPTED when what runs need cannot be
/// read and the policy bounds bytes; LOCK_HELD, LEASE_LOST, and what a medium answers.
pub fn keep(repo: &Repo, options: &KeepOptions, monitor: &dyn Monitor) -> Result<KeepStats> {
    if options.policy.is_empty() {
        return fail(Code::InvalidArg, "no rule says which runs to keep");
    }
    let choose = |runs: &Runs| -> Result<Choice> {
        let mut stays = options.policy.by_age_and_count(runs, options.now);
        let bytes_kept = match options.policy.bytes {
            Some(bytes) if may_need(repo, stays.len(), bytes, options.measured)? => {
                Some(measure::cut(repo, &mut stays, bytes, &options.reach, monitor)?)
            }
            _ => None,
        };
        let stays: HashSet<Id> = stays.into_iter().map(|run| run.record).collect();
        Ok(Choice { gone: runs.records().difference(&stays).copied().collect(), bytes_kept })
    };
    if options.dry_run {
        let runs = Runs::load(&repo.roots()?, options.now);
        let choice = choose(&runs)?;
        let plan = plan(repo, &runs, &choice.gone)?;
        return Ok(stats(&runs, &choice, &plan));
    }
    if Runs::load(&repo.roots()?, options.now).all().is_empty() {
        return Ok(KeepStats::default());
    }
    let writer = repo.writer(&options.writer)?;
    let stats = change(repo, &writer, options.now, &options.reach, monitor, &choose)?;
    writer.finish()?;
    Ok(stats)
}

/// Whether there may be runs that a policy does not keep, as far as root records, the sizes of packs and an earlier
/// measure tell.
///
/// # Errors
/// ROLLBACK_DETECTED, and what a medium answers.
pub fn is_above(repo: &Repo, policy: &Policy, now: Time, measured: Option<Measured>) -> Result<bool> {
    let runs = Runs::load(&repo.roots()?, now);
    let count = runs.all().len();
    let is_bytes_above = || policy.bytes.map_or(Ok(false), |bytes| may_need(repo, count, bytes, measured));
    Ok(policy.by_age_and_count(&runs, now).len() < count || (count > 0 && is_bytes_above()?))
}

/// Whether so many runs may need more than so many bytes: never more than all packs have.
fn may_need(repo: &Repo, runs: usize, bytes: u64, measured: Option<Measured>) -> Result<bool> {
    if measured.is_some_and(|measured| measured.of(runs) <= bytes) {
        return Ok(false);
    }
    Ok(repo.index().pack_totals()?.1 > bytes)
}

/// Lets go of these runs, pinned or not.
///
/// # Errors
/// PERMISSION_DENIED when one shares a batch that this client cannot write anew; else as [`keep`].
pub fn remove(
    repo: &Repo,
    records: &HashSet<Id>,
    now: Time,
    reach: &ReachOptions,
    writer: &WriterOptions,
    monitor: &dyn Monitor,
) -> Result<KeepStats> {
    let writer = repo.writer(writer)?;
    let choose = |_: &Runs| Ok(Choice { gone: records.clone(), bytes_kept: None });
    let stats = change(repo, &writer, now, reach, monitor, &choose)?;
    writer.finish()?;
    if stats.held > 0 {
        let what = format!("{} of the runs share a batch that this client cannot write anew now", stats.held);
        let hint = "a gc may be at work, or another client signed it: try again later, or there";
        return Err(Error::new(Code::PermissionDenied, what).with_hint(hint));
    }
    Ok(stats)
}

/// Keeps a run whatever the policies say, or no longer. Answers whether that changes anything.
///
/// # Errors
/// FILE_NOT_FOUND when it was let go meanwhile; LEASE_LOST, and what a medium answers.
pub fn pin(
    repo: &Repo,
    record: &Id,
    is_pinned: bool,
    now: Time,
    reach: &ReachOptions,
    options: &WriterOptions,
    monitor: &dyn Monitor,
) -> Result<bool> {
    let writer = repo.writer(options)?;
    let runs = Runs::load(&repo.roots()?, now);
    let Some(run) = runs.get(record) else {
        return fail(Code::FileNotFound, format!("there is no run {record} any more"));
    };
    let changes = run.is_pinned != is_pinned;
    if changes {
        if is_pinned && !sure(repo, &writer, &[run.entry()], reach, monitor)? {
            return fail(Code::LockHeld, format!("a gc is about to delete what run {record} needs, try again later"));
        }
        writer.publish(PIN, &Pin { id: *record, is_pinned, extra: Fields::new() }.encode())?;
    }
    writer.finish()?;
    Ok(changes)
}

/// Stores a record and publishes it, so that its action finds it. Answers its id.
///
/// # Errors
/// CHUNK_NOT_FOUND, naming it, when something that it needs is not here; STORAGE_CORRUPTED when its action is none;
/// LEASE_LOST, and what a medium answers.
pub fn publish(
    repo: &Repo,
    record: &Record,
    now: Time,
    reach: &ReachOptions,
    options: &WriterOptions,
    monitor: &dyn Monitor,
) -> Result<Id> {
    let writer = repo.writer(options)?;
    let id = writer.putter().put(Kind::Run, &record.encode())?.id;
    writer.flush()?;
    let ended = i64::try_from(record.wall_ms / 1_000).unwrap_or(i64::MAX).saturating_add(record.start.seconds);
    let entry = RunEntry {
        action: record.action,
        record: id,
        status: record.status.code(),
        sandbox: record.sandbox_used,
        time_seconds: ended.min(now.seconds),
    };
    if let Some(lacking) = lacking(repo, &writer, &[entry], reach, monitor)? {
        let what = format!("the object {lacking} is not here, and a record keeps only what is");
        return Err(Error::new(Code::ChunkNotFound, what).with_hint("store it first: `larder hash-object -w` does"));
    }
    Action::decode(&repo.read(&record.action)?)
        .map_err(|error| error.context(format!("object {} is no action", record.action)))?;
    writer.publish(RUNS, &Batch { entries: vec![entry], extra: Fields::new() }.encode())?;
    writer.finish()?;
    Ok(id)
}

/// Which runs go.
struct Choice {
    gone: HashSet<Id>,
    bytes_kept: Option<u64>,
}

fn plan(repo: &Repo, runs: &Runs, gone: &HashSet<Id>) -> Result<Rewrite> {
    let own = repo.client_state().heads()?.own;
    Ok(rewrite(runs, gone, &may_rewrite(own, repo.config().scheme != Scheme::None)))
}

fn change(
    repo: &Repo,
    writer: &Writer,
    now: Time,
    reach: &ReachOptions,
    monitor: &dyn Monitor,
    choose: &dyn Fn(&Runs) -> Result<Choice>,
) -> Result<KeepStats> {
    for _ in 0..ATTEMPTS {
        let (runs, has_fenced) = current(repo, now)?;
        let choice = choose(&runs)?;
        let mut plan = plan(repo, &runs, &choice.gone)?;
        let is_sure = plan.entries.is_empty()
            || (!has_fenced && !writer.sees_dooms())
            || sure(repo, writer, &plan.entries, reach, monitor)?;
        if !is_sure {
            plan = rewrite(&runs, &choice.gone, &|_| false);
        }
        // What somebody else let go while we chose must not come back.
        let there: HashSet<Id> = Runs::load(&repo.roots()?, now).roots().collect();
        if !plan.forgotten.iter().all(|root| there.contains(&root.name)) {
            continue;
        }
        for entries in plan.batches() {
            writer.publish(RUNS, &Batch { entries: entries.to_vec(), extra: Fields::new() }.encode())?;
        }
        if !plan.forgotten.is_empty() {
            writer.publish(FORGET, &Forget::new(plan.forgotten.clone()).encode())?;
        }
        return Ok(stats(&runs, &choice, &plan));
    }
    fail(Code::LockHeld, "others let runs go all the time; try again later")
}

/// The runs, and whether a writer is there that was declared dead.
///
/// A batch of such a writer may name what is gone, until the writer takes it back. Who was declared dead before its
/// batch was listed is found fenced after that, or has ended; and what it took back is not listed once more.
fn current(repo: &Repo, now: Time) -> Result<(Runs, bool)> {
    let before: HashSet<Id> = repo.roots()?.iter().map(|root| root.name).collect();
    let has_fenced = has_fences(repo.backend().as_ref())?;
    let loaded = repo.load_roots()?;
    // It may be a pin, or a use of what seems not to be used.
    if let Some((name, error)) = loaded.damaged.into_iter().next() {
        let message = format!("{} cannot be read, and what it keeps is not known: no run was let go", root_path(&name));
        return Err(error.context(message));
    }
    let mut roots = loaded.roots;
    roots.retain(|root| root.record_type != RUNS || before.contains(&root.name));
    let runs = Runs::load(&roots, now);
    match runs.damaged().first() {
        Some((name, error)) => fail(Code::StorageCorrupted, format!("root record {name} cannot be read: {error}")),
        None => Ok((runs, has_fenced)),
    }
}

fn stats(runs: &Runs, choice: &Choice, plan: &Rewrite) -> KeepStats {
    let there = runs.records();
    let removed = choice.gone.iter().filter(|id| there.contains(*id) && !plan.held.contains(*id)).count() as u64;
    let pinned = |run: &&Run| run.is_pinned && !choice.gone.contains(&run.record);
    KeepStats {
        kept: there.len() as u64 - removed,
        pinned: runs.all().iter().filter(pinned).count() as u64,
        removed,
        held: plan.held.len() as u64,
        batches: runs.batches().len() as u64,
        batches_written: plan.batches().count() as u64,
        roots_forgotten: plan.forgotten.len() as u64,
        bytes_kept: choice.bytes_kept,
    }
}

/// Whether everything that these runs need is there, in packs that no doom names which `writer` saw. A doom that comes
/// later is not swept before this writer has ended; then the roots are listed again and what it published counts.
fn sure(
    repo: &Repo,
    writer: &Writer,
    entries: &[RunEntry],
    options: &ReachOptions,
    monitor: &dyn Monitor,
) -> Result<bool> {
    lacking(repo, writer, entries, options, monitor).map(|lacking| lacking.is_none())
}

/// The first object that these runs need and that is not there to rely on.
fn lacking(
    repo: &Repo,
    writer: &Writer,
    entries: &[RunEntry],
    options: &ReachOptions,
    monitor: &dyn Monitor,
) -> Result<Option<Id>> {
    let starts: Vec<Start> = entries
        .iter()
        .flat_map(|run| [Start { kind: Kind::Action, id: run.action }, Start { kind: Kind::Run, id: run.record }])
        .collect();
    let reach = reachable(repo, &starts, options, monitor)?;
    if let Some(broken) = reach.broken.first() {
        return Ok(Some(broken.key.id));
    }
    let mut objects = reach.objects.reader();
    while let Some(id) = objects.next()? {
        if !writer.holds(&Id::new(id))? {
            return Ok(Some(Id::new(id)));
        }
    }
    Ok(None)
}
