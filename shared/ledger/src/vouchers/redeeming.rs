//! Redeeming a voucher.

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::EntryId;
use domain::time::Timestamp;
use domain::voucher_end::VoucherEnd;
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, from_item};

use super::Vouchers;
use super::code_item::{VoucherItem, VoucherUse};
use super::found::CreditVoucher;
use crate::account::{Account, OPEN, Payer};
use crate::crediting::Crediting;
use crate::due_allowance::give_due;
use crate::entry::EntrySource;
use crate::error::RedeemError;
use crate::gate::Accepting;

/// Attempts at a redemption. An attempt is repeated if another request changed the account between its read and its write.
const MAX_ROUNDS: usize = 10;

/// A voucher that was redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// The entry.
    pub entry_id: EntryId,
    /// The credits that the user can spend right after it.
    pub spendable: Credits,
}

/// The outcome of one write of a redemption.
enum RedemptionOutcome {
    Redeemed,
    /// The account changed after it was read.
    Overtaken,
}

impl Vouchers {
    /// Gives the credits of `voucher` to `payer`, whose account is `account`: once for a user, and as often as the voucher may
    /// be used. The code's count, the use, the account and the entry are written in one transaction. Nothing that vouchers share
    /// is in it but the code's own item, whose condition decides. The credits are given away, so the gate must have been asked.
    ///
    /// # Errors
    /// [`RedeemError::AlreadyRedeemed`] if the user has used it, [`RedeemError::Spent`] if it gives nothing any more,
    /// [`RedeemError::TooManyCredits`] if the user would have too many, [`RedeemError::Closed`] if the account was closed
    /// meanwhile; [`RedeemError::Unavailable`] if the outcome is not known: a repetition says whether it was redeemed.
    pub async fn redeem(
        &self,
        _accepting: Accepting,
        payer: Payer,
        account: Account,
        voucher: CreditVoucher,
        deadline: Timestamp,
    ) -> Result<Redeemed, RedeemError> {
        let (mut account, mut voucher) = (account, voucher);
        for _ in 0..MAX_ROUNDS {
            if voucher.own_use.is_some() {
                return Err(RedeemError::AlreadyRedeemed);
            }
            if let Some(end) = voucher.item.end(self.clock.now()) {
                return Err(RedeemError::Spent(end));
            }
            if give_due(&self.table, &self.clock, payer.user_id(), &account, deadline).await? {
                (account, voucher) = self.read_again(payer, voucher).await?;
                continue;
            }
            let crediting = Crediting::of(payer.user_id(), &account, voucher.item.amount.gained(), &self.clock)?;
            match self.write_redemption(payer, crediting, &voucher, deadline).await? {
                RedemptionOutcome::Redeemed => {
                    let Crediting { entry_id, balance, .. } = crediting;
                    let (spendable, _) = Account { balance, ..account }.spendable_and_held(self.clock.now());
                    return Ok(Redeemed { entry_id, spendable });
                }
                RedemptionOutcome::Overtaken => (account, voucher) = self.read_again(payer, voucher).await?,
            }
        }
        Err(RedeemError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    async fn write_redemption(
        &self,
        payer: Payer,
        crediting: Crediting<'_>,
        voucher: &CreditVoucher,
        deadline: Timestamp,
    ) -> Result<RedemptionOutcome, RedeemError> {
        let (user_id, entry_id) = (payer.user_id(), crediting.entry_id);
        let now = self.clock.now();
        let [code, own_use] = voucher.place.using(&voucher.item, user_id, entry_id, now, &self.table)?;
        let account = Account::bind_open(crediting.update(&self.table, &format!("AND {OPEN}")), payer);
        let entry = crediting.entry(&self.table, EntrySource::Voucher, &self.clock)?;
        let items = vec![code, own_use, transaction::update(account)?, entry];
        let token = format!("redeem-{entry_id}");
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else {
            return Ok(RedemptionOutcome::Redeemed);
        };
        match cancellation_reasons(&error) {
            Some([_, own_use, ..]) if condition_failed(own_use) => {
                let found: Option<VoucherUse> = own_use.item().cloned().map(from_item).transpose()?;
                // An earlier attempt, whose answer was lost, has redeemed it.
                let is_ours = found.is_some_and(|found| found.entry_id == entry_id);
                if is_ours { Ok(RedemptionOutcome::Redeemed) } else { Err(RedeemError::AlreadyRedeemed) }
            }
            Some([code, ..]) if condition_failed(code) => {
                let found: Option<VoucherItem> = code.item().cloned().map(from_item).transpose()?;
                // A code that is gone had ended long before.
                Err(RedeemError::Spent(found.and_then(|found| found.end(now)).unwrap_or(VoucherEnd::Expired)))
            }
            Some([_, _, account, ..]) if condition_failed(account) => Ok(RedemptionOutcome::Overtaken),
            _ => Err(StoreError::from(error).into()),
        }
    }

    /// Reads account, code and use once more. The account may have been closed meanwhile.
    async fn read_again(&self, payer: Payer, seen: CreditVoucher) -> Result<(Account, CreditVoucher), RedeemError> {
        let account = Account::admitted(self.table.get(Account::key(payer.user_id())).await?, payer)?;
        let [code, own_use] = self.table.get_each([seen.place.code(), seen.place.use_by(payer.user_id())]).await?;
        let item = from_item(code.ok_or(RedeemError::Spent(VoucherEnd::Expired))?)?;
        Ok((account, CreditVoucher { item, own_use: own_use.map(from_item).transpose()?, ..seen }))
    }
}
