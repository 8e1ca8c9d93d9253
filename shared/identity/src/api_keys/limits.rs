//! The limits of an API key, as its maker writes them.

use domain::budget::Budget;
use domain::credits::Credits;
use domain::invalid_field::{InvalidField, check_text};
use domain::period::PeriodLength;
use domain::requests_per_minute::RequestsPerMinute;
use serde_json::Value;

/// The budget of an API key, or no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApiKeyBudget(pub Option<Budget>);

impl TryFrom<Value> for ApiKeyBudget {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let budget = || {
            let credits = Credits::new(value.get("credits")?.as_u64()?).ok()?;
            let word = value.get("per")?.as_str()?;
            let (_, per) = PeriodLength::WORDS.into_iter().find(|(known, _)| *known == word)?;
            Some(Budget { credits, per })
        };
        budget().map(|budget| Self(Some(budget))).ok_or_else(|| {
            InvalidField::new(format!(
                "Give an object of credits, a whole number from 0 to {}, and per: total, day, week or month.",
                Credits::MAX
            ))
        })
    }
}

/// The most requests that an API key may make in a minute, or no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApiKeyRate(pub Option<RequestsPerMinute>);

impl TryFrom<Value> for ApiKeyRate {
    type Error = InvalidField;

    /// Parses a JSON number, or a form's text of one.
    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let requests = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let limit = requests.and_then(|requests| RequestsPerMinute::new(u32::try_from(requests).ok()?));
        limit
            .map(|limit| Self(Some(limit)))
            .ok_or_else(|| InvalidField::new(format!("Give a whole number from 1 to {}.", RequestsPerMinute::MAX)))
    }
}

/// The ids of the models that an API key may ask, or all models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiKeyModels(pub Option<Box<[String]>>);

impl ApiKeyModels {
    /// The most models that a key names. With more of them, what a function remembers of a thousand keys would take too much
    /// memory.
    pub const MAX_MODELS: usize = 20;
    /// The most bytes of an id, as in the catalogue.
    pub const MAX_ID_BYTES: usize = 256;
}

impl TryFrom<Value> for ApiKeyModels {
    type Error = InvalidField;

    fn try_from(value: Value) -> Result<Self, InvalidField> {
        let is_id = |id: &str| id.len() <= Self::MAX_ID_BYTES && check_text(id).is_ok();
        let ids = || {
            let Value::Array(elements) = value else { return None };
            let mut ids: Vec<String> = Vec::new();
            for element in elements {
                if ids.len() > Self::MAX_MODELS {
                    break;
                }
                let id = element.as_str().filter(|id| is_id(id))?;
                if !ids.iter().any(|other| other == id) {
                    ids.push(id.to_owned());
                }
            }
            (1..=Self::MAX_MODELS).contains(&ids.len()).then_some(ids)
        };
        ids().map(|ids| Self(Some(ids.into()))).ok_or_else(|| {
            InvalidField::new(format!(
                "Give an array of 1 to {} ids of models, each of at most {} bytes.",
                Self::MAX_MODELS,
                Self::MAX_ID_BYTES
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_budget_is_an_object_of_credits_and_a_period() {
        for (_, per) in PeriodLength::WORDS {
            let budget = Budget { credits: Credits::new(7).unwrap(), per };
            assert_eq!(ApiKeyBudget::try_from(json!(budget)), Ok(ApiKeyBudget(Some(budget))));
        }
        // As a list of keys shows it.
        let shown = json!({"credits": 0, "per": "day", "spent": 3, "renews_at": null});
        assert!(ApiKeyBudget::try_from(shown).is_ok());
        for wrong in [
            json!(7),
            json!("7"),
            json!([]),
            json!({}),
            json!({"credits": 7}),
            json!({"per": "day"}),
            json!({"credits": -1, "per": "day"}),
            json!({"credits": 1.5, "per": "day"}),
            json!({"credits": "7", "per": "day"}),
            json!({"credits": 9_007_199_254_740_992_u64, "per": "day"}),
            json!({"credits": 7, "per": "Day"}),
            json!({"credits": 7, "per": "year"}),
        ] {
            let reason = ApiKeyBudget::try_from(wrong.clone()).unwrap_err().to_string();
            assert!(reason.starts_with("Give an object of credits"), "{wrong}: {reason}");
        }
    }

    #[test]
    fn a_rate_is_a_whole_number_of_requests() {
        for value in [json!(1), json!(" 60 "), json!(6000)] {
            assert!(ApiKeyRate::try_from(value.clone()).is_ok_and(|rate| rate.0.is_some()), "{value}");
        }
        for wrong in [json!(0), json!(-1), json!(6001), json!(1.5), json!(u64::MAX), json!(true), json!({}), json!("")]
        {
            let reason = ApiKeyRate::try_from(wrong.clone()).unwrap_err().to_string();
            assert_eq!(reason, "Give a whole number from 1 to 6000.", "{wrong}");
        }
    }

    #[test]
    fn models_are_ids_without_repetitions() {
        let models = ApiKeyModels::try_from(json!(["a", "b", "a"])).unwrap();
        assert_eq!(models.0.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
        assert!(ApiKeyModels::try_from(json!((0..20).map(|id| id.to_string()).collect::<Vec<_>>())).is_ok());
        for wrong in [
            json!("a"),
            json!({}),
            json!([]),
            json!([""]),
            json!([1]),
            json!([null]),
            json!([["a"]]),
            json!(["a".repeat(257)]),
            json!((0..21).map(|id| id.to_string()).collect::<Vec<_>>()),
        ] {
            let reason = ApiKeyModels::try_from(wrong.clone()).unwrap_err().to_string();
            assert!(reason.starts_with("Give an array of 1 to 20 ids"), "{wrong}: {reason}");
        }
    }
}
