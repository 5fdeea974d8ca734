//! `larder resolve`: what a name means.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::json_path;
use larder::context::Names;
use larder::error::Class;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Arguments of `larder resolve`.
#[derive(clap::Args)]
pub struct Resolve {
    /// Print nothing when it is not found: exit 1
    #[arg(long)]
    verify: bool,

    /// What is to be found
    #[arg(value_name = "NAME", required = true)]
    names: Vec<OsString>,
}

impl Subcommand for Resolve {
    const NAME: &'static str = "resolve";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Print the id that a name stands for";
    const MANUAL: Manual = Manual {
        description: "A name is an id, at least four digits that an id begins with, a tag, `latest`, or `latest:HOST`. \
            NAME~2 is the second snapshot before it. All of these are answered by the id of a snapshot.\n\n\
            NAME:PATH is answered by the id of the content at this path; NAME: by the root tree. After `latest:` a path \
            begins with a slash, unless no machine has that name.\n\n\
            An ambiguous prefix is an error that lists what it may mean. Partial snapshots are found by id only.",
        examples: &[
            ("larder resolve latest", "Prints the id of the newest snapshot."),
            ("larder resolve latest:/etc/passwd", "Prints the id of a file, as sha256sum would."),
            ("larder resolve monthly~1:", "Prints the root tree of the last but one snapshot with a tag."),
        ],
        exits: &[(1, "With --verify: it is not found.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let names = Names::new(&repo);
        for name in &self.names {
            match names.find(name.as_bytes()).and_then(|named| named.id()) {
                Ok(id) if session.ui.is_json() => {
                    let mut value = json_path("name", name.as_bytes());
                    value["type"] = "name".into();
                    value["id"] = id.to_hex().into();
                    session.ui.json(&value)?;
                }
                Ok(id) => session.ui.line(&id.to_hex())?,
                Err(error) if self.verify && error.class() == Class::NotFound => return Ok(Exit::NEGATIVE),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Exit::DONE)
    }
}
