//! The files that a compiler says it read, in the syntax of make.

use super::read_content;
use crate::action::Action;
use crate::error::{Code, Error, IoContext, Result};
use crate::record::Observed;
use crate::run::pattern::Pattern;
use rustix::fd::AsFd;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A depfile longer than this is none.
const DEPFILE_BYTES_MAX: u64 = 64 << 20;

/// The paths that the depfile of a command names, from the root where they lie below it, else absolute: sorted, each
/// once.
///
/// # Errors
/// FILE_NOT_FOUND without a depfile; FILE_IO and so on; RESOURCE_EXHAUSTED for one over 64 MiB.
pub fn read_depfile(root: &Path, cwd: &[u8], depfile: &[u8]) -> Result<Vec<Vec<u8>>> {
    let path = root.join(OsStr::from_bytes(depfile));
    let size = path.metadata().at("look at the depfile", &path)?.len();
    if size > DEPFILE_BYTES_MAX {
        return Err(Error::new(Code::ResourceExhausted, format!("the depfile {} is over 64 MiB", path.display())));
    }
    let text = std::fs::read(&path).at("read the depfile", &path)?;
    let mut paths: Vec<Vec<u8>> = parse_depfile(&text).iter().map(|path| named_path(root, cwd, path)).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// What the depfile of an action says that it read in this root, beyond its inputs and what it makes itself.
///
/// # Errors
/// As [`read_depfile`], and as reading those files.
pub fn observed(root: &Path, action: &Action) -> Result<Vec<Observed>> {
    let Some(depfile) = &action.depfile else { return Ok(Vec::new()) };
    let root = std::path::absolute(root).at("find", root)?;
    let handle = crate::walk::open_path(rustix::fs::CWD, &root).at("open", &root)?;
    let texts = action.outputs.iter().filter_map(|text| std::str::from_utf8(text).ok());
    let outputs = texts.map(|text| Pattern::parse(text, b"")).collect::<Result<Vec<Pattern>>>()?;
    let is_input = |path: &[u8]| action.inputs.iter().any(|input| input.path == path);
    let paths = read_depfile(&root, &action.cwd, depfile)?;
    let beyond = paths.into_iter().filter(|path| !is_input(path) && !outputs.iter().any(|output| output.matches(path)));
    beyond
        .map(|path| {
            let content = read_content(handle.as_fd(), &path, true, u64::MAX)?.id;
            Ok(Observed { path, content })
        })
        .collect()
}

/// Whether what a run was seen to read is what it would read now in this root.
///
/// # Errors
/// FILE_NOT_FOUND and so on when the root cannot be opened.
pub fn still_holds(root: &Path, observed: &[Observed]) -> Result<bool> {
    if observed.is_empty() {
        return Ok(true);
    }
    let handle = crate::walk::open_path(rustix::fs::CWD, root).at("open", root)?;
    // What cannot be read is not what was read.
    let holds = |seen: &Observed| {
        read_content(handle.as_fd(), &seen.path, true, u64::MAX).is_ok_and(|content| content.id == seen.content)
    };
    Ok(observed.iter().all(holds))
}

/// A path that a command names, from the root if it lies below it, else absolute.
fn named_path(root: &Path, cwd: &[u8], path: &[u8]) -> Vec<u8> {
    let whole = root.join(OsStr::from_bytes(cwd)).join(OsStr::from_bytes(path));
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in whole.as_os_str().as_bytes().split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    let absolute = [b"/", parts.join(&b'/').as_slice()].concat();
    let inner = absolute.strip_prefix(root.as_os_str().as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
    inner.map(<[u8]>::to_vec).unwrap_or(absolute)
}

/// Reads a depfile: what stands right of the colons, in its order, each once.
///
/// `\` at the end of a line goes on on the next; `\ ` is a space in a name, `\#` a hash, `$$` a dollar, as compilers
/// write them. Targets without prerequisites, which compilers add for headers (`-MP`), say nothing.
pub fn parse_depfile(text: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut is_right_side = false;
    let mut rest = text;
    while let Some((token, after)) = next_token(rest) {
        rest = after;
        match token {
            Token::EndOfLine => is_right_side = false,
            Token::Word(word, ends_with_colon) => {
                if ends_with_colon && !is_right_side {
                    is_right_side = true;
                } else if is_right_side && seen.insert(word.clone()) {
                    found.push(word);
                }
            }
        }
    }
    found
}

enum Token {
    EndOfLine,
    /// A name, and whether it was the last on the left side.
    Word(Vec<u8>, bool),
}

fn next_token(text: &[u8]) -> Option<(Token, &[u8])> {
    let mut at = 0;
    loop {
        match text.get(at..)? {
            [] => return None,
            [b' ' | b'\t' | b'\r', ..] => at += 1,
            [b'\\', b'\n', ..] => at += 2,
            [b'\\', b'\r', b'\n', ..] => at += 3,
            [b'\n', ..] => return Some((Token::EndOfLine, &text[at + 1..])),
            _ => break,
        }
    }
    let mut word = Vec::new();
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match rest {
            [b'\\', b'\n', ..] | [b'\\', b'\r', b'\n', ..] | [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => {
                let ends_with_colon = word.last() == Some(&b':');
                if ends_with_colon {
                    word.pop();
                }
                return Some((Token::Word(word, ends_with_colon), rest));
            }
            [b'\\', next @ (b' ' | b'#' | b'\\' | b':' | b'\t'), ..] => {
                word.push(*next);
                at += 2;
            }
            [b'$', b'$', ..] => {
                word.push(b'$');
                at += 2;
            }
            [byte, ..] => {
                word.push(*byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        parse_depfile(text.as_bytes()).into_iter().map(|path| String::from_utf8(path).expect("text")).collect()
    }

    #[test]
    fn what_compilers_write() {
        assert_eq!(
            parsed("a.o: a.c \\\n  a.h b\\ c.h\\\n /usr/include/stdio.h\n"),
            ["a.c", "a.h", "b c.h", "/usr/include/stdio.h"]
        );
        assert_eq!(parsed("a.o : a.c a.h\na.h:\nb.h:\n"), ["a.c", "a.h"]);
        assert_eq!(parsed("a.o b.o: x.c\nc.o: y.c x.c\n"), ["x.c", "y.c"]);
        assert_eq!(parsed("a.o: co$$t\\#1.c dir/\\\\x\r\n"), ["co$t#1.c", "dir/\\x"]);
        assert_eq!(parsed("c:/x.o: a.c"), ["a.c"]);
        assert_eq!(parsed(""), Vec::<String>::new());
        assert_eq!(parsed("no colon here"), Vec::<String>::new());
    }
}
