//! Periods of UTC's calendar: days, weeks, months, and all of time.

use std::fmt;

use ::time::{Date, Month, Weekday};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::calendar::Day;
use crate::time::Timestamp;

/// The length of periods that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodLength {
    /// All of time: one period, which never ends.
    Total,
    /// A calendar day.
    Day,
    /// A week of ISO 8601, which begins on Monday.
    Week,
    /// A calendar month.
    Month,
}

impl PeriodLength {
    /// Every length, by its word in the table and at the API.
    pub const WORDS: [(&str, Self); 4] =
        [("total", Self::Total), ("day", Self::Day), ("week", Self::Week), ("month", Self::Month)];

    /// The period of this length that `moment` lies in.
    #[must_use]
    pub fn period_at(self, moment: Timestamp) -> Period {
        let day = Day::of(moment);
        match self {
            Self::Total => Period::Total,
            Self::Day => Period::Day(day),
            Self::Week => {
                let (year, week, _) = day.date().to_iso_week_date();
                Period::Week { year, week }
            }
            Self::Month => Period::Month { year: day.date().year(), month: day.date().month() },
        }
    }
}

/// One period. Its name is `total`, `2026-11-27`, `2026-W48` or `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// All of time.
    Total,
    /// A calendar day.
    Day(Day),
    /// A week of ISO 8601.
    Week {
        /// The year of the week, which is not that of all its days.
        year: i32,
        /// The number of the week, from 1 on.
        week: u8,
    },
    /// A calendar month.
    Month {
        /// The year.
        year: i32,
        /// The month.
        month: Month,
    },
}

impl Period {
    /// The length of this period and of those that follow it.
    #[must_use]
    pub fn length(self) -> PeriodLength {
        match self {
            Self::Total => PeriodLength::Total,
            Self::Day(_) => PeriodLength::Day,
            Self::Week { .. } => PeriodLength::Week,
            Self::Month { .. } => PeriodLength::Month,
        }
    }

    /// The moment at which the next period begins. `None` for all of time, and for the last period before the year
    /// 10000.
    #[must_use]
    pub fn end(self) -> Option<Timestamp> {
        let last = match self {
            Self::Total => return None,
            Self::Day(day) => day,
            Self::Week { year, week } => Day::on(Date::from_iso_week_date(year, week, Weekday::Sunday).ok()?),
            Self::Month { year, month } => Day::on(Date::from_calendar_date(year, month, month.length(year)).ok()?),
        };
        Some(last).filter(|last| *last < Day::LAST).map(Day::end)
    }

    /// The number of periods after `through`, up to this one and with it: 0 if it is `through` itself or earlier. There are
    /// none after a period of another length.
    #[must_use]
    pub fn periods_since(self, through: Self) -> u32 {
        let months = |year: i32, month: Month| year.saturating_mul(12).saturating_add(u8::from(month).into());
        match (self, through) {
            (Self::Day(day), Self::Day(last)) => day.number().saturating_sub(last.number()),
            (Self::Week { year, week }, Self::Week { year: last_year, week: last_week }) => {
                let [this, last] = [(year, week), (last_year, last_week)].map(|(year, week)| thursday(year, week));
                this.saturating_sub(last) / 7
            }
            (Self::Month { year, month }, Self::Month { year: last_year, month: last_month }) => {
                let later = months(year, month).saturating_sub(months(last_year, last_month));
                u32::try_from(later).unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Parses the name that [`Display`](fmt::Display) writes; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let period = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
            ("total", None, None, None) => Self::Total,
            (year, Some(month), day, None) => match (month.strip_prefix('W'), day) {
                (Some(week), None) => {
                    let (year, week) = (year.parse().ok()?, week.parse().ok()?);
                    Date::from_iso_week_date(year, week, Weekday::Monday).ok()?;
                    Self::Week { year, week }
                }
                (Some(_), Some(_)) => return None,
                (None, day) => {
                    let (year, month) = (year.parse().ok()?, Month::try_from(month.parse::<u8>().ok()?).ok()?);
                    match day {
                        None => Self::Month { year, month },
                        Some(_) => Self::Day(Day::parse(name).ok()?),
                    }
                }
            },
            _ => return None,
        };
        // A number could be written in other ways.
        (period.to_string() == name).then_some(period)
    }
}

/// The number of the day in the middle of a week, which alone is always in the week's own year.
fn thursday(year: i32, week: u8) -> u32 {
    Date::from_iso_week_date(year, week, Weekday::Thursday).map_or(0, |date| Day::on(date).number())
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => formatter.write_str("total"),
            Self::Day(day) => day.fmt(formatter),
            Self::Week { year, week } => write!(formatter, "{year:04}-W{week:02}"),
            Self::Month { year, month } => write!(formatter, "{year:04}-{:02}", u8::from(*month)),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| D::Error::custom("not the name of a period"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use proptest::prelude::*;

    /// 2026-11-27T00:00:00Z, a Friday.
    const FRIDAY: u64 = 1_795_737_600;
    const LENGTHS: [PeriodLength; 4] =
        [PeriodLength::Total, PeriodLength::Day, PeriodLength::Week, PeriodLength::Month];

    fn names(seconds: u64) -> [String; 4] {
        LENGTHS.map(|length| length.period_at(Timestamp::from_seconds(seconds)).to_string())
    }

    #[test]
    fn a_moment_lies_in_a_day_a_week_of_iso_8601_and_a_month() {
        assert_eq!(names(FRIDAY), ["total", "2026-11-27", "2026-W48", "2026-11"]);
        assert_eq!(names(FRIDAY - 1), ["total", "2026-11-26", "2026-W48", "2026-11"]);
        // The first days of January may be in the last week of the year before, and the reverse.
        assert_eq!(names(1_798_761_600), ["total", "2027-01-01", "2026-W53", "2027-01"]);
        assert_eq!(names(1_735_516_800), ["total", "2024-12-30", "2025-W01", "2024-12"]);
        assert_eq!(names(0), ["total", "1970-01-01", "1970-W01", "1970-01"]);
    }

    #[test]
    fn a_period_ends_at_midnight_in_utc_when_the_next_begins() {
        let end = |length: PeriodLength| length.period_at(Timestamp::from_seconds(FRIDAY)).end();
        assert_eq!(end(PeriodLength::Total), None);
        assert_eq!(end(PeriodLength::Day).unwrap().to_string(), "2026-11-28T00:00:00Z");
        assert_eq!(end(PeriodLength::Week).unwrap().to_string(), "2026-11-30T00:00:00Z");
        assert_eq!(end(PeriodLength::Month).unwrap().to_string(), "2026-12-01T00:00:00Z");
        let february = PeriodLength::Month.period_at(Timestamp::from_seconds(1_835_000_000));
        assert_eq!(
            (february.to_string().as_str(), february.end().unwrap().to_string().as_str()),
            ("2028-02", "2028-03-01T00:00:00Z")
        );
    }

    #[test]
    fn a_text_that_is_no_name_of_a_period_is_none() {
        for name in ["", "day", "2026", "2026-13", "2026-1", "2026-W54", "2026-W00", "2026-W48-1", "2026-02-30", "x-y"]
        {
            assert_eq!(Period::parse(name), None, "{name}");
        }
        assert!(serde_json::from_str::<Period>("\"2026-11-31\"").is_err());
    }

    /// Moments from the Unix epoch to the last of the year 9999, and some beyond.
    fn moment() -> impl Strategy<Value = Timestamp> {
        (0..260_000_000_000_000_u64).prop_map(Timestamp::from_milliseconds)
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_one_period_until_its_end_and_in_the_next_from_then_on(
            moment in moment(),
            later_ms in 0..40 * 86_400_000_u64,
        ) {
            for length in LENGTHS {
                let period = length.period_at(moment);
                let later = moment.plus(Duration::from_millis(later_ms));
                if let Some(end) = period.end() {
                    prop_assert!(moment < end && end.seconds() % 86_400 == 0);
                    prop_assert_eq!(length.period_at(later) == period, later < end);
                    prop_assert_ne!(length.period_at(end), period);
                    prop_assert_eq!(length.period_at(end.minus(Duration::from_millis(1))), period);
                } else {
                    prop_assert_eq!(length.period_at(later), period);
                }
            }
        }

        #[test]
        fn a_day_lies_in_one_week_and_in_one_month_and_these_have_whole_days(moment in moment()) {
            let of = |length: PeriodLength| length.period_at(moment).end();
            if let (Some(day), Some(week), Some(month)) =
                (of(PeriodLength::Day), of(PeriodLength::Week), of(PeriodLength::Month))
            {
                prop_assert!(day <= week && day <= month);
                prop_assert!(week.since(day) <= Duration::from_secs(6 * 86_400) && month.since(day) <= Duration::from_secs(30 * 86_400));
                // The Unix epoch was a Thursday.
                prop_assert_eq!((week.seconds() / 86_400 + 3) % 7, 0);
            }
        }

        #[test]
        fn periods_are_counted_one_by_one(moment in moment(), steps in 0..60_u32) {
            for length in LENGTHS {
                let through = length.period_at(moment);
                let mut period = through;
                let mut passed = 0;
                while passed < steps && let Some(end) = period.end() {
                    period = length.period_at(end);
                    passed += 1;
                }
                prop_assert_eq!(period.periods_since(through), passed);
                prop_assert_eq!(through.periods_since(period), 0);
                let other = LENGTHS.into_iter().find(|other| *other != length).unwrap().period_at(moment);
                prop_assert_eq!(period.periods_since(other), 0);
            }
        }

        #[test]
        fn a_name_reads_back_as_its_period(moment in moment()) {
            for length in LENGTHS {
                let period = length.period_at(moment);
                prop_assert_eq!(period.length(), length);
                prop_assert_eq!(Period::parse(&period.to_string()), Some(period));
            }
        }

        #[test]
        fn names_of_a_length_sort_as_their_periods_do(one in moment(), other in moment()) {
            for length in LENGTHS {
                let (one, other) = (length.period_at(one), length.period_at(other));
                prop_assert_eq!(one.to_string().cmp(&other.to_string()), one.cmp(&other));
            }
        }
    }
}
