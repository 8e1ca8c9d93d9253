//! What the audit reads and writes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde::Deserialize;

use crate::accounts::Status;
use crate::audit::{Audit, Progress, ScanPosition};
use crate::error::ApiError;
use crate::ids::UserId;
use crate::table::{Item, Key, from_item, unavailable};

/// An account's sums. Signed and unbounded, unlike [`crate::accounts::Account`]: the audit also reads
/// what should not be.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sums {
    pub(super) balance: i64,
    holds: HashMap<String, Held>,
    pub(super) version: u64,
    #[serde(default)]
    pub(super) status: Option<Status>,
    #[serde(default)]
    pub(super) deletion_began_at: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct Held {
    amount: i64,
}

impl Sums {
    /// Expired holds included: they are not in the balance before they are given back.
    pub(super) fn held(&self) -> i64 {
        self.holds.values().fold(0, |sum, hold| sum.saturating_add(hold.amount))
    }

    /// What the entries should come to. Sums saturate, as no sound account comes near.
    pub(super) fn total(&self) -> i64 {
        self.balance.saturating_add(self.held())
    }
}

/// An account that a scan found: whose it is, its key, and what it holds if that can be read.
pub(super) struct ScannedAccount {
    pub(super) position: ScanPosition,
    pub(super) user_id: Option<UserId>,
    pub(super) sums: Option<Sums>,
}

pub(super) struct ScanPage {
    pub(super) accounts: Vec<ScannedAccount>,
    /// Absent after the last.
    pub(super) next: Option<ScanPosition>,
}

pub(super) struct EntryPage {
    /// Nothing if an entry has no amount.
    pub(super) sum: Option<i64>,
    /// The sort key of the last entry, if there may be more.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct Amount {
    amount: i64,
}

impl Audit {
    /// The next accounts, as they were a moment ago.
    pub(super) async fn scan(&self, after: Option<ScanPosition>) -> Result<ScanPage, ApiError> {
        let answer = self
            .table
            .client()
            .scan()
            .table_name(self.table.name())
            .filter_expression("sk = :account")
            .expression_attribute_values(":account", AttributeValue::S("ACCOUNT".to_owned()))
            .projection_expression("pk, sk, balance, holds, version, #status, deletion_began_at")
            .expression_attribute_names("#status", "status")
            // It is what a projection means anyway; the function's role asks for it by name.
            .select(Select::SpecificAttributes)
            .limit(self.page_items)
            .set_exclusive_start_key(after.map(ScanPosition::into_item))
            .send()
            .await
            .map_err(unavailable)?;
        let accounts = answer.items.unwrap_or_default().into_iter().map(scanned).collect::<Result<_, _>>()?;
        let next = answer.last_evaluated_key.map(ScanPosition::of).transpose()?;
        Ok(ScanPage { accounts, next })
    }

    /// The account as it is now; nothing if it is gone.
    pub(super) async fn account(&self, user_id: UserId) -> Result<Option<Sums>, ApiError> {
        self.table.get(Key::account(user_id)).await
    }

    /// The next entries of a user, with everything that was written before if that is asked for,
    /// which costs twice as much.
    pub(super) async fn entries(
        &self,
        user_id: UserId,
        after: Option<String>,
        consistent: bool,
    ) -> Result<EntryPage, ApiError> {
        let account = ScanPosition::of_account(user_id);
        let start = after.map(|sort| ScanPosition { sort, ..account.clone() }.into_item());
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :user AND begins_with(sk, :entry)")
            .expression_attribute_values(":user", AttributeValue::S(account.partition))
            .expression_attribute_values(":entry", AttributeValue::S("ENTRY#".to_owned()))
            .projection_expression("amount")
            .limit(self.page_items)
            .consistent_read(consistent)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(unavailable)?;
        let mut amounts = answer.items.unwrap_or_default().into_iter().map(from_item::<Amount>);
        let sum = amounts.try_fold(0_i64, |sum, amount| Some(sum.saturating_add(amount.ok()?.amount)));
        let next = answer.last_evaluated_key.map(ScanPosition::of).transpose()?.map(|position| position.sort);
        Ok(EntryPage { sum, next })
    }

    pub(super) async fn keep_progress(&self, progress: &Progress) -> Result<(), ApiError> {
        let item = Key::audit_progress().with(progress)?;
        let put = self.table.client().put_item().table_name(self.table.name()).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(unavailable)
    }

    pub(super) async fn forget_progress(&self) -> Result<(), ApiError> {
        let key = Key::audit_progress().into_item();
        let delete = self.table.client().delete_item().table_name(self.table.name()).set_key(Some(key));
        delete.send().await.map(|_| ()).map_err(unavailable)
    }
}

fn scanned(item: Item) -> Result<ScannedAccount, ApiError> {
    let position = ScanPosition::of(item.clone())?;
    let user_id = position.partition.strip_prefix("USER#").and_then(|id| serde_json::from_value(id.into()).ok());
    Ok(ScannedAccount { position, user_id, sums: from_item(item).ok() })
}

impl ScanPosition {
    pub(super) fn of_account(user_id: UserId) -> Self {
        Self { partition: format!("USER#{user_id}"), sort: "ACCOUNT".to_owned() }
    }

    fn of(key: Item) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Position {
            pk: String,
            sk: String,
        }
        let Position { pk, sk } = from_item(key)?;
        Ok(Self { partition: pk, sort: sk })
    }

    fn into_item(self) -> Item {
        [("pk", self.partition), ("sk", self.sort)]
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
            .into()
    }
}
