//! The bodies of requests about the catalogue of models.

use serde_json::{Map, Value};

use crate::error::{ApiError, FieldErrors};
use crate::http::body_fields::{MediaType, media_type, not_json};
use crate::http::request::Request;

/// The most bytes of a body with a catalogue: a document of 64 KB may be written with escapes and spaces.
const MAX_BYTES: usize = 128 * 1024;

/// What `PUT /admin/catalogue/` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogueReplacement {
    /// The document. `None`: the settings name the one model again.
    pub catalogue: Option<Value>,
    /// The version that was seen: 0 if there was none.
    pub version: u64,
}

impl Request {
    /// The replacement that the body asks for.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`], [`ApiError::UnsupportedMediaType`], [`ApiError::Parse`] if the body is no JSON object,
    /// [`ApiError::Invalid`] if a field is missing, or the version is no number.
    pub fn catalogue_replacement(&self) -> Result<CatalogueReplacement, ApiError> {
        let mut fields = self.catalogue_object()?;
        let mut errors = FieldErrors::new();
        let catalogue = take(&mut fields, "catalogue", &mut errors);
        let version = take(&mut fields, "version", &mut errors).and_then(|version| {
            let number = version.as_u64();
            if number.is_none() {
                errors.insert("version".into(), vec!["Give a whole number from 0 on.".to_owned()]);
            }
            number
        });
        match (catalogue, version) {
            (Some(catalogue), Some(version)) => {
                Ok(CatalogueReplacement { catalogue: Some(catalogue).filter(|it| !it.is_null()), version })
            }
            _ => Err(ApiError::Invalid(errors)),
        }
    }

    /// The document that the body asks a judgement on.
    ///
    /// # Errors
    /// As [`Request::catalogue_replacement`].
    pub fn catalogue_to_check(&self) -> Result<Value, ApiError> {
        let mut fields = self.catalogue_object()?;
        let mut errors = FieldErrors::new();
        take(&mut fields, "catalogue", &mut errors).ok_or(ApiError::Invalid(errors))
    }

    /// The members of the JSON object in the body, with all that is nested in them. An empty body has none.
    fn catalogue_object(&self) -> Result<Map<String, Value>, ApiError> {
        let body: &[u8] = self.received.body().as_ref();
        if body.len() > MAX_BYTES {
            return Err(ApiError::TooLarge { limit_bytes: MAX_BYTES });
        }
        let MediaType::Json = media_type(self.headers())? else { return Err(ApiError::UnsupportedMediaType) };
        if body.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(body).map_err(|error| not_json(&error))? {
            Value::Object(members) => Ok(members),
            _ => Err(ApiError::Parse("The body is not a JSON object.".to_owned())),
        }
    }
}

/// The field `name`, which may be null and must be there.
fn take(fields: &mut Map<String, Value>, name: &'static str, errors: &mut FieldErrors) -> Option<Value> {
    let value = fields.remove(name);
    if value.is_none() {
        errors.insert(name.into(), vec!["This field is required.".to_owned()]);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::http::HeaderValue;
    use lambda_http::http::header::CONTENT_TYPE;
    use serde_json::json;

    fn request(content_type: &'static str, body: String) -> Request {
        let mut received = lambda_http::Request::new(body.into());
        received.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Request::from(received)
    }

    fn replacement(body: &Value) -> Result<CatalogueReplacement, ApiError> {
        request("application/json", body.to_string()).catalogue_replacement()
    }

    fn complaints(outcome: Result<CatalogueReplacement, ApiError>) -> Vec<String> {
        let Err(ApiError::Invalid(errors)) = outcome else { panic!("not about fields") };
        errors.into_iter().map(|(name, errors)| format!("{name}: {}", errors.join(" "))).collect()
    }

    #[test]
    fn a_document_is_taken_with_all_that_is_nested_in_it_and_null_is_no_document() {
        let document = json!({"models": [{"id": "a", "prices": {"input": 1}}]});
        let expected = CatalogueReplacement { catalogue: Some(document.clone()), version: 3 };
        assert_eq!(replacement(&json!({"catalogue": document, "version": 3, "other": 1})).unwrap(), expected);
        let back = CatalogueReplacement { catalogue: None, version: 0 };
        assert_eq!(replacement(&json!({"catalogue": null, "version": 0})).unwrap(), back);
        let checked = request("application/json", json!({"catalogue": [1]}).to_string()).catalogue_to_check();
        assert_eq!(checked.unwrap(), json!([1]));
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        let required = ["catalogue: This field is required.", "version: This field is required."];
        assert_eq!(complaints(replacement(&json!({}))), required);
        assert_eq!(complaints(request("application/json", String::new()).catalogue_replacement()), required);
        for version in [json!(-1), json!(1.5), json!("1"), json!(null)] {
            let told = complaints(replacement(&json!({"catalogue": null, "version": version})));
            assert_eq!(told, ["version: Give a whole number from 0 on."], "{version}");
        }
    }

    #[test]
    fn other_bodies_are_refused() {
        let outcome = |content_type, body: &str| request(content_type, body.to_owned()).catalogue_replacement();
        for body in ["{", "[]", "null", "{}{}", &"[".repeat(1000)] {
            assert!(matches!(outcome("application/json", body), Err(ApiError::Parse(_))), "{body}");
        }
        let form = outcome("application/x-www-form-urlencoded", "version=1");
        assert!(matches!(form, Err(ApiError::UnsupportedMediaType)));
        let long = format!("{{\"catalogue\":\"{}\"}}", "x".repeat(MAX_BYTES));
        assert!(matches!(outcome("application/json", &long), Err(ApiError::TooLarge { limit_bytes: MAX_BYTES })));
    }
}
