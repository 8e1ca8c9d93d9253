//! The query parameters of a list.

use lambda_http::{Request, RequestExt};

use crate::error::{ApiError, FieldErrors};
use crate::jwt::LoggedIn;
use crate::ledger::{Cursor, Limit, Listed, PageRequest};
use crate::text::InvalidField;

/// The page of the list of `T` that `request` asks for.
///
/// # Errors
/// [`ApiError::Invalid`] for everything that is wrong with `limit` and `cursor`.
pub fn page_request<T: Listed>(request: &Request, person: &LoggedIn) -> Result<PageRequest, ApiError> {
    let mut errors = FieldErrors::new();
    let limit = parameter(request, "limit", &mut errors, Limit::parse);
    let cursor = parameter(request, "cursor", &mut errors, |text| Cursor::parse::<T>(text, person.user_id()));
    if !errors.is_empty() {
        return Err(ApiError::Invalid(errors));
    }
    Ok(PageRequest { limit: limit.unwrap_or_default(), cursor })
}

/// A parameter that is given twice has its last value, as in Django.
fn parameter<T>(
    request: &Request,
    name: &'static str,
    errors: &mut FieldErrors,
    parse: impl FnOnce(&str) -> Result<T, InvalidField>,
) -> Option<T> {
    let parameters = request.query_string_parameters_ref()?;
    let text = parameters.all(name)?.pop()?;
    parse(text).map_err(|error| errors.insert(name, vec![error.to_string()])).ok()
}
