//! `larder show`: one thing, with everything that is known of it.

use super::{Exit, Layer, Manual, Need, Subcommand, ls, view};
use crate::session::Session;
use larder::context::{Named, Names};
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `larder show`.
#[derive(clap::Args)]
pub struct Show {
    /// A snapshot, SNAPSHOT:PATH, or the id of an object
    #[arg(value_name = "SNAPSHOT[:PATH]", default_value = "latest")]
    names: Vec<OsString>,
}

impl Subcommand for Show {
    const NAME: &'static str = "show";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Show a snapshot, a path in it, or an object";
    const MANUAL: Manual = Manual {
        description: "Of a snapshot, what log shows. Of a path, its metadata; of a directory also what is in it. Of an \
            object, its kind and size. dump prints the content of a file.",
        examples: &[
            ("larder show latest", "Shows the newest snapshot."),
            ("larder show latest:/etc", "Shows a directory in it."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let names = Names::new(&repo);
        for name in &self.names {
            match names.find(name.as_bytes())? {
                Named::Snapshot(snapshot) if session.ui.is_json() => session.ui.json(&view::json_of(&snapshot))?,
                Named::Snapshot(snapshot) => session.ui.text(&view::describe(session, &snapshot))?,
                Named::Entry { path, entry, .. } => {
                    let listing = ls::Listing { session, repo: &repo, is_long: true, is_recursive: false };
                    listing.entry(&path, &entry)?;
                    listing.below(&path, &entry)?;
                }
                Named::Object(id) => {
                    let info = repo.find(&id)?;
                    let kind = info.map(|info| info.kind.name()).unwrap_or_default();
                    let len = info.map(|info| info.len).unwrap_or_default();
                    if session.ui.is_json() {
                        session.ui.json(&json!({"type": "object", "id": id.to_hex(), "kind": kind, "bytes": len}))?;
                    } else {
                        session.ui.line(&format!("{kind} {id} of {len} bytes"))?;
                    }
                }
            }
        }
        Ok(Exit::DONE)
    }
}
