//! The query parameters of a list.

use domain::ids::{ConversationId, UserId};
use domain::invalid_field::InvalidField;
use lambda_http::RequestExt;
use ledger::history::{Cursor, ExportCursor, Limit, List, PageRequest};

use crate::error::{ApiError, FieldErrors};
use crate::http::request::Request;

impl Request {
    /// The page of the list of `T` of `user_id` that the query asks for.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for everything that is wrong with `limit` and `cursor`.
    pub fn page<T: List>(&self, user_id: UserId) -> Result<PageRequest, ApiError> {
        self.page_at(|text| Cursor::parse::<T>(text, user_id))
    }

    /// The page of the list of `T` in a conversation of `user_id` that the query asks for.
    ///
    /// # Errors
    /// As [`Request::page`].
    pub fn page_in<T: List>(&self, user_id: UserId, conversation: ConversationId) -> Result<PageRequest, ApiError> {
        self.page_at(|text| Cursor::parse_in::<T>(text, user_id, conversation))
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

    fn page_at(&self, cursor: impl FnOnce(&str) -> Result<Cursor, InvalidField>) -> Result<PageRequest, ApiError> {
        let mut errors = FieldErrors::new();
        let limit = self.parameter("limit", &mut errors, Limit::parse);
        let cursor = self.parameter("cursor", &mut errors, cursor);
        if !errors.is_empty() {
            return Err(ApiError::Invalid(errors));
        }
        Ok(PageRequest { limit: limit.unwrap_or_default(), cursor })
    }

    /// The last value of a parameter that is given twice counts, as in Django.
    fn parameter<T>(
        &self,
        name: &'static str,
        errors: &mut FieldErrors,
        parse: impl FnOnce(&str) -> Result<T, InvalidField>,
    ) -> Option<T> {
        let parameters = self.received.query_string_parameters_ref()?;
        let text = parameters.all(name)?.pop()?;
        parse(text).map_err(|error| errors.insert(name.into(), vec![error.to_string()])).ok()
    }
}
