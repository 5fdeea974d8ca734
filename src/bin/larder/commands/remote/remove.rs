//! `larder remote remove`: a name less.

use super::super::Exit;
use crate::session::Session;

/// Forget a name. Nothing changes at its address
#[derive(clap::Args)]
pub struct Remove {
    /// The remote
    #[arg(value_name = "NAME")]
    name: String,
}

impl Remove {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        session.place()?.remotes()?.remove(&self.name)?;
        Ok(Exit::DONE)
    }
}
