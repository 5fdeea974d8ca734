//! `larder key passwd`: another secret for a slot.

use super::super::Exit;
use super::{NewSecret, check_encrypted, read_new};
use crate::session::Session;
use larder::context::Asker;
use larder::repo::keys::{change_secret, open_slot};
use larder::repo::lock::Mode;

/// Change the passphrase or key file of the slot that the present one opens; the new slot's id is printed
#[derive(clap::Args)]
pub struct Passwd {
    #[command(flatten)]
    new: NewSecret,
}

impl Passwd {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let new_options = self.new.options();
        let place = session.place()?;
        let (backend, format) = (place.backend(), place.format()?);
        check_encrypted(&format)?;
        let _alone = session.lock(&place, Mode::Exclusive)?;
        let old = session.secrets().find_or_ask(session as &dyn Asker, false)?;
        let (slot, keyring) = open_slot(backend.as_ref(), &format.id, old.as_secret())?;
        let new = read_new(&new_options, session)?;
        let cost = new.kdf_cost()?;
        let name = change_secret(backend.as_ref(), &keyring, &format.id, &slot, new.as_secret(), cost)?;
        session.ui.line(&name.to_hex())?;
        Ok(Exit::DONE)
    }
}
