//! Limits on the requests of a minute.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The most requests of a minute, from 1 to [`RequestsPerMinute::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct RequestsPerMinute(u32);

impl RequestsPerMinute {
    /// The highest limit: a hundred requests a second, more than one account can hold for.
    pub const MAX: u32 = 6_000;

    /// A limit of this number of requests; `None` if it is no limit.
    #[must_use]
    pub fn new(requests: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&requests).then_some(Self(requests))
    }

    /// The number of requests.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// The time in which a bucket regains one request, in whole microseconds, rounded up.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_micros(60_000_000_u64.div_ceil(self.0.into()))
    }
}

impl From<RequestsPerMinute> for u32 {
    fn from(RequestsPerMinute(requests): RequestsPerMinute) -> Self {
        requests
    }
}

impl TryFrom<u32> for RequestsPerMinute {
    type Error = NoLimit;

    fn try_from(requests: u32) -> Result<Self, NoLimit> {
        Self::new(requests).ok_or(NoLimit)
    }
}

/// A number of requests that is no limit.
#[derive(Debug, thiserror::Error)]
#[error("a limit is from 1 to {max} requests a minute", max = RequestsPerMinute::MAX)]
pub struct NoLimit;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_from_one_to_a_hundred_requests_a_second() {
        for (requests, is_limit) in [(0, false), (1, true), (6_000, true), (6_001, false), (u32::MAX, false)] {
            assert_eq!(RequestsPerMinute::new(requests).is_some(), is_limit, "{requests}");
            assert_eq!(
                serde_json::from_str::<RequestsPerMinute>(&requests.to_string()).is_ok(),
                is_limit,
                "{requests}"
            );
        }
    }

    #[test]
    fn a_minute_regains_at_most_the_requests_of_the_limit_and_all_but_one_in_a_thousand() {
        for requests in 1..=RequestsPerMinute::MAX {
            let interval = RequestsPerMinute::new(requests).unwrap().interval();
            let minute = interval * requests;
            assert!(minute >= Duration::from_secs(60) && minute <= Duration::from_millis(60_060), "{requests}");
        }
    }
}
