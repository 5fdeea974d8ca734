//! Verification: is everything here, and is it what it says?
//!
//! Floor 5. All damage is listed, not the first; nothing is deleted or repaired. Four levels: `Quick` reads roots and
//! trees and asks only whether the rest is indexed and its packs are there and long enough; `Metadata` also reads
//! every segment, every key and every pack's directory; `ReadData` reads every byte, or a part that moves on from time
//! to time; [`scrub()`] needs no key.

mod blame;
mod data;
mod files;
mod findings;
mod frames;
mod large;
mod objects;
mod report;
mod scrub;
mod subset;
#[cfg(test)]
mod tests;

pub use report::{Damage, Fault, Item, PATHS_MAX, Report};
pub use scrub::scrub;
pub use subset::Subset;

use crate::clock;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::object::{Class, Key};
use crate::reach::{Broken, Reach, ReachOptions, Start, kept, reachable, snapshot_starts};
use crate::repo::view::View;
use crate::repo::{Loaded, Repo, root_path, segment_path};
use crate::runs::Runs;
use crate::snapshot::{Snapshot, Snapshots};
use data::DataCheck;
use findings::Findings;
use frames::FrameMap;
use objects::{Indexed, check_index};
use std::collections::HashSet;
use std::sync::atomic::Ordering;

/// So often is looked again when a gc deleted packs meanwhile.
const ATTEMPTS: usize = 3;
/// Under this name the index keeps how far the moving subset has come.
const CURSOR_NOTE: &str = "verify-cursor";

/// How deep to look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// Whether everything reachable is indexed and its packs are there and long enough.
    Quick,
    /// Also all metadata: segments, keys, directories of packs.
    Metadata,
    /// Also the data, or a part of it.
    ReadData(Subset),
}

/// How [`verify`] works.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// How deep to look.
    pub level: Level,
    /// Only what these snapshots reach; empty for everything.
    pub snapshots: Vec<Id>,
    /// Threads.
    pub jobs: usize,
    /// Memory for sorted sets, bytes.
    pub budget_bytes: usize,
}

/// Verifies a repository. Damage is in the report, not an error.
///
/// # Errors
/// SNAPSHOT_NOT_FOUND for a snapshot that does not live; CACHE_ERROR, FILE_IO and network codes, when it could not be
/// looked at; SYSTEM_ERROR when the monitor says stop before anything can be said.
pub fn verify(repo: &Repo, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<Report> {
    let (mut attempt, mut is_anew) = (0, false);
    let cursor = repo.index().note(CURSOR_NOTE)?;
    loop {
        attempt += 1;
        let (mut report, packs) = look(repo, options, monitor)?;
        if is_anew {
            report.remarks.push("the index said other things than the segments: it was made anew".to_string());
        }
        if report.is_clean() || report.is_stopped {
            return Ok(report);
        }
        // A gc beside us may have moved what we looked for. What it left is looked at once more, all of it: what was lost
        // and what was forgotten cannot be told apart otherwise.
        if attempt < ATTEMPTS && has_swept(repo, &packs)? {
            continue;
        }
        // The index is derived: what is wrong with it is no damage.
        if is_anew || repo.index_agrees()? {
            return Ok(report);
        }
        if let Err(error) = repo.rebuild_index_with_marks() {
            report
                .remarks
                .push(format!("the index says other things than the segments, and cannot be made anew: {error}"));
            return Ok(report);
        }
        // The same part is read once more.
        cursor.map_or(Ok(()), |cursor| repo.index().set_note(CURSOR_NOTE, cursor))?;
        is_anew = true;
    }
}

/// Whether any of these packs is listed no longer.
fn has_swept(repo: &Repo, packs: &[Id]) -> Result<bool> {
    repo.refresh()?;
    let listed: HashSet<Id> = repo.index().view()?.packs()?.into_iter().map(|pack| pack.name).collect();
    Ok(packs.iter().any(|name| !listed.contains(name)))
}

/// Who can be hurt by damage.
struct Owners<'a> {
    snapshots: Vec<&'a Snapshot>,
    runs: Runs,
}

/// Verifies once. Answers also the packs that were listed.
fn look(repo: &Repo, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<(Report, Vec<Id>)> {
    let findings = Findings::default();
    monitor.event(&Event::Phase("checking roots"));
    // Roots before segments before packs: whatever a root that we see needs was published before it.
    let (loaded, faults) = repo.verify_roots()?;
    loaded.damaged.iter().for_each(|(name, error)| findings.file(root_path(name), error));
    repo.damaged_devices(&loaded.roots)?.iter().for_each(|(path, error)| findings.file(path.clone(), error));
    for fault in &faults {
        let path = fault.name.map_or_else(|| format!("roots/ of device {}", fault.device), |name| root_path(&name));
        findings.file(path, &Error::new(Code::RollbackDetected, fault.to_string()));
    }
    repo.refresh()?;
    repo.damaged_segments().iter().for_each(|(name, error)| findings.file(segment_path(name), error));
    // A segment that is gone leaves packs that readers find all the same.
    repo.look_for_strays()?;
    let view = repo.index().view()?;
    let all = Snapshots::load(&loaded.roots, clock::now());
    all.damaged().iter().for_each(|(name, error)| findings.file(root_path(name), error));
    let snapshots = chosen_snapshots(&all, &options.snapshots)?;
    let runs = match options.snapshots.is_empty() {
        true => Runs::load(&loaded.roots, clock::now()),
        false => Runs::default(),
    };
    runs.damaged().iter().for_each(|(name, error)| findings.file(root_path(name), error));
    let mut report = Report::default();
    let starts = starts(repo, &loaded, &snapshots, options, &mut report);
    let reach = reachable(repo, &starts, &ReachOptions::new(repo, options.budget_bytes, options.jobs), monitor)?;
    reach.broken.iter().try_for_each(|broken| note_broken(repo, broken, &findings))?;
    let frames = FrameMap::new(&view)?;
    monitor.event(&Event::Phase("checking the index"));
    let indexed = check_index(repo, &view, &frames, &reach, &findings)?;
    if !indexed.gone.is_empty() {
        repo.note_lost_packs();
    }
    (report.packs, report.objects) = ((frames.packs.len() - indexed.gone.len()) as u64, reach.len());
    (report.packs_promised, report.bytes_promised) = indexed.promised;
    if options.level != Level::Quick {
        files::check(repo, &view, &frames, &findings, &mut report, options.jobs, monitor)?;
        read(repo, view, &frames, &indexed, &findings, options, &mut report, monitor)?;
    }
    let bad_roots: Vec<Id> =
        loaded.damaged.iter().map(|(name, _)| *name).chain(all.damaged().iter().map(|(name, _)| *name)).collect();
    conclude(repo, &frames, &indexed, &reach, &Owners { snapshots, runs }, &bad_roots, findings, &mut report)?;
    Ok((report, frames.packs.iter().map(|pack| pack.name).collect()))
}

/// A tree or node that cannot be read, in every pack that has it.
fn note_broken(repo: &Repo, broken: &Broken, findings: &Findings) -> Result<()> {
    // The index knows a large tree by its alias; it is the object all the same.
    let class = if broken.key.class == Class::Alias { Class::Whole } else { broken.key.class };
    let key = Key { class, ..broken.key };
    findings.entry(key, None, &broken.error);
    for copy in repo.index().lookup(&key)? {
        findings.entry(key, Some(&repo.index().pack(copy.pack)?.name), &broken.error);
    }
    Ok(())
}

fn chosen_snapshots<'a>(all: &'a Snapshots, wanted: &[Id]) -> Result<Vec<&'a Snapshot>> {
    if wanted.is_empty() {
        return Ok(all.all().iter().collect());
    }
    wanted
        .iter()
        .map(|id| match all.get(id) {
            Some(snapshot) => Ok(snapshot),
            None => fail(Code::SnapshotNotFound, format!("there is no snapshot {id}")),
        })
        .collect()
}

/// Where to start: everything that is kept, or what the chosen snapshots keep.
fn starts(
    repo: &Repo,
    loaded: &Loaded,
    snapshots: &[&Snapshot],
    options: &VerifyOptions,
    report: &mut Report,
) -> Vec<Start> {
    let of_snapshots = || snapshots.iter().flat_map(|snapshot| snapshot_starts(snapshot)).collect();
    if !options.snapshots.is_empty() {
        return of_snapshots();
    }
    match kept(repo, &loaded.roots, clock::now()) {
        Ok(kept) => {
            let (known, unknown): (Vec<Start>, Vec<Start>) =
                kept.starts.into_iter().partition(|start| start.kind.is_known() || !start.kind.holds_references());
            if !unknown.is_empty() {
                report.remarks.push(format!("{} objects are of kinds that this version cannot follow", unknown.len()));
            }
            known
        }
        Err(error) => {
            report.remarks.push(format!("only snapshots were followed: {error}"));
            of_snapshots()
        }
    }
}

/// Reads directories and data as the level says.
#[allow(clippy::too_many_arguments)]
fn read(
    repo: &Repo,
    view: View<'_>,
    frames: &FrameMap,
    indexed: &Indexed,
    findings: &Findings,
    options: &VerifyOptions,
    report: &mut Report,
    monitor: &dyn Monitor,
) -> Result<()> {
    monitor.event(&Event::Phase("checking packs"));
    let marked: HashSet<u32> = view.bad()?.into_iter().map(|(_, pack)| pack).collect();
    let mut check = DataCheck::new(repo, view, frames, indexed, findings, monitor, options.jobs);
    check.directories()?;
    if let Level::ReadData(subset) = options.level {
        let packs: Vec<(Id, u64)> = frames.packs.iter().map(|pack| (pack.name, pack.file_bytes)).collect();
        let cursor = repo.index().note(CURSOR_NOTE)?.map(|cursor| cursor as u64);
        let (chosen, next) = subset::choose(&packs, subset, cursor);
        monitor.event(&Event::Phase("reading data"));
        monitor.event(&Event::Total { items: chosen.len() as u64, bytes: chosen.iter().map(|at| packs[*at].1).sum() });
        if subset == Subset::All {
            check.large_objects()?;
        }
        let sound = check.packs(&chosen, !options.snapshots.is_empty());
        report.packs_read = sound.len() as u64;
        if options.snapshots.is_empty() {
            // Copies once found damaged that are not: a cable was mended, a file put back.
            let sound: HashSet<u32> = sound.iter().map(|at| frames.packs[*at].number).collect();
            marked.intersection(&sound).for_each(|pack| _ = repo.index().clear_bad(*pack));
        }
        if let Some(next) = next.filter(|next| Some(*next) != cursor && !check.is_stopped.load(Ordering::Relaxed)) {
            // The cursor only saves time: a replica that cannot be written to is verified all the same.
            let _ = repo.index().set_note(CURSOR_NOTE, next as i64);
        }
    }
    report.bytes_read += check.bytes_read.load(Ordering::Relaxed);
    report.is_stopped |= check.is_stopped.load(Ordering::Relaxed);
    Ok(())
}

/// Puts the report together: what is lost, and whom it hurts.
#[allow(clippy::too_many_arguments)]
fn conclude(
    repo: &Repo,
    frames: &FrameMap,
    indexed: &Indexed,
    reach: &Reach,
    owners: &Owners<'_>,
    bad_roots: &[Id],
    findings: Findings,
    report: &mut Report,
) -> Result<()> {
    report.damage = findings.finish(repo, frames, &|pack| !indexed.gone.contains(pack))?;
    let hurt = blame::blame(repo, reach, &owners.snapshots, &owners.runs, &mut report.damage)?;
    let lost = report.damage.iter().filter(|damage| matches!(damage.item, Item::Entry(_)) && !damage.has_other_copy);
    report.objects_lost = lost.count() as u64;
    report.runs_total = owners.runs.records().len() as u64;
    report.runs_invalid = hurt.runs.into_iter().collect();
    report.snapshots_total = (owners.snapshots.len() + bad_roots.len()) as u64;
    report.roots_unread = bad_roots.len() as u64;
    report.snapshots_invalid = hurt.snapshots.into_iter().chain(bad_roots.iter().copied()).collect();
    report.snapshots_valid = report.snapshots_total - report.snapshots_invalid.len() as u64;
    Ok(())
}
