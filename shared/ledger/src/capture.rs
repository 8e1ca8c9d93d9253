//! Capturing: a message is charged, and its reply stored.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::cause::Cause;
use domain::credits::Credits;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, from_item, number};

use crate::account::{Account, Status};
use crate::entry::{self, Entry, EntryKind, Exchange};
use crate::error::LedgerError;
use crate::idempotency::{IdempotencyRecord, RECORD_LIFETIME, Remembered};
use crate::ledger::{Charge, Held, Ledger};
use crate::release::{HOLD_IS_OURS, RETURN_CREDITS};

impl Ledger {
    /// Charges `cost` for a message that was answered, and stores the reply. The rest of the hold returns to the
    /// balance in the same write. A charge is never higher than the hold, because the payer agreed to no more.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] if the hold is gone or the table refused: nothing was charged, and nothing will be.
    /// [`LedgerError::OutcomeUnknown`] if it cannot be found out whether the message was charged.
    pub async fn capture(&self, held: &Held, cost: Credits, exchange: Exchange<'_>) -> Result<Charge, LedgerError> {
        if cost > held.amount {
            tracing::warn!(hold = %held.id, held = %held.amount, %cost, "a message cost more than was held");
        }
        let charge = Charge {
            cost: cost.min(held.amount),
            balance: held.balance.saturating_plus(held.amount.saturating_minus(cost)),
        };
        // Built once, because transactions under one token must be identical.
        let items = self.capture_items(held, charge.cost, exchange)?;
        let token = format!("capture-{}", held.id);
        if let Err(error) = self.table.transact(&token, items, &self.clock, held.deadline).await {
            self.settle(held, Cause::new(error)).await?;
        }
        Ok(charge)
    }

    /// Settles a capture whose transaction failed, by putting a void entry under the message's id unless an entry is
    /// there. If the capture's entry is there, the capture succeeded. If the void entry is there, no capture ever will:
    /// each needs the same key to be free. This holds for an attempt that is still on its way, and after a late
    /// repetition of the hold.
    async fn settle(&self, held: &Held, cause: Cause) -> Result<(), LedgerError> {
        let items = vec![self.put_void(held)?, self.check_account(held)?];
        let token = format!("void-{}", held.id);
        if let Err(error) = self.table.transact(&token, items, &self.clock, held.deadline).await {
            let Some([entry, account]) = cancellation_reasons(&error) else {
                return Err(LedgerError::OutcomeUnknown { message_id: held.id, cause });
            };
            let found: Option<Entry> = entry.item().cloned().map(from_item).transpose()?;
            match found {
                Some(entry) if entry.kind == EntryKind::Chat => return Ok(()),
                Some(_) => {}
                // Without the account, or while it is being deleted, there is no hold to capture.
                None if condition_failed(account) => {}
                None => return Err(LedgerError::OutcomeUnknown { message_id: held.id, cause }),
            }
        }
        self.release(held).await;
        Err(LedgerError::Unavailable(cause))
    }

    fn put_void(&self, held: &Held) -> Result<TransactWriteItem, StoreError> {
        let void = Entry::void(self.clock.now().to_string());
        self.table.put_new(entry::key(held.user_id, held.id).with(&void)?)
    }

    /// Nothing enters a user's partition when the account is gone or being deleted. Its holds were deleted first.
    fn check_account(&self, held: &Held) -> Result<TransactWriteItem, StoreError> {
        transaction::check(
            self.table
                .checking(Account::key(held.user_id))
                .condition_expression("attribute_exists(pk) AND #status <> :deleting")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":deleting", Status::Deleting.attribute_value()),
        )
    }

    fn capture_items(
        &self,
        held: &Held,
        cost: Credits,
        exchange: Exchange<'_>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut items = vec![self.end_hold(held, cost)?, self.put_entry(held, cost, exchange)?];
        if let Some(Remembered { key, fingerprint }) = &held.remembered {
            let record = IdempotencyRecord {
                entry_id: held.id,
                fingerprint: fingerprint.clone(),
                expires_at: self.clock.now().plus(RECORD_LIFETIME).seconds(),
            };
            let item = IdempotencyRecord::key(held.user_id, key).with(&record)?;
            items.push(self.table.put(item)?);
        }
        Ok(items)
    }

    fn end_hold(&self, held: &Held, cost: Credits) -> Result<TransactWriteItem, StoreError> {
        let account = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Account::key(held.user_id).into_item()))
            .update_expression(RETURN_CREDITS)
            .condition_expression(HOLD_IS_OURS)
            .expression_attribute_names("#place", &held.place)
            .expression_attribute_values(":id", AttributeValue::S(held.id.to_string()))
            .expression_attribute_values(":returned", number(held.amount.saturating_minus(cost)))
            .expression_attribute_values(":one", number(1_u64))
            .build()?;
        Ok(TransactWriteItem::builder().update(account).build())
    }

    fn put_entry(&self, held: &Held, cost: Credits, exchange: Exchange<'_>) -> Result<TransactWriteItem, StoreError> {
        let entry = Entry::chat(cost, exchange, self.clock.now().to_string());
        self.table.put_new(entry::key(held.user_id, held.id).with(&entry)?)
    }
}
