//! OpenAI's headers about the limit of requests: those of a minute where they have a limit, and otherwise the messages in
//! flight, or an hour's unpaid ones.

use std::time::Duration;

use lambda_http::http::{HeaderName, HeaderValue};
use ledger::{InFlight, MinuteRoom};

use crate::error::{ApiError, ROOM_WAIT};
use crate::http::Answer;
use crate::till::RequestRoom;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// A limit, the room that is left in it, and the time until there is more.
pub(crate) struct RateLimit {
    limit: u32,
    remaining: u32,
    reset: Duration,
}

impl RateLimit {
    /// The limit that `error` says was reached.
    pub(crate) fn reached(error: &ApiError) -> Option<Self> {
        match error {
            ApiError::TooManyMessages { limit, retry_after } => {
                Some(Self { limit: *limit, remaining: 0, reset: *retry_after })
            }
            ApiError::TooManyRequests { limit, full_in, .. } => {
                Some(Self { limit: *limit, remaining: 0, reset: *full_in })
            }
            _ => None,
        }
    }

    pub(crate) fn headers(self) -> [(HeaderName, HeaderValue); 3] {
        let reset = HeaderValue::from_str(&openai_duration(self.reset));
        [
            (LIMIT, self.limit.into()),
            (REMAINING, self.remaining.into()),
            (RESET, reset.unwrap_or(HeaderValue::from_static(""))),
        ]
    }
}

impl From<RequestRoom> for RateLimit {
    fn from(room: RequestRoom) -> Self {
        if let Some(MinuteRoom { limit, remaining, full_in }) = room.minute {
            return Self { limit, remaining, reset: full_in };
        }
        let InFlight { limit, remaining } = room.in_flight;
        Self { limit, remaining, reset: ROOM_WAIT }
    }
}

impl Answer {
    /// Adds the limit of requests, as OpenAI's clients read it.
    #[must_use]
    pub fn rate_limit(self, room: RequestRoom) -> Self {
        let headers = RateLimit::from(room).headers();
        headers.into_iter().fold(self, |answer, (name, value)| answer.header(name, value.to_str().unwrap_or_default()))
    }
}

/// `duration` as OpenAI writes it, in whole seconds, rounded up: `1s`, `12m30s`, `1h0m0s`.
fn openai_duration(duration: Duration) -> String {
    let seconds = duration.as_micros().div_ceil(1_000_000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_openai_writes_it() {
        for (milliseconds, text) in [
            (0, "0s"),
            (1, "1s"),
            (1000, "1s"),
            (59_001, "1m0s"),
            (750_000, "12m30s"),
            (3_600_000, "1h0m0s"),
            (90_061_000, "25h1m1s"),
        ] {
            assert_eq!(openai_duration(Duration::from_millis(milliseconds)), text);
        }
    }
}
