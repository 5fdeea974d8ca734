//! `larder key remove`: one way in less.

use super::super::Exit;
use crate::session::Session;
use larder::repo::keys::{list_slots, remove_slot};
use larder::repo::lock::Mode;

/// Remove a slot. What its owner has seen is not revoked by this
#[derive(clap::Args)]
pub struct Remove {
    /// Its label, or the beginning of its id
    #[arg(value_name = "SLOT")]
    slot: String,
}

impl Remove {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let place = session.place()?;
        let backend = place.backend();
        let _alone = session.lock(&place, Mode::Exclusive)?;
        let slot = list_slots(backend.as_ref())?.find(&self.slot)?.name;
        remove_slot(backend.as_ref(), &slot)?;
        session
            .ui
            .status(&format!("removed {}; whoever opened the repository with it may have kept its keys", slot.short()));
        Ok(Exit::DONE)
    }
}
