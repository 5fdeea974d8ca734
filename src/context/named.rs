//! What people and scripts name: an object by its id, a snapshot, or a path in a snapshot.

use super::completion::remember;
use crate::clock;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::repo::Repo;
use crate::snapshot::{Snapshot, Snapshots};
use crate::stored::require;
use crate::tree::{Entry, EntryKind};
use std::cell::OnceCell;

/// What a text names.
#[derive(Clone, Debug)]
pub enum Named {
    /// An object, by its whole id.
    Object(Id),
    /// A snapshot.
    Snapshot(Box<Snapshot>),
    /// What stands at a path of a snapshot; the root, if the path is empty.
    Entry {
        /// The snapshot.
        snapshot: Box<Snapshot>,
        /// The path, without a slash at its ends.
        path: Vec<u8>,
        /// What stands there.
        entry: Box<Entry>,
    },
}

impl Named {
    /// The object that is named: of a snapshot its root tree.
    ///
    /// # Errors
    /// INVALID_ARG for what has no content, such as a symlink.
    pub fn object(&self) -> Result<Id> {
        match self {
            Named::Object(id) => Ok(*id),
            Named::Snapshot(snapshot) => Ok(snapshot.body.tree),
            Named::Entry { entry, path, .. } => match (entry.content, entry.kind) {
                (Some(id), _) => Ok(id),
                (None, EntryKind::File) => Ok(Id::EMPTY),
                (None, kind) => {
                    let message = format!("`{}` is a {} and has no content", path.escape_ascii(), kind.name());
                    fail(Code::InvalidArg, message)
                }
            },
        }
    }

    /// The snapshot that is named, or in which a path is named.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Named::Object(_) => None,
            Named::Snapshot(snapshot) | Named::Entry { snapshot, .. } => Some(snapshot),
        }
    }

    /// The id of what is named itself: of a snapshot its own.
    ///
    /// # Errors
    /// As [`Named::object`].
    pub fn id(&self) -> Result<Id> {
        match self {
            Named::Snapshot(snapshot) => Ok(snapshot.id),
            _ => self.object(),
        }
    }
}

/// The snapshots of a repository as they are now; their names are remembered for completions.
///
/// # Errors
/// As [`Repo::roots`].
pub fn load_snapshots(repo: &Repo) -> Result<Snapshots> {
    let loaded = repo.load_roots()?;
    let snapshots = Snapshots::load(&loaded.roots, clock::now()).with_unread(loaded.damaged);
    remember(repo, &snapshots);
    Ok(snapshots)
}

/// Finds what is named in one repository; its snapshots are read when the first name needs them.
pub struct Names<'r> {
    repo: &'r Repo,
    snapshots: OnceCell<Snapshots>,
}

impl<'r> Names<'r> {
    /// Nothing is read yet.
    pub fn new(repo: &'r Repo) -> Self {
        Names { repo, snapshots: OnceCell::new() }
    }

    /// The snapshots of the repository.
    ///
    /// # Errors
    /// As [`Repo::roots`].
    pub fn snapshots(&self) -> Result<&Snapshots> {
        if let Some(snapshots) = self.snapshots.get() {
            return Ok(snapshots);
        }
        let snapshots = load_snapshots(self.repo)?;
        Ok(self.snapshots.get_or_init(|| snapshots))
    }

    /// What a text names. A whole id of an object that is here is that object; anything else is looked for among the
    /// snapshots.
    ///
    /// # Errors
    /// FILE_NOT_FOUND for a whole id that is neither, SNAPSHOT_NOT_FOUND, INVALID_ARG for an ambiguous prefix.
    pub fn find(&self, text: &[u8]) -> Result<Named> {
        let id = std::str::from_utf8(text).ok().and_then(|text| text.parse::<Id>().ok());
        if let Some(id) = id {
            if self.has(&id)? {
                return Ok(Named::Object(id));
            }
            return match self.snapshots()?.get(&id) {
                Some(snapshot) => Ok(Named::Snapshot(Box::new(snapshot.clone()))),
                None => {
                    self.snapshots()?.must_be_readable(&id.to_string())?;
                    fail(Code::FileNotFound, format!("there is neither an object nor a snapshot {id}"))
                }
            };
        }
        let target = match self.snapshots()?.resolve(text) {
            Err(error) if error.code() == Code::SnapshotNotFound => return Err(self.about_an_object(text, error)),
            target => target?,
        };
        let snapshot = Box::new(target.snapshot.clone());
        match target.path {
            None => Ok(Named::Snapshot(snapshot)),
            Some(path) => {
                let entry = Box::new(require(self.repo, &snapshot.body.tree, &path)?);
                Ok(Named::Entry { snapshot, path, entry })
            }
        }
    }

    /// As [`Names::find`], for what must be a snapshot or a path in one.
    ///
    /// # Errors
    /// As [`Names::find`]; SNAPSHOT_NOT_FOUND for an object.
    pub fn find_snapshot(&self, text: &[u8]) -> Result<Named> {
        match self.find(text)? {
            Named::Object(id) => Err(Error::new(Code::SnapshotNotFound, format!("{id} is an object, not a snapshot"))),
            named => Ok(named),
        }
    }

    /// Says what is wrong with digits that may have been meant for an object.
    fn about_an_object(&self, text: &[u8], error: Error) -> Error {
        let name = text.split(|byte| *byte == b':').next().unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        match name.parse::<Id>() {
            Ok(id) if self.has(&id).unwrap_or(false) => {
                Error::new(Code::SnapshotNotFound, format!("{id} is an object; only a snapshot has paths"))
                    .with_hint("`larder ls-tree` lists a tree")
            }
            Err(_) if name.len() >= 4 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                error.with_hint("an object is named by all 64 digits of its id")
            }
            _ => error,
        }
    }

    /// Whether an object is here. One that is not may have come since the repository was opened.
    fn has(&self, id: &Id) -> Result<bool> {
        if self.repo.find(id)?.is_some() {
            return Ok(true);
        }
        self.repo.refresh()?;
        Ok(self.repo.find(id)?.is_some())
    }
}
