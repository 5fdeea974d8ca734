//! The time, from one place, so that tests can fix it.
//!
//! Floor 0. The only module that asks the system for the time of day. `clock::set` is for tests and `--time`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Of a day without leap seconds, as Unix counts.
pub const SECONDS_A_DAY: i64 = 86_400;

/// A moment: Unix seconds and nanoseconds below a billion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Seconds since 1970-01-01 UTC, negative before.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

impl Time {
    /// From Unix seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Time { seconds, nanoseconds: 0 }
    }

    /// The day in UTC, counted from 1970-01-01.
    pub const fn day(self) -> i64 {
        self.seconds.div_euclid(SECONDS_A_DAY)
    }
}

/// Fixed seconds, or `i64::MIN` when the system's clock runs.
static FIXED_SECONDS: AtomicI64 = AtomicI64::new(i64::MIN);

/// The time of day.
pub fn now() -> Time {
    let fixed = FIXED_SECONDS.load(Ordering::Relaxed);
    if fixed != i64::MIN {
        return Time::from_seconds(fixed);
    }
    #[allow(clippy::disallowed_methods)]
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) => Time { seconds: since.as_secs() as i64, nanoseconds: since.subsec_nanos() },
        Err(before) => Time::from_seconds(-(before.duration().as_secs() as i64)),
    }
}

/// Fixes the time of day for this process, for reproducible output.
pub fn fix(seconds: i64) {
    FIXED_SECONDS.store(seconds, Ordering::Relaxed);
}

/// Measures a stretch of time, unaffected by the clock of day.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// Milliseconds since the start.
    pub fn elapsed_ms(&self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }

    /// Seconds since the start.
    pub fn elapsed_seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
