//! Find: entries by name, type, size and time, in many snapshots at once.
//!
//! Floor 5. All snapshots are walked together, directory by directory. Where several have the same tree at the same
//! path it is read once for all of them, so looking through a year of snapshots costs what their differences cost.

use crate::clock::Time;
use crate::error::{Code, Error, Result, fail};
use crate::id::Id;
use crate::monitor::{Event, Monitor};
use crate::repo::Repo;
use crate::stored::Entries;
use crate::tree::{Entry, EntryKind};
use crate::walk::check_brackets;
use gix::bstr::ByteSlice;
use gix::glob::wildmatch::Mode;

/// Snapshots that are walked together; more are done in turns, which bounds the memory for a tree of each.
const TOGETHER_MAX: usize = 256;

/// What is looked for: everything that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct FindOptions {
    /// Any of these globs; one with a slash is matched against the whole path (`**` crosses directories), others
    /// against the name. Empty: any name.
    pub patterns: Vec<Vec<u8>>,
    /// Letters match in either case.
    pub ignore_case: bool,
    /// Any of these types; empty: any type.
    pub kinds: Vec<EntryKind>,
    /// Modified after this.
    pub newer: Option<Time>,
    /// Modified before this.
    pub older: Option<Time>,
    /// Files of more bytes.
    pub larger: Option<u64>,
    /// Files of fewer bytes.
    pub smaller: Option<u64>,
    /// Whose content or tree is one of these objects; empty: any.
    pub objects: Vec<Id>,
}

/// Something that was found.
#[derive(Clone, Copy, Debug)]
pub struct FindMatch<'a> {
    /// Its path, beginning with `/`.
    pub path: &'a [u8],
    /// What it is.
    pub entry: &'a Entry,
    /// In which of the given trees it stands just so: their numbers, ascending.
    pub trees: &'a [usize],
}

/// What a search did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindStats {
    /// Entries that matched, each counted once however many trees have it.
    pub matches: u64,
    /// Trees that were read.
    pub trees_read: u64,
    /// Trees that could not be read.
    pub errors: u64,
    /// Whether it was asked to stop before the end.
    pub cancelled: bool,
}

/// Looks through the root trees of snapshots. Matches come in order of paths; of one path, each state once.
///
/// # Errors
/// INVALID_ARG for a pattern that can match nothing, and what `each` answers. What cannot be read is told to the monitor.
pub fn find(
    repo: &Repo,
    trees: &[Id],
    options: &FindOptions,
    monitor: &dyn Monitor,
    each: &mut dyn FnMut(&FindMatch<'_>) -> Result<()>,
) -> Result<FindStats> {
    if options.patterns.iter().any(Vec::is_empty) {
        return fail(Code::InvalidArg, "an empty pattern matches nothing");
    }
    options.patterns.iter().try_for_each(|pattern| check_brackets(pattern))?;
    let mut stats = FindStats::default();
    for (turn, part) in trees.chunks(TOGETHER_MAX).enumerate() {
        let mut searching = Searching { repo, options, monitor, each, levels: Vec::new(), path: Vec::new(), stats };
        let first = turn * TOGETHER_MAX;
        searching.enter(part.iter().enumerate().map(|(at, tree)| (*tree, vec![first + at])).collect());
        searching.run()?;
        stats = searching.stats;
    }
    Ok(stats)
}

impl FindOptions {
    /// Whether an entry is what is looked for.
    pub fn matches(&self, path: &[u8], entry: &Entry) -> bool {
        let any = |holds: Option<bool>| holds.unwrap_or(true);
        let is_file = entry.kind == EntryKind::File;
        let mtime = entry.meta.as_ref().map(|meta| meta.mtime);
        (self.kinds.is_empty() || self.kinds.contains(&entry.kind))
            && any(self.larger.map(|limit| is_file && entry.size > limit))
            && any(self.smaller.map(|limit| is_file && entry.size < limit))
            && any(self.newer.map(|limit| mtime.is_some_and(|mtime| mtime > limit)))
            && any(self.older.map(|limit| mtime.is_some_and(|mtime| mtime < limit)))
            && (self.objects.is_empty() || entry.content.is_some_and(|id| self.objects.contains(&id)))
            && (self.patterns.is_empty() || self.patterns.iter().any(|pattern| self.names(pattern, path, entry)))
    }

    fn names(&self, pattern: &[u8], path: &[u8], entry: &Entry) -> bool {
        let mut mode = Mode::NO_MATCH_SLASH_LITERAL;
        if self.ignore_case {
            mode |= Mode::IGNORE_CASE;
        }
        let value = match pattern.contains(&b'/') {
            true if pattern.starts_with(b"/") => path,
            true => path.strip_prefix(b"/").unwrap_or(path),
            false => &entry.name,
        };
        gix::glob::wildmatch(pattern.as_bstr(), value.as_bstr(), mode)
    }
}

/// One tree, and the snapshots that have it at this path.
struct Shared<'r> {
    entries: Entries<'r>,
    next: Option<Entry>,
    owners: Vec<usize>,
}

/// A directory: all its states.
struct Level<'r> {
    states: Vec<Shared<'r>>,
    path_bytes: usize,
}

struct Searching<'a, 'r> {
    repo: &'r Repo,
    options: &'a FindOptions,
    monitor: &'a dyn Monitor,
    each: &'a mut dyn FnMut(&FindMatch<'_>) -> Result<()>,
    levels: Vec<Level<'r>>,
    path: Vec<u8>,
    stats: FindStats,
}

impl Searching<'_, '_> {
    fn run(&mut self) -> Result<()> {
        while let Some(level) = self.levels.last_mut() {
            if self.monitor.is_cancelled() {
                self.stats.cancelled = true;
                return Ok(());
            }
            self.path.truncate(level.path_bytes);
            let failures = level.look();
            let found = level.take_lowest();
            for error in failures {
                self.stats.errors += 1;
                let path = if self.path.is_empty() { b"/" } else { &self.path[..] };
                self.monitor.event(&Event::Failed { path, error: &error });
            }
            let Some((first, _)) = found.first() else {
                self.levels.pop();
                continue;
            };
            self.path.push(b'/');
            self.path.extend_from_slice(&first.name);
            let mut beneath = Vec::new();
            for (entry, owners) in found {
                if self.options.matches(&self.path, &entry) {
                    self.stats.matches += 1;
                    (self.each)(&FindMatch { path: &self.path, entry: &entry, trees: &owners })?;
                }
                if let Some(tree) = entry.content.filter(|_| entry.is_directory()) {
                    beneath.push((tree, owners));
                }
            }
            self.enter(beneath);
        }
        Ok(())
    }

    /// Goes into a directory that may have several states, reading equal ones once.
    fn enter(&mut self, mut trees: Vec<(Id, Vec<usize>)>) {
        trees.sort();
        let mut states: Vec<Shared<'_>> = Vec::new();
        let mut last = None;
        for (tree, owners) in trees {
            match states.last_mut().filter(|_| last == Some(tree)) {
                Some(state) => state.owners.extend(owners),
                None => states.push(Shared { entries: Entries::new(self.repo, tree), next: None, owners }),
            }
            last = Some(tree);
        }
        states.iter_mut().for_each(|state| state.owners.sort_unstable());
        self.stats.trees_read += states.len() as u64;
        if !states.is_empty() {
            self.levels.push(Level { states, path_bytes: self.path.len() });
        }
    }
}

impl Level<'_> {
    /// Looks at the next entry of each state; those that end or fail are dropped.
    fn look(&mut self) -> Vec<Error> {
        let mut failures = Vec::new();
        self.states.retain_mut(|state| {
            if state.next.is_none() {
                match state.entries.next_entry() {
                    Ok(next) => state.next = next,
                    Err(error) => failures.push(error),
                }
            }
            state.next.is_some()
        });
        failures
    }

    /// Everything that stands under the lowest name, equal entries united.
    fn take_lowest(&mut self) -> Vec<(Entry, Vec<usize>)> {
        let names = self.states.iter().filter_map(|state| state.next.as_ref().map(|entry| &entry.name));
        let Some(lowest) = names.min().cloned() else { return Vec::new() };
        let mut found: Vec<(Entry, Vec<usize>)> = Vec::new();
        for state in &mut self.states {
            let Some(entry) = state.next.take_if(|entry| entry.name == lowest) else { continue };
            match found.iter_mut().find(|(other, _)| *other == entry) {
                Some((_, owners)) => owners.extend_from_slice(&state.owners),
                None => found.push((entry, state.owners.clone())),
            }
        }
        found.iter_mut().for_each(|(_, owners)| owners.sort_unstable());
        found.sort_by(|(_, owners), (_, others)| owners.cmp(others));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Silent;
    use crate::repo::tests::repo_in;
    use crate::stored::tests::store;
    use std::fs;

    #[test]
    fn finds_in_many_snapshots_and_reads_equal_trees_once() {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = temp.path().join("in");
        for name in ["a/one.txt", "a/deep/two.TXT", "b/three.rs", "b/big"] {
            fs::create_dir_all(dir.join(name).parent().expect("a parent")).expect("create");
            fs::write(dir.join(name), name.repeat(if name.ends_with("big") { 1000 } else { 1 })).expect("write");
        }
        let repo = repo_in(temp.path());
        let mut trees = vec![store(&repo, &dir).tree, store(&repo, &dir).tree];
        fs::write(dir.join("b/three.rs"), "other").expect("write");
        trees.push(store(&repo, &dir).tree);
        let run = |options: &FindOptions| {
            let mut lines = Vec::new();
            let stats = find(&repo, &trees, options, &Silent, &mut |found| {
                lines.push(format!("{} {:?}", String::from_utf8_lossy(found.path), found.trees));
                Ok(())
            });
            (lines.join("|"), stats.expect("find"))
        };
        let unclosed = FindOptions { patterns: vec![b"a[z".to_vec()], ..FindOptions::default() };
        let answer = find(&repo, &[], &unclosed, &crate::monitor::Silent, &mut |_| Ok(()));
        assert_eq!(answer.err().map(|error| error.code()), Some(Code::InvalidArg));
        let named = |text: &str| FindOptions { patterns: vec![text.into()], ..FindOptions::default() };
        let (lines, stats) = run(&named("*.txt"));
        assert_eq!(lines, "/src/a/one.txt [0, 1, 2]");
        assert_eq!(stats.trees_read, 2 + 2 + 1 + 1 + 2, "two roots, two tops, a, deep, two of b");
        let ignore_case = FindOptions { ignore_case: true, ..named("*.txt") };
        assert_eq!(run(&ignore_case).0, "/src/a/deep/two.TXT [0, 1, 2]|/src/a/one.txt [0, 1, 2]");
        assert_eq!(run(&named("three.*")).0, "/src/b/three.rs [0, 1]|/src/b/three.rs [2]");
        assert_eq!(run(&named("/src/*/*.txt")).0, "/src/a/one.txt [0, 1, 2]");
        assert_eq!(run(&named("src/**/two*")).0, "/src/a/deep/two.TXT [0, 1, 2]");
        let large = FindOptions { larger: Some(1000), ..FindOptions::default() };
        assert_eq!(run(&large).0, "/src/b/big [0, 1, 2]");
        let kinds = FindOptions { kinds: vec![EntryKind::Directory], ..named("deep") };
        assert_eq!(run(&kinds).0, "/src/a/deep [0, 1, 2]");
        let past = FindOptions { older: Some(Time::from_seconds(1)), ..FindOptions::default() };
        assert!(run(&past).0.is_empty());
        let id = crate::object::hash(b"other");
        assert_eq!(run(&FindOptions { objects: vec![id], ..FindOptions::default() }).0, "/src/b/three.rs [2]");
        assert!(find(&repo, &trees, &named(""), &Silent, &mut |_| Ok(())).is_err());
    }
}
