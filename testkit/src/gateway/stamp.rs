//! The id and the time of an event.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use time::UtcDateTime;

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
    let time = UtcDateTime::UNIX_EPOCH + since_1970;
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.as_hms();
    let month = &month.to_string()[..3];
    format!("{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000")
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
