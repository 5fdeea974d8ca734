//! `larder tag`: names on snapshots, by a signed record; the snapshot's id stays.

use super::view::{self, FilterArgs};
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::counted;
use larder::cbor::Fields;
use larder::error::{Code, Error};
use larder::repo::records::{TAG, Tag};
use larder::snapshot::{Snapshot, check_tag};
use serde_json::json;
use std::ffi::OsString;

/// Arguments of `larder tag`.
#[derive(clap::Args)]
pub struct TagArgs {
    /// The snapshots; none: those that the options choose
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<OsString>,

    #[command(flatten)]
    filter: FilterArgs,

    /// Add these tags
    #[arg(long, value_name = "TAG[,TAG...]", value_delimiter = ',')]
    add: Vec<String>,

    /// Remove these tags
    #[arg(long, value_name = "TAG[,TAG...]", value_delimiter = ',')]
    remove: Vec<String>,

    /// Replace all tags by these
    #[arg(long, value_name = "TAG[,TAG...]", value_delimiter = ',', conflicts_with_all = ["add", "remove"])]
    set: Option<Vec<String>>,
}

impl Subcommand for TagArgs {
    const NAME: &'static str = "tag";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Append;
    const ABOUT: &'static str = "Add or remove tags of snapshots";
    const MANUAL: Manual = Manual {
        description: "A tag names a snapshot wherever an id does. Tags are signed records of their own: the snapshot \
            itself is never changed, and keeps its id.",
        examples: &[
            ("larder tag latest --add release", "Tags the newest snapshot."),
            ("larder tag --host web1 --remove old", "Takes a tag from all snapshots of a machine."),
        ],
        exits: &[(10, "There is no such snapshot.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        if self.add.is_empty() && self.remove.is_empty() && self.set.is_none() {
            let error = Error::new(Code::InvalidArg, "nothing to add, remove or set");
            return Err(error.with_hint("larder tag latest --add NAME").into());
        }
        self.add.iter().chain(self.set.iter().flatten()).try_for_each(|tag| check_tag(tag))?;
        let repo = session.repo()?;
        let snapshots = view::load(session, &repo)?;
        let filter = self.filter.filter();
        let chosen: Vec<&Snapshot> = match self.snapshots.as_slice() {
            [] => snapshots.select(&filter).collect(),
            names => names.iter().map(|name| Ok(view::whole(&snapshots, name)?)).collect::<anyhow::Result<_>>()?,
        };
        let changes: Vec<Tag> = chosen.iter().filter_map(|snapshot| self.change(snapshot)).collect();
        if !changes.is_empty() {
            let writer = session.writer(&repo)?;
            for change in &changes {
                writer.publish(TAG, &change.encode())?;
            }
            writer.finish()?;
            view::remember_names(&repo);
        }
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "summary", "changed": changes.len()}))?;
        } else {
            session
                .ui
                .status(&format!("changed the tags of {}", counted(changes.len() as u64, "snapshot", "snapshots")));
        }
        Ok(Exit::DONE)
    }
}

impl TagArgs {
    /// What has to be said of a snapshot; nothing if it has these tags already.
    fn change(&self, snapshot: &Snapshot) -> Option<Tag> {
        let (add, remove): (Vec<String>, Vec<String>) = match &self.set {
            Some(tags) => (tags.clone(), snapshot.tags.iter().filter(|tag| !tags.contains(tag)).cloned().collect()),
            None => (self.add.clone(), self.remove.clone()),
        };
        let added: Vec<String> = add.into_iter().filter(|tag| !snapshot.tags.contains(tag)).collect();
        let removed: Vec<String> = remove.into_iter().filter(|tag| snapshot.tags.contains(tag)).collect();
        let is_change = !added.is_empty() || !removed.is_empty();
        is_change.then(|| Tag { snapshot: snapshot.id, added, removed, extra: Fields::new() })
    }
}
