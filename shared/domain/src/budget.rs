//! Budgets: the credits that may be spent in a calendar period.

use serde::{Deserialize, Serialize};

use crate::credits::Credits;
use crate::period::PeriodLength;

/// The credits that may be spent in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The most credits of a period.
    pub credits: Credits,
    /// The period after which the budget begins anew.
    pub per: PeriodLength,
}

impl Budget {
    /// Whether this budget may allow what `other` does not. Another period may.
    #[must_use]
    pub fn allows_more_than(self, other: Self) -> bool {
        self.per != other.per || self.credits > other.credits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_allows_more_if_it_has_more_credits_or_another_period() {
        let budget = |credits, per| Budget { credits: Credits::new(credits).unwrap(), per };
        let day = budget(5, PeriodLength::Day);
        assert!(!day.allows_more_than(day) && !budget(4, PeriodLength::Day).allows_more_than(day));
        assert!(budget(6, PeriodLength::Day).allows_more_than(day));
        assert!(budget(4, PeriodLength::Week).allows_more_than(day));
    }
}
