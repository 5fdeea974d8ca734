//! `larder run`: executes tasks once, and gives back what is known.

mod report;

use super::manifest_args::manifest_and_targets;
use super::project_args::{passed_variables, project_options};
use super::{Exit, Layer, Manual, Need, Subcommand};
use super::{gc, tasks};
use crate::session::Session;
use larder::clock;
use larder::config::{self, Settings};
use larder::context::{jobs, own_paths, reach_options};
use larder::error::{Error, Result};
use larder::keep;
use larder::run::lockfile::TOKEN_VARIABLE;
use larder::run::process::Stop;
use larder::run::project::{Project, ProjectOptions};
use larder::run::{Forecast, Outlook, RunOptions, RunStats, Seer, Show, known_runs, run};
use larder::units::{parse_duration_seconds, parse_size};
use report::{boxed, metrics, summary};
use serde_json::json;
use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

/// One task by plumbing, as docs/PLUMBING.md has it.
const PLUMBING: &str = r#"larder lock -- sh -euc '
    of_task() { larder parse-manifest | jq -j --arg task "$1" ".tasks[] | select(.name == \$task) | $2"; }
    outputs() { of_task "$1" ".outputs[] + \"\\u0000\""; }

    action=$(larder action-id --raw "$1" | larder hash-object -w -t action --stdin)
    outputs "$1" | xargs -0 -r rm -rf --
    if result=$(larder record get --field result "$action"); then
        larder restore-tree "$result" .
        exit
    fi
    outputs "$1" | xargs -0 -r dirname -z -- | xargs -0 -r mkdir -p --
    ran=$(of_task "$1" ".env[] | select(.value != null) | \"--env=\(.name)=\(.value)\\u0000\"" |
        xargs -0 larder exec-task -w --action "$action")
    [ "$(larder action-id "$1")" = "$action" ] || { echo "an input of $1 has changed" >&2; exit 1; }
    field() { echo "$ran" | sed -n "s/^$1[[:blank:]]//p"; }
    larder record put --action "$action" --result "$(outputs "$1" | xargs -0 larder write-tree --portable)" --task "$1" \
        --stdout "$(field stdout)" --stderr "$(field stderr)" --interleave "$(field interleave)" \
        --start "$(field start)" --wall-ms "$(field wall-ms)" >&2
' sh "$TASK""#;

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

    /// Store what tasks read, too: `larder restore run:ID --inputs` gives it back
    #[arg(long)]
    keep_inputs: bool,

    /// Give tasks all variables of the environment; a result then counts only while those that tasks do not see anyway
    /// are the same
    #[arg(long)]
    env_passthrough: bool,

    /// Refuse tasks that read a longer file; otherwise as the settings say, or 1 GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_input_size: Option<u64>,

    /// Forget what is stored of what is wanted, pinned runs apart, and execute it all
    #[arg(long, conflicts_with = "dry_run")]
    clean_cache: bool,

    /// List what can be run, as `larder tasks` does, and run nothing
    #[arg(long)]
    list_tasks: bool,

    /// Which output of tasks is shown; `json` speaks JSON as --json does
    #[arg(short = 'o', long, value_enum, value_name = "WHICH", default_value = "errors")]
    output: Wanted,

    /// At the end, say in a box what was done, in numbers
    #[arg(long)]
    stats: bool,

    /// Write what was done, in numbers, to this file: JSON, also when tasks fail or a signal ends the run
    #[arg(short = 'm', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    metrics: Option<PathBuf>,

    /// Arguments for tasks with `args = true`
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// Which output of tasks is shown.
#[derive(Clone, Copy, clap::ValueEnum, PartialEq, Eq)]
enum Wanted {
    /// That of tasks that fail
    Errors,
    /// All of it; of tasks that need not run, what they wrote when they ran
    Full,
    /// None
    None,
    /// As `errors`
    Text,
    /// One JSON object a line for all that happens; as --json
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
            The manifest is -f FILE; else the first word, if it is a file that ends in .toml or .txt or is named by a \
            path; else the larder.toml here or above. --force, which has no short form, executes everything again.\n\n\
            Before a task runs its declared outputs are removed; what stands there and larder did not make is moved to \
            .larder/displaced/. What a failed task left is moved to .larder/failed/TASK/. After a failure nothing new is \
            started, unless -k is given. The first SIGINT or SIGTERM passes on to the tasks and what is done is stored; \
            the second kills them.\n\n\
            On a terminal a bar shows how far it is and what runs; in a log each executed task has a line, up to 500 of \
            them, then a line a minute. With -o json all that happens is one JSON object a line: docs/EVENTS.md says \
            which. -n prints of each task `hit`, `run`, or `after TASK`, which is what its key depends on.",
        examples: &[
            ("larder run", "Brings everything up to date."),
            ("larder run test -j 4 -k", "Runs `test` and what it needs, and goes on after failures."),
            ("larder run -n", "Says what would be done; `larder explain` says why."),
            ("larder run test -- --verbose", "Gives an argument to the tasks that take some."),
            ("larder run --stats --metrics run.json", "Says in numbers what was done, and writes it to a file."),
            ("larder run -o json | jq -r 'select(.end == \"failed\").task'", "Prints the names of what failed."),
        ],
        exits: &[
            (5, "The manifest cannot be used."),
            (10, "There is no such task."),
            (13, "A stored result is damaged, and running the task again failed."),
            (15, "Tasks took too long, and nothing else failed."),
            (16, "A task reads what it may not, or a file that is longer than the limit."),
            (20, "A task failed."),
        ],
        plumbing: PLUMBING,
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        if self.output == Wanted::Json {
            session.ui.speak_json();
        }
        let (manifest, targets) = manifest_and_targets(self.file.as_deref(), &self.targets)?;
        let mut options = project_options(&manifest, &self.args)?;
        options.input_bytes_max = self.max_input_size.or(options.input_bytes_max);
        if self.env_passthrough {
            options.declares = passed_variables(&options);
        }
        let plan = || Project::open(&options);
        if self.list_tasks {
            return tasks::list(session, &plan()?, &targets);
        }
        if self.dry_run {
            return self.rehearse(session, &targets, &plan()?);
        }
        if self.clean_cache {
            forget(session, &plan()?, &targets)?;
        }
        let how = self.options(session, targets, &options)?;
        let stop = Arc::new(Stop::new()?);
        let monitor = session.ui.run_progress(&stop, how.show == Show::Full)?;
        let opened = OnceCell::new();
        let open = || match opened.get() {
            Some(repo) => Ok(repo),
            None => session.repo().map(|repo| opened.get_or_init(|| repo)),
        };
        let outcome = run(&plan, &open, &how, &stop, &monitor);
        drop(monitor);
        if let Some(path) = &self.metrics {
            let failed = |error: &Error| RunStats { failure: Some(error.code()), ..RunStats::default() };
            let text = format!("{:#}\n", metrics(&outcome.as_ref().map_or_else(failed, RunStats::clone)));
            // Its numbers are a side job: that they cannot be written changes nothing about the run.
            if let Err(error) = larder::fs::write_durable(path, text.as_bytes(), 0o644) {
                session.ui.warn(&format!("the metrics could not be written: {error}"));
            }
        }
        let stats = outcome?;
        if let Some(repo) = opened.get().filter(|_| !stop.is_asked())
            && let Err(error) = gc::daily(session, repo)
        {
            session.ui.warn(&format!("runs that were not used lately could not be let go: {error}"));
        }
        // The last word.
        self.conclude(session, &stats)
    }
}

impl Run {
    fn options(&self, session: &Session, targets: Vec<String>, project: &ProjectOptions) -> Result<RunOptions> {
        Ok(RunOptions {
            targets,
            jobs: self.jobs.map_or_else(jobs, usize::from),
            max_concurrent: self.max_concurrent.map(usize::from),
            keep_going: self.keep_going,
            force: self.force || self.clean_cache,
            verify_stored: self.verify_cache,
            timeout_ms: self.timeout.map(|seconds| seconds.saturating_mul(1_000)),
            show: match self.output {
                Wanted::Full => Show::Full,
                Wanted::None => Show::None,
                Wanted::Errors | Wanted::Text | Wanted::Json => Show::Errors,
            },
            report_current: session.ui.is_json(),
            log_bytes_max: larder::run::logs::LOG_BYTES_MAX,
            keep_inputs: self.keep_inputs || Settings::load()?.keep_inputs.unwrap_or_default(),
            state_dir: project.state_dir.clone(),
            run_token: config::variable(TOKEN_VARIABLE).and_then(|token| token.into_string().ok()),
            host: larder::fs::host_name(),
            own: own_paths(&session.secrets())?,
            writer: session.writer_options()?,
        })
    }

    fn rehearse(&self, session: &Session, targets: &[String], project: &Project) -> anyhow::Result<Exit> {
        let survey = project.survey(&project.select(targets)?)?;
        let manifest = project.manifest()?;
        let open = || session.repo();
        let seer = Seer::new(project, &survey, self.force, &open)?;
        let mut told = Vec::new();
        seer.look(&mut |outlook| {
            told.push(outlook);
            Ok(())
        })?;
        for Outlook { task, what, .. } in told {
            let name = &manifest.task(task).name;
            let says = match what {
                Forecast::Group => continue,
                Forecast::Current | Forecast::Hit => "hit".to_string(),
                Forecast::Run | Forecast::Failed => "run".to_string(),
                Forecast::After(other) => format!("after {}", manifest.task(other).name),
            };
            match session.ui.is_json() {
                true => session.ui.json(&json!({"type": "task", "task": name, "plan": says}))?,
                false => session.ui.line(&format!("{name}: {says}"))?,
            }
        }
        Ok(Exit::DONE)
    }

    fn conclude(&self, session: &Session, stats: &RunStats) -> anyhow::Result<Exit> {
        if session.ui.is_json() {
            let mut value = metrics(stats);
            value["type"] = "summary".into();
            session.ui.json(&value)?;
        } else if self.stats {
            session.ui.text(&boxed(stats))?;
        } else if !session.ui.is_quiet() {
            session.ui.line(&summary(stats))?;
        }
        let Some(code) = stats.failure else { return Ok(Exit::DONE) };
        let left = stats.skipped + stats.not_started;
        let more = if left > 0 { format!(", {left} were not begun") } else { String::new() };
        let what = if stats.cancelled == stats.failed { "were stopped" } else { "failed" };
        let error = Error::new(code, format!("{} of {} tasks {what}{more}", stats.failed, stats.tasks));
        Err(match stats.failed_outputs {
            0 => error,
            _ => error.with_hint("the outputs that they left are in .larder/failed/"),
        }
        .into())
    }
}

/// Lets go of the stored runs of what is wanted.
fn forget(session: &Session, project: &Project, targets: &[String]) -> anyhow::Result<()> {
    let tasks = project.select(targets)?;
    let repo = session.repo()?;
    let runs = known_runs(project, &tasks, &repo)?;
    if runs.is_empty() {
        return Ok(());
    }
    let progress = session.ui.progress("forgetting");
    let options = session.writer_options()?;
    let removed = keep::remove(&repo, &runs, clock::now(), &reach_options(&repo), &options, &progress)?.removed;
    drop(progress);
    session.ui.status(&format!("forgot {removed} stored runs; gc frees what only they kept"));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manual_has_the_script_that_is_tested() {
        assert!(include_str!("../../../../../docs/PLUMBING.md").contains(super::PLUMBING));
    }
}
