//! Where the repository is, and how it is opened as a command needs it.
//!
//! Floor 6. The repository is found by the option, else by `LARDER_REPOSITORY`, else as `.larder` in the current
//! directory or above it, else by the user's settings.

use crate::config::{self, Settings};
use crate::error::{Code, Error, IoContext, Result};
use std::path::{Path, PathBuf};

/// The name of a repository inside a directory that it serves.
pub const REPOSITORY_DIR: &str = ".larder";
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
        self.dir.join("lock")
    }
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
