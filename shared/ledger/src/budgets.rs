//! The credits that were held and charged with an API key in a period of its budget.
//!
//! A hold with such a key adds its amount to the period's item in the transaction that takes it from the balance, on the
//! condition that the budget is not exceeded; capture and release subtract in theirs what was not charged. So the item is the sum
//! of the charges and of the holds that are there, in every state of the table. The period is that of the hold's id, also
//! where the capture comes in the next one.

use std::collections::BTreeMap;

use domain::budget::Budget;
use domain::credits::Credits;
use domain::ids::{ApiKeyId, UserId};
use domain::time::Timestamp;
use serde::Deserialize;
use store::{StoreError, Table, from_item, sort_key_of};

use crate::account::Account;
use crate::budget_place::PREFIX;
use crate::holds::{Hold, Holds};

pub use crate::budget_place::{BudgetPlace, end_of_total};

/// The item of a budget in one period.
#[derive(Debug, Deserialize)]
pub(crate) struct BudgetItem {
    /// The credits held and charged. They are no [`Credits`], whose bound is that of one account at one time. They are less than
    /// none where the item went when its time was over, and holds of before were released afterwards.
    #[serde(default)]
    spent: i64,
}

impl BudgetItem {
    fn spent(self) -> u64 {
        u64::try_from(self.spent).unwrap_or(0)
    }
}

/// A budget's item as it was seen for a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenBudget {
    place: BudgetPlace,
    spent: u64,
}

impl SeenBudget {
    /// The budget at `place`, whose item was `found`.
    pub(crate) fn new(place: BudgetPlace, found: Option<BudgetItem>) -> Self {
        Self { place, spent: found.map_or(0, BudgetItem::spent) }
    }
}

/// A key's budget in one period, and the credits spent of it. An item that was not seen counts as unspent: the hold's
/// condition sees it.
#[derive(Clone, Copy, Debug)]
pub struct KeyBudget {
    pub(crate) place: BudgetPlace,
    pub(crate) limit: Credits,
    /// The credits held and charged, those of expired holds included.
    occupied: u64,
    /// The credits of expired holds, which can be spent again.
    returning: Credits,
}

impl KeyBudget {
    /// The budget of the API key `key` in the period of `moment`, beside the holds of `account` at `now`.
    pub(crate) fn new(
        key: ApiKeyId,
        budget: Budget,
        seen: Option<SeenBudget>,
        account: &Account,
        moment: Timestamp,
        now: Timestamp,
    ) -> Self {
        let place = BudgetPlace::at(key, budget, moment);
        let occupied = seen.filter(|seen| seen.place == place).map_or(0, |seen| seen.spent);
        Self { place, limit: budget.credits, occupied, returning: expired_at(place, &account.holds, now) }
    }

    /// The credits spent, messages in flight included.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.occupied.saturating_sub(self.returning.into())
    }

    /// The credits that can still be spent in the period.
    #[must_use]
    pub fn remaining(&self) -> Credits {
        remaining(self.limit, self.spent())
    }

    /// The credits that can be held before expired holds are released.
    pub(crate) fn available(&self) -> Credits {
        remaining(self.limit, self.occupied)
    }

    /// The moment at which the budget begins anew, if it ever does.
    #[must_use]
    pub fn renews_at(&self) -> Option<Timestamp> {
        self.place.period_end()
    }
}

fn remaining(limit: Credits, spent: u64) -> Credits {
    limit.saturating_minus(Credits::new(spent).unwrap_or(Credits::MAX))
}

/// The credits of the expired holds that were held at `place`.
fn expired_at(place: BudgetPlace, holds: &Holds, now: Timestamp) -> Credits {
    let is_meant = |hold: &&Hold| hold.budget == Some(place) && hold.is_expired(now);
    holds.values().filter(is_meant).fold(Credits::ZERO, |sum, hold| sum.saturating_plus(hold.amount))
}

/// The items of all budgets of a user, by key and period.
#[derive(Debug, Default)]
pub struct SpentBudgets(BTreeMap<BudgetPlace, u64>);

impl SpentBudgets {
    /// Reads the items of a user, of at most some 100 bytes each.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn read(table: &Table, user_id: UserId) -> Result<Self, StoreError> {
        let mut pages = table.querying(user_id, PREFIX).into_paginator().items().send();
        let mut spent = BTreeMap::new();
        while let Some(item) = pages.try_next().await? {
            let place = sort_key_of(&item).and_then(|sort| BudgetPlace::parse(sort.strip_prefix(PREFIX)?));
            if let Some(place) = place {
                spent.insert(place, from_item::<BudgetItem>(item)?.spent());
            }
        }
        Ok(Self(spent))
    }

    /// `budget` of the API key `key` at `now`, beside the holds of `account`.
    #[must_use]
    pub fn of_key(&self, key: ApiKeyId, budget: Budget, account: &Account, now: Timestamp) -> KeyBudget {
        let place = BudgetPlace::at(key, budget, now);
        let seen = self.0.get(&place).map(|spent| SeenBudget { place, spent: *spent });
        KeyBudget::new(key, budget, seen, account, now, now)
    }
}
