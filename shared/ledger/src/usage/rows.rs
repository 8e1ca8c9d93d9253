//! The rows of whole days, of a user or of all.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::calendar::Day;
use store::{Item, StoreError, Table, item_bytes};

use crate::usage::{Days, RowLimit};
use crate::usage_sums::{UsagePlace, UsageSums};

/// Rows whose sort keys begin with a prefix and the day.
pub(super) struct RowsOf {
    pub(super) partition: String,
    pub(super) prefix: &'static str,
    /// The place that an item is read from. Items with the same place are added up.
    pub(super) place: fn(&Item) -> Option<UsagePlace>,
}

/// Whether a read sees the writes of the last second, at twice the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Consistent,
    Eventual,
}

/// The rows of whole days, from the first on until the limit, and the first day that was not read.
pub(super) async fn read(
    table: &Table,
    of: RowsOf,
    days: Days,
    limit: RowLimit,
    freshness: Freshness,
) -> Result<(BTreeMap<UsagePlace, UsageSums>, Option<Day>), StoreError> {
    let (mut rows, mut bytes, mut start): (BTreeMap<UsagePlace, UsageSums>, _, _) = (BTreeMap::new(), 0, None);
    let RowsOf { partition, prefix, place } = of;
    loop {
        let answer = table
            .client()
            .query()
            .table_name(table.name())
            .key_condition_expression("pk = :partition AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":partition", AttributeValue::S(partition.clone()))
            .expression_attribute_values(":from", AttributeValue::S(format!("{prefix}{}", days.from)))
            // No place sorts after this.
            .expression_attribute_values(":to", AttributeValue::S(format!("{prefix}{}~", days.to)))
            .consistent_read(freshness == Freshness::Consistent)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        for item in answer.items.unwrap_or_default() {
            let Some(place) = place(&item) else { continue };
            let is_a_new_day = rows.last_key_value().is_some_and(|(last, _)| last.day < place.day);
            if is_a_new_day && bytes >= limit.bytes {
                return Ok((rows, Some(place.day)));
            }
            bytes += item_bytes(&item);
            rows.entry(place).or_default().add(&UsageSums::of(&item));
        }
        start = answer.last_evaluated_key;
        if start.is_none() {
            return Ok((rows, None));
        }
    }
}
