//! The wait that a server asks for before the next request.

use std::time::{Duration, SystemTime};

use httpdate::parse_http_date;

/// Longest wait. A longer one that a server asks for is cut to it.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait in the header `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3). `Retry-After-Ms`, which
/// some model servers send too, is more exact and wins.
pub(super) fn retry_after<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    let exactly = header("retry-after-ms").and_then(|text| seconds(text, 1000.0));
    let said = || {
        let text = header("retry-after")?;
        seconds(text, 1.0).or_else(|| until(text, SystemTime::now()))
    };
    exactly.or_else(said).map(|duration| duration.min(LONGEST))
}

fn seconds(text: &str, per_second: f64) -> Option<Duration> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
    Duration::try_from_secs_f64((number / per_second).min(LONGEST.as_secs_f64())).ok()
}

fn until(text: &str, now: SystemTime) -> Option<Duration> {
    Some(parse_http_date(text.trim()).ok()?.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    fn said(name: &'static str, text: &'static str) -> Option<Duration> {
        retry_after(|asked| (asked == name).then_some(text))
    }

    #[test]
    fn seconds_milliseconds_and_dates_are_understood() {
        assert_eq!(said("retry-after", "3"), Some(Duration::from_secs(3)));
        assert_eq!(said("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(said("retry-after-ms", "1500"), Some(Duration::from_millis(1500)));
        assert_eq!(said("retry-after", "99999999999"), Some(LONGEST));
        let before = UNIX_EPOCH + Duration::from_secs(784_111_770);
        assert_eq!(until("Sun, 06 Nov 1994 08:49:37 GMT", before), Some(Duration::from_secs(7)));
        assert_eq!(said("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn the_exact_one_wins() {
        let both = |name: &str| Some(if name == "retry-after-ms" { "20" } else { "1" });
        assert_eq!(retry_after(both), Some(Duration::from_millis(20)));
    }

    #[test]
    fn a_text_that_is_no_time_is_ignored() {
        for text in ["", "-1", "soon", "NaN", "1e999x", "Sun, 06 Nov 1994"] {
            assert_eq!(said("retry-after", text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_it_says_it_is_at_most_a_day(text in "[-+0-9.eEinfNaA :,GMT]{0,20}") {
            for name in ["retry-after", "retry-after-ms"] {
                let duration = retry_after(|asked| (asked == name).then_some(text.as_str()));
                prop_assert!(duration.is_none_or(|duration| duration <= LONGEST));
            }
        }
    }
}
