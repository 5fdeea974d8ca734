//! `larder ls-remote`: what is at a remote.

use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand, run_view};
use crate::session::Session;
use crate::ui::{escaped, utc_time};
use larder::clock::Time;
use larder::context::Names;
use larder::repo::OpenOptions;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `larder ls-remote`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("kind").multiple(false))]
pub struct LsRemote {
    /// Only snapshots
    #[arg(long = "snapshots", group = "kind")]
    only_snapshots: bool,

    /// Only results of tasks
    #[arg(long = "runs", group = "kind", conflicts_with_all = ["host", "tag", "path"])]
    only_runs: bool,

    #[command(flatten)]
    filter: FilterArgs,

    /// The remote, an address or a directory; otherwise `origin`, or the only remote there is
    #[arg(value_name = "NAME")]
    name: Option<PathBuf>,
}

impl Subcommand for LsRemote {
    const NAME: &'static str = "ls-remote";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ASKS: bool = true;
    const ABOUT: &'static str = "List what is at a remote, and carry nothing over";
    const MANUAL: Manual = Manual {
        description: "A line for each snapshot, oldest first: `snapshot`, id, time, machine, tags with commas or `-`, and \
            the sources, with tabs between them. Then one for each run, newest first: `run`, the id of its record, time, \
            status, and its action. A filter leaves the runs out. No repository is needed here.",
        examples: &[
            ("larder ls-remote disk", "Lists what is on a disk."),
            ("larder ls-remote ssh://me@host/srv/backup", "The same by address."),
            ("larder ls-remote --snapshots --json disk | jq -r .id", "Prints the ids."),
        ],
        exits: &[(10, "There is no remote of this name.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (_, there) = session.remote(self.name.as_deref())?;
        let repo = there.open(OpenOptions::default(), &session.secrets(), session)?;
        let filter = self.filter.filter();
        let mut exit = Exit::DONE;
        if !self.only_runs {
            let names = Names::new(&repo);
            view::tell_damaged(session, names.snapshots()?);
            exit = view::outcome(names.snapshots()?);
            for snapshot in names.snapshots()?.select(&filter) {
                if session.ui.is_json() {
                    session.ui.json(&view::json_of(snapshot))?;
                    continue;
                }
                let tags = snapshot.tags.iter().cloned().collect::<Vec<_>>().join(",");
                let fields = [
                    "snapshot".to_string(),
                    snapshot.id.to_hex(),
                    utc_time(snapshot.time),
                    escaped(snapshot.body.host.as_bytes()),
                    if tags.is_empty() { "-".to_string() } else { escaped(tags.as_bytes()) },
                    view::paths_of(snapshot),
                ];
                session.ui.line(&fields.join("\t"))?;
            }
        }
        if self.only_snapshots || self.filter != FilterArgs::default() {
            return Ok(exit);
        }
        let runs = run_view::load(session, &repo)?;
        for run in runs.newest_first() {
            let time = utc_time(Time::from_seconds(run.time_seconds));
            if session.ui.is_json() {
                session.ui.json(&json!({"type": "run", "id": run.record.to_hex(), "action": run.action.to_hex(),
                    "status": run.status.name(), "time": time}))?;
            } else {
                session.ui.line(&format!("run\t{}\t{time}\t{}\t{}", run.record, run.status.name(), run.action))?;
            }
        }
        Ok(exit)
    }
}
