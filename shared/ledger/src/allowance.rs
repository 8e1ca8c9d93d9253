//! Allowances: credits that an account gets with every day, week or month, up to a cap.
//!
//! Nobody is at work when a period begins. The account says up to which period its allowance is decided, and the first hold of a
//! later one takes the [step](AllowanceStep): it gives what is due and moves that mark, in the hold's own write. So an account
//! has the credits that it would have if each period had begun with a grant, and an account that nobody uses costs nothing.
//! Balances count what is due before any hold. See `docs/decisions/allowances.md`.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::allowance::AllowanceTerms;
use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::invalid_field::InvalidField;
use domain::period::{Period, PeriodLength};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{StoreError, Table, number};

use crate::entry::{self, Entry, EntrySource};

/// Condition: terms, decided periods, balance and holds are those from which the credits were computed that are due.
pub(crate) const AS_SEEN: &str = " AND allowance = :allowance AND version = :version";

/// The allowance of an account: its terms, and the last period that is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredAllowance", into = "StoredAllowance")]
pub struct Allowance {
    terms: AllowanceTerms,
    through: Period,
}

/// The allowance as the account item has it.
#[derive(Serialize, Deserialize)]
struct StoredAllowance {
    credits: Credits,
    per: PeriodLength,
    cap: Credits,
    through: Period,
}

impl TryFrom<StoredAllowance> for Allowance {
    type Error = InvalidField;

    fn try_from(stored: StoredAllowance) -> Result<Self, InvalidField> {
        let terms = AllowanceTerms::new(stored.credits, stored.per, stored.cap)?;
        if stored.through.length() != stored.per {
            return Err(InvalidField::new("The decided periods of an allowance have its own length."));
        }
        Ok(Self { terms, through: stored.through })
    }
}

impl From<Allowance> for StoredAllowance {
    fn from(Allowance { terms, through }: Allowance) -> Self {
        Self { credits: terms.credits(), per: terms.per(), cap: terms.cap(), through }
    }
}

/// An allowance as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AllowanceView {
    /// The credits of one period.
    pub credits: Credits,
    /// The length of the periods.
    pub per: PeriodLength,
    /// The most that the account may have by its allowance.
    pub cap: Credits,
    /// The moment at which the next credits come, in RFC 3339. Those of the periods so far can be spent.
    pub renews_at: Option<String>,
}

/// The allowance of an account that gets one at `now`. Its first credits come with the next period: so nobody gains by
/// registering again, and nothing is given by switching an allowance off and on.
#[must_use]
pub fn allowance_at_its_beginning(terms: AllowanceTerms, now: Timestamp) -> Allowance {
    Allowance { terms, through: terms.per().period_at(now) }
}

impl Allowance {
    /// The terms.
    #[must_use]
    pub fn terms(self) -> AllowanceTerms {
        self.terms
    }

    /// The allowance under other terms from `now` on. Periods of the same length that are not decided yet come under the new
    /// terms. With another length the allowance begins anew.
    #[must_use]
    pub fn with_terms(self, terms: AllowanceTerms, now: Timestamp) -> Self {
        if terms.per() == self.terms.per() { Self { terms, ..self } } else { allowance_at_its_beginning(terms, now) }
    }

    /// The moment at which the next credits come that are not due at `now`. `None` before the year 10000.
    #[must_use]
    pub fn renews_at(self, now: Timestamp) -> Option<Timestamp> {
        self.terms.per().period_at(now).max(self.through).end()
    }

    /// The allowance as it is shown at `now`.
    #[must_use]
    pub fn view(self, now: Timestamp) -> AllowanceView {
        let Self { terms, .. } = self;
        let renews_at = self.renews_at(now).map(|moment| moment.to_string());
        AllowanceView { credits: terms.credits(), per: terms.per(), cap: terms.cap(), renews_at }
    }

    /// The allowance as an attribute, by which a condition knows it.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if it cannot be written as one.
    pub fn attribute_value(self) -> Result<AttributeValue, StoreError> {
        serde_dynamo::to_attribute_value(self).map_err(StoreError::from)
    }

    /// The step at `moment` in an account that has `owned` credits, held ones included. `None` where the period of `moment` is
    /// decided.
    pub(crate) fn step_at(self, moment: Timestamp, owned: Credits) -> Option<AllowanceStep> {
        let period = self.terms.per().period_at(moment);
        let periods = period.periods_since(self.through);
        if periods == 0 {
            return None;
        }
        let of_periods = u64::from(self.terms.credits()).saturating_mul(periods.into());
        let of_periods = Credits::new(of_periods).unwrap_or(Credits::MAX);
        Some(AllowanceStep { seen: self, period, due: of_periods.min(self.terms.cap().saturating_minus(owned)) })
    }
}

/// The step of an allowance: the periods up to `period` are decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AllowanceStep {
    /// The allowance before.
    seen: Allowance,
    period: Period,
    /// The credits that are due. None where the account has as many as its cap.
    pub(crate) due: Credits,
}

impl AllowanceStep {
    /// The id of the step's entry: the one before that of its hold, whose random bits nobody else has. A repetition of the
    /// hold's write so puts the same entry.
    pub(crate) fn entry_id(hold: EntryId) -> EntryId {
        hold.preceding()
    }

    /// The allowance after the step.
    pub(crate) fn allowance(self) -> Allowance {
        Allowance { through: self.period, ..self.seen }
    }

    /// The update of the account with the values of its conditions, whose account had this `version`.
    pub(crate) fn with_values(self, update: UpdateBuilder, version: u64) -> Result<UpdateBuilder, StoreError> {
        Ok(update
            .expression_attribute_values(":allowance", self.seen.attribute_value()?)
            .expression_attribute_values(":period", AttributeValue::S(self.period.to_string()))
            .expression_attribute_values(":version", number(version)))
    }

    /// The part of a transaction that puts the entry `id` of the credits that are due.
    pub(crate) fn entry(self, table: &Table, user_id: UserId, id: EntryId) -> Result<TransactWriteItem, StoreError> {
        let entry = Entry::credited(self.due.gained(), EntrySource::Allowance, id.made_at().to_string());
        table.put_new(entry::key(user_id, id).with(&entry)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    const LENGTHS: [PeriodLength; 3] = [PeriodLength::Day, PeriodLength::Week, PeriodLength::Month];
    const DAY_SECONDS: u64 = 24 * 60 * 60;
    /// 2026-11-27T00:00:00Z, a Friday.
    const FRIDAY: Timestamp = Timestamp::from_seconds(1_795_737_600);

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn terms(amount: u64, per: PeriodLength, cap: u64) -> AllowanceTerms {
        AllowanceTerms::new(credits(amount), per, credits(cap)).unwrap()
    }

    fn due(allowance: Allowance, moment: Timestamp, owned: u64) -> Option<u64> {
        allowance.step_at(moment, credits(owned)).map(|step| step.due.into())
    }

    #[test]
    fn a_new_allowance_gives_nothing_before_the_next_period_and_then_so_much_with_each_up_to_its_cap() {
        let allowance = allowance_at_its_beginning(terms(5, PeriodLength::Day, 12), FRIDAY);
        let day = |days: u64| FRIDAY.plus(Duration::from_secs(days * DAY_SECONDS));
        assert_eq!(due(allowance, day(1).minus(Duration::from_millis(1)), 0), None);
        assert_eq!([1, 2, 3, 400].map(|days| due(allowance, day(days), 0)), [5, 10, 12, 12].map(Some));
        assert_eq!([0, 6, 8, 12, 13].map(|owned| due(allowance, day(2), owned)), [10, 6, 4, 0, 0].map(Some));
        let after = allowance.step_at(day(2), Credits::ZERO).unwrap().allowance();
        assert_eq!((due(after, day(2), 0), due(after, day(3), 0)), (None, Some(5)));
        assert_eq!(due(after, day(1), 0), None, "a clock that is behind gives nothing again");
    }

    #[test]
    fn the_next_credits_come_with_the_period_after_the_present_one_and_after_the_decided_ones() {
        let allowance = allowance_at_its_beginning(terms(5, PeriodLength::Week, 5), FRIDAY);
        let renews_at = |now: Timestamp| allowance.renews_at(now).unwrap().to_string();
        assert_eq!(renews_at(FRIDAY), "2026-11-30T00:00:00Z");
        assert_eq!(renews_at(FRIDAY.plus(Duration::from_secs(4 * DAY_SECONDS))), "2026-12-07T00:00:00Z");
        assert_eq!(renews_at(FRIDAY.minus(Duration::from_secs(30 * DAY_SECONDS))), "2026-11-30T00:00:00Z");
    }

    #[test]
    fn other_terms_keep_the_decided_periods_unless_the_length_is_another() {
        let day = terms(5, PeriodLength::Day, 5);
        let old = allowance_at_its_beginning(day, FRIDAY);
        let now = FRIDAY.plus(Duration::from_secs(3 * DAY_SECONDS));
        assert_eq!(old.with_terms(day, now), old);
        assert_eq!(due(old.with_terms(terms(7, PeriodLength::Day, 100), now), now, 0), Some(21));
        let monthly = old.with_terms(terms(9, PeriodLength::Month, 9), now);
        assert_eq!(
            (due(monthly, now, 0), monthly.renews_at(now)),
            (None, Some(Timestamp::from_seconds(1_796_083_200)))
        );
    }

    #[test]
    fn an_allowance_is_stored_as_one_map_that_reads_back_and_no_other_map_is_one() {
        let allowance = allowance_at_its_beginning(terms(5, PeriodLength::Month, 8), FRIDAY);
        let stored = json!({"credits": 5, "per": "month", "cap": 8, "through": "2026-11"});
        assert_eq!(serde_json::to_value(allowance).unwrap(), stored);
        assert_eq!(serde_json::from_value::<Allowance>(stored.clone()).unwrap(), allowance);
        for (member, wrong) in [
            ("credits", json!(0)),
            ("cap", json!(4)),
            ("per", json!("total")),
            ("per", json!("day")),
            ("through", json!("2026-11-27")),
            ("through", json!("")),
        ] {
            let mut broken = stored.clone();
            broken[member] = wrong;
            assert!(serde_json::from_value::<Allowance>(broken.clone()).is_err(), "{broken}");
        }
    }

    #[test]
    fn amounts_without_end_are_no_more_than_the_cap() {
        let most = u64::from(Credits::MAX);
        let allowance = allowance_at_its_beginning(terms(most, PeriodLength::Day, most), Timestamp::from_seconds(0));
        assert_eq!(due(allowance, FRIDAY, 0), Some(most));
        assert_eq!(due(allowance, FRIDAY, most), Some(0));
    }

    /// What an account does between its holds.
    #[derive(Clone, Copy, Debug)]
    struct Turn {
        /// The time until its next hold.
        wait_s: u64,
        /// The credits that it spends then, as far as it has them.
        spent: u64,
    }

    fn turns() -> impl Strategy<Value = Vec<Turn>> {
        let wait_s = prop_oneof![0..DAY_SECONDS, 0..10 * DAY_SECONDS, 0..100 * DAY_SECONDS];
        prop::collection::vec((wait_s, 0..40_u64).prop_map(|(wait_s, spent)| Turn { wait_s, spent }), 1..30)
    }

    proptest! {
        /// The model grants at every beginning of a period, one by one, to whoever has room below the cap.
        #[test]
        fn a_step_gives_what_a_grant_at_the_beginning_of_each_period_would_have_given(
            amount in 1..20_u64,
            further in 0..40_u64,
            balance in 0..60_u64,
            begins_s in 0..1_000 * DAY_SECONDS,
            turns in turns(),
        ) {
            for per in LENGTHS {
                let cap = amount + further;
                let mut now = FRIDAY.plus(Duration::from_secs(begins_s));
                let mut allowance = allowance_at_its_beginning(terms(amount, per, cap), now);
                let (mut owned, mut model) = (balance, balance);
                let mut granted_through = per.period_at(now);
                for Turn { wait_s, spent } in &turns {
                    now = now.plus(Duration::from_secs(*wait_s));
                    if let Some(step) = allowance.step_at(now, credits(owned)) {
                        owned += u64::from(step.due);
                        allowance = step.allowance();
                        prop_assert_eq!(allowance.step_at(now, credits(owned)), None);
                    }
                    while granted_through != per.period_at(now) {
                        granted_through = per.period_at(granted_through.end().unwrap());
                        model += amount.min(cap.saturating_sub(model));
                    }
                    prop_assert_eq!(owned, model);
                    let spent = *spent.min(&owned);
                    (owned, model) = (owned - spent, model - spent);
                }
            }
        }

        #[test]
        fn an_allowance_that_begins_again_and_again_gives_nothing_that_would_not_have_come_anyway(
            amount in 1..20_u64,
            waits_s in prop::collection::vec(0..40 * DAY_SECONDS, 1..20),
        ) {
            for per in LENGTHS {
                let terms = terms(amount, per, 1_000_000);
                let mut now = FRIDAY;
                let (mut kept, mut given) = (allowance_at_its_beginning(terms, now), 0);
                let mut given_to_restless = 0;
                let mut restless = kept;
                for wait_s in &waits_s {
                    now = now.plus(Duration::from_secs(*wait_s));
                    if let Some(step) = kept.step_at(now, Credits::ZERO) {
                        given += u64::from(step.due);
                        kept = step.allowance();
                    }
                    given_to_restless += restless.step_at(now, Credits::ZERO).map_or(0, |step| u64::from(step.due));
                    restless = allowance_at_its_beginning(terms, now);
                    prop_assert_eq!(restless.step_at(now, Credits::ZERO), None);
                }
                prop_assert!(given_to_restless <= given);
                prop_assert_eq!(given, amount * u64::from(per.period_at(now).periods_since(per.period_at(FRIDAY))));
            }
        }
    }
}
