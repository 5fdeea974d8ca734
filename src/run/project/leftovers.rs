//! Outputs on disk that no task of the manifest makes any more.
//!
//! A task was removed, or declares other outputs now: what it had made is still there, and a pattern of another task
//! would take it for a source. The plan remembers such paths and how they looked; as long as they look so, patterns
//! pass over them. What somebody touches or writes anew is a source like any other, and so is what an input names by
//! its path or git tracks. A command that lists a directory itself sees a leftover all the same, and its key does not
//! hold it: what a task makes whose patterns pass over one is not stored.

use super::Project;
use crate::error::{IoContext, Result};
use crate::run::graph::OutputArea;
use crate::run::pattern::Pattern;
use crate::run::plan::{Light, digest_of};
use crate::run::state::State;
use crate::run::state::files::{FileNo, Files};
use crate::run::state::rows::{Digest, RowNo};
use crate::run::state::stamp::{Stamp, look};
use rustix::fd::BorrowedFd;
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::Path;

/// What the plan before this one knew, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) area: Digest,
    pub(super) rows: Vec<RowNo>,
    pub(super) lost: Vec<(Vec<u8>, Stamp)>,
}

impl Before {
    /// What of it still stands there and is none of the outputs of now.
    ///
    /// # Errors
    /// CACHE_ERROR; FILE_NOT_FOUND and so on when the root cannot be opened.
    pub(super) fn lost(
        self,
        now: &Light,
        area: &OutputArea,
        state: &State,
        files: &Files,
    ) -> Result<Vec<(Vec<u8>, Stamp)>> {
        let mut lost = Vec::new();
        if self.area != now.area {
            let rows = state.task_rows(None)?;
            for lists in self.rows.iter().filter_map(|number| rows.get(*number)?.lists()) {
                let outputs = lists.outputs.map(|file| (files.path(FileNo(file)), files.known(FileNo(file)).stamp));
                let lone = outputs.filter(|(path, stamp)| !stamp.is_directory() && area.owner(path).is_none());
                lost.extend(lone.map(|(path, stamp)| (path.to_vec(), stamp)));
            }
        }
        lost.extend(self.lost.into_iter().filter(|(path, _)| area.owner(path).is_none()));
        if !lost.is_empty() {
            let root = crate::walk::open_path(rustix::fs::CWD, &now.root).at("open", &now.root)?;
            lost.retain(|(path, stamp)| is_as_left(root.as_fd(), path, stamp));
            lost.sort_by(|one, other| one.0.cmp(&other.0));
            lost.dedup_by(|one, other| one.0 == other.0);
        }
        Ok(lost)
    }
}

/// The paths that patterns pass over in this invocation, and the digest of all that is no source.
///
/// # Errors
/// FILE_NOT_FOUND and so on when the root cannot be opened.
pub(super) fn leftovers(light: &Light, root: &Path) -> Result<(BTreeSet<Vec<u8>>, Digest)> {
    if light.lost.is_empty() {
        return Ok((BTreeSet::new(), light.area));
    }
    let handle = crate::walk::open_path(rustix::fs::CWD, root).at("open", root)?;
    let left = light.lost.iter().filter(|(path, stamp)| is_as_left(handle.as_fd(), path, stamp));
    let left: BTreeSet<Vec<u8>> = left.map(|(path, _)| path.clone()).collect();
    let digest = digest_of(std::iter::once(light.area.as_slice()).chain(left.iter().map(Vec::as_slice)));
    Ok((left, digest))
}

/// Whether what stands at a path looks as when a task had made it. A copy of the project that keeps times is no change.
fn is_as_left(root: BorrowedFd<'_>, path: &[u8], left: &Stamp) -> bool {
    let same = |seen: Stamp| (seen.size, seen.mtime_ns, seen.mode) == (left.size, left.mtime_ns, left.mode);
    left.mode != 0 && look(root, path, false).is_ok_and(same)
}

impl Project {
    /// A leftover that a command with these inputs may have read all the same: what it made then stands for no run.
    pub fn leftover_among<'a>(&'a self, inputs: &'a [Pattern]) -> Option<&'a [u8]> {
        self.sources.passed_over(inputs).next()
    }

    /// What to tell of leftovers that patterns of this invocation met.
    pub fn leftovers_told(&self) -> Option<String> {
        let texts = self.sources.used_patterns().into_iter().filter_map(|(_, text)| String::from_utf8(text).ok());
        let patterns: Vec<Pattern> = texts.filter_map(|text| Pattern::parse(&text, b"").ok()).collect();
        let mut passed = self.sources.passed_over(&patterns);
        let first = passed.next()?.escape_ascii();
        let more = match passed.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Some(format!(
            "{first}{more} was made by a task that the manifest does not have any more: no pattern takes it for an \
             input, and what is made of it is not stored; delete it, or touch it to make it a source"
        ))
    }
}
