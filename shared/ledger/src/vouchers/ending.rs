//! Ending codes before their time.

use acts::{Act, ActSubject, Deed};
use domain::cause::Cause;
use domain::ids::{ActId, BatchId};
use domain::time::Timestamp;
use serde_json::json;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{Key, StoreError, number};

use super::Vouchers;
use super::batch::Batch;
use crate::authority::{Authority, AuthorityLost};
use crate::error::BatchError;

impl Vouchers {
    /// Ends all codes of a batch, in one transaction with the record of the act. What was given stays given. A batch that is
    /// over already is left as it is, and nothing is recorded.
    ///
    /// # Errors
    /// [`BatchError::NotFound`] if there is no such batch; [`BatchError::AuthorityLost`] if the actor is no longer staff;
    /// [`BatchError::Unavailable`] if the table cannot be reached.
    pub async fn end(&self, id: BatchId, authority: &Authority, deadline: Timestamp) -> Result<(), BatchError> {
        let batch: Batch = self.table.get(Batch::key(id)).await?.ok_or(BatchError::NotFound)?;
        let now = self.clock.now();
        if batch.is_over(now) {
            return Ok(());
        }
        let ending = |key: Key| {
            let update = self
                .table
                .updating(key)
                .update_expression("SET ended_at = :now")
                .condition_expression("attribute_exists(pk) AND attribute_not_exists(ended_at)")
                .expression_attribute_values(":now", number(now.seconds()));
            transaction::update(update)
        };
        let act = Act {
            deed: Deed::EndVouchers,
            subject: ActSubject::Batch(id),
            before: json!({"ended_at": null}),
            after: json!({"ended_at": Timestamp::from_seconds(now.seconds()).to_string()}),
            reason: None,
        };
        let mut items = vec![ending(Batch::key(id))?];
        for place in batch.places() {
            items.push(ending(place.code())?);
        }
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        let token = format!("end-{}", ActId::new(&self.clock));
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            Some(reasons) if authority.is_lost(act.subject, reasons) => Err(AuthorityLost.into()),
            // Another request has ended them, or an attempt of this one, whose answer was lost.
            Some([batch, ..]) if condition_failed(batch) => Ok(()),
            Some(reasons) if reasons.iter().any(condition_failed) => {
                Err(BatchError::Internal(Cause::because("a code of a batch is gone before its end")))
            }
            _ => Err(StoreError::from(error).into()),
        }
    }
}
