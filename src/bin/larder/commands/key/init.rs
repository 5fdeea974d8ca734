//! `larder key init`: a new key file.

use super::super::Exit;
use crate::session::Session;
use larder::context::make_key_file;
use larder::error::{Code, Error};
use std::path::PathBuf;

/// Make a key file of random bytes, which only its owner can read
#[derive(clap::Args)]
pub struct Init {
    /// The file, which must not be there yet
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

impl Init {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        if !make_key_file(&self.file)? {
            let message = format!("{} is there already, and a key file is never replaced", self.file.display());
            return Err(Error::new(Code::InvalidArg, message).into());
        }
        session.ui.status(&format!("made {}; keep a copy where a fire does not reach it", self.file.display()));
        Ok(Exit::DONE)
    }
}
