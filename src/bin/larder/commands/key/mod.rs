//! `larder key`: what opens a repository.

mod add;
mod init;
mod list;
mod passwd;
mod remove;
mod show;

use super::{Exit, Layer, Manual, Need, Subcommand};
use crate::session::Session;
use crate::ui::terminal;
use larder::context::{OwnedSecret, SecretOptions, take_descriptor};
use larder::crypto::seal::Scheme;
use larder::error::{Code, Error, Result};
use larder::repo::Format;
use std::ffi::OsString;
use std::path::PathBuf;

/// Arguments of `larder key`.
#[derive(clap::Args)]
pub struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Init(init::Init),
    List(list::List),
    Add(add::Add),
    Remove(remove::Remove),
    Passwd(passwd::Passwd),
    Show(show::Show),
}

impl Subcommand for Key {
    const NAME: &'static str = "key";
    const LAYER: Layer = Layer::Plumbing;
    const NEED: Need = Need::Exclusive;
    const ASKS: bool = true;
    const ABOUT: &'static str = "Manage what opens a repository: passphrases and key files";
    const MANUAL: Manual = Manual {
        description: "The keys of a repository are kept in slots. Each slot opens with its own passphrase or key file, \
            and all of them open everything. The last slot cannot be removed.\n\n\
            Removing a slot does not revoke what its owner has seen: whoever opened the repository once may have kept \
            its keys.",
        examples: &[
            ("larder key init ~/safe/larder.key", "Makes a key file."),
            ("larder key add --new-key-file ~/safe/larder.key --label safe", "Lets the repository open with it, too."),
            ("larder key list", "Lists the slots. No key is needed."),
            ("larder key passwd", "Changes the passphrase."),
            ("larder key remove safe", "Removes a slot, by its label or the beginning of its id."),
        ],
        exits: &[(16, "The last slot cannot be removed.")],
        ..Manual::EMPTY
    };

    fn need(&self) -> Need {
        match self.action {
            Action::Init(init::Init { new_device: true, .. }) => Need::Append,
            Action::Init(_) => Need::Nothing,
            Action::List(_) => Need::Config,
            Action::Remove(_) | Action::Passwd(_) => Need::Exclusive,
            Action::Show(_) => Need::Shared,
            Action::Add(_) => Need::Append,
        }
    }

    fn run(self, session: &Session) -> anyhow::Result<Exit> {
        match self.action {
            Action::Init(init) => init.run(session),
            Action::List(list) => list.run(session),
            Action::Add(add) => add.run(session),
            Action::Remove(remove) => remove.run(session),
            Action::Passwd(passwd) => passwd.run(session),
            Action::Show(show) => show.run(session),
        }
    }
}

/// Where a new secret comes from.
#[derive(clap::Args)]
struct NewSecret {
    /// Read the new passphrase from the first line of this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, group = "new")]
    new_passphrase_file: Option<PathBuf>,

    /// Run this with `sh -c` and read the new passphrase from its first line of output
    #[arg(long, value_name = "COMMAND", group = "new")]
    new_passphrase_command: Option<OsString>,

    /// Read the new passphrase from this open file descriptor
    #[arg(long, value_name = "NUMBER", group = "new")]
    new_passphrase_fd: Option<u32>,

    /// The new slot shall open with this key file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, group = "new")]
    new_key_file: Option<PathBuf>,
}

impl NewSecret {
    /// Where it comes from. To be asked for before anything is opened.
    fn options(self) -> SecretOptions {
        self.new_passphrase_fd.iter().copied().for_each(take_descriptor);
        SecretOptions {
            passphrase_file: self.new_passphrase_file,
            passphrase_command: self.new_passphrase_command,
            passphrase_fd: self.new_passphrase_fd,
            key_file: self.new_key_file,
        }
    }
}

/// Reads the new secret, or asks for it twice.
fn read_new(new: &SecretOptions, session: &Session) -> Result<OwnedSecret> {
    let hint = "give it with --new-passphrase-file, --new-passphrase-command, --new-passphrase-fd or --new-key-file";
    new.read_or_ask(session).map_err(|error| match new.says_something() || !terminal::is_nobody_there() {
        true => error,
        false => Error::new(Code::InvalidKey, "the slot needs a new passphrase, and there is no terminal to ask at")
            .with_hint(hint),
    })
}

/// Slots are for encrypted repositories only.
fn check_encrypted(format: &Format) -> Result<()> {
    match format.scheme {
        Scheme::None => Err(Error::new(Code::InvalidArg, "this repository is not encrypted and needs no key")),
        Scheme::Aes256Gcm => Ok(()),
    }
}
