//! The limit on registrations from one network in an hour.
//!
//! Without it a stranger could collect starting credits by the thousand, or try which usernames are taken.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use domain::source_network::SourceNetwork;
use domain::time::{Clock, Timestamp};
use store::collision::repeat_collisions;
use store::{Key, StoreError, Table, number};

use crate::error::IdentityError;

const HOUR_SECONDS: u64 = 60 * 60;
/// The time after the end of its hour at which DynamoDB may delete an item: more than clocks differ.
const KEPT_SECONDS: u64 = 60 * 60;

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

    /// The registrations in `table`, with an open connection if the table answers at once.
    pub async fn start(table: Table, clock: Clock, per_hour: u32) -> Self {
        // The item of an hour in 1970, which nobody writes.
        table.warm_up(key(SourceNetwork::of_address(""), 0)).await;
        Self::new(table, clock, per_hour)
    }

    /// Counts an attempt to register from `network`, also if the registration fails later. Without a limit it sends
    /// nothing.
    ///
    /// A write whose answer is lost is sent again and counts twice. At worst another user of the same network waits for
    /// the next hour.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`] until the hour ends if the network has used up its share,
    /// [`IdentityError::Unavailable`] if the table cannot be reached.
    pub async fn count(&self, network: SourceNetwork, deadline: Timestamp) -> Result<(), IdentityError> {
        if self.per_hour == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        let hour = now.seconds() / HOUR_SECONDS;
        let end_of_hour = Timestamp::from_seconds((hour + 1) * HOUR_SECONDS);
        let request = self.request(network, hour, end_of_hour);
        let Err(error) = repeat_collisions(&self.clock, deadline, || request.clone().send()).await else {
            return Ok(());
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                Err(IdentityError::Throttled { retry_after: end_of_hour.since(now) })
            }
            _ => Err(StoreError::from(error).into()),
        }
    }

    fn request(&self, network: SourceNetwork, hour: u64, end_of_hour: Timestamp) -> UpdateItemFluentBuilder {
        let expires_at = end_of_hour.plus(Duration::from_secs(KEPT_SECONDS));
        self.table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(key(network, hour).into_item()))
            .update_expression("ADD registrations :one SET expires_at = :expiry")
            .condition_expression("attribute_not_exists(registrations) OR registrations < :limit")
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":limit", number(self.per_hour))
            .expression_attribute_values(":expiry", number(expires_at.seconds()))
    }
}

/// The key of the registrations from `network` in the `hour` since the Unix epoch.
fn key(network: SourceNetwork, hour: u64) -> Key {
    Key::new(format!("REGISTRATIONS#{network}"), format!("HOUR#{hour}"))
}

#[cfg(test)]
mod tests {
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
