//! Credits, which users spend on messages. The API calls them `tokens`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of credits, never negative and never more than [`Credits::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Credits(u64);

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);

    /// Largest amount: 2^53 - 1, the last integer that every JSON reader keeps exact (RFC 8259, section 6).
    pub const MAX: Self = Self((1 << 53) - 1);

    /// An amount of credits.
    ///
    /// # Errors
    /// [`TooManyCredits`] above [`Credits::MAX`].
    pub fn new(amount: u64) -> Result<Self, TooManyCredits> {
        if amount > Self::MAX.0 {
            return Err(TooManyCredits);
        }
        Ok(Self(amount))
    }

    /// The sum of both amounts, at most [`Credits::MAX`].
    #[must_use]
    pub fn saturating_plus(self, returned: Self) -> Self {
        Self((self.0 + returned.0).min(Self::MAX.0))
    }

    /// The difference of both amounts, or zero if `spent` is larger.
    #[must_use]
    pub fn saturating_minus(self, spent: Self) -> Self {
        Self(self.0.saturating_sub(spent.0))
    }

    /// The amount of a ledger entry that gives the user these credits: positive.
    #[must_use]
    pub fn gained(self) -> i64 {
        // Lossless: MAX is below 2^53.
        self.0.cast_signed()
    }

    /// The amount of a ledger entry that charges the user these credits: negative.
    #[must_use]
    pub fn spent(self) -> i64 {
        -self.gained()
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl From<Credits> for u64 {
    fn from(credits: Credits) -> u64 {
        credits.0
    }
}

impl TryFrom<u64> for Credits {
    type Error = TooManyCredits;

    fn try_from(amount: u64) -> Result<Self, TooManyCredits> {
        Self::new(amount)
    }
}

/// An amount above [`Credits::MAX`].
#[derive(Debug, thiserror::Error)]
#[error("an amount of credits is at most {max}", max = Credits::MAX)]
pub struct TooManyCredits;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_that_json_cannot_keep_exact_is_refused() {
        assert!(Credits::new(9_007_199_254_740_991).is_ok());
        assert!(Credits::new(9_007_199_254_740_992).is_err());
        assert!(serde_json::from_str::<Credits>("18446744073709551615").is_err());
        assert!(serde_json::from_str::<Credits>("-1").is_err());
    }

    proptest! {
        #[test]
        fn gaining_and_spending_the_same_amount_leaves_nothing(amount in 0..=u64::from(Credits::MAX)) {
            let credits = Credits::new(amount).unwrap();
            prop_assert_eq!(credits.gained() + credits.spent(), 0);
            prop_assert_eq!(credits.saturating_minus(credits), Credits::ZERO);
        }
    }
}
