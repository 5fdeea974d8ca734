//! What git tracks and what it ignores, for `@git(PATH)`.
//!
//! As in backups, no work tree of another owner is looked at, whose configuration could name programs to run, and no
//! configuration but the work tree's.

use crate::error::{Code, Error, Result};
use crate::run::pattern::is_at_or_beneath;
use crate::run::state::stamp::look;
use crate::walk::{ExcludeOptions, Listing, Rules, Scope};
use gix::open::Options;
use gix::sec::trust::Mapping;
use rustix::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The rules that hold in a part of a git work tree.
pub(super) struct GitRules {
    top: Vec<u8>,
    rules: Rules,
    /// How the rules know the top of the part.
    prefix: Vec<u8>,
    scope: Scope,
    files: Vec<Vec<u8>>,
    tracked: Vec<Vec<u8>>,
}

impl GitRules {
    /// For the part of the work tree below `top`.
    pub(super) fn open(root: &Path, top: &[u8]) -> Result<Self> {
        let part = root.join(std::ffi::OsStr::from_bytes(top));
        let trust = Mapping { full: Options::isolated(), reduced: Options::isolated().bail_if_untrusted(true) };
        let none = |what: &str| {
            let message = format!("`@git` is for git work trees, and {} is {what}", root.display());
            Error::new(Code::ConfigInvalid, message).with_hint("name files or globs instead, or `git init` first")
        };
        let repo: gix::Repository = gix::ThreadSafeRepository::discover_opts(root, Default::default(), trust)
            .map_err(|error| none("in none that can be read").with_source(error))?
            .into();
        let work_tree = repo.workdir().and_then(|dir| dir.canonicalize().ok()).ok_or_else(|| none("in a bare one"))?;
        let inner = root.canonicalize().ok().and_then(|root| root.strip_prefix(&work_tree).ok().map(Path::to_path_buf));
        let inner = inner.ok_or_else(|| none("outside of the one it belongs to"))?;
        let index = repo.index_or_empty().map_err(|error| none("in one with a broken index").with_source(error))?;
        let from_root = |path: &[u8]| match inner.as_os_str().as_bytes() {
            b"" => Some(path.to_vec()),
            inner => path.strip_prefix(inner)?.strip_prefix(b"/").map(<[u8]>::to_vec),
        };
        let is_file = |entry: &&gix::index::Entry| entry.mode != gix::index::entry::Mode::COMMIT;
        let paths = index.entries().iter().filter(is_file).filter_map(|entry| from_root(entry.path(&index)));
        let tracked = paths.filter(|path| is_at_or_beneath(path, top)).collect();
        let options = ExcludeOptions { larder_ignore: false, git_ignore: true, ..ExcludeOptions::default() };
        let rules = Rules::new(&options, part.as_os_str().as_bytes(), &[])?;
        let (scope, prefix) = rules.start();
        let files = files_of(&repo, &work_tree, root, top);
        Ok(GitRules { top: top.to_vec(), rules, prefix, scope, files, tracked })
    }

    /// Files that decide what is found: the index, and rules from above the part.
    pub(super) fn files(&self) -> Vec<Vec<u8>> {
        self.files.clone()
    }

    /// The rules that hold at the top of the part.
    pub(super) fn start(&self) -> Scope {
        self.scope.clone()
    }

    /// The rules that hold in a directory.
    pub(super) fn enter(&self, above: &Scope, dir: impl AsFd, listing: &Listing, path: &[u8]) -> Result<Scope> {
        let mut known = self.known_path(path);
        if !known.is_empty() && known.last() != Some(&b'/') {
            known.push(b'/');
        }
        self.rules.enter(above, dir, listing, &known)
    }

    /// Whether git ignores a path below the top.
    pub(super) fn ignores(&self, scope: &Scope, path: &[u8], is_dir: bool) -> bool {
        self.rules.leaves_out(scope, &self.known_path(path), is_dir)
    }

    /// Tracked files that are there.
    pub(super) fn tracked_files(&self, root: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>> {
        let is_there = |path: &&Vec<u8>| {
            look(root, path.as_slice(), false).is_ok_and(|stamp| stamp.mode != 0 && !stamp.is_directory())
        };
        Ok(self.tracked.iter().filter(is_there).cloned().collect())
    }

    /// A path from the root, as the rules know it.
    fn known_path(&self, path: &[u8]) -> Vec<u8> {
        let inner = path.strip_prefix(self.top.as_slice()).unwrap_or(path);
        let inner = inner.strip_prefix(b"/").unwrap_or(inner);
        [self.prefix.as_slice(), inner].concat()
    }
}

/// The files that decide what git tracks and ignores from above a part; within it they are found by walking.
fn files_of(repo: &gix::Repository, work_tree: &Path, root: &Path, top: &[u8]) -> Vec<Vec<u8>> {
    let mut files = vec![repo.index_path(), repo.common_dir().join("info/exclude")];
    let part = root.join(std::ffi::OsStr::from_bytes(top));
    let above = part.ancestors().skip(1).take_while(|dir| dir.starts_with(work_tree));
    files.extend(above.map(|dir| dir.join(".gitignore")));
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    files.into_iter().map(|path| absolute(path).into_os_string().into_encoded_bytes()).collect()
}
