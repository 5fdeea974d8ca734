//! `larder show`: one thing, with everything that is known of it.

use super::{Exit, Layer, Manual, Need, Subcommand, ls, view};
use crate::session::Session;
use base64ct::{Base64, Encoding};
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
        description: "Of a snapshot, what log shows, and who signed it; with --json also the signature. Of a path, its metadata; of a directory also what is in it. Of an \
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
                Named::Snapshot(snapshot) => {
                    let signed = repo.signature(&snapshot.id)?;
                    let (signer, signature) =
                        (Base64::encode_string(&signed.public), Base64::encode_string(&signed.signature));
                    if session.ui.is_json() {
                        let mut value = view::json_of(&snapshot);
                        (value["signer"], value["signature"]) = (json!(signer), json!(signature));
                        session.ui.json(&value)?;
                    } else {
                        session.ui.text(&view::describe(session, &snapshot))?;
                        session.ui.line(&format!("Signer:  {signer} (device {})", snapshot.device))?;
                    }
                }
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
