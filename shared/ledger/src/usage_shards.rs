//! The sums of all accounts: what the chats of a day took, by model.
//!
//! Whoever adds chats to the [rows](crate::usage_sums) of an account adds them here, and whoever throws rows away takes them back
//! here, in the same transaction. So the sums of all are those of the rows, and of the rows of accounts that were deleted.
//! Accounts share these items. Each day and model has 32 of them, and an account adds to one alone: steps of two accounts seldom
//! meet.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::calendar::Day;
use domain::ids::UserId;
use store::{Item, Key, StoreError, Table, sort_key_of, transaction};

use crate::usage_sums::{RowChange, UsagePlace, UsageSums};

/// The partition of all shards.
pub(crate) const PARTITION: &str = "USAGE";

/// The part of a day's sums of a model that some accounts add to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct UsageShard {
    day: Day,
    model: String,
    /// The last character of the ids of its users, which is one of 32.
    shard: char,
}

impl UsageShard {
    fn of(place: &UsagePlace, user_id: UserId) -> Self {
        let shard = user_id.to_string().chars().next_back().unwrap_or_default();
        Self { day: place.day, model: place.model.clone(), shard }
    }

    fn key(&self) -> Key {
        Key::new(PARTITION, format!("{}#{}#{}", self.day, self.model, self.shard))
    }
}

/// The place of the sums that a shard was read with. A model's name may have any character.
pub(crate) fn place_of(item: &Item) -> Option<UsagePlace> {
    let (day, rest) = sort_key_of(item)?.split_once('#')?;
    let (model, _) = rest.rsplit_once('#')?;
    Some(UsagePlace { day: Day::parse(day).ok()?, api_key: None, model: model.to_owned() })
}

/// The parts of a transaction that change the sums of all as it changes the `rows` of a user: at most as many as there are rows.
pub(crate) fn parts<'a>(
    rows: impl IntoIterator<Item = (&'a UsagePlace, &'a UsageSums)>,
    change: RowChange,
    user_id: UserId,
    table: &Table,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let mut shards: BTreeMap<UsageShard, UsageSums> = BTreeMap::new();
    for (place, sums) in rows {
        shards.entry(UsageShard::of(place, user_id)).or_default().add(sums);
    }
    let update = |(shard, sums): (&UsageShard, &UsageSums)| {
        transaction::update(sums.change(change, shard.day, table.updating(shard.key())))
    };
    shards.iter().map(update).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::{Clock, Timestamp};

    #[test]
    fn a_shard_is_read_from_its_own_key_whatever_the_model_is_called() {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        for model in ["", "a#b#-", "gpt"] {
            let place = UsagePlace { day: Day::of(clock.now()), api_key: None, model: model.to_owned() };
            let shard = UsageShard::of(&place, UserId::new(&clock));
            assert_eq!(place_of(&shard.key().into_item()), Some(place));
        }
        for sort in ["", "2027-01-15", "2027-01-15#model", "x#model#0"] {
            assert_eq!(place_of(&Key::new(PARTITION, sort).into_item()), None, "{sort}");
        }
    }
}
