//! `larder log`: the history, newest first.

use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand, run_view};
use crate::session::Session;
use larder::context::Names;
use larder::record::{Record, Status};
use larder::repo::Repo;
use larder::runs::Run;
use std::ffi::OsString;

/// Arguments of `larder log`.
#[derive(clap::Args)]
pub struct Log {
    #[command(flatten)]
    filter: FilterArgs,

    /// Only the newest so many
    #[arg(short = 'n', long, value_name = "COUNT")]
    last: Option<usize>,

    /// One line for each
    #[arg(long)]
    oneline: bool,

    /// Runs instead of snapshots
    #[arg(long, conflicts_with_all = ["host", "tag", "path"])]
    runs: bool,

    /// Only runs of this task; may be given several times
    #[arg(long, value_name = "NAME", requires = "runs")]
    task: Vec<String>,

    /// Only runs that ended so: success, failed, timeout, cancelled, unstored
    #[arg(long, value_name = "STATUS", requires = "runs", value_parser = run_view::parse_status)]
    status: Option<Status>,

    /// The snapshots, or with --runs the runs; otherwise all that the filter means
    #[arg(value_name = "NAME")]
    names: Vec<OsString>,
}

impl Subcommand for Log {
    const NAME: &'static str = "log";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Show the history of snapshots or runs, newest first";
    const MANUAL: Manual = Manual {
        description: "Everything that is known of each snapshot: its sources, its statistics, the git commit that a work \
            tree stood at, its parent.\n\n\
            With --runs, what tasks were run, how they ended, how long they took, what they left.",
        examples: &[
            ("larder log -n 3", "Shows the last three."),
            ("larder log --oneline", "Shows one line for each."),
            ("larder log --runs --task test --status failed", "Shows when a task failed."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        if self.runs {
            return self.log_runs(session, &repo);
        }
        let names = Names::new(&repo);
        let filter = self.filter.filter();
        let mut chosen = view::chosen(&names, &self.names, &filter)?;
        view::tell_damaged(session, names.snapshots()?);
        chosen.reverse();
        for (at, snapshot) in chosen.into_iter().take(self.last.unwrap_or(usize::MAX)).enumerate() {
            if session.ui.is_json() {
                session.ui.json(&view::json_of(snapshot))?;
            } else if self.oneline {
                let id = session.ui.paint().name(&snapshot.id.short());
                let time = crate::ui::local_time(snapshot.time);
                session.ui.line(&format!("{id} {time} {} {}", view::paths_of(snapshot), view::marks_of(snapshot)))?;
            } else {
                let space = if at > 0 { "\n" } else { "" };
                session.ui.text(&format!("{space}{}", view::describe(session, snapshot)))?;
            }
        }
        Ok(view::outcome(names.snapshots()?))
    }
}

impl Log {
    fn log_runs(self, session: &Session, repo: &Repo) -> anyhow::Result<Exit> {
        let runs = run_view::load(session, repo)?;
        let chosen: Vec<&Run> = match self.names.as_slice() {
            [] => runs.newest_first(),
            names => {
                names.iter().map(|name| Ok(runs.resolve(&name.to_string_lossy())?)).collect::<anyhow::Result<_>>()?
            }
        };
        let (mut left, mut exit, mut is_first) = (self.last.unwrap_or(usize::MAX), Exit::DONE, true);
        for run in chosen.into_iter().filter(|run| self.status.is_none_or(|status| run.status == status)) {
            if left == 0 {
                break;
            }
            let record = match Record::load(repo, &run.record) {
                Ok(record) => record,
                Err(error) => {
                    session.ui.item_failed(format!("run:{}", run.record).as_bytes(), &error);
                    exit = Exit::PARTIAL;
                    continue;
                }
            };
            if !self.task.is_empty() && !self.task.contains(&record.task) {
                continue;
            }
            left -= 1;
            if session.ui.is_json() {
                session.ui.json(&run_view::json_of(&run.record, Some(run), &record))?;
            } else if self.oneline {
                session.ui.line(&run_view::line_of(session, run, &record))?;
            } else {
                let space = if is_first { "" } else { "\n" };
                session.ui.text(&format!("{space}{}", run_view::describe(session, run, &record)))?;
            }
            is_first = false;
        }
        Ok(exit)
    }
}
