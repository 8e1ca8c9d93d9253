//! Codes that are in the table.

use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use domain::code::VoucherCode;
use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::time::{Clock, Timestamp};
use domain::voucher_end::VoucherEnd;
use store::transaction::condition_failed;
use store::{StoreError, Table, from_item};

use super::Vouchers;
use super::code_item::{CodePlace, VoucherItem, VoucherKind, VoucherUse};

/// A voucher of credits, as it was found for a user.
#[derive(Clone, Debug)]
pub struct CreditVoucher {
    pub(super) place: CodePlace,
    pub(super) item: VoucherItem,
    /// The user's own use of it, if there is one.
    pub(super) own_use: Option<VoucherUse>,
}

/// An invitation, as it was found. It registers one account each time that it is used.
#[derive(Clone, Debug)]
pub struct Invitation {
    place: CodePlace,
    item: VoucherItem,
}

impl Vouchers {
    /// The voucher of credits with this code, and the use that `user_id` has made of it. An invitation is none.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn find_credits(&self, code: &VoucherCode, user_id: UserId) -> Result<Option<CreditVoucher>, StoreError> {
        let place = CodePlace::of(code);
        let [voucher, own_use] = self.table.get_each([place.code(), place.use_by(user_id)]).await?;
        let item: Option<VoucherItem> = voucher.map(from_item).transpose()?;
        let Some(item) = item.filter(|item| item.kind == VoucherKind::Credits) else { return Ok(None) };
        Ok(Some(CreditVoucher { place, item, own_use: own_use.map(from_item).transpose()? }))
    }

    /// The invitation with this code. A voucher of credits is none.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn find_invitation(&self, code: &VoucherCode) -> Result<Option<Invitation>, StoreError> {
        let place = CodePlace::of(code);
        let item: Option<VoucherItem> = self.table.get(place.code()).await?;
        Ok(item.filter(|item| item.kind == VoucherKind::Invitation).map(|item| Invitation { place, item }))
    }
}

impl Invitation {
    /// The credits that the account begins with.
    #[must_use]
    pub fn credits(&self) -> Credits {
        self.item.amount
    }

    /// The reason why nobody can register by it any more at `now`, if nobody can.
    #[must_use]
    pub fn end(&self, now: Timestamp) -> Option<VoucherEnd> {
        self.item.end(now)
    }

    /// The last parts of the transaction that registers `user_id`, whose account begins with the entry `entry_id`.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if a request cannot be built.
    pub fn using(
        &self,
        user_id: UserId,
        entry_id: EntryId,
        table: &Table,
        clock: &Clock,
    ) -> Result<[TransactWriteItem; 2], StoreError> {
        self.place.using(&self.item, user_id, entry_id, clock.now(), table)
    }

    /// The reason why a transaction with these [parts](Invitation::using) was refused, if it was the invitation.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the invitation cannot be read.
    pub fn refusal(&self, reasons: &[CancellationReason], now: Timestamp) -> Result<Option<VoucherEnd>, StoreError> {
        let code = reasons.len().checked_sub(2).and_then(|place| reasons.get(place));
        let Some(code) = code.filter(|code| condition_failed(code)) else { return Ok(None) };
        let item: Option<VoucherItem> = code.item().cloned().map(from_item).transpose()?;
        // A code that is gone had ended long before.
        Ok(Some(item.and_then(|item| item.end(now)).unwrap_or(VoucherEnd::Expired)))
    }
}
