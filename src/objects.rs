//! Objects one by one: a stream stored as one, and what there is listed.
//!
//! Floor 5. Memory does not grow with the object nor with the list (promise 8), but with a tree, which is
//! checked whole.

use crate::clock;
use crate::error::{Code, Error, IoContext, Result};
use crate::id::Id;
use crate::monitor::Monitor;
use crate::object::{Class, Key, Kind};
use crate::reach::{Reach, ReachOptions, kept, reachable};
use crate::repo::segment::{Place, Record};
use crate::repo::{Put, Putter, Repo};
use crate::tree::read_tree;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// How much of a stream is read at a time.
const READ_BYTES: usize = 256 << 10;

/// An object that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: Id,
    /// Its kind, as it was stored.
    pub kind: Kind,
    /// Its length in bytes.
    pub len: u64,
}

/// Stores a stream to its end as one object. `path` stands in messages.
///
/// # Errors
/// INVALID_ARG for a tree that is none, FILE_IO when reading fails, and what [`Putter::put`] answers.
pub fn put_stream(putter: &mut Putter<'_>, kind: Kind, input: &mut dyn Read, path: &Path) -> Result<Put> {
    if kind == Kind::Tree {
        return put_tree(putter, input, path);
    }
    let mut buffer = vec![0; READ_BYTES];
    let mut object = putter.object(kind);
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return object.finish(),
            Ok(read) => object.write(buffer.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).at("read", path),
        }
    }
}

/// Stores a tree, which must be one: what reads it later would take anything else for damage.
fn put_tree(putter: &mut Putter<'_>, input: &mut dyn Read, path: &Path) -> Result<Put> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).at("read", path)?;
    read_tree(&bytes)
        .map_err(|error| Error::new(Code::InvalidArg, format!("{} is no tree", path.display())).with_source(error))?;
    putter.put(Kind::Tree, &bytes)
}

/// Calls `each` with every object that is here, each once: first the small ones, then the large ones, by id. Stops when
/// it answers false. The empty object, which is stored nowhere, is not listed.
///
/// # Errors
/// CACHE_ERROR, and what `each` answers.
pub fn list_objects(repo: &Repo, each: &mut dyn FnMut(&Listed) -> Result<bool>) -> Result<()> {
    let view = repo.index().view()?;
    let (mut last, mut goes_on) = (None, true);
    for class in [Class::Whole, Class::Alias] {
        view.for_each_from(class, &mut |record| {
            if record.key.class != class {
                return Ok(false);
            }
            // Several packs may hold copies of one object.
            if last.replace(record.key) != Some(record.key) {
                goes_on = each(&listed(record))?;
            }
            Ok(goes_on)
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Calls `each` with every object that is here and that nothing keeps: no snapshot, no record of a run, no pin. What a
/// writer has stored and not yet published is among them.
///
/// # Errors
/// As [`reachable`] and [`kept`], and what `each` answers.
pub fn list_unreferenced(
    repo: &Repo,
    options: &ReachOptions,
    monitor: &dyn Monitor,
    each: &mut dyn FnMut(&Listed) -> Result<()>,
) -> Result<()> {
    let mut last = None;
    reach_of_roots(repo, options, monitor)?.join(
        repo,
        &mut |record, is_reachable| {
            let is_object = matches!(record.key.class, Class::Whole | Class::Alias);
            let is_copy = last.replace(record.key) == Some(record.key);
            if is_object && !is_copy && !is_reachable { each(&listed(record)) } else { Ok(()) }
        },
        &mut |_| Ok(()),
    )
}

/// Calls `each` with the key of every object, chunk and recipe node that something refers to and that is not here.
///
/// # Errors
/// As [`list_unreferenced`].
pub fn list_missing(
    repo: &Repo,
    options: &ReachOptions,
    monitor: &dyn Monitor,
    each: &mut dyn FnMut(Key) -> Result<()>,
) -> Result<()> {
    reach_of_roots(repo, options, monitor)?.join(repo, &mut |_, _| Ok(()), each)
}

fn reach_of_roots(repo: &Repo, options: &ReachOptions, monitor: &dyn Monitor) -> Result<Reach> {
    let kept = kept(repo, &repo.roots()?, clock::now())?;
    reachable(repo, &kept.starts, options, monitor)
}

fn listed(record: &Record) -> Listed {
    let len = match record.place {
        Place::Frame { len, .. } => u64::from(len),
        Place::Alias { len, .. } => len,
    };
    Listed { id: record.key.id, kind: record.kind, len }
}
