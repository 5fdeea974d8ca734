//! How long runs are kept, and which of them that is.

use crate::clock::{SECONDS_A_DAY, Time};
use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::runs::{Run, Runs};
use crate::units::{parse_duration_seconds, parse_size};
use std::cmp::Reverse;
use std::collections::HashSet;

/// What is kept where nobody says otherwise.
const DEFAULT_AGE_SECONDS: u64 = 30 * SECONDS_A_DAY as u64;
const DEFAULT_BYTES: u64 = 20 << 30;

/// Bounds within which runs are kept; one that is not given bounds nothing. Pinned runs are kept in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Those that were used within so many seconds.
    pub age_seconds: Option<u64>,
    /// So many, the last used ones.
    pub count: Option<u64>,
    /// So many bytes of packs, about: of the last used ones.
    pub bytes: Option<u64>,
}

impl Policy {
    /// What is kept where nobody says otherwise: what was used within 30 days, up to 20 GiB.
    pub fn usual() -> Policy {
        Policy { age_seconds: Some(DEFAULT_AGE_SECONDS), count: None, bytes: Some(DEFAULT_BYTES) }
    }

    /// Adds a bound: an age such as `30d`, a number such as `1000`, or a size such as `20GiB`.
    ///
    /// # Errors
    /// INVALID_ARG for anything else, for a bound that is 0, for two of a kind, and for `5m`, which may be both.
    pub fn bound(&mut self, text: &str) -> Result<()> {
        let bad = |what: String, hint: &str| Err(Error::new(Code::InvalidArg, what).with_hint(hint));
        let hint = "write an age such as 30d, a number of runs such as 1000, or a size such as 20GiB";
        let (slot, value) = match (text.parse::<u64>(), parse_duration_seconds(text), parse_size(text)) {
            (Ok(count), ..) => (&mut self.count, count),
            (_, Ok(_), Ok(_)) => {
                return bad(format!("`{text}` may be months, minutes or mebibytes"), "write days, or `MiB`");
            }
            (_, Ok(seconds), _) => (&mut self.age_seconds, seconds),
            (_, _, Ok(bytes)) => (&mut self.bytes, bytes),
            _ => return bad(format!("`{}` does not say which runs to keep", text.escape_debug()), hint),
        };
        match value {
            0 => bad("a retention of 0 would keep nothing, which is never meant".to_string(), hint),
            _ if slot.replace(value).is_some() => bad(format!("`{text}` bounds again what was bounded"), hint),
            _ => Ok(()),
        }
    }

    /// Whether it bounds nothing.
    pub fn is_empty(&self) -> bool {
        *self == Policy::default()
    }

    /// The runs that age and number leave, those that bytes must leave first: pinned ones, then the last used ones.
    pub(super) fn by_age_and_count<'a>(&self, runs: &'a Runs, now: Time) -> Vec<&'a Run> {
        let mut all: Vec<&Run> = runs.all().iter().collect();
        all.sort_by_key(|run| (!run.is_pinned, Reverse(run.used_seconds), run.newest_key()));
        let border = self.age_seconds.map(|age| now.seconds.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX)));
        let (mut left, mut seen) = (self.count.unwrap_or(u64::MAX), HashSet::<Id>::new());
        all.retain(|run| {
            if run.is_pinned || seen.contains(&run.record) {
                return true;
            }
            let stays = left > 0 && border.is_none_or(|border| run.used_seconds > border);
            if stays {
                left -= 1;
                seen.insert(run.record);
            }
            stays
        });
        all
    }
}
