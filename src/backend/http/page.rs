//! Pages of links, by which web servers list directories.

use crate::backend::check_name;
use std::collections::HashSet;

/// Files that are being written are named so, and not listed.
const NEW: &str = ".new-";

/// The names that a page of links has of the directory with this path, in order.
pub(super) fn links(page: &str, path: &str) -> Vec<String> {
    let (mut names, mut known) = (Vec::new(), HashSet::new());
    let own = decoded(path);
    let lower = page.to_ascii_lowercase();
    for (at, _) in lower.match_indices("href=") {
        let rest = &page[at + 5..];
        let Some(quote) = rest.chars().next().filter(|c| "\"'".contains(*c)) else { continue };
        let Some((link, _)) = rest[1..].split_once(quote) else { continue };
        let link = decoded(&link.replace("&amp;", "&"));
        let name = link.strip_prefix(&own).or_else(|| link.strip_prefix("./")).unwrap_or(&link);
        let bare = name.strip_suffix('/').unwrap_or(name);
        let is_name = check_name(bare).is_ok() && !bare.contains(['/', '?', '#', ':']) && !bare.starts_with(NEW);
        if is_name && known.insert(name.to_string()) {
            names.push(name.to_string());
        }
    }
    names
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let number = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, number.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(number)) => {
                out.push(number);
                rest = &after[2..];
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_several_servers_are_read() {
        let python = "<li><a href=\"ab/\">ab/</a></li>\n<li><a href=\"c%20d\">c d</a></li>";
        let apache =
            "<a href=\"?C=N;O=D\">Name</a><a href=\"/\">Parent</a><a href=\"ab/\">ab/</a><a href='c%20d'>c d</a>";
        let nginx = "<a href=\"../\">../</a><A HREF=\"/packs/ab/\">ab/</A><a href=\"./c%20d\">c d</a><a href=\"c%20d\">again</a>";
        for page in [python, apache, nginx] {
            assert_eq!(links(page, "/packs/"), ["ab/", "c d"]);
        }
        assert!(links("<a href=\"https://x/y\"><a href=\".new-1\"><a href=\"a%00b\"><a href=x>", "/").is_empty());
    }
}
