//! Turning a hold into a charge.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use crate::credits::Credits;
use crate::error::{ApiError, Cause};
use crate::ledger::idempotency::{RECORD_LIFETIME, Record};
use crate::ledger::release::{HOLD_IS_OURS, RETURN_CREDITS};
use crate::ledger::{Charge, Entry, EntryKind, Exchange, Held, Ledger};
use crate::table::{Key, number};

impl Ledger {
    /// Charges `cost` for a message that was answered and stores the answer. What was held and
    /// does not cost returns to the balance in the same write; a cost above the hold is not
    /// charged, since nobody agreed to it.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the hold is gone or the table refused: nothing was charged.
    /// [`ApiError::OutcomeUnknown`] if not even that can be found out.
    pub async fn capture(&self, held: &Held, cost: Credits, exchange: Exchange<'_>) -> Result<Charge, ApiError> {
        let charge = Charge {
            cost: cost.min(held.amount),
            balance: held.balance.saturating_plus(held.amount.saturating_minus(cost)),
        };
        // Built once: whatever is sent again under the same token must be the same.
        let items = self.capture_items(held, charge.cost, exchange)?;
        if let Err(error) =
            self.table.transact(&format!("capture-{}", held.id), items, &self.clock, held.deadline).await
        {
            self.settle(held, Cause::new(error)).await?;
        }
        Ok(charge)
    }

    /// Finds out what became of a capture whose transaction failed. The entry tells: it is there
    /// or it is not. If not, a release that is acknowledged fences off an attempt that may yet
    /// arrive; only then is it true that nothing was charged.
    async fn settle(&self, held: &Held, cause: Cause) -> Result<(), ApiError> {
        let unknown = |cause| ApiError::OutcomeUnknown { message_id: held.id, cause };
        match self.is_captured(held).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(_) => return Err(unknown(cause)),
        }
        if self.release(held).await.is_err() {
            return Err(unknown(cause));
        }
        // The attempt may have arrived between the two: a release that finds no hold to remove
        // has not fenced anything off.
        match self.is_captured(held).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ApiError::Unavailable(cause)),
            Err(_) => Err(unknown(cause)),
        }
    }

    async fn is_captured(&self, held: &Held) -> Result<bool, ApiError> {
        let entry: Option<Entry> = self.table.get(Key::entry(held.user_id, held.id)).await?;
        Ok(entry.is_some())
    }

    fn capture_items(
        &self,
        held: &Held,
        cost: Credits,
        exchange: Exchange<'_>,
    ) -> Result<Vec<TransactWriteItem>, ApiError> {
        let mut items = vec![self.end_hold(held, cost)?, self.put_entry(held, cost, exchange)?];
        if let Some((key, fingerprint)) = &held.remembered {
            let record = Record {
                entry_id: held.id,
                fingerprint: fingerprint.clone(),
                expires_at: self.clock.now().plus(RECORD_LIFETIME).seconds(),
            };
            let item = Key::idempotency_record(held.user_id, key).with(&record)?;
            items.push(self.table.put(item)?);
        }
        Ok(items)
    }

    fn end_hold(&self, held: &Held, cost: Credits) -> Result<TransactWriteItem, ApiError> {
        let account = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Key::account(held.user_id).into_item()))
            .update_expression(RETURN_CREDITS)
            .condition_expression(HOLD_IS_OURS)
            .expression_attribute_names("#place", &held.place)
            .expression_attribute_values(":id", AttributeValue::S(held.id.to_string()))
            .expression_attribute_values(":returned", number(held.amount.saturating_minus(cost)))
            .expression_attribute_values(":one", number(1_u64))
            .build()
            .map_err(|error| ApiError::Internal(Cause::new(error)))?;
        Ok(TransactWriteItem::builder().update(account).build())
    }

    fn put_entry(&self, held: &Held, cost: Credits, exchange: Exchange<'_>) -> Result<TransactWriteItem, ApiError> {
        let entry = Entry {
            kind: EntryKind::Chat,
            amount: cost.spent(),
            created_at: self.clock.now().to_string(),
            message: Some(exchange.message.as_str().to_owned()),
            response: Some(exchange.response.to_owned()),
            reason: None,
        };
        self.table.put_new(Key::entry(held.user_id, held.id).with(&entry)?)
    }
}
