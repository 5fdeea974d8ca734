//! `larder remote add`: a name more.

use super::super::Exit;
use crate::session::Session;
use larder::backend::Location;
use larder::error::{Code, Error, IoContext};
use std::ffi::OsString;

/// Give an address a name. Nothing is asked of it yet
#[derive(clap::Args)]
pub struct Add {
    /// The name: letters, digits, `.`, `_` and `-`
    #[arg(value_name = "NAME")]
    name: String,

    /// A directory, or an address such as ssh://host/path
    #[arg(value_name = "URL", value_hint = clap::ValueHint::AnyPath)]
    url: OsString,
}

impl Add {
    pub fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let here = std::env::current_dir().at("find", ".")?;
        let location = Location::parse(&self.url)?.absolute_from(&here);
        let address = location.address().into_string().map_err(|_| {
            Error::new(Code::InvalidArg, "the settings are text, and this path is not")
                .with_hint("make a symbolic link to it with a plain name")
        })?;
        session.place()?.remotes()?.add(&self.name, &address)?;
        session.ui.status(&format!("{} is {location}", self.name));
        Ok(Exit::DONE)
    }
}
