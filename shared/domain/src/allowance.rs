//! The terms of an allowance: credits that come again with every period.

use crate::credits::Credits;
use crate::invalid_field::InvalidField;
use crate::period::PeriodLength;

/// The credits that an account gets with every day, week or month, and the most that it may have by them. At least one
/// credit, and a cap that one period's credits fit under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowanceTerms {
    credits: Credits,
    per: PeriodLength,
    cap: Credits,
}

impl AllowanceTerms {
    /// The terms of `credits` with every period of the length `per`, up to `cap`.
    ///
    /// # Errors
    /// [`InvalidField`] with the rule that is broken.
    pub fn new(credits: Credits, per: PeriodLength, cap: Credits) -> Result<Self, InvalidField> {
        if credits == Credits::ZERO {
            return Err(InvalidField::new("An allowance has at least 1 credit."));
        }
        if per == PeriodLength::Total {
            return Err(InvalidField::new("An allowance comes per day, week or month."));
        }
        if cap < credits {
            return Err(InvalidField::new("The cap of an allowance is at least the credits of one period."));
        }
        Ok(Self { credits, per, cap })
    }

    /// The credits of one period.
    #[must_use]
    pub fn credits(self) -> Credits {
        self.credits
    }

    /// The length of the periods.
    #[must_use]
    pub fn per(self) -> PeriodLength {
        self.per
    }

    /// The most that the account may have by its allowance.
    #[must_use]
    pub fn cap(self) -> Credits {
        self.cap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_has_credits_a_period_that_ends_and_a_cap_with_room_for_them() {
        let terms =
            |credits, per, cap| AllowanceTerms::new(Credits::new(credits).unwrap(), per, Credits::new(cap).unwrap());
        let month = terms(5, PeriodLength::Month, 5).unwrap();
        assert_eq!((month.credits(), month.per(), month.cap()), (month.cap(), PeriodLength::Month, month.credits()));
        for (credits, per, cap) in [(0, PeriodLength::Day, 5), (5, PeriodLength::Total, 5), (5, PeriodLength::Week, 4)]
        {
            assert!(terms(credits, per, cap).is_err(), "{credits} {per:?} {cap}");
        }
    }
}
