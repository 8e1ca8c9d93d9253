//! Counts with limits, for one clock hour.
//!
//! Each hour has an item of its own, so that it begins at zero without a write. A count is raised by one conditional
//! write: however many raise it at once, it never passes its limit. DynamoDB deletes the items of hours that have passed.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::time::{Clock, Timestamp};
use store::collision::repeat_collisions;
use store::{Item, Key, StoreError, Table, number};

use crate::error::IdentityError;

const HOUR_SECONDS: u64 = 60 * 60;
/// The time after the end of its hour at which DynamoDB may delete an item: more than clocks differ.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// A clock hour, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockHour(u64);

impl ClockHour {
    /// The hour of `now`.
    pub(crate) fn of(now: Timestamp) -> Self {
        Self(now.seconds() / HOUR_SECONDS)
    }

    /// The key of the item that `partition` has for this hour.
    pub(crate) fn key(self, partition: impl Into<String>) -> Key {
        Key::new(partition, format!("HOUR#{}", self.0))
    }

    fn end(self) -> Timestamp {
        Timestamp::from_seconds((self.0 + 1) * HOUR_SECONDS)
    }
}

/// Counts in one item that are raised together, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct HourlyCounts {
    hour: ClockHour,
    key: Key,
    counts: Vec<LimitedCount>,
}

/// A count, by the name of its attribute.
#[derive(Clone, Debug)]
pub(crate) struct LimitedCount {
    pub(crate) attribute: String,
    pub(crate) most: u64,
}

impl HourlyCounts {
    /// The `counts` in the item that `partition` has for `hour`.
    pub(crate) fn new(hour: ClockHour, partition: impl Into<String>, counts: Vec<LimitedCount>) -> Self {
        Self { hour, key: hour.key(partition), counts }
    }

    /// The key of the item.
    pub(crate) fn key(&self) -> Key {
        self.key.clone()
    }

    /// Whether each of the counts in `item`, as it was read, may be raised.
    pub(crate) fn have_room(&self, item: Option<&Item>) -> bool {
        let count_of = |attribute: &str| item?.get(attribute)?.as_n().ok()?.parse::<u64>().ok();
        self.counts.iter().all(|count| count_of(&count.attribute).unwrap_or_default() < count.most)
    }

    /// The error of an attempt to raise a count beyond its limit.
    pub(crate) fn refusal(&self, now: Timestamp) -> IdentityError {
        IdentityError::Throttled { retry_after: self.hour.end().since(now) }
    }

    /// Raises the counts by one. A write whose answer is lost is sent again and counts twice. At worst somebody waits for
    /// the next hour.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`] until the hour ends if a count has reached its limit, [`IdentityError::Unavailable`]
    /// if the table cannot be reached.
    pub(crate) async fn raise(&self, table: &Table, clock: &Clock, deadline: Timestamp) -> Result<(), IdentityError> {
        let expiry = number(self.hour.end().plus(KEPT).seconds());
        let mut request = self.change(table, 1).expression_attribute_values(":expiry", expiry);
        let (mut changes, mut conditions) = (Vec::new(), Vec::new());
        for (place, count) in self.counts.iter().enumerate() {
            changes.push(format!("#count{place} :change"));
            conditions.push(format!("(attribute_not_exists(#count{place}) OR #count{place} < :most{place})"));
            request = request.expression_attribute_values(format!(":most{place}"), number(count.most));
        }
        let request = request
            .update_expression(format!("ADD {} SET expires_at = :expiry", changes.join(", ")))
            .condition_expression(conditions.join(" AND "));
        let Err(error) = repeat_collisions(clock, deadline, || request.clone().send()).await else { return Ok(()) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Err(self.refusal(clock.now())),
            _ => Err(StoreError::from(error).into()),
        }
    }

    /// Lowers the counts by one, unless one of them is zero: DynamoDB may have deleted the item.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached.
    pub(crate) async fn lower(&self, table: &Table) -> Result<(), StoreError> {
        let places = 0..self.counts.len();
        let changes: Vec<String> = places.clone().map(|place| format!("#count{place} :change")).collect();
        let conditions: Vec<String> = places.map(|place| format!("#count{place} > :zero")).collect();
        let request = self
            .change(table, -1)
            .expression_attribute_values(":zero", number(0_u64))
            .update_expression(format!("ADD {}", changes.join(", ")))
            .condition_expression(conditions.join(" AND "));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(error.into()),
            },
        }
    }

    /// The part that both writes have in common.
    fn change(&self, table: &Table, change: i8) -> UpdateItemFluentBuilder {
        let request = table
            .client()
            .update_item()
            .table_name(table.name())
            .set_key(Some(self.key.clone().into_item()))
            .expression_attribute_values(":change", AttributeValue::N(change.to_string()));
        self.counts.iter().enumerate().fold(request, |request, (place, count)| {
            request.expression_attribute_names(format!("#count{place}"), &count.attribute)
        })
    }
}
