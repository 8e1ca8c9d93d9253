//! Crediting: an amount that nobody pays for changes a balance, on the condition that the account is as it was read.
//!
//! Grants and vouchers are made of it: so the seal is looked at in one place.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::time::Clock;
use store::{StoreError, Table, number};

use crate::account::Account;
use crate::entry::{self, Entry, EntrySource};
use crate::sealing::ABOVE_SEAL;

/// The reason why an amount cannot be credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfBounds {
    /// The account has less than is taken back.
    BelowZero {
        /// The credits that can be spent.
        balance: Credits,
    },
    /// The account would have more than [`Credits::MAX`].
    AboveMost {
        /// The credits of the account, including held ones.
        owned: Credits,
    },
}

/// A change of the balance of an account that was read: its entry, and the balance after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crediting<'a> {
    pub(crate) user_id: UserId,
    account: &'a Account,
    /// The signed amount.
    pub(crate) amount: i64,
    /// The entry, above the seal of the account.
    pub(crate) entry_id: EntryId,
    /// The balance after the change.
    pub(crate) balance: Credits,
}

impl<'a> Crediting<'a> {
    /// The change of `account` by `amount`. Where credits are taken back, expired holds were released before.
    ///
    /// # Errors
    /// [`OutOfBounds`] if the balance would fall below zero, or exceed [`Credits::MAX`] together with the holds, which a
    /// release may return to it.
    pub(crate) fn of(user_id: UserId, account: &'a Account, amount: i64, clock: &Clock) -> Result<Self, OutOfBounds> {
        let balance = balance_after(account, amount)?;
        Ok(Self { user_id, account, amount, entry_id: EntryId::above(account.sealed_to, clock), balance })
    }

    /// The update of the account. Its condition is that balance and holds are still those from which the balance was
    /// computed, whose changes `version` counts, and that of `further`, which is empty or begins with `AND`. It also fails
    /// without the account, and if the account was sealed beyond the entry meanwhile: the next round takes another id.
    pub(crate) fn update(&self, table: &Table, further: &str) -> UpdateBuilder {
        table
            .updating(Account::key(self.user_id))
            .update_expression("SET balance = :after, version = version + :one")
            .condition_expression(format!("version = :version AND balance = :before AND {ABOVE_SEAL} {further}"))
            .expression_attribute_values(":before", number(self.account.balance))
            .expression_attribute_values(":after", number(self.balance))
            .expression_attribute_values(":entry", AttributeValue::S(self.entry_id.to_string()))
            .expression_attribute_values(":version", number(self.account.version))
            .expression_attribute_values(":one", number(1_u64))
    }

    /// The part of the transaction that puts the entry.
    pub(crate) fn entry(
        &self,
        table: &Table,
        source: EntrySource,
        clock: &Clock,
    ) -> Result<TransactWriteItem, StoreError> {
        let entry = Entry::credited(self.amount, source, clock.now().to_string());
        table.put_new(entry::key(self.user_id, self.entry_id).with(&entry)?)
    }
}

fn balance_after(account: &Account, amount: i64) -> Result<Credits, OutOfBounds> {
    let before = account.balance.gained();
    let held: i64 = account.holds.values().map(|hold| hold.amount.gained()).sum();
    let owned = before.saturating_add(held);
    if amount > 0 && owned.saturating_add(amount) > Credits::MAX.gained() {
        return Err(OutOfBounds::AboveMost { owned: account.balance.saturating_plus(credits(held)) });
    }
    u64::try_from(before.saturating_add(amount))
        .ok()
        .and_then(|balance| Credits::new(balance).ok())
        .ok_or(OutOfBounds::BelowZero { balance: account.balance })
}

fn credits(amount: i64) -> Credits {
    Credits::new(amount.unsigned_abs()).unwrap_or(Credits::MAX)
}
