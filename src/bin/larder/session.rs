//! What a command has at hand: the user's words, the terminal, and the repository when its row needs one.

use crate::commands::Need;
use crate::globals::Globals;
use crate::ui::{Ui, terminal};
use larder::context::{Asker, Place, SecretOptions, lock_wait, take_descriptor, writer_options};
use larder::error::{Code, Error, Result};
use larder::repo::lock::{Lock, Mode};
use larder::repo::{InitOptions, OpenOptions, Repo, Writer, WriterOptions};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// One run of one command.
pub struct Session {
    /// The global options.
    pub globals: Globals,
    /// The only way to the terminal.
    pub ui: Ui,
    /// The name of the command.
    name: &'static str,
    /// Whether a person may be asked for a passphrase.
    may_ask: bool,
    need: Cell<Need>,
}

impl Session {
    /// For this command and these options.
    pub fn new(name: &'static str, may_ask: bool, globals: Globals) -> Session {
        globals.passphrase_fd.iter().copied().for_each(take_descriptor);
        let ui = Ui::new(&globals, Some(name));
        if globals.banner {
            ui.banner();
        }
        Session { globals, ui, name, may_ask, need: Cell::new(Need::Nothing) }
    }

    /// Notes what the command, with the arguments it got, needs.
    pub fn set_need(&self, need: Need) {
        self.need.set(need);
    }

    /// Where the repository is.
    pub fn place(&self) -> Result<Place> {
        Place::find(self.globals.repo.as_deref())
    }

    /// Whether there is none where one would be looked for. That one is missing which -r names is an error instead.
    pub fn has_no_repo(&self) -> bool {
        self.globals.repo.is_none() && self.place().is_err_and(|error| error.code() == Code::ConfigMissing)
    }

    /// Opens the repository, as far as the command's row says that it needs one.
    pub fn repo(&self) -> Result<Repo> {
        if matches!(self.need.get(), Need::Nothing | Need::Config) {
            return Err(Error::new(Code::SystemError, format!("`{}` says that it needs no repository", self.name)));
        }
        let options = OpenOptions { accept_rollback: self.globals.accept_rollback, new_device: false };
        self.place()?.open(options, &self.secrets(), self)
    }

    /// Begins to write to it.
    pub fn writer(&self, repo: &Repo) -> Result<Writer> {
        repo.writer(&self.writer_options()?)
    }

    /// Takes the repository lock for this command.
    pub fn lock(&self, place: &Place, mode: Mode) -> Result<Lock> {
        place.lock(mode, lock_wait(self.globals.lock_wait)?, &format!("larder {}", self.name))
    }

    /// How this command writes.
    pub fn writer_options(&self) -> Result<WriterOptions> {
        writer_options(&format!("larder {}", self.name), self.globals.lock_wait)
    }

    /// Makes a repository at `path`, or where the options or the environment say.
    pub fn init(&self, path: Option<PathBuf>, options: &InitOptions, like: Option<&Repo>) -> Result<(Place, Repo)> {
        let place = Place::to_be(path.as_deref().or(self.globals.repo.as_deref()))?;
        let repo = place.init(options, &self.secrets(), self, like)?;
        Ok((place, repo))
    }

    /// Opens another repository to read, with secrets of its own where there are some.
    pub fn other(&self, path: &Path, secrets: Option<SecretOptions>) -> Result<Repo> {
        Place::at(path)?.open(OpenOptions::default(), &secrets.unwrap_or_else(|| self.secrets()), self)
    }

    /// The repository here, if there is one, and the place that a remote's name, an address or a path means; the usual
    /// remote if nothing is named. Neither is opened.
    pub fn remote(&self, name: Option<&Path>) -> Result<(Option<Place>, Place)> {
        let here = match self.place() {
            Err(error) if error.code() == Code::ConfigMissing && name.is_some() => None,
            answer => Some(answer?),
        };
        let there = match (name, &here) {
            (Some(name), here) => Place::remote(here.as_ref(), name)?,
            (None, Some(here)) => Place::remote(Some(here), Path::new(here.remotes()?.usual()?.0))?,
            (None, None) => return Err(Error::new(Code::ConfigMissing, "there is no repository here")),
        };
        Ok((here, there))
    }

    /// Where the options say that the secret is.
    pub fn secrets(&self) -> SecretOptions {
        SecretOptions {
            passphrase_file: self.globals.passphrase_file.clone(),
            passphrase_command: self.globals.passphrase_command.clone(),
            passphrase_fd: self.globals.passphrase_fd,
            key_file: self.globals.key_file.clone(),
        }
    }
}

impl Asker for Session {
    fn passphrase(&self, is_new: bool) -> Result<Zeroizing<Vec<u8>>> {
        if self.may_ask { terminal::ask_passphrase(is_new) } else { Err(terminal::nobody_to_ask()) }
    }

    fn warn(&self, text: &str) {
        self.ui.warn(text);
    }
}
