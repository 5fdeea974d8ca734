//! `larder complete`: names for the completions of shells.

use super::manifest_args::manifest_and_targets;
use super::project_args::project_options;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::error::Result;
use larder::run::project::Project;
use std::path::Path;

/// Arguments of `larder complete`.
#[derive(clap::Args)]
pub struct Complete {
    /// snapshots, tags, hosts or tasks
    #[arg(value_name = "KIND")]
    kind: String,

    /// What stands on the command line so far: it may name a manifest
    #[arg(last = true, value_name = "WORD")]
    words: Vec<String>,
}

impl Subcommand for Complete {
    const NAME: &'static str = "complete";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Config;
    const HIDDEN: bool = true;
    const ABOUT: &'static str = "Print names that a shell can complete";
    const MANUAL: Manual = Manual::EMPTY;

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        if self.kind == "tasks" {
            let Ok(names) = tasks(&self.words) else { return Ok(Exit::NEGATIVE) };
            names.iter().try_for_each(|name| session.ui.line(name))?;
            return Ok(Exit::DONE);
        }
        // Where there is no repository there is nothing to complete, and nobody who wants to hear why.
        let Ok(place) = session.place() else { return Ok(Exit::NEGATIVE) };
        if self.kind == "snapshots" {
            session.ui.line("latest\tthe newest snapshot")?;
        }
        for (name, what) in place.known_names(&self.kind) {
            session.ui.line(&format!("{name}\t{what}"))?;
        }
        Ok(Exit::DONE)
    }
}

/// The tasks of the manifest that a command line means, and what each is.
fn tasks(words: &[String]) -> Result<Vec<String>> {
    let is_option = |word: &String| word == "-f" || word == "--file";
    let named = words.iter().skip_while(|word| !is_option(word)).nth(1).map(Path::new);
    let (manifest, _) = match named {
        Some(file) => manifest_and_targets(Some(file), &[])?,
        None => {
            let is_manifest = |word: &&String| word.ends_with(".toml") || word.ends_with(".txt");
            manifest_and_targets(None, words.iter().find(is_manifest).map_or(&[], std::slice::from_ref))?
        }
    };
    let project = Project::open(&project_options(&manifest, &[])?)?;
    let plain = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let tasks = project.manifest()?.tasks.iter();
    Ok(tasks.map(|task| format!("{}\t{}", task.name, plain(task.description.as_deref().unwrap_or_default()))).collect())
}
