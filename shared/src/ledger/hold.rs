//! Setting credits aside.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, Status};
use crate::callers::Caller;
use crate::credits::Credits;
use crate::error::{ApiError, Cause};
use crate::ids::{EntryId, UserId};
use crate::ledger::idempotency::Record;
use crate::ledger::{Entry, Fingerprint, Held, IdempotencyKey, Ledger, Remembered, StoredReply};
use crate::metrics::{self, Metric};
use crate::table::{
    Item, Key, cancellation_reasons, condition_failed, from_item, number, repeat_collisions, unavailable,
};
use crate::time::Timestamp;

/// A hold outlives its request's deadline by this much, so that none expires under a capture.
const HOLD_MARGIN: Duration = Duration::from_secs(30);

/// A client that waits for its 503 is not kept waiting for more than this.
const UNCERTAIN_LIMIT: Duration = Duration::from_secs(1);

/// Each round removes one obstacle that another request left behind. More than a few in a row
/// means that many are at the same account, and each of them will be told to come back.
const MAX_ROUNDS: usize = 4;

/// Credits set aside: a value in the account's map of holds. With an idempotency key its place in
/// the map is the key's digest, so that a key has one hold; else it is the message's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The message's id. Capture and release require it, not only its place.
    pub id: EntryId,
    /// How much is set aside.
    pub amount: Credits,
    /// When it is void, in seconds since the Unix epoch.
    pub expires_at: u64,
    /// With an idempotency key: what was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

impl Hold {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.seconds()
    }
}

/// An account's holds, by their places; in order, so that a simulation can be repeated.
pub type Holds = BTreeMap<String, Hold>;

/// The sum of the holds that have expired by `now`, and of those that have not.
#[must_use]
pub(crate) fn sums(holds: &Holds, now: Timestamp) -> (Credits, Credits) {
    let sum = |expired: bool| {
        let holds = holds.values().filter(|hold| hold.is_expired(now) == expired);
        holds.fold(Credits::ZERO, |sum, hold| sum.saturating_plus(hold.amount))
    };
    (sum(true), sum(false))
}

/// A message that wants to be paid for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Who pays.
    pub caller: &'a Caller,
    /// The most that it can cost: what is set aside.
    pub amount: Credits,
    /// What is set aside instead, or more, where the balance does not cover the amount.
    pub least: Credits,
    /// What it is remembered by, if a repetition is not to be charged again.
    pub remembered: Option<&'a Remembered>,
    /// When its answer must be out.
    pub deadline: Timestamp,
}

/// What becomes of an order.
#[derive(Debug)]
pub enum Started {
    /// Its credits are set aside: it may be answered now.
    Held(Held),
    /// It was answered before, under the same idempotency key: this was the answer.
    Replay(Replay),
}

/// An answer that was given before.
#[derive(Debug)]
pub struct Replay {
    /// The message's id.
    pub id: EntryId,
    /// The user's name as they wrote it.
    pub username: String,
    /// What the model replied.
    pub reply: StoredReply,
    /// What it cost.
    pub cost: Credits,
    /// What can be spent now.
    pub balance: Credits,
}

/// What an attempt to hold came to.
enum Attempt {
    /// It is held, and this is the account with the hold.
    Held(Account),
    /// A condition failed. What the table showed of why:
    Refused {
        /// the account, if its condition failed,
        account: Option<Account>,
        /// and the record of the key, if there is a live one.
        record: Option<Record>,
    },
}

/// What to do about a refusal that is not an answer to the client.
enum Verdict {
    /// Hand out the answer that was given before.
    Replay(EntryId),
    /// Take the place of an expired hold of the same key, with what the balance then covers.
    Replace { hold: Hold, affordable: Credits },
    /// Set less aside: as much as there is.
    HoldLess(Credits),
    /// Give expired holds back, whose credits or room are needed.
    GiveBack(Holds),
    /// Try again: what was in the way has gone.
    Again,
}

impl Ledger {
    /// Sets an order's credits aside, unless it was answered before. Expired holds of the account
    /// are given back on the way.
    ///
    /// # Errors
    /// In this order: [`ApiError::TokenNotValid`] or [`ApiError::UserInactive`] if the account is
    /// not open to this caller, [`ApiError::IdempotencyMismatch`] if the key was used for another
    /// message, [`ApiError::InProgress`] while its first request is being answered,
    /// [`ApiError::Throttled`] with too many messages in flight, [`ApiError::InsufficientTokens`]
    /// if the balance does not cover the least amount; [`ApiError::Unavailable`] if the table cannot be
    /// reached.
    pub async fn start(&self, order: &Order<'_>) -> Result<Started, ApiError> {
        let mut predecessor = None;
        let mut amount = order.amount;
        for _ in 0..MAX_ROUNDS {
            let hold = self.new_hold(order, amount);
            let (account, record) = match self.attempt(order, &hold, predecessor.as_ref()).await? {
                Attempt::Held(account) => {
                    if let Some(predecessor) = predecessor {
                        metrics::emit(&[Metric::CreditsReleased(predecessor.amount)]);
                    }
                    return Ok(Started::Held(self.held(order, &hold, account).await));
                }
                Attempt::Refused { account, record } => (account, record),
            };
            (predecessor, amount) = match self.judge(order, account, record)? {
                Verdict::Replay(entry_id) => return self.replay(order, entry_id).await.map(Started::Replay),
                Verdict::Replace { hold, affordable } => (Some(hold), affordable),
                Verdict::HoldLess(affordable) => (None, affordable),
                Verdict::GiveBack(expired) => {
                    self.give_back_all(order, &expired).await?;
                    (None, order.amount)
                }
                Verdict::Again => (None, order.amount),
            };
        }
        Err(ApiError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    fn new_hold(&self, order: &Order<'_>, amount: Credits) -> Hold {
        Hold {
            id: EntryId::new(&self.clock),
            amount,
            expires_at: order.deadline.plus(HOLD_MARGIN).seconds(),
            fingerprint: order.remembered.map(|remembered| remembered.fingerprint.clone()),
        }
    }

    async fn attempt(&self, order: &Order<'_>, hold: &Hold, predecessor: Option<&Hold>) -> Result<Attempt, ApiError> {
        let update = self.hold_update(order, hold, predecessor)?;
        let attempt = match order.remembered {
            None => self.hold_alone(order, hold, update).await?,
            Some(remembered) => self.hold_with_key(order, &remembered.key, hold, update).await?,
        };
        Ok(match attempt {
            // An attempt whose answer was lost had placed it.
            Attempt::Refused { account: Some(account), .. }
                if account.holds.values().any(|held| held.id == hold.id) =>
            {
                Attempt::Held(account)
            }
            attempt => attempt,
        })
    }

    /// Without a key, one conditional update says it all.
    async fn hold_alone(&self, order: &Order<'_>, hold: &Hold, update: Update) -> Result<Attempt, ApiError> {
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
            Ok(answer) => Ok(Attempt::Held(from_item(answer.attributes.unwrap_or_default())?)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Attempt::Refused { account: Some(account_of(failed.item())?), record: None })
                }
                _ => Err(self.uncertain(order, hold, unavailable(error)).await),
            },
        }
    }

    /// A hold of which no answer came may be there. Giving it back spares the user the wait for its
    /// expiry; if that fails too, nothing is lost but time.
    async fn uncertain(&self, order: &Order<'_>, hold: &Hold, error: ApiError) -> ApiError {
        let place = place(order, hold);
        let given_back = self.give_back(order.caller.user_id(), &place, hold, order.deadline);
        if !matches!(tokio::time::timeout(UNCERTAIN_LIMIT, given_back).await, Ok(Ok(()))) {
            tracing::warn!(hold = %hold.id, "a hold may be left to expire");
        }
        error
    }

    /// With a key, a transaction makes sure that no answer to it is kept.
    async fn hold_with_key(
        &self,
        order: &Order<'_>,
        key: &IdempotencyKey,
        hold: &Hold,
        update: Update,
    ) -> Result<Attempt, ApiError> {
        let user_id = order.caller.user_id();
        let items = vec![TransactWriteItem::builder().update(update).build(), self.check_no_record(user_id, key)?];
        let Err(error) = self.table.transact(&format!("hold-{}", hold.id), items, &self.clock, order.deadline).await
        else {
            // A transaction returns no items: name and balance are read.
            return match self.table.get(Key::account(user_id)).await {
                Ok(account) => Ok(Attempt::Held(account.ok_or(ApiError::TokenNotValid("the account is gone"))?)),
                Err(error) => Err(self.uncertain(order, hold, error).await),
            };
        };
        let Some([account, record]) = cancellation_reasons(&error) else {
            return Err(self.uncertain(order, hold, unavailable(error)).await);
        };
        if !condition_failed(account) && !condition_failed(record) {
            return Err(unavailable(error));
        }
        let item_of = |reason: &CancellationReason| reason.item().cloned().map(from_item).transpose();
        Ok(Attempt::Refused {
            account: condition_failed(account).then(|| account_of(account.item())).transpose()?,
            record: if condition_failed(record) { item_of(record)? } else { None },
        })
    }

    fn hold_update(&self, order: &Order<'_>, hold: &Hold, predecessor: Option<&Hold>) -> Result<Update, ApiError> {
        let value = serde_dynamo::to_attribute_value(hold).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Key::account(order.caller.user_id()).into_item()))
            .update_expression("SET balance = balance - :taken, holds.#place = :hold, version = version + :one")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#epoch", order.caller.epoch().attribute())
            .expression_attribute_names("#place", place(order, hold))
            .expression_attribute_values(":hold", value)
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":active", AttributeValue::S(Status::ACTIVE.to_owned()))
            .expression_attribute_values(":epoch", number(order.caller.epoch().number()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match predecessor {
            None => update
                .condition_expression(format!("{OPEN} AND attribute_not_exists(holds.#place) AND size(holds) < :max"))
                .expression_attribute_values(":max", number(self.max_holds))
                .expression_attribute_values(":taken", number(hold.amount)),
            // What the predecessor set aside pays first; the difference may be negative.
            Some(predecessor) => update
                .condition_expression(format!("{OPEN} AND holds.#place.id = :predecessor"))
                .expression_attribute_values(":predecessor", AttributeValue::S(predecessor.id.to_string()))
                .expression_attribute_values(
                    ":taken",
                    AttributeValue::N((hold.amount.gained() - predecessor.amount.gained()).to_string()),
                ),
        };
        update.build().map_err(|error| ApiError::Internal(Cause::new(error)))
    }

    fn check_no_record(&self, user_id: UserId, key: &IdempotencyKey) -> Result<TransactWriteItem, ApiError> {
        let check = ConditionCheck::builder()
            .table_name(self.table.name())
            .set_key(Some(Key::idempotency_record(user_id, key).into_item()))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":now", number(self.clock.now().seconds()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| ApiError::Internal(Cause::new(error)))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// The answer to a refusal, or what to do about it.
    fn judge(&self, order: &Order<'_>, account: Option<Account>, record: Option<Record>) -> Result<Verdict, ApiError> {
        let now = self.clock.now();
        if let Some(account) = &account {
            account.admit(order.caller.epoch())?;
        }
        if let Some(record) = record.filter(|record| record.is_live(now)) {
            return if order.remembered.is_some_and(|remembered| remembered.fingerprint == record.fingerprint) {
                Ok(Verdict::Replay(record.entry_id))
            } else {
                Err(ApiError::IdempotencyMismatch)
            };
        }
        let Some(account) = account else { return Ok(Verdict::Again) };
        if let Some(remembered) = order.remembered
            && let Some(hold) = account.holds.get(remembered.key.digest())
        {
            if !hold.is_expired(now) {
                let is_same = hold.fingerprint.as_ref() == Some(&remembered.fingerprint);
                return Err(if is_same { ApiError::InProgress } else { ApiError::IdempotencyMismatch });
            }
            let affordable = account.balance.saturating_plus(hold.amount).min(order.amount);
            if affordable >= order.least {
                return Ok(Verdict::Replace { hold: hold.clone(), affordable });
            }
        }
        self.judge_room_and_balance(order, account, now)
    }

    fn judge_room_and_balance(&self, order: &Order<'_>, account: Account, now: Timestamp) -> Result<Verdict, ApiError> {
        let (returning, _) = sums(&account.holds, now);
        let balance = account.balance.saturating_plus(returning);
        let is_full = account.holds.len() >= self.max_holds as usize;
        let is_short = account.balance < order.amount;
        let mut expired = account.holds;
        expired.retain(|_, hold| hold.is_expired(now));
        if is_full && expired.is_empty() {
            return Err(ApiError::Throttled { retry_after: Duration::from_secs(1) });
        }
        if is_short && balance < order.least {
            return Err(ApiError::InsufficientTokens { balance, cost: order.least });
        }
        Ok(match (is_full, is_short) {
            (false, false) => Verdict::Again,
            (false, true) if expired.is_empty() => Verdict::HoldLess(balance),
            _ => Verdict::GiveBack(expired),
        })
    }

    /// The hold as the caller sees it; expired ones, which the account came with, are given back.
    async fn held(&self, order: &Order<'_>, hold: &Hold, account: Account) -> Held {
        let now = self.clock.now();
        let (returning, _) = sums(&account.holds, now);
        let mut expired = account.holds;
        expired.retain(|_, hold| hold.is_expired(now));
        if let Err(error) = self.give_back_all(order, &expired).await {
            // The next hold tries again; the balance shows them as spendable all the while.
            tracing::warn!(cause = error.cause(), "expired holds could not be given back");
        }
        Held {
            id: hold.id,
            user_id: order.caller.user_id(),
            username: account.username,
            amount: hold.amount,
            balance: account.balance.saturating_plus(returning),
            place: place(order, hold),
            remembered: order.remembered.cloned(),
            deadline: order.deadline,
        }
    }

    async fn give_back_all(&self, order: &Order<'_>, expired: &Holds) -> Result<(), ApiError> {
        for (place, hold) in expired {
            tracing::info!(hold = %hold.id, "giving an expired hold back");
            self.give_back(order.caller.user_id(), place, hold, order.deadline).await?;
        }
        Ok(())
    }

    /// Reads the answer that was given before, with the account as it is now.
    async fn replay(&self, order: &Order<'_>, id: EntryId) -> Result<Replay, ApiError> {
        let user_id = order.caller.user_id();
        let [account, entry] = self.table.get_both([Key::account(user_id), Key::entry(user_id, id)]).await?;
        let account: Account = from_item(account.ok_or(ApiError::TokenNotValid("the account is gone"))?)?;
        account.admit(order.caller.epoch())?;
        let gone = || ApiError::Internal(Cause::because("a kept answer has no ledger entry"));
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

/// The account is open to this caller and can pay.
const OPEN: &str = "#status = :active AND #epoch = :epoch AND balance >= :taken";

fn place(order: &Order<'_>, hold: &Hold) -> String {
    order.remembered.map_or_else(|| hold.id.to_string(), |remembered| remembered.key.digest().to_owned())
}

fn account_of(item: Option<&Item>) -> Result<Account, ApiError> {
    from_item(item.cloned().ok_or(ApiError::TokenNotValid("the account is gone"))?)
}
