//! `larder graph`: tasks and what they wait for.

use super::manifest_args::manifest_and_targets;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::run::graph::select::select;
use larder::run::graph::{Graph, TaskSet};
use larder::run::manifest::{LoadOptions, Manifest, TaskNo, load};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Deeper levels are not indented further: a chain of a thousand tasks stays readable, and short.
const INDENT_LEVELS_MAX: usize = 40;

/// Arguments of `larder graph`.
#[derive(clap::Args)]
pub struct GraphArgs {
    /// The manifest; else the larder.toml here or above
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
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Show tasks and what they wait for";
    const MANUAL: Manual = Manual {
        description: "In text each task is one line behind a box, indented by the longest line of tasks before it; what \
            waits for nothing comes first.",
        examples: &[
            ("larder graph", "Shows all tasks of the project."),
            ("larder graph --format dot test | dot -Tsvg >test.svg", "Draws `test` and all before it."),
        ],
        exits: &[(5, "the manifest cannot be used"), (10, "there is no such task")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (file, words) = manifest_and_targets(self.file.as_deref(), &self.words)?;
        let manifest = load(&file, None, &LoadOptions::default())?;
        manifest.warnings.iter().for_each(|warning| session.ui.warn(warning));
        let graph = Graph::new(&manifest.tasks)?;
        let chosen = match words.as_slice() {
            [] => manifest.numbers().collect(),
            words => select(&manifest.tasks, &graph, words)?,
        };
        let shown = graph.closure(&chosen);
        let mut out = session.ui.writer();
        match self.format {
            Format::Text if !session.ui.is_json() => text(&manifest, &graph, &shown, &mut out)?,
            Format::Text | Format::Json => lines(&manifest, &graph, &shown, &mut out)?,
            Format::Dot => {
                drawn(&manifest, &graph, &shown, &mut out, ["digraph tasks {\n  rankdir = LR;\n", "}\n", "", "->"])?
            }
            Format::Mermaid => drawn(&manifest, &graph, &shown, &mut out, ["flowchart LR\n", "", "t", "-->"])?,
        }
        out.flush()?;
        Ok(Exit::DONE)
    }
}

fn text(manifest: &Manifest, graph: &Graph, shown: &TaskSet, out: &mut dyn Write) -> std::io::Result<()> {
    let levels = graph.levels();
    for task in graph.order().iter().filter(|task| shown.contains(**task)) {
        let indent = (levels[task.index()] as usize).min(INDENT_LEVELS_MAX) * 2;
        writeln!(out, "{:indent$}[ ] {}", "", manifest.task(*task).name)?;
    }
    Ok(())
}

fn lines(manifest: &Manifest, graph: &Graph, shown: &TaskSet, out: &mut dyn Write) -> std::io::Result<()> {
    let levels = graph.levels();
    let names = |tasks: &[TaskNo]| tasks.iter().map(|task| manifest.task(*task).name.clone()).collect::<Vec<_>>();
    for number in graph.order().iter().filter(|task| shown.contains(**task)) {
        let task = manifest.task(*number);
        let line = json!({
            "type": "task", "name": task.name, "level": levels[number.index()],
            "deps": names(&task.deps), "makers": names(&task.makers), "after": names(&task.after),
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// `[head, tail, what a node's name begins with (empty: its quoted name), arrow]`.
fn drawn(
    manifest: &Manifest,
    graph: &Graph,
    shown: &TaskSet,
    out: &mut dyn Write,
    [head, tail, prefix, arrow]: [&str; 4],
) -> std::io::Result<()> {
    // Names have no character that either language would take for its own within quotes.
    let node = |task: TaskNo| match prefix {
        "" => format!("\"{}\"", manifest.task(task).name),
        prefix => format!("{prefix}{}", task.0),
    };
    write!(out, "{head}")?;
    for task in shown.iter() {
        let label = if prefix.is_empty() { String::new() } else { format!("[\"{}\"]", manifest.task(task).name) };
        let end = if prefix.is_empty() { ";" } else { "" };
        writeln!(out, "  {}{label}{end}", node(task))?;
        for before in graph.dependencies(task) {
            writeln!(out, "  {} {arrow} {}{end}", node(*before), node(task))?;
        }
    }
    write!(out, "{tail}")
}
