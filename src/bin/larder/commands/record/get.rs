//! `larder record get`: what an action finds.

use super::super::{Exit, run_view};
use crate::session::Session;
use larder::error::{Code, Error};
use larder::id::Id;
use larder::record::{Record, Status};
use larder::repo::Repo;
use larder::run::inputs::still_holds;
use larder::runs::Runs;
use std::path::{Path, PathBuf};

/// Print the run that makes an action a hit: name, tab, id a line; of several the newest
#[derive(clap::Args)]
pub struct Get {
    /// Print only this: record, action, result, inputs, stdout, stderr, interleave; `-` if there is none
    #[arg(long, value_name = "NAME")]
    field: Option<String>,

    /// Print the bytes of the record as they are stored
    #[arg(long, conflicts_with = "field")]
    raw: bool,

    /// The project's root, where what a run of the action read beyond its inputs must be as it was
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    root: PathBuf,

    /// An action, by its whole id, or a run
    #[arg(value_name = "ACTION|RUN")]
    name: String,
}

impl Get {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let runs = run_view::load(session, &repo)?;
        let Some(id) = find(&repo, &runs, &self.name, &self.root)? else { return Ok(Exit::NEGATIVE) };
        let record = Record::load(&repo, &id)?;
        if self.raw {
            session.ui.bytes(&repo.read(&id)?)?;
            return Ok(Exit::DONE);
        }
        let fields = run_view::ids_of(&id, &record);
        if let Some(wanted) = &self.field {
            let Some((_, value)) = fields.iter().find(|(name, _)| name == wanted) else {
                let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                let error = Error::new(Code::InvalidArg, format!("a record has no `{wanted}`"));
                return Err(error.with_hint(format!("it has {}", names.join(", "))).into());
            };
            session.ui.line(&value.map_or("-".to_string(), |id| id.to_hex()))?;
            return Ok(Exit::DONE);
        }
        if session.ui.is_json() {
            let run = runs.get(&id).copied();
            session.ui.json(&run_view::json_of(&id, run.as_ref(), &record))?;
            return Ok(Exit::DONE);
        }
        for (name, value) in fields {
            session.ui.line(&format!("{name}\t{}", value.map_or("-".to_string(), |id| id.to_hex())))?;
        }
        Ok(Exit::DONE)
    }
}

/// The newest success of an action, or the run of this name; none for an action that has no such run.
fn find(repo: &Repo, runs: &Runs, name: &str, root: &Path) -> anyhow::Result<Option<Id>> {
    let Ok(id) = name.parse::<Id>() else { return Ok(Some(runs.resolve(name)?.record)) };
    if runs.get(&id).is_some() {
        return Ok(Some(id));
    }
    for run in runs.candidates(&id).iter().filter(|run| run.status == Status::Success) {
        // A batch may claim anything of an action; the record says whose it is.
        let Some(record) = Record::load(repo, &run.record).ok().filter(|record| record.action == id) else { continue };
        if still_holds(root, &record.observed)? {
            return Ok(Some(run.record));
        }
    }
    Ok(None)
}
