//! The ends of vouchers.

use std::fmt;

/// The reason why a voucher that there is gives nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoucherEnd {
    /// It was redeemed as often as it may be.
    UsedUp,
    /// Its time is over.
    Expired,
    /// Staff have ended it.
    Withdrawn,
}

impl fmt::Display for VoucherEnd {
    /// A sentence for the person who has the code.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UsedUp => "This code has been used up.",
            Self::Expired => "This code has expired.",
            Self::Withdrawn => "This code is no longer valid.",
        })
    }
}
