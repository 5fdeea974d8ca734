//! Files of variables: lines of `NAME=value`, perhaps with `export` before and quotes around.

use super::raw::Text;
use super::source::{Complaints, Source};
use crate::error::Code;

/// Reads a file; the first value of a name counts.
pub(super) fn read(source: &Source<'_>, complaints: &mut Complaints) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut offset = 0;
    for line in source.text.split_inclusive('\n') {
        let at = source.place(offset + line.len() - line.trim_start().len());
        offset += line.len();
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let Some((name, value)) = line.split_once('=') else {
            complaints.hinted(at, Code::ParseError, "neither a comment nor `NAME=value`", "a comment begins with `#`");
            continue;
        };
        let name = name.trim();
        if !is_variable(name) {
            bad_variable(&Text { text: name.to_string(), at }, complaints);
            continue;
        }
        match unquoted(value.trim()) {
            Some(value) if !value.contains('\0') => {
                if !found.iter().any(|(other, _)| other == name) {
                    found.push((name.to_string(), value));
                }
            }
            _ => complaints.say(at, Code::ParseError, format!("the value of `{name}` is not closed by a quote")),
        }
    }
    found
}

/// Whether a text is the name of a variable.
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) fn bad_variable(name: &Text, complaints: &mut Complaints) {
    let message = format!("`{}` is not the name of a variable", name.text.escape_debug());
    complaints.hinted(
        name.at,
        Code::ParseError,
        message,
        "names have letters, digits and `_`, and begin with no digit",
    );
}

/// The value without its quotes. Within double quotes `\n`, `\t`, `\"`, `\\` and `\$` mean something; without quotes
/// ` #` begins a comment.
fn unquoted(value: &str) -> Option<String> {
    if let Some(inner) = value.strip_prefix('\'') {
        let (inner, rest) = inner.split_once('\'')?;
        return is_rest(rest).then(|| inner.to_string());
    }
    let Some(inner) = value.strip_prefix('"') else {
        let end = value.find(" #").unwrap_or(value.len());
        return Some(value[..end].trim_end().to_string());
    };
    let mut out = String::new();
    let mut chars = inner.chars();
    loop {
        match chars.next()? {
            '"' => return is_rest(chars.as_str()).then_some(out),
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                c @ ('"' | '\\' | '$') => out.push(c),
                c => out.extend(['\\', c]),
            },
            c => out.push(c),
        }
    }
}

fn is_rest(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || text.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_shells_write_them() {
        let text = "# c\nA=1\nexport B = two words # c\nC='x # y'\nD=\"a\\nb\\$\" # c\nE=\nA=2\n";
        let mut complaints = Complaints::default();
        let found = read(&Source::new(0, text), &mut complaints);
        let shown: Vec<String> = found.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        assert_eq!(shown, ["A=\"1\"", "B=\"two words\"", "C=\"x # y\"", "D=\"a\\nb$\"", "E=\"\""]);
        assert!(complaints.check().is_ok());
        read(&Source::new(0, "A\n1X=2\nB=\"x\n"), &mut complaints);
        assert_eq!(complaints.check().expect_err("three").to_string().lines().count(), 3);
    }
}
