//! A partial repository: what other media promised to keep for it. `promised.toml`, local to one replica and never synced.
//!
//! Floor 3; FORMAT section 11, STORAGE section 8.4. Segments of the other side are here, the packs that they list are not, and
//! are read there. Nothing here relies on them: a writer stores again what it needs, so what is made here stays whole
//! whatever the other side lets go. Nothing is deleted here as long as something is promised.

use super::{Repo, segment_path};
use crate::backend::Backend;
use crate::error::{Code, Error, IoContext, Result};
use crate::fs::{PRIVATE_FILE, remove_if_there, write_durable};
use crate::id::Id;
use std::collections::{BTreeSet, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The name of the file.
const PROMISE_FILE: &str = "promised.toml";

/// What is promised, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The address of the medium that keeps it.
    pub address: String,
    /// The segments of that medium that were copied here.
    pub segments: BTreeSet<Id>,
}

#[derive(serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    address: String,
    segments: Vec<String>,
}

impl Promise {
    /// What is promised to the repository in this directory; `None` if everything is here.
    ///
    /// # Errors
    /// CONFIG_INVALID when the file is not as larder writes it; FILE_IO.
    pub fn load(dir: &Path) -> Result<Option<Promise>> {
        let path = path_in(dir);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(error).at("read", &path),
        };
        let invalid = || Error::new(Code::ConfigInvalid, format!("{} is not as larder writes it", path.display()));
        let file: File = toml::from_str(&text).map_err(|error| invalid().with_source(error))?;
        let segments = file.segments.iter().map(|name| name.parse()).collect::<Result<_>>();
        Ok(Some(Promise { address: file.address, segments: segments.map_err(|error| invalid().with_source(error))? }))
    }

    /// Notes it for the repository in this directory. Durable on return.
    ///
    /// # Errors
    /// FILE_IO, STORAGE_FULL, PERMISSION_DENIED.
    pub fn store(&self, dir: &Path) -> Result<()> {
        let segments = self.segments.iter().map(Id::to_string).collect();
        let text = toml::to_string(&File { address: self.address.clone(), segments })
            .map_err(|error| Error::new(Code::ConfigError, "what is promised cannot be written").with_source(error))?;
        write_durable(&path_in(dir), text.as_bytes(), PRIVATE_FILE)
    }
}

/// As [`Repo::refuse_partial`], of a medium.
///
/// # Errors
/// PERMISSION_DENIED where packs are absent on purpose.
pub fn refuse_partial(backend: &dyn Backend, what: &str) -> Result<()> {
    let Some(beyond) = backend.beyond() else { return Ok(()) };
    let (here, beyond) = (backend.location(), beyond.location());
    let message = format!("the repository in {here} is partial, and {what}: the rest is at {beyond}");
    Err(Error::new(Code::PermissionDenied, message)
        .with_hint("`larder sync` without --index-only brings everything here; gc can run at the other side"))
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join(PROMISE_FILE)
}

impl Repo {
    /// Whether packs are absent here on purpose.
    pub fn is_partial(&self) -> bool {
        self.backend().beyond().is_some()
    }

    /// Refuses what would take what is promised for lost, or leave it behind.
    ///
    /// # Errors
    /// PERMISSION_DENIED in a partial repository.
    pub fn refuse_partial(&self, what: &str) -> Result<()> {
        refuse_partial(self.backend().as_ref(), what)
    }

    /// Packs that are not here but where they were promised.
    ///
    /// # Errors
    /// CACHE_ERROR, CONFIG_INVALID, and what listing the medium can answer.
    pub fn promised_packs(&self) -> Result<HashSet<Id>> {
        let own = self.own_packs()?;
        let mut names = self.index().pack_names(false)?;
        names.retain(|name| !own.contains(name));
        Ok(names)
    }

    /// Packs that are here and that a segment of this replica lists. What came over and is not listed yet stays promised: the
    /// other side's segments go some day.
    pub(crate) fn own_packs(&self) -> Result<HashSet<Id>> {
        let theirs = self.promise()?.map(|promise| promise.segments).unwrap_or_default();
        let segments = self.index().view()?.segments()?;
        let listed = segments.into_iter().filter(|(name, _)| !theirs.contains(name)).flat_map(|(_, packs)| packs);
        let files = self.pack_files()?;
        Ok(listed.filter(|name| files.contains_key(name)).collect())
    }

    /// What is promised to this replica.
    pub(crate) fn promise(&self) -> Result<Option<Promise>> {
        Promise::load(&self.local().cache)
    }

    /// Ends the promise: everything that is kept is here, in segments of this replica.
    pub(crate) fn end_promise(&self) -> Result<()> {
        if let Some(promise) = self.promise()? {
            promise.segments.iter().try_for_each(|name| self.backend().delete(&segment_path(name)))?;
            remove_if_there(&path_in(&self.local().cache))?;
        }
        self.refresh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_as_it_was_noted() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Promise::load(dir.path()).unwrap(), None);
        let segments = [Id::new([1; 32]), Id::new([2; 32])].into();
        let promise = Promise { address: "exec:x \"y\"".to_string(), segments };
        promise.store(dir.path()).unwrap();
        assert_eq!(Promise::load(dir.path()).unwrap(), Some(promise));
        std::fs::write(path_in(dir.path()), "address = \"x\"\nsegments = [\"y\"]\n").unwrap();
        assert_eq!(Promise::load(dir.path()).unwrap_err().code(), Code::ConfigInvalid);
    }
}
