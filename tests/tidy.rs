//! House rules that the compiler does not know, held over the sources themselves.
//!
//! The floor table in the documentation of `src/lib.rs` is the one list of modules: this test reads it. Sources are
//! read as tokens, so comments and texts never trip a rule and macros never hide from one. Code under `#[cfg(test)]`
//! and files named `tests.rs` may import anything and print.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A file longer than this has more than one reason to change.
const FILE_LINES_MAX: usize = 800;
/// A function longer than this does not fit a screen.
const FUNCTION_LINES_MAX: usize = 70;
/// Crates that belong to the faces: only `src/bin` may name them.
const FACE_CRATES: [&str; 4] = ["anyhow", "clap", "clap_complete", "indicatif"];
/// Macros that write to the terminal.
const PRINT_MACROS: [&str; 5] = ["println", "eprintln", "print", "eprint", "dbg"];
/// Module names that say nothing.
const EMPTY_NAMES: [&str; 4] = ["util", "utils", "misc", "helpers"];
/// The only file with unsafe code.
const UNSAFE_FILE: &str = "src/fs/map.rs";

#[test]
fn the_sources_are_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for top in ["src", "tests"] {
        for entry in walkdir::WalkDir::new(root.join(top)).sort_by_file_name() {
            let entry = entry.unwrap();
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_string();
                files.push((path, std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let found = check(&files);
    assert!(found.is_empty(), "{} untidy places:\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_dependency_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let sections: Vec<&str> = manifest.split("\n[").collect();
    let named = |section: &str| {
        let lines = sections.iter().filter(move |text| text.starts_with(section)).flat_map(|text| text.lines().skip(1));
        lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.replace('-', "_")).collect::<Vec<_>>()
    };
    let words = |top: &str| {
        let mut words = BTreeSet::new();
        for entry in walkdir::WalkDir::new(root.join(top)).into_iter().filter_map(Result::ok) {
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                gather_words(std::fs::read_to_string(entry.path()).unwrap().parse().unwrap(), &mut words);
            }
        }
        words
    };
    let (in_sources, in_tests) = (words("src"), words("tests"));
    let unused: Vec<String> = named("dependencies]").into_iter().filter(|name| !in_sources.contains(name)).collect();
    assert!(unused.is_empty(), "dependencies that nothing in src uses: {unused:?}");
    let idle = |name: &String| !in_tests.contains(name) && !in_sources.contains(name);
    let unused: Vec<String> = named("dev-dependencies]").into_iter().filter(idle).collect();
    assert!(unused.is_empty(), "dev-dependencies that no test uses: {unused:?}");
}

fn gather_words(tokens: TokenStream, words: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => gather_words(group.stream(), words),
            TokenTree::Ident(ident) => _ = words.insert(ident.to_string()),
            _ => {}
        }
    }
}

/// Everything that is wrong with these files, one line each.
fn check(files: &[(&str, &str)]) -> Vec<String> {
    let table = files.iter().find(|(path, _)| *path == "src/lib.rs").map_or("", |(_, text)| text);
    let floors = floor_table(table);
    let mut found = Vec::new();
    let mut modules = BTreeSet::new();
    for (path, text) in files {
        let mut file = File { path, floors: &floors, found: &mut found, in_library: is_library(path) };
        file.check_lines(text);
        match text.parse::<TokenStream>() {
            Ok(tokens) => file.walk(tokens, &module_path(path), is_test_file(path)),
            Err(error) => file.say(error.span().start().line, format!("does not parse: {error}")),
        }
        if is_library(path) {
            modules.extend(module_path(path).first().cloned());
        }
    }
    for module in floors.keys().filter(|module| !modules.contains(*module)) {
        found.push(format!("src/lib.rs:1: the floor table names `{module}`, which is no module"));
    }
    for module in modules.iter().filter(|module| !floors.contains_key(*module)) {
        found.push(format!("src/lib.rs:1: the module `{module}` is missing from the floor table"));
    }
    found
}

/// Module -> its place, from rows such as ``//! | 2 medium | [`backend`] | bytes and names only |``.
fn floor_table(text: &str) -> BTreeMap<String, Place> {
    let mut floors = BTreeMap::new();
    for (rank, line) in text.lines().rev().enumerate() {
        let cells: Vec<&str> = line.trim_start_matches("//!").split('|').map(str::trim).collect();
        let Some(floor) = cells.get(1).and_then(|cell| cell.split(' ').next()).and_then(|digit| digit.parse().ok())
        else {
            continue;
        };
        let names = cells.get(2).into_iter().flat_map(|cell| cell.split('`').skip(1).step_by(2));
        floors.extend(names.map(|name| (name.to_string(), Place { rank, floor })));
    }
    floors
}

/// Where a module stands: rows further down in the table have lower ranks, and several rows may share a floor.
#[derive(Clone, Copy)]
struct Place {
    rank: usize,
    floor: u32,
}

fn is_library(path: &str) -> bool {
    path.starts_with("src/") && !path.starts_with("src/bin/")
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// `src/repo/pack.rs` -> `["repo", "pack"]`; the crate's root is empty.
fn module_path(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_start_matches("bin/larder/").trim_end_matches(".rs");
    let mut parts: Vec<String> = inner.split('/').map(str::to_string).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

struct File<'a> {
    path: &'a str,
    floors: &'a BTreeMap<String, Place>,
    found: &'a mut Vec<String>,
    in_library: bool,
}

impl File<'_> {
    fn say(&mut self, line: usize, what: impl std::fmt::Display) {
        self.found.push(format!("{}:{line}: {what}", self.path));
    }

    fn check_lines(&mut self, text: &str) {
        let count = text.lines().count();
        if count > FILE_LINES_MAX {
            self.say(count, format!("{count} lines; a file has at most {FILE_LINES_MAX}"));
        }
        if self.path.starts_with("src/") && !is_test_file(self.path) && !text.starts_with("//!") {
            self.say(1, "no `//!` says what this module is");
        }
        for (index, line) in text.lines().enumerate() {
            for mark in ["TODO", "FIXME"] {
                let Some((_, after)) = line.split_once(&format!("// {mark}")) else { continue };
                let reason = after.trim_start_matches(':');
                if reason.len() == after.len() || reason.split_whitespace().count() < 3 {
                    self.say(index + 1, format!("{mark} without `: ` and what would settle it"));
                }
            }
        }
    }

    /// Walks the tokens of the module `module`. `test` says that this is test code.
    fn walk(&mut self, tokens: TokenStream, module: &[String], test: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut next_is_test = false;
        for (at, token) in tokens.iter().enumerate() {
            let line = token.span().start().line;
            let after = &tokens[at + 1..];
            match token {
                TokenTree::Group(group) => {
                    let names_mod = at >= 2 && is_ident(&tokens[at - 2], "mod");
                    let mut inner = module.to_vec();
                    if group.delimiter() == Delimiter::Brace && names_mod {
                        inner.push(tokens[at - 1].to_string());
                    }
                    if at >= 1 && is_punct(&tokens[at - 1], '#') {
                        next_is_test |= is_cfg_test(&group.stream().to_string());
                        continue;
                    }
                    self.walk(group.stream(), &inner, test || next_is_test);
                    next_is_test &= group.delimiter() != Delimiter::Brace;
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => next_is_test = false,
                TokenTree::Ident(ident) => {
                    self.check_word(&ident.to_string(), line, after, test || next_is_test);
                    let starts_path = !ends_in_path(&tokens[..at]);
                    if self.in_library && starts_path && !test && !next_is_test {
                        self.check_path(token, line, after, module);
                    }
                }
                _ => {}
            }
        }
    }

    fn check_word(&mut self, word: &str, line: usize, after: &[TokenTree], test: bool) {
        let next = after.first();
        if self.in_library && !test {
            if PRINT_MACROS.contains(&word) && next.is_some_and(|token| is_punct(token, '!')) {
                self.say(line, format!("`{word}!` in the library: speak to the Monitor"));
            }
            if FACE_CRATES.contains(&word) && next.is_some_and(|token| is_punct(token, ':')) {
                self.say(line, format!("`{word}` in the library: it belongs to src/bin"));
            }
        }
        if word == "unsafe" && self.path != UNSAFE_FILE {
            self.say(line, format!("unsafe code outside {UNSAFE_FILE}"));
        }
        if let Some(name) = next.map(ToString::to_string).filter(|name| word == "mod" && is_empty_name(name)) {
            self.say(line, format!("`mod {name}`: say what it is for"));
        }
        if word == "fn" && !test && self.path.starts_with("src/") {
            self.check_function_length(line, after);
        }
    }

    fn check_function_length(&mut self, line: usize, after: &[TokenTree]) {
        let body = after.iter().take_while(|token| !is_punct(token, ';')).find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
            _ => None,
        });
        let lines = body.map_or(0, |group| group.span_close().end().line + 1 - line);
        if lines > FUNCTION_LINES_MAX {
            let name = after.first().map(ToString::to_string).unwrap_or_default();
            self.say(line, format!("`fn {name}` has {lines} lines; a function has at most {FUNCTION_LINES_MAX}"));
        }
    }

    /// Checks the path that starts with `first`, if it leads through the root of the crate.
    fn check_path(&mut self, first: &TokenTree, line: usize, after: &[TokenTree], module: &[String]) {
        let mut base = match first.to_string().as_str() {
            "crate" => Vec::new(),
            "super" => module[..module.len().saturating_sub(1)].to_vec(),
            _ => return,
        };
        let mut rest = after;
        while let [colon, _, next, beyond @ ..] = rest {
            if !is_punct(colon, ':') {
                return;
            }
            if is_ident(next, "super") {
                base.pop();
                rest = beyond;
                continue;
            }
            if base.is_empty() {
                self.check_target(next, line, module);
            }
            return;
        }
    }

    /// Checks what stands after `crate::`: a module, a star or a group of paths.
    fn check_target(&mut self, target: &TokenTree, line: usize, module: &[String]) {
        match target {
            TokenTree::Group(group) => {
                let mut starts = true;
                for token in group.stream() {
                    if starts {
                        self.check_target(&token, token.span().start().line, module);
                    }
                    starts = is_punct(&token, ',');
                }
            }
            TokenTree::Punct(_) => self.say(line, "`use crate::*` hides what is used"),
            other => self.check_edge(&other.to_string(), line, module),
        }
    }

    fn check_edge(&mut self, to: &str, line: usize, module: &[String]) {
        let Some(from) = module.first().filter(|from| *from != to) else { return };
        match (self.floors.get(from), self.floors.get(to)) {
            (Some(here), Some(there)) if there.rank >= here.rank => {
                let way = if there.rank > here.rank { "up" } else { "sideways" };
                let (here, there) = (here.floor, there.floor);
                self.say(line, format!("`{from}` (floor {here}) imports {way}: `{to}` (floor {there})"));
            }
            (_, None) => self.say(line, format!("`crate::{to}` is not in the floor table of src/lib.rs")),
            _ => {}
        }
    }
}

fn is_empty_name(name: &str) -> bool {
    EMPTY_NAMES.contains(&name)
}

/// Whether the content of an attribute makes what follows test code.
fn is_cfg_test(attribute: &str) -> bool {
    let squeezed: String = attribute.split_whitespace().collect();
    squeezed == "test" || squeezed == "cfg(test)" || squeezed.starts_with("cfg(all(test,")
}

fn is_ident(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// Whether the tokens end in `::`, so that what follows is a later part of a path.
fn ends_in_path(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Punct(first), second] => {
            first.as_char() == ':' && first.spacing() == Spacing::Joint && is_punct(second, ':')
        }
        _ => false,
    }
}

/// The root of a small crate; a case replaces or adds one file.
const LIB: &str = "//! lib\n//! | 2 high | [`high`], [`side`] | x |\n//! | 1 low | [`low`] | x |\n//! | 0 words | [`words`] | x |\n//! | 0 words | [`base`] | x |\nmod high;\n";

fn problems(path: &str, text: &str) -> Vec<String> {
    let sound = [
        ("src/lib.rs", LIB),
        ("src/high/mod.rs", "//! h\nuse crate::low::{self, X};\nuse super::words;\nmod part;\n"),
        ("src/high/part.rs", "//! p\nuse super::Y; use super::super::low::X; use crate::high::Z;\n"),
        ("src/side.rs", "//! s\nuse crate::{low::{a, b}, words};\n#[cfg(test)] mod tests { use crate::high; }\n"),
        ("src/low.rs", "//! l\n#[cfg(test)]\nmod tests;\nuse crate::words::W; const TEXT: &str = \"crate::high\";\n"),
        ("src/low/tests.rs", "use crate::high::X; fn f() { println!(\"seen\"); }\n"),
        ("src/base.rs", "//! b\n"),
        ("src/words.rs", "//! w\nuse crate::base;\n// crate::high in a comment. TODO: later, when it is measured\n"),
        ("src/bin/larder/main.rs", "//! m\nuse anyhow::Result; fn main() { println!(); }\n"),
    ];
    let files: Vec<(&str, &str)> =
        sound.iter().copied().filter(|(known, _)| *known != path).chain([(path, text)]).collect();
    check(&files)
}

#[test]
fn a_tidy_crate_has_no_problem() {
    assert_eq!(problems("src/low/new.rs", "//! n\nuse crate::words;\nuse super::X;\n"), Vec::<String>::new());
}

#[test]
fn each_rule_catches_its_offence() {
    let long_file = format!("//! x\n{}", "const A: u8 = 0;\n".repeat(FILE_LINES_MAX));
    let long_function = format!("//! x\nfn long() {{\n{}}}\n", "    step();\n".repeat(FUNCTION_LINES_MAX));
    let cases = [
        ("src/low.rs", "//! x\nuse crate::high::Thing;\n", "src/low.rs:2: `low` (floor 1) imports up: `high`"),
        (
            "src/low.rs",
            "//! x\nuse crate::{words,\n high::Thing};\n",
            "src/low.rs:3: `low` (floor 1) imports up: `high`",
        ),
        ("src/low.rs", "//! x\nfn f() { crate::high::go() }\n", "imports up"),
        ("src/low.rs", "//! x\nfn f() { call!(crate::high::go()) }\n", "imports up"),
        ("src/low.rs", "//! x\nfn f(x: crate::high::X) {}\n", "imports up"),
        ("src/low.rs", "//! x\nuse super::high;\n", "imports up"),
        ("src/low/deep.rs", "//! x\nuse super::super::high;\n", "imports up"),
        ("src/low.rs", "//! x\nmod inner { use super::super::high; }\n", "imports up"),
        ("src/low.rs", "//! x\n#[cfg(test)] mod tests {}\nuse crate::high;\n", "imports up"),
        ("src/low.rs", "//! x\n#[cfg(test)] use crate::high;\nuse crate::high;\n", "src/low.rs:3: `low`"),
        ("src/side.rs", "//! x\nuse crate::high;\n", "`side` (floor 2) imports sideways: `high`"),
        ("src/base.rs", "//! x\nuse crate::words;\n", "`base` (floor 0) imports up: `words` (floor 0)"),
        ("src/low.rs", "//! x\nuse crate::*;\n", "`use crate::*`"),
        ("src/low.rs", "//! x\nuse crate::nowhere;\n", "`crate::nowhere` is not in the floor table"),
        ("src/new.rs", "//! x\n", "`new` is missing from the floor table"),
        ("src/low.rs", "use crate::words;\n", "src/low.rs:1: no `//!`"),
        ("src/low.rs", &long_file, "801 lines"),
        ("src/low.rs", &long_function, "`fn long` has 72 lines"),
        ("src/low.rs", "//! x\nmod util;\n", "`mod util`"),
        ("tests/case.rs", "mod misc;\n", "`mod misc`"),
        ("src/low.rs", "//! x\n/\x2f TODO\n", "TODO without"),
        ("src/low.rs", "//! x\n/\x2f FIXME: soon\n", "FIXME without"),
        ("src/low.rs", "//! x\nfn f() { println!(\"x\") }\n", "`println!` in the library"),
        ("src/low.rs", "//! x\nfn f() { eprint!(\"x\") }\n", "`eprint!` in the library"),
        ("src/low.rs", "//! x\nuse anyhow::Result;\n", "`anyhow` in the library"),
        ("src/low.rs", "//! x\nfn f() { unsafe { g() } }\n", "unsafe code outside"),
        ("src/low.rs", "//! x\nfn f( {\n", "does not parse"),
    ];
    for (path, text, expected) in cases {
        let found = problems(path, text);
        assert!(found.len() == 1 && found[0].contains(expected), "{path}: {text:?} gives {found:?}, not {expected:?}");
    }
    let unknown = LIB.replace("[`words`]", "[`words`], [`ghost`]");
    assert_eq!(problems("src/lib.rs", &unknown), ["src/lib.rs:1: the floor table names `ghost`, which is no module"]);
}
