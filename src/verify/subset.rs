//! Which part of a repository is read this time, so that successive times read it all.

use crate::error::{Code, Error, Result};
use crate::id::Id;
use crate::units::parse_size;
use std::str::FromStr;

/// How much of the packs is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subset {
    /// Everything.
    All,
    /// The `part`-th of `parts` parts, from 1; the same packs every time.
    Part {
        /// Which part.
        part: u32,
        /// Of how many.
        parts: u32,
    },
    /// So many percent of the bytes, from where the last time ended.
    Percent(f64),
    /// So many bytes, from where the last time ended.
    Bytes(u64),
}

impl FromStr for Subset {
    type Err = Error;

    /// `all`, `3/7`, `2.5%` or a size such as `20GiB`.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::new(Code::InvalidArg, format!("`{text}` is not a part of the data"))
                .with_hint("write it like 1/7, 5% or 20GiB")
        };
        if text == "all" {
            return Ok(Subset::All);
        }
        if let Some((part, parts)) = text.split_once('/') {
            let (part, parts) = (part.parse().map_err(|_| bad())?, parts.parse().map_err(|_| bad())?);
            return if (1..=parts).contains(&part) { Ok(Subset::Part { part, parts }) } else { Err(bad()) };
        }
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.parse::<f64>().map_err(|_| bad())?;
            return if percent > 0.0 && percent <= 100.0 { Ok(Subset::Percent(percent)) } else { Err(bad()) };
        }
        match parse_size(text) {
            Ok(bytes) if bytes > 0 => Ok(Subset::Bytes(bytes)),
            _ => Err(bad()),
        }
    }
}

/// The cursor of a moving subset: the first eight bytes of the last pack's name, in name order.
pub(super) type Cursor = u64;

pub(super) fn cursor_of(name: &Id) -> Cursor {
    let mut first = [0; 8];
    first.copy_from_slice(&name.as_bytes()[..8]);
    u64::from_be_bytes(first)
}

/// Which of `packs` (name and bytes) are read, as indices, and where the next time begins. At least one pack is read,
/// so a cursor always moves and every pack has its turn.
pub(super) fn choose(packs: &[(Id, u64)], subset: Subset, cursor: Option<Cursor>) -> (Vec<usize>, Option<Cursor>) {
    let mut order: Vec<usize> = (0..packs.len()).collect();
    order.sort_unstable_by_key(|at| packs[*at].0);
    let total_bytes: u64 = packs.iter().map(|(_, bytes)| bytes).sum();
    let wanted_bytes = match subset {
        Subset::All => return (order, cursor),
        Subset::Part { part, parts } => {
            // By name and not by place, so that a new pack moves no other into another part.
            order.retain(|at| cursor_of(&packs[*at].0) % u64::from(parts) == u64::from(part - 1));
            return (order, cursor);
        }
        Subset::Percent(percent) => (total_bytes as f64 * percent / 100.0).ceil() as u64,
        Subset::Bytes(bytes) => bytes,
    };
    let start = cursor.map_or(0, |cursor| order.partition_point(|at| cursor_of(&packs[*at].0) <= cursor));
    order.rotate_left(if start < packs.len() { start } else { 0 });
    let (mut bytes, mut count) = (0u64, 0);
    while count < order.len() && bytes < wanted_bytes {
        bytes = bytes.saturating_add(packs[order[count]].1);
        count += 1;
    }
    order.truncate(count);
    let last = order.last().map(|at| cursor_of(&packs[*at].0));
    (order, last.or(cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn packs(count: u8) -> Vec<(Id, u64)> {
        (0..count).map(|n| (crate::object::hash(&[n]), 1_000 + u64::from(n))).collect()
    }

    #[test]
    fn parts_as_people_write_them() {
        assert_eq!("2/7".parse::<Subset>().expect("part"), Subset::Part { part: 2, parts: 7 });
        assert_eq!("2.5%".parse::<Subset>().expect("percent"), Subset::Percent(2.5));
        assert_eq!("1GiB".parse::<Subset>().expect("size"), Subset::Bytes(1 << 30));
        for text in ["0/7", "8/7", "1/0", "0%", "101%", "NaN%", "0", "x", "-1/3", ""] {
            assert!(text.parse::<Subset>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn successive_times_read_everything(count in 0u8..40, percent in 1u8..100) {
            let packs = packs(count);
            let (mut seen, mut cursor) = (HashSet::new(), None);
            for _ in 0..=100 / u32::from(percent) {
                let (chosen, next) = choose(&packs, Subset::Percent(f64::from(percent)), cursor);
                seen.extend(chosen);
                cursor = next;
            }
            prop_assert_eq!(seen.len(), packs.len());
        }

        #[test]
        fn the_parts_are_the_whole_and_do_not_overlap(count in 0u8..40, parts in 1u32..9) {
            let packs = packs(count);
            let mut all: Vec<usize> =
                (1..=parts).flat_map(|part| choose(&packs, Subset::Part { part, parts }, None).0).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..packs.len()).collect::<Vec<_>>());
        }
    }
}
