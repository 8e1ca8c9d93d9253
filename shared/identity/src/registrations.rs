//! The limit on registrations from one network in an hour.
//!
//! Without it a stranger could collect starting credits by the thousand, or try which usernames are taken.

use domain::source_network::SourceNetwork;
use domain::time::{Clock, Timestamp};
use store::Table;

use crate::error::IdentityError;
use crate::hourly_counts::{ClockHour, HourlyCounts, LimitedCount};

/// The registrations in the table, counted by network and clock hour.
#[derive(Clone, Debug)]
pub struct Registrations {
    table: Table,
    clock: Clock,
    per_hour: u32,
}

impl Registrations {
    /// The registrations in `table`. Each network has `per_hour`; 0 is no limit.
    #[must_use]
    pub fn new(table: Table, clock: Clock, per_hour: u32) -> Self {
        Self { table, clock, per_hour }
    }

    /// Counts an attempt to register from `network`, also if the registration fails later. Without a limit it sends
    /// nothing.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`] until the hour ends if the network has used up its share,
    /// [`IdentityError::Unavailable`] if the table cannot be reached.
    pub async fn count(&self, network: SourceNetwork, deadline: Timestamp) -> Result<(), IdentityError> {
        if self.per_hour == 0 {
            return Ok(());
        }
        let hour = ClockHour::of(self.clock.now());
        let limit = LimitedCount { attribute: "registrations".to_owned(), most: self.per_hour.into() };
        HourlyCounts::new(hour, partition_of(network), vec![limit]).raise(&self.table, &self.clock, deadline).await
    }
}

/// The partition of the registrations from `network`.
fn partition_of(network: SourceNetwork) -> String {
    format!("REGISTRATIONS#{network}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use futures_util::future::join_all;
    use testkit::recorder::Fault;
    use testkit::test_table::NOW;

    use crate::testing::TestPeople;

    fn registrations(test: &TestPeople, per_hour: u32) -> Registrations {
        Registrations::new(test.table.clone(), test.clock.clone(), per_hour)
    }

    fn network(address: &str) -> SourceNetwork {
        SourceNetwork::of_address(address)
    }

    #[tokio::test]
    async fn of_many_registrations_at_the_same_moment_as_many_as_the_limit_are_admitted() {
        let test = TestPeople::start().await;
        let registrations = registrations(&test, 20);
        let attempts = (0..50).map(|_| registrations.count(network("127.0.113.7"), NOW));
        let outcomes = join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20);
        let throttled = |outcome: &&Result<(), IdentityError>| matches!(outcome, Err(IdentityError::Throttled { .. }));
        assert_eq!(outcomes.iter().filter(throttled).count(), 30);
    }

    #[tokio::test]
    async fn whoever_waits_as_told_registers_in_the_next_hour() {
        let test = TestPeople::start().await;
        test.clock.advance(Duration::from_millis(600_001));
        let registrations = registrations(&test, 1);
        registrations.count(network("127.0.113.7"), NOW).await.unwrap();
        let Err(IdentityError::Throttled { retry_after }) = registrations.count(network("127.0.113.9"), NOW).await
        else {
            panic!("a second one of the same network is admitted")
        };
        assert_eq!(retry_after, Duration::from_millis(3_600_000 - 600_001), "the clock started at a full hour");
        registrations.count(network("127.0.100.7"), NOW).await.unwrap();
        test.clock.advance(retry_after);
        registrations.count(network("127.0.113.9"), NOW).await.unwrap();
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_asked_of_the_table() {
        let test = TestPeople::start().await;
        for _ in 0..3 {
            registrations(&test, 0).count(network("127.0.113.7"), NOW).await.unwrap();
        }
        assert_eq!(test.recorder.requests(), []);
    }

    #[tokio::test]
    async fn a_registration_that_cannot_be_counted_is_not_admitted_and_one_that_collides_is_counted_again() {
        let test = TestPeople::start().await;
        let registrations = registrations(&test, 1);
        test.recorder.fail_next("UpdateItem", Fault::NotApplied, 3);
        let outcome = registrations.count(network("127.0.113.7"), NOW).await;
        assert!(matches!(outcome, Err(IdentityError::Unavailable(_))));
        test.recorder.fail_next("UpdateItem", Fault::Conflict, 2);
        let soon = NOW.plus(Duration::from_secs(28));
        registrations.count(network("127.0.113.7"), soon).await.unwrap();
    }
}
