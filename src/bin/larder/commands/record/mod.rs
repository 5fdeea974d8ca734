//! `larder record`: run records one by one.

mod get;
mod list;
mod pin;
mod put;
mod rm;
mod show;

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;

pub use show::outputs;

/// Arguments of `larder record`.
#[derive(clap::Args)]
pub struct RecordArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Get(get::Get),
    Put(Box<put::Put>),
    List(list::List),
    Show(show::Show),
    Rm(rm::Rm),
    Pin(pin::Pin),
    Unpin(pin::Unpin),
}

impl Subcommand for RecordArgs {
    const NAME: &'static str = "record";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Look up, add, list and remove the records of runs";
    const MANUAL: Manual = Manual {
        description: "A run is named by the id of its record, by at least four digits that this begins with, both perhaps \
            after `run:`, or by `latest`.\n\n\
            What a record names is kept as long as the record: its action, the tree of its outputs, its logs. Records \
            are kept for some time, see --keep-runs of gc; pinned ones until they are unpinned. Records that a device \
            signed which is not trusted are listed, and never found by an action.",
        examples: &[
            ("larder record list", "Lists all runs, the newest first."),
            ("larder record get \"$action\"", "Prints the run that makes an action a hit: exit 1 if there is none."),
            ("larder record show latest --json", "Prints all of a record, with its outputs."),
            ("larder record pin 4fd0a1b2", "Keeps a run, whatever --keep-runs says."),
        ],
        exits: &[(1, "With get: the action has no run that makes it a hit."), (10, "There is no such run.")],
        ..Manual::EMPTY
    };

    fn need(&self) -> Need {
        match self.action {
            Action::Get(_) | Action::List(_) | Action::Show(_) => Need::Shared,
            Action::Put(_) | Action::Rm(_) | Action::Pin(_) | Action::Unpin(_) => Need::Append,
        }
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        match self.action {
            Action::Get(get) => get.run(session),
            Action::Put(put) => put.run(session),
            Action::List(list) => list.run(session),
            Action::Show(show) => show.run(session),
            Action::Rm(rm) => rm.run(session),
            Action::Pin(pin) => pin.run(session),
            Action::Unpin(unpin) => unpin.run(session),
        }
    }
}
