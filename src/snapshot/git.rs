//! Where a git work tree stands, for what is remembered of it: a snapshot or a run.

use super::Git;
use gix::open::Options;
use gix::sec::trust::Mapping;
use std::cell::Cell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

thread_local! {
    static IS_LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread looks at a git work tree for [`git_at`]. What gix does not expect in one that is damaged may make
/// it panic: that costs what would be said of the work tree, and not the snapshot or the run.
pub fn looks_at_git() -> bool {
    IS_LOOKING.get()
}

/// Commit, branch and whether tracked files differ, of the work tree that a path lies in.
///
/// As git itself, this looks at no work tree of another owner, whose configuration could name programs to run; and at
/// no configuration but the work tree's.
pub fn git_at(path: &[u8]) -> Option<Git> {
    guarded(|| look_at(path))
}

fn guarded<T>(look: impl FnOnce() -> Option<T>) -> Option<T> {
    IS_LOOKING.set(true);
    // Nothing that it changes is looked at again.
    let seen = catch_unwind(AssertUnwindSafe(look));
    IS_LOOKING.set(false);
    seen.ok().flatten()
}

fn look_at(path: &[u8]) -> Option<Git> {
    let trust = Mapping { full: Options::isolated(), reduced: Options::isolated().bail_if_untrusted(true) };
    let path = if path.is_empty() { Path::new("/") } else { Path::new(OsStr::from_bytes(path)) };
    let repo: gix::Repository = gix::ThreadSafeRepository::discover_opts(path, Default::default(), trust).ok()?.into();
    repo.workdir()?;
    let commit = repo.head_id().ok()?.to_string();
    let branch = repo.head_name().ok().flatten().map(|name| name.shorten().to_string()).unwrap_or_default();
    let is_dirty = repo.is_dirty().unwrap_or(true);
    Some(Git { commit, branch, is_dirty, ..Git::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_the_note_alone() {
        assert_eq!(guarded(|| Some(looks_at_git())), Some(true));
        assert_eq!(guarded::<()>(|| panic!("a damaged work tree")), None);
        assert!(!looks_at_git());
    }
}
