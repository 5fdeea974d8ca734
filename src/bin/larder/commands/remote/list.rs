//! `larder remote list`: which there are.

use super::super::Exit;
use crate::session::Session;
use crate::ui::escaped;
use larder::backend::{Creation, Location};
use serde_json::json;

/// List the remotes: name, tab, address without secrets
#[derive(clap::Args)]
pub struct List {}

impl List {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let place = session.place()?;
        let remotes = place.remotes()?;
        for (name, address) in remotes.all() {
            // An address that is not understood may have anything in it.
            let location = Location::parse(address.as_ref()).ok();
            let (scheme, shown) = match &location {
                Some(location) => (Some(location.scheme()), escaped(location.to_string().as_bytes())),
                None => (None, "(an address that this larder does not understand)".to_string()),
            };
            if session.ui.is_json() {
                let creating = location.and_then(|location| place.noted_creation(&location)).map(Creation::name);
                session.ui.json(&json!({"type": "remote", "name": name, "scheme": scheme, "address": shown,
                    "creating": creating}))?;
            } else {
                session.ui.line(&format!("{name}\t{shown}"))?;
            }
        }
        Ok(Exit::DONE)
    }
}
