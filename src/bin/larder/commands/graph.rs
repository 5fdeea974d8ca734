//! `larder graph`: tasks and what they wait for.

use super::project_args::{open_project, project_and_targets, tasks_named};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::error::Result;
use larder::id::Id;
use larder::record::Status;
use larder::run::graph::{Graph, TaskSet};
use larder::run::manifest::{Manifest, TaskNo};
use larder::run::project::Project;
use larder::run::{Forecast, Seer};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Deeper levels are not indented further: a chain of a thousand tasks stays readable, and short.
const INDENT_LEVELS_MAX: usize = 40;

/// Arguments of `larder graph`.
#[derive(clap::Args)]
pub struct GraphArgs {
    /// The manifest; else the first word if it names one, else the larder.toml here or above
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: Option<PathBuf>,

    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,

    /// Tasks to show with all that they wait for: names, globs, TASK^deps, TASK^dependents
    #[arg(value_name = "TASK")]
    words: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One line a task, indented by how deep it stands
    Text,
    /// For Graphviz
    Dot,
    /// One JSON object a line
    Json,
    /// For Mermaid
    Mermaid,
}

impl Subcommand for GraphArgs {
    const NAME: &'static str = "graph";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Show tasks, what they wait for, and how they stand";
    const MANUAL: Manual = Manual {
        description: "In text each task is one line, indented by the longest line of tasks before it; what waits for \
            nothing comes first. A box says how the task stands: [\u{2714}] its outputs are in place, [*] a stored result \
            would be put in place, [~] another larder runs it right now (or stores what came of it), [ ] it would run, [X] it cannot start, or its last run on just what it would run on now \
            failed. [~] is known of runs on this machine, here or in a clone that shares the repository; a run with --force \
            is not seen. A group stands as the worst of its tasks, but as running if one of them runs and none failed. Behind the name stand the beginnings of the ids of its action \
            and of its result, as far as they are known.\n\n\
            Nothing is run and nothing is written. Where there is no repository, nothing is known.",
        examples: &[
            ("larder graph", "Shows all tasks of the project."),
            ("larder graph --format dot test | dot -Tsvg >test.svg", "Draws `test` and all before it."),
        ],
        exits: &[(5, "the manifest cannot be used"), (10, "there is no such task")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (options, words) = project_and_targets(self.file.as_deref(), &self.words)?;
        let project = open_project(&options, &|text| session.ui.warn(text))?;
        let chosen = tasks_named(&project, &words)?;
        let picture = Picture {
            manifest: project.manifest()?,
            graph: project.graph()?,
            shown: project.graph()?.closure(&chosen),
            states: states(session, &project, &chosen)?,
        };
        let mut out = session.ui.writer();
        match self.format {
            Format::Text if !session.ui.is_json() => picture.text(&mut out)?,
            Format::Text | Format::Json => picture.lines(&mut out)?,
            Format::Dot => picture.dot(&mut out)?,
            Format::Mermaid => picture.mermaid(&mut out)?,
        }
        out.flush()?;
        Ok(Exit::DONE)
    }
}

/// How a task stands, in the order in which a group takes it from its tasks: the last one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    Current,
    Hit,
    #[default]
    Pending,
    Running,
    Failed,
}

impl Stand {
    fn mark(self) -> &'static str {
        match self {
            Stand::Current => "\u{2714}",
            Stand::Hit => "*",
            Stand::Pending => " ",
            Stand::Running => "~",
            Stand::Failed => "X",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Stand::Current => "current",
            Stand::Hit => "hit",
            Stand::Pending => "pending",
            Stand::Running => "running",
            Stand::Failed => "failed",
        }
    }
}

/// What is known of a task.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    stands: Stand,
    action: Option<Id>,
    result: Option<Id>,
}

/// How tasks stand, by number.
fn states(session: &Session, project: &Project, chosen: &[TaskNo]) -> Result<Vec<State>> {
    let manifest = project.manifest()?;
    let mut states = vec![State::default(); manifest.tasks.len()];
    if session.has_no_repo() {
        return Ok(states);
    }
    let survey = project.survey(chosen)?;
    let open = || session.repo();
    Seer::new(project, &survey, false, &open)?.look(&mut |outlook| {
        let did_fail = matches!(outlook.last, Some(Status::Failed | Status::Timeout));
        let stands = match outlook.what {
            Forecast::Current => Stand::Current,
            Forecast::Hit => Stand::Hit,
            Forecast::Failed => Stand::Failed,
            Forecast::Run if outlook.is_running => Stand::Running,
            Forecast::Run if did_fail => Stand::Failed,
            Forecast::Run | Forecast::After(_) => Stand::Pending,
            Forecast::Group => {
                let deps = manifest.task(outlook.task).deps.iter();
                deps.map(|task| states[task.index()].stands).max().unwrap_or(Stand::Current)
            }
        };
        let (action, result) = (outlook.action_id(), outlook.known.map(|known| known.result));
        states[outlook.task.index()] = State { stands, action, result };
        Ok(())
    })?;
    Ok(states)
}

/// What is shown, whatever the format.
struct Picture<'a> {
    manifest: &'a Manifest,
    graph: &'a Graph,
    shown: TaskSet,
    states: Vec<State>,
}

impl Picture<'_> {
    fn text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let levels = self.graph.levels();
        for task in self.in_order() {
            let indent = (levels[task.index()] as usize).min(INDENT_LEVELS_MAX) * 2;
            let State { action, result, .. } = self.states[task.index()];
            let ids = match (action, result) {
                (Some(action), Some(result)) => format!("  {} -> {}", action.short(), result.short()),
                (Some(action), None) => format!("  {}", action.short()),
                (None, _) => String::new(),
            };
            writeln!(out, "{:indent$}{}{ids}", "", self.label(task))?;
        }
        Ok(())
    }

    fn lines(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let levels = self.graph.levels();
        let names = |tasks: &[TaskNo]| tasks.iter().map(|task| self.name(*task).to_string()).collect::<Vec<_>>();
        for number in self.in_order() {
            let (task, state) = (self.manifest.task(number), self.states[number.index()]);
            let line = json!({
                "type": "task", "name": task.name, "level": levels[number.index()], "status": state.stands.name(),
                "action": state.action.map(|id| id.to_hex()), "result": state.result.map(|id| id.to_hex()),
                "deps": names(&task.deps), "makers": names(&task.makers), "after": names(&task.after),
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    // Names have no character that either language would take for its own within quotes.

    fn dot(&self, out: &mut dyn Write) -> std::io::Result<()> {
        write!(out, "digraph tasks {{\n  rankdir = LR;\n")?;
        for task in self.shown.iter() {
            writeln!(out, "  \"{}\" [label=\"{}\"];", self.name(task), self.label(task))?;
            for before in self.graph.dependencies(task) {
                writeln!(out, "  \"{}\" -> \"{}\";", self.name(*before), self.name(task))?;
            }
        }
        writeln!(out, "}}")
    }

    fn mermaid(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "flowchart LR")?;
        for task in self.shown.iter() {
            writeln!(out, "  t{}[\"{}\"]", task.0, self.label(task))?;
            for before in self.graph.dependencies(task) {
                writeln!(out, "  t{} --> t{}", before.0, task.0)?;
            }
        }
        Ok(())
    }

    /// What is shown, each after what it waits for.
    fn in_order(&self) -> impl Iterator<Item = TaskNo> {
        self.graph.order().iter().copied().filter(|task| self.shown.contains(*task))
    }

    fn name(&self, task: TaskNo) -> &str {
        &self.manifest.task(task).name
    }

    fn label(&self, task: TaskNo) -> String {
        format!("[{}] {}", self.states[task.index()].stands.mark(), self.name(task))
    }
}
