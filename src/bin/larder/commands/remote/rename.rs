//! `larder remote rename`: another name.

use super::super::Exit;
use crate::session::Session;

/// Give a remote another name
#[derive(clap::Args)]
pub struct Rename {
    /// The remote
    #[arg(value_name = "OLD")]
    old: String,

    /// Its new name
    #[arg(value_name = "NEW")]
    new: String,
}

impl Rename {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        session.place()?.remotes()?.rename(&self.old, &self.new)?;
        Ok(Exit::DONE)
    }
}
