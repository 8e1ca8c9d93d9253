//! Making codes.

use acts::{Act, ActSubject, Deed};
use domain::code::VoucherCode;
use domain::ids::BatchId;
use domain::time::Timestamp;
use serde_json::json;
use store::StoreError;
use store::transaction::{cancellation_reasons, condition_failed};

use super::Vouchers;
use super::batch::Batch;
use super::code_item::{CodePlace, VoucherItem, digest_of};
use super::terms::NewBatch;
use crate::authority::{AuthorityLost, RecentAuthority};
use crate::error::BatchError;

/// Codes that were made. They are shown once: the table has digests.
#[derive(Debug)]
pub struct MadeVouchers {
    /// The batch.
    pub id: BatchId,
    /// The codes.
    pub codes: Vec<VoucherCode>,
}

impl Vouchers {
    /// Makes the codes of `new`, all of them or none, in one transaction with the record of the act.
    ///
    /// # Errors
    /// [`BatchError::AuthorityLost`] if the actor is no longer staff; [`BatchError::Unavailable`] if the table cannot be
    /// reached: codes that nobody has seen may have been made.
    pub async fn make(
        &self,
        new: &NewBatch,
        authority: &RecentAuthority,
        deadline: Timestamp,
    ) -> Result<MadeVouchers, BatchError> {
        let authority = authority.authority();
        let id = BatchId::new(&self.clock);
        let codes: Vec<VoucherCode> = (0..new.count).map(|_| VoucherCode::new()).collect::<Result<_, _>>()?;
        let digests: Vec<String> = codes.iter().map(digest_of).collect();
        let voucher = VoucherItem::unused(id, new.kind, new.amount, new.uses, new.ends_at);
        let act = act_of_making(id, new);
        let mut items = Vec::with_capacity(codes.len() + 5);
        for digest in &digests {
            items.push(self.table.put_new(CodePlace::of_digest(digest).code().with(&voucher)?)?);
        }
        let batch = Batch {
            kind: new.kind,
            amount: new.amount,
            count: new.count,
            uses: new.uses,
            ends_at: new.ends_at.map(Timestamp::seconds),
            ended_at: None,
            note: new.note.as_ref().map(|note| note.as_str().to_owned()),
            by: authority.actor(),
            digests,
        };
        items.insert(0, self.table.put_new(Batch::key(id).with(&batch)?)?);
        items.extend(authority.parts(&act, &self.table, &self.clock)?);
        let Err(error) = self.table.transact(&format!("vouchers-{id}"), items, &self.clock, deadline).await else {
            return Ok(MadeVouchers { id, codes });
        };
        match cancellation_reasons(&error) {
            // The id is new: an earlier attempt, whose answer was lost, has made the batch.
            Some([batch, ..]) if condition_failed(batch) => Ok(MadeVouchers { id, codes }),
            Some(reasons) if authority.is_lost(act.subject, reasons) => Err(AuthorityLost.into()),
            _ => Err(StoreError::from(error).into()),
        }
    }
}

fn act_of_making(id: BatchId, new: &NewBatch) -> Act<'_> {
    Act {
        deed: Deed::MakeVouchers,
        subject: ActSubject::Batch(id),
        before: json!({}),
        after: json!({
            "kind": new.kind,
            "amount": new.amount,
            "count": new.count,
            "uses": new.uses,
            "expires_at": new.ends_at.map(|end| end.to_string()),
            "ended_at": null,
        }),
        reason: new.note.as_ref(),
    }
}
