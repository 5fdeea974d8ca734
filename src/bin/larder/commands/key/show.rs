//! `larder key show`: what a repository's keyring holds.

use super::super::Exit;
use super::check_encrypted;
use crate::session::Session;
use serde_json::json;

/// List the keys of the keyring, never their bytes: epoch, id, purpose, whether new files use it
#[derive(clap::Args)]
pub struct Show {}

impl Show {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        check_encrypted(repo.config())?;
        for key in repo.keyring().list() {
            let purpose = key.purpose.name();
            if session.ui.is_json() {
                session
                    .ui
                    .json(&json!({"type": "key", "epoch": key.epoch, "id": key.id.to_hex(), "purpose": purpose,
                    "writable": key.is_writable}))?;
            } else {
                let word = if key.is_writable { "write" } else { "read" };
                session.ui.line(&format!("{}\t{}\t{purpose}\t{word}", key.epoch, key.id))?;
            }
        }
        Ok(Exit::DONE)
    }
}
