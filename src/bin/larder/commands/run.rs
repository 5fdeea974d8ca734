//! `larder run`: executes tasks once, and gives back what is known.

use super::manifest_args::manifest_and_targets;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::signals::hand_to;
use larder::config;
use larder::context::{REPOSITORY_DIR, jobs};
use larder::error::{Code, Error, Result};
use larder::run::lockfile::TOKEN_VARIABLE;
use larder::run::manifest::{self, LoadOptions};
use larder::run::process::Stop;
use larder::run::project::{Project, ProjectOptions};
use larder::run::{Forecast, RunOptions, RunStats, Show, forecast, run};
use larder::units::parse_duration_seconds;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments of `larder run`.
#[derive(clap::Args)]
pub struct Run {
    /// What to run: tasks, globs, `task^deps`, `task^dependents`; a manifest may stand first
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// The manifest; otherwise the first word if it names one, otherwise `larder.toml` here or above
    #[arg(short = 'f', long = "file", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,

    /// How many tasks run at once; otherwise as many as there are cores
    #[arg(short = 'j', long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,

    /// Never run more tasks at once than this
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    max_concurrent: Option<u16>,

    /// After a failure, go on with all that does not need what failed
    #[arg(short = 'k', long)]
    keep_going: bool,

    /// Execute everything that is wanted, whatever is known
    #[arg(long)]
    force: bool,

    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// End a task that takes longer than this and does not say itself how long it may take
    #[arg(short = 't', long, value_name = "DURATION", value_parser = parse_duration_seconds)]
    timeout: Option<u64>,

    /// Read the stored results of what is current, and run again what is damaged
    #[arg(long)]
    verify_cache: bool,

    /// Which output of tasks is shown; `json` speaks JSON as --json does
    #[arg(short = 'o', long, value_name = "WHICH", default_value = "errors")]
    output: Wanted,

    /// At the end, say more about what was done
    #[arg(long)]
    stats: bool,

    /// Write what was done, in numbers, to this file
    #[arg(short = 'm', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    metrics: Option<PathBuf>,

    /// Arguments for tasks with `args = true`
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// Which output of tasks is shown.
#[derive(Clone, Copy, clap::ValueEnum, PartialEq, Eq)]
enum Wanted {
    Errors,
    Full,
    None,
    Text,
    Json,
}

impl Subcommand for Run {
    const NAME: &'static str = "run";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Run tasks once, and give back what is known";
    const MANUAL: Manual = Manual {
        description: "Runs the tasks of a manifest whose command, inputs, environment or dependencies have changed, and \
            puts back the stored outputs of those that have not. With nothing to do it opens no repository.\n\n\
            -f names the manifest; --force runs everything again.",
        examples: &[
            ("larder run", "Brings everything up to date."),
            ("larder run test -j 4 -k", "Runs `test` and what it needs, and goes on after failures."),
            ("larder run -n", "Says what would be done."),
        ],
        exits: &[
            (5, "The manifest cannot be used."),
            (10, "There is no such task."),
            (13, "A stored result is damaged, and running the task again failed."),
            (15, "Tasks took too long, and nothing else failed."),
            (20, "A task failed."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (manifest, targets) = manifest_and_targets(self.file.as_deref(), &self.targets)?;
        let project = project_options(&manifest, &self.args)?;
        let load_options = LoadOptions { args: self.args.clone(), tracked: true };
        let plan = || {
            Project::open_with(&project, &|path, root, args| {
                manifest::load(path, root, &LoadOptions { args: args.to_vec(), ..load_options.clone() })
            })
        };
        if self.dry_run {
            return self.rehearse(session, &targets, &plan()?);
        }
        let is_json = session.ui.is_json() || self.output == Wanted::Json;
        let options = RunOptions {
            targets,
            jobs: self.jobs.map_or_else(jobs, usize::from),
            max_concurrent: self.max_concurrent.map(usize::from),
            keep_going: self.keep_going,
            force: self.force,
            verify_stored: self.verify_cache,
            timeout_ms: self.timeout.map(|seconds| seconds.saturating_mul(1_000)),
            show: match self.output {
                Wanted::Full => Show::Full,
                Wanted::None => Show::None,
                _ => Show::Errors,
            },
            report_current: false,
            log_bytes_max: larder::run::logs::LOG_BYTES_MAX,
            state_dir: project.state_dir.clone(),
            run_token: config::variable(TOKEN_VARIABLE).and_then(|token| token.into_string().ok()),
            host: larder::fs::host_name(),
            writer: session.writer_options()?,
        };
        let stop = Arc::new(Stop::new()?);
        hand_to(&stop)?;
        let monitor = session.ui.progress("running");
        let stats = run(&plan, &|| session.repo(), &options, &stop, &monitor);
        drop(monitor);
        let stats = stats?;
        if let Some(path) = &self.metrics {
            let text = format!("{:#}\n", metrics(&stats));
            larder::fs::write_durable(path, text.as_bytes(), 0o644)?;
        }
        self.conclude(session, &stats, is_json)
    }
}

impl Run {
    fn rehearse(&self, session: &Session, targets: &[String], project: &Project) -> anyhow::Result<Exit> {
        let survey = project.survey(&project.select(targets)?)?;
        let manifest = project.manifest()?;
        for (task, what) in forecast(project, &survey, self.force, &|| session.repo())? {
            let name = &manifest.task(task).name;
            let says = match what {
                Forecast::Group => continue,
                Forecast::Current | Forecast::Hit => "hit".to_string(),
                Forecast::Run | Forecast::Failed => "run".to_string(),
                Forecast::After(other) => format!("after {}", manifest.task(other).name),
            };
            match session.ui.is_json() || self.output == Wanted::Json {
                true => session.ui.json(&json!({"type": "task", "task": name, "plan": says}))?,
                false => session.ui.line(&format!("{name}: {says}"))?,
            }
        }
        Ok(Exit::DONE)
    }

    fn conclude(&self, session: &Session, stats: &RunStats, is_json: bool) -> anyhow::Result<Exit> {
        if is_json {
            let mut value = metrics(stats);
            value["type"] = "summary".into();
            session.ui.json(&value)?;
        } else if !session.ui.is_quiet() {
            session.ui.line(&summary(stats))?;
            if self.stats {
                session.ui.line(&format!("{:#}", metrics(stats)))?;
            }
        }
        match stats.failure {
            None => Ok(Exit::DONE),
            Some(code) => {
                let left = stats.skipped + stats.not_started;
                let more = if left > 0 { format!(", {left} were not begun") } else { String::new() };
                let error = Error::new(code, format!("{} of {} tasks failed{more}", stats.failed, stats.tasks));
                Err(match code {
                    Code::TaskFailed => error.with_hint("what they left is in .larder/failed/"),
                    _ => error,
                }
                .into())
            }
        }
    }
}

/// What a project is opened with, for the manifest that was named.
fn project_options(manifest: &std::path::Path, args: &[String]) -> Result<ProjectOptions> {
    let is_line_form = manifest.extension().is_none_or(|extension| extension != "toml");
    let root = match is_line_form {
        true => PathBuf::from("."),
        false => {
            manifest.parent().map(PathBuf::from).filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| ".".into())
        }
    };
    let root = std::path::absolute(&root).map_err(|error| Error::io("find", &root, error))?;
    let own = root.join(REPOSITORY_DIR);
    let state_dir = match own.join("config.toml").is_file() {
        true => own.join("state"),
        false => {
            let name = larder::object::hash(root.as_os_str().as_encoded_bytes()).to_hex();
            config::cache_dir()?.join("projects").join(name)
        }
    };
    Ok(ProjectOptions {
        manifest: manifest.to_path_buf(),
        root: is_line_form.then_some(root),
        state_dir,
        environment: config::environment(),
        args: args.to_vec(),
        jobs: jobs(),
    })
}

fn summary(stats: &RunStats) -> String {
    let mut text = format!("{} executed, {} cached", stats.executed, stats.cached());
    for (number, what) in [
        (stats.failed, "failed"),
        (stats.skipped, "skipped"),
        (stats.not_started, "not started"),
        (stats.damaged, "stored results damaged"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    text
}

fn metrics(stats: &RunStats) -> Value {
    json!({
        "tasks": {"total": stats.tasks, "executed": stats.executed, "cached": stats.cached(), "restored": stats.restored,
            "current": stats.current, "failed": stats.failed, "skipped": stats.skipped, "not_started": stats.not_started},
        "cache": {"hits": stats.cached(), "misses": stats.executed + stats.failed, "hit_rate": stats.hit_rate(),
            "added_bytes": stats.added_bytes, "stored_bytes": stats.stored_bytes, "saved_ms": stats.saved_ms,
            "unstored": stats.unstored, "damaged": stats.damaged},
        "timing_ms": {"min": stats.durations.min_ms, "max": stats.durations.max_ms,
            "average": stats.durations.average_ms(), "total": stats.durations.total_ms, "wall": stats.wall_ms},
        "resources": {"memory_peak_bytes": stats.memory_peak_bytes, "user_ms": stats.user_ms,
            "system_ms": stats.system_ms},
        "errors": {"errors": stats.failed, "retries": stats.retries, "timeouts": stats.timeouts,
            "warnings": stats.warnings},
        "cancelled": stats.is_cancelled,
    })
}
