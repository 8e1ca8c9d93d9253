//! Releasing: the credits of a hold return to the balance.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::credits::Credits;
use domain::ids::{EntryId, TokenId, UserId};
use domain::time::Timestamp;
use store::collision::repeat_collisions;
use store::transaction::{cancellation_reasons, condition_failed};
use store::{StoreError, number};
use telemetry::metrics::{self, Metric};

use crate::account::Account;
use crate::budget_place::BudgetPlace;
use crate::entry::{self, Entry, EntryKind};
use crate::holds::{Hold, Holds};
use crate::ledger::{Held, Ledger};

/// Removes the hold and returns its credits: all of them, or those that a capture does not charge.
pub(crate) const RETURN_CREDITS: &str = "balance = balance + :returned, version = version + :one";
/// Condition: the hold at this place is the one of this message. The hold of another message may have taken the place.
/// Without the account there is no hold.
pub(crate) const HOLD_IS_OURS: &str = "holds.#place.id = :id";

/// Time for which a release is tried. Longer makes the caller wait for nothing: the hold expires by itself.
const RELEASE_PATIENCE: Duration = Duration::from_secs(3);

/// Whether a release counts as unpaid work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// No model has worked for the message.
    None,
    /// A model may have worked for the message, and nobody pays.
    Unpaid,
}

/// The outcome of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// The hold was there, and its credits are back.
    Now,
    /// The hold was not there: it was released or captured before, perhaps by an earlier attempt of this release.
    Before,
}

impl Ledger {
    /// Releases the hold of a message that no model has worked for: it was turned away. If the table cannot be reached,
    /// the hold expires by itself. Nothing is charged either way.
    pub async fn release(&self, held: &Held) {
        self.release_own(held, Work::None).await;
    }

    /// Releases the hold of a message that a model may have worked for, without a reply, and counts it as unpaid work:
    /// an account may have only so much of it in an hour. Work of a `provider` that fails for several accounts is not
    /// counted, so that an outage locks nobody out.
    pub async fn release_unpaid(&self, held: &Held, provider: &str) {
        let is_outage = self.is_outage(held, provider).await;
        self.release_own(held, if is_outage { Work::None } else { Work::Unpaid }).await;
    }

    pub(crate) async fn release_own(&self, held: &Held, work: Work) {
        let Held { id, amount, budget, .. } = *held;
        let hold = Hold { id, amount, expires_at: 0, fingerprint: None, budget };
        let until = held.deadline.min(self.clock.now().plus(RELEASE_PATIENCE));
        match self.release_hold(held.user_id, &held.place, &hold, work, until).await {
            Ok(Released::Now) if work == Work::None => {
                self.memory.end_hold(held.user_id, &held.place, held.id, held.amount);
            }
            // Unpaid work has a limit, which the account as it is has to say.
            Ok(_) => self.memory.forget(held.user_id),
            Err(error) => {
                self.memory.forget(held.user_id);
                tracing::warn!(cause = error.cause(), "a hold is left to expire");
            }
        }
    }

    /// Releases holds of `account` that have expired, and deletes their texts, until `until`. A process that never ended
    /// may have had a model at work, so the holds that expired in the account's current hour count as unpaid work.
    pub(crate) async fn release_expired(
        &self,
        user_id: UserId,
        account: &Account,
        expired: &Holds,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let hourly = account.hourly.at(self.clock.now());
        for (place, hold) in expired {
            tracing::info!(hold = %hold.id, "releasing an expired hold");
            let is_charged = self.is_charged(user_id, hold.id).await?;
            let is_unpaid = !is_charged && hourly.includes(hold.expiry());
            let work = if is_unpaid { Work::Unpaid } else { Work::None };
            match self.release_hold(user_id, place, hold, work, until).await? {
                Released::Now if is_charged => {}
                Released::Now => self.delete_text(user_id, hold.id).await,
                Released::Before => self.delete_text_unless_charged(user_id, hold.id).await,
            }
        }
        Ok(())
    }

    /// Whether the message of a hold was charged although the hold is there: a late repetition of the hold's write may
    /// have put it back after the capture.
    async fn is_charged(&self, user_id: UserId, id: EntryId) -> Result<bool, StoreError> {
        let entry: Option<Entry> = self.table.get(entry::key(user_id, id)).await?;
        Ok(entry.is_some_and(|entry| entry.kind == EntryKind::Chat))
    }

    /// Deletes the text of a hold that is gone, unless its message was charged.
    pub(crate) async fn delete_text_unless_charged(&self, user_id: UserId, id: EntryId) {
        match self.is_charged(user_id, id).await {
            Ok(true) => {}
            Ok(false) => self.delete_text(user_id, id).await,
            Err(error) => tracing::warn!(hold = %id, cause = error.cause(), "a text that nobody reads may stay"),
        }
    }

    /// Releases a hold for which no model was asked.
    pub(crate) async fn give_back(&self, user_id: UserId, place: &str, hold: &Hold) -> Result<Released, StoreError> {
        let until = self.clock.now().plus(RELEASE_PATIENCE);
        self.release_hold(user_id, place, hold, Work::None, until).await
    }

    /// Releases `hold` if it is still at its place.
    pub(crate) async fn release_hold(
        &self,
        user_id: UserId,
        place: &str,
        hold: &Hold,
        work: Work,
        until: Timestamp,
    ) -> Result<Released, StoreError> {
        let count = match work {
            Work::None => "",
            Work::Unpaid => ", hourly.unpaid = hourly.unpaid + :one",
        };
        let update = self
            .table
            .updating(Account::key(user_id))
            .update_expression(format!("SET {RETURN_CREDITS}{count} REMOVE holds.#place"))
            .condition_expression(HOLD_IS_OURS)
            .expression_attribute_names("#place", place)
            .expression_attribute_values(":id", AttributeValue::S(hold.id.to_string()))
            .expression_attribute_values(":returned", number(hold.amount))
            .expression_attribute_values(":one", number(1_u64))
            .build()?;
        let released = match hold.budget {
            None => self.release_alone(update, until).await?,
            Some(budget) => self.release_together(user_id, update, budget, hold.amount, until).await?,
        };
        if released == Released::Now {
            metrics::emit(&[Metric::CreditsReleased(hold.amount)]);
        }
        Ok(released)
    }

    async fn release_alone(&self, update: Update, until: Timestamp) -> Result<Released, StoreError> {
        let request = self.table.update_alone(update);
        match repeat_collisions(&self.clock, until, || request.clone().send()).await {
            Ok(_) => Ok(Released::Now),
            Err(error) if is_condition(&error) => Ok(Released::Before),
            Err(error) => Err(error.into()),
        }
    }

    /// Releases a hold that took from a budget too, in one transaction. The condition on the hold alone says whether that was
    /// done before. Each call has a token of its own, since one hold may be released in different words: of its own process,
    /// or as one that has expired.
    async fn release_together(
        &self,
        user_id: UserId,
        update: Update,
        budget: BudgetPlace,
        amount: Credits,
        until: Timestamp,
    ) -> Result<Released, StoreError> {
        let items = vec![
            TransactWriteItem::builder().update(update).build(),
            budget.give_back(&self.table, user_id, amount, amount, self.clock.now())?,
        ];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, until).await else { return Ok(Released::Now) };
        match cancellation_reasons(&error) {
            Some([account, ..]) if condition_failed(account) => Ok(Released::Before),
            _ => Err(error.into()),
        }
    }
}

/// Whether an update was refused because its condition failed.
pub(crate) fn is_condition(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_)))
}
