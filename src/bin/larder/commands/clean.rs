//! `larder clean`: the outputs of tasks removed.

use super::project_args::{open_project, project_and_targets, tasks_named};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::{escaped, json_path};
use larder::config;
use larder::run::lockfile::TOKEN_VARIABLE;
use larder::run::{CleanOptions, clean};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `larder clean`.
#[derive(clap::Args)]
pub struct Clean {
    /// The manifest; else the first word if it names one, else the larder.toml here or above
    #[arg(short = 'f', long = "file", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,

    /// List what would be removed, and remove nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Tasks: names, globs, TASK^deps, TASK^dependents; otherwise all of the manifest
    #[arg(value_name = "TASK")]
    words: Vec<String>,
}

impl Subcommand for Clean {
    const NAME: &'static str = "clean";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Remove the outputs of tasks";
    const MANUAL: Manual = Manual {
        description: "Removes the declared outputs that larder made, and directories that are empty then. What stands at \
            the place of an output and larder did not make, or somebody changed since, stays and is named. What is stored \
            stays too: the next `larder run` puts it back instead of making it again. With -v each file is named.",
        examples: &[
            ("larder clean", "Removes what the tasks of the project made."),
            ("larder clean --dry-run 'test*'", "Lists what would be removed of some tasks."),
        ],
        exits: &[(5, "The manifest cannot be used."), (10, "There is no such task.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (options, words) = project_and_targets(self.file.as_deref(), &self.words)?;
        let project = open_project(&options, &|text| session.ui.warn(text))?;
        let tasks = tasks_named(&project, &words)?;
        let token = config::variable(TOKEN_VARIABLE).and_then(|token| token.into_string().ok());
        let how = CleanOptions { state_dir: &options.state_dir, run_token: token.as_deref(), dry_run: self.dry_run };
        let monitor = session.ui.progress("cleaning");
        let cleaned = clean(&project, &tasks, &how, &monitor);
        drop(monitor);
        let cleaned = cleaned?;
        let (ui, is_named) = (&session.ui, self.dry_run || session.ui.verbosity() > 0);
        if ui.is_json() {
            for (paths, change) in [(&cleaned.removed, "removed"), (&cleaned.foreign, "kept")] {
                for path in paths {
                    let mut value = json_path("path", path);
                    (value["type"], value["change"]) = ("item".into(), change.into());
                    ui.json(&value)?;
                }
            }
            ui.json(&json!({"type": "summary", "removed": cleaned.removed.len(), "kept": cleaned.foreign.len(),
                "dry_run": self.dry_run}))?;
            return Ok(Exit::DONE);
        }
        if is_named {
            cleaned.removed.iter().try_for_each(|path| ui.line(&escaped(path)))?;
        }
        if let Some(first) = cleaned.foreign.first() {
            let more = match cleaned.foreign.len() {
                1 => String::new(),
                many => format!(" and {} more", many - 1),
            };
            ui.warn(&format!("{}{more}: larder did not make it as it is now; it stays", escaped(first)));
        }
        if !self.dry_run {
            ui.status(&format!("removed {} files", cleaned.removed.len()));
        }
        Ok(Exit::DONE)
    }
}
