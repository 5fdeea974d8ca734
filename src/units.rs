//! Sizes and durations as people write them.
//!
//! Floor 0. `20GiB`, `512k`, `30d`, `1h30m`: parsed here, printed here.

use crate::error::{Code, Error, Result};

const SIZE_UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Parses a size in bytes: a number, perhaps with a fraction, and a unit. `k M G T` and `KiB …` are powers of 1,024;
/// `KB MB GB TB` are powers of 1,000.
///
/// # Errors
/// INVALID_ARG for anything else.
pub fn parse_size(text: &str) -> Result<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(bad_size(text)),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(|| bad_size(text));
    }
    let value = number.parse::<f64>().map_err(|_| bad_size(text))? * factor as f64;
    if value.is_finite() && value <= u64::MAX as f64 { Ok(value as u64) } else { Err(bad_size(text)) }
}

fn bad_size(text: &str) -> Error {
    Error::new(Code::InvalidArg, format!("`{text}` is not a size")).with_hint("write it like 512k, 20MiB or 1.5G")
}

/// Parses a duration in seconds: parts of a number and one of `s m h d w M y` (a month has 30 days, a year 365), or
/// plain seconds.
///
/// # Errors
/// INVALID_ARG for anything else.
pub fn parse_duration_seconds(text: &str) -> Result<u64> {
    let bad = || {
        Error::new(Code::InvalidArg, format!("`{text}` is not a duration"))
            .with_hint("write it like 90s, 12h, 30d or 1y6M")
    };
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Ok(seconds);
    }
    let (mut total, mut digits) = (0u64, String::new());
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let factor = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            'M' => 2_592_000,
            'y' => 31_536_000,
            _ => return Err(bad()),
        };
        let value: u64 = digits.parse().map_err(|_| bad())?;
        digits.clear();
        total = value.checked_mul(factor).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
    }
    if digits.is_empty() && total > 0 { Ok(total) } else { Err(bad()) }
}

/// Bytes for people: `1.46 GiB`.
pub fn format_size(bytes: u64) -> String {
    for (unit, factor) in SIZE_UNITS {
        if bytes >= factor && factor > 1 {
            return format!("{:.2} {unit}", bytes as f64 / factor as f64);
        }
    }
    format!("{bytes} B")
}

/// Seconds for people: `2m05s`, `1h02m`, `0.4s`.
pub fn format_duration(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{seconds:.1}s"),
        60..3_600 => format!("{}m{:02}s", whole / 60, whole % 60),
        _ => format!("{}h{:02}m", whole / 3_600, whole % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        for (text, bytes) in
            [("0", 0), ("512k", 524_288), ("1.5G", 1_610_612_736), ("20GiB", 21_474_836_480), ("1 MB", 1_000_000)]
        {
            assert_eq!(parse_size(text).expect(text), bytes);
        }
        for text in ["", "x", "1q", "-1", "99999999999T", "1.2.3k"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_as_people_write_them() {
        for (text, seconds) in [("90", 90), ("1h30m", 5_400), ("30d", 2_592_000), ("1y", 31_536_000)] {
            assert_eq!(parse_duration_seconds(text).expect(text), seconds);
        }
        for text in ["", "h", "5x", "5h3"] {
            assert!(parse_duration_seconds(text).is_err(), "{text}");
        }
    }
}
