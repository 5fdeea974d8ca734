//! The output area: all that tasks declare to make, and who makes which path.
//!
//! Taken syntactically from the declarations; the file system is not looked at.

use crate::run::manifest::{Task, TaskNo};
use crate::run::pattern::{Pattern, ancestors, is_at_or_beneath};
use std::collections::BTreeMap;
use std::ops::Bound;

/// Who makes which path.
#[derive(Clone, Debug, Default)]
pub struct OutputArea {
    paths: BTreeMap<Box<[u8]>, TaskNo>,
    /// By their literal prefix.
    globs: BTreeMap<Box<[u8]>, Vec<(Pattern, TaskNo)>>,
}

impl OutputArea {
    /// The area of these tasks, as they come in a checked manifest: no two make the same.
    pub fn new(tasks: &[Task]) -> OutputArea {
        let outputs =
            || (0..).zip(tasks).flat_map(|(number, task)| std::iter::repeat(TaskNo(number)).zip(&task.outputs));
        // At once: a map that grows path by path is half empty.
        let paths = outputs().filter_map(|(task, output)| Some((output.as_path()?.into(), task))).collect();
        let mut area = OutputArea { paths, ..OutputArea::default() };
        outputs().filter(|(_, output)| output.as_path().is_none()).for_each(|(task, output)| area.add(task, output));
        area
    }

    /// Adds an output. Of one path the last one that claims it is the owner.
    pub(in crate::run) fn add(&mut self, task: TaskNo, output: &Pattern) {
        match output.as_path() {
            Some(path) => _ = self.paths.insert(path.into(), task),
            None => self.globs.entry(output.literal_prefix().into()).or_default().push((output.clone(), task)),
        }
    }

    /// The task that makes this path: it is an output, beneath one, or matches one.
    pub fn owner(&self, path: &[u8]) -> Option<TaskNo> {
        let mut level = Some(path);
        let mut above = ancestors(path);
        while let Some(dir) = level {
            if let Some(task) = self.paths.get(dir) {
                return Some(*task);
            }
            if let Some(globs) = self.globs.get(dir)
                && let Some((_, task)) = globs.iter().find(|(glob, _)| glob.matches(path))
            {
                return Some(*task);
            }
            level = above.next();
        }
        None
    }

    /// Whether there is anything at all to own.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.globs.is_empty()
    }

    /// Whether nothing at or beneath this directory can belong to anyone: walks need not ask for each name there.
    pub fn is_clear_of(&self, dir: &[u8]) -> bool {
        self.owner(dir).is_none() && !self.claims_meeting(&Pattern::path(dir)).any(|_| true)
    }

    /// Calls for each output that can name a path which this pattern names, too, until told to stop with `false`.
    pub fn claims_meeting<'a>(&'a self, pattern: &'a Pattern) -> impl Iterator<Item = (TaskNo, Claim<'a>)> + 'a {
        let prefix = pattern.literal_prefix();
        let above = std::iter::once(prefix).chain(ancestors(prefix));
        let at_above = above.flat_map(move |dir| self.at(dir));
        at_above.chain(self.beneath(prefix)).filter(move |(_, claim)| claim.may_meet(pattern))
    }

    /// What is claimed at exactly this path, or by globs that begin there.
    fn at<'a>(&'a self, dir: &[u8]) -> impl Iterator<Item = (TaskNo, Claim<'a>)> + 'a {
        let path = self.paths.get_key_value(dir).map(|(path, task)| (*task, Claim::Path(path)));
        let globs = self.globs.get(dir).into_iter().flatten();
        path.into_iter().chain(globs.map(|(glob, task)| (*task, Claim::Glob(glob))))
    }

    fn beneath<'a>(&'a self, dir: &[u8]) -> impl Iterator<Item = (TaskNo, Claim<'a>)> + 'a {
        let owned = dir.to_vec();
        let is_inside = move |path: &[u8]| path.len() > owned.len() && is_at_or_beneath(path, &owned);
        let is_inside_too = is_inside.clone();
        let from = if dir.is_empty() { Vec::new() } else { [dir, b"/"].concat() };
        let range = (Bound::Included(from.clone().into_boxed_slice()), Bound::Unbounded);
        let paths = self.paths.range(range.clone()).take_while(move |(path, _)| is_start(path, &from));
        let paths = paths.filter(move |(path, _)| is_inside(path));
        let from = if dir.is_empty() { Vec::new() } else { [dir, b"/"].concat() };
        let globs = self.globs.range(range).take_while(move |(path, _)| is_start(path, &from));
        let globs = globs.filter(move |(path, _)| is_inside_too(path)).flat_map(|(_, globs)| globs);
        let paths = paths.map(|(path, task)| (*task, Claim::Path(path)));
        paths.chain(globs.map(|(glob, task)| (*task, Claim::Glob(glob))))
    }
}

fn is_start(path: &[u8], start: &[u8]) -> bool {
    path.starts_with(start)
}

/// One declared output.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'a> {
    /// A path.
    Path(&'a [u8]),
    /// A glob.
    Glob(&'a Pattern),
}

impl Claim<'_> {
    /// The output as a manifest would have it.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Claim::Path(path) => Pattern::path(path).text(),
            Claim::Glob(glob) => glob.text(),
        }
    }

    fn may_meet(&self, pattern: &Pattern) -> bool {
        match self {
            Claim::Path(path) => match pattern {
                Pattern::Path(own) | Pattern::Git(own) => is_at_or_beneath(path, own) || is_at_or_beneath(own, path),
                Pattern::Glob(glob) => glob.may_match_beneath(path),
            },
            Claim::Glob(glob) => glob.may_match_same(pattern),
        }
    }
}
