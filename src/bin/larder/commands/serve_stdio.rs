//! `larder serve-stdio`: the files of a repository for larder on another machine.

use super::served::Served;
use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::backend::serve;
use std::io::BufReader;

/// Arguments of `larder serve-stdio`.
#[derive(clap::Args)]
pub struct ServeStdio {
    #[command(flatten)]
    served: Served,
}

impl Subcommand for ServeStdio {
    const NAME: &'static str = "serve-stdio";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Nothing;
    const ABOUT: &'static str = "Serve a repository's files over stdin and stdout";
    const MANUAL: Manual = Manual {
        description: "This is what `ssh://host/path` runs on the other machine. It speaks the object protocol of \
            docs/EXEC-BACKEND.md, needs no key, and ends when its stdin ends. Bytes go through as they are: what is \
            encrypted stays so.",
        examples: &[
            ("larder serve-stdio /srv/backup", "Serves one repository."),
            (
                "command=\"larder serve-stdio --append-only /srv/backup\" ssh-ed25519 AAAA...",
                "A line of authorized_keys: who has this key can add backups and delete nothing.",
            ),
        ],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let mut input = BufReader::with_capacity(256 << 10, std::io::stdin());
        serve(self.served.medium()?.as_ref(), &mut input, &mut session.ui.writer())?;
        Ok(Exit::DONE)
    }
}
