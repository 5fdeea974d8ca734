//! `larder remote add`: a name more.

use super::super::Exit;
use crate::session::Session;
use larder::backend::Location;
use larder::context::Place;
use larder::error::{Code, Error, IoContext};
use std::ffi::OsString;
use std::path::Path;

/// Give an address a name. A medium that is not a directory is asked what it does with a name that is taken
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
        let here = session.place()?;
        here.remotes()?.add(&self.name, &address)?;
        session.ui.status(&format!("{} is {location}", self.name));
        if location.local_path().is_none() {
            let found = Place::to_be(Some(Path::new(&address))).and_then(|there| here.probe(&there));
            session.ui.status(&super::told(&found, &format!("`larder remote test {}` asks again", self.name)));
        }
        Ok(Exit::DONE)
    }
}
