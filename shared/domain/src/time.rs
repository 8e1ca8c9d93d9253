//! Time, from a clock that tests can set.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// A moment, in whole milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    milliseconds: u64,
}

impl Timestamp {
    /// The moment this many milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_milliseconds(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// The moment this many seconds after the Unix epoch.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self::from_milliseconds(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn milliseconds(self) -> u64 {
        self.milliseconds
    }

    /// Whole seconds since the Unix epoch, the unit of JWTs and of DynamoDB's TTL.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.milliseconds / 1000
    }

    /// The moment `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_milliseconds(self.milliseconds.saturating_add(milliseconds))
    }

    /// The moment `duration` earlier, but not before the Unix epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_milliseconds(self.milliseconds.saturating_sub(milliseconds))
    }

    /// The time from `earlier` until this moment, or zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.milliseconds.saturating_sub(earlier.milliseconds))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, e.g. `2026-11-22T08:13:20.512Z`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = i128::from(self.milliseconds) * 1_000_000;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).map_err(|_| fmt::Error)?;
        formatter.write_str(&moment.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

/// A source of time: the system's clock, or in tests one that is set by hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
    /// Tokio's clock, which simulations pause, moved forward by `ahead` milliseconds.
    #[cfg(any(test, feature = "test-util"))]
    Simulated {
        start: Timestamp,
        origin: tokio::time::Instant,
        ahead: Arc<AtomicU64>,
    },
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] or [`Clock::sleep`] moves it. Its clones move with it.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(start.milliseconds))))
    }

    /// A clock that shows `start` now and then runs with tokio's, so that it agrees with timers. [`Clock::advance`]
    /// moves it and its clones ahead of tokio's.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn simulated(start: Timestamp) -> Self {
        Self(Source::Simulated { start, origin: tokio::time::Instant::now(), ahead: Arc::default() })
    }

    /// The same simulated clock, behind by `time` for ever: clocks of functions differ.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn behind(&self, time: Duration) -> Self {
        match self.0.clone() {
            Source::Simulated { start, origin, ahead } => {
                Self(Source::Simulated { start: start.minus(time), origin, ahead })
            }
            other => Self(other),
        }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_milliseconds(0).plus(since_epoch)
            }
            Source::Manual(milliseconds) => Timestamp::from_milliseconds(milliseconds.load(Ordering::SeqCst)),
            #[cfg(any(test, feature = "test-util"))]
            Source::Simulated { start, origin, ahead } => {
                start.plus(origin.elapsed()).plus(Duration::from_millis(ahead.load(Ordering::SeqCst)))
            }
        }
    }

    /// `given` if it is in the future, else `limit` from now: cargo-lambda's emulator sends deadlines in 1970.
    #[must_use]
    pub fn deadline(&self, given: Timestamp, limit: Duration) -> Timestamp {
        let now = self.now();
        if given > now { given } else { now.plus(limit) }
    }

    /// Waits until `duration` has passed on this clock. A manual clock is advanced instead, because nothing else would
    /// move it.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::Manual(_) => self.advance(duration),
            Source::System => tokio::time::sleep(duration).await,
            #[cfg(any(test, feature = "test-util"))]
            Source::Simulated { .. } => tokio::time::sleep(duration).await,
        }
    }

    /// Moves a manual or simulated clock forward. It leaves the system's clock alone.
    pub fn advance(&self, duration: Duration) {
        match &self.0 {
            Source::System => {}
            Source::Manual(milliseconds) => {
                milliseconds.store(self.now().plus(duration).milliseconds, Ordering::SeqCst);
            }
            #[cfg(any(test, feature = "test-util"))]
            Source::Simulated { ahead, .. } => {
                ahead.fetch_add(Timestamp::from_milliseconds(0).plus(duration).milliseconds, Ordering::SeqCst);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_as_rfc_3339_in_utc() {
        let moment = Timestamp::from_milliseconds(1_795_335_200_512);
        assert_eq!(moment.to_string(), "2026-11-22T08:13:20.512Z");
        assert_eq!(Timestamp::from_milliseconds(1_795_335_200_500).to_string(), "2026-11-22T08:13:20.5Z");
        assert_eq!(Timestamp::from_seconds(1_795_335_200).to_string(), "2026-11-22T08:13:20Z");
    }

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let clock = Clock::manual(Timestamp::from_seconds(100));
        let clone = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(clone.now(), Timestamp::from_seconds(105));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_moves_the_clock_by_its_duration() {
        let start = Timestamp::from_seconds(100);
        for clock in [Clock::manual(start), Clock::simulated(start)] {
            clock.sleep(Duration::from_secs(5)).await;
            assert_eq!(clock.now(), Timestamp::from_seconds(105));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_goes_with_tokios_and_can_be_set_forward() {
        let clock = Clock::simulated(Timestamp::from_seconds(100));
        let clone = clock.clone();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let behind = clock.behind(Duration::from_secs(10));
        clock.advance(Duration::from_secs(60));
        assert_eq!(clone.now(), Timestamp::from_seconds(165));
        assert_eq!(behind.now(), Timestamp::from_seconds(155));
    }

    #[test]
    fn time_cannot_overflow() {
        let end = Timestamp::from_milliseconds(u64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(Timestamp::from_seconds(1).since(end), Duration::ZERO);
    }
}
