//! `larder record list`: what there is.

use super::super::{Exit, run_view};
use crate::session::Session;
use crate::ui::utc_time;
use larder::clock::Time;
use larder::id::Id;
use larder::runs::Run;
use serde_json::json;

/// List the runs, the newest first: record, action, status, time, marks, with spaces between them
#[derive(clap::Args)]
pub struct List {
    /// Only runs of this action
    #[arg(long, value_name = "ID")]
    action: Option<Id>,

    /// Only runs that ended so: success, failed, timeout, cancelled, unstored
    #[arg(long, value_name = "STATUS", value_parser = run_view::parse_status)]
    status: Option<larder::record::Status>,
}

impl List {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let runs = run_view::load(session, &repo)?;
        let is_meant = |run: &&Run| {
            self.action.is_none_or(|action| run.action == action) && self.status.is_none_or(|one| run.status == one)
        };
        for run in runs.newest_first().into_iter().filter(is_meant) {
            let time = utc_time(Time::from_seconds(run.time_seconds));
            if session.ui.is_json() {
                session.ui.json(&json!({"type": "run", "id": run.record.to_hex(), "action": run.action.to_hex(),
                    "status": run.status.name(), "time": time, "pinned": run.is_pinned, "trusted": run.is_trusted,
                    "device": run.device.to_hex()}))?;
            } else {
                let marks = run_view::marks_of(run);
                let marks = if marks.is_empty() { "-" } else { &marks };
                session.ui.line(&format!("{} {} {} {time} {marks}", run.record, run.action, run.status.name()))?;
            }
        }
        Ok(Exit::DONE)
    }
}
