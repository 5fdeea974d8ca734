//! `larder show`: one thing, with everything that is known of it.

use super::{Exit, Layer, Manual, Need, Subcommand, ls, run_view, view};
use crate::session::Session;
use base64ct::{Base64, Encoding};
use larder::context::{Named, Names};
use larder::error::{Class, Error};
use larder::record::Record;
use larder::repo::Repo;
use larder::run::logs::{LogIds, Screen, replay};
use larder::runs::Run;
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `larder show`.
#[derive(clap::Args)]
pub struct Show {
    /// A snapshot, SNAPSHOT:PATH, a run, or the id of an object
    #[arg(value_name = "SNAPSHOT|RUN", default_value = "latest")]
    names: Vec<OsString>,
}

impl Subcommand for Show {
    const NAME: &'static str = "show";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Show a snapshot, a path in it, a run, or an object";
    const MANUAL: Manual = Manual {
        description: "Of a snapshot, what log shows, and who signed it; with --json also the signature. Of a path, its \
            metadata; of a directory also what is in it. Of an object, its kind and size. dump prints the content of a \
            file.\n\n\
            Of a run, what is known of it, its outputs, and what it printed. A run is named by `run:` and the beginning \
            of its id, or by that alone when no snapshot has it; the newest is `run:latest`.",
        examples: &[
            ("larder show latest", "Shows the newest snapshot."),
            ("larder show latest:/etc", "Shows a directory in it."),
            ("larder show run:latest", "Shows the newest run with its outputs and its log."),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let names = Names::new(&repo);
        for name in &self.names {
            if let Some(run) = self::run(session, &repo, &names, name.as_bytes())? {
                show_run(session, &repo, &run)?;
                continue;
            }
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

/// The run that a text names, unless a snapshot has that name.
fn run(session: &Session, repo: &Repo, names: &Names<'_>, name: &[u8]) -> anyhow::Result<Option<Run>> {
    let Ok(text) = std::str::from_utf8(name) else { return Ok(None) };
    if text.starts_with(run_view::PREFIX) {
        return Ok(Some(*run_view::load(session, repo)?.resolve(text)?));
    }
    let is_object = match names.find(name) {
        Ok(Named::Object(_)) => true,
        Err(error) if error.class() == Class::NotFound && !text.contains(':') => false,
        _ => return Ok(None),
    };
    // What is neither is told as not being a snapshot.
    let runs = run_view::load(session, repo)?;
    Ok(runs.resolve(text).ok().filter(|run| !is_object || run.record.to_hex() == text).copied())
}

fn show_run(session: &Session, repo: &Repo, run: &Run) -> anyhow::Result<()> {
    let record = Record::load(repo, &run.record)?;
    if session.ui.is_json() {
        let mut value = run_view::json_of(&run.record, Some(run), &record);
        value["outputs"] = super::record::outputs(repo, &record)?.into();
        return session.ui.json(&value);
    }
    session.ui.text(&run_view::describe(session, run, &record))?;
    if let Some(tree) = record.result {
        session.ui.text("\n")?;
        let listing = ls::Listing { session, repo, is_long: true, is_recursive: true };
        listing.tree(&tree)?;
    }
    let ids = LogIds { stdout: record.stdout, stderr: record.stderr, interleave: record.interleave };
    if ids != LogIds::default() {
        session.ui.text("\n")?;
    }
    let mut screen = Screen::new(session.ui.is_terminal(), true);
    let mut closed = Ok(());
    let replayed = replay(repo, &ids, &mut |_, bytes| {
        closed = session.ui.bytes(&screen.pass(bytes));
        if closed.is_ok() { Ok(()) } else { Err(Error::new(larder::error::Code::FileIo, "the output is closed")) }
    });
    closed?;
    replayed?;
    session.ui.bytes(screen.reset())
}
