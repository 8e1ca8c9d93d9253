//! The fields of a request's body.

use std::collections::BTreeMap;
use std::fmt;

use domain::invalid_field::InvalidField;
use domain::term_change::TermChange;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::CONTENT_TYPE;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::error::{ApiError, FieldErrors};
use crate::http::form::parse_form;
use crate::http::multipart::parse_multipart;
use crate::http::request::Request;
use crate::http::shallow_value::{NestedValue, ShallowValue};

/// The most bytes of a body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// The fields of a body, to be taken one by one. What is nested in a field is not kept: no endpoint asks for it.
///
/// The errors are collected, so that [`BodyFields::refuse`] answers with all of them at once, in the words of Django
/// REST Framework. A field may be a password: there is no `Debug`.
pub struct BodyFields {
    values: BTreeMap<String, Value>,
    errors: FieldErrors,
}

impl Request {
    /// The fields of the body, which is a JSON object or a form of either kind, by its content type. An empty body has
    /// no fields.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`] with more than [`MAX_BODY_BYTES`], [`ApiError::UnsupportedMediaType`],
    /// [`ApiError::Parse`] if the body is not what its content type says, or a form with more than a thousand fields,
    /// [`ApiError::Invalid`] if it is JSON and no object, or has a file among its parts.
    pub fn fields(&self) -> Result<BodyFields, ApiError> {
        self.fields_with(&[])
    }

    /// The same, with the elements and members of those fields that are `nested`, but not what is nested in these.
    ///
    /// # Errors
    /// As [`Request::fields`].
    pub fn fields_with(&self, nested: &'static [&'static str]) -> Result<BodyFields, ApiError> {
        let body: &[u8] = self.received.body().as_ref();
        if body.len() > MAX_BODY_BYTES {
            return Err(ApiError::TooLarge { limit_bytes: MAX_BODY_BYTES });
        }
        let values = if body.is_empty() {
            BTreeMap::new()
        } else {
            match media_type(self.headers())? {
                MediaType::Json => parse_json(body, nested)?,
                MediaType::Form => texts(parse_form(body)?),
                MediaType::Multipart(content_type) => texts(parse_multipart(content_type, body)?),
            }
        };
        Ok(BodyFields { values, errors: FieldErrors::new() })
    }
}

impl BodyFields {
    /// Takes the text field `name` and parses it. If that fails, the reason is kept for [`BodyFields::refuse`].
    pub fn take<T: TryFrom<String, Error = InvalidField>>(&mut self, name: &'static str) -> Option<T> {
        self.take_with(name, T::try_from)
    }

    /// Takes the text field `name` and parses it with `parse`.
    pub fn take_with<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(String) -> Result<T, InvalidField>,
    ) -> Option<T> {
        let parsed = match self.values.remove(name) {
            None => Err(InvalidField::new("This field is required.")),
            Some(Value::Null) => Err(InvalidField::new("This field may not be null.")),
            Some(Value::String(text)) => parse(text),
            Some(_) => Err(InvalidField::new("Not a valid string.")),
        };
        self.note(name, parsed)
    }

    /// Takes the field `name`, of any type, which may not be absent or null, and parses it with `parse`.
    pub fn take_value<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(Value) -> Result<T, InvalidField>,
    ) -> Option<T> {
        let parsed = match self.values.remove(name) {
            None => Err(InvalidField::new("This field is required.")),
            Some(Value::Null) => Err(InvalidField::new("This field may not be null.")),
            Some(value) => parse(value),
        };
        self.note(name, parsed)
    }

    /// Takes the field `name`, of any type, and parses it. A field that is absent or null has the default. If parsing
    /// fails, the reason is kept for [`BodyFields::refuse`].
    pub fn take_or_default<T: TryFrom<Value, Error = InvalidField> + Default>(
        &mut self,
        name: &'static str,
    ) -> Option<T> {
        let parsed = match self.values.remove(name) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => T::try_from(value),
        };
        self.note(name, parsed)
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Takes the field `name`, of any type, of a body that changes what it names. An absent field changes nothing, and null is
    /// the default.
    pub fn take_change<T: TryFrom<Value, Error = InvalidField> + Default>(
        &mut self,
        name: &'static str,
    ) -> Option<TermChange<T>> {
        if self.has(name) { self.take_or_default(name).map(TermChange::To) } else { Some(TermChange::None) }
    }

    /// The same for a value that `parse` understands. Null is none.
    pub fn take_change_with<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(Value) -> Result<Option<T>, InvalidField>,
    ) -> Option<TermChange<Option<T>>> {
        let parsed = match self.values.remove(name) {
            None => Ok(TermChange::None),
            Some(Value::Null) => Ok(TermChange::To(None)),
            Some(value) => parse(value).map(TermChange::To),
        };
        self.note(name, parsed)
    }

    /// The same for a text field, which may not be null.
    pub fn take_text_change<T: TryFrom<String, Error = InvalidField>>(
        &mut self,
        name: &'static str,
    ) -> Option<TermChange<T>> {
        if self.has(name) { self.take(name).map(TermChange::To) } else { Some(TermChange::None) }
    }

    /// Takes the field `name`: a JSON boolean or a form's word for one. An absent field is `false`.
    pub fn take_switch(&mut self, name: &'static str) -> Option<bool> {
        let parsed = self.values.remove(name).map_or(Ok(false), switch);
        self.note(name, parsed)
    }

    /// The same for a field that may not be absent or null.
    pub fn take_required_switch(&mut self, name: &'static str) -> Option<bool> {
        self.take_value(name, switch)
    }

    /// Takes the text field `name` of a body in which no other field counts.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] if the field is absent or does not parse.
    pub fn single<T: TryFrom<String, Error = InvalidField>>(mut self, name: &'static str) -> Result<T, ApiError> {
        self.take(name).ok_or_else(|| self.refuse())
    }

    /// The error for everything that was wrong.
    #[must_use]
    pub fn refuse(self) -> ApiError {
        ApiError::Invalid(self.errors)
    }

    pub(super) fn note<T>(&mut self, name: &'static str, parsed: Result<T, InvalidField>) -> Option<T> {
        parsed.map_err(|error| self.errors.entry(name.into()).or_default().push(error.to_string())).ok()
    }
}

/// A JSON boolean, or a form's word for one.
fn switch(value: Value) -> Result<bool, InvalidField> {
    match value {
        Value::Bool(value) => Ok(value),
        Value::String(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(InvalidField::new("Must be a valid boolean.")),
    }
}

/// The content types of bodies.
pub(super) enum MediaType<'a> {
    Json,
    Form,
    /// With the whole header, which names the boundary.
    Multipart(&'a str),
}

/// A body without a content type is read as JSON, as most clients mean it.
pub(super) fn media_type(headers: &HeaderMap) -> Result<MediaType<'_>, ApiError> {
    let Some(header) = headers.get(CONTENT_TYPE) else {
        return Ok(MediaType::Json);
    };
    let header = header.to_str().map_err(|_| ApiError::UnsupportedMediaType)?;
    let essence = header.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(MediaType::Json)
    } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(MediaType::Form)
    } else if essence.eq_ignore_ascii_case("multipart/form-data") {
        Ok(MediaType::Multipart(header))
    } else {
        Err(ApiError::UnsupportedMediaType)
    }
}

fn parse_json(body: &[u8], nested: &'static [&'static str]) -> Result<BTreeMap<String, Value>, ApiError> {
    if body.trim_ascii_start().starts_with(b"{") {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let fields = deserializer.deserialize_map(FieldsVisitor { nested });
        return fields.and_then(|fields| deserializer.end().map(|()| fields)).map_err(|error| not_json(&error));
    }
    let ShallowValue(value) = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "str",
        Value::Array(_) | Value::Object(_) => "list",
    };
    let reason = format!("Invalid data. Expected a dictionary, but got {kind}.");
    Err(ApiError::invalid("non_field_errors", reason))
}

struct FieldsVisitor {
    nested: &'static [&'static str],
}

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = BTreeMap<String, Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = if self.nested.contains(&name.as_str()) {
                members.next_value::<NestedValue>()?.0
            } else {
                members.next_value::<ShallowValue>()?.0
            };
            fields.insert(name, value);
        }
        Ok(fields)
    }
}

pub(super) fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::Parse(format!("The body is not JSON from line {}, column {} on.", error.line(), error.column()))
}

fn texts(fields: BTreeMap<String, String>) -> BTreeMap<String, Value> {
    fields.into_iter().map(|(name, text)| (name, Value::String(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;
    use proptest::prelude::*;

    struct PlainText(String);

    impl TryFrom<String> for PlainText {
        type Error = InvalidField;

        fn try_from(text: String) -> Result<Self, InvalidField> {
            domain::invalid_field::check_text(&text)?;
            Ok(Self(text))
        }
    }

    fn request(content_type: Option<&'static str>, body: impl Into<Body>) -> Request {
        let mut received = lambda_http::Request::new(body.into());
        if let Some(content_type) = content_type {
            received.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        Request::from(received)
    }

    fn json(body: &str) -> Request {
        request(Some("application/json"), body)
    }

    fn complaint(request: &Request) -> String {
        let mut fields = request.fields().unwrap();
        assert!(fields.take::<PlainText>("message").is_none());
        let ApiError::Invalid(errors) = fields.refuse() else { panic!("not about fields") };
        errors["message"].join(" ")
    }

    #[derive(Debug, Default, PartialEq)]
    struct Even(u64);

    impl TryFrom<Value> for Even {
        type Error = InvalidField;

        fn try_from(value: Value) -> Result<Self, InvalidField> {
            match value.as_u64() {
                Some(number) if number % 2 == 0 => Ok(Self(number)),
                _ => Err(InvalidField::new("Not even.")),
            }
        }
    }

    #[test]
    fn a_field_with_a_default_may_be_left_out_and_not_be_wrong() {
        for (body, number) in [("{}", 0), (r#"{"number":null}"#, 0), (r#"{"number":4}"#, 4)] {
            assert_eq!(json(body).fields().unwrap().take_or_default("number"), Some(Even(number)), "{body}");
        }
        let mut fields = json(r#"{"number":3}"#).fields().unwrap();
        assert_eq!(fields.take_or_default::<Even>("number"), None);
        let ApiError::Invalid(errors) = fields.refuse() else { panic!("not about fields") };
        assert_eq!(errors["number"], ["Not even."]);
    }

    #[test]
    fn a_field_of_any_type_that_is_required_is_neither_absent_nor_null() {
        let complaint = |body: &str| {
            let mut fields = json(body).fields().unwrap();
            assert_eq!(fields.take_value("number", Even::try_from), None);
            let ApiError::Invalid(errors) = fields.refuse() else { panic!("not about fields") };
            errors["number"].join(" ")
        };
        assert_eq!(complaint("{}"), "This field is required.");
        assert_eq!(complaint(r#"{"number":null}"#), "This field may not be null.");
        assert_eq!(complaint(r#"{"number":3}"#), "Not even.");
        assert_eq!(json(r#"{"number":4}"#).fields().unwrap().take_value("number", Even::try_from), Some(Even(4)));
    }

    #[test]
    fn json_and_forms_have_the_same_fields() {
        for request in [
            json(r#"{"message":"a b","other":1}"#),
            request(Some("Application/JSON; charset=utf-8"), r#"{"message":"a b"}"#),
            request(None, r#"{"message":"a b"}"#),
            request(Some("application/x-www-form-urlencoded"), "message=x&message=a+b"),
            request(Some("application/x-www-form-urlencoded; charset=UTF-8"), "message=a%20b"),
            request(
                Some("Multipart/Form-Data; boundary=\"X Y\""),
                "--X Y\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\na b\r\n--X Y--\r\n",
            ),
        ] {
            let mut fields = request.fields().unwrap();
            assert_eq!(fields.take::<PlainText>("message").unwrap().0, "a b");
        }
    }

    #[test]
    fn of_a_nested_field_the_elements_and_members_are_kept_and_nothing_in_them() {
        let body = r#"{"list":["a",1,["b"]],"object":{"a":{"b":1},"c":2},"other":[1]}"#;
        let fields = json(body).fields_with(&["list", "object"]).unwrap();
        assert_eq!(fields.values["list"], serde_json::json!(["a", 1, []]));
        assert_eq!(fields.values["object"], serde_json::json!({"a": {}, "c": 2}));
        assert_eq!(fields.values["other"], serde_json::json!([]));
        for body in [r#"{"list":[1,]}"#, r#"{"list":[1]"#, r#"{"list":[]}x"#, r#"{"list":"\ud800"}"#] {
            assert!(matches!(json(body).fields_with(&["list"]), Err(ApiError::Parse(_))), "{body}");
        }
    }

    #[test]
    fn a_field_that_is_absent_changes_nothing_and_null_is_the_default() {
        let change = |body: &str| json(body).fields().unwrap().take_change::<Even>("number");
        assert_eq!(change("{}"), Some(TermChange::None));
        assert_eq!(change(r#"{"number":null}"#), Some(TermChange::To(Even(0))));
        assert_eq!(change(r#"{"number":4}"#), Some(TermChange::To(Even(4))));
        assert_eq!(change(r#"{"number":3}"#), None);
        assert!(json(r#"{"text":null}"#).fields().unwrap().take_text_change::<PlainText>("text").is_none());
        let parsed = |body: &str| {
            json(body).fields().unwrap().take_change_with("number", |value| Even::try_from(value).map(Some))
        };
        assert_eq!(parsed("{}"), Some(TermChange::None));
        assert_eq!(parsed(r#"{"number":null}"#), Some(TermChange::To(None)));
        assert_eq!(parsed(r#"{"number":4}"#), Some(TermChange::To(Some(Even(4)))));
        assert_eq!(parsed(r#"{"number":3}"#), None);
    }

    #[test]
    fn a_switch_is_off_unless_it_is_said_to_be_on() {
        for (body, expected) in [
            ("{}", Some(false)),
            (r#"{"message":false}"#, Some(false)),
            (r#"{"message":true}"#, Some(true)),
            (r#"{"message":"True"}"#, Some(true)),
            (r#"{"message":1}"#, None),
            (r#"{"message":null}"#, None),
            (r#"{"message":"yes"}"#, None),
        ] {
            assert_eq!(json(body).fields().unwrap().take_switch("message"), expected, "{body}");
        }
    }

    #[test]
    fn a_required_switch_has_no_default() {
        for (body, expected) in [
            ("{}", None),
            (r#"{"message":null}"#, None),
            (r#"{"message":1}"#, None),
            (r#"{"message":false}"#, Some(false)),
            (r#"{"message":"TRUE"}"#, Some(true)),
        ] {
            assert_eq!(json(body).fields().unwrap().take_required_switch("message"), expected, "{body}");
        }
    }

    #[test]
    fn each_way_to_leave_a_field_out_is_told_apart() {
        assert_eq!(complaint(&json("")), "This field is required.");
        assert_eq!(complaint(&json("{}")), "This field is required.");
        assert_eq!(complaint(&json(r#"{"message":null}"#)), "This field may not be null.");
        assert_eq!(complaint(&json(r#"{"message":" "}"#)), "This field may not be blank.");
        for value in ["1", "true", "[]", "{}"] {
            let body = format!("{{\"message\":{value}}}");
            assert_eq!(complaint(&json(&body)), "Not a valid string.");
        }
    }

    #[test]
    fn all_complaints_come_together() {
        let mut fields = json(r#"{"b":1}"#).fields().unwrap();
        assert!(fields.take::<PlainText>("a").is_none());
        assert!(fields.take::<PlainText>("b").is_none());
        let ApiError::Invalid(errors) = fields.refuse() else { panic!("not about fields") };
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn what_is_not_json_is_a_parse_error() {
        for body in ["{", "hello", "{'message':'x'}", "{\"message\":\"\\ud800\"}", "\u{feff}{}"] {
            assert!(matches!(json(body).fields(), Err(ApiError::Parse(_))), "{body}");
        }
        for deep in ["[".repeat(10_000), format!("{{\"other\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000))] {
            assert!(matches!(json(&deep).fields(), Err(ApiError::Parse(_))));
        }
        let not_utf8 = request(Some("application/json"), vec![b'"', 0xff, b'"']);
        assert!(matches!(not_utf8.fields(), Err(ApiError::Parse(_))));
    }

    #[test]
    fn json_that_is_not_an_object_has_no_fields() {
        for body in ["[]", "1", "null", "true", "\"message\""] {
            assert!(matches!(json(body).fields(), Err(ApiError::Invalid(_))), "{body}");
        }
    }

    #[test]
    fn other_content_types_are_refused() {
        for content_type in ["application/xml", "text/plain", "multipart/mixed; boundary=x", "", "json"] {
            let outcome = request(Some(content_type), "{}").fields();
            assert!(matches!(outcome, Err(ApiError::UnsupportedMediaType)), "{content_type}");
        }
    }

    #[test]
    fn a_body_has_a_limit_in_bytes() {
        let body = |bytes: usize| format!("{{\"message\":\"{}\"}}", "x".repeat(bytes - 14));
        assert!(json(&body(MAX_BODY_BYTES)).fields().is_ok());
        assert!(matches!(json(&body(MAX_BODY_BYTES + 1)).fields(), Err(ApiError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused_without_panic(
            content_type in prop::sample::select(&[
                "application/json",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=-",
            ][..]),
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(mut fields) = request(Some(content_type), body).fields() {
                let _ = fields.take::<PlainText>("message");
            }
        }
    }
}
