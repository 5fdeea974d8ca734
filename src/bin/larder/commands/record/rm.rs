//! `larder record rm`: runs that shall be forgotten.

use super::super::{Exit, run_view};
use crate::session::Session;
use larder::clock;
use larder::context::reach_options;
use larder::error::{Code, Error};
use larder::id::Id;
use larder::keep::remove;
use serde_json::json;
use std::collections::HashSet;

/// Remove runs: their actions do not find them any more, and gc frees what only they kept
#[derive(clap::Args)]
pub struct Rm {
    /// Also pinned ones
    #[arg(short = 'f', long)]
    force: bool,

    /// All runs of this action; may be given several times
    #[arg(long, value_name = "ID")]
    action: Vec<Id>,

    /// The runs
    #[arg(value_name = "RUN", required_unless_present = "action")]
    runs: Vec<String>,
}

impl Rm {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let runs = run_view::load(session, &repo)?;
        let mut gone = Vec::new();
        for name in &self.runs {
            gone.push(runs.resolve(name)?);
        }
        gone.extend(runs.all().iter().filter(|run| self.action.contains(&run.action)));
        if let Some(pinned) = gone.iter().find(|run| run.is_pinned && !self.force) {
            let error = Error::new(Code::PermissionDenied, format!("the run {} is pinned", pinned.record));
            return Err(error.with_hint("`larder record unpin` first, or --force").into());
        }
        let gone: HashSet<Id> = gone.into_iter().map(|run| run.record).collect();
        let removed = if gone.is_empty() {
            0
        } else {
            let progress = session.ui.progress("removing");
            let options = session.writer_options()?;
            remove(&repo, &gone, clock::now(), &reach_options(&repo), &options, &progress)?.removed
        };
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "summary", "removed": removed}))?;
        } else {
            session.ui.status(&format!("removed {removed} runs; gc frees what only they kept"));
        }
        Ok(Exit::DONE)
    }
}
