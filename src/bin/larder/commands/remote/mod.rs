//! `larder remote`: names for the places that a repository is synced with.

mod add;
mod list;
mod remove;
mod rename;
mod test;

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use larder::backend::{Creation, Probe};
use larder::error::Result;

/// Arguments of `larder remote`.
#[derive(clap::Args)]
pub struct RemoteArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Add(add::Add),
    List(list::List),
    Remove(remove::Remove),
    Rename(rename::Rename),
    Test(test::Test),
}

impl Subcommand for RemoteArgs {
    const NAME: &'static str = "remote";
    const LAYER: Layer = Layer::Porcelain;
    const NEED: Need = Need::Config;
    const ABOUT: &'static str = "Manage the places that a repository is synced with";
    const MANUAL: Manual = Manual {
        description: "A remote is a name for an address. Names are kept beside the repository, in `remotes.toml`, which \
            only its owner may read, and which no sync carries. What lists and messages show of an address has no \
            secret in it.\n\n\
            A remote's name can stand wherever a repository can: `larder -r NAME snapshots`. Where a command needs a \
            remote and none is named, it is `origin`, or the only one there is.\n\n\
            Addresses are a directory, ssh://user@host/path where the other machine has larder, sftp://user@host/path \
            where it has none, s3://bucket/prefix (or s3:https://host:9000/bucket/prefix), gs://bucket/prefix, \
            az://container/prefix, rclone:remote:path, https://host/path to read only, and exec:COMMAND. \
            docs/REMOTES.md says of each where credentials are looked for: none stand in an address.",
        examples: &[
            ("larder remote add disk /mnt/disk/backup", "Gives a directory of another disk a name."),
            ("larder remote add home ssh://me@host/srv/backup", "One on another machine that has larder."),
            (
                "larder remote add cloud s3://bucket/backup",
                "A bucket; the variables and files of the cloud's tools say who asks.",
            ),
            ("larder remote test disk", "Writes, reads, lists and deletes there."),
            ("larder remote list", "Lists them: name, tab, address."),
        ],
        exits: &[(10, "There is no remote of this name.")],
        ..Manual::EMPTY
    };

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        match self.action {
            Action::Add(add) => add.run(session),
            Action::List(list) => list.run(session),
            Action::Remove(remove) => remove.run(session),
            Action::Rename(rename) => rename.run(session),
            Action::Test(test) => test.run(session),
        }
    }
}

/// What a medium was found to do with a name that is taken, or that it could not be found out.
pub(super) fn told(found: &Result<Probe>, again: &str) -> String {
    match found.as_ref().map(|found| found.creation) {
        Ok(Some(creation @ Creation::Exclusive)) => format!("it {}", creation.about()),
        Ok(Some(creation)) => format!("it {}; nothing rests on that, see docs/REMOTES.md", creation.about()),
        Ok(None) => "nothing may be written there".to_string(),
        Err(error) => {
            let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
            let why: Vec<String> = causes.map(ToString::to_string).collect();
            format!("what it does with a name that is taken is not known ({}); {again}", why.join(": "))
        }
    }
}
