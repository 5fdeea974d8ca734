//! `larder log`: the history, newest first.

use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::context::Names;
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

    /// The snapshots; otherwise all that the filter means
    #[arg(value_name = "SNAPSHOT")]
    names: Vec<OsString>,
}

impl Subcommand for Log {
    const NAME: &'static str = "log";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Show the history of snapshots, newest first";
    const MANUAL: Manual = Manual {
        description: "Everything that is known of each snapshot: its sources, its statistics, the git commit that a work \
            tree stood at, its parent.",
        examples: &[("larder log -n 3", "Shows the last three."), ("larder log --oneline", "Shows one line for each.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
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
        Ok(Exit::DONE)
    }
}
