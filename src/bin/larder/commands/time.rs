//! Times as people type them.

use crate::session::Session;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use larder::clock::{self, Time};
use larder::error::{Code, Error, Result};
use larder::units::parse_duration_seconds;

/// Says that a time to come will not be believed (FORMAT.md, root records).
pub fn warn_of_future(session: &Session, time: Option<Time>) {
    if time.is_some_and(|time| time > clock::now()) {
        session.ui.warn("this time is in the future: until it comes, the snapshot counts as made now");
    }
}

/// `2026-11-21`, `2026-11-21 10:00`, `2026-11-21T10:00:00Z`, `@1795251600`, or `3d` for three days ago.
///
/// # Errors
/// INVALID_ARG for anything else.
pub fn parse(text: &str) -> Result<Time> {
    let bad = || {
        Error::new(Code::InvalidArg, format!("`{}` is not a time", text.escape_debug()))
            .with_hint("write it like 2026-11-21, 2026-11-21T10:00:00, 2026-11-21T10:00:00Z, @1795251600 or 3d")
    };
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse().map(Time::from_seconds).map_err(|_| bad());
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(of_timestamp(timestamp));
    }
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Ok(of_timestamp(zoned.timestamp()));
    }
    let local = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from));
    if let Ok(local) = local {
        return local.to_zoned(TimeZone::system()).map(|zoned| of_timestamp(zoned.timestamp())).map_err(|_| bad());
    }
    // A bare number is a year to one and seconds to another: it must have a unit.
    if text.ends_with(|c: char| c.is_ascii_digit()) {
        return Err(bad());
    }
    let ago = parse_duration_seconds(text).map_err(|_| bad())?;
    let now = clock::now();
    Ok(Time { seconds: now.seconds.saturating_sub(i64::try_from(ago).map_err(|_| bad())?), ..now })
}

fn of_timestamp(timestamp: Timestamp) -> Time {
    // Before 1970 jiff counts nanoseconds down; a Time counts them up.
    let seconds = timestamp.as_nanosecond().div_euclid(1_000_000_000);
    let nanoseconds = timestamp.as_nanosecond().rem_euclid(1_000_000_000);
    Time { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), nanoseconds: u32::try_from(nanoseconds).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_type_them() {
        for text in ["2026-11-21T09:00:00Z", "@1795251600", "2026-11-21T10:00:00+01:00"] {
            assert_eq!(parse(text).expect(text), Time::from_seconds(1_795_251_600));
        }
        assert!(parse("2026-11-21").is_ok() && parse("2026-11-21 10:00").is_ok() && parse("3d").is_ok());
        for text in ["", "2026", "yesterday", "2026-13-01", "@x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
