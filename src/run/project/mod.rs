//! A project: its manifest, what its state remembers, and what has changed since.
//!
//! Part of floor 5's `run`. [`Project::open`] reads the manifest, or the plan that is known of it;
//! [`Project::survey`] says of each wanted task whether it is current, without opening a repository and without
//! writing anything; a [`Keyer`] makes the actions of the others; [`Project::done`] and [`Project::commit`] remember
//! what came of them.
//!
//! One invocation sees one content of each source: what is found to have changed later is a change for the next one,
//! and what rests on it is not remembered as current.

mod commit;
mod keyer;
mod leftovers;
mod observed;
mod survey;
mod tools;

pub use commit::Done;
pub use keyer::{Keyed, Keyer, Results, Seen};
pub use observed::Observation;
pub use survey::{Known, Standing, Survey, Why};

use super::environment::Environment;
use super::graph::{Graph, OutputArea};
use super::inputs::Sources;
use super::manifest::{self, LoadOptions, Manifest, TaskNo};
use super::pattern::Pattern;
use super::plan::{Light, decode_manifest, digest_of, encode_manifest};
use super::state::files::Files;
use super::state::rows::{Digest, RowNo};
use super::state::stamp::{Stamp, look, stamp_now_ns};
use super::state::{Counters, State};
use crate::error::{Code, Error, IoContext, Result};
use leftovers::Before;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A manifest that was just written is waited for before it is read, but no longer than this.
const MANIFEST_SETTLE_NS_MAX: i64 = 50_000_000;

/// The clock of file systems moves in steps of at most this length.
const CLOCK_STEP_NS: i64 = 10_000_000;

/// What a project is opened with.
#[derive(Clone, Debug, Default)]
pub struct ProjectOptions {
    /// The top manifest.
    pub manifest: PathBuf,
    /// The root, where it is not the manifest's directory.
    pub root: Option<PathBuf>,
    /// The directory of `run.sqlite`.
    pub state_dir: PathBuf,
    /// The environment of this process.
    pub environment: BTreeMap<OsString, OsString>,
    /// Arguments for the tasks that take them.
    pub args: Vec<String>,
    /// Variables that all tasks declare, whatever the manifest says.
    pub declares: Vec<String>,
    /// Threads that look at files and read them.
    pub jobs: usize,
    /// A task that reads a longer file is refused.
    pub input_bytes_max: Option<u64>,
}

/// Reads a manifest: its path, the root if that is another directory, the arguments for tasks.
pub type Load<'a> = &'a dyn Fn(&Path, Option<&Path>, &[String]) -> Result<Manifest>;

/// A project in one invocation. Used from any thread.
#[derive(Debug)]
pub struct Project {
    args: Vec<String>,
    light: Light,
    digest: Digest,
    manifest_path: Vec<u8>,
    root: PathBuf,
    process: BTreeMap<OsString, OsString>,
    environment: OnceLock<Environment>,
    whole: OnceLock<Manifest>,
    graph: OnceLock<Graph>,
    area: OnceLock<OutputArea>,
    /// Of all that is no source, because tasks make it or have made it.
    area_digest: Digest,
    /// Whether the plan is new.
    keeps_plan: bool,
    sources: Sources,
    counters: Counters,
    /// How many numbers of tasks were given away before this invocation.
    tasks_before: u32,
    contexts: tools::Contexts,
    state: Mutex<State>,
    staged: Mutex<commit::Staged>,
}

impl Project {
    /// Reads the manifest, or takes the plan of it that is known.
    ///
    /// # Errors
    /// What [`manifest::load`] answers; CACHE_ERROR.
    pub fn open(options: &ProjectOptions) -> Result<Project> {
        let load = |path: &Path, root: Option<&Path>, args: &[String]| {
            let mut manifest = manifest::load(path, root, &LoadOptions { args: args.to_vec(), tracked: true })?;
            manifest.declare(&options.declares);
            Ok(manifest)
        };
        Self::open_with(options, &load)
    }

    /// The same with another reader of manifests.
    ///
    /// # Errors
    /// What `load` answers; CACHE_ERROR.
    pub fn open_with(options: &ProjectOptions, load: Load<'_>) -> Result<Project> {
        let manifest_path = std::path::absolute(&options.manifest).at("find", &options.manifest)?;
        let here = std::path::absolute(".").at("find", ".")?;
        let digest = plan_digest(&manifest_path, &here, options);
        let state = State::open(&options.state_dir);
        let mut counters = state.counters()?;
        let tasks_before = counters.tasks;
        let known = state.plan(&digest, Light::decode)?;
        let known = known.filter(|light| light.files.iter().all(|(path, stamp)| look_at(path) == *stamp));
        let files = state.files(&counters)?;
        let (light, whole, graph, area, keeps_plan) = match known {
            Some(light) => (light, OnceLock::new(), OnceLock::new(), OnceLock::new(), false),
            None => {
                let read = Read::new(&manifest_path, options, (&state, &files), &mut counters, load)?;
                (read.light, read.manifest.into(), read.graph.into(), read.area.into(), true)
            }
        };
        let root = light.root.clone();
        let (leftovers, area_digest) = leftovers::leftovers(&light, &root)?;
        let bytes_max = options.input_bytes_max.unwrap_or(u64::MAX);
        let sources = Sources::new(&root, options.jobs, bytes_max, files, state.patterns()?)?.without(leftovers);
        let contexts = tools::Contexts::of(&light);
        Ok(Project {
            args: options.args.clone(),
            light,
            digest,
            manifest_path: manifest_path.into_os_string().into_encoded_bytes(),
            root,
            process: options.environment.clone(),
            environment: OnceLock::new(),
            whole,
            graph,
            area,
            area_digest,
            keeps_plan,
            sources,
            counters,
            tasks_before,
            contexts,
            state: Mutex::new(state),
            staged: Mutex::default(),
        })
    }

    /// The root, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether another run has written to the state since this was opened.
    pub fn is_behind(&self) -> bool {
        self.state().is_behind()
    }

    /// How many tasks there are.
    pub fn task_count(&self) -> usize {
        self.light.len()
    }

    /// What is suspicious about the manifest, ready to be shown.
    pub fn warnings(&self) -> &[String] {
        &self.light.warnings
    }

    /// What runs when no target is named.
    pub fn default_targets(&self) -> Vec<TaskNo> {
        match self.light.default.is_empty() {
            true => (0..self.light.len() as u32).map(TaskNo).collect(),
            false => self.light.default.clone(),
        }
    }

    /// The tasks that these selectors name, or those of the manifest.
    ///
    /// # Errors
    /// What [`select`](super::graph::select::select) answers.
    pub fn select(&self, selectors: &[String]) -> Result<Vec<TaskNo>> {
        if selectors.is_empty() {
            return Ok(self.default_targets());
        }
        super::graph::select::select(&self.manifest()?.tasks, self.graph()?, selectors)
    }

    /// The manifest. It is decoded when it is first asked for.
    ///
    /// # Errors
    /// CACHE_ERROR, and what [`manifest::load`] answers where the plan cannot be used.
    pub fn manifest(&self) -> Result<&Manifest> {
        if let Some(manifest) = self.whole.get() {
            return Ok(manifest);
        }
        let whole = self.state().whole_plan(&self.digest, decode_manifest)?;
        match whole.filter(|whole| whole.tasks.len() == self.light.len()) {
            Some(manifest) => Ok(self.whole.get_or_init(|| manifest)),
            None => Err(Error::new(Code::CacheError, "run.sqlite is damaged")
                .with_hint("it holds only what saves time: delete it")),
        }
    }

    /// The graph of its tasks.
    ///
    /// # Errors
    /// As [`Project::manifest`].
    pub fn graph(&self) -> Result<&Graph> {
        if let Some(graph) = self.graph.get() {
            return Ok(graph);
        }
        let graph = Graph::new(&self.manifest()?.tasks)?;
        Ok(self.graph.get_or_init(|| graph))
    }

    /// Who makes which path.
    ///
    /// # Errors
    /// As [`Project::manifest`].
    pub fn area(&self) -> Result<&OutputArea> {
        if let Some(area) = self.area.get() {
            return Ok(area);
        }
        let area = OutputArea::new(&self.manifest()?.tasks);
        Ok(self.area.get_or_init(|| area))
    }

    /// The environment of its tasks.
    pub fn environment(&self) -> &Environment {
        self.environment.get_or_init(|| Environment::new(&self.process, &self.light.dotenv))
    }

    /// Arguments for the tasks that take them.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    fn row_of(&self, task: TaskNo) -> RowNo {
        self.light.rows.get(task.index()).copied().unwrap_or(RowNo(u32::MAX))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn staged(&self) -> MutexGuard<'_, commit::Staged> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A manifest that was read now.
struct Read {
    manifest: Manifest,
    graph: Graph,
    area: OutputArea,
    light: Light,
}

impl Read {
    fn new(
        path: &Path,
        options: &ProjectOptions,
        (state, known): (&State, &Files),
        counters: &mut Counters,
        load: Load<'_>,
    ) -> Result<Read> {
        let wait_ns = look_at(path).settles_at_ns().saturating_sub(stamp_now_ns());
        if (1..MANIFEST_SETTLE_NS_MAX).contains(&wait_ns) {
            std::thread::sleep(std::time::Duration::from_nanos((wait_ns + CLOCK_STEP_NS) as u64));
        }
        let start_ns = stamp_now_ns();
        let manifest = load(path, options.root.as_deref(), &options.args)?;
        // A file that may yet change without showing it is read again next time; the numbers of its tasks stay.
        let settled = |stamp: Stamp| if stamp.is_racy(start_ns) { Stamp::ABSENT } else { stamp };
        let files = manifest.files.iter().map(|file| (file.clone(), settled(look_at(file)))).collect();
        let graph = Graph::new(&manifest.tasks)?;
        let area = OutputArea::new(&manifest.tasks);
        let (mut numbers, before) = plan_before(path, state)?;
        let mut row = |name: &str| match numbers.remove(name) {
            Some(row) => row,
            None => {
                counters.tasks += 1;
                RowNo(counters.tasks - 1)
            }
        };
        let mut light = Light::of(&manifest, &graph, &area, &options.args, files, &mut row);
        light.lost = before.lost(&light, &area, state, known)?;
        Ok(Read { manifest, graph, area, light })
    }
}

/// The numbers that tasks of this manifest had when it was last read, and what they made.
fn plan_before(path: &Path, state: &State) -> Result<(HashMap<String, RowNo>, Before)> {
    let Some((light, whole)) = state.last_plan(path.as_os_str().as_bytes())? else { return Ok(Default::default()) };
    let (Some(light), Some(whole)) = (Light::decode(&light), decode_manifest(&whole)) else {
        return Ok(Default::default());
    };
    let numbers = whole.tasks.into_iter().map(|task| task.name).zip(light.rows.iter().copied()).collect();
    Ok((numbers, Before { area: light.area, rows: light.rows, lost: light.lost }))
}

/// Of all that decides what is read.
fn plan_digest(manifest: &Path, here: &Path, options: &ProjectOptions) -> Digest {
    let root = options.root.as_ref().map_or(b"".as_slice(), |root| root.as_os_str().as_bytes());
    // The root of a manifest in the line form is where it is called.
    let is_toml = manifest.extension().is_some_and(|extension| extension == "toml");
    let here = if is_toml { b"".as_slice() } else { here.as_os_str().as_bytes() };
    let head = [b"2", manifest.as_os_str().as_bytes(), root, here];
    let count = options.args.len().to_string();
    let words = options.args.iter().chain(&options.declares).map(String::as_bytes);
    digest_of(head.into_iter().chain([count.as_bytes()]).chain(words))
}

/// How a file of a manifest looks; what cannot be looked at is not there.
fn look_at(path: &Path) -> Stamp {
    look(rustix::fs::CWD, path, true).unwrap_or(Stamp::ABSENT)
}

/// The error that a task ran into before it could start.
fn of_task(error: Error, name: &str) -> Error {
    error.context(format!("task `{name}` cannot start"))
}

/// A plan as it is written.
fn plan_row(project: &Project) -> Result<super::state::PlanRow> {
    Ok(super::state::PlanRow {
        digest: project.digest,
        manifest: project.manifest_path.clone(),
        light: project.light.encode(),
        whole: encode_manifest(project.manifest()?),
    })
}

#[cfg(test)]
mod tests;
