//! Tasks executed once, results kept like any other data.
//!
//! Floor 5. What is to be done comes from a manifest; what was done before, from the run records of the repository;
//! what is as it should be already, from the state beside the project, so that with nothing to do no repository is
//! opened. Every path in here is bytes relative to the project's root, without `.` and `..`, separated by `/`; the
//! empty path is the root itself.
//!
//! - [`manifest`]: task files read, expanded and checked.
//! - [`pattern`]: what an input or output names.
//! - [`graph`]: the order of tasks, and who makes which path.
//! - [`project`]: what has changed since last time, and the actions of what must be looked up; it stands on [`state`]
//!   (what is remembered), [`plan`] (a manifest as it was read), [`inputs`] (what tasks read) and [`environment`].
//! - [`engine`]: the threads that do it. [`schedule`]: what comes next; [`durations`]: what goes first.
//! - [`portable`], [`outputs`]: what a task left, kept and put back; and room made for it. [`mod@clean`]: outputs
//!   removed.
//! - [`process`], [`logs`]: one command, and what it said.
//! - [`publish`], [`claim`], [`lockfile`]: results become durable, and one process makes each.
//! - [`metrics`]: what was done, in numbers. [`explain`]: why it would be done.

pub mod claim;
pub mod clean;
pub mod durations;
pub mod engine;
pub mod environment;
pub mod explain;
pub mod graph;
pub mod inputs;
pub mod lockfile;
pub mod logs;
pub mod manifest;
pub mod metrics;
pub mod options;
pub mod outputs;
pub mod pattern;
pub mod plan;
pub mod portable;
pub mod process;
pub mod project;
pub mod publish;
pub mod schedule;
pub mod state;

pub use clean::{CleanOptions, clean, known_runs};
pub use engine::{Forecast, Outlook, Seer};
pub use metrics::RunStats;
pub use options::{RunOptions, Show};

use crate::clock::Stopwatch;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::raise_file_limit;
use crate::monitor::{Event, Monitor, TaskEnd, TaskEvent};
use crate::repo::Repo;
use engine::{Desk, Engine};
use lockfile::{RunLock, lock_dir};
use outputs::{Clearing, Started};
use pattern::{Pattern, ancestors, is_hidden};
use portable::WorkTree;
use process::Stop;
use project::{Project, Standing, Survey};
use state::files::FileNo;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The file that names outputs which are being made, beside the state.
const STARTED: &str = "started";

/// Executes what is wanted and has changed, and puts back the stored results of what has not.
///
/// `plan` opens the project anew: it is called again after waiting for another run. `open` opens the repository, which
/// happens only if something is to be done.
///
/// # Errors
/// What reading the manifest and storing answer. That tasks fail is no error: [`RunStats::failure`] says so.
pub fn run<'r>(
    plan: &dyn Fn() -> Result<Project>,
    open: &dyn Fn() -> Result<&'r Repo>,
    options: &RunOptions,
    stop: &Stop,
    monitor: &dyn Monitor,
) -> Result<RunStats> {
    let watch = Stopwatch::start();
    let (mut project, mut survey) = look(plan, options)?;
    project.warnings().iter().for_each(|text| monitor.event(&Event::Warning(text)));
    let is_done = |survey: &Survey| survey.is_current() && !options.force && !options.verify_stored;
    if is_done(&survey) && options.show != Show::Full {
        return nothing_done(&project, &survey, options, monitor, &watch);
    }
    let is_cancelled = || stop.is_asked() || monitor.is_cancelled();
    let mut on_wait = |holder: &str| {
        let holder = if holder.is_empty() { "another run" } else { holder };
        monitor.event(&Event::Warning(&format!("waiting for {holder}, which works in this project")));
    };
    let token = options.run_token.as_deref();
    let Some(lock) = RunLock::take(&lock_dir(project.root()), token, &mut on_wait, &is_cancelled)? else {
        return Ok(RunStats { is_cancelled: true, ..RunStats::default() });
    };
    // A run may also have ended between our look and our lock, and one that we are part of goes on.
    if lock.has_waited() || project.is_behind() {
        (project, survey) = look(plan, options)?;
        if is_done(&survey) && options.show != Show::Full {
            return nothing_done(&project, &survey, options, monitor, &watch);
        }
    }
    raise_file_limit();
    let repo = open()?;
    check_own(&project, options.own.iter().chain([&repo.local().cache]))?;
    let writer = repo.writer(&options.writer)?;
    let tree = WorkTree::open(project.root())?;
    crate::fs::create_dir_durable(&options.state_dir, crate::fs::PRIVATE_DIR)?;
    let started = Started::open(&options.state_dir.join(STARTED), !lock.is_within())?;
    let made: OnceLock<HashMap<FileNo, u32>> = OnceLock::new();
    // What cannot be read of the state is nobody's work of ours: it is moved, not removed.
    let is_made = |path: &[u8]| project.is_as_made(made.get_or_init(|| project.made().unwrap_or_default()), path);
    let clearing = Clearing::new(&tree, &is_made, Some(&started));
    let desk = Desk {
        project: &project,
        survey: &survey,
        manifest: project.manifest()?,
        keyer: project.keyer()?,
        repo,
        writer: &writer,
        tree: &tree,
        clearing: &clearing,
        options,
        stop,
        monitor,
        token: lock.token(),
    };
    let outcome = Engine::new(&desk).work();
    let ended = writer.finish();
    let mut stats = outcome?;
    if let Err(error) = ended {
        stats.is_lost = true;
        monitor.event(&Event::Warning(&format!("results were not stored: {error} [{}]", error.code().name())));
    }
    started.end()?;
    tell_leftovers(&project, monitor);
    count_tasks(&mut stats, &survey);
    stats.finish(&watch);
    Ok(stats)
}

/// Outputs are cleared away, so none may hold or match what larder itself stands on: the repository in use, a key.
fn check_own<'p>(project: &Project, own: impl Iterator<Item = &'p PathBuf>) -> Result<()> {
    let root = project.root().canonicalize().at("find", project.root())?;
    let real: Vec<PathBuf> = own.filter_map(|path| path.canonicalize().ok()).collect();
    let within = real.iter().filter_map(|path| path.strip_prefix(&root).ok()).map(|path| path.as_os_str().as_bytes());
    for path in within.filter(|path| !path.is_empty() && !is_hidden(path)) {
        // A pattern may match what a repository holds and not the repository.
        let marker = portable::join(path, b"config.toml");
        let is_met = |output: &Pattern| {
            let all = [path, &marker].into_iter().chain(ancestors(path));
            all.filter(|path| !path.is_empty()).any(|path| output.matches(path))
        };
        let outputs = project.manifest()?.tasks.iter().flat_map(|task| &task.outputs);
        if let Some(output) = outputs.into_iter().find(|output| is_met(output)) {
            let (output, path) = (output.text(), path.escape_ascii());
            let message =
                format!("the output `{}` would remove `{path}`, which larder itself uses", output.escape_ascii());
            let error = Error::new(Code::ConfigInvalid, message);
            return Err(error.with_hint("a repository, and a key, is safe in `.larder` and outside of the project"));
        }
    }
    Ok(())
}

fn tell_leftovers(project: &Project, monitor: &dyn Monitor) {
    if let Some(text) = project.leftovers_told() {
        monitor.event(&Event::Warning(&text));
    }
}

/// Reads the manifest and looks what has changed.
fn look(plan: &dyn Fn() -> Result<Project>, options: &RunOptions) -> Result<(Project, Survey)> {
    let project = plan()?;
    let targets = project.select(&options.targets)?;
    let survey = project.survey(&targets)?;
    Ok((project, survey))
}

fn nothing_done(
    project: &Project,
    survey: &Survey,
    options: &RunOptions,
    monitor: &dyn Monitor,
    watch: &Stopwatch,
) -> Result<RunStats> {
    let mut stats = RunStats::default();
    tell_leftovers(project, monitor);
    count_tasks(&mut stats, survey);
    (0..stats.tasks).for_each(|_| stats.count(TaskEnd::Current));
    if options.report_current {
        monitor.event(&Event::Total { items: stats.tasks, bytes: 0 });
        let manifest = project.manifest()?;
        for task in survey.tasks() {
            let Some(Standing::Current(known)) = survey.standing(*task) else { continue };
            let (action, record) = (Some(known.action), Some(known.record));
            let what = TaskEvent::Ended { end: TaskEnd::Current, why: "", duration_ms: 0, action, record };
            monitor.event(&Event::Task { name: &manifest.task(*task).name, what });
        }
    }
    stats.finish(watch);
    Ok(stats)
}

fn count_tasks(stats: &mut RunStats, survey: &Survey) {
    stats.tasks = survey.counts().0 as u64;
}
