//! What a program has spent by an API key: in all, and in the day, the week and the month in which it last asked.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::calendar::Day;
use domain::ids::{ApiKeyId, EntryId, UserId};
use domain::period::{Period, PeriodLength};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Key, StoreError, Table, from_item, number, sort_key_of, transaction};

/// The prefix of the sort key of all keys' sums.
pub(crate) const SORT_KEY_PREFIX: &str = "KEY#";

/// Days after the last use for which the sums of a key are kept. They outlive the key, whose last messages are summed
/// after its end.
const KEPT_DAYS: u32 = 400;

/// The sums of an API key, up to the account's checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySums {
    /// All credits that were charged.
    pub credits: u64,
    /// Those of the day of the last use.
    pub of_day: PeriodSum,
    /// Those of its week, which begins on Monday.
    pub of_week: PeriodSum,
    /// Those of its month.
    pub of_month: PeriodSum,
    /// The newest chat in the sums.
    last_chat: EntryId,
}

/// The credits that were charged in a period of UTC's calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodSum {
    /// The period.
    pub period: Period,
    /// The credits.
    pub credits: u64,
}

impl KeySums {
    /// The key of an API key's sums.
    #[must_use]
    pub fn key(user_id: UserId, api_key: ApiKeyId) -> Key {
        Key::of_user(user_id, format!("{SORT_KEY_PREFIX}{api_key}"))
    }

    /// Reads the sums of these keys of a user, by their ids. A key whose charges are not summed yet has none.
    pub(crate) async fn read(
        table: &Table,
        user_id: UserId,
        keys: &BTreeSet<ApiKeyId>,
    ) -> Result<BTreeMap<ApiKeyId, Self>, StoreError> {
        let mut sums = BTreeMap::new();
        for item in table.get_all(keys.iter().map(|id| Self::key(user_id, *id))).await? {
            let key = sort_key_of(&item).and_then(|sort_key| sort_key.strip_prefix(SORT_KEY_PREFIX));
            if let Some(id) = key.and_then(ApiKeyId::parse) {
                sums.insert(id, from_item(item)?);
            }
        }
        Ok(sums)
    }

    /// The sums of a key whose first chat cost `credits`.
    pub(crate) fn of_first(chat: EntryId, credits: u64) -> Self {
        let of = |length: PeriodLength| PeriodSum { period: length.period_at(chat.made_at()), credits };
        let (of_day, of_week, of_month) = (of(PeriodLength::Day), of(PeriodLength::Week), of(PeriodLength::Month));
        Self { credits, of_day, of_week, of_month, last_chat: chat }
    }

    /// The time of the last use: that of the newest message that was charged.
    #[must_use]
    pub fn last_used_at(&self) -> Timestamp {
        self.last_chat.made_at()
    }

    /// Adds a chat, unless the sums have it. Chats come in the order of their ids.
    pub(crate) fn add(&mut self, chat: EntryId, credits: u64) {
        if chat <= self.last_chat {
            return;
        }
        let made_at = chat.made_at();
        self.credits = self.credits.saturating_add(credits);
        for sum in [&mut self.of_day, &mut self.of_week, &mut self.of_month] {
            sum.add(sum.period.length().period_at(made_at), credits);
        }
        self.last_chat = chat;
    }

    /// The part of a transaction that writes the sums.
    pub(crate) fn write(
        &self,
        table: &Table,
        user_id: UserId,
        api_key: ApiKeyId,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        // Old entries that are summed again are not the last ones.
        let earliest_end = Day::of(now).plus_days(2).end();
        let last_used = Day::of(self.last_used_at());
        let period = |sum: &PeriodSum| serde_dynamo::to_attribute_value(sum).map_err(StoreError::from);
        transaction::update(
            table
                .updating(Self::key(user_id, api_key))
                .update_expression(
                    "SET #credits = :credits, #day = :day, #week = :week, #month = :month, #last = :last, #end = :end",
                )
                .expression_attribute_names("#credits", "credits")
                .expression_attribute_names("#day", "of_day")
                .expression_attribute_names("#week", "of_week")
                .expression_attribute_names("#month", "of_month")
                .expression_attribute_names("#last", "last_chat")
                .expression_attribute_names("#end", "expires_at")
                .expression_attribute_values(":credits", number(self.credits))
                .expression_attribute_values(":day", period(&self.of_day)?)
                .expression_attribute_values(":week", period(&self.of_week)?)
                .expression_attribute_values(":month", period(&self.of_month)?)
                .expression_attribute_values(":last", AttributeValue::S(self.last_chat.to_string()))
                .expression_attribute_values(
                    ":end",
                    number(last_used.plus_days(KEPT_DAYS).end().max(earliest_end).seconds()),
                ),
        )
    }
}

impl PeriodSum {
    /// The credits of the period of `moment`; none if the key was last used in another.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> u64 {
        if self.period == self.period.length().period_at(moment) { self.credits } else { 0 }
    }

    fn add(&mut self, period: Period, credits: u64) {
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
    fn each_period_begins_anew_and_the_total_does_not_and_each_chat_counts_once() {
        let at = |day: &str| Day::parse(day).unwrap().begin();
        let chat = |day: &str| EntryId::first_of(at(day));
        let mut sums = KeySums::of_first(chat("2026-11-27"), 3);
        for (day, credits) in [("2026-11-29", 4), ("2026-11-29", 4), ("2026-11-30", 8), ("2026-11-27", 3)] {
            sums.add(chat(day), credits);
        }
        assert_eq!(sums.credits, 15);
        assert_eq!((sums.of_day.at(at("2026-11-30")), sums.of_day.at(at("2026-11-29"))), (8, 0));
        assert_eq!((sums.of_week.at(at("2026-12-06")), sums.of_month.at(at("2026-11-01"))), (8, 15));
        sums.add(chat("2026-12-01"), 16);
        assert_eq!((sums.of_week.at(at("2026-11-30")), sums.of_month.at(at("2026-12-31"))), (24, 16));
        assert_eq!((sums.credits, sums.last_used_at()), (31, at("2026-12-01")));
    }
}
