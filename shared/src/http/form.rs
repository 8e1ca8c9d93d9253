//! Bodies of the type `application/x-www-form-urlencoded`, which HTML forms send by default.

use std::collections::BTreeMap;

use crate::error::ApiError;

/// The most fields of a form, as many as Django takes (`DATA_UPLOAD_MAX_NUMBER_FIELDS`).
pub(super) const MAX_FORM_FIELDS: usize = 1000;

/// The text fields of `body`. The last value of a field that is given twice counts, as in Django.
///
/// # Errors
/// [`ApiError::Parse`] if the body is not UTF-8 or has too many fields.
pub(super) fn parse_form(body: &[u8]) -> Result<BTreeMap<String, String>, ApiError> {
    let not_text = || ApiError::Parse("The form is not in UTF-8.".to_owned());
    let body = std::str::from_utf8(body).map_err(|_| not_text())?;
    let fields = || form_urlencoded::parse(body.as_bytes());
    if fields().nth(MAX_FORM_FIELDS).is_some() {
        return Err(ApiError::Parse(format!("The form has more than {MAX_FORM_FIELDS} fields.")));
    }
    let fields: BTreeMap<String, String> =
        fields().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    // The parser puts U+FFFD where the escapes are not UTF-8: two different passwords could become the same one.
    if fields.values().any(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(not_text());
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_is_not_utf_8_is_refused_and_not_repaired() {
        for body in [&b"message=\xff"[..], b"message=%FF", b"message=%C3%28"] {
            assert!(matches!(parse_form(body), Err(ApiError::Parse(_))), "{body:?}");
        }
    }

    #[test]
    fn a_form_has_a_limit_of_fields() {
        let form = |fields: usize| vec!["a=1"; fields].join("&");
        assert_eq!(parse_form(form(MAX_FORM_FIELDS).as_bytes()).unwrap().len(), 1);
        assert!(matches!(parse_form(form(MAX_FORM_FIELDS + 1).as_bytes()), Err(ApiError::Parse(_))));
    }
}
