//! The query parameters of a list.

use domain::ids::{ApiKeyId, ConversationId, JobId, UserId};
use domain::invalid_field::InvalidField;
use domain::time_span::TimeSpan;
use form_urlencoded::Serializer;
use identity::receipts::ReceiptKeyId;
use lambda_http::RequestExt;
use ledger::bulk_grants::MAX_JOBS_OF_A_PAGE;
use ledger::entry::EntryKind;
use ledger::history::{Cursor, ExportCursor, Limit, List, ModelId, PageRequest, Transaction, TransactionFilter};

use crate::error::{ApiError, FieldErrors};
use crate::http::request::Request;

/// The jobs of a page, if the query does not say how many.
const JOBS_OF_A_PAGE: u16 = 20;

/// The parameters that all pages of a list have in common.
const OF_ALL_PAGES: [&str; 8] = ["limit", "from", "to", "kind", "key", "model", "actor", "subject"];

impl Request {
    /// The page of the list of `T` of `user_id` that the query asks for.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for everything that is wrong with `limit` and `cursor`.
    pub fn page<T: List>(&self, user_id: UserId) -> Result<PageRequest, ApiError> {
        self.page_at::<T>(|text| Cursor::parse::<T>(text, user_id))
    }

    /// The page of the list of `T` in a conversation of `user_id` that the query asks for.
    ///
    /// # Errors
    /// As [`Request::page`].
    pub fn page_in<T: List>(&self, user_id: UserId, conversation: ConversationId) -> Result<PageRequest, ApiError> {
        self.page_at::<T>(|text| Cursor::parse_in::<T>(text, user_id, conversation))
    }

    /// The conditions on the transactions of `user_id` that the query has, and the page that it asks for.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for everything that is wrong with the conditions and `limit`, or with `limit` and `cursor`: a
    /// cursor is one of the list with these conditions.
    pub fn transactions(&self, user_id: UserId) -> Result<(TransactionFilter, PageRequest), ApiError> {
        let mut errors = FieldErrors::new();
        let filter = TransactionFilter {
            from: self.parameter("from", &mut errors, TimeSpan::parse).map(TimeSpan::first),
            to: self.parameter("to", &mut errors, TimeSpan::parse).map(TimeSpan::last),
            kind: self.parameter("kind", &mut errors, EntryKind::parse_listed),
            key: self.parameter("key", &mut errors, api_key_id),
            model: self.parameter("model", &mut errors, ModelId::parse),
        };
        if !errors.is_empty() {
            self.parameter("limit", &mut errors, Limit::parse::<Transaction>);
            return Err(ApiError::Invalid(errors));
        }
        let page = self.page_at::<Transaction>(|text| filter.cursor(text, user_id))?;
        Ok((filter, page))
    }

    /// Where the export of `user_id` goes on that the query asks for.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if `cursor` is wrong.
    pub fn export_cursor(&self, user_id: UserId) -> Result<Option<ExportCursor>, ApiError> {
        let mut errors = FieldErrors::new();
        let cursor = self.parameter("cursor", &mut errors, |text| ExportCursor::parse(text, user_id));
        if errors.is_empty() { Ok(cursor) } else { Err(ApiError::Invalid(errors)) }
    }

    /// The key of receipts after which the list of them goes on that the query asks for.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if `cursor` is wrong.
    pub fn receipt_key_cursor(&self) -> Result<Option<ReceiptKeyId>, ApiError> {
        let mut errors = FieldErrors::new();
        let cursor = self.parameter("cursor", &mut errors, ReceiptKeyId::parse);
        if errors.is_empty() { Ok(cursor) } else { Err(ApiError::Invalid(errors)) }
    }

    /// The job after which the list of bulk jobs goes on that the query asks for, and how many jobs the page has at most.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for everything that is wrong with `limit` and `cursor`.
    pub fn page_of_jobs(&self) -> Result<(Option<JobId>, u16), ApiError> {
        let mut errors = FieldErrors::new();
        let limit = self.parameter("limit", &mut errors, jobs_of_a_page);
        let cursor = self.parameter("cursor", &mut errors, job_id);
        if errors.is_empty() { Ok((cursor, limit.unwrap_or(JOBS_OF_A_PAGE))) } else { Err(ApiError::Invalid(errors)) }
    }

    /// The page at `cursor` of the list that this request asks for, as a relative reference (RFC 3986, section 4.2) that has
    /// a query alone: it leads to the same path, below a stage too.
    #[must_use]
    pub fn page_after(&self, cursor: &str) -> String {
        let mut query = Serializer::for_suffix(String::from("?"), 1);
        for name in OF_ALL_PAGES {
            query.extend_pairs(self.last_value(name).map(|value| (name, value)));
        }
        query.append_pair("cursor", cursor).finish()
    }

    fn page_at<T: List>(
        &self,
        cursor: impl FnOnce(&str) -> Result<Cursor, InvalidField>,
    ) -> Result<PageRequest, ApiError> {
        let mut errors = FieldErrors::new();
        let limit = self.parameter("limit", &mut errors, Limit::parse::<T>);
        let cursor = self.parameter("cursor", &mut errors, cursor);
        if !errors.is_empty() {
            return Err(ApiError::Invalid(errors));
        }
        Ok(PageRequest { limit: limit.unwrap_or_default(), cursor })
    }

    pub(super) fn parameter<T>(
        &self,
        name: &'static str,
        errors: &mut FieldErrors,
        parse: impl FnOnce(&str) -> Result<T, InvalidField>,
    ) -> Option<T> {
        parse(self.last_value(name)?).map_err(|error| errors.insert(name.into(), vec![error.to_string()])).ok()
    }

    /// The last value of a parameter that is given twice counts, as in Django.
    fn last_value(&self, name: &str) -> Option<&str> {
        self.received.query_string_parameters_ref()?.all(name)?.pop()
    }
}

fn job_id(text: &str) -> Result<JobId, InvalidField> {
    JobId::parse(text).ok_or_else(|| InvalidField::new("This is not a cursor of this list."))
}

fn jobs_of_a_page(text: &str) -> Result<u16, InvalidField> {
    let limit = text.parse().ok().filter(|limit: &u16| (1..=MAX_JOBS_OF_A_PAGE).contains(limit));
    let rule = || InvalidField::new(format!("Ensure this is a whole number from 1 to {MAX_JOBS_OF_A_PAGE}."));
    limit.filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(rule)
}

fn api_key_id(text: &str) -> Result<ApiKeyId, InvalidField> {
    ApiKeyId::parse(text).ok_or_else(|| InvalidField::new("Send the id of an API key."))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::HashMap;

    use lambda_http::Body;

    #[test]
    fn the_next_page_has_the_parameters_of_this_one_and_another_cursor() {
        let parameters = [
            ("model", vec!["a model"]),
            ("limit", vec!["5", "7"]),
            ("from", vec!["2026-11-27T09:00:00+01:00"]),
            ("cursor", vec!["this page"]),
            ("unknown", vec!["x"]),
        ];
        let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let parameters = HashMap::from(parameters.map(|(name, values)| (name.to_owned(), owned(values))));
        let received = lambda_http::Request::new(Body::Empty).with_query_string_parameters(parameters);
        let next = Request::from(received).page_after("<next>");
        assert_eq!(next, "?limit=7&from=2026-11-27T09%3A00%3A00%2B01%3A00&model=a+model&cursor=%3Cnext%3E");
        let plain = Request::from(lambda_http::Request::new(Body::Empty)).page_after("next");
        assert_eq!(plain, "?cursor=next");
    }
}
