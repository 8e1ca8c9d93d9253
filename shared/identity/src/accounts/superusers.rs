//! The number of superusers: of accounts that are staff and active.
//!
//! Whoever changes that of an account changes the number in the same transaction. So the last one cannot go, however many
//! requests try at once: they meet in the one item.

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::{Deserialize, Serialize};
use store::{Key, StoreError, Table, number, transaction};

/// The item with the number. Without it there never was a superuser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuperuserCount {
    /// The accounts that are staff and active.
    pub active: u64,
}

/// A change of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountChange {
    /// An account becomes an active superuser.
    Plus,
    /// An account ceases to be one, and another one stays.
    MinusButTheLast,
    /// An account ceases to be one, whether another one stays or not: an operator can promote somebody at any time.
    Minus,
}

impl SuperuserCount {
    /// The key of the item.
    #[must_use]
    pub fn key() -> Key {
        Key::new("STAFF", "STAFF")
    }
}

impl CountChange {
    /// The part of a transaction that makes the change.
    pub(crate) fn part(self, table: &Table) -> Result<TransactWriteItem, StoreError> {
        let update = table.updating(SuperuserCount::key()).expression_attribute_values(":one", number(1_u64));
        transaction::update(match self {
            Self::Plus => update.update_expression("ADD active :one"),
            Self::MinusButTheLast => {
                update.update_expression("SET active = active - :one").condition_expression("active > :one")
            }
            Self::Minus => {
                update.update_expression("SET active = active - :one").condition_expression("active >= :one")
            }
        })
    }
}
