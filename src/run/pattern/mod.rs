//! What an input or an output names: a path, a glob, or the sources that git knows.
//!
//! Floor 5, pure. A pattern that names a directory names everything beneath it, whichever kind it is, as a pathspec of
//! git does. Names in `.git` and `.larder` never match. The syntax is that of `.gitignore`: `*` and `?` stop at
//! `/`, `**` crosses it, `[a-z]` is one character, `{a,b}` is either, `\` takes the next character as it is.

mod glob;

#[cfg(test)]
mod tests;

use crate::error::{Code, Error, Result, fail};
pub use glob::Glob;

/// A path longer than this cannot be opened anyway (PATH_MAX).
pub const PATH_BYTES_MAX: usize = 4096;
/// A name longer than this cannot be made (NAME_MAX).
pub const NAME_BYTES_MAX: usize = 255;
/// Directories that are never part of a project's contents.
const HIDDEN: [&[u8]; 2] = [b".git", b".larder"];
/// What means something in a glob.
const SPECIAL: &[u8] = b"*?[]{}\\";

/// What an input or output names, relative to the project's root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One name, and every name beneath it where it is a directory. Empty: the root.
    Path(Vec<u8>),
    /// Every name that matches, and every name beneath one.
    Glob(Box<Glob>),
    /// Of what is beneath this path, the files that git tracks and those that it does not ignore.
    Git(Vec<u8>),
}

impl Pattern {
    /// Parses a pattern as a manifest in the directory `base` (relative to the root, empty for the root) has it.
    ///
    /// # Errors
    /// PARSE_ERROR for what is no pattern; PERMISSION_DENIED for what leads out of the project or into `.git` or
    /// `.larder`.
    pub fn parse(text: &str, base: &[u8]) -> Result<Pattern> {
        if let Some(inner) = text.strip_prefix("@git") {
            let Some(path) = inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) else {
                return fail(Code::ParseError, format!("`{text}` is not `@git(PATH)`"));
            };
            let path = if path.is_empty() { "." } else { path };
            return Ok(Pattern::Git(resolve(path.as_bytes(), base)?));
        }
        if text.starts_with('!') {
            return Err(Error::new(Code::ConfigInvalid, format!("`{text}`: no pattern takes away in this version"))
                .with_hint("name what is wanted; a file whose name begins with `!` is `\\!name`"));
        }
        if !text.bytes().any(|byte| SPECIAL.contains(&byte)) {
            return Ok(Pattern::Path(resolve(text.as_bytes(), base)?));
        }
        glob::parse(text, base)
    }

    /// The pattern of exactly this path.
    pub fn path(path: &[u8]) -> Pattern {
        Pattern::Path(path.to_vec())
    }

    /// The pattern as text, relative to the root; it parses to the same pattern. It goes into keys.
    pub fn text(&self) -> Vec<u8> {
        match self {
            Pattern::Path(path) if path.is_empty() => b".".to_vec(),
            Pattern::Path(path) => escaped(path),
            Pattern::Glob(glob) => glob.text().as_bytes().to_vec(),
            Pattern::Git(path) if path.is_empty() => b"@git(.)".to_vec(),
            Pattern::Git(path) => [b"@git(".as_slice(), path, b")"].concat(),
        }
    }

    /// Whether this path is one it names. For [`Pattern::Git`] what git ignores is not looked at.
    pub fn matches(&self, path: &[u8]) -> bool {
        if is_hidden(path) {
            return false;
        }
        match self {
            Pattern::Path(name) | Pattern::Git(name) => is_at_or_beneath(path, name),
            Pattern::Glob(glob) => glob.matches(path),
        }
    }

    /// Whether anything at or beneath the directory `dir` could match: walks need not enter it if not.
    pub fn may_match_beneath(&self, dir: &[u8]) -> bool {
        match self {
            Pattern::Path(name) | Pattern::Git(name) => is_at_or_beneath(dir, name) || is_at_or_beneath(name, dir),
            Pattern::Glob(glob) => glob.may_match_beneath(dir),
        }
    }

    /// The directory or file at or beneath which everything lies that can match.
    pub fn literal_prefix(&self) -> &[u8] {
        match self {
            Pattern::Path(name) | Pattern::Git(name) => name,
            Pattern::Glob(glob) => glob.literal_prefix(),
        }
    }

    /// The path, if it names just one.
    pub fn as_path(&self) -> Option<&[u8]> {
        if let Pattern::Path(path) = self { Some(path) } else { None }
    }

    /// Whether there can be a path that both name. Syntactic: the file system is not looked at, and a doubt is a yes.
    pub fn may_match_same(&self, other: &Pattern) -> bool {
        match (self, other) {
            (Pattern::Glob(a), Pattern::Glob(b)) => a.may_match_same(b),
            (Pattern::Glob(glob), Pattern::Path(path) | Pattern::Git(path))
            | (Pattern::Path(path) | Pattern::Git(path), Pattern::Glob(glob)) => glob.may_match_beneath(path),
            (Pattern::Path(a) | Pattern::Git(a), Pattern::Path(b) | Pattern::Git(b)) => {
                is_at_or_beneath(a, b) || is_at_or_beneath(b, a)
            }
        }
    }
}

/// Whether `path` is `top` or lies beneath it. Everything lies beneath the empty path.
pub fn is_at_or_beneath(path: &[u8], top: &[u8]) -> bool {
    match path.strip_prefix(top) {
        Some(rest) => rest.is_empty() || top.is_empty() || rest[0] == b'/',
        None => false,
    }
}

/// Whether a path is, or leads through, a directory that is never looked into.
pub fn is_hidden(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|name| HIDDEN.contains(&name))
}

/// Every directory above a path, the nearest first; the root (empty) is the last. Nothing for the root.
pub fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(path), |path| {
        (!path.is_empty()).then(|| &path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)])
    })
    .skip(1)
}

/// A path written in a manifest of the directory `base`, as a path from the root: `.` and `..` taken away.
///
/// # Errors
/// PARSE_ERROR for a path that cannot be one; PERMISSION_DENIED for one that leads out of the project or into `.git`
/// or `.larder`.
pub fn resolve(path: &[u8], base: &[u8]) -> Result<Vec<u8>> {
    let shown = || String::from_utf8_lossy(path).into_owned();
    if path.is_empty() {
        return fail(Code::ParseError, "a path is empty");
    }
    if path.contains(&0) {
        return fail(Code::ParseError, format!("the path `{}` holds a NUL", shown().escape_debug()));
    }
    if path[0] == b'/' {
        return Err(Error::new(Code::PermissionDenied, format!("`{}` lies outside the project", shown()))
            .with_hint("write paths relative to the manifest; name programs in `tools`"));
    }
    let mut whole = base.to_vec();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if whole.is_empty() => {
                return fail(Code::PermissionDenied, format!("`{}` lies outside the project", shown()));
            }
            b".." => whole.truncate(whole.iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
            name => {
                if name.len() > NAME_BYTES_MAX {
                    return fail(Code::ParseError, format!("a path has a name of over {NAME_BYTES_MAX} bytes"));
                }
                if !whole.is_empty() {
                    whole.push(b'/');
                }
                whole.extend_from_slice(name);
            }
        }
    }
    if whole.len() > PATH_BYTES_MAX {
        return fail(Code::ParseError, format!("a path has over {PATH_BYTES_MAX} bytes"));
    }
    if is_hidden(&whole) {
        return fail(Code::PermissionDenied, format!("`{}`: tasks have no part in `.git` and `.larder`", shown()));
    }
    Ok(whole)
}

/// A path with `\` before everything that would mean something in a pattern.
fn escaped(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(path.len());
    for (at, byte) in path.iter().enumerate() {
        if SPECIAL.contains(byte) || (at == 0 && matches!(byte, b'@' | b'!')) {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text
}
