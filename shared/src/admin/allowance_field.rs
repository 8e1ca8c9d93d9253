//! The field `allowance` of a change of an account.

use domain::allowance::AllowanceTerms;
use domain::credits::Credits;
use domain::invalid_field::InvalidField;
use domain::period::PeriodLength;
use serde_json::Value;

/// Parses the terms of an allowance whose cap is at most `most`: that of one act of staff, since whoever has been away for long
/// gets it at once.
///
/// # Errors
/// [`InvalidField`] with the rule that is broken.
pub fn allowance_within(most: Credits) -> impl FnOnce(Value) -> Result<Option<AllowanceTerms>, InvalidField> {
    move |value| {
        let credits = |name: &str| Credits::new(value.get(name)?.as_u64()?).ok().filter(|amount| *amount <= most);
        let terms = || {
            let word = value.get("per")?.as_str()?;
            let (_, per) = PeriodLength::WORDS.into_iter().find(|(known, _)| *known == word)?;
            Some((credits("credits")?, per, credits("cap")?))
        };
        let (credits, per, cap) = terms().ok_or_else(|| {
            InvalidField::new(format!(
                "Give an object of credits and cap, whole numbers from 1 to {most}, and per: day, week or month."
            ))
        })?;
        AllowanceTerms::new(credits, per, cap).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    #[test]
    fn an_allowance_is_an_object_of_credits_a_period_and_a_cap_that_staff_may_give() {
        let most = Credits::new(1000).unwrap();
        let parse = |value: &Value| allowance_within(most)(value.clone());
        for (word, per) in [("day", PeriodLength::Day), ("week", PeriodLength::Week), ("month", PeriodLength::Month)] {
            let terms = AllowanceTerms::new(Credits::new(7).unwrap(), per, most).unwrap();
            assert_eq!(parse(&json!({"credits": 7, "per": word, "cap": 1000})), Ok(Some(terms)));
        }
        // As an account shows it.
        assert!(parse(&json!({"credits": 7, "per": "day", "cap": 7, "renews_at": "2026-11-28T00:00:00Z"})).is_ok());
        for (wrong, reason) in [
            (json!(7), "Give an object"),
            (json!({}), "Give an object"),
            (json!({"credits": 7, "per": "day"}), "Give an object"),
            (json!({"credits": 7, "cap": 7}), "Give an object"),
            (json!({"credits": -7, "per": "day", "cap": 7}), "Give an object"),
            (json!({"credits": 7.5, "per": "day", "cap": 8}), "Give an object"),
            (json!({"credits": "7", "per": "day", "cap": 8}), "Give an object"),
            (json!({"credits": 7, "per": "year", "cap": 8}), "Give an object"),
            (json!({"credits": 7, "per": "day", "cap": 1001}), "Give an object"),
            (json!({"credits": 7, "per": "day", "cap": u64::MAX}), "Give an object"),
            (json!({"credits": 0, "per": "day", "cap": 8}), "An allowance has at least 1 credit."),
            (json!({"credits": 7, "per": "total", "cap": 8}), "An allowance comes per day, week or month."),
            (json!({"credits": 7, "per": "day", "cap": 6}), "The cap of an allowance"),
        ] {
            let told = parse(&wrong).unwrap_err().to_string();
            assert!(told.starts_with(reason), "{wrong}: {told}");
        }
    }
}
