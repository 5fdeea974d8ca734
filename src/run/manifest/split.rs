//! A TOML text cut at its table headers, so that a manifest of 100,000 tasks is never held as one tree.
//!
//! Only what is certain is cut: whatever looks unusual (a table that goes on later, a header that is not plain) makes
//! the caller read the whole text at once, and a syntax error is always told by the reader of the whole.

use std::collections::HashSet;
use std::ops::Range;

/// A piece that stands on its own: everything before the first header, or tables of one name that follow each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub range: Range<usize>,
    /// A task, or something else of the top level.
    pub is_task: bool,
}

/// The pieces of a text, or `None` if it is to be read at once.
pub(super) fn split(text: &str) -> Option<Vec<Piece>> {
    let headers = headers(text)?;
    let first = headers.first().map_or(text.len(), |header| header.at);
    let mut pieces = vec![Piece { range: 0..first, is_task: false }];
    let mut seen: HashSet<(&str, Option<&str>)> = HashSet::new();
    let mut last: Option<(&str, Option<&str>)> = None;
    for (index, header) in headers.iter().enumerate() {
        let end = headers.get(index + 1).map_or(text.len(), |next| next.at);
        let is_task = matches!(header.first, "task" | "tasks");
        let name = (header.first, header.second.filter(|_| is_task));
        if is_task && name.1.is_none() {
            return None;
        }
        if last == Some(name) {
            pieces.last_mut()?.range.end = end;
            continue;
        }
        if !seen.insert(name) || (is_task && header.depth != 2) {
            return None;
        }
        last = Some(name);
        pieces.push(Piece { range: header.at..end, is_task });
    }
    // A table may also begin as a dotted key before all headers.
    let opening = &text[..first];
    let is_named =
        |name: &str| opening.lines().any(|line| line.trim_start().trim_start_matches(['"', '\'']).starts_with(name));
    if is_named("task") || seen.iter().any(|(name, _)| is_named(name)) {
        return None;
    }
    Some(pieces)
}

struct Header<'a> {
    at: usize,
    first: &'a str,
    second: Option<&'a str>,
    depth: usize,
}

/// Every table header that stands outside of values.
fn headers(text: &str) -> Option<Vec<Header<'_>>> {
    let bytes = text.as_bytes();
    let mut headers = Vec::new();
    let (mut at, mut depth, mut is_line_start) = (0, 0usize, true);
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => {
                is_line_start = depth == 0;
                at += 1;
                continue;
            }
            b' ' | b'\t' | b'\r' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            b'[' if is_line_start => {
                let end = at + text[at..].find('\n').unwrap_or(text.len() - at);
                headers.push(header(at, text[at..end].trim_end())?);
                at = end;
            }
            b'"' | b'\'' => at = string_end(bytes, at)?,
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ => at += 1,
        }
        is_line_start = false;
    }
    (depth == 0).then_some(headers)
}

/// `[a.b.c]` of plain names; anything else is not taken apart here.
fn header(at: usize, line: &str) -> Option<Header<'_>> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let is_plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let names: Vec<&str> = inner.split('.').collect();
    // `"a.b"` is one name: the only quotes that are understood are those around a whole second name without a dot.
    let unquoted = |name: &'_ str| {
        name.len() > 2 && name.starts_with('"') && name.ends_with('"') && is_plain(&name[1..name.len() - 1])
    };
    if !names.iter().all(|name| is_plain(name) || unquoted(name)) {
        return None;
    }
    Some(Header {
        at,
        first: names.first().map(|name| name.trim_matches('"'))?,
        second: names.get(1).map(|name| name.trim_matches('"')),
        depth: names.len(),
    })
}

/// Where the string that begins here ends.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let is_long = bytes.get(start..start + 3) == Some(&[quote; 3]);
    let mut at = start + if is_long { 3 } else { 1 };
    loop {
        match *bytes.get(at)? {
            b'\\' if quote == b'"' => at += 2,
            b'\n' if !is_long => return None,
            byte if byte == quote && !is_long => return Some(at + 1),
            byte if byte == quote && bytes.get(at..at + 3) == Some(&[quote; 3]) => {
                // Up to two more quotes belong to the text.
                let more = bytes[at + 3..].iter().take(2).take_while(|byte| **byte == quote).count();
                return Some(at + 3 + more);
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Option<Vec<(&str, bool)>> {
        let cut = split(text)?;
        Some(cut.into_iter().map(|piece| (&text[piece.range], piece.is_task)).collect())
    }

    #[test]
    fn tasks_are_cut_from_each_other() {
        let text = "project = \"x\"\n[task.a]\ncmd = \"\"\"\n[task.no]\"\"\"\n[task.a.env]\nX = \"]\"\n[defaults]\n[task.b]\ninputs = [\n\"x\",\n]\n";
        let found = pieces(text).expect("plain");
        assert_eq!(found.len(), 4);
        assert_eq!(found[0], ("project = \"x\"\n", false));
        assert!(found[1].0.ends_with("X = \"]\"\n") && found[1].1 && !found[2].1 && found[3].1);
    }

    #[test]
    fn what_is_unusual_is_not_cut() {
        for text in [
            "[task.a]\n[task.b]\n[task.a.env]\n",
            "[task]\na = { cmd = \"x\" }\n",
            "[task.a]\n[task.a]x\n",
            "[task.a\n",
            "x = \"\"\"\n",
            "task.a.cmd = \"x\"\n[task.b]\n",
            "task.a.cmd = \"x\"\n",
            "[task.\"a.b\"]\n",
            "[ task.a ]\n",
            "x = [\n",
            "[task.a.env]\nX = \"1\"\n",
            "[defaults]\n[task.a]\n[defaults.env]\n",
        ] {
            assert!(pieces(text).is_none(), "{text}");
        }
        assert_eq!(pieces("").map(|list| list.len()), Some(1));
    }
}
