//! `larder key init`: a new key file.

use super::super::Exit;
use crate::session::Session;
use larder::context::make_key_file;
use larder::error::{Code, Error};
use std::path::PathBuf;

/// Make a key file of random bytes, which only its owner can read; or a new identity of this device
#[derive(clap::Args)]
pub struct Init {
    /// The file, which must not be there yet
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath, required_unless_present = "new_device")]
    file: Option<PathBuf>,

    /// Sign with a new key from now on, because the one that this device signed with is lost
    #[arg(long, conflicts_with = "file")]
    pub new_device: bool,
}

impl Init {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let Some(file) = self.file else {
            let device = session.repo()?.device(true)?;
            session.ui.line(&device.id.to_hex())?;
            return Ok(Exit::DONE);
        };
        if !make_key_file(&file)? {
            let message = format!("{} is there already, and a key file is never replaced", file.display());
            return Err(Error::new(Code::InvalidArg, message).into());
        }
        session.ui.status(&format!("made {}; keep a copy where a fire does not reach it", file.display()));
        Ok(Exit::DONE)
    }
}
