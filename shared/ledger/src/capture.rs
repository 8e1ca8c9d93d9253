//! Capturing: a message is charged.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::cause::Cause;
use domain::credits::Credits;
use domain::time::Timestamp;
use store::transaction::{self, cancellation_reasons, condition_failed, is_conflict};
use store::{REQUEST_TIMEOUT, StoreError, from_item, number};
use tokio::time::timeout;

use crate::account::{Account, Status};
use crate::entry::{self, Entry, EntryKind};
use crate::error::LedgerError;
use crate::exchange::Exchange;
use crate::idempotency::{IdempotencyRecord, RECORD_LIFETIME, Remembered};
use crate::ledger::{Charge, Held, Ledger};
use crate::release::{HOLD_IS_OURS, RETURN_CREDITS, Work};
use crate::sealing::ABOVE_SEAL;
use crate::texts::{MessageItem, TextPlace, Texts};

/// Time for the last step, which is not waited for any longer: the release of a hold that will never be captured.
const RELEASE_TIME: Duration = Duration::from_secs(1);
/// Time for the settling of a capture whose outcome is not known: one request to the table, and the release.
const SETTLING_TIME: Duration = REQUEST_TIMEOUT.saturating_add(RELEASE_TIME);
/// Time that a capture needs at the end of a request: one request to the table, and then the settling. The collisions of
/// a capture are repeated from its begin until the time of the settling, so a capture that begins earlier has longer.
pub const CAPTURE_RESERVE: Duration = REQUEST_TIMEOUT.saturating_add(SETTLING_TIME);
/// Time before that, in which a text is put.
pub const TEXT_TIME: Duration = Duration::from_secs(3);
/// Pause before a void that met another transaction at its entry is tried again.
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);
/// A step that begins after its time has passed has this time all the same: nothing is lost by trying.
const LATE_STEP_TIME: Duration = RELEASE_TIME;

/// A transaction that did not succeed, as far as is known.
enum Failed {
    /// The table refused it, or cannot be reached.
    Error(Box<SdkError<TransactWriteItemsError>>),
    /// Its time is over, and an attempt may be under way.
    OutOfTime,
}

/// What is known of a message whose capture failed.
enum Settled {
    /// The capture's entry is there.
    Charged,
    /// The message is never charged.
    NotCharged,
    /// It cannot be found out.
    Unknown,
}

impl Settled {
    /// What the entry under the message's id says, which no capture can put any more.
    fn by(entry: Option<&Entry>) -> Self {
        if entry.is_some_and(|entry| entry.kind == EntryKind::Chat) { Self::Charged } else { Self::NotCharged }
    }
}

impl Failed {
    fn into_cause(self) -> Cause {
        match self {
            Self::Error(error) => Cause::new(*error),
            Self::OutOfTime => Cause::because("the table gave no answer in time"),
        }
    }
}

impl Ledger {
    /// Charges for a message that was answered, by the exchange's bill and usage, and stores the exchange if it names a
    /// conversation. The rest of the hold returns to the balance, and to the budget of the payer's API key, in the same write. A
    /// charge is never higher than the hold, because the payer agreed to no more.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] if the hold is gone or the table refused: nothing was charged, and nothing will be.
    /// [`LedgerError::OutcomeUnknown`] if it cannot be found out whether the message was charged.
    pub async fn capture(&self, held: &Held, exchange: Exchange<'_>) -> Result<Charge, LedgerError> {
        let cost = exchange.cost();
        if cost > held.amount {
            tracing::warn!(hold = %held.id, held = %held.amount, %cost, "a message cost more than was held");
        }
        let charged = exchange.charged(held.amount);
        let charge =
            Charge { cost: charged, balance: held.balance.saturating_plus(held.amount.saturating_minus(charged)) };
        let texts = self.keep_texts(held, exchange).await?;
        // Built once, because transactions under one token must be identical.
        let items = self.capture_items(held, exchange, texts)?;
        let until = held.deadline.minus(SETTLING_TIME);
        match self.transact_until(&format!("capture-{}", held.id), items, until).await {
            Ok(()) => {
                self.memory.end_hold(held.user_id, &held.place, held.id, held.amount.saturating_minus(charged));
            }
            Err(failed) => {
                self.memory.forget(held.user_id);
                Box::pin(self.settle(held, texts, failed.into_cause())).await?;
            }
        }
        Ok(charge)
    }

    /// A transaction that ends by `until`, also if an attempt at it is still under way.
    async fn transact_until(&self, token: &str, items: Vec<TransactWriteItem>, until: Timestamp) -> Result<(), Failed> {
        let time = until.since(self.clock.now()).max(LATE_STEP_TIME);
        match timeout(time, self.table.transact(token, items, &self.clock, until)).await {
            Ok(outcome) => outcome.map_err(|error| Failed::Error(Box::new(error))),
            Err(_) => Err(Failed::OutOfTime),
        }
    }

    /// Settles a capture whose transaction failed, by putting a void entry under the message's id unless an entry is
    /// there. If the capture's entry is there, the capture succeeded. If the void entry is there, no capture ever will:
    /// each needs the same key to be free. This holds for an attempt that is still on its way, and after a late
    /// repetition of the hold.
    async fn settle(&self, held: &Held, texts: Option<TextPlace>, cause: Cause) -> Result<(), LedgerError> {
        match self.void(held).await? {
            Settled::Charged => return Ok(()),
            Settled::Unknown => return Err(LedgerError::OutcomeUnknown { message_id: held.id, cause }),
            Settled::NotCharged => {}
        }
        Box::pin(self.clean_up(held, texts)).await;
        Err(LedgerError::Unavailable(cause))
    }

    /// Puts the void entry, or finds out why none can be put.
    async fn void(&self, held: &Held) -> Result<Settled, LedgerError> {
        let items = [self.put_void(held)?, self.check_account(held)?];
        let until = held.deadline.minus(RELEASE_TIME);
        loop {
            let voided = self.transact_until(&format!("void-{}", held.id), items.to_vec(), until).await;
            let error = match voided {
                Ok(()) => return Ok(Settled::NotCharged),
                Err(Failed::OutOfTime) => return Ok(Settled::Unknown),
                Err(Failed::Error(error)) => error,
            };
            let Some([entry, account]) = cancellation_reasons(&error) else { return Ok(Settled::Unknown) };
            let found: Option<Entry> = entry.item().cloned().map(from_item).transpose()?;
            match found {
                Some(entry) => return Ok(Settled::by(Some(&entry))),
                None if !condition_failed(account) => return Ok(Settled::Unknown),
                // A capture that is committed in the account may still be on its way to the entry.
                None if is_conflict(entry) => {
                    if self.clock.now().plus(CONFLICT_PAUSE) >= until {
                        return Ok(Settled::Unknown);
                    }
                    self.clock.sleep(CONFLICT_PAUSE).await;
                }
                // Without the account, or while it is being deleted, there is no hold to capture. Nor is there one below
                // the seal: the hold was gone before, and none can be written under this id any more.
                None => {
                    let entry: Option<Entry> = self.table.get(entry::key(held.user_id, held.id)).await?;
                    return Ok(Settled::by(entry.as_ref()));
                }
            }
        }
    }

    /// After a void, the hold is released, and the text deleted. The model has worked for it, and nobody pays.
    async fn clean_up(&self, held: &Held, texts: Option<TextPlace>) {
        let deleting = async {
            if matches!(texts, Some(TextPlace::Apart | TextPlace::Lost)) {
                self.delete_text(held.user_id, held.id).await;
            }
        };
        let time = held.deadline.since(self.clock.now()).max(LATE_STEP_TIME);
        let cleaning = async { tokio::join!(self.release_own(held, Work::Unpaid), deleting) };
        if timeout(time, Box::pin(cleaning)).await.is_err() {
            tracing::warn!(hold = %held.id, "a hold is left to expire");
        }
    }

    fn put_void(&self, held: &Held) -> Result<TransactWriteItem, StoreError> {
        let void = Entry::void(self.clock.now().to_string());
        self.table.put_new(entry::key(held.user_id, held.id).with(&void)?)
    }

    /// Nothing enters a user's partition when the account is gone or being deleted. Its holds were deleted first. And no
    /// entry gets an id below the account's seal.
    fn check_account(&self, held: &Held) -> Result<TransactWriteItem, StoreError> {
        transaction::check(
            self.table
                .checking(Account::key(held.user_id))
                .condition_expression(format!("attribute_exists(pk) AND #status <> :deleting AND {ABOVE_SEAL}"))
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
                .expression_attribute_values(":entry", AttributeValue::S(held.id.to_string())),
        )
    }

    fn capture_items(
        &self,
        held: &Held,
        exchange: Exchange<'_>,
        texts: Option<TextPlace>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let charged = exchange.charged(held.amount);
        let mut items = vec![self.end_hold(held, charged)?, self.put_entry(held, exchange, texts)?];
        if let Some(place) = texts {
            items.extend(self.keep_exchange(held, charged, exchange, place)?);
        }
        let unspent = held.amount.saturating_minus(charged);
        if let Some(budget) = held.budget.filter(|_| unspent > Credits::ZERO) {
            items.push(budget.give_back(&self.table, held.user_id, held.amount, unspent, self.clock.now())?);
        }
        Ok(items)
    }

    /// The message item of an exchange that is stored, and the record of its idempotency key.
    fn keep_exchange(
        &self,
        held: &Held,
        charged: Credits,
        exchange: Exchange<'_>,
        place: TextPlace,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut items = Vec::new();
        if let Some(conversation) = exchange.conversation {
            let key = MessageItem::key(held.user_id, conversation, held.id);
            let is_remembered = held.remembered.is_some() && exchange.can_be_repeated();
            let end = self.retention.end_in_seconds(held.id);
            let message = MessageItem::new(exchange, is_remembered, place).until(end);
            items.push(self.table.put(key.with(&message)?)?);
        }
        if let Some(remembered) = &held.remembered {
            let place = if exchange.can_be_repeated() { place } else { TextPlace::Lost };
            let record = self.record(held, remembered, charged, exchange, place);
            items.push(self.table.put(IdempotencyRecord::key(held.user_id, &remembered.key).with(&record)?)?);
        }
        Ok(items)
    }

    /// The record of the message's idempotency key. The texts of a stored exchange are in its message item.
    pub(crate) fn record(
        &self,
        held: &Held,
        remembered: &Remembered,
        cost: Credits,
        exchange: Exchange<'_>,
        place: TextPlace,
    ) -> IdempotencyRecord {
        let reply = exchange.reply;
        let has_texts = place == TextPlace::Inline && exchange.conversation.is_none();
        IdempotencyRecord {
            entry_id: held.id,
            fingerprint: remembered.fingerprint.clone(),
            expires_at: self.clock.now().plus(RECORD_LIFETIME).seconds(),
            cost,
            model: reply.model.clone(),
            usage: reply.usage,
            finish_reason: reply.finish_reason,
            conversation: exchange.conversation,
            place,
            texts: has_texts.then(|| Texts::of_reply(reply)),
        }
    }

    fn end_hold(&self, held: &Held, charged: Credits) -> Result<TransactWriteItem, StoreError> {
        let account = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Account::key(held.user_id).into_item()))
            .update_expression(format!(
                "SET {RETURN_CREDITS}, hourly.charged = hourly.charged + :one, \
                 spent = if_not_exists(spent, :none) + :charged REMOVE holds.#place"
            ))
            .condition_expression(HOLD_IS_OURS)
            .expression_attribute_names("#place", &held.place)
            .expression_attribute_values(":id", AttributeValue::S(held.id.to_string()))
            .expression_attribute_values(":returned", number(held.amount.saturating_minus(charged)))
            .expression_attribute_values(":charged", number(charged))
            .expression_attribute_values(":none", number(0_u64))
            .expression_attribute_values(":one", number(1_u64))
            .build()?;
        Ok(TransactWriteItem::builder().update(account).build())
    }

    fn put_entry(
        &self,
        held: &Held,
        exchange: Exchange<'_>,
        texts: Option<TextPlace>,
    ) -> Result<TransactWriteItem, StoreError> {
        let entry = Entry {
            api_key: held.api_key,
            texts_until: exchange.conversation.and(self.retention.end_in_seconds(held.id)),
            ..Entry::chat(held.amount, exchange, texts, self.clock.now().to_string())
        };
        self.table.put_new(entry::key(held.user_id, held.id).with(&entry)?)
    }
}
