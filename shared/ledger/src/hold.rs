//! Holding: the credits for a message are set aside before the model is asked.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::time::Timestamp;
use store::collision::repeat_collisions;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, StoreError, from_item, number};
use telemetry::metrics::{self, Metric};

use crate::account::{Account, Closed, Payer, Status};
use crate::entry::{self, Entry, StoredReply};
use crate::error::LedgerError;
use crate::holds::{expired, sums};
use crate::idempotency::{IdempotencyKey, IdempotencyRecord, Remembered};
use crate::ledger::{Held, Ledger};

pub use crate::holds::{Hold, Holds};

/// Time from the request's deadline to the hold's expiry, so that no hold expires during its capture.
const HOLD_MARGIN: Duration = Duration::from_secs(30);

/// Timeout for the release of a hold whose write got no answer. The client waits for its error meanwhile.
const UNCERTAIN_LIMIT: Duration = Duration::from_secs(1);

/// Attempts at a hold. Each round removes one obstacle that another request left behind. More obstacles in a row mean
/// that many requests use the account at once; each of them is told to come back later.
const MAX_ROUNDS: usize = 4;

/// A message to hold credits for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The user who pays.
    pub payer: Payer,
    /// The credits to hold: the highest cost of the message.
    pub amount: Credits,
    /// The fewest credits to hold, for a balance that does not cover `amount`.
    pub least: Credits,
    /// The idempotency key and the fingerprint, if a repetition must not be charged again.
    pub remembered: Option<&'a Remembered>,
    /// The time by which the message must be answered.
    pub deadline: Timestamp,
}

/// The outcome of [`Ledger::hold`].
#[derive(Debug)]
pub enum HoldOutcome {
    /// The credits are held, and the message may be answered now.
    Held(Held),
    /// The message was answered before, under the same idempotency key.
    Replay(Replay),
}

/// An answer that was given before.
#[derive(Debug)]
pub struct Replay {
    /// The message's id.
    pub id: EntryId,
    /// The user's name as they wrote it.
    pub username: String,
    /// The model's reply.
    pub reply: StoredReply,
    /// The credits that it cost.
    pub cost: Credits,
    /// The credits that can be spent now.
    pub balance: Credits,
}

/// The outcome of one write of a hold.
enum Placed {
    /// The hold was written to this account.
    Held(Account),
    /// A condition failed.
    Refused {
        /// The account, if its condition failed.
        account: Option<Account>,
        /// The record of the idempotency key, if its condition failed.
        record: Option<IdempotencyRecord>,
    },
}

/// The next step after a refused write, if the refusal is no answer to the client.
enum NextStep {
    /// Return the answer that was given before.
    Replay(EntryId),
    /// Replace an expired hold of the same key, and hold the credits that the balance then covers.
    Replace { hold: Hold, affordable: Credits },
    /// Hold fewer credits: the whole balance.
    HoldLess(Credits),
    /// Release expired holds, because their room or their credits are needed.
    ReleaseExpired(Holds),
    /// Try again, because the obstacle is gone.
    Again,
}

impl Ledger {
    /// Holds an order's credits, unless the message was answered before. Expired holds of the account are released on
    /// the way.
    ///
    /// # Errors
    /// In this order: [`LedgerError::Closed`] if the account is not open to the payer;
    /// [`LedgerError::IdempotencyMismatch`] if the key was used for another message; [`LedgerError::InProgress`] while
    /// the key's first request is being answered; [`LedgerError::TooManyHolds`] with too many messages in flight;
    /// [`LedgerError::InsufficientCredits`] if the balance does not cover the least amount.
    /// [`LedgerError::Unavailable`] if the table cannot be reached.
    pub async fn hold(&self, order: &Order<'_>) -> Result<HoldOutcome, LedgerError> {
        let mut predecessor = None;
        let mut amount = order.amount;
        for _ in 0..MAX_ROUNDS {
            let hold = self.new_hold(order, amount);
            let (account, record) = match self.place_hold(order, &hold, predecessor.as_ref()).await? {
                Placed::Held(account) => {
                    if let Some(predecessor) = predecessor {
                        metrics::emit(&[Metric::CreditsReleased(predecessor.amount)]);
                    }
                    return Ok(HoldOutcome::Held(self.held(order, &hold, account).await));
                }
                Placed::Refused { account, record } => (account, record),
            };
            (predecessor, amount) = match self.judge(order, account, record)? {
                NextStep::Replay(entry_id) => return self.replay(order, entry_id).await.map(HoldOutcome::Replay),
                NextStep::Replace { hold, affordable } => (Some(hold), affordable),
                NextStep::HoldLess(affordable) => (None, affordable),
                NextStep::ReleaseExpired(expired) => {
                    self.release_expired(order.payer.user_id(), &expired, order.deadline).await?;
                    (None, order.amount)
                }
                NextStep::Again => (None, order.amount),
            };
        }
        Err(LedgerError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    fn new_hold(&self, order: &Order<'_>, amount: Credits) -> Hold {
        Hold {
            id: EntryId::new(&self.clock),
            amount,
            expires_at: order.deadline.plus(HOLD_MARGIN).seconds(),
            fingerprint: order.remembered.map(|remembered| remembered.fingerprint.clone()),
        }
    }

    async fn place_hold(
        &self,
        order: &Order<'_>,
        hold: &Hold,
        predecessor: Option<&Hold>,
    ) -> Result<Placed, LedgerError> {
        let update = self.hold_update(order, hold, predecessor)?;
        let placed = match order.remembered {
            None => self.hold_alone(order, hold, update).await?,
            Some(remembered) => self.hold_with_key(order, &remembered.key, hold, update).await?,
        };
        Ok(match placed {
            // An earlier attempt, whose answer was lost, wrote the hold.
            Placed::Refused { account: Some(account), .. } if account.holds.values().any(|held| held.id == hold.id) => {
                Placed::Held(account)
            }
            placed => placed,
        })
    }

    /// Without an idempotency key, one conditional update is enough.
    async fn hold_alone(&self, order: &Order<'_>, hold: &Hold, update: Update) -> Result<Placed, LedgerError> {
        let request = self
            .table
            .client()
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match repeat_collisions(&self.clock, order.deadline, || request.clone().send()).await {
            Ok(answer) => Ok(Placed::Held(from_item(answer.attributes.unwrap_or_default())?)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Placed::Refused { account: Some(account_of(failed.item())?), record: None })
                }
                _ => Err(self.uncertain(order, hold, error.into()).await.into()),
            },
        }
    }

    /// Releases a hold whose write got no answer, because it may be there. If the release fails too, the user gets the
    /// credits back when the hold expires.
    async fn uncertain(&self, order: &Order<'_>, hold: &Hold, error: StoreError) -> StoreError {
        let place = place(order, hold);
        let released = self.release_hold(order.payer.user_id(), &place, hold, order.deadline);
        if !matches!(tokio::time::timeout(UNCERTAIN_LIMIT, released).await, Ok(Ok(()))) {
            tracing::warn!(hold = %hold.id, "a hold may be left to expire");
        }
        error
    }

    /// With an idempotency key, a transaction also checks that no request with the key was answered.
    async fn hold_with_key(
        &self,
        order: &Order<'_>,
        key: &IdempotencyKey,
        hold: &Hold,
        update: Update,
    ) -> Result<Placed, LedgerError> {
        let user_id = order.payer.user_id();
        let items = vec![TransactWriteItem::builder().update(update).build(), self.check_no_record(user_id, key)?];
        let Err(error) = self.table.transact(&format!("hold-{}", hold.id), items, &self.clock, order.deadline).await
        else {
            // A transaction returns no items, so name and balance are read afterwards.
            return match self.table.get(Account::key(user_id)).await {
                Ok(account) => Ok(Placed::Held(account.ok_or(Closed::Gone)?)),
                Err(error) => Err(self.uncertain(order, hold, error).await.into()),
            };
        };
        let Some([account, record]) = cancellation_reasons(&error) else {
            return Err(self.uncertain(order, hold, error.into()).await.into());
        };
        if !condition_failed(account) && !condition_failed(record) {
            return Err(StoreError::from(error).into());
        }
        let item_of = |reason: &CancellationReason| reason.item().cloned().map(from_item).transpose();
        Ok(Placed::Refused {
            account: condition_failed(account).then(|| account_of(account.item())).transpose()?,
            record: if condition_failed(record) { item_of(record)? } else { None },
        })
    }

    fn hold_update(&self, order: &Order<'_>, hold: &Hold, predecessor: Option<&Hold>) -> Result<Update, StoreError> {
        let value = serde_dynamo::to_attribute_value(hold).map_err(StoreError::from)?;
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Account::key(order.payer.user_id()).into_item()))
            .update_expression("SET balance = balance - :taken, holds.#place = :hold, version = version + :one")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#epoch", order.payer.epoch().attribute())
            .expression_attribute_names("#place", place(order, hold))
            .expression_attribute_values(":hold", value)
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":active", Status::Active.attribute_value())
            .expression_attribute_values(":epoch", number(order.payer.epoch().number()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match predecessor {
            None => update
                .condition_expression(format!("{OPEN} AND attribute_not_exists(holds.#place) AND size(holds) < :max"))
                .expression_attribute_values(":max", number(self.max_holds))
                .expression_attribute_values(":taken", number(hold.amount)),
            // The predecessor's credits pay first, so the difference may be negative.
            Some(predecessor) => update
                .condition_expression(format!("{OPEN} AND holds.#place.id = :predecessor"))
                .expression_attribute_values(":predecessor", AttributeValue::S(predecessor.id.to_string()))
                .expression_attribute_values(
                    ":taken",
                    AttributeValue::N((hold.amount.gained() - predecessor.amount.gained()).to_string()),
                ),
        };
        Ok(update.build()?)
    }

    fn check_no_record(&self, user_id: UserId, key: &IdempotencyKey) -> Result<TransactWriteItem, StoreError> {
        transaction::check(
            self.table
                .checking(IdempotencyRecord::key(user_id, key))
                .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                .expression_attribute_values(":now", number(self.clock.now().seconds())),
        )
    }

    /// The error for the client, or the next step.
    fn judge(
        &self,
        order: &Order<'_>,
        account: Option<Account>,
        record: Option<IdempotencyRecord>,
    ) -> Result<NextStep, LedgerError> {
        let now = self.clock.now();
        if let Some(account) = &account {
            account.admit(order.payer.epoch())?;
        }
        if let Some(record) = record.filter(|record| record.is_live(now)) {
            return if order.remembered.is_some_and(|remembered| remembered.fingerprint == record.fingerprint) {
                Ok(NextStep::Replay(record.entry_id))
            } else {
                Err(LedgerError::IdempotencyMismatch)
            };
        }
        let Some(account) = account else { return Ok(NextStep::Again) };
        if let Some(remembered) = order.remembered
            && let Some(hold) = account.holds.get(remembered.key.digest())
        {
            if !hold.is_expired(now) {
                let is_same = hold.fingerprint.as_ref() == Some(&remembered.fingerprint);
                return Err(if is_same { LedgerError::InProgress } else { LedgerError::IdempotencyMismatch });
            }
            let affordable = account.balance.saturating_plus(hold.amount).min(order.amount);
            if affordable >= order.least {
                return Ok(NextStep::Replace { hold: hold.clone(), affordable });
            }
        }
        self.judge_room_and_balance(order, account, now)
    }

    fn judge_room_and_balance(
        &self,
        order: &Order<'_>,
        account: Account,
        now: Timestamp,
    ) -> Result<NextStep, LedgerError> {
        let (returning, _) = sums(&account.holds, now);
        let balance = account.balance.saturating_plus(returning);
        let is_full = account.holds.len() >= self.max_holds as usize;
        let is_short = account.balance < order.amount;
        let expired = expired(account.holds, now);
        if is_full && expired.is_empty() {
            return Err(LedgerError::TooManyHolds);
        }
        if is_short && balance < order.least {
            return Err(LedgerError::InsufficientCredits { balance, cost: order.least });
        }
        Ok(match (is_full, is_short) {
            (false, false) => NextStep::Again,
            (false, true) if expired.is_empty() => NextStep::HoldLess(balance),
            _ => NextStep::ReleaseExpired(expired),
        })
    }

    /// The hold as the caller sees it. Expired holds that are still in the account are released.
    async fn held(&self, order: &Order<'_>, hold: &Hold, account: Account) -> Held {
        let now = self.clock.now();
        let (returning, _) = sums(&account.holds, now);
        let expired = expired(account.holds, now);
        if let Err(error) = self.release_expired(order.payer.user_id(), &expired, order.deadline).await {
            // The next hold tries again. Meanwhile the balance counts their credits as spendable.
            tracing::warn!(cause = error.cause(), "expired holds could not be released");
        }
        Held {
            id: hold.id,
            user_id: order.payer.user_id(),
            username: account.username,
            amount: hold.amount,
            balance: account.balance.saturating_plus(returning),
            place: place(order, hold),
            remembered: order.remembered.cloned(),
            deadline: order.deadline,
        }
    }

    /// Reads the answer that was given before, with the account as it is now.
    async fn replay(&self, order: &Order<'_>, id: EntryId) -> Result<Replay, LedgerError> {
        let user_id = order.payer.user_id();
        let [account, entry] = self.table.get_both([Account::key(user_id), entry::key(user_id, id)]).await?;
        let account = Account::admitted(account.map(from_item).transpose()?, order.payer)?;
        let gone = || LedgerError::Internal(Cause::because("an idempotency record names no entry with a reply"));
        let entry: Entry = from_item(entry.ok_or_else(gone)?)?;
        let (returning, _) = sums(&account.holds, self.clock.now());
        Ok(Replay {
            id,
            username: account.username,
            cost: Credits::new(entry.amount.unsigned_abs()).map_err(|_| gone())?,
            reply: entry.into_reply().ok_or_else(gone)?,
            balance: account.balance.saturating_plus(returning),
        })
    }
}

/// Condition: the account is open to the payer, and its balance covers the hold.
const OPEN: &str = "#status = :active AND #epoch = :epoch AND balance >= :taken";

fn place(order: &Order<'_>, hold: &Hold) -> String {
    order.remembered.map_or_else(|| hold.id.to_string(), |remembered| remembered.key.digest().to_owned())
}

fn account_of(item: Option<&Item>) -> Result<Account, LedgerError> {
    Ok(from_item(item.cloned().ok_or(Closed::Gone)?)?)
}
