//! The API key by which a payer pays, and its limits.

use std::sync::Arc;

use domain::budget::Budget;
use domain::ids::ApiKeyId;
use domain::requests_per_minute::RequestsPerMinute;
use serde::{Deserialize, Serialize};

/// The API key of a payer. Entries name it, and its limits apply beside those of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayingKey {
    /// The key's public name.
    pub id: ApiKeyId,
    /// Its limits, as they were read or are remembered.
    pub limits: Arc<KeyLimits>,
}

/// The limits of an API key. A key without any has those of its account alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLimits {
    /// The credits that may be spent with it in each period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// The most requests of a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<RequestsPerMinute>,
    /// The ids of the models that it may ask. The ledger knows no model, and only carries them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Box<[String]>>,
}

impl KeyLimits {
    /// Whether they permit the model of this id.
    #[must_use]
    pub fn permit_model(&self, id: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|model| model == id))
    }

    /// Whether these limits may allow what `others` do not.
    #[must_use]
    pub fn allow_more_than(&self, others: &Self) -> bool {
        let more_credits = match (self.budget, others.budget) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(budget), Some(other)) => budget.allows_more_than(other),
        };
        let more_requests = match (self.requests_per_minute, others.requests_per_minute) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(limit), Some(other)) => limit > other,
        };
        let more_models = match (&self.models, &others.models) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(models), Some(others)) => models.iter().any(|model| !others.contains(model)),
        };
        more_credits || more_requests || more_models
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::credits::Credits;
    use domain::period::PeriodLength;

    fn limits(credits: Option<u64>, requests: Option<u32>, models: Option<&[&str]>) -> KeyLimits {
        let budget = |credits| Budget { credits: Credits::new(credits).unwrap(), per: PeriodLength::Day };
        KeyLimits {
            budget: credits.map(budget),
            requests_per_minute: requests.and_then(RequestsPerMinute::new),
            models: models.map(|models| models.iter().map(|model| (*model).to_owned()).collect()),
        }
    }

    #[test]
    fn limits_allow_more_if_any_of_them_does() {
        let narrow = limits(Some(5), Some(5), Some(&["a", "b"]));
        let none = KeyLimits::default();
        assert!(none.allow_more_than(&narrow) && !narrow.allow_more_than(&none));
        assert!(!narrow.allow_more_than(&narrow));
        for wider in [
            limits(Some(6), Some(5), Some(&["a"])),
            limits(None, Some(5), Some(&["a"])),
            limits(Some(5), Some(6), Some(&["a"])),
            limits(Some(5), None, Some(&["a"])),
            limits(Some(5), Some(5), Some(&["a", "c"])),
            limits(Some(5), Some(5), None),
        ] {
            assert!(wider.allow_more_than(&narrow), "{wider:?}");
        }
        for narrower in [limits(Some(4), Some(5), Some(&["b"])), limits(Some(5), Some(4), Some(&[]))] {
            assert!(!narrower.allow_more_than(&narrow), "{narrower:?}");
        }
    }

    #[test]
    fn limits_that_are_not_set_take_no_room_in_the_table() {
        assert_eq!(serde_json::to_string(&KeyLimits::default()).unwrap(), "{}");
        let all = limits(Some(5), Some(7), Some(&["a"]));
        assert_eq!(serde_json::from_str::<KeyLimits>(&serde_json::to_string(&all).unwrap()).unwrap(), all);
    }
}
