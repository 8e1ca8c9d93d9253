//! The place of a key's budget in one period, and what a transaction does to the item that is there.

use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::budget::Budget;
use domain::credits::Credits;
use domain::ids::{ApiKeyId, UserId};
use domain::period::Period;
use domain::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use store::{Key, StoreError, Table, number, transaction};

/// The prefix of the sort keys of all budgets' items.
pub(crate) const PREFIX: &str = "BUDGET#";
/// Time for which an item stays after its period, or after its key has ended: longer than any hold of an account that is in use.
const KEPT_AFTERWARDS: Duration = Duration::from_secs(24 * 60 * 60);
/// The end of a budget of all of time, until its key ends: the year 9999. It is written, so that an item that its capture or
/// release makes anew, after the key has ended and TTL has deleted the item, is the one that has an early end.
const NEVER: Timestamp = Timestamp::from_seconds(253_402_300_799);

/// The place of a key's budget in one period. A hold remembers it as the text behind the prefix of the item's sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BudgetPlace {
    key: ApiKeyId,
    period: Period,
}

impl BudgetPlace {
    /// The place of `budget` of the API key `key` at `moment`.
    #[must_use]
    pub fn at(key: ApiKeyId, budget: Budget, moment: Timestamp) -> Self {
        Self { key, period: budget.per.period_at(moment) }
    }

    /// The key of the item.
    pub(crate) fn key(self, user_id: UserId) -> Key {
        Key::of_user(user_id, format!("{PREFIX}{self}"))
    }

    /// The moment at which the next period begins, if one does.
    pub(crate) fn period_end(self) -> Option<Timestamp> {
        self.period.end()
    }

    /// Parses the text that [`Display`](fmt::Display) writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (key, period) = text.split_once('#')?;
        Some(Self { key: ApiKeyId::parse(key)?, period: Period::parse(period)? })
    }

    /// The end of an item that a hold makes.
    fn end(self) -> Timestamp {
        self.period.end().map_or(NEVER, |end| end.plus(KEPT_AFTERWARDS))
    }

    /// The end of an item that a capture or a release makes anew, because it has gone meanwhile.
    fn end_if_gone(self, now: Timestamp) -> Timestamp {
        self.period.end().unwrap_or(now).plus(KEPT_AFTERWARDS)
    }

    /// The part of a hold's transaction that adds `amount`, on the condition that the sum stays within `limit`.
    pub(crate) fn hold(
        self,
        table: &Table,
        user_id: UserId,
        limit: Credits,
        amount: Credits,
    ) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            table
                .updating(self.key(user_id))
                .update_expression(
                    "SET spent = if_not_exists(spent, :zero) + :added, expires_at = if_not_exists(expires_at, :end)",
                )
                .condition_expression("attribute_not_exists(spent) OR spent <= :most")
                .expression_attribute_values(":zero", number(0_u64))
                .expression_attribute_values(":added", number(amount))
                .expression_attribute_values(":most", number(limit.saturating_minus(amount)))
                .expression_attribute_values(":end", number(self.end().seconds())),
        )
    }

    /// The part of a capture's or a release's transaction that gives `unspent` of a hold of `amount` back. It has no
    /// condition: the account's part says whether the hold is there.
    pub(crate) fn give_back(
        self,
        table: &Table,
        user_id: UserId,
        amount: Credits,
        unspent: Credits,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = table
            .updating(self.key(user_id))
            .update_expression(
                "SET spent = if_not_exists(spent, :held) - :unspent, expires_at = if_not_exists(expires_at, :end)",
            )
            .expression_attribute_values(":held", number(amount))
            .expression_attribute_values(":unspent", number(unspent))
            .expression_attribute_values(":end", number(self.end_if_gone(now).seconds()))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

impl fmt::Display for BudgetPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.key, self.period)
    }
}

impl Serialize for BudgetPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BudgetPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not the place of a budget"))
    }
}

/// The part of a transaction that ends a key's budget of all of time: its item goes a day later.
///
/// # Errors
/// [`StoreError::Internal`] if the request cannot be built.
pub fn end_of_total(
    table: &Table,
    user_id: UserId,
    key: ApiKeyId,
    now: Timestamp,
) -> Result<TransactWriteItem, StoreError> {
    let place = BudgetPlace { key, period: Period::Total };
    let update = table
        .updating(place.key(user_id))
        .update_expression("SET expires_at = :end")
        .expression_attribute_values(":end", number(now.plus(KEPT_AFTERWARDS).seconds()))
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::period::PeriodLength;
    use domain::time::Clock;
    use testkit::test_table::NOW;

    #[test]
    fn a_place_is_written_as_its_sort_key_ends_and_reads_back() {
        let key = ApiKeyId::new(&Clock::manual(NOW));
        for (_, per) in PeriodLength::WORDS {
            let place = BudgetPlace::at(key, Budget { credits: Credits::ZERO, per }, NOW);
            let text = serde_json::to_string(&place).unwrap();
            assert_eq!(serde_json::from_str::<BudgetPlace>(&text).unwrap(), place);
            assert!(text.len() <= 26 + 1 + 10 + 2, "{text}");
        }
        for text in ["", "total", "#total", &format!("{key}#"), &format!("{key}#day")] {
            assert_eq!(BudgetPlace::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_item_stays_a_day_longer_than_its_period_and_one_of_all_of_time_until_its_key_ends() {
        let key = ApiKeyId::new(&Clock::manual(NOW));
        let place = |per| BudgetPlace::at(key, Budget { credits: Credits::ZERO, per }, NOW);
        let (day, total) = (place(PeriodLength::Day), place(PeriodLength::Total));
        let end = day.period.end().unwrap().plus(KEPT_AFTERWARDS);
        assert_eq!((day.end(), day.end_if_gone(NOW)), (end, end));
        assert_eq!((total.end(), total.end_if_gone(NOW)), (NEVER, NOW.plus(KEPT_AFTERWARDS)));
    }
}
