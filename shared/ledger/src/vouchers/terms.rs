//! The terms on which codes are made.

use std::time::Duration;

use domain::credits::Credits;
use domain::invalid_field::{InvalidField, check_length};
use domain::reason::Reason;
use domain::time::Timestamp;
use domain::time_span::TimeSpan;
use serde_json::Value;

use super::code_item::VoucherKind;

/// The longest time for which codes may be valid.
const LONGEST_VALIDITY: Duration = Duration::from_secs(3653 * 24 * 60 * 60);

/// The credits of one use of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoucherAmount(Credits);

impl TryFrom<Value> for VoucherAmount {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let amount = whole_number(&value, 0, Credits::MAX.into())?;
        Credits::new(amount).map(Self).map_err(|_| InvalidField::new("A valid integer is required."))
    }
}

/// The number of codes of a batch. A batch is one transaction, which has at most 100 items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoucherCount(u32);

impl VoucherCount {
    /// The most codes of a batch: with the batch, the check of the actor and the records of the act there are 95 items.
    pub const MAX: u32 = 90;
}

impl Default for VoucherCount {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<Value> for VoucherCount {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        Ok(Self(u32::try_from(whole_number(&value, 1, Self::MAX.into())?).unwrap_or(Self::MAX)))
    }
}

/// How often a code may be used, each time by another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoucherUses(u32);

impl VoucherUses {
    /// The most uses of a code.
    pub const MAX: u32 = 100_000;
}

impl Default for VoucherUses {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<Value> for VoucherUses {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        Ok(Self(u32::try_from(whole_number(&value, 1, Self::MAX.into())?).unwrap_or(Self::MAX)))
    }
}

/// The time from which codes cannot be used any more, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoucherExpiry(Option<Timestamp>);

impl TryFrom<Value> for VoucherExpiry {
    type Error = InvalidField;

    /// Parses a moment of RFC 3339. A date is the end of its day in UTC: whoever reads "until Friday" comes on Friday.
    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let text = value.as_str().ok_or_else(|| InvalidField::new("Not a valid string."))?;
        // Codes end by whole seconds.
        let last = TimeSpan::parse(text)?.last().milliseconds().div_ceil(1000);
        Ok(Self(Some(Timestamp::from_seconds(last))))
    }
}

/// The note of staff on a batch: up to 200 characters, which the record of the act has as its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoucherNote(Option<Reason>);

impl VoucherNote {
    /// The most characters of a note.
    pub const MAX_CHARACTERS: usize = 200;
}

impl TryFrom<Value> for VoucherNote {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let text = value.as_str().ok_or_else(|| InvalidField::new("Not a valid string."))?;
        check_length(text, Self::MAX_CHARACTERS)?;
        Ok(Self(Some(Reason::try_from(text.to_owned())?)))
    }
}

/// A term that does not go with the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongTerm {
    /// The name of its field.
    pub field: &'static str,
    /// The reason.
    pub reason: InvalidField,
}

/// The terms of codes, each of which is one that there may be.
#[derive(Clone, Debug)]
pub struct BatchTerms {
    /// What the codes are for.
    pub kind: VoucherKind,
    /// The credits of one use.
    pub amount: VoucherAmount,
    /// The number of codes.
    pub count: VoucherCount,
    /// How often each may be used.
    pub uses: VoucherUses,
    /// The time from which they cannot be used any more.
    pub expiry: VoucherExpiry,
    /// The note.
    pub note: VoucherNote,
}

/// Codes that are to be made, on terms that go together.
#[derive(Clone, Debug)]
pub struct NewBatch {
    pub(super) kind: VoucherKind,
    pub(super) amount: Credits,
    pub(super) count: u32,
    pub(super) uses: u32,
    pub(super) ends_at: Option<Timestamp>,
    pub(super) note: Option<Reason>,
}

impl NewBatch {
    /// The codes on these terms, which give at most `most` credits if each is used as often as it may be.
    ///
    /// # Errors
    /// [`WrongTerm`] if a voucher gives nothing, if the codes could give more than `most`, or if they would end before `now`
    /// or more than ten years after it.
    pub fn new(terms: BatchTerms, most: Credits, now: Timestamp) -> Result<Self, WrongTerm> {
        let wrong = |field, reason: String| WrongTerm { field, reason: InvalidField::new(reason) };
        let BatchTerms { kind, amount, count, uses, expiry, note } = terms;
        let (VoucherAmount(amount), VoucherCount(count), VoucherUses(uses)) = (amount, count, uses);
        let (VoucherExpiry(ends_at), VoucherNote(note)) = (expiry, note);
        if kind == VoucherKind::Credits && amount == Credits::ZERO {
            return Err(wrong("amount", "Ensure this value is greater than or equal to 1.".to_owned()));
        }
        let total = u64::from(amount).checked_mul(count.into()).and_then(|each| each.checked_mul(uses.into()));
        if total.is_none_or(|total| total > most.into()) {
            let reason = format!("All uses of all codes together may give at most {most} credits.");
            return Err(wrong("amount", reason));
        }
        if ends_at.is_some_and(|end| end.seconds() <= now.seconds()) {
            return Err(wrong("expires_at", "Ensure this is a time in the future.".to_owned()));
        }
        if ends_at.is_some_and(|end| end > now.plus(LONGEST_VALIDITY)) {
            return Err(wrong("expires_at", "Ensure this is within the next ten years.".to_owned()));
        }
        Ok(Self { kind, amount, count, uses, ends_at, note })
    }
}

/// Parses a JSON number, or a form's text of one. The errors are those of Django REST Framework's `IntegerField`.
fn whole_number(value: &Value, least: u64, most: u64) -> Result<u64, InvalidField> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number: i64 = number.ok_or_else(|| InvalidField::new("A valid integer is required."))?;
    match u64::try_from(number) {
        Ok(number) if number > most => {
            Err(InvalidField::new(format!("Ensure this value is less than or equal to {most}.")))
        }
        Ok(number) if number >= least => Ok(number),
        _ => Err(InvalidField::new(format!("Ensure this value is greater than or equal to {least}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;
    use testkit::test_table::NOW;

    fn new_batch(amount: u64, count: u64, uses: u64) -> Result<NewBatch, WrongTerm> {
        batch_until(amount, count, uses, VoucherExpiry::default())
    }

    fn batch_until(amount: u64, count: u64, uses: u64, expiry: VoucherExpiry) -> Result<NewBatch, WrongTerm> {
        let terms = BatchTerms {
            kind: VoucherKind::Credits,
            amount: VoucherAmount::try_from(json!(amount)).unwrap(),
            count: VoucherCount::try_from(json!(count)).unwrap(),
            uses: VoucherUses::try_from(json!(uses)).unwrap(),
            expiry,
            note: VoucherNote::default(),
        };
        NewBatch::new(terms, Credits::new(1_000_000).unwrap(), NOW)
    }

    fn wrong_field(outcome: Result<NewBatch, WrongTerm>) -> &'static str {
        outcome.unwrap_err().field
    }

    #[test]
    fn all_uses_of_all_codes_give_at_most_what_one_act_may() {
        assert!(new_batch(1_000_000, 1, 1).is_ok());
        assert!(new_batch(10, 1, 100_000).is_ok() && new_batch(5000, 50, 4).is_ok());
        for (amount, count, uses) in
            [(1_000_001, 1, 1), (11, 1, 100_000), (5000, 50, 5), (Credits::MAX.into(), 90, 100_000)]
        {
            assert_eq!(wrong_field(new_batch(amount, count, uses)), "amount", "{amount} {count} {uses}");
        }
    }

    #[test]
    fn a_voucher_gives_something_and_an_invitation_may_give_nothing() {
        assert_eq!(wrong_field(new_batch(0, 1, 1)), "amount");
        let terms = BatchTerms {
            kind: VoucherKind::Invitation,
            amount: VoucherAmount(Credits::ZERO),
            count: VoucherCount::default(),
            uses: VoucherUses::default(),
            expiry: VoucherExpiry::default(),
            note: VoucherNote::default(),
        };
        let invitation = NewBatch::new(terms, Credits::ZERO, NOW);
        assert!(invitation.is_ok());
    }

    #[test]
    fn codes_end_in_the_future_and_within_ten_years() {
        let until = |text: &str| batch_until(1, 1, 1, VoucherExpiry::try_from(json!(text)).unwrap());
        // NOW is 2027-01-15T08:00:00Z.
        for text in ["2027-01-15T08:00:00Z", "2027-01-14", "1969-12-31T00:00:00Z", "2037-01-17T00:00:00Z"] {
            assert_eq!(wrong_field(until(text)), "expires_at", "{text}");
        }
        assert_eq!(until("2027-01-15T08:00:01Z").unwrap().ends_at, Some(Timestamp::from_seconds(NOW.seconds() + 1)));
        assert_eq!(
            until("2027-01-15").unwrap().ends_at,
            Some(Timestamp::from_seconds(1_800_057_600)),
            "all of the day"
        );
        assert!(until("2037-01-14T00:00:00+01:00").is_ok());
    }

    #[test]
    fn terms_of_other_types_or_beyond_their_bounds_are_refused() {
        for value in [json!(0), json!(91), json!(-1), json!(1.5), json!("x"), json!(true), json!([1])] {
            assert!(VoucherCount::try_from(value.clone()).is_err(), "{value}");
        }
        assert_eq!(VoucherCount::try_from(json!("90")), Ok(VoucherCount(90)));
        assert!(VoucherUses::try_from(json!(100_001)).is_err() && VoucherUses::try_from(json!(100_000)).is_ok());
        for value in [json!(-1), json!(u64::MAX), json!(9_007_199_254_740_992_u64), json!(null)] {
            assert!(VoucherAmount::try_from(value.clone()).is_err(), "{value}");
        }
        for value in [json!(7), json!("tomorrow"), json!("2027-13-01")] {
            assert!(VoucherExpiry::try_from(value.clone()).is_err(), "{value}");
        }
        for value in [json!(7), json!(" "), json!("x".repeat(201))] {
            assert!(VoucherNote::try_from(value.clone()).is_err(), "{value}");
        }
        for value in [json!("both"), json!(1), json!("Credits")] {
            assert!(VoucherKind::try_from(value.clone()).is_err(), "{value}");
        }
        assert_eq!(VoucherKind::try_from(json!("invitation")), Ok(VoucherKind::Invitation));
    }
}
