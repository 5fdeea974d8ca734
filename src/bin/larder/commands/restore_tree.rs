//! `larder restore-tree`: a stored directory becomes files again.

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::context::{Named, Names, own_paths};
use larder::restore::{Overwrite, RestoreOptions, RestoreSource, restore};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Arguments of `larder restore-tree`.
#[derive(clap::Args)]
pub struct RestoreTree {
    /// What becomes of files that are there: always, if-changed (believes size and time), if-newer or never
    #[arg(long, value_name = "RULE", default_value = "always")]
    overwrite: Overwrite,

    /// The object that lists hard links, as `show` names it; of a snapshot it is known
    #[arg(long, value_name = "ID")]
    links: Option<larder::id::Id>,

    /// A tree's id, a snapshot, or SNAPSHOT:PATH
    #[arg(value_name = "TREE")]
    tree: OsString,

    /// The directory that becomes what the tree is
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,
}

impl Subcommand for RestoreTree {
    const NAME: &'static str = "restore-tree";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Shared;
    const ABOUT: &'static str = "Restore a stored directory";
    const MANUAL: Manual = Manual {
        description: "The directory is made if it is not there. Each file is written whole or not at all. What the tree \
            does not have is left alone. Nothing is printed; an item that fails is reported and the rest is done.",
        examples: &[(
            "larder restore-tree $(larder resolve latest:home) /tmp/home",
            "Restores /home of the latest snapshot.",
        )],
        exits: &[(3, "Some items could not be restored."), (13, "Stored data is damaged; the rest was restored.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        let repo = session.repo()?;
        let named = Names::new(&repo).find(self.tree.as_bytes())?;
        super::ls_tree::check_tree(&repo, &named.object()?)?;
        let body = named.snapshot().map(|snapshot| &snapshot.body);
        let path = if let Named::Entry { path, .. } = &named { path.as_slice() } else { b"" };
        let source = RestoreSource {
            tree: body.map_or(named.object()?, |body| body.tree),
            links: self.links.or(body.and_then(|body| body.links)),
            path,
            sources: body.map_or(&[], |body| body.paths.as_slice()),
        };
        let options = RestoreOptions {
            overwrite: self.overwrite,
            own: own_paths(&session.secrets())?,
            ..RestoreOptions::default()
        };
        let stats = restore(&repo, &source, &self.dir, &options, &session.ui.progress("restoring"))?;
        Ok(super::restore::exit_of(&stats))
    }
}
