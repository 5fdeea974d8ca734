//! Whether the sources are as in an earlier snapshot, whatever became of the directories that lead to them.

use crate::error::{Code, Result, fail};
use crate::id::Id;
use crate::repo::Repo;
use crate::tree::{Entry, read_tree};
use crate::walk::SourceNode;
use std::collections::BTreeMap;

/// Whether two root trees hold the same at every source.
///
/// # Errors
/// What reading trees can answer.
pub(super) fn is_same(repo: &Repo, old: Id, new: Id, node: &SourceNode) -> Result<bool> {
    if old == new || node.source.is_some() {
        return Ok(old == new);
    }
    // These trees only lead to sources, so they have few entries, but for a list of many files.
    let (old, new) = (entries(repo, old)?, entries(repo, new)?);
    for (name, child) in &node.children {
        let is_same = match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old == new => true,
            (Some(old), Some(new)) if child.source.is_none() => match (old.content, new.content) {
                (Some(old), Some(new)) => is_same(repo, old, new, child)?,
                _ => false,
            },
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn entries(repo: &Repo, tree: Id) -> Result<BTreeMap<Vec<u8>, Entry>> {
    Ok(read_tree(&repo.read(&tree)?)?.entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect())
}

/// The content of the file at a path in a tree, if there is one.
///
/// # Errors
/// What reading trees can answer.
pub(super) fn content_at(repo: &Repo, tree: Id, path: &[&[u8]]) -> Result<Option<Option<Id>>> {
    let Some((name, rest)) = path.split_first() else { return fail(Code::InvalidArg, "an empty path") };
    let Some(entry) = entries(repo, tree)?.remove(*name) else { return Ok(None) };
    match (rest.is_empty(), entry.content) {
        (true, content) => Ok(Some(content)),
        (false, Some(tree)) if entry.is_directory() => content_at(repo, tree, rest),
        _ => Ok(None),
    }
}
