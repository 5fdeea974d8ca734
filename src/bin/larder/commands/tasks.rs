//! `larder tasks`: what can be run.

use super::project_args::{open_project, project_and_targets, tasks_named};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::run::project::Project;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `larder tasks`.
#[derive(clap::Args)]
pub struct Tasks {
    /// The manifest; else the larder.toml here or above
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: Option<PathBuf>,

    /// Tasks to list: names, globs, TASK^deps, TASK^dependents
    #[arg(value_name = "TASK")]
    words: Vec<String>,
}

impl Subcommand for Tasks {
    const NAME: &'static str = "tasks";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "List the tasks of a manifest";
    const MANUAL: Manual = Manual {
        description: "Names and descriptions in the order of the manifest. A first word that names a file ending in \
            .toml or .txt, or a path, is the manifest.",
        examples: &[
            ("larder tasks", "Lists the tasks of the project."),
            ("larder tasks 'lib:*'", "Lists the tasks of an included directory."),
            ("larder tasks test^deps", "Lists all that `test` depends on."),
        ],
        exits: &[(5, "the manifest cannot be used"), (10, "there is no such task")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (options, words) = project_and_targets(self.file.as_deref(), &self.words)?;
        list(session, &open_project(&options, &|text| session.ui.warn(text))?, &words)
    }
}

/// Lists the tasks that these words name; without words all.
pub fn list(session: &Session, project: &Project, words: &[String]) -> anyhow::Result<Exit> {
    let (manifest, chosen) = (project.manifest()?, tasks_named(project, words)?);
    let wide = chosen.iter().map(|task| manifest.task(*task).name.chars().count()).max().unwrap_or(0).min(40);
    for task in chosen {
        let task = manifest.task(task);
        if session.ui.is_json() {
            let deps: Vec<&str> = task.deps.iter().map(|dep| manifest.task(*dep).name.as_str()).collect();
            session.ui.json(&json!({
                "type": "task", "name": task.name, "description": task.description,
                "group": task.is_group(), "deps": deps,
            }))?;
            continue;
        }
        match &task.description {
            Some(text) => {
                let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                session.ui.line(&format!("{:<wide$}  {text}", task.name))?;
            }
            None => session.ui.line(&task.name)?,
        }
    }
    Ok(Exit::DONE)
}
