//! What a pattern of sources names in the work tree.

use super::Sources;
use super::git::GitRules;
use crate::error::{IoContext, Result};
use crate::run::graph::OutputArea;
use crate::run::pattern::{Pattern, is_hidden};
use crate::run::state::files::Content;
use crate::run::state::stamp::{Stamp, look, stamp_now_ns};
use crate::walk::{Listing, Scratch, open_dir, stat_fd};
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What a walk found, and what its answer rests on.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Directories that were listed, and how they looked before.
    pub(super) directories: Vec<(Vec<u8>, Content)>,
    /// Files that decide what is found: git's index, and files of rules. Those that are not there count, too.
    pub(super) rules: Vec<Vec<u8>>,
    /// Files, links and empty directories, sorted by path.
    pub(super) found: Vec<Vec<u8>>,
}

/// Walks the directories in which a pattern may match, outside the output area.
pub(super) fn walk(sources: &Sources, pattern: &Pattern, area: &OutputArea) -> Result<Walked> {
    let mut walk = Walk { sources, pattern, area, git: None, scratch: Scratch::default(), walked: Walked::default() };
    if let Pattern::Git(top) = pattern {
        let git = GitRules::open(sources.root_path(), top)?;
        walk.walked.rules.extend(git.files());
        walk.git = Some(git);
    }
    walk.from(pattern.literal_prefix())?;
    let mut walked = walk.walked;
    if let Some(git) = walk.git {
        let is_source = |path: &[u8]| !is_hidden(path) && area.owner(path).is_none();
        walked.found.extend(git.tracked_files(sources.root())?.into_iter().filter(|path| is_source(path)));
    }
    walked.found.sort_unstable();
    walked.found.dedup();
    Ok(walked)
}

struct Walk<'a> {
    sources: &'a Sources,
    pattern: &'a Pattern,
    area: &'a OutputArea,
    git: Option<GitRules>,
    scratch: Scratch,
    walked: Walked,
}

impl Walk<'_> {
    fn from(&mut self, top: &[u8]) -> Result<()> {
        let root = self.sources.root();
        let name = if top.is_empty() { b".".as_slice() } else { top };
        let stamp = look(root, name, false).at("look at", OsStr::from_bytes(name))?;
        if is_hidden(top) || self.area.owner(top).is_some() {
            return Ok(());
        }
        if stamp.mode != 0 && !stamp.is_directory() && self.pattern.matches(top) {
            self.walked.found.push(top.to_vec());
        }
        if stamp.mode == 0 || stamp.is_file() {
            // The name's own look is what a change shows in.
            self.walked.rules.push(top.to_vec());
            return Ok(());
        }
        let mut stack = vec![(top.to_vec(), self.git.as_ref().map(GitRules::start).unwrap_or_default())];
        while let Some((dir, scope)) = stack.pop() {
            self.directory(dir, scope, &mut stack)?;
        }
        Ok(())
    }

    fn directory(
        &mut self,
        dir: Vec<u8>,
        scope: crate::walk::Scope,
        stack: &mut Vec<(Vec<u8>, crate::walk::Scope)>,
    ) -> Result<()> {
        let shown = OsStr::from_bytes(if dir.is_empty() { b"." } else { &dir });
        let start_ns = stamp_now_ns();
        let is_top = dir == self.pattern.literal_prefix();
        let handle = match open_dir(self.sources.root(), shown.as_bytes(), is_top) {
            Ok(handle) => handle,
            // It went away, or is a link that leads to no directory.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                self.walked.rules.push(dir);
                return Ok(());
            }
            Err(error) => return Err(error).at("open the directory", shown),
        };
        let stamp = Stamp::of(&stat_fd(&handle).at("look at", shown)?);
        let listing = Listing::read(&handle, &mut self.scratch).at("list", shown)?;
        let scope = match &self.git {
            Some(git) => git.enter(&scope, &handle, &listing, &dir)?,
            None => scope,
        };
        if self.git.is_some() && listing.find(b".gitignore").is_some() {
            self.walked.rules.push(below(&dir, b".gitignore"));
        }
        // Another work tree within this one is none of its files.
        let is_other_tree = self.git.is_some() && !is_top && listing.find(b".git").is_some();
        let mut is_empty = true;
        for index in 0..if is_other_tree { 0 } else { listing.len() } {
            is_empty = false;
            self.entry(&dir, &handle, &listing, index, &scope, stack)?;
        }
        if is_empty && !is_other_tree && self.git.is_none() && self.is_found_directory(&dir) {
            self.walked.found.push(dir.clone());
        }
        let content = Content { stamp, is_racy: stamp.is_racy(start_ns), ..Content::default() };
        self.walked.directories.push((dir, content));
        Ok(())
    }

    fn entry(
        &mut self,
        dir: &[u8],
        handle: impl AsFd,
        listing: &Listing,
        index: usize,
        scope: &crate::walk::Scope,
        stack: &mut Vec<(Vec<u8>, crate::walk::Scope)>,
    ) -> Result<()> {
        let path = below(dir, listing.name(index));
        if matches!(listing.name(index), b".git" | b".larder") || self.area.owner(&path).is_some() {
            return Ok(());
        }
        let is_dir = match listing.is_dir_hint(index) {
            Some(is_dir) => is_dir,
            None => look(handle, listing.c_name(index), false).at("look at", OsStr::from_bytes(&path))?.is_directory(),
        };
        if self.git.as_ref().is_some_and(|git| git.ignores(scope, &path, is_dir)) {
            return Ok(());
        }
        if is_dir {
            if self.pattern.may_match_beneath(&path) {
                stack.push((path, scope.clone()));
            }
        } else if self.pattern.matches(&path) && !self.sources.is_leftover(&path) {
            self.walked.found.push(path);
        }
        Ok(())
    }

    /// An empty directory is a source of its own, unless it is there to hold what tasks make.
    fn is_found_directory(&self, dir: &[u8]) -> bool {
        !dir.is_empty() && self.pattern.matches(dir) && self.area.is_clear_of(dir)
    }
}

fn below(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}
