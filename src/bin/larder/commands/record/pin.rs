//! `larder record pin` and `unpin`: runs that are kept whatever the policies say.

use super::super::{Exit, run_view};
use crate::session::Session;
use larder::clock;
use larder::context::reach_options;
use larder::id::Id;
use larder::keep::pin;
use serde_json::json;

/// Keep runs until they are unpinned
#[derive(clap::Args)]
pub struct Pin {
    /// The runs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
}

/// Keep runs only as long as others
#[derive(clap::Args)]
pub struct Unpin {
    /// The runs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
}

impl Pin {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        set(session, &self.runs, true)
    }
}

impl Unpin {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        set(session, &self.runs, false)
    }
}

fn set(session: &Session, names: &[String], is_pinned: bool) -> anyhow::Result<Exit> {
    let repo = session.repo()?;
    let runs = run_view::load(session, &repo)?;
    let chosen: Vec<Id> = names.iter().map(|name| Ok(runs.resolve(name)?.record)).collect::<anyhow::Result<_>>()?;
    let mut changed = 0;
    for record in &chosen {
        let progress = session.ui.progress("checking");
        let options = session.writer_options()?;
        let is_changed = pin(&repo, record, is_pinned, clock::now(), &reach_options(&repo), &options, &progress)?;
        changed += u64::from(is_changed);
    }
    if session.ui.is_json() {
        session.ui.json(&json!({"type": "summary", "changed": changed}))?;
    } else {
        session.ui.status(&format!("{} {changed} runs", if is_pinned { "pinned" } else { "unpinned" }));
    }
    Ok(Exit::DONE)
}
