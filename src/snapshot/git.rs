//! Where a git work tree stands, for what is remembered of it: a snapshot or a run.

use super::Git;
use gix::open::Options;
use gix::sec::trust::Mapping;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Commit, branch and whether tracked files differ, of the work tree that a path lies in.
///
/// As git itself, this looks at no work tree of another owner, whose configuration could name programs to run; and at
/// no configuration but the work tree's.
pub fn git_at(path: &[u8]) -> Option<Git> {
    let trust = Mapping { full: Options::isolated(), reduced: Options::isolated().bail_if_untrusted(true) };
    let path = if path.is_empty() { Path::new("/") } else { Path::new(OsStr::from_bytes(path)) };
    let repo: gix::Repository = gix::ThreadSafeRepository::discover_opts(path, Default::default(), trust).ok()?.into();
    repo.workdir()?;
    let commit = repo.head_id().ok()?.to_string();
    let branch = repo.head_name().ok().flatten().map(|name| name.shorten().to_string()).unwrap_or_default();
    let is_dirty = repo.is_dirty().unwrap_or(true);
    Some(Git { commit, branch, is_dirty, ..Git::default() })
}
