//! Restore: a stored tree becomes files again.
//!
//! Floor 5. The stored trees are walked in order by one thread, which makes directories and gathers files into bounded
//! batches; another works each batch off: it compares what is there already, fetches what is missing in pack order on
//! all processors, and writes it. Memory is bounded by two batches.
//!
//! Promises: nothing half ever stands under a final name, not even after `kill -9` (4, 9); every byte is checked before
//! it is written (6); what fails is named and does not stop the rest (10); nothing is written, removed or followed
//! outside the target, whatever the snapshot or the target holds.

mod batch;
mod compare;
mod links;
mod meta;
mod node;
mod options;
mod output;
mod own;
mod plan;
mod remove;
mod report;
mod run;
mod select;
mod target;
#[cfg(test)]
mod tests;
mod verify;

pub use options::{Overwrite, Owners, RestoreOptions, RestoreStats};

use crate::clock::Stopwatch;
use crate::error::Result;
use crate::fs::raise_file_limit;
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::recipe::ChunkIds;
use crate::repo::Repo;
use crate::repo::lease::ReadLease;
use crate::stored::{Entries, HardLinks, require, walk};
use crate::tree::{Entry, Summary};
use links::Links;
use plan::Planner;
use report::Report;
use run::Runner;
use select::Selection;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use target::{Dir, Target};

/// What is restored.
#[derive(Clone, Debug)]
pub struct RestoreSource<'a> {
    /// The root tree of a snapshot, or any tree.
    pub tree: Id,
    /// The snapshot's links object.
    pub links: Option<Id>,
    /// A path in the tree; empty for all of it. A directory is restored as the target itself, anything else into it.
    pub path: &'a [u8],
    /// The snapshot's source paths: above these its directories are known in part only, so nothing is removed from
    /// them. Empty: all of the tree is whole.
    pub sources: &'a [Vec<u8>],
}

/// Restores a stored tree, or what stands at a path of it, into the directory `target`.
///
/// What fails is told to the monitor and counted; the rest is restored. The repository itself, and what else `options`
/// says larder stands on, is left as it is.
///
/// # Errors
/// FILE_NOT_FOUND when there is nothing at the path; INVALID_ARG for bad patterns or a target that is a file
/// or lies in the repository; STORAGE_FULL, which ends it, as with `fail_fast` any failure does; what reading the first tree or the links answers.
pub fn restore(
    repo: &Repo,
    source: &RestoreSource<'_>,
    target: &Path,
    options: &RestoreOptions,
    monitor: &dyn Monitor,
) -> Result<RestoreStats> {
    let watch = Stopwatch::start();
    // A snapshot that is forgotten meanwhile comes back whole all the same.
    let _lease = ReadLease::take(repo, "restore");
    let path = clean(source.path);
    let found = require(repo, &source.tree, &path)?;
    let parent = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at);
    let prefix = if found.is_directory() { &path[..] } else { &path[..parent] };
    let selection = Selection::new(&options.include, &options.exclude, prefix)?;
    raise_file_limit();
    let links = Links::new(HardLinks::read(repo, source.links.as_ref())?);
    monitor.event(&Event::Phase("restoring"));
    let total = summary(repo, &found)?;
    monitor.event(&Event::Total { items: total.files, bytes: total.bytes });
    let report = Report::new(monitor, options.strict_metadata, options.fail_fast);
    let target = Target::new(repo, target, prefix, options, report)?;
    let walked = {
        // The root of a snapshot has no metadata of its own, nor has the place where a single file goes.
        let stands_for = Some(&found).filter(|found| found.is_directory() && found.meta.is_some());
        let root = target.open(stands_for, prefix)?;
        work(&target, root, &found, &path, selection, links, source.sources)
    };
    // A failure that ended everything says more than that the walk was broken off.
    let stats = target.report.finish()?;
    walked.map(|()| RestoreStats { elapsed_ms: watch.elapsed_ms(), ..stats })
}

/// Walks on this thread, works batches off on another.
fn work<'t>(
    target: &'t Target<'t>,
    root: Arc<Dir<'t>>,
    found: &Entry,
    path: &[u8],
    selection: Selection,
    links: Links,
    sources: &[Vec<u8>],
) -> Result<()> {
    let (out, batches) = sync_channel(0);
    let whole_bytes_max = u64::from(target.repo.config().sizes.avg);
    let ids = ChunkIds::new(target.repo.keyring().chunk_id_key());
    let runner = Runner { target, root: root.clone(), ids, whole_bytes_max };
    std::thread::scope(|scope| {
        scope.spawn(move || batches.into_iter().for_each(|batch| runner.run(batch)));
        let mut planner = Planner::new(target, selection, links, sources, out, whole_bytes_max);
        let walked = match found.content.filter(|_| found.is_directory()) {
            Some(tree) => {
                planner.begin(root, path);
                walk(target.repo, &tree, path, &mut planner).map(|_| ())
            }
            None => {
                planner.begin(root, path.strip_suffix(found.name.as_slice()).map_or(path, trim));
                planner.leaf(path, found)
            }
        };
        walked.and_then(|()| planner.end())
    })
}

/// Files and bytes there are at and below an entry.
fn summary(repo: &Repo, found: &Entry) -> Result<Summary> {
    let mut total = Summary::default();
    match (found.content, found.summary) {
        (Some(tree), None) if found.is_directory() => {
            let mut entries = Entries::new(repo, tree);
            while let Ok(Some(entry)) = entries.next_entry() {
                total.add(&entry);
            }
        }
        _ => total.add(found),
    }
    Ok(total)
}

/// A path of the snapshot as the walk gives it: one slash before each name, none at the end.
fn clean(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.flat_map(|part| std::iter::once(b'/').chain(part.iter().copied())).collect()
}

fn trim(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}
