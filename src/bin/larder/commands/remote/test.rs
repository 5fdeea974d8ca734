//! `larder remote test`: whether it works.

use super::super::Exit;
use crate::session::Session;
use larder::backend::{Creation, probe};
use larder::error::Code;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Write a small file there, read it, list it, delete it; and say what is there. No key is needed
#[derive(clap::Args)]
pub struct Test {
    /// The remote, an address or a directory; otherwise `origin`, or the only remote there is
    #[arg(value_name = "NAME")]
    name: Option<PathBuf>,
}

impl Test {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let (here, there) = session.remote(self.name.as_deref())?;
        let repository = match there.format() {
            Ok(format) => Some(format.id),
            Err(error) if error.code() == Code::ConfigMissing => None,
            Err(error) => return Err(error.into()),
        };
        let found = match &here {
            Some(here) => here.probe(&there)?,
            None => probe(there.backend().as_ref())?,
        };
        let creation = found.creation.map_or("nothing may be written", Creation::about);
        let location = there.location().to_string();
        let lines = [
            ("address", Value::from(location)),
            ("repository", repository.map_or(Value::Null, |id| id.to_hex().into())),
            ("writable", found.creation.is_some().into()),
            ("deletable", found.can_delete.into()),
            ("creating", creation.into()),
            ("answer_ms", found.answer_ms.into()),
        ];
        if session.ui.is_json() {
            let mut value = json!({"type": "remote-test"});
            lines.into_iter().for_each(|(name, what)| value[name] = what);
            session.ui.json(&value)?;
            return Ok(Exit::DONE);
        }
        for (name, what) in lines {
            let what = match what {
                Value::Null => "none yet".to_string(),
                Value::Bool(is_so) => if is_so { "yes" } else { "no" }.to_string(),
                Value::String(text) => crate::ui::escaped(text.as_bytes()),
                other => other.to_string(),
            };
            session.ui.line(&format!("{name}\t{what}"))?;
        }
        Ok(Exit::DONE)
    }
}
