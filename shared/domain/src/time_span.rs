//! A span of time, as a query writes it: a day, or a moment.

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

use crate::invalid_field::InvalidField;
use crate::time::Timestamp;

/// The bytes of a date of RFC 3339, such as `2026-11-27`.
const DATE_BYTES: usize = 10;

const NANOSECONDS_A_MILLISECOND: i128 = 1_000_000;

const NANOSECONDS_A_DAY: i128 = 24 * 60 * 60 * 1000 * NANOSECONDS_A_MILLISECOND;

/// The whole milliseconds that a text names. A date names all of its day in UTC, a moment the millisecond that it is.
///
/// A time before 1970 counts as the beginning of 1970: nothing here is as old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpan {
    first: Timestamp,
    last: Timestamp,
}

impl TimeSpan {
    /// Parses a date, or a moment with its offset from UTC, both as RFC 3339 writes them.
    ///
    /// # Errors
    /// [`InvalidField`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        Self::parsed(text).ok_or_else(|| {
            InvalidField::new("Send a date, such as 2026-11-27, or a time, such as 2026-11-27T08:13:20Z.")
        })
    }

    fn parsed(text: &str) -> Option<Self> {
        if text.len() == DATE_BYTES {
            let midnight = nanoseconds(&format!("{text}T00:00:00Z"))?;
            let last = rounded_down(midnight + NANOSECONDS_A_DAY - 1);
            return Some(Self { first: rounded_down(midnight), last });
        }
        let moment = nanoseconds(&with_plus(text))?;
        Some(Self { first: rounded_down(moment + NANOSECONDS_A_MILLISECOND - 1), last: rounded_down(moment) })
    }

    /// The first millisecond. It lies after [`TimeSpan::last`] if a moment is between two milliseconds.
    #[must_use]
    pub fn first(self) -> Timestamp {
        self.first
    }

    /// The last millisecond.
    #[must_use]
    pub fn last(self) -> Timestamp {
        self.last
    }
}

/// `text` with the sign of its offset, if that has become a space: a `+` in a query means one.
fn with_plus(text: &str) -> String {
    match text.rsplit_once(' ') {
        Some((time, offset)) if offset.len() == "01:00".len() => format!("{time}+{offset}"),
        _ => text.to_owned(),
    }
}

/// The nanoseconds since the Unix epoch.
fn nanoseconds(text: &str) -> Option<i128> {
    // The library takes any byte between date and time.
    let has_separator = matches!(text.as_bytes().get(DATE_BYTES), Some(b'T' | b't' | b' '));
    let moment = has_separator.then(|| OffsetDateTime::parse(text, &Rfc3339).ok()).flatten()?;
    Some(moment.unix_timestamp_nanos())
}

/// The millisecond that has begun, but not before 1970.
fn rounded_down(nanoseconds: i128) -> Timestamp {
    Timestamp::from_milliseconds(u64::try_from(nanoseconds.div_euclid(NANOSECONDS_A_MILLISECOND)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(text: &str) -> (u64, u64) {
        let span = TimeSpan::parse(text).unwrap();
        (span.first().milliseconds(), span.last().milliseconds())
    }

    #[test]
    fn a_date_is_all_of_its_day_in_utc() {
        let span = TimeSpan::parse("2026-11-27").unwrap();
        assert_eq!(span.first().to_string(), "2026-11-27T00:00:00Z");
        assert_eq!(span.last().to_string(), "2026-11-27T23:59:59.999Z");
    }

    #[test]
    fn a_moment_is_one_millisecond_whatever_its_offset() {
        for text in [
            "2026-11-22T08:13:20.512Z",
            "2026-11-22t08:13:20.512z",
            "2026-11-22 08:13:20.512Z",
            "2026-11-22T09:13:20.512+01:00",
            "2026-11-22T09:13:20.512 01:00",
            "2026-11-22T03:13:20.512-05:00",
        ] {
            assert_eq!(milliseconds(text), (1_795_335_200_512, 1_795_335_200_512), "{text}");
        }
    }

    #[test]
    fn between_two_milliseconds_there_is_none() {
        assert_eq!(milliseconds("1970-01-01T00:00:00.0015Z"), (2, 1));
    }

    #[test]
    fn whatever_lies_before_1970_is_its_beginning() {
        assert_eq!(milliseconds("1969-12-31T23:59:59.9995Z"), (0, 0));
        assert_eq!(milliseconds("0001-01-01"), (0, 0));
    }

    #[test]
    fn nothing_else_is_a_span() {
        for text in [
            "",
            "2026",
            "2026-11",
            "2026-11-31",
            "2026-13-01",
            "20261127",
            "2026-11-27T",
            "2026-11-27T08:13:20",
            "2026-11-27T08:13Z",
            "2026-11-27T24:00:00Z",
            "2026-11-27_08:13:20Z",
            "2026-11-27T08:13:20Z ",
            "2026-11-2\u{fc}",
            "yesterday",
            "1795335200",
        ] {
            assert!(TimeSpan::parse(text).is_err(), "{text:?}");
        }
    }
}
