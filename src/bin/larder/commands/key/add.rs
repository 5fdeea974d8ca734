//! `larder key add`: one more way in.

use super::super::Exit;
use super::{NewSecret, check_encrypted, read_new};
use crate::session::Session;
use larder::repo::keys::add_slot;
use serde_json::json;

/// Add a slot for another passphrase or key file; its id is printed
#[derive(clap::Args)]
pub struct Add {
    #[command(flatten)]
    new: NewSecret,

    /// What to call it
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
}

impl Add {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let new = self.new.options();
        let repo = session.repo()?;
        check_encrypted(repo.config())?;
        let secret = read_new(&new, session)?;
        let cost = secret.kdf_cost()?;
        let backend = repo.backend().as_ref();
        let name = add_slot(backend, repo.keyring(), repo.id(), secret.as_secret(), &self.label, cost)?;
        if session.ui.is_json() {
            session.ui.json(&json!({"type": "slot", "id": name.to_hex(), "label": self.label}))?;
        } else {
            session.ui.line(&name.to_hex())?;
        }
        Ok(Exit::DONE)
    }
}
