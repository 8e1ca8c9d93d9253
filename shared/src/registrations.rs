//! How many people one network registers in an hour, so that accounts with credits to start with
//! are not had by the thousand, and names are not probed for whether they are taken.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;

use crate::error::ApiError;
use crate::table::{Key, OwnedKeys as _, Table, number, repeat_collisions, unavailable};
use domain::source_network::SourceNetwork;
use domain::time::{Clock, Timestamp};

const HOUR_SECONDS: u64 = 60 * 60;
/// How long after its hour DynamoDB may delete the item: more than clocks differ.
const KEPT_SECONDS: u64 = 60 * 60;

/// The registrations in the table, counted by network and clock hour.
#[derive(Clone, Debug)]
pub struct Registrations {
    table: Table,
    clock: Clock,
    per_hour: u32,
}

impl Registrations {
    /// The registrations in `table`, of which each network has `per_hour`; 0 is no limit.
    #[must_use]
    pub fn new(table: Table, clock: Clock, per_hour: u32) -> Self {
        Self { table, clock, per_hour }
    }

    /// As [`Registrations::new`], with a connection to the table that is open already if it answers at once.
    pub async fn start(table: Table, clock: Clock, per_hour: u32) -> Self {
        // The hour is long over, and was nobody's.
        table.warm_up(Key::registrations(SourceNetwork::of_address(""), 0)).await;
        Self::new(table, clock, per_hour)
    }

    /// Counts an attempt to register from `network`, whatever becomes of it. Without a limit nothing
    /// is asked of the table.
    ///
    /// A write that is repeated because its answer was lost counts twice: that costs a newcomer's
    /// neighbour at worst an hour.
    ///
    /// # Errors
    /// [`ApiError::Throttled`] until the hour ends if the network has used its share up,
    /// [`ApiError::Unavailable`] if the table cannot be reached.
    pub async fn count(&self, network: SourceNetwork, deadline: Timestamp) -> Result<(), ApiError> {
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
                Err(ApiError::Throttled { retry_after: end_of_hour.since(now) })
            }
            _ => Err(unavailable(error)),
        }
    }

    fn request(&self, network: SourceNetwork, hour: u64, end_of_hour: Timestamp) -> UpdateItemFluentBuilder {
        let expires_at = end_of_hour.plus(Duration::from_secs(KEPT_SECONDS));
        self.table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::registrations(network, hour).into_item()))
            .update_expression("ADD registrations :one SET expires_at = :expiry")
            .condition_expression("attribute_not_exists(registrations) OR registrations < :limit")
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":limit", number(self.per_hour))
            .expression_attribute_values(":expiry", number(expires_at.seconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, TestTable};
    use futures_util::future::join_all;
    use testkit::recorder::Fault;

    fn registrations(test: &TestTable, per_hour: u32) -> Registrations {
        Registrations::new(test.table.clone(), test.clock.clone(), per_hour)
    }

    fn network(address: &str) -> SourceNetwork {
        SourceNetwork::of_address(address)
    }

    #[tokio::test]
    async fn of_many_registrations_at_the_same_moment_as_many_as_the_limit_are_admitted() {
        let test = TestTable::start().await;
        let registrations = registrations(&test, 20);
        let attempts = (0..50).map(|_| registrations.count(network("127.0.113.7"), NOW));
        let outcomes = join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20);
        let throttled = |outcome: &&Result<(), ApiError>| matches!(outcome, Err(ApiError::Throttled { .. }));
        assert_eq!(outcomes.iter().filter(throttled).count(), 30);
    }

    #[tokio::test]
    async fn whoever_waits_as_told_registers_in_the_next_hour() {
        let test = TestTable::start().await;
        test.clock.advance(Duration::from_millis(600_001));
        let registrations = registrations(&test, 1);
        registrations.count(network("127.0.113.7"), NOW).await.unwrap();
        let Err(ApiError::Throttled { retry_after }) = registrations.count(network("127.0.113.9"), NOW).await else {
            panic!("a second one of the same network is admitted")
        };
        assert_eq!(retry_after, Duration::from_millis(3_600_000 - 600_001), "the clock started at a full hour");
        registrations.count(network("127.0.100.7"), NOW).await.unwrap();
        test.clock.advance(retry_after);
        registrations.count(network("127.0.113.9"), NOW).await.unwrap();
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_asked_of_the_table() {
        let test = TestTable::start().await;
        for _ in 0..3 {
            registrations(&test, 0).count(network("127.0.113.7"), NOW).await.unwrap();
        }
        assert_eq!(test.recorder.requests(), []);
    }

    #[tokio::test]
    async fn a_registration_that_cannot_be_counted_is_not_admitted_and_one_that_collides_is_counted_again() {
        let test = TestTable::start().await;
        let registrations = registrations(&test, 1);
        test.recorder.fail_next("UpdateItem", Fault::NotApplied, 3);
        let outcome = registrations.count(network("127.0.113.7"), NOW).await;
        assert!(matches!(outcome, Err(ApiError::Unavailable(_))));
        test.recorder.fail_next("UpdateItem", Fault::Conflict, 2);
        let soon = NOW.plus(Duration::from_secs(28));
        registrations.count(network("127.0.113.7"), soon).await.unwrap();
    }
}
