//! Holding: the credits for a message are set aside before the model is asked.

mod update;

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{CancellationReason, ReturnValue, TransactWriteItem, Update};
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
use crate::allowance::AllowanceStep;
use crate::budget_place::BudgetPlace;
use crate::budgets::{BudgetItem, KeyBudget, SeenBudget};
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
    /// The payer's API key has other limits than it had when the account was admitted, and nothing is held. The account was
    /// read, and is open to the payer with the limits that the key has now.
    LimitsChanged(Box<OpenAccount>),
}

/// The outcome of the one try to hold in an account as it is remembered.
enum FirstTry {
    /// The memory was right, and the credits are held.
    Held(Box<Held>),
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
        /// The budget of the payer's API key, if its condition failed.
        budget: Option<SeenBudget>,
        /// The record of the idempotency key, if its condition failed.
        record: Option<Box<IdempotencyRecord>>,
    },
}

impl Ledger {
    /// Holds an order's credits in an account that was admitted. Other requests may have changed the account since: the
    /// write checks it again, and every refusal is judged as [`Ledger::admit`] does. Expired holds of the account are
    /// released on the way.
    ///
    /// With an API key that has a budget, one transaction holds in the account and in the budget's item, so that neither is
    /// exceeded however many hold at once. The amount shrinks to what both have left, down to the least.
    ///
    /// The first hold of a period takes the step of the account's [allowance](crate::allowance) too. Where credits are due, it
    /// is one transaction with their entry.
    ///
    /// An account that is remembered is tried as it is remembered, once. If that does not hold the whole amount, the account
    /// as it is decides: no memory refuses anything, or makes a hold smaller.
    ///
    /// # Errors
    /// As [`Ledger::admit`]; [`LedgerError::InsufficientCredits`] if the balance does not cover the least amount;
    /// [`LedgerError::BudgetSpent`] if the budget of the payer's API key does not;
    /// [`LedgerError::Unavailable`] if the table cannot be reached, or too many requests use the account at once.
    pub async fn hold(&self, account: impl Into<AdmittedAccount>, order: &Order) -> Result<HoldOutcome, LedgerError> {
        let until = self.clock.now().plus(HOLD_PATIENCE).min(order.deadline);
        let account = account.into();
        let admitted_with = account.key_limits().cloned();
        let mut open = match account {
            AdmittedAccount::Read(open) => open,
            AdmittedAccount::Remembered(account) => {
                match Box::pin(self.hold_remembered(account, order, until)).await? {
                    FirstTry::Held(held) => return Ok(HoldOutcome::Held(*held)),
                    FirstTry::Account(open) => *open,
                }
            }
        };
        loop {
            if open.key_limits() != admitted_with.as_ref() {
                return Ok(HoldOutcome::LimitsChanged(Box::new(open)));
            }
            let room = self.room(&open)?;
            let new = self.affordable_hold(&open, &room, order)?;
            if new.needs_room() {
                Box::pin(self.make_room(&mut open, until)).await?;
            } else {
                match self.place_hold(&new, until).await? {
                    Placed::Held(account) => return Ok(HoldOutcome::Held(self.held(&new, *account, order).await)),
                    refused @ Placed::Refused { .. } => {
                        if let Some(replay) = self.judge(&mut open, refused).await? {
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
        let new = self.new_hold(&open, &room, order);
        let placed = self.place_hold(&new, until).await;
        if !matches!(placed, Ok(Placed::Held(_))) {
            // The next message reads the account: a read costs less than another refusal.
            self.memory.forget(open.user_id());
        }
        match placed? {
            Placed::Held(account) => {
                open.claimed.learn(&account);
                Ok(FirstTry::Held(Box::new(self.held(&new, *account, order).await)))
            }
            refused @ Placed::Refused { .. } => {
                self.judge(&mut open, refused).await?;
                Ok(FirstTry::Account(Box::new(open)))
            }
        }
    }

    /// The room for one more message, if nothing has to be released for it and the balance covers the whole amount. What is
    /// remembered is not good enough to tidy by: a removal that is refused would cost more than it saves.
    fn room_for_all(&self, open: &OpenAccount, order: &Order) -> Option<Room> {
        let room = Room { removable: Vec::new(), ..self.room(open).ok()? };
        (room.in_the_way.is_empty() && order.amount <= open.available()).then_some(room)
    }

    /// The hold of the order's amount, or of all that the payer can spend of the account and of the API key's budget. The
    /// period of the budget is that in which the hold's id was made, so that id, condition and release mean one item. So is that
    /// of the allowance, or a hold at midnight would want room that no release makes.
    fn affordable_hold<'a>(
        &self,
        open: &'a OpenAccount,
        room: &'a Room,
        order: &Order,
    ) -> Result<NewHold<'a>, LedgerError> {
        let now = self.clock.now();
        let mut new = self.new_hold(open, room, order);
        let moment = new.hold.id.made_at();
        let budget = open.budget_at(moment, now);
        new.hold.amount = order.amount.min(open.spendable_of(budget.as_ref(), order.least, moment, now)?);
        // A hold of nothing needs no budget, also of a key whose budget was lowered below what is spent.
        new.budget = budget.filter(|_| new.hold.amount > Credits::ZERO);
        new.hold.budget = new.budget.map(|budget| budget.place);
        Ok(new)
    }

    /// The hold of the order's whole amount, without a budget.
    fn new_hold<'a>(&self, open: &'a OpenAccount, room: &'a Room, order: &Order) -> NewHold<'a> {
        let hold = Hold {
            id: EntryId::above(open.account.sealed_to, &self.clock),
            amount: order.amount,
            expires_at: order.deadline.plus(HOLD_MARGIN).seconds(),
            fingerprint: open.remembered.as_ref().map(|remembered| remembered.fingerprint.clone()),
            budget: None,
        };
        let step = open.account.allowance_step(hold.id.made_at());
        NewHold { open, room, hold, budget: None, step }
    }

    /// Releases expired holds, because their room or their credits are needed, and reads the account again.
    async fn make_room(&self, open: &mut OpenAccount, until: Timestamp) -> Result<(), LedgerError> {
        let user_id = open.user_id();
        let expired = expired(open.account.holds.clone(), self.clock.now());
        self.release_expired(user_id, &open.account, &expired, until).await?;
        self.read_again(open).await
    }

    /// Learns from a refusal: the account as it is now, or the answer that was given meanwhile.
    async fn judge(&self, open: &mut OpenAccount, refused: Placed) -> Result<Option<Replay>, LedgerError> {
        let Placed::Refused { account, budget, record } = refused else { return Ok(None) };
        if let Some(account) = account {
            open.account = open.claimed.confirm::<LedgerError>(Some(*account)).await?;
        }
        open.budget = budget.or(open.budget);
        let (Some(record), Some(remembered)) = (record, &open.remembered) else { return Ok(None) };
        self.replay_of(&open.account, &open.claimed, remembered, open.asked_in, *record).await
    }

    async fn place_hold(&self, new: &NewHold<'_>, until: Timestamp) -> Result<Placed, LedgerError> {
        let update = new.update(&self.table)?;
        let placed = if new.is_alone() {
            self.hold_alone(new, update, until).await?
        } else {
            self.hold_together(new, update, until).await?
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

    /// Without an idempotency key, a budget and credits that are due, one conditional update is enough.
    async fn hold_alone(&self, new: &NewHold<'_>, update: Update, until: Timestamp) -> Result<Placed, LedgerError> {
        let request = self.table.update_alone(update).return_values(ReturnValue::AllNew);
        match repeat_collisions(&self.clock, until, || request.clone().send()).await {
            Ok(answer) => Ok(Placed::Held(Box::new(from_item(answer.attributes.unwrap_or_default())?))),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Placed::Refused { account: Some(account_of(failed.item())?), budget: None, record: None })
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

    /// With an API key's budget, a transaction holds in its item too. With an idempotency key, it also checks that no request
    /// with the key was answered. The reads of both before it spare a refusal, and prove nothing: each is another read. With
    /// credits that are due, the last part puts their entry.
    async fn hold_together(&self, new: &NewHold<'_>, update: Update, until: Timestamp) -> Result<Placed, LedgerError> {
        let user_id = new.open.user_id();
        let mut items = vec![TransactWriteItem::builder().update(update).build()];
        if let Some(KeyBudget { place, limit, .. }) = new.budget {
            items.push(place.hold(&self.table, user_id, limit, new.hold.amount)?);
        }
        if let Some(remembered) = &new.open.remembered {
            items.push(self.check_no_record(user_id, &remembered.key)?);
        }
        if let Some(step) = new.giving_step() {
            items.push(step.entry(&self.table, user_id, AllowanceStep::entry_id(new.hold.id))?);
        }
        let token = format!("hold-{}", new.hold.id);
        let Err(error) = self.table.transact(&token, items, &self.clock, until).await else {
            return Ok(Placed::Held(Box::new(new.expected_account())));
        };
        match cancellation_reasons(&error) {
            Some(reasons) => refused(reasons, new)?.ok_or_else(|| StoreError::from(error).into()),
            None => Err(self.uncertain(new, error.into()).await.into()),
        }
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
        let minute = self.minute_room(&account, new.open.claimed.paying_key());
        if new.is_alone() && expired.is_empty() {
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
            minute,
            api_key: new.open.claimed.api_key(),
            budget: new.hold.budget,
            place: new.place(),
            remembered: new.open.remembered.clone(),
            has_paid,
            deadline: order.deadline,
        }
    }
}

/// The items whose conditions failed in the refused transaction of `new`. `None` if none did.
fn refused(reasons: &[CancellationReason], new: &NewHold<'_>) -> Result<Option<Placed>, LedgerError> {
    let mut reasons = reasons.iter();
    let account = reasons.next();
    let budget = new.hold.budget.and_then(|place| Some((place, reasons.next()?)));
    let record = new.open.remembered.as_ref().and_then(|_| reasons.next());
    // The entry of an allowance comes last. Nobody else has its id, so the account tells why it was not put.
    let has_failed = |reason: Option<&CancellationReason>| reason.is_some_and(condition_failed);
    if !has_failed(account) && !has_failed(budget.map(|(_, reason)| reason)) && !has_failed(record) {
        return Ok(None);
    }
    let account = account.filter(|account| condition_failed(account));
    let budget = budget.filter(|(_, budget)| condition_failed(budget));
    let record = record.filter(|record| condition_failed(record));
    Ok(Some(Placed::Refused {
        account: account.map(|account| account_of(account.item())).transpose()?,
        budget: budget.map(|(place, budget)| seen_budget(place, budget)).transpose()?,
        record: record.and_then(|record| record.item().cloned()).map(from_item).transpose()?.map(Box::new),
    }))
}

fn seen_budget(place: BudgetPlace, reason: &CancellationReason) -> Result<SeenBudget, StoreError> {
    let item: Option<BudgetItem> = reason.item().cloned().map(from_item).transpose()?;
    Ok(SeenBudget::new(place, item))
}

fn account_of(item: Option<&Item>) -> Result<Box<Account>, LedgerError> {
    Ok(Box::new(from_item(item.cloned().ok_or(Closed::Gone)?)?))
}
