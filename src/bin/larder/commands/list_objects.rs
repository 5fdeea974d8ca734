//! `larder list-objects`: the ids of all objects.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::context::reach_options;
use larder::object::Kind;
use larder::objects::{Listed, list_missing, list_objects, list_unreferenced};
use serde_json::json;

/// Arguments of `larder list-objects`.
#[derive(clap::Args)]
pub struct ListObjects {
    /// Only objects of this kind: blob, tree, action, run, manifest or links
    #[arg(long, value_name = "KIND", value_parser = Kind::parse)]
    kind: Option<Kind>,

    /// Only objects that nothing keeps: no snapshot, no record of a run, no pin
    #[arg(long)]
    unreferenced: bool,

    /// What is referred to and not here, one class and id a line: whole, chunk or node
    #[arg(long, conflicts_with_all = ["unreferenced", "kind"])]
    missing: bool,
}

impl Subcommand for ListObjects {
    const NAME: &'static str = "list-objects";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "List the ids of objects";
    const MANUAL: Manual = Manual {
        description: "One id a line, each once, in no promised order. The empty object, which is stored nowhere, is not \
            listed.",
        examples: &[
            ("larder list-objects | wc -l", "Counts the objects."),
            ("larder list-objects --kind tree | larder cat-object --batch-check", "Prints the size of every tree."),
            ("larder list-objects --unreferenced | wc -l", "Counts what gc could free."),
        ],
        exits: &[(1, "With --missing: something is missing.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let (ui, options) = (&session.ui, reach_options(&repo));
        let mut closed = Ok(());
        let mut print = |listed: &Listed| {
            if closed.is_ok() && self.kind.is_none_or(|kind| kind == listed.kind) {
                let (id, kind) = (listed.id.to_hex(), listed.kind.name());
                closed = match ui.is_json() {
                    true => ui.json(&json!({"type": "object", "id": id, "kind": kind, "bytes": listed.len})),
                    false => ui.line(&id),
                };
            }
            closed.is_ok()
        };
        let mut is_any_missing = false;
        if self.missing {
            list_missing(&repo, &options, &ui.progress("looking"), &mut |key| {
                is_any_missing = true;
                let (class, id) = (key.class.name(), key.id.to_hex());
                closed = match ui.is_json() {
                    true => ui.json(&json!({"type": "missing", "class": class, "id": id})),
                    false => ui.line(&format!("{class} {id}")),
                };
                Ok(())
            })?;
        } else if self.unreferenced {
            list_unreferenced(&repo, &options, &ui.progress("looking"), &mut |listed| {
                print(listed);
                Ok(())
            })?;
        } else {
            list_objects(&repo, &mut |listed| Ok(print(listed)))?;
        }
        closed?;
        Ok(if is_any_missing { Exit::NEGATIVE } else { Exit::DONE })
    }
}
