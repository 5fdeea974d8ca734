//! How often a command is tried, and how long it waits in between.

use super::{Ended, Stop};
use crate::error::{Code, Error, Result};

/// The wait before the first further try, where a task does not say.
pub const DELAY_MS: u64 = 1000;
/// No wait is longer.
const DELAY_MS_MAX: u64 = 5 * 60 * 1000;

/// How often, and how long between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retries {
    /// Further tries after the first.
    pub count: u32,
    /// The most that the first wait may be; the most doubles with each.
    pub delay_ms: u64,
}

impl Retries {
    /// The wait before try `number`, the first further one being 1: exponential with full jitter, so that tasks that
    /// failed together do not come back together.
    ///
    /// The method is that of M. Brooker, "Exponential Backoff And Jitter", 2015. `random` is any number.
    pub fn delay_ms(&self, number: u32, random: u64) -> u64 {
        let factor = 1u64.checked_shl(number.saturating_sub(1)).unwrap_or(u64::MAX);
        let most = self.delay_ms.saturating_mul(factor).min(DELAY_MS_MAX.max(self.delay_ms));
        match most {
            0 => 0,
            most => 1 + random % most,
        }
    }
}

/// Tries until one succeeds, none is left, or somebody wants an end. `attempt` gets the number of the try, from 0; it
/// begins with clean outputs each time. The answers of all tries, the last one last: never none.
///
/// # Errors
/// What `attempt` answers; SYSTEM_ERROR when the system has no random numbers.
pub fn persist(retries: &Retries, stop: &Stop, attempt: &mut dyn FnMut(u32) -> Result<Ended>) -> Result<Vec<Ended>> {
    let mut all = vec![attempt(0)?];
    for number in 1..=retries.count {
        let is_over = all.last().is_none_or(|last| last.is_success() || last.cancelled);
        if is_over || stop.wait_ms(retries.delay_ms(number, random()?)) {
            break;
        }
        all.push(attempt(number)?);
    }
    Ok(all)
}

fn random() -> Result<u64> {
    getrandom::u64().map_err(|error| Error::new(Code::SystemError, "no random numbers").with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_stay_below_a_bound() {
        let retries = Retries { count: 9, delay_ms: 1000 };
        assert_eq!([1, 2, 3].map(|number| retries.delay_ms(number, u64::MAX - 1)).map(|ms| ms <= 4000), [true; 3]);
        for (number, most) in [(1, 1000), (2, 2000), (3, 4000), (20, DELAY_MS_MAX), (200, DELAY_MS_MAX)] {
            assert_eq!(retries.delay_ms(number, most - 1), most);
            assert_eq!(retries.delay_ms(number, most), 1, "the jitter is full");
        }
        assert_eq!(Retries { count: 1, delay_ms: 0 }.delay_ms(1, 7), 0);
    }
}
