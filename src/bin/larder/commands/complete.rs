//! `larder complete`: names for the completions of shells.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;

/// Arguments of `larder complete`.
#[derive(clap::Args)]
pub struct Complete {
    /// snapshots, tags or hosts
    #[arg(value_name = "KIND")]
    kind: String,
}

impl Subcommand for Complete {
    const NAME: &'static str = "complete";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Config;
    const HIDDEN: bool = true;
    const ABOUT: &'static str = "Print names that a shell can complete";
    const MANUAL: Manual = Manual::EMPTY;

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
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
