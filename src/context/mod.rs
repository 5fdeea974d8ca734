//! Where the repository is, and how it is opened as a command needs it.
//!
//! Floor 6. The repository is found by the option, else by `LARDER_REPOSITORY`, else as `.larder` in the current
//! directory or above it, else by the user's settings.

mod completion;
mod named;
mod secret;

pub use named::{Named, Names, load_snapshots};
pub use secret::{Asker, OwnedSecret, SecretOptions, make_key_file};

use crate::backend::{Backend, FsBackend};
use crate::config::{self, Settings};
use crate::crypto::seal::Scheme;
use crate::error::{Code, Error, IoContext, Result};
use crate::reach::ReachOptions;
use crate::repo::lock::{Lock, Mode, Wait};
use crate::repo::{Format, InitOptions, Local, OpenOptions, Repo, WriterOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The name of a repository inside a directory that it serves.
pub const REPOSITORY_DIR: &str = ".larder";
/// What sets of ids may hold in memory: a quarter of the whole budget of 256 MiB.
pub const SETS_BYTES: usize = 64 << 20;
/// The file by which a repository is known.
const MARKER: &str = "config.toml";

/// A repository on this machine, found but not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    dir: PathBuf,
}

impl Place {
    /// Finds the repository. `named` is what the user named in an option.
    ///
    /// # Errors
    /// CONFIG_MISSING when there is none; INVALID_ARG for an address of a medium that is not built in; PARSE_ERROR of
    /// the settings.
    pub fn find(named: Option<&Path>) -> Result<Place> {
        if let Some(path) = named {
            return Place::at(path);
        }
        if let Some(path) = config::variable(config::REPOSITORY) {
            return Place::at(Path::new(&path));
        }
        let here = std::env::current_dir().at("find", ".")?;
        if let Some(dir) = here.ancestors().map(|dir| dir.join(REPOSITORY_DIR)).find(|dir| is_repository(dir)) {
            return Ok(Place { dir });
        }
        match Settings::load()?.repository {
            Some(path) => Place::at(&path),
            None => Err(Error::new(Code::ConfigMissing, "there is no repository in this directory or above it")),
        }
    }

    /// The repository at a path: the directory itself, or `.larder` in it.
    ///
    /// # Errors
    /// CONFIG_MISSING when there is none; INVALID_ARG for an address of a medium that is not built in.
    pub fn at(path: &Path) -> Result<Place> {
        let path = local_path(path)?;
        let candidates = [path.to_path_buf(), path.join(REPOSITORY_DIR)];
        candidates.into_iter().find(|dir| is_repository(dir)).map(|dir| Place { dir }).ok_or_else(|| {
            Error::new(Code::ConfigMissing, format!("there is no repository at {}", path.display()))
                .with_hint(format!("`larder init {}` makes one", path.display()))
        })
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
        Ok(Place { dir: local_path(&path)?.to_path_buf() })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The lock file.
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join(crate::repo::LOCK)
    }

    /// The medium, for what needs no key.
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(FsBackend::new(&self.dir))
    }

    /// The parameters that the configuration says, not yet authenticated.
    ///
    /// # Errors
    /// CONFIG_INVALID, CONFIG_MISSING, FILE_IO.
    pub fn format(&self) -> Result<Format> {
        let marker = self.dir.join(MARKER);
        Format::parse(&std::fs::read(&marker).at("read", &marker)?)
    }

    /// Takes the repository lock, or inherits that of an outer `larder lock`.
    ///
    /// # Errors
    /// LOCK_HELD when it is not free in time; FILE_IO.
    pub fn lock(&self, mode: Mode, wait: Wait, command: &str) -> Result<Lock> {
        let path = self.lock_file();
        let inherited = match lock_token() {
            Some(token) => Lock::inherited(&path, &token, mode)?,
            None => None,
        };
        inherited.map_or_else(|| Lock::acquire(&path, mode, wait, command), Ok)
    }

    /// Makes a repository here. What opening with a passphrase costs is measured, not taken from `options`.
    ///
    /// # Errors
    /// CONFIG_INVALID when there is one; INVALID_KEY without a secret for an encrypted one; FILE_IO and its kin.
    pub fn init(&self, options: &InitOptions, secrets: &SecretOptions, asker: &dyn Asker) -> Result<Repo> {
        if is_repository(&self.dir) {
            let message = format!("{} holds a repository already", self.dir.display());
            return Err(Error::new(Code::ConfigInvalid, message).with_hint("`larder status` tells about it"));
        }
        let secret = match options.scheme {
            Scheme::None => None,
            Scheme::Aes256Gcm => Some(secrets.find_or_ask(asker, true)?),
        };
        let kdf = secret.as_ref().map_or(Ok(options.kdf), OwnedSecret::kdf_cost)?;
        let options = InitOptions { kdf, ..options.clone() };
        Repo::init(self.backend(), self.local()?, &options, secret.as_ref().map(OwnedSecret::as_secret))
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
        Repo::open(self.backend(), self.local()?, secret.as_ref().map(OwnedSecret::as_secret), options)
    }

    fn local(&self) -> Result<Local> {
        Ok(Local { cache: self.dir.clone(), device: config::state_dir()? })
    }
}

/// How a command writes: all cores, the frames decoded again, the lock of an outer `larder lock` inherited.
///
/// # Errors
/// PARSE_ERROR of the settings.
pub fn writer_options(command: &str, lock_wait_seconds: Option<u64>) -> Result<WriterOptions> {
    let lock_wait = lock_wait(lock_wait_seconds)?;
    Ok(WriterOptions {
        jobs: jobs(),
        verify_writes: true,
        compression: None,
        command: command.to_string(),
        lock_wait,
        lock_token: lock_token(),
    })
}

/// How long to wait for a lock: as the option says, else the settings, else not at all.
///
/// # Errors
/// PARSE_ERROR of the settings.
pub fn lock_wait(seconds: Option<u64>) -> Result<Wait> {
    let seconds = match seconds {
        Some(seconds) => Some(seconds),
        None => Settings::load()?.lock_wait,
    };
    Ok(seconds.map_or(Wait::No, |seconds| Wait::For(Duration::from_secs(seconds))))
}

/// The token of the `larder lock` that this process runs in.
pub fn lock_token() -> Option<String> {
    config::variable(config::LOCK_TOKEN).and_then(|token| token.into_string().ok())
}

/// How what is reachable is found: with all cores, within the memory budget.
pub fn reach_options(repo: &Repo) -> ReachOptions {
    ReachOptions::new(repo, SETS_BYTES, jobs())
}

/// How many threads work: as many as there are cores to run on.
pub fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A path on this machine; only such repositories are built in so far.
fn local_path(path: &Path) -> Result<&Path> {
    if path.as_os_str().is_empty() {
        return Err(Error::new(Code::InvalidArg, "the repository's path is empty"));
    }
    let scheme = path.to_str().and_then(|text| text.split_once("://")).map(|(scheme, _)| scheme);
    match scheme {
        Some(scheme) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') => {
            let message = format!("`{scheme}` is not a kind of medium that this larder knows");
            Err(Error::new(Code::InvalidArg, message).with_hint("name a directory"))
        }
        _ => Ok(path),
    }
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
        assert_eq!(Place::at(dir.path()).expect("inside").dir(), repo);
        assert_eq!(Place::at(&repo).expect("itself").lock_file(), repo.join("lock"));
        assert_eq!(Place::at(Path::new("s3://bucket/x")).expect_err("unknown").code(), Code::InvalidArg);
    }
}
