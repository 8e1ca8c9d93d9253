//! The members by which usage is summed.

use std::collections::BTreeMap;

use domain::calendar::Day;
use domain::ids::ApiKeyId;
use domain::invalid_field::InvalidField;

use crate::usage_sums::{UsagePlace, UsageSums};

/// The members that rows of usage are told apart by: any of day, model and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// Whether each day has rows of its own.
    pub by_day: bool,
    /// Whether each model has.
    pub by_model: bool,
    /// Whether each API key has.
    pub by_key: bool,
}

/// The members of a row of usage. A member that the rows are not told apart by is absent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageGroup {
    /// The day.
    pub day: Option<Day>,
    /// The model, an empty text for entries that do not say it.
    pub model: Option<String>,
    /// The API key; `None` within for messages that a person sent.
    pub api_key: Option<Option<ApiKeyId>>,
}

impl Grouping {
    /// By day, model and key.
    pub const ALL: Self = Self { by_day: true, by_model: true, by_key: true };
    /// By day and model.
    pub const WITHOUT_KEY: Self = Self { by_day: true, by_model: true, by_key: false };

    /// Parses the query parameter `by`.
    ///
    /// # Errors
    /// [`InvalidField`] for anything but some of the three names, with commas between them.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let mut grouping = Self { by_day: false, by_model: false, by_key: false };
        for name in text.split(',') {
            match name {
                "day" => grouping.by_day = true,
                "model" => grouping.by_model = true,
                "key" => grouping.by_key = true,
                _ => {
                    return Err(InvalidField::new("Send one or more of day, model and key, with commas between them."));
                }
            }
        }
        Ok(grouping)
    }

    /// Parses the query parameter `by` where API keys are not told apart.
    ///
    /// # Errors
    /// [`InvalidField`] for anything but one or both of the two names, with a comma between them.
    pub fn parse_without_key(text: &str) -> Result<Self, InvalidField> {
        let grouping = Self::parse(text).ok().filter(|grouping| !grouping.by_key);
        grouping.ok_or_else(|| InvalidField::new("Send one or both of day and model, with a comma between them."))
    }

    /// The rows, with those added up that differ in nothing that they are told apart by.
    #[must_use]
    pub fn of(self, rows: &BTreeMap<UsagePlace, UsageSums>) -> BTreeMap<UsageGroup, UsageSums> {
        let mut groups: BTreeMap<UsageGroup, UsageSums> = BTreeMap::new();
        for (place, sums) in rows {
            let group = UsageGroup {
                day: self.by_day.then_some(place.day),
                model: self.by_model.then(|| place.model.clone()),
                api_key: self.by_key.then_some(place.api_key),
            };
            groups.entry(group).or_default().add(sums);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::pricing::Usage;
    use domain::time::Timestamp;

    #[test]
    fn rows_are_added_up_that_differ_in_nothing_they_are_told_apart_by() {
        let day = Day::of(Timestamp::from_seconds(1_800_000_000));
        let place =
            |days: u32, model: &str| UsagePlace { day: day.plus_days(days), api_key: None, model: model.to_owned() };
        let sums = |credits| UsageSums::of_chat(&Usage::counted(1, 1), credits);
        let rows = BTreeMap::from([(place(0, "a"), sums(1)), (place(0, "b"), sums(2)), (place(1, "a"), sums(4))]);
        let credits = |by: &str| -> Vec<u64> {
            Grouping::parse(by).unwrap().of(&rows).into_values().map(|sums| sums.credits).collect()
        };
        assert_eq!(credits("day,model,key"), [1, 2, 4]);
        assert_eq!((credits("day"), credits("model"), credits("key")), (vec![3, 4], vec![5, 2], vec![7]));
        for text in ["", "day,", "Day", "day, model", "user"] {
            assert!(Grouping::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Grouping::parse_without_key("model,day"), Ok(Grouping::WITHOUT_KEY));
        assert!(Grouping::parse_without_key("day,key").is_err());
    }
}
