//! The days of UTC's calendar. Weeks and months are [periods](crate::period).

use std::fmt;
use std::time::Duration;

use ::time::{Date, Month, OffsetDateTime};

use crate::invalid_field::InvalidField;
use crate::time::Timestamp;

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// The days between the Unix epoch and the end of the year 9999, the last that has four digits.
const MOST_DAYS: u32 = 2_932_896;

/// A day in UTC, from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// The days since the Unix epoch.
    number: u32,
}

impl Day {
    /// The last day of the year 9999.
    pub(crate) const LAST: Self = Self { number: MOST_DAYS };

    /// The day of a moment. A moment after the year 9999 is of its last day.
    #[must_use]
    pub fn of(moment: Timestamp) -> Self {
        let number = u32::try_from(moment.seconds() / SECONDS_A_DAY).unwrap_or(u32::MAX);
        Self { number: number.min(MOST_DAYS) }
    }

    /// Parses a day as [`Display`](fmt::Display) writes it: `2026-11-27`.
    ///
    /// # Errors
    /// [`InvalidField`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let date = date(text).filter(|date| date.year() >= 1970);
        date.map(Self::on).ok_or_else(|| InvalidField::new("Send a day since 1970, such as 2026-11-27."))
    }

    /// The day this many days after the Unix epoch's, at most the last.
    #[must_use]
    pub fn numbered(number: u32) -> Self {
        Self { number: number.min(MOST_DAYS) }
    }

    /// The days since the Unix epoch.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// The first moment of the day.
    #[must_use]
    pub fn begin(self) -> Timestamp {
        Timestamp::from_seconds(u64::from(self.number) * SECONDS_A_DAY)
    }

    /// The first moment after the day.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.begin().plus(Duration::from_secs(SECONDS_A_DAY))
    }

    /// The day this many days later, at most the last.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self { number: self.number.saturating_add(days).min(MOST_DAYS) }
    }

    /// The day this many days earlier, at least the first.
    #[must_use]
    pub fn minus_days(self, days: u32) -> Self {
        Self { number: self.number.saturating_sub(days) }
    }

    /// The day of this date, which is not before 1970.
    pub(crate) fn on(date: Date) -> Self {
        let days = date.to_julian_day() - OffsetDateTime::UNIX_EPOCH.to_julian_day();
        Self::numbered(u32::try_from(days).unwrap_or(0))
    }

    pub(crate) fn date(self) -> Date {
        let seconds = i64::try_from(self.begin().seconds()).unwrap_or_default();
        // No day here is beyond the library's.
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH).date()
    }
}

/// The date that a text of ten ASCII characters is.
fn date(text: &str) -> Option<Date> {
    let number = |from: usize, to: usize| -> Option<u16> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let has_dashes = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let (year, month, day) = has_dashes.then(|| Some((number(0, 4)?, number(5, 7)?, number(8, 10)?)))??;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date();
        write!(formatter, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn a_day_is_that_of_its_moments() {
        let day = day("2026-11-27");
        assert_eq!(day.begin().to_string(), "2026-11-27T00:00:00Z");
        assert_eq!((Day::of(day.begin()), Day::of(day.end().minus(Duration::from_millis(1)))), (day, day));
        assert_eq!(Day::of(day.end()), day.plus_days(1));
        assert_eq!(day.plus_days(4).to_string(), "2026-12-01");
        assert_eq!(Day::of(Timestamp::from_seconds(0)).minus_days(1).number(), 0);
        assert_eq!(Day::of(Timestamp::from_milliseconds(u64::MAX)).plus_days(1).to_string(), "9999-12-31");
    }

    #[test]
    fn nothing_else_is_a_day() {
        for text in
            ["", "2026", "2026-11", "20261127", "2026-11-31", "1969-12-31", "2026-W48-5", "2026-11-27T", "26-11-0027"]
        {
            assert!(Day::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_day_reads_back_what_it_wrote(number in 0..=MOST_DAYS) {
            let day = Day { number };
            prop_assert_eq!(Day::parse(&day.to_string()).unwrap(), day);
            prop_assert_eq!(Day::of(day.begin()), day);
        }
    }
}
