//! The hour's work of an account: what was charged, and what stayed unpaid although a model may have worked for it.
//!
//! A model that was asked may be billed by its provider even if no reply came of it. Nobody pays for that work, so it is
//! counted and has a limit. The hold's write begins a new hour; captures and releases only add to the hour that is there.

use std::time::Duration;

use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Unpaid messages that an account may have in an hour, before any was charged.
pub const UNPAID_PER_HOUR: u32 = 20;
/// Charged messages of the hour that allow one more unpaid message.
const CHARGED_PER_UNPAID: u32 = 20;

/// The messages of an account in one clock hour, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourlyWork {
    /// The beginning of the hour, in seconds since the Unix epoch.
    pub began_at: u64,
    /// The messages that a model may have worked for, and that nobody paid.
    pub unpaid: u32,
    /// The messages that were charged.
    pub charged: u32,
    /// The beginning of the last hour before this one in which a message was charged, or zero.
    #[serde(default)]
    pub paid_at: u64,
}

impl HourlyWork {
    /// The hour of `now`, without any work.
    #[must_use]
    pub fn none(now: Timestamp) -> Self {
        let seconds = now.seconds();
        Self { began_at: seconds - seconds % HOUR.as_secs(), unpaid: 0, charged: 0, paid_at: 0 }
    }

    /// The work of the hour of `now`. An hour that another clock has begun already goes on.
    #[must_use]
    pub(crate) fn at(self, now: Timestamp) -> Self {
        let current = Self::none(now);
        if self.began_at >= current.began_at {
            return self;
        }
        Self { paid_at: self.last_paid_at(), ..current }
    }

    /// Whether a message was charged in the hour, or in the day before it.
    pub(crate) fn has_paid_lately(self) -> bool {
        self.last_paid_at() > 0 && self.began_at - self.last_paid_at() <= DAY.as_secs()
    }

    fn last_paid_at(self) -> u64 {
        if self.charged > 0 { self.began_at } else { self.paid_at }
    }

    /// The unpaid messages that the hour allows: `per_hour`, and one for each [`CHARGED_PER_UNPAID`] charged.
    pub(crate) fn unpaid_limit(self, per_hour: u32) -> u32 {
        per_hour.saturating_add(self.charged / CHARGED_PER_UNPAID)
    }

    /// The unpaid messages that the hour still allows. Messages in flight may become unpaid ones, and count against it too.
    pub(crate) fn unpaid_left(self, per_hour: u32) -> u32 {
        self.unpaid_limit(per_hour).saturating_sub(self.unpaid)
    }

    /// Whether `moment` lies in this hour.
    pub(crate) fn includes(self, moment: Timestamp) -> bool {
        Self::none(moment).began_at == self.began_at
    }

    /// The time from `now` to the end of the hour.
    pub(crate) fn remaining(self, now: Timestamp) -> Duration {
        Timestamp::from_seconds(self.began_at).plus(HOUR).since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_hour_begins_without_work_and_an_hour_ahead_goes_on() {
        let work = HourlyWork { began_at: 7200, unpaid: 3, charged: 5, paid_at: 0 };
        assert_eq!(work.at(Timestamp::from_seconds(7200 + 3599)), work);
        assert_eq!(
            work.at(Timestamp::from_seconds(10_800)),
            HourlyWork { began_at: 10_800, unpaid: 0, charged: 0, paid_at: 7200 }
        );
        assert_eq!(work.at(Timestamp::from_seconds(7199)), work);
        assert_eq!(work.remaining(Timestamp::from_seconds(7201)), Duration::from_secs(3599));
    }

    #[test]
    fn an_account_has_paid_lately_for_a_day_after_the_hour_of_its_last_charge() {
        let mut work = HourlyWork { began_at: 7200, unpaid: 0, charged: 1, paid_at: 0 };
        for hours in 1..=26 {
            work = work.at(Timestamp::from_seconds(7200 + hours * 3600));
            assert_eq!(work.has_paid_lately(), hours <= 24, "{hours} hours later");
        }
        assert!(!HourlyWork::none(Timestamp::from_seconds(7200)).has_paid_lately());
    }

    #[test]
    fn twenty_messages_an_hour_may_stay_unpaid_and_one_more_for_twenty_charged() {
        for (unpaid, charged, left) in [(0, 0, 20), (19, 0, 1), (20, 19, 0), (20, 20, 1), (25, 20, 0), (0, 400, 40)] {
            let work = HourlyWork { began_at: 0, unpaid, charged, paid_at: 0 };
            assert_eq!(work.unpaid_left(UNPAID_PER_HOUR), left, "{unpaid} unpaid and {charged} charged");
        }
    }
}
