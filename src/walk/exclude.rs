//! Rules that leave things out.
//!
//! Patterns have gitignore syntax and are parsed and matched by gix: it works on bytes, so names that are not UTF-8
//! match as any other; it is git's own algorithm, so a `.gitignore` means here what it means to git; and it compiles no
//! regular expressions, which the `ignore` crate does once per directory with an ignore file.
//!
//! The last pattern that matches within a list decides; a list of higher rank that matches hides all below it:
//!
//! 1. the command line: `--exclude-file` lines, then `--exclude`, then `--include`, so includes win;
//! 2. `.larderignore`, the deepest directory first;
//! 3. `.gitignore`, the deepest directory first, then `.git/info/exclude`.
//!
//! An include brings back what any of the others leaves out, and with a directory everything beneath it. A `!` brings
//! nothing back from beneath a directory that is left out, as with git: such a directory is entered only where an
//! include may match beneath it, and then holds what was included and nothing else. A pattern with a slash is anchored
//! at the source; it may also be written as an absolute path that begins with the source's.

use super::handle::open_file;
use super::listing::Listing;
use crate::error::{Code, Error, IoContext, Result, fail};
use gix::bstr::ByteSlice;
use gix::glob::pattern::{Case, Mode};
use gix::glob::{Pattern, wildmatch};
use rustix::fd::AsFd;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An ignore file longer than this is refused: it is none.
const IGNORE_FILE_BYTES_MAX: u64 = 1 << 20;
/// <https://bford.info/cachedir/>
const CACHE_TAG: (&[u8], &[u8]) = (b"CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");
/// What larder reads in every directory.
const LARDER_IGNORE: &[u8] = b".larderignore";
/// What git reads there.
const GIT_IGNORE: &[u8] = b".gitignore";

/// What is left out of a backup.
#[derive(Clone, Debug)]
pub struct ExcludeOptions {
    /// Patterns of `--exclude`; a leading `!` negates.
    pub exclude: Vec<Vec<u8>>,
    /// Files of patterns, one a line, `#` begins a comment.
    pub exclude_files: Vec<PathBuf>,
    /// Patterns of `--include`: exceptions to everything else here that is a pattern.
    pub include: Vec<Vec<u8>>,
    /// Read `.larderignore` files.
    pub larder_ignore: bool,
    /// Read `.gitignore` files, those above the source up to the work tree's root among them.
    pub git_ignore: bool,
    /// Of a directory with a valid `CACHEDIR.TAG` keep only the tag.
    pub caches: bool,
    /// Of a directory that holds such a file keep only that file.
    pub if_present: Vec<IfPresent>,
    /// Leave out files of more bytes.
    pub larger_than_bytes: Option<u64>,
    /// Do not enter other file systems.
    pub one_file_system: bool,
}

impl Default for ExcludeOptions {
    fn default() -> Self {
        ExcludeOptions {
            exclude: Vec::new(),
            exclude_files: Vec::new(),
            include: Vec::new(),
            larder_ignore: true,
            git_ignore: false,
            caches: false,
            if_present: Vec::new(),
            larger_than_bytes: None,
            one_file_system: false,
        }
    }
}

/// A file whose presence keeps the rest of its directory out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfPresent {
    /// Its name.
    pub name: Vec<u8>,
    /// What it must begin with.
    pub header: Vec<u8>,
}

impl IfPresent {
    /// From `NAME` or `NAME:HEADER`.
    ///
    /// # Errors
    /// INVALID_ARG when the name is none.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let (name, header) = text.split_once_str(":").unwrap_or((text, b""));
        if crate::tree::check_name(name).is_err() {
            return fail(Code::InvalidArg, format!("`{}` is not the name of a file", name.escape_ascii()));
        }
        Ok(IfPresent { name: name.to_vec(), header: header.to_vec() })
    }
}

/// The rules for one source.
#[derive(Clone, Debug)]
pub struct Rules {
    command_line: Vec<Pattern>,
    includes: Vec<Pattern>,
    larder_ignore: bool,
    git_ignore: bool,
    if_present: Vec<IfPresent>,
    larger_than_bytes: Option<u64>,
    /// Path of the source from where matching begins: its work tree's root, or itself. Empty or ends with `/`.
    prefix: Vec<u8>,
    above: Scope,
}

/// How a path stands with the rules, given how the directory above it stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// No pattern leaves it out.
    #[default]
    Plain,
    /// It or a directory above it was included: no pattern counts from here on.
    Included,
    /// A directory that is left out, but for what may be included beneath it.
    Passage,
    /// It is left out.
    Out,
}

/// The ignore files that hold in a directory.
#[derive(Clone, Debug, Default)]
pub struct Scope(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    above: Scope,
    /// How much of a path leads to this directory.
    base: usize,
    larder: Vec<Pattern>,
    git: Vec<Pattern>,
}

impl Rules {
    /// The rules for the source at this absolute path. `sources` are all of them: patterns that begin with the path
    /// of another are not for this one.
    ///
    /// # Errors
    /// FILE_NOT_FOUND and FILE_IO for a file of patterns. INVALID_ARG for a pattern that can match nothing: who gave it
    /// would believe that it holds. Ignore files of the source are taken as git takes them.
    pub fn new(options: &ExcludeOptions, source: &[u8], sources: &[Vec<u8>]) -> Result<Self> {
        let mut command_line: Vec<Pattern> = Vec::new();
        for path in &options.exclude_files {
            let text = std::fs::read(path).at("read", path)?;
            for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with(b"#")) {
                check_brackets(line)
                    .map_err(|error| error.context(format!("{}:{}: no pattern", path.display(), at + 1)))?;
            }
            command_line.extend(parse(&text));
        }
        for line in options.exclude.iter().chain(&options.include) {
            check_given(line)?;
        }
        command_line.extend(options.exclude.iter().filter_map(|line| Pattern::from_bytes(line)));
        let includes = options.include.iter().filter_map(|line| Pattern::from_bytes_without_negation(line));
        let local = |pattern: Pattern| localised(pattern, source, sources);
        let mut if_present = options.if_present.clone();
        if options.caches {
            if_present.push(IfPresent { name: CACHE_TAG.0.to_vec(), header: CACHE_TAG.1.to_vec() });
        }
        let mut rules = Rules {
            command_line: command_line.into_iter().filter_map(local).collect(),
            includes: includes.filter_map(local).collect(),
            larder_ignore: options.larder_ignore,
            git_ignore: options.git_ignore,
            if_present,
            larger_than_bytes: options.larger_than_bytes,
            prefix: Vec::new(),
            above: Scope::default(),
        };
        if options.git_ignore {
            rules.read_work_tree(Path::new(OsStr::from_bytes(source)));
        }
        Ok(rules)
    }

    /// What holds at the source, and the path by which [`Rules::leaves_out`] knows it: what is beneath is appended.
    pub fn start(&self) -> (Scope, Vec<u8>) {
        (self.above.clone(), self.prefix.clone())
    }

    /// Whether a pattern could leave something out of a directory: if not, no path needs to be made.
    pub fn has_patterns(&self, scope: &Scope) -> bool {
        !self.command_line.is_empty() || scope.0.is_some()
    }

    /// Whether anything is included, so that directories that are left out may have to be entered.
    pub fn has_includes(&self) -> bool {
        !self.includes.is_empty()
    }

    /// Whether a path in a directory that nothing leaves out is left out by a pattern.
    pub fn leaves_out(&self, scope: &Scope, path: &[u8], is_dir: bool) -> bool {
        self.judge(Standing::Plain, scope, path, is_dir) == Standing::Out
    }

    /// How a path stands in a directory that stands as `above`.
    pub fn judge(&self, above: Standing, scope: &Scope, path: &[u8], is_dir: bool) -> Standing {
        match above {
            Standing::Included | Standing::Out => above,
            _ if decide(&self.includes, path, self.prefix.len(), is_dir).is_some() => Standing::Included,
            Standing::Plain if !self.is_excluded(scope, path, is_dir) => Standing::Plain,
            _ if is_dir && self.may_include_beneath(path) => Standing::Passage,
            _ => Standing::Out,
        }
    }

    /// Whether an include could match beneath a directory. One without a slash matches at any depth.
    fn may_include_beneath(&self, path: &[u8]) -> bool {
        let path = path.get(self.prefix.len()..).unwrap_or_default();
        let is_anchored = |pattern: &Pattern| pattern.mode.contains(Mode::ABSOLUTE) || pattern.text.contains(&b'/');
        self.includes.iter().any(|pattern| !is_anchored(pattern) || leads_to(&pattern.text, path))
    }

    fn is_excluded(&self, scope: &Scope, path: &[u8], is_dir: bool) -> bool {
        if !self.has_patterns(scope) {
            return false;
        }
        if let Some(verdict) = decide(&self.command_line, path, self.prefix.len(), is_dir) {
            return verdict;
        }
        let decided = |list: fn(&Level) -> &[Pattern]| {
            scope.levels().find_map(|level| decide(list(level), path, level.base, is_dir))
        };
        decided(|level| &level.larder).or_else(|| decided(|level| &level.git)).unwrap_or(false)
    }

    /// Whether a file is left out for its size.
    pub fn is_too_large(&self, size_bytes: u64) -> bool {
        self.larger_than_bytes.is_some_and(|limit| size_bytes > limit)
    }

    /// What holds in a directory, once its ignore files were read. `path` ends with `/` or is empty.
    ///
    /// # Errors
    /// FILE_IO and so on when an ignore file cannot be read; [`Scope`] is then that of the directory above.
    pub fn enter(&self, above: &Scope, dir: impl AsFd, listing: &Listing, path: &[u8]) -> Result<Scope> {
        let read = |wanted: bool, name: &[u8]| match listing.find(name).filter(|_| wanted) {
            Some(index) => parse_ignore_file(&dir, listing, index, path),
            None => Ok(Vec::new()),
        };
        let (larder, git) = (read(self.larder_ignore, LARDER_IGNORE)?, read(self.git_ignore, GIT_IGNORE)?);
        Ok(above.with(path.len(), larder, git))
    }

    /// Of a directory that a tag marks, keeps only the tag, and names what goes.
    pub fn keep_only_tag(&self, dir: impl AsFd, listing: &mut Listing, mut goes: impl FnMut(&[u8])) {
        let is_there = |tag: &&IfPresent| listing.find(&tag.name).is_some() && tag.is_valid(&dir);
        let Some(tag) = self.if_present.iter().find(is_there) else { return };
        listing.retain(|name, _| {
            let is_tag = name == tag.name;
            if !is_tag {
                goes(name);
            }
            is_tag
        });
    }

    /// Reads the ignore files between the work tree's root and the source. What cannot be read holds nothing back.
    fn read_work_tree(&mut self, source: &Path) {
        let Some(root) = source.ancestors().find(|dir| dir.join(".git").exists()) else { return };
        let Ok(inner) = source.strip_prefix(root) else { return };
        let read = |path: PathBuf| std::fs::read(path).map(|text| parse(&text)).unwrap_or_default();
        let mut scope = Scope::default().with(0, Vec::new(), read(root.join(".git/info/exclude")));
        let mut dir = root.to_path_buf();
        for part in inner.components() {
            // The source's own file is read when it is entered.
            scope = scope.with(self.prefix.len(), Vec::new(), read(dir.join(".gitignore")));
            dir.push(part);
            self.prefix.extend_from_slice(part.as_os_str().as_bytes());
            self.prefix.push(b'/');
        }
        self.above = scope;
    }
}

impl Scope {
    fn with(&self, base: usize, larder: Vec<Pattern>, git: Vec<Pattern>) -> Scope {
        if larder.is_empty() && git.is_empty() {
            return self.clone();
        }
        Scope(Some(Arc::new(Level { above: self.clone(), base, larder, git })))
    }

    /// The levels, the deepest first.
    fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::successors(self.0.as_deref(), |level| level.above.0.as_deref())
    }
}

impl IfPresent {
    fn is_valid(&self, dir: impl AsFd) -> bool {
        if self.header.is_empty() {
            return true;
        }
        let Ok(name) = CString::new(self.name.clone()) else { return false };
        let Ok(file) = open_file(dir, name.as_c_str(), false) else { return false };
        let mut start = Vec::new();
        let read = File::from(file).take(self.header.len() as u64).read_to_end(&mut start);
        read.is_ok() && start == self.header
    }
}

/// Refuses a pattern of the command line that says nothing.
fn check_given(pattern: &[u8]) -> Result<()> {
    if Pattern::from_bytes(pattern).is_none() {
        return fail(Code::InvalidArg, format!("`{}` is no pattern: it has no text", pattern.escape_ascii()));
    }
    check_brackets(pattern)
}

/// Refuses a `[` that nothing closes: git lets such a pattern match nothing.
///
/// # Errors
/// INVALID_ARG for such a pattern.
pub fn check_brackets(pattern: &[u8]) -> Result<()> {
    let mut at = 0;
    while let Some(byte) = pattern.get(at) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            b'[' => match closing_bracket(pattern, at) {
                Some(end) => at = end + 1,
                None => {
                    let what = format!("the pattern `{}` has a [ without its ]", pattern.escape_ascii());
                    return Err(Error::new(Code::InvalidArg, what).with_hint("for the character itself: \\["));
                }
            },
            _ => {}
        }
    }
    Ok(())
}

/// Where a class ends that begins at `start`, behind its bracket. A `]` that stands first is one of its members.
fn closing_bracket(pattern: &[u8], start: usize) -> Option<usize> {
    let negated = usize::from(matches!(pattern.get(start), Some(b'!' | b'^')));
    let mut at = start + negated;
    at += usize::from(pattern.get(at) == Some(&b']'));
    loop {
        match pattern.get(at)? {
            b']' => return Some(at),
            b'\\' => at += 2,
            b'[' if pattern.get(at + 1) == Some(&b':') => at = at + 2 + pattern.get(at + 2..)?.find(b":]")? + 2,
            _ => at += 1,
        }
    }
}

/// Whether a list says something of a path: left out or not.
fn decide(list: &[Pattern], path: &[u8], base: usize, is_dir: bool) -> Option<bool> {
    if list.is_empty() {
        return None;
    }
    let path = path.get(base..)?.as_bstr();
    let name_at = path.rfind_byte(b'/').map(|at| at + 1);
    let mode = wildmatch::Mode::NO_MATCH_SLASH_LITERAL;
    let matches =
        |pattern: &&Pattern| pattern.matches_repo_relative_path(path, name_at, Some(is_dir), Case::Sensitive, mode);
    list.iter().rev().find(matches).map(|pattern| !pattern.is_negative())
}

/// Whether a pattern that is anchored could match beneath a directory: as far as the directory's path goes, the parts
/// of both must agree.
fn leads_to(pattern: &[u8], dir: &[u8]) -> bool {
    let mode = wildmatch::Mode::NO_MATCH_SLASH_LITERAL;
    let mut parts = pattern.split(|byte| *byte == b'/');
    for name in dir.split(|byte| *byte == b'/') {
        match parts.next() {
            Some(b"**") => return true,
            Some(part) if gix::glob::wildmatch(part.as_bstr(), name.as_bstr(), mode) => {}
            _ => return false,
        }
    }
    parts.next().is_some()
}

fn parse(text: &[u8]) -> Vec<Pattern> {
    gix::ignore::parse(text, false).map(|(pattern, ..)| pattern).collect()
}

/// A pattern of the command line as this source sees it: an absolute path within it loses the source's part, one
/// within another source does not count.
fn localised(mut pattern: Pattern, source: &[u8], sources: &[Vec<u8>]) -> Option<Pattern> {
    if !pattern.mode.contains(Mode::ABSOLUTE) || source == b"/" {
        return Some(pattern);
    }
    // The text of such a pattern has lost its leading slash.
    let within = |source: &[u8]| pattern.text.strip_prefix(source.strip_prefix(b"/")?)?.strip_prefix(b"/");
    if let Some(inner) = within(source) {
        pattern.first_wildcard_pos = inner.find_byteset(b"*?[\\");
        pattern.text = inner.into();
        return Some(pattern);
    }
    let is_elsewhere = sources.iter().any(|other| other != b"/" && within(other).is_some());
    (!is_elsewhere).then_some(pattern)
}

fn parse_ignore_file(dir: impl AsFd, listing: &Listing, index: usize, path: &[u8]) -> Result<Vec<Pattern>> {
    let shown = || [path, listing.name(index)].concat();
    let file = match open_file(dir, listing.c_name(index), false) {
        Ok(file) => File::from(file),
        // A symlink: git does not follow it either.
        Err(rustix::io::Errno::LOOP) => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", OsStr::from_bytes(&shown()), error)),
    };
    let meta = file.metadata().at("read", OsStr::from_bytes(&shown()))?;
    if !meta.is_file() {
        return Ok(Vec::new());
    }
    let mut text = Vec::new();
    file.take(IGNORE_FILE_BYTES_MAX + 1).read_to_end(&mut text).at("read", OsStr::from_bytes(&shown()))?;
    if text.len() as u64 > IGNORE_FILE_BYTES_MAX {
        return fail(Code::ResourceExhausted, format!("{} is over 1 MiB and not read", shown().escape_ascii()));
    }
    Ok(parse(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, write};

    fn rules(exclude: &[&str], include: &[&str]) -> Rules {
        let bytes = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        let options = ExcludeOptions { exclude: bytes(exclude), include: bytes(include), ..ExcludeOptions::default() };
        Rules::new(&options, b"/home/a", &[b"/home/a".to_vec(), b"/srv".to_vec()]).expect("rules")
    }

    #[test]
    fn patterns_mean_what_they_mean_to_git() {
        // Excludes, includes, path (a directory if it ends with a slash), left out?
        let table: &[(&[&str], &[&str], &str, bool)] = &[
            (&["*.o"], &[], "a/b.o", true),
            (&["*.o"], &[], "b.oo", false),
            (&["*.o", "!keep.o"], &[], "a/keep.o", false),
            (&["!keep.o", "*.o"], &[], "a/keep.o", true),
            (&["/build"], &[], "build/", true),
            (&["/build"], &[], "a/build/", false),
            (&["a/build"], &[], "a/build", true),
            (&["a/build"], &[], "x/a/build", false),
            (&["build/"], &[], "x/build", false),
            (&["build/"], &[], "x/build/", true),
            (&["**/tmp/*.log"], &[], "x/y/tmp/1.log", true),
            (&["tmp/**"], &[], "tmp/x/y", true),
            (&["a?c", "[x-z]*"], &[], "abc", true),
            (&["a?c", "[x-z]*"], &[], "yes", true),
            (&["\\#*#"], &[], "#save#", true),
            (&["#save#"], &[], "#save#", true),
            (&["/home/a/cache"], &[], "cache/", true),
            (&["/home/a/cache"], &[], "x/cache/", false),
            (&["/srv/cache"], &[], "cache/", false),
            (&["*.o", "!/home/a/x.o"], &[], "x.o", false),
            (&["/home/a/*.o"], &[], "x.o", true),
            (&["\\!x"], &[], "!x", true),
            (&["*.o"], &["keep.*"], "a/keep.o", false),
            (&["*.o", "keep.o"], &["/a/keep.o"], "a/keep.o", false),
            (&["*.o", "keep.o"], &["/a/keep.o"], "b/keep.o", true),
            (&[], &["keep"], "other", false),
        ];
        for (exclude, include, path, expected) in table {
            let rules = rules(exclude, include);
            let (scope, _) = rules.start();
            let (name, is_dir) = path.strip_suffix('/').map_or((*path, false), |name| (name, true));
            assert_eq!(rules.leaves_out(&scope, name.as_bytes(), is_dir), *expected, "{exclude:?} {include:?} {path}");
        }
    }

    #[test]
    fn an_include_reaches_beneath_what_is_left_out_and_covers_what_is_beneath_it() {
        use Standing::{Included, Out, Passage, Plain};
        // Excludes, includes, path whose parts are judged one by one from the top, and how the last stands.
        let table: &[(&[&str], &[&str], &str, Standing)] = &[
            (&["node"], &["k.txt"], "node/", Passage),
            (&["node"], &["k.txt"], "node/keep/k.txt", Included),
            (&["node"], &["k.txt"], "node/keep/other", Out),
            (&["node/"], &["/node/keep/"], "node/keep/", Included),
            (&["node/"], &["node/keep/"], "node/keep/deep/x.o", Included),
            (&["node/**"], &["node/keep/k.txt"], "node/keep/k.txt", Included),
            (&["node", "*.o"], &["node/keep"], "node/keep/x.o", Included),
            (&["node"], &["node/keep"], "node/other/", Out),
            (&["node"], &["other/keep"], "node/", Out),
            (&["node"], &["other/keep"], "x/", Plain),
            (&["node"], &["*/a*/k"], "node/abc/", Passage),
            (&["node"], &["*/a*/k"], "node/b/", Out),
            (&["node"], &["**/keep/k"], "node/b/", Passage),
            (&["node"], &["/home/a/node/k"], "node/k", Included),
            (&["node"], &["node"], "node/x", Included),
            (&["node"], &[], "node/", Out),
            (&["*"], &["k.txt"], "x/y/k.txt", Included),
            (&["*"], &["k.txt"], "x", Out),
        ];
        for (exclude, include, path, expected) in table {
            let rules = rules(exclude, include);
            let (scope, _) = rules.start();
            let (whole, is_dir) = path.strip_suffix('/').map_or((*path, false), |name| (name, true));
            let ends = whole.match_indices('/').map(|(at, _)| (at, true)).chain([(whole.len(), is_dir)]);
            let judge = |above, (end, is_dir)| rules.judge(above, &scope, &whole.as_bytes()[..end], is_dir);
            assert_eq!(ends.fold(Plain, judge), *expected, "{exclude:?} {include:?} {path}");
        }
    }

    #[test]
    fn a_pattern_that_can_match_nothing_is_refused() {
        let refused = |pattern: &str| {
            let options = ExcludeOptions { exclude: vec![pattern.as_bytes().to_vec()], ..ExcludeOptions::default() };
            let as_include = ExcludeOptions { include: options.exclude.clone(), ..ExcludeOptions::default() };
            let answers = [options, as_include].map(|options| Rules::new(&options, b"/s", &[]).err());
            assert_eq!(answers[0].is_some(), answers[1].is_some(), "{pattern}");
            answers[0].as_ref().map(Error::code)
        };
        for bad in ["", "!", "[z", "a/[!", "[]", "[!]", "[[:alpha:]", "[a\\]"] {
            assert_eq!(refused(bad), Some(Code::InvalidArg), "{bad}");
        }
        for good in ["[z]", "\\[z", "[]]", "[!]a]", "[[:alpha:]]", "[[]", "[a\\]]", "]", "#x", "!x"] {
            assert_eq!(refused(good), None, "{good}");
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        write(file.path(), "# a [comment\n\n*.o\n[z\n").expect("a file");
        let options = ExcludeOptions { exclude_files: vec![file.path().to_path_buf()], ..ExcludeOptions::default() };
        let error = Rules::new(&options, b"/s", &[]).expect_err("refused");
        assert_eq!(error.code(), Code::InvalidArg);
        assert!(error.to_string().contains(":4:"), "{error}");
    }

    #[test]
    fn names_need_not_be_text() {
        let options = ExcludeOptions { exclude: vec![b"\xff*".to_vec()], ..ExcludeOptions::default() };
        let rules = Rules::new(&options, b"/s", &[]).expect("rules");
        assert!(rules.leaves_out(&rules.start().0, b"a/\xff\xfe", false));
        assert!(!rules.leaves_out(&rules.start().0, b"a/\xfe", false));
    }

    /// Enters the directories of a path one by one and asks for the last.
    fn ask(rules: &Rules, root: &Path, path: &str) -> bool {
        let (mut scope, mut seen) = rules.start();
        let mut dir = root.to_path_buf();
        let parts: Vec<&str> = path.split('/').collect();
        for (at, part) in parts.iter().enumerate() {
            let fd = super::super::open_dir(rustix::fs::CWD, &dir, false).expect("open");
            let listing = Listing::read(&fd, &mut super::super::Scratch::default()).expect("list");
            scope = rules.enter(&scope, &fd, &listing, &seen).expect("enter");
            seen.extend_from_slice(part.as_bytes());
            if rules.leaves_out(&scope, &seen, at + 1 < parts.len()) {
                return true;
            }
            seen.push(b'/');
            dir.push(part);
        }
        false
    }

    #[test]
    fn ignore_files_hold_where_they_are_and_below() {
        let temp = tempfile::tempdir().expect("temporary directory");
        let root = temp.path();
        create_dir_all(root.join("w/.git/info")).expect("create");
        create_dir_all(root.join("w/src/deep")).expect("create");
        write(root.join("w/.git/info/exclude"), "*.swp\n").expect("write");
        write(root.join("w/.gitignore"), "*.tmp\n/src/gen\n# no comment is a rule\n").expect("write");
        write(root.join("w/src/.gitignore"), "!good.tmp\nlocal\n").expect("write");
        write(root.join("w/src/.larderignore"), "big\n!gen\n").expect("write");
        write(root.join("w/src/deep/.larderignore"), "!big\n").expect("write");
        let with = |git_ignore: bool| {
            let options = ExcludeOptions { git_ignore, ..ExcludeOptions::default() };
            let source = root.join("w/src");
            Rules::new(&options, source.as_os_str().as_bytes(), &[]).expect("rules")
        };
        let source = root.join("w/src");
        let table = [
            ("x.tmp", true),
            ("good.tmp", false),
            ("deep/x.tmp", true),
            ("x.swp", true),
            ("local", true),
            ("deep/local", true),
            ("big", true),
            ("deep/big", false),
            ("gen", false),
            ("other", false),
        ];
        for (path, expected) in table {
            assert_eq!(ask(&with(true), &source, path), expected, "{path}");
        }
        assert!(!ask(&with(false), &source, "x.tmp"));
        assert!(ask(&with(false), &source, "big"));
    }

    #[test]
    fn a_tag_keeps_all_but_itself_out() {
        let temp = tempfile::tempdir().expect("temporary directory");
        let mut options = ExcludeOptions { caches: true, ..ExcludeOptions::default() };
        options.if_present = vec![IfPresent::parse(b".nobackup:yes").expect("sound")];
        let rules = Rules::new(&options, b"/s", &[]).expect("rules");
        let kept = |files: &[(&str, &str)]| {
            let dir = tempfile::tempdir_in(temp.path()).expect("temporary directory");
            files.iter().for_each(|(name, text)| write(dir.path().join(name), text).expect("write"));
            let fd = super::super::open_dir(rustix::fs::CWD, dir.path(), false).expect("open");
            let mut listing = Listing::read(&fd, &mut super::super::Scratch::default()).expect("list");
            let mut gone = 0;
            rules.keep_only_tag(&fd, &mut listing, |_| gone += 1);
            (gone, listing.len())
        };
        let signature = "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test";
        assert_eq!(kept(&[("CACHEDIR.TAG", signature), ("x", "")]), (1, 1));
        assert_eq!(kept(&[("CACHEDIR.TAG", "not a signature"), ("x", "")]), (0, 2));
        assert_eq!(kept(&[(".nobackup", "yes, really"), ("x", ""), ("y", "")]), (2, 1));
        assert_eq!(kept(&[(".nobackup", "no"), ("x", "")]), (0, 2));
        assert!(IfPresent::parse(b"a/b").is_err());
    }
}
