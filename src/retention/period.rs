//! Stretches of the calendar, in a time zone.

use crate::clock::Time;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Of what a policy keeps the newest snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Each snapshot by itself: `--keep-last`, `--keep-within`.
    Each,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks, from Monday.
    Week,
    /// Months.
    Month,
    /// Quarters of a year.
    Quarter,
    /// Years.
    Year,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Period; 8] = [
        Period::Each,
        Period::Minute,
        Period::Hour,
        Period::Day,
        Period::Week,
        Period::Month,
        Period::Quarter,
        Period::Year,
    ];

    /// Its name in options and answers: `last`, `daily`.
    pub fn name(self) -> &'static str {
        match self {
            Period::Each => "last",
            Period::Minute => "minutely",
            Period::Hour => "hourly",
            Period::Day => "daily",
            Period::Week => "weekly",
            Period::Month => "monthly",
            Period::Quarter => "quarterly",
            Period::Year => "yearly",
        }
    }

    /// Which period a time falls into; `index` tells snapshots apart that are each their own.
    pub(super) fn bucket(self, time: Time, index: usize, time_zone: &TimeZone) -> [i64; 2] {
        let seconds = time.seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let zoned = Timestamp::from_second(seconds).unwrap_or_default().to_zoned(time_zone.clone());
        let (year, month, day) = (i64::from(zoned.year()), i64::from(zoned.month()), i64::from(zoned.day()));
        let date = (year * 12 + month) * 31 + day;
        // In the night when clocks go back, one hour of the day is there twice.
        let hour = i64::from(zoned.hour()) * 200_000 + i64::from(zoned.offset().seconds());
        match self {
            Period::Each => [index as i64, 0],
            Period::Minute => [date, hour * 60 + i64::from(zoned.minute())],
            Period::Hour => [date, hour],
            Period::Day => [date, 0],
            Period::Week => {
                let week = zoned.date().iso_week_date();
                [i64::from(week.year()), i64::from(week.week())]
            }
            Period::Month => [year, month],
            Period::Quarter => [year, (month - 1) / 3],
            Period::Year => [year, 0],
        }
    }
}
