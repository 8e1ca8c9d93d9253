//! The terms of a new API key.

use std::time::Duration;

use domain::invalid_field::{InvalidField, check_length, check_text};
use domain::time::Timestamp;
use ledger::paying_key::KeyLimits;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The name of an API key: 1 to 100 characters, not blank, kept as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyName(String);

impl ApiKeyName {
    /// The most characters of a name.
    pub const MAX_CHARACTERS: usize = 100;

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ApiKeyName {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        check_text(&text)?;
        check_length(&text, Self::MAX_CHARACTERS)?;
        Ok(Self(text))
    }
}

/// The lifetime of an API key: a whole number of days from 1 to 3,650, or no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApiKeyLifetime(Option<Duration>);

impl ApiKeyLifetime {
    /// The most days, about ten years.
    pub const MAX_DAYS: u32 = 3650;

    /// The time at which a key that is made `now` expires, if it does.
    #[must_use]
    pub fn end(self, now: Timestamp) -> Option<Timestamp> {
        self.0.map(|lifetime| now.plus(lifetime))
    }
}

impl TryFrom<Value> for ApiKeyLifetime {
    type Error = InvalidField;

    /// Parses a JSON number, or a form's text of one. Its errors are those of Django REST Framework's `IntegerField`.
    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let days = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let days: i64 = days.ok_or_else(|| InvalidField::new("A valid integer is required."))?;
        if days > Self::MAX_DAYS.into() {
            let reason = format!("Ensure this value is less than or equal to {}.", Self::MAX_DAYS);
            return Err(InvalidField::new(reason));
        }
        match u32::try_from(days) {
            Ok(days) if days > 0 => Ok(Self(Some(DAY * days))),
            _ => Err(InvalidField::new("Ensure this value is greater than or equal to 1.")),
        }
    }
}

/// The terms of a new API key.
#[derive(Clone, Debug)]
pub struct ApiKeyTerms {
    /// The name that its maker gives it.
    pub name: ApiKeyName,
    /// Its lifetime.
    pub lifetime: ApiKeyLifetime,
    /// Its limits.
    pub limits: KeyLimits,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_kept_as_it_was_written() {
        for name in ["x", " my laptop ", "Zażółć\n\u{1F600}", &"é".repeat(100)] {
            assert_eq!(ApiKeyName::try_from(name.to_owned()).unwrap().0, name);
        }
    }

    #[test]
    fn a_name_that_is_blank_or_too_long_is_refused() {
        for name in ["", " \t", "a\0b", &"é".repeat(101)] {
            assert!(ApiKeyName::try_from(name.to_owned()).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_lifetime_is_a_whole_number_of_days_up_to_ten_years() {
        let now = Timestamp::from_seconds(1_800_000_000);
        for (days, seconds) in [(json!(1), 86_400), (json!("30"), 2_592_000), (json!(3650), 315_360_000)] {
            let lifetime = ApiKeyLifetime::try_from(days).unwrap();
            assert_eq!(lifetime.end(now), Some(Timestamp::from_seconds(1_800_000_000 + seconds)));
        }
        assert_eq!(ApiKeyLifetime::default().end(now), None);
    }

    #[test]
    fn any_other_lifetime_is_refused_in_words_that_say_what_is_wrong() {
        let reason = |value: Value| ApiKeyLifetime::try_from(value).unwrap_err().to_string();
        for value in [json!(0), json!(-1), json!(i64::MIN), json!("-3")] {
            assert_eq!(reason(value), "Ensure this value is greater than or equal to 1.");
        }
        for value in [json!(3651), json!(i64::MAX), json!("99999")] {
            assert_eq!(reason(value), "Ensure this value is less than or equal to 3650.");
        }
        for value in [json!(1.5), json!(1e3), json!(u64::MAX), json!(""), json!("ten"), json!(true), json!([1])] {
            assert_eq!(reason(value), "A valid integer is required.");
        }
    }
}
