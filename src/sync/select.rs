//! Chosen snapshots and runs, published anew at the target with their origin noted.

use super::history::{Histories, Way};
use super::reseal::reseal;
use super::{Journey, Moved, Selection, SyncOptions, is_of_runs};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::Kind;
use crate::reach::{Start, snapshot_starts};
use crate::repo::records::{RUNS, RunEntry, Runs, SNAPSHOT};
use crate::repo::{Repo, Root, Writer, WriterOptions};
use crate::snapshot::{Filter, Snapshot, Snapshots};
use std::collections::HashSet;

/// How [`copy`] works.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// These snapshots, by id; all that the filter means, if none is named.
    pub snapshots: Vec<Id>,
    /// Which snapshots.
    pub filter: Filter,
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
    /// Memory for sorted sets, bytes.
    pub budget_bytes: usize,
    /// Threads that read.
    pub jobs: usize,
    /// Threads, locks, and what the lock and the lease say is being done.
    pub writer: WriterOptions,
}

/// Carries snapshots into another repository: everything is sealed anew with its keys, and stored only as far as it
/// has not got it. One that is there already, itself or as a copy, is passed over. Answers also whether it was stopped.
///
/// # Errors
/// CONFIG_INVALID for a replica of the same repository; SNAPSHOT_NOT_FOUND; STORAGE_CORRUPTED when something that should be
/// copied is damaged; LOCK_HELD, LEASE_LOST, STORAGE_FULL and what a medium answers.
pub fn copy(source: &Repo, target: &Repo, options: &CopyOptions, monitor: &dyn Monitor) -> Result<(Moved, bool)> {
    if source.id() == target.id() {
        return Err(Error::new(Code::ConfigInvalid, "this is a replica of the same repository")
            .with_hint("`larder sync` carries everything between replicas"));
    }
    let now = clock::now();
    let of_source = Snapshots::load(&source.roots()?, now);
    let of_target = Snapshots::load(&target.roots()?, now);
    if let Some(id) = options.snapshots.iter().find(|id| of_source.get(id).is_none()) {
        return Err(Error::new(Code::SnapshotNotFound, format!("there is no snapshot {id}")));
    }
    let is_named = |snapshot: &&Snapshot| options.snapshots.is_empty() || options.snapshots.contains(&snapshot.id);
    let known = origins(of_target.all().iter());
    let chosen: Vec<&Snapshot> = of_source
        .select(&options.filter)
        .filter(is_named)
        .filter(|snapshot| !known.contains(&origin(snapshot)))
        .collect();
    let whole = Moved { snapshots: chosen.len() as u64, roots: chosen.len() as u64, ..Moved::default() };
    if chosen.is_empty() || options.dry_run {
        return Ok((whole, false));
    }
    source.refresh()?;
    let starts: Vec<Start> = chosen.iter().flat_map(|snapshot| snapshot_starts(snapshot)).collect();
    let writer = target.writer(&options.writer)?;
    let carried = reseal(source, &writer, &starts, options.budget_bytes, options.jobs, monitor)?;
    let mut moved = Moved::default();
    if !carried.is_stopped {
        publish_snapshots(&writer, &chosen)?;
        moved = whole;
    }
    (moved.entries, moved.bytes) = (carried.entries, carried.bytes);
    writer.finish()?;
    Ok((moved, carried.is_stopped))
}

/// As a whole sync, for what was selected.
pub(super) fn carry_selected(journey: &Journey<'_>, histories: &Histories, way: Way) -> Result<(Moved, bool)> {
    let SyncOptions { selection, dry_run, .. } = journey.options;
    let back = if way == Way::Push { Way::Pull } else { Way::Push };
    let at_source = |name: &Id| histories.has(back, name);
    let at_target = |name: &Id| histories.has(way, name);
    let snapshots = chosen_snapshots(histories.snapshots(), selection, &at_source, &at_target);
    let runs = if selection.has_runs() { chosen_runs(histories, &at_source, &at_target)? } else { Vec::new() };
    let roots = snapshots.len() as u64 + u64::from(!runs.is_empty());
    let mut moved = Moved::default();
    if roots == 0 {
        return Ok((moved, false));
    }
    journey.source.refresh()?;
    let mut starts: Vec<Start> = snapshots.iter().flat_map(|snapshot| snapshot_starts(snapshot)).collect();
    for run in &runs {
        starts.push(Start { kind: Kind::Action, id: run.action });
        starts.push(Start { kind: Kind::Run, id: run.record });
    }
    if *dry_run {
        moved.add(&journey.estimate(&starts)?);
        (moved.roots, moved.snapshots) = (roots, snapshots.len() as u64);
        return Ok((moved, false));
    }
    let is_stopped = journey.with_writer(&mut moved, &starts, &|writer| {
        journey.monitor.event(&Event::Phase("publishing"));
        publish_snapshots(writer, &snapshots)?;
        if !runs.is_empty() {
            writer.publish(RUNS, &Runs { entries: runs.clone(), ..Runs::default() }.encode())?;
        }
        Ok(())
    })?;
    if !is_stopped {
        (moved.roots, moved.snapshots) = (roots, snapshots.len() as u64);
    }
    Ok((moved, is_stopped))
}

fn chosen_snapshots<'a>(
    all: &'a Snapshots,
    selection: &'a Selection,
    at_source: &dyn Fn(&Id) -> bool,
    at_target: &dyn Fn(&Id) -> bool,
) -> Vec<&'a Snapshot> {
    if !selection.has_snapshots() {
        return Vec::new();
    }
    let known = origins(all.all().iter().filter(|snapshot| at_target(&snapshot.id)));
    let is_new = |snapshot: &&Snapshot| at_source(&snapshot.id) && !known.contains(&origin(snapshot));
    all.select(&selection.filter).filter(is_new).collect()
}

fn chosen_runs(
    histories: &Histories,
    at_source: &dyn Fn(&Id) -> bool,
    at_target: &dyn Fn(&Id) -> bool,
) -> Result<Vec<RunEntry>> {
    let lives = |root: &&Root| is_of_runs(root) && !histories.snapshots().is_forgotten(&root.name);
    let mut known = HashSet::new();
    for root in histories.union.iter().filter(lives).filter(|root| at_target(&root.name)) {
        known.extend(Runs::decode(&root.body)?.entries.iter().map(|run| run.record));
    }
    let mut chosen = Vec::new();
    for root in histories.union.iter().filter(lives).filter(|root| root.is_trusted && at_source(&root.name)) {
        chosen.extend(Runs::decode(&root.body)?.entries.into_iter().filter(|run| known.insert(run.record)));
    }
    Ok(chosen)
}

/// The snapshot that a copy was made of, else itself.
fn origin(snapshot: &Snapshot) -> Id {
    snapshot.body.original.unwrap_or(snapshot.id)
}

fn origins<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> HashSet<Id> {
    snapshots.flat_map(|snapshot| [snapshot.id, origin(snapshot)]).collect()
}

fn publish_snapshots(writer: &Writer, snapshots: &[&Snapshot]) -> Result<()> {
    for snapshot in snapshots {
        let mut body = snapshot.body.clone();
        // Its parent has another name there, if it is there at all.
        (body.original, body.parent) = (Some(origin(snapshot)), None);
        body.tags = snapshot.tags.iter().cloned().collect();
        writer.publish(SNAPSHOT, &body.encode())?;
    }
    Ok(())
}
