//! The days' sums: what the chats of a day took, by API key and model.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use domain::calendar::Day;
use domain::ids::{ApiKeyId, UserId};
use domain::pricing::Usage;
use serde::Serialize;
use store::{Item, Key, number, sort_key_of};

/// The prefix of the sort key of all days' sums.
pub(crate) const SORT_KEY_PREFIX: &str = "USAGE#";

/// The place of an API key in a sort key where the chat was no program's.
const NO_KEY: &str = "-";

/// Days for which a day's sums are kept: a year can be asked for, and some more.
const KEPT_DAYS: u32 = 400;

/// One row of the days' sums. The day is that of the chat's id: the one on which it was asked, as budgets count it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsagePlace {
    /// The day.
    pub day: Day,
    /// The API key of the program that asked. A person has none.
    pub api_key: Option<ApiKeyId>,
    /// The id of the model that replied. Empty in entries that do not say it.
    pub model: String,
}

/// Sums of chats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UsageSums {
    /// The number of chats.
    pub requests: u64,
    /// Tokens that models read.
    pub input_tokens: u64,
    /// The part of the input tokens that providers had in their caches.
    pub cached_input_tokens: u64,
    /// The part of the input tokens that providers put into their caches.
    pub cache_write_tokens: u64,
    /// Tokens that models wrote.
    pub output_tokens: u64,
    /// The part of the output tokens that models wrote to reason.
    pub reasoning_tokens: u64,
    /// Images that models read.
    pub images: u64,
    /// The credits that were charged.
    pub credits: u64,
}

impl UsagePlace {
    pub(crate) fn key(&self, user_id: UserId) -> Key {
        let api_key = self.api_key.map_or(NO_KEY.to_owned(), |api_key| api_key.to_string());
        Key::of_user(user_id, format!("{SORT_KEY_PREFIX}{}#{api_key}#{}", self.day, self.model))
    }

    /// The place that a row was read from. A model's name may have any character.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        let mut parts = sort_key_of(item)?.strip_prefix(SORT_KEY_PREFIX)?.splitn(3, '#');
        let day = Day::parse(parts.next()?).ok()?;
        let api_key = match parts.next()? {
            NO_KEY => None,
            id => Some(ApiKeyId::parse(id)?),
        };
        Some(Self { day, api_key, model: parts.next()?.to_owned() })
    }
}

/// What a transaction does to a row with some sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowChange {
    /// They are added.
    Plus,
    /// They were added before, and are taken back.
    Minus,
}

impl UsageSums {
    /// The names of the sums, in their order.
    pub const NAMES: [&str; 8] = [
        "requests",
        "input_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
        "images",
        "credits",
    ];

    pub(crate) fn of_chat(usage: &Usage, credits: u64) -> Self {
        Self {
            requests: 1,
            input_tokens: usage.input_tokens,
            cached_input_tokens: usage.cached_input_tokens,
            cache_write_tokens: usage.cache_write_tokens,
            output_tokens: usage.output_tokens,
            reasoning_tokens: usage.reasoning_tokens,
            images: u64::from(usage.images),
            credits,
        }
    }

    /// The sums of a row. A sum that is beyond what can be written is the most that can.
    pub(crate) fn of(item: &Item) -> Self {
        Self::of_numbers(Self::NAMES.map(|name| item.get(name).map_or(0, saturating)))
    }

    /// Adds `others`, up to the most that can be written.
    pub fn add(&mut self, others: &Self) {
        let (mut sums, others) = (self.numbers(), others.numbers());
        for (sum, other) in sums.iter_mut().zip(others) {
            *sum = sum.saturating_add(other);
        }
        *self = Self::of_numbers(sums);
    }

    /// The update of a row of `day`, which need not be there, by the sums. `DynamoDB`'s TTL may delete the row 400 days later.
    pub(crate) fn change(&self, change: RowChange, day: Day, update: UpdateBuilder) -> UpdateBuilder {
        let mut additions = Vec::new();
        let mut update = update
            .expression_attribute_names("#end", "expires_at")
            .expression_attribute_values(":end", number(day.plus_days(KEPT_DAYS).end().seconds()));
        for (position, (name, sum)) in Self::NAMES.into_iter().zip(self.numbers()).enumerate() {
            if sum > 0 {
                let added = match change {
                    RowChange::Plus => number(sum),
                    RowChange::Minus => AttributeValue::N(format!("-{sum}")),
                };
                additions.push(format!("#sum{position} :sum{position}"));
                update = update
                    .expression_attribute_names(format!("#sum{position}"), name)
                    .expression_attribute_values(format!(":sum{position}"), added);
            }
        }
        let additions = if additions.is_empty() { String::new() } else { format!(" ADD {}", additions.join(", ")) };
        update.update_expression(format!("SET #end = :end{additions}"))
    }

    /// The sums, in the order of [`UsageSums::NAMES`].
    #[must_use]
    pub fn numbers(&self) -> [u64; 8] {
        [
            self.requests,
            self.input_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.images,
            self.credits,
        ]
    }

    fn of_numbers(numbers: [u64; 8]) -> Self {
        let [
            requests,
            input_tokens,
            cached_input_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            images,
            credits,
        ] = numbers;
        Self {
            requests,
            input_tokens,
            cached_input_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            images,
            credits,
        }
    }
}

/// A number of the table, which may have 38 digits.
fn saturating(value: &AttributeValue) -> u64 {
    let number = value.as_n().ok().and_then(|digits| digits.parse::<u128>().ok());
    number.map_or(0, |number| u64::try_from(number).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::{Clock, Timestamp};

    #[test]
    fn a_place_is_read_from_its_own_key_whatever_the_model_is_called() {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        let day = Day::of(clock.now());
        for api_key in [None, Some(ApiKeyId::new(&clock))] {
            for model in ["", "a#b#-", "gpt"] {
                let place = UsagePlace { day, api_key, model: model.to_owned() };
                let item = place.key(UserId::new(&clock)).into_item();
                assert_eq!(UsagePlace::of(&item), Some(place));
            }
        }
        for sort in ["USAGE#", "USAGE#2027-01-15#x#model", "USAGE#2027-01-15#-", "ENTRY#2027-01-15#-#m"] {
            assert_eq!(UsagePlace::of(&Key::new("USER#", sort).into_item()), None, "{sort}");
        }
    }

    #[test]
    fn sums_stay_at_the_most_that_can_be_written() {
        let mut sums = UsageSums::of_chat(&Usage::counted(u64::MAX, 1), 2);
        sums.add(&UsageSums::of_chat(&Usage::counted(1, 1), 3));
        assert_eq!((sums.requests, sums.input_tokens, sums.output_tokens, sums.credits), (2, u64::MAX, 2, 5));
        let digits = AttributeValue::N("36893488147419103230".to_owned());
        assert_eq!(UsageSums::of(&Item::from([("images".to_owned(), digits)])).images, u64::MAX);
    }
}
