//! What makes each event unlike the others: its id and its time.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

/// A random id that looks like a UUID.
pub(super) fn request_id() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("No random bytes for a request id: {error}"));
    let mut id = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// The time since the beginning of 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// As API Gateway writes it: `09/Apr/2015:12:34:56 +0000`.
pub(super) fn request_time(since_1970: Duration) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = since_1970.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let month = MONTHS[month];
    format!("{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000")
}

/// Year, month from 0 and day from 1.
fn date(days_since_1970: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    let mut days = days_since_1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month, days + 1)
}

fn days_of_year(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_api_gateway_writes_them() {
        let text = |seconds| request_time(Duration::from_secs(seconds));
        assert_eq!(text(0), "01/Jan/1970:00:00:00 +0000");
        assert_eq!(text(1_428_582_896), "09/Apr/2015:12:34:56 +0000");
        assert_eq!(text(951_782_400), "29/Feb/2000:00:00:00 +0000");
        assert_eq!(text(4_102_444_799), "31/Dec/2099:23:59:59 +0000");
    }

    #[test]
    fn ids_look_like_uuids_and_differ() {
        let id = request_id();
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(id, request_id());
    }
}
