//! `larder key show`: what a repository's keyring holds, and who this device is.

use super::super::Exit;
use super::check_encrypted;
use crate::session::Session;
use base64ct::{Base64, Encoding};
use serde_json::json;

/// List the keys of the keyring, never their bytes: epoch, id, purpose, whether new files use it; or show the device
#[derive(clap::Args)]
pub struct Show {
    /// Show who signs what is written here: the device's id and its public key in base64
    #[arg(long)]
    device: bool,
}

impl Show {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        if self.device {
            let device = repo.device(false)?;
            let (id, public) = (device.id.to_hex(), Base64::encode_string(&device.key.public()));
            if session.ui.is_json() {
                session.ui.json(&json!({"type": "device", "id": id, "public": public}))?;
            } else {
                session.ui.line(&format!("{id}\t{public}"))?;
            }
            return Ok(Exit::DONE);
        }
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
