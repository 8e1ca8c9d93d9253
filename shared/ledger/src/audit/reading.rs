//! The audit's reads of accounts and entries.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use domain::ids::UserId;
use serde::Deserialize;
use store::{Item, StoreError, Table, from_item};

use crate::account::{Account, Status};
use crate::audit::position::ScanPosition;
use crate::audit::tombstone::Tombstone;
use crate::entry;

/// An account's amounts. They are signed and unbounded, unlike those of [`Account`], because the audit also reads
/// accounts that are wrong.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sums {
    pub(super) balance: i64,
    holds: HashMap<String, HeldAmount>,
    pub(super) version: u64,
    #[serde(default)]
    pub(super) status: Option<Status>,
    #[serde(default)]
    pub(super) deletion_began_at: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct HeldAmount {
    amount: i64,
}

impl Sums {
    pub(super) fn is_being_deleted(&self) -> bool {
        self.status == Some(Status::Deleting)
    }

    /// The sum of all holds. Expired ones count: their credits are not in the balance before they are released.
    pub(super) fn held(&self) -> i64 {
        self.holds.values().fold(0, |sum, hold| sum.saturating_add(hold.amount))
    }

    /// The sum that the entries should have. It saturates: no sound account comes near the limit.
    pub(super) fn total(&self) -> i64 {
        self.balance.saturating_add(self.held())
    }
}

/// An item that a scan found. A user id that cannot be read is `None`.
pub(super) struct ScannedItem {
    pub(super) position: ScanPosition,
    pub(super) user_id: Option<UserId>,
    pub(super) kind: ScannedKind,
}

/// The kind of a [`ScannedItem`], with what the audit reads of it: `None` if it cannot be read.
pub(super) enum ScannedKind {
    Account(Option<Sums>),
    Tombstone(Option<Tombstone>),
}

pub(super) struct ScanPage {
    pub(super) items: Vec<ScannedItem>,
    /// Absent after the last page.
    pub(super) next: Option<ScanPosition>,
}

pub(super) struct EntryPage {
    /// `None` if an entry has no amount.
    pub(super) sum: Option<i64>,
    /// The sort key of the last entry, if more may follow.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct Amount {
    amount: i64,
}

/// Reads accounts and entries, page by page.
#[derive(Clone, Debug)]
pub(super) struct AuditReader {
    pub(super) table: Table,
    pub(super) page_items: i32,
}

impl AuditReader {
    /// The next accounts and tombstones. The read may be a moment old.
    pub(super) async fn scan(&self, after: Option<ScanPosition>) -> Result<ScanPage, StoreError> {
        let answer = self
            .table
            .client()
            .scan()
            .table_name(self.table.name())
            .filter_expression("sk = :account OR sk = :tombstone")
            .expression_attribute_values(":account", AttributeValue::S(Account::SORT_KEY.to_owned()))
            .expression_attribute_values(":tombstone", AttributeValue::S(Tombstone::SORT_KEY.to_owned()))
            .projection_expression("pk, sk, balance, holds, version, #status, deletion_began_at, deleted_at")
            .expression_attribute_names("#status", "status")
            // A projection implies it, but the function's role requires it by name.
            .select(Select::SpecificAttributes)
            .limit(self.page_items)
            .set_exclusive_start_key(after.map(ScanPosition::into_item))
            .send()
            .await?;
        let items = answer.items.unwrap_or_default().into_iter().map(scanned).collect::<Result<_, _>>()?;
        let next = answer.last_evaluated_key.map(ScanPosition::of).transpose()?;
        Ok(ScanPage { items, next })
    }

    /// The account as it is now; `None` if it is gone.
    pub(super) async fn account(&self, user_id: UserId) -> Result<Option<Sums>, StoreError> {
        self.table.get(Account::key(user_id)).await
    }

    /// The next entries of a user. A `consistent` read sees all earlier writes and costs twice as much.
    pub(super) async fn entries(
        &self,
        user_id: UserId,
        after: Option<String>,
        consistent: bool,
    ) -> Result<EntryPage, StoreError> {
        let account = ScanPosition::of_account(user_id);
        let start = after.map(|sort| ScanPosition { sort, ..account.clone() }.into_item());
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :user AND begins_with(sk, :entry)")
            .expression_attribute_values(":user", AttributeValue::S(account.partition))
            .expression_attribute_values(":entry", AttributeValue::S(entry::SORT_KEY_PREFIX.to_owned()))
            .projection_expression("amount")
            .limit(self.page_items)
            .consistent_read(consistent)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        let mut amounts = answer.items.unwrap_or_default().into_iter().map(from_item::<Amount>);
        let sum = amounts.try_fold(0_i64, |sum, amount| Some(sum.saturating_add(amount.ok()?.amount)));
        let next = answer.last_evaluated_key.map(ScanPosition::of).transpose()?.map(|position| position.sort);
        Ok(EntryPage { sum, next })
    }
}

fn scanned(item: Item) -> Result<ScannedItem, StoreError> {
    let position = ScanPosition::of(item.clone())?;
    let user_id = position.partition.strip_prefix("USER#").and_then(|id| serde_json::from_value(id.into()).ok());
    let kind = if position.sort == Tombstone::SORT_KEY {
        ScannedKind::Tombstone(from_item(item).ok())
    } else {
        ScannedKind::Account(from_item(item).ok())
    };
    Ok(ScannedItem { position, user_id, kind })
}
