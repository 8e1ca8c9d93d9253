//! Holding: the credits for a message are set aside before the model is asked.

mod update;

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::time::Timestamp;
use store::collision::repeat_collisions;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Item, StoreError, from_item, number};
use telemetry::metrics::{self, Metric};

use crate::account::{Account, Closed};
use crate::admission::{AdmittedAccount, OpenAccount, RememberedAccount, Room};
use crate::error::LedgerError;
use crate::holds::{expired, sums};
use crate::idempotency::{IdempotencyKey, IdempotencyRecord};
use crate::ledger::{Held, Ledger};
use crate::replay::Replay;

pub use crate::holds::{Hold, Holds};
use update::NewHold;

/// Time from the request's deadline to the hold's expiry, so that no hold expires during its capture.
const HOLD_MARGIN: Duration = Duration::from_secs(30);

/// Timeout for the release of a hold whose write got no answer. The client waits for its error meanwhile.
const UNCERTAIN_LIMIT: Duration = Duration::from_secs(1);

/// Timeout for the release of expired holds whose room and credits are not needed. The model waits meanwhile.
const TIDYING_LIMIT: Duration = Duration::from_secs(2);

/// Time for which a hold is tried. Each round removes one obstacle that another request left behind, and each write is
/// repeated while it collides with others. Longer means that many requests use the account at once; each of them is told
/// to come back later.
const HOLD_PATIENCE: Duration = Duration::from_secs(3);

/// The credits to hold for a message.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The credits to hold: the highest cost of the message.
    pub amount: Credits,
    /// The fewest credits to hold, for a balance that does not cover `amount`.
    pub least: Credits,
    /// The time by which the message must be answered.
    pub deadline: Timestamp,
}

/// The outcome of [`Ledger::hold`].
#[derive(Debug)]
pub enum HoldOutcome {
    /// The credits are held, and the message may be answered now.
    Held(Held),
    /// The message was answered meanwhile, under the same idempotency key.
    Replay(Replay),
}

/// The outcome of the one try to hold in an account as it is remembered.
enum FirstTry {
    /// The memory was right, and the credits are held.
    Held(Held),
    /// The account as it is. The memory was wrong, or did not cover the order.
    Account(Box<OpenAccount>),
}

/// The outcome of one write of a hold.
enum Placed {
    /// The hold was written to this account.
    Held(Box<Account>),
    /// A condition failed.
    Refused {
        /// The account, if its condition failed.
        account: Option<Box<Account>>,
        /// The record of the idempotency key, if its condition failed.
        record: Option<Box<IdempotencyRecord>>,
    },
}

impl Ledger {
    /// Holds an order's credits in an account that was admitted. Other requests may have changed the account since: the
    /// write checks it again, and every refusal is judged as [`Ledger::admit`] does. Expired holds of the account are
    /// released on the way.
    ///
    /// An account that is remembered is tried as it is remembered, once. If that does not hold the whole amount, the account
    /// as it is decides: no memory refuses anything, or makes a hold smaller.
    ///
    /// # Errors
    /// As [`Ledger::admit`]; [`LedgerError::InsufficientCredits`] if the balance does not cover the least amount;
    /// [`LedgerError::Unavailable`] if the table cannot be reached, or too many requests use the account at once.
    pub async fn hold(&self, account: impl Into<AdmittedAccount>, order: &Order) -> Result<HoldOutcome, LedgerError> {
        let until = self.clock.now().plus(HOLD_PATIENCE).min(order.deadline);
        let mut open = match account.into() {
            AdmittedAccount::Read(open) => open,
            AdmittedAccount::Remembered(account) => {
                match Box::pin(self.hold_remembered(account, order, until)).await? {
                    FirstTry::Held(held) => return Ok(HoldOutcome::Held(held)),
                    FirstTry::Account(open) => *open,
                }
            }
        };
        loop {
            let room = self.room(&open)?;
            let amount = self.affordable(&open, order)?;
            if !room.in_the_way.is_empty() || amount > available(&open) {
                Box::pin(self.make_room(&mut open, until)).await?;
            } else {
                let hold = self.new_hold(&open, order, amount);
                let new = NewHold { open: &open, room: &room, hold };
                match self.place_hold(&new, until).await? {
                    Placed::Held(account) => return Ok(HoldOutcome::Held(self.held(&new, *account, order).await)),
                    Placed::Refused { account, record } => {
                        if let Some(replay) = self.judge(&mut open, account, record).await? {
                            return Ok(HoldOutcome::Replay(replay));
                        }
                    }
                }
            }
            if self.clock.now() >= until {
                return Err(LedgerError::Unavailable(Cause::because("too many requests are changing this account")));
            }
        }
    }

    /// Holds the whole amount in an account as it is remembered, if it seems to cover that. The condition says whether it does.
    async fn hold_remembered(
        &self,
        account: RememberedAccount,
        order: &Order,
        until: Timestamp,
    ) -> Result<FirstTry, LedgerError> {
        let Some(room) = self.room_for_all(&account.0, order) else {
            return self
                .confirm(AdmittedAccount::Remembered(account))
                .await
                .map(|open| FirstTry::Account(Box::new(open)));
        };
        let RememberedAccount(mut open) = account;
        let hold = self.new_hold(&open, order, order.amount);
        let new = NewHold { open: &open, room: &room, hold };
        let placed = self.place_hold(&new, until).await;
        if !matches!(placed, Ok(Placed::Held(_))) {
            // The next message reads the account: a read costs less than another refusal.
            self.memory.forget(open.user_id());
        }
        match placed? {
            Placed::Held(account) => {
                open.claimed.learn(&account);
                Ok(FirstTry::Held(self.held(&new, *account, order).await))
            }
            Placed::Refused { account, record } => {
                self.judge(&mut open, account, record).await?;
                Ok(FirstTry::Account(Box::new(open)))
            }
        }
    }

    /// The room for one more message, if nothing has to be released for it and the balance covers the whole amount.
    fn room_for_all(&self, open: &OpenAccount, order: &Order) -> Option<Room> {
        let room = self.room(open).ok()?;
        (room.in_the_way.is_empty() && order.amount <= available(open)).then_some(room)
    }

    /// The credits to hold: the order's amount, or all that the account can spend.
    fn affordable(&self, open: &OpenAccount, order: &Order) -> Result<Credits, LedgerError> {
        let now = self.clock.now();
        open.check_covers(order.least, now)?;
        Ok(order.amount.min(open.spendable(now)))
    }

    /// Releases expired holds, because their room or their credits are needed, and reads the account again.
    async fn make_room(&self, open: &mut OpenAccount, until: Timestamp) -> Result<(), LedgerError> {
        let user_id = open.user_id();
        let expired = expired(open.account.holds.clone(), self.clock.now());
        self.release_expired(user_id, &open.account, &expired, until).await?;
        self.read_again(open).await
    }

    /// Learns from a refusal: the account as it is now, or the answer that was given meanwhile.
    async fn judge(
        &self,
        open: &mut OpenAccount,
        account: Option<Box<Account>>,
        record: Option<Box<IdempotencyRecord>>,
    ) -> Result<Option<Replay>, LedgerError> {
        if let Some(account) = account {
            open.account = open.claimed.confirm::<LedgerError>(Some(*account)).await?;
        }
        let (Some(record), Some(remembered)) = (record, &open.remembered) else { return Ok(None) };
        self.replay_of(&open.account, open.claimed.payer(), remembered, open.asked_in, *record).await
    }

    fn new_hold(&self, open: &OpenAccount, order: &Order, amount: Credits) -> Hold {
        Hold {
            id: EntryId::above(open.account.sealed_to, &self.clock),
            amount,
            expires_at: order.deadline.plus(HOLD_MARGIN).seconds(),
            fingerprint: open.remembered.as_ref().map(|remembered| remembered.fingerprint.clone()),
        }
    }

    async fn place_hold(&self, new: &NewHold<'_>, until: Timestamp) -> Result<Placed, LedgerError> {
        let update = new.update(&self.table)?;
        let placed = match &new.open.remembered {
            None => self.hold_alone(new, update, until).await?,
            Some(remembered) => self.hold_with_key(new, &remembered.key, update, until).await?,
        };
        Ok(match placed {
            // An earlier attempt, whose answer was lost, wrote the hold.
            Placed::Refused { account: Some(account), .. }
                if account.holds.values().any(|held| held.id == new.hold.id) =>
            {
                Placed::Held(account)
            }
            placed => placed,
        })
    }

    /// Without an idempotency key, one conditional update is enough.
    async fn hold_alone(&self, new: &NewHold<'_>, update: Update, until: Timestamp) -> Result<Placed, LedgerError> {
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
        match repeat_collisions(&self.clock, until, || request.clone().send()).await {
            Ok(answer) => Ok(Placed::Held(Box::new(from_item(answer.attributes.unwrap_or_default())?))),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Placed::Refused { account: Some(account_of(failed.item())?), record: None })
                }
                _ => Err(self.uncertain(new, error.into()).await.into()),
            },
        }
    }

    /// Releases a hold whose write got no answer, because it may be there. No model was asked. If the release fails too,
    /// the user gets the credits back when the hold expires.
    async fn uncertain(&self, new: &NewHold<'_>, error: StoreError) -> StoreError {
        self.memory.forget(new.open.user_id());
        let place = new.place();
        let released = self.give_back(new.open.user_id(), &place, &new.hold);
        if !matches!(tokio::time::timeout(UNCERTAIN_LIMIT, released).await, Ok(Ok(_))) {
            tracing::warn!(hold = %new.hold.id, "a hold may be left to expire");
        }
        error
    }

    /// With an idempotency key, a transaction also checks that no request with the key was answered. The read of the
    /// record before it spares a refusal, and proves nothing: account and record are two reads.
    async fn hold_with_key(
        &self,
        new: &NewHold<'_>,
        key: &IdempotencyKey,
        update: Update,
        until: Timestamp,
    ) -> Result<Placed, LedgerError> {
        let user_id = new.open.user_id();
        let items = vec![TransactWriteItem::builder().update(update).build(), self.check_no_record(user_id, key)?];
        let token = format!("hold-{}", new.hold.id);
        let Err(error) = self.table.transact(&token, items, &self.clock, until).await else {
            return Ok(Placed::Held(Box::new(new.expected_account())));
        };
        let Some([account, record]) = cancellation_reasons(&error) else {
            return Err(self.uncertain(new, error.into()).await.into());
        };
        if !condition_failed(account) && !condition_failed(record) {
            return Err(StoreError::from(error).into());
        }
        let item_of = |reason: &CancellationReason| {
            reason.item().cloned().map(from_item).transpose().map(|item| item.map(Box::new))
        };
        Ok(Placed::Refused {
            account: condition_failed(account).then(|| account_of(account.item())).transpose()?,
            record: if condition_failed(record) { item_of(record)? } else { None },
        })
    }

    fn check_no_record(&self, user_id: UserId, key: &IdempotencyKey) -> Result<TransactWriteItem, StoreError> {
        transaction::check(
            self.table
                .checking(IdempotencyRecord::key(user_id, key))
                .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                .expression_attribute_values(":now", number(self.clock.now().seconds())),
        )
    }

    /// The hold as the caller sees it. Expired holds that are still in the account are released, and the text of a hold
    /// that was taken over is deleted.
    async fn held(&self, new: &NewHold<'_>, account: Account, order: &Order) -> Held {
        let user_id = new.open.user_id();
        if let Some(predecessor) = new.open.predecessor() {
            metrics::emit(&[Metric::CreditsReleased(predecessor.amount)]);
            self.delete_text_unless_charged(user_id, predecessor.id).await;
        }
        let now = self.clock.now();
        let (returning, _) = sums(&account.holds, now);
        let in_flight = self.in_flight(&account);
        let has_paid = account.hourly.at(now).has_paid_lately();
        let expired = expired(account.holds.clone(), now);
        if new.open.remembered.is_none() && expired.is_empty() {
            self.memory.remember(user_id, account.clone(), now);
        } else {
            // A transaction does not answer with the account, and a release changes it once more.
            self.memory.forget(user_id);
        }
        let releasing = self.release_expired(user_id, &account, &expired, now.plus(TIDYING_LIMIT));
        // The next hold tries again. Meanwhile the balance counts their credits as spendable.
        match tokio::time::timeout(TIDYING_LIMIT, releasing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "expired holds could not be released"),
            Err(_) => tracing::warn!("expired holds could not be released in time"),
        }
        Held {
            id: new.hold.id,
            user_id,
            username: account.username,
            amount: new.hold.amount,
            balance: account.balance.saturating_plus(returning),
            in_flight,
            place: new.place(),
            remembered: new.open.remembered.clone(),
            has_paid,
            deadline: order.deadline,
        }
    }
}

/// The credits that a hold can take without a release: the balance, and those of the hold that is taken over.
fn available(open: &OpenAccount) -> Credits {
    let returned = open.predecessor().map_or(Credits::ZERO, |hold| hold.amount);
    open.account.balance.saturating_plus(returned)
}

fn account_of(item: Option<&Item>) -> Result<Box<Account>, LedgerError> {
    Ok(Box::new(from_item(item.cloned().ok_or(Closed::Gone)?)?))
}
