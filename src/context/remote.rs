//! Two replicas, as a sync needs them: the one here, and the one that a remote's name or an address means.
//!
//! A replica that is not there yet is made. A dry run then works with an empty one in memory instead.

use super::place::Place;
use super::secret::{Asker, SecretOptions};
use crate::backend::MemBackend;
use crate::config;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE_DIR, create_dir_durable};
use crate::repo::{Local, OpenOptions, Repo};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// The name that a replica gets for the place it was pulled from.
pub const ORIGIN: &str = "origin";

/// Both ends of a sync, open.
pub struct Ends {
    /// The replica here.
    pub here: Repo,
    /// The replica there.
    pub there: Repo,
    /// One of the two was made for this, or would be in a dry run.
    pub is_made: bool,
    /// Holds what is local to a replica in memory.
    _temp: Option<TempDir>,
}

impl Ends {
    /// Opens both. A replica that is lacking there is made, unless it is a dry run.
    ///
    /// # Errors
    /// CONFIG_INVALID when they are two repositories; CONFIG_MISSING when there is none there and `may_make` is not set;
    /// INVALID_KEY; what [`Place::open`] and [`Repo::make_replica`] answer.
    pub fn open(here: Repo, there: &Place, may_make: bool, dry_run: bool) -> Result<Ends> {
        if there.is_there()? {
            match there.as_replica_of(&here).and_then(|local| here.open_replica(there.backend(), local)) {
                // It was begun, and its configuration did not arrive as it is: it is made again.
                Err(error)
                    if may_make
                        && error.code() == Code::ConfigInvalid
                        && here.is_half_made(there.backend().as_ref())? => {}
                answer => return Ok(Ends { here, there: answer?, is_made: false, _temp: None }),
            }
        } else if !may_make {
            return Err(no_repository(there));
        }
        if dry_run {
            let (there, temp) = in_memory(&here)?;
            return Ok(Ends { here, there, is_made: true, _temp: Some(temp) });
        }
        if let Some(dir) = there.location().local_path() {
            // The state about a directory is kept by its path as the system sees it, and that must be there first.
            create_dir_durable(dir, PRIVATE_DIR)?;
        }
        let there = here.make_replica(there.backend(), there.as_replica(here.id())?)?;
        Ok(Ends { here, there, is_made: true, _temp: None })
    }

    /// Opens the replica there and makes one here, where there is none.
    ///
    /// # Errors
    /// CONFIG_MISSING when there is none there; INVALID_KEY; what [`Place::open`] and [`Repo::make_replica`] answer.
    pub fn make_here(
        here: &Place,
        there: &Place,
        secrets: &SecretOptions,
        asker: &dyn Asker,
        options: OpenOptions,
        dry_run: bool,
    ) -> Result<Ends> {
        if !there.is_there()? {
            return Err(no_repository(there));
        }
        let format = there.format()?;
        let is_known = config::state_dir()?.join(format.id.to_hex()).is_dir();
        there.as_replica(&format.id)?;
        let from = there.open(options, secrets, asker)?;
        if dry_run {
            let (here, temp) = in_memory(&from)?;
            return Ok(Ends { here, there: from, is_made: true, _temp: Some(temp) });
        }
        if let Some(dir) = here.location().local_path() {
            create_dir_durable(dir, PRIVATE_DIR)?;
        }
        // Who has another replica on this machine tells the histories of the two apart.
        let local = match is_known {
            true => here.as_replica(&format.id)?,
            false => Local { cache: here.cache_dir_of(&format.id)?, device: config::state_dir()? },
        };
        let here = from.make_replica(here.backend(), local)?;
        Ok(Ends { here, there: from, is_made: true, _temp: None })
    }
}

/// An empty replica that is gone afterwards.
fn in_memory(of: &Repo) -> Result<(Repo, TempDir)> {
    let temp = tempfile::Builder::new().prefix("larder-dry-").tempdir().at("create", "a directory")?;
    let local = Local { cache: temp.path().join("cache"), device: temp.path().join("device") };
    Ok((of.make_replica(Arc::new(MemBackend::new()), local)?, temp))
}

fn no_repository(there: &Place) -> Error {
    Error::new(Code::ConfigMissing, format!("there is no repository at {}", there.location()))
        .with_hint("`larder sync --push` makes a replica there")
}

impl Place {
    /// What a remote's name, an address or a path means, seen from `here`; whether a repository is there is not asked.
    ///
    /// # Errors
    /// FILE_NOT_FOUND for a name that is no remote and no path; INVALID_ARG for an address of a medium that is not built in.
    pub fn remote(here: Option<&Place>, name: &Path) -> Result<Place> {
        let Some(word) = name.to_str().filter(|word| config::check_remote_name(word).is_ok()) else {
            return Place::there(name);
        };
        let Some(here) = here else { return Place::there(name) };
        let remotes = here.remotes()?;
        match remotes.find(word) {
            Some(address) => Place::there(Path::new(address)),
            None if name.exists() => Place::there(name),
            None => remotes.get(word).and_then(|address| Place::there(Path::new(address))),
        }
    }

    /// The repository at an address or in a directory, or the place where one can be made.
    fn there(name: &Path) -> Result<Place> {
        match Place::at(name) {
            Err(error) if error.code() == Code::ConfigMissing => Place::to_be(Some(name)),
            answer => answer,
        }
    }

    /// What is local to this machine of a further replica of `here`; of another repository, what is its own.
    fn as_replica_of(&self, here: &Repo) -> Result<Local> {
        if self.format()?.id == *here.id() { self.as_replica(here.id()) } else { self.local() }
    }
}
