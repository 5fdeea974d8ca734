//! Where a repository is: a directory of this machine, or an address of a medium.

use super::secret::{Asker, OwnedSecret, SecretOptions};
use super::{REPOSITORY_DIR, lock_token};
use crate::backend::{
    Access, Backend, Creation, LimitBackend, Limits, Location, PaceBackend, PartialBackend, Patience, Probe,
    RetryBackend, probe,
};
use crate::config::{self, Remotes, Settings};
use crate::crypto::seal::Scheme;
use crate::error::{Code, Error, IoContext, Result, fail};
use crate::fs::{PRIVATE_DIR, create_dir_durable};
use crate::id::{Id, ShortId};
use crate::repo::lock::{Lock, Mode, Wait};
use crate::repo::promise::Promise;
use crate::repo::{Format, InitOptions, Local, OpenOptions, Repo};
use crate::state::State;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The file by which a repository is known.
const MARKER: &str = "config.toml";
/// Where a client keeps what it knows of each further replica of a repository, below its state about the repository.
const REPLICAS_DIR: &str = "replicas";

/// For questions without whose answers the work goes on: once more if it fails, and no long silence.
const BRIEFLY: Patience = Patience { first_ms: 250, wait_ms_max: 500, budget_ms: 1_000, retries_max: 1 };
const BRIEF_SILENCE_MS: u64 = 30_000;

/// A repository, found but not opened.
#[derive(Clone)]
pub struct Place {
    location: Location,
    medium: Arc<dyn Backend>,
    format: OnceLock<Format>,
    /// The repository of which this is a remote: if it is the same one, this is a further replica.
    beside: Option<ShortId>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({})", self.location)
    }
}

impl Place {
    /// Finds the repository. `named` is what the user named in an option: a path, an address, or the name of a remote
    /// of the repository that is used here.
    ///
    /// # Errors
    /// CONFIG_MISSING when there is none; INVALID_ARG for an address of a medium that is not built in; PARSE_ERROR of
    /// the settings.
    pub fn find(named: Option<&Path>) -> Result<Place> {
        match named {
            Some(path) => Place::at(path),
            None => Place::used(&Place::at)?
                .ok_or_else(|| Error::new(Code::ConfigMissing, "there is no repository in this directory or above it")),
        }
    }

    /// The repository that is used where none is named; `at` understands what the environment or the settings name.
    fn used(at: &dyn Fn(&Path) -> Result<Place>) -> Result<Option<Place>> {
        if let Some(path) = config::variable(config::REPOSITORY) {
            return at(Path::new(&path)).map(Some);
        }
        if let Some(place) = Place::upward()? {
            return Ok(Some(place));
        }
        Settings::load()?.repository.as_deref().map(at).transpose()
    }

    /// The repository of the current directory or one above it.
    fn upward() -> Result<Option<Place>> {
        let here = std::env::current_dir().at("find", ".")?;
        let mut dirs = here.ancestors().map(|dir| dir.join(REPOSITORY_DIR));
        dirs.find(|dir| is_repository(dir)).map(|dir| in_dir(&dir).and_then(Place::over)).transpose()
    }

    /// The repository at a path: the directory itself, or `.larder` in it; or at an address, where it is looked for
    /// when it is opened.
    ///
    /// # Errors
    /// CONFIG_MISSING when there is none; INVALID_ARG for an address of a medium that is not built in.
    pub fn at(path: &Path) -> Result<Place> {
        match Place::by_path(path)? {
            Some(place) => Ok(place),
            None => Place::by_name(path)?.ok_or_else(|| nothing_at(path)),
        }
    }

    /// The same, without the names of remotes.
    fn by_path(path: &Path) -> Result<Option<Place>> {
        let location = Location::parse(path.as_os_str())?;
        let Some(path) = location.local_path() else { return Place::over(location).map(Some) };
        let candidates = [path.to_path_buf(), path.join(REPOSITORY_DIR)];
        candidates.iter().find(|dir| is_repository(dir)).map(|dir| in_dir(dir).and_then(Place::over)).transpose()
    }

    /// What a remote's name means to the repository that is used here.
    fn by_name(name: &Path) -> Result<Option<Place>> {
        let Some(word) = name.to_str().filter(|word| config::check_remote_name(word).is_ok() && !name.exists()) else {
            return Ok(None);
        };
        let plainly = |path: &Path| Place::by_path(path)?.ok_or_else(|| nothing_at(path));
        let here = match Place::used(&plainly) {
            Err(error) if error.code() == Code::ConfigMissing => return Ok(None),
            answer => answer?,
        };
        let Some(here) = here else { return Ok(None) };
        let remotes = here.remotes()?;
        let Some(address) = remotes.find(word) else { return Ok(None) };
        let there = plainly(Path::new(address))?;
        Ok(Some(Place { beside: Some(here.format()?.id), ..there }))
    }

    /// Where a repository is to be made: what the user named, else `.larder` in the current directory.
    ///
    /// # Errors
    /// INVALID_ARG for an address of a medium that is not built in.
    pub fn to_be(named: Option<&Path>) -> Result<Place> {
        let path = match named {
            Some(path) => path.to_path_buf(),
            None => config::variable(config::REPOSITORY).map_or_else(|| PathBuf::from(REPOSITORY_DIR), PathBuf::from),
        };
        Place::over(Location::parse(path.as_os_str())?)
    }

    fn over(location: Location) -> Result<Place> {
        let medium = open_medium(&location, Patience::default())?;
        Ok(Place { location, medium, format: OnceLock::new(), beside: None })
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// How a child process finds it, wherever it runs.
    ///
    /// # Errors
    /// FILE_IO when the directory is gone.
    pub fn address(&self) -> Result<OsString> {
        match self.location.local_path() {
            Some(dir) => Ok(dir.canonicalize().at("find", dir)?.into_os_string()),
            None => Ok(self.location.address()),
        }
    }

    /// Where its files that never leave this machine are.
    ///
    /// # Errors
    /// As [`Place::format`], and CONFIG_MISSING without a home.
    pub fn cache_dir(&self) -> Result<PathBuf> {
        match self.location.local_path() {
            Some(dir) => Ok(dir.to_path_buf()),
            None => self.cache_dir_of(&self.format()?.id),
        }
    }

    /// The lock file: of a medium elsewhere, it holds for this machine only.
    ///
    /// # Errors
    /// As [`Place::cache_dir`].
    pub fn lock_file(&self) -> Result<PathBuf> {
        let dir = self.cache_dir()?;
        if self.location.local_path().is_none() {
            create_dir_durable(&dir, PRIVATE_DIR)?;
        }
        Ok(dir.join(crate::repo::LOCK))
    }

    /// The medium, for what needs no key.
    pub fn backend(&self) -> Arc<dyn Backend> {
        self.medium.clone()
    }

    /// The parameters that the configuration says, not yet authenticated.
    ///
    /// # Errors
    /// CONFIG_INVALID, CONFIG_MISSING, FILE_IO.
    pub fn format(&self) -> Result<Format> {
        if let Some(format) = self.format.get() {
            return Ok(format.clone());
        }
        let text = self.medium.get(MARKER).map_err(|error| match error.code() {
            Code::FileNotFound => {
                Error::new(Code::ConfigMissing, format!("there is no repository at {}", self.location))
            }
            _ => error,
        })?;
        let format = Format::parse(&text)?;
        Ok(self.format.get_or_init(|| format).clone())
    }

    /// Whether there is a repository.
    ///
    /// # Errors
    /// What asking the medium can answer.
    pub fn is_there(&self) -> Result<bool> {
        Ok(self.medium.stat(MARKER)?.is_some())
    }

    /// Takes the repository lock, or inherits that of an outer `larder lock`.
    ///
    /// # Errors
    /// LOCK_HELD when it is not free in time; FILE_IO.
    pub fn lock(&self, mode: Mode, wait: Wait, command: &str) -> Result<Lock> {
        let path = self.lock_file()?;
        let inherited = match lock_token() {
            Some(token) => Lock::inherited(&path, &token, mode)?,
            None => None,
        };
        inherited.map_or_else(|| Lock::acquire(&path, mode, wait, command), Ok)
    }

    /// Makes a repository here; with `like`, one that shares the chunking of another. What opening with a passphrase costs
    /// is measured, not taken from `options`.
    ///
    /// # Errors
    /// CONFIG_INVALID when there is one, and as [`Repo::init_like`]; INVALID_KEY without a secret for an encrypted one; FILE_IO and its kin.
    pub fn init(
        &self,
        options: &InitOptions,
        secrets: &SecretOptions,
        asker: &dyn Asker,
        like: Option<&Repo>,
    ) -> Result<Repo> {
        if self.is_there()? {
            let message = format!("{} holds a repository already", self.location);
            return Err(Error::new(Code::ConfigInvalid, message).with_hint("`larder status` tells about it"));
        }
        let secret = match options.scheme {
            Scheme::None if secrets.says_something() => {
                let message = "a key was given for a repository that is not to be encrypted";
                return Err(
                    Error::new(Code::ConfigInvalid, message).with_hint("leave out the key, or `--encryption none`")
                );
            }
            Scheme::None => None,
            Scheme::Aes256Gcm => Some(secrets.find_or_ask(asker, true)?),
        };
        let kdf = secret.as_ref().map_or(Ok(options.kdf), OwnedSecret::kdf_cost)?;
        let options = InitOptions { kdf, ..options.clone() };
        let secret = secret.as_ref().map(OwnedSecret::as_secret);
        let device = config::state_dir()?;
        if let Some(dir) = self.location.local_path() {
            return Repo::init_like(self.backend(), Local { cache: dir.to_path_buf(), device }, &options, secret, like);
        }
        // What is local is kept by the id, and that is chosen while the repository is made.
        let temp = tempfile::Builder::new().prefix("larder-init-").tempdir().at("create", "a directory")?;
        let local = Local { cache: temp.path().to_path_buf(), device };
        drop(Repo::init_like(self.backend(), local, &options, secret, like)?);
        Repo::open(self.backend(), self.local()?, secret, OpenOptions::default())
    }

    /// Opens the repository that is here.
    ///
    /// # Errors
    /// INVALID_KEY without the right secret, and what [`Repo::open`] answers.
    pub fn open(&self, options: OpenOptions, secrets: &SecretOptions, asker: &dyn Asker) -> Result<Repo> {
        // Only whether to ask is decided by what is not yet authenticated: the store refuses a repository that was
        // encrypted and says that it is not.
        let secret = match self.format()?.scheme {
            Scheme::None => secrets.read()?,
            Scheme::Aes256Gcm => Some(secrets.find_or_ask(asker, false)?),
        };
        let repo = Repo::open(self.backend(), self.local()?, secret.as_ref().map(OwnedSecret::as_secret), options)?;
        // What is local is kept by the id that was read first, before anything could tell that it was altered.
        match *repo.id() == self.format()?.id {
            true => Ok(repo),
            false => fail(Code::ConfigInvalid, format!("config.toml at {} changes while it is read", self.location)),
        }
    }

    /// What is local to this machine. A replica that `sync` knows has a history of its own there: it may lag behind
    /// another without that being a step back, and what is written to it is signed by a device of its own.
    ///
    /// # Errors
    /// As [`Place::cache_dir`].
    pub fn local(&self) -> Result<Local> {
        let (cache, id) = (self.cache_dir()?, self.format()?.id);
        if self.beside == Some(id) {
            return self.as_replica(&id);
        }
        let replica = self.replica_dir(&id)?;
        let device = if replica.is_dir() { replica } else { config::state_dir()? };
        Ok(Local { cache, device })
    }

    fn replica_dir(&self, id: &ShortId) -> Result<PathBuf> {
        let digest = match self.location.local_path().and_then(|dir| dir.canonicalize().ok()) {
            Some(dir) => in_dir(&dir)?.digest(),
            None => self.location.digest(),
        };
        Ok(config::state_dir()?.join(id.to_hex()).join(REPLICAS_DIR).join(digest))
    }

    /// Notes that this is a further replica of the repository `id`; what is local to this machine is answered.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL, PERMISSION_DENIED, CONFIG_MISSING.
    pub fn as_replica(&self, id: &ShortId) -> Result<Local> {
        let device = self.replica_dir(id)?;
        create_dir_durable(&device, PRIVATE_DIR)?;
        Ok(Local { cache: self.cache_dir_of(id)?, device })
    }

    /// Where the files of this place that never leave this machine are, when the repository `id` is there or will be.
    pub(super) fn cache_dir_of(&self, id: &ShortId) -> Result<PathBuf> {
        match self.location.local_path() {
            Some(dir) => Ok(dir.to_path_buf()),
            None => Ok(config::cache_dir()?.join(id.to_hex()).join(self.location.digest())),
        }
    }

    /// Finds out what a medium does with a name that is taken, and notes it for this repository. It is not asked for long.
    ///
    /// # Errors
    /// What writing, reading and listing there can answer.
    pub fn probe(&self, there: &Place) -> Result<Probe> {
        let found = probe(open_medium(&there.location, BRIEFLY)?.as_ref())?;
        if let Some(creation) = found.creation {
            // The note saves asking and nothing else.
            let _ =
                self.state().and_then(|state| state.set_note(&note_of(&there.location), creation.name().as_bytes()));
        }
        Ok(found)
    }

    /// What a medium was found to do with a name that is taken, if it was ever asked for this repository.
    pub fn noted_creation(&self, there: &Location) -> Option<Creation> {
        Creation::of_name(&self.state().and_then(|state| state.note(&note_of(there))).ok()??)
    }

    fn state(&self) -> Result<State> {
        State::open(&self.cache_dir()?, &self.format()?.id)
    }

    /// The remotes of the repository that is here.
    ///
    /// # Errors
    /// As [`Remotes::load`].
    pub fn remotes(&self) -> Result<Remotes> {
        let path = match self.location.local_path() {
            Some(dir) => dir.join(config::REMOTES_FILE),
            None => config::state_dir()?.join(self.format()?.id.to_hex()).join(config::REMOTES_FILE),
        };
        Remotes::load(&path)
    }
}

/// Under this name is noted what a medium does with a name that is taken.
fn note_of(location: &Location) -> String {
    format!("creating {}", location.digest())
}

/// The medium of a location, with patience and limits around it where it is not of this machine.
fn open_medium(location: &Location, patience: Patience) -> Result<Arc<dyn Backend>> {
    if let Some(dir) = location.local_path() {
        let medium = location.open(&Access::default())?;
        return Ok(match Promise::load(dir)? {
            None => medium,
            Some(promise) => {
                let beyond = open_medium(&Location::parse(promise.address.as_ref())?, patience)?;
                Arc::new(PartialBackend::new(medium, beyond))
            }
        });
    }
    let settings = Settings::load()?;
    let usual = Access::default();
    let is_brief = patience == BRIEFLY;
    let mut access = Access {
        silence_ms_max: if is_brief { BRIEF_SILENCE_MS } else { usual.silence_ms_max },
        hidden_variables: config::SECRET_VARIABLES.iter().map(|name| name.to_string()).collect(),
        variables: config::environment().into_iter().filter_map(text_pair).collect(),
        token_file: config::variable(config::TOKEN_FILE).map(PathBuf::from).or_else(|| settings.token_file.clone()),
        temp: Some(config::cache_dir()?.join("tmp")),
        ..usual
    };
    if let Some(command) = config::variable(config::SSH).or(settings.ssh_command.as_ref().map(OsString::from)) {
        access.ssh_command = command;
    }
    if let Some(program) = &settings.ssh_program {
        access.remote_program.clone_from(program);
    }
    if let Some(command) = &settings.rclone_command {
        access.rclone_command = OsString::from(command);
    }
    let medium: Arc<dyn Backend> =
        Arc::new(RetryBackend::new(Arc::new(PaceBackend::new(location.open(&access)?)), patience));
    let limits = Limits { up_bytes_per_second: settings.limit_upload, down_bytes_per_second: settings.limit_download };
    Ok(if limits.is_any() { Arc::new(LimitBackend::new(medium, limits)) } else { medium })
}

/// A variable, if it is text.
fn text_pair((name, value): (OsString, OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

fn nothing_at(path: &Path) -> Error {
    let is_record = |name: OsString| name.to_str().is_some_and(|name| name.parse::<Id>().is_ok());
    let has_records = |dir: &PathBuf| {
        let records = dir.join("roots").read_dir();
        records.is_ok_and(|records| records.flatten().any(|record| is_record(record.file_name())))
    };
    if let Some(dir) = [path.to_path_buf(), path.join(REPOSITORY_DIR)].iter().find(|dir| has_records(dir)) {
        return crate::repo::format::config_lost(&dir.display().to_string());
    }
    Error::new(Code::ConfigMissing, format!("there is no repository at {}", path.display()))
        .with_hint(format!("`larder init {}` makes one", path.display()))
}

/// A directory whose path may look like an address.
fn in_dir(dir: &Path) -> Result<Location> {
    let mut text = OsString::from("file:");
    text.push(dir);
    Location::parse(&text)
}

fn is_repository(dir: &Path) -> bool {
    dir.join(MARKER).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_itself_or_inside() {
        let dir = tempfile::tempdir().expect("a directory");
        let repo = dir.path().join(REPOSITORY_DIR);
        std::fs::create_dir(&repo).expect("made");
        assert_eq!(Place::at(dir.path()).expect_err("empty").code(), Code::ConfigMissing);
        #[allow(clippy::disallowed_methods)]
        std::fs::write(repo.join(MARKER), "").expect("written");
        assert_eq!(Place::at(dir.path()).expect("inside").location().local_path(), Some(repo.as_path()));
        assert_eq!(Place::at(&repo).expect("itself").lock_file().expect("known"), repo.join("lock"));
        assert_eq!(Place::at(Path::new("nonsense://host/x")).expect_err("unknown").code(), Code::InvalidArg);
    }
}
