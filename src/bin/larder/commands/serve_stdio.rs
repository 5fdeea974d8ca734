//! `larder serve-stdio`: the files of a repository for larder on another machine.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::backend::{FsBackend, Grant, serve};
use larder::context::Place;
use larder::repo::promise::refuse_partial;
use std::io::BufReader;
use std::path::PathBuf;

/// Arguments of `larder serve-stdio`.
#[derive(clap::Args)]
pub struct ServeStdio {
    /// Refuse whatever would change something
    #[arg(long, conflicts_with = "append_only")]
    read_only: bool,

    /// Refuse to replace and to delete, leases aside: enough for backup, restore, verify and sync
    #[arg(long)]
    append_only: bool,

    /// The directory, or one with `.larder` in it; it need not be there yet
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::DirPath)]
    path: PathBuf,
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
        let found = if self.path.is_dir() { Place::at(&self.path).ok() } else { None };
        if let Some(place) = &found {
            refuse_partial(place.backend().as_ref(), "whoever asks here would not find its packs")?;
        }
        let dir = match found.as_ref().and_then(|place| place.location().local_path()) {
            Some(dir) => dir.to_path_buf(),
            None => self.path,
        };
        let grant = match (self.read_only, self.append_only) {
            (true, _) => Grant::Read,
            (_, true) => Grant::Append,
            _ => Grant::All,
        };
        let mut input = BufReader::with_capacity(256 << 10, std::io::stdin());
        serve(&FsBackend::new(dir), grant, &mut input, &mut session.ui.writer())?;
        Ok(Exit::DONE)
    }
}
