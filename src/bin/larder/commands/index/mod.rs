//! `larder index`: the derived index, looked at and made anew.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::error::{Code, Error};
use serde_json::json;

/// Arguments of `larder index`.
#[derive(clap::Args)]
pub struct Index {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Check the index file, and that it knows every segment
    Check,
    /// Make the index anew from the repository's files
    Rebuild,
    /// Print counts and sizes
    Stats,
}

impl Subcommand for Index {
    const NAME: &'static str = "index";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ASKS: bool = true;
    const ABOUT: &'static str = "Check, rebuild or measure the index";
    const MANUAL: Manual = Manual {
        description: "index.sqlite says what is where. It is derived: it can be deleted at any moment, and the next \
            command makes it anew. check compares it with the segments and prints `ok`. stats prints a name, a tab and a number a line: segments, packs, \
            pack_bytes, entries, entry_bytes.",
        examples: &[
            ("larder index check", "Prints ok."),
            ("larder index rebuild", "Makes the index anew."),
            ("larder index stats", "Prints how many entries there are."),
        ],
        exits: &[(4, "With check: the index is damaged. Rebuild it.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let ui = &session.ui;
        match self.action {
            Action::Check => {
                let answer = match repo.check_index()? {
                    answer if answer == "ok" && !repo.index_agrees()? => {
                        "it says other things than the segments".into()
                    }
                    answer => answer,
                };
                if answer != "ok" {
                    let error = Error::new(Code::CacheError, format!("the index is damaged: {answer}"));
                    return Err(error.with_hint("`larder index rebuild` makes it anew").into());
                }
                if ui.is_json() { ui.json(&json!({"type": "index", "ok": true}))? } else { ui.line("ok")? }
            }
            Action::Rebuild => {
                repo.rebuild_index()?;
                repo.adopt_orphans(&session.writer_options()?)?;
                if ui.is_json() {
                    ui.json(&json!({"type": "index", "rebuilt": true}))?;
                }
            }
            Action::Stats => {
                let stats = repo.index_stats()?;
                let numbers = [
                    ("segments", stats.segments),
                    ("packs", stats.packs),
                    ("pack_bytes", stats.pack_bytes),
                    ("entries", stats.entries),
                    ("entry_bytes", stats.entry_bytes),
                ];
                if ui.is_json() {
                    let mut value = json!({"type": "index"});
                    numbers.iter().for_each(|(name, number)| value[*name] = (*number).into());
                    return ui.json(&value).map(|()| Exit::DONE);
                }
                for (name, number) in numbers {
                    ui.line(&format!("{name}\t{number}"))?;
                }
            }
        }
        Ok(Exit::DONE)
    }
}
