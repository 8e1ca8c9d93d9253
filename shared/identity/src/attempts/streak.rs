//! How attempts of one network slow it down.

use std::time::Duration;

use crate::attempts::recorded::RecordedAttempt;
use domain::time::Timestamp;

/// So many attempts are free within [`WINDOW`]; after that each waits for the one before.
pub(super) const FREE_ATTEMPTS: u32 = 5;
/// How long a free attempt counts, and a slowed network stays so after its last wait has ended.
pub(super) const WINDOW: Duration = Duration::from_secs(15 * 60);
/// The wait after the last free attempt; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LAST_WAIT: Duration = Duration::from_secs(15 * 60);
/// From so many attempts on the wait is [`LAST_WAIT`]: 2^10 seconds would be longer.
pub(super) const MOST_COUNTED: u32 = FREE_ATTEMPTS + 10;

/// The attempts of one network that still count against it, gone through in the order of time.
#[derive(Debug, Default)]
pub(super) struct Streak {
    counted: u32,
    /// Of those that count, in the order of time; what an attempt stands for has only the last's.
    times: Vec<Timestamp>,
}

impl Streak {
    /// Counts the next attempt.
    pub(super) fn count(&mut self, attempt: &RecordedAttempt) {
        self.forget(attempt.at);
        self.times.push(attempt.at);
        self.counted = (self.counted + attempt.stands_for).min(MOST_COUNTED);
    }

    /// Forgets what no longer counts at `now`.
    pub(super) fn forget(&mut self, now: Timestamp) {
        if self.is_slowed() {
            if now.since(self.last()) >= self.wait() + WINDOW {
                *self = Self::default();
            }
        } else {
            // Before the network is slowed, each attempt stands for itself alone.
            let old = self.times.iter().take_while(|at| now.since(**at) >= WINDOW).count();
            self.times.drain(..old);
            self.counted = u32::try_from(self.times.len()).unwrap_or(MOST_COUNTED);
        }
    }

    /// How many attempts count, up to [`MOST_COUNTED`].
    pub(super) fn counted(&self) -> u32 {
        self.counted
    }

    /// Of how many recorded attempts it is made.
    pub(super) fn length(&self) -> usize {
        self.times.len()
    }

    /// Whether the next attempt has to wait for the last.
    pub(super) fn is_slowed(&self) -> bool {
        self.counted >= FREE_ATTEMPTS
    }

    /// How long after `now` the next attempt is admitted.
    pub(super) fn wait_from(&self, now: Timestamp) -> Duration {
        if self.is_slowed() { self.last().plus(self.wait()).since(now) } else { Duration::ZERO }
    }

    fn wait(&self) -> Duration {
        let doublings = self.counted.saturating_sub(FREE_ATTEMPTS);
        FIRST_WAIT.saturating_mul(1 << doublings.min(MOST_COUNTED)).min(LAST_WAIT)
    }

    fn last(&self) -> Timestamp {
        self.times.last().copied().unwrap_or(Timestamp::from_milliseconds(0))
    }
}
