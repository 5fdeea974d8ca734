//! Names, errors and times as text.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use larder::clock::Time;
use larder::error::Error;
use serde_json::{Value, json};
use std::fmt::Write;

/// A name for a terminal: what could move the cursor or is no UTF-8 is written as `\x1b`.
pub fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for part in name.utf8_chunks() {
        for c in part.valid().chars() {
            if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
        }
        for byte in part.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A name for a line of plumbing, as git quotes it: as it is, or in double quotes with C escapes where it holds a
/// control character, a double quote, a backslash, or bytes that are no UTF-8.
pub fn git_quoted(name: &[u8]) -> Vec<u8> {
    let plain =
        std::str::from_utf8(name).is_ok_and(|text| !text.chars().any(|c| c.is_control() || c == '"' || c == '\\'));
    if plain {
        return name.to_vec();
    }
    let mut text = String::from("\"");
    for part in name.utf8_chunks() {
        for c in part.valid().chars() {
            match c {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                c if c.is_control() => {
                    let mut utf8 = [0; 4];
                    for byte in c.encode_utf8(&mut utf8).bytes() {
                        let _ = write!(text, "\\{byte:03o}");
                    }
                }
                c => text.push(c),
            }
        }
        for byte in part.invalid() {
            let _ = write!(text, "\\{byte:03o}");
        }
    }
    text.push('"');
    text.into_bytes()
}

/// A JSON object with a path under this key; `KEY_hex` stands beside it where the path is no UTF-8.
pub fn json_path(key: &str, path: &[u8]) -> Value {
    let mut value = json!({ key: String::from_utf8_lossy(path) });
    if std::str::from_utf8(path).is_err() {
        value[format!("{key}_hex")] = larder::id::hex(path).into();
    }
    value
}

/// A number with what it counts: `1 file`, `2 files`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// An error and its causes on one line.
pub fn one_line(error: &Error) -> String {
    let mut text = error.to_string();
    let mut beneath = std::error::Error::source(error);
    while let Some(cause) = beneath {
        let _ = write!(text, ": {cause}");
        beneath = cause.source();
    }
    escaped(text.as_bytes())
}

/// A text of several lines for a terminal: names in it cannot move the cursor.
pub fn lines_escaped(text: &str) -> String {
    text.split('\n').map(|line| escaped(line.as_bytes())).collect::<Vec<_>>().join("\n")
}

/// A moment where the user is: `2026-11-21 10:04:05`.
pub fn local_time(time: Time) -> String {
    match zoned(time, TimeZone::system()) {
        Some(zoned) => zoned.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => format!("@{}", time.seconds),
    }
}

/// A moment for programs, RFC 3339 in UTC: `2026-11-21T09:04:05Z`.
pub fn utc_time(time: Time) -> String {
    match Timestamp::new(time.seconds, 0) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => format!("@{}", time.seconds),
    }
}

fn zoned(time: Time, zone: TimeZone) -> Option<Zoned> {
    Timestamp::new(time.seconds, 0).ok().map(|timestamp| timestamp.to_zoned(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_touch_the_terminal() {
        assert_eq!(escaped(b"caf\xc3\xa9 \x1b[2J\xff"), "café \\u{1b}[2J\\xff");
        assert_eq!(git_quoted(b"a b"), b"a b");
        assert_eq!(git_quoted(b"a\"\n\xff\x01"), b"\"a\\\"\\n\\377\\001\"");
    }

    #[test]
    fn times_for_programs() {
        assert_eq!(utc_time(Time::from_seconds(0)), "1970-01-01T00:00:00Z");
    }
}
