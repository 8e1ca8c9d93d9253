//! What a program has spent by an API key: in all, and in the day, the week and the month in which it last asked.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::calendar::Day;
use domain::ids::{ApiKeyId, EntryId, UserId};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, StoreError, Table, number, transaction};

/// The prefix of the sort key of all keys' sums.
const SORT_KEY_PREFIX: &str = "KEY#";

/// Days after the last use for which the sums of a key are kept. They outlive the key, whose last messages are summed
/// after its end.
const KEPT_DAYS: u32 = 400;

/// The sums of an API key, up to the account's checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySums {
    /// All credits that were charged.
    pub credits: u64,
    /// Those of the day of the last use.
    pub of_day: PeriodSum,
    /// Those of its week, which begins on Monday.
    pub of_week: PeriodSum,
    /// Those of its month.
    pub of_month: PeriodSum,
    /// The time of the last use, in seconds since the Unix epoch: that of the newest message that was charged.
    pub last_used_at: u64,
}

/// The credits that were charged in a period of UTC's calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodSum {
    /// The period: `2026-11-27`, `2026-W48` or `2026-11`.
    pub period: String,
    /// The credits.
    pub credits: u64,
}

impl KeySums {
    /// The key of an API key's sums.
    #[must_use]
    pub fn key(user_id: UserId, api_key: ApiKeyId) -> Key {
        Key::of_user(user_id, format!("{SORT_KEY_PREFIX}{api_key}"))
    }

    /// The API key whose sums have this sort key.
    pub(crate) fn id_in(sort_key: &str) -> Option<ApiKeyId> {
        sort_key.strip_prefix(SORT_KEY_PREFIX).and_then(ApiKeyId::parse)
    }

    /// Adds a chat. Chats come in the order of their ids.
    pub(crate) fn add(&mut self, chat: EntryId, credits: u64) {
        let day = Day::of(chat.made_at());
        self.credits = self.credits.saturating_add(credits);
        self.of_day.add(day.to_string(), credits);
        self.of_week.add(day.week(), credits);
        self.of_month.add(day.month(), credits);
        self.last_used_at = self.last_used_at.max(chat.made_at().seconds());
    }

    /// The part of a transaction that writes the sums.
    pub(crate) fn write(
        &self,
        table: &Table,
        user_id: UserId,
        api_key: ApiKeyId,
    ) -> Result<TransactWriteItem, StoreError> {
        let last_used = Day::of(Timestamp::from_seconds(self.last_used_at));
        let period = |sum: &PeriodSum| serde_dynamo::to_attribute_value(sum).map_err(StoreError::from);
        transaction::update(
            table
                .updating(Self::key(user_id, api_key))
                .update_expression(
                    "SET #credits = :credits, #day = :day, #week = :week, #month = :month, #used = :used, #end = :end",
                )
                .expression_attribute_names("#credits", "credits")
                .expression_attribute_names("#day", "of_day")
                .expression_attribute_names("#week", "of_week")
                .expression_attribute_names("#month", "of_month")
                .expression_attribute_names("#used", "last_used_at")
                .expression_attribute_names("#end", "expires_at")
                .expression_attribute_values(":credits", number(self.credits))
                .expression_attribute_values(":day", period(&self.of_day)?)
                .expression_attribute_values(":week", period(&self.of_week)?)
                .expression_attribute_values(":month", period(&self.of_month)?)
                .expression_attribute_values(":used", number(self.last_used_at))
                .expression_attribute_values(":end", number(last_used.plus_days(KEPT_DAYS).end().seconds())),
        )
    }
}

impl PeriodSum {
    /// The credits of `period`; none if the key was last used in another.
    #[must_use]
    pub fn of(&self, period: &str) -> u64 {
        if self.period == period { self.credits } else { 0 }
    }

    fn add(&mut self, period: String, credits: u64) {
        if self.period != period {
            *self = Self { period, credits: 0 };
        }
        self.credits = self.credits.saturating_add(credits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_begins_anew_and_the_total_does_not() {
        let mut sums = KeySums::default();
        let at = |day: &str| EntryId::first_of(Day::parse(day).unwrap().begin());
        for (day, credits) in [("2026-11-27", 1), ("2026-11-27", 2), ("2026-11-29", 4), ("2026-11-30", 8)] {
            sums.add(at(day), credits);
        }
        assert_eq!(sums.credits, 15);
        assert_eq!((sums.of_day.of("2026-11-30"), sums.of_day.of("2026-11-29")), (8, 0));
        assert_eq!((sums.of_week.of("2026-W49"), sums.of_month.of("2026-11")), (8, 15));
        sums.add(at("2026-12-01"), 16);
        assert_eq!((sums.of_week.of("2026-W49"), sums.of_month.of("2026-12"), sums.credits), (24, 16, 31));
        assert_eq!(sums.last_used_at, at("2026-12-01").made_at().seconds());
    }
}
