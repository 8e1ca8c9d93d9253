//! The query parameters of `GET /usage/`.

use domain::calendar::Day;
use domain::invalid_field::InvalidField;
use ledger::usage::{Days, Grouping};

use crate::error::{ApiError, FieldErrors};
use crate::http::request::Request;

/// What a read of usage wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageQuery {
    /// The days.
    pub days: Days,
    /// What the rows are told apart by.
    pub by: Grouping,
}

impl Request {
    /// The days that the query names, and what it wants rows to be told apart by.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for everything that is wrong with `from`, `to` and `by`.
    pub fn usage_query(&self, today: Day) -> Result<UsageQuery, ApiError> {
        self.usage_query_by(today, Grouping::parse, Grouping::ALL)
    }

    /// The days and the grouping that the query of the usage of all asks for: the last thirty days, by day and model.
    ///
    /// # Errors
    /// As [`Request::usage_query`].
    pub fn usage_of_all_query(&self, today: Day) -> Result<UsageQuery, ApiError> {
        self.usage_query_by(today, Grouping::parse_without_key, Grouping::WITHOUT_KEY)
    }

    fn usage_query_by(
        &self,
        today: Day,
        parse: fn(&str) -> Result<Grouping, InvalidField>,
        usual: Grouping,
    ) -> Result<UsageQuery, ApiError> {
        let mut errors = FieldErrors::new();
        let from = self.parameter("from", &mut errors, Day::parse);
        let to = self.parameter("to", &mut errors, Day::parse);
        let by = self.parameter("by", &mut errors, parse).unwrap_or(usual);
        if !errors.is_empty() {
            return Err(ApiError::Invalid(errors));
        }
        let days = Days::new(from, to, today)
            .map_err(|error| ApiError::Invalid(FieldErrors::from([("from".into(), vec![error.to_string()])])))?;
        Ok(UsageQuery { days, by })
    }
}
