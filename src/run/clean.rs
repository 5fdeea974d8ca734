//! Outputs removed on request: those that larder made and nobody changed since; and the stored runs of tasks.
//!
//! Part of floor 5's `run`. [`clean`] lets stay what is stored: the next run puts it back.

use super::STARTED;
use super::lockfile::{RunLock, lock_dir};
use super::manifest::TaskNo;
use super::outputs::{Cleaned, Clearing, Started};
use super::portable::WorkTree;
use super::project::Project;
use crate::clock;
use crate::error::{Class, Code, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::record::Record;
use crate::repo::Repo;
use crate::runs::Runs;
use std::collections::HashSet;
use std::path::Path;

/// How [`clean`] works.
#[derive(Clone, Debug)]
pub struct CleanOptions<'a> {
    /// The directory of the project's state.
    pub state_dir: &'a Path,
    /// What the environment says of a run that this is part of.
    pub run_token: Option<&'a str>,
    /// Tells what would be removed, and removes nothing.
    pub dry_run: bool,
}

/// Removes the outputs of these tasks; of a group, those of the tasks that it stands for. Waits for a run that works in
/// the project.
///
/// # Errors
/// What the manifest and the state answer; FILE_IO, PERMISSION_DENIED; LOCK_HELD when the user wants an end while another
/// run works.
pub fn clean(
    project: &Project,
    tasks: &[TaskNo],
    options: &CleanOptions<'_>,
    monitor: &dyn Monitor,
) -> Result<Cleaned> {
    let mut on_wait = |holder: &str| {
        let holder = if holder.is_empty() { "another run" } else { holder };
        monitor.event(&Event::Warning(&format!("waiting for {holder}, which works in this project")));
    };
    let is_cancelled = || monitor.is_cancelled();
    let lock = match options.dry_run {
        true => None,
        false => RunLock::take(&lock_dir(project.root()), options.run_token, &mut on_wait, &is_cancelled)?,
    };
    if lock.is_none() && !options.dry_run {
        return fail(Code::LockHeld, "another run works in this project");
    }
    let manifest = project.manifest()?;
    let mut seen = vec![false; manifest.tasks.len()];
    let (mut todo, mut chosen) = (tasks.to_vec(), Vec::new());
    while let Some(task) = todo.pop() {
        if std::mem::replace(&mut seen[task.index()], true) {
            continue;
        }
        let of = manifest.task(task);
        if of.is_group() { todo.extend_from_slice(&of.deps) } else { chosen.push(task) }
    }
    chosen.sort_unstable();
    let made = project.made()?;
    let is_made = |path: &[u8]| project.is_as_made(&made, path);
    let is_alone = lock.as_ref().is_some_and(|lock| !lock.is_within());
    let started = Started::open(&options.state_dir.join(STARTED), is_alone)?;
    let tree = WorkTree::open(project.root())?;
    let clearing = Clearing::new(&tree, &is_made, Some(&started));
    let mut all = Cleaned::default();
    for task in chosen {
        let cleaned = clearing.clean(&manifest.task(task).outputs, options.dry_run)?;
        all.removed.extend(cleaned.removed);
        all.foreign.extend(cleaned.foreign);
    }
    Ok(all)
}

/// The stored runs of these tasks and all that they depend on, by the names that they were run under in this project;
/// pinned ones apart.
///
/// # Errors
/// What reading the manifest, the roots and the records answers. A record that is damaged or gone is passed over.
pub fn known_runs(project: &Project, tasks: &[TaskNo], repo: &Repo) -> Result<HashSet<Id>> {
    let manifest = project.manifest()?;
    let wanted = project.graph()?.closure(tasks);
    let names: HashSet<&str> = wanted.iter().map(|task| manifest.task(task).name.as_str()).collect();
    let id = manifest.project.as_deref().unwrap_or_default();
    let mut found = HashSet::new();
    for run in Runs::load(&repo.roots()?, clock::now()).all().iter().filter(|run| !run.is_pinned) {
        match Record::load(repo, &run.record) {
            Ok(record) if record.project == id && names.contains(record.task.as_str()) => _ = found.insert(run.record),
            Ok(_) => {}
            Err(error) if error.class() == Class::Damaged => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
