//! Vouchers: codes that give credits to whoever redeems them, and invitations, which are vouchers that register.
//!
//! Staff make codes in batches. The table has the digest of each code, how often it may be used, and how often it was. A use
//! raises that count on the condition that there is room, and puts an item of its own, once for a user. So a code gives as often
//! as it may, however many redeem it at once, and nothing grows but items. See `docs/decisions/vouchers.md`.
//!
//! Begin with [`Vouchers::make`] and [`Vouchers::redeem`].

mod batch;
mod code_item;
mod ending;
mod found;
mod list;
mod making;
mod redeeming;
mod terms;
#[cfg(test)]
mod tests;

use domain::time::Clock;
use store::Table;

pub use batch::{Batch, BatchView, CodeView};
pub use code_item::VoucherKind;
pub use found::{CreditVoucher, Invitation};
pub use list::BatchPage;
pub use making::MadeVouchers;
pub use redeeming::Redeemed;
pub use terms::{
    BatchTerms, NewBatch, VoucherAmount, VoucherCount, VoucherExpiry, VoucherNote, VoucherUses, WrongTerm,
};

pub use crate::error::{BatchError, RedeemError};

/// The vouchers in the table.
#[derive(Clone, Debug)]
pub struct Vouchers {
    table: Table,
    clock: Clock,
}

impl Vouchers {
    /// The vouchers in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }
}
