//! A JSON object of which the known members are kept, as they were sent.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::http::body_fields::{MediaType, media_type, not_json};
use crate::http::request::Request;
use crate::http::shallow_value::ShallowValue;
use crate::http::unknown_members::UnknownMembers;

/// The known members of a JSON object, each as a piece of the text that was sent.
///
/// A member is parsed when somebody asks for it, into what they need. So an object takes no memory for what nobody asks
/// for, and little for the rest: there is no tree of values. A member may be anything, so there is no `Debug`.
pub(crate) struct JsonObject<'a> {
    known: &'static [&'static str],
    members: Vec<(&'static str, &'a RawValue)>,
    unknown: UnknownMembers<'a>,
}

/// The members that are kept, and the unknown ones.
type KeptMembers<'a> = (Vec<(&'static str, &'a RawValue)>, UnknownMembers<'a>);

impl Request {
    /// The members of the JSON object in the body that are in `known`, and the unknown ones that `is_wanted` takes by their
    /// names. A body without a content type is read as JSON.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`] with more than `limit_bytes`, [`ApiError::UnsupportedMediaType`] with another content type
    /// than JSON's, [`ApiError::Parse`] if the body is no JSON object in UTF-8.
    pub(crate) fn json_object(
        &self,
        limit_bytes: usize,
        known: &'static [&'static str],
        is_wanted: fn(&str) -> bool,
    ) -> Result<JsonObject<'_>, ApiError> {
        let body: &[u8] = self.received.body().as_ref();
        if body.len() > limit_bytes {
            return Err(ApiError::TooLarge { limit_bytes });
        }
        let MediaType::Json = media_type(self.headers())? else { return Err(ApiError::UnsupportedMediaType) };
        let text = str::from_utf8(body).map_err(|_| ApiError::Parse("The body is not in UTF-8.".to_owned()))?;
        JsonObject::parse_with(text, known, is_wanted).map_err(|error| {
            if error.is_data() {
                ApiError::Parse("The body is not a JSON object.".to_owned())
            } else {
                not_json(&error)
            }
        })
    }
}

impl<'a> JsonObject<'a> {
    /// Parses `text` and keeps the members that are in `known`. The last of two with the same name counts.
    ///
    /// # Errors
    /// [`serde_json::Error`] if the text is no JSON object: of the category `Data` if it begins like another value.
    pub(crate) fn parse(text: &'a str, known: &'static [&'static str]) -> Result<Self, serde_json::Error> {
        Self::parse_with(text, known, |_| false)
    }

    /// Parses `text`, and keeps the unknown members too that `is_wanted` takes by their names.
    fn parse_with(
        text: &'a str,
        known: &'static [&'static str],
        is_wanted: fn(&str) -> bool,
    ) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let (members, unknown) = deserializer.deserialize_map(MembersVisitor { known, is_wanted })?;
        deserializer.end()?;
        Ok(Self { known, members, unknown })
    }

    /// The unknown members that are wanted. They are there once.
    pub(crate) fn take_unknown(&mut self) -> UnknownMembers<'a> {
        std::mem::take(&mut self.unknown)
    }

    /// The member `name`, which must be one of those that are known. `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        debug_assert!(self.known.contains(&name), "{name} is not among the known members");
        let (_, value) = self.members.iter().find(|(known, _)| *known == name)?;
        Some(*value).filter(|value| value.get() != "null")
    }
}

#[derive(Clone, Copy)]
struct MembersVisitor {
    known: &'static [&'static str],
    is_wanted: fn(&str) -> bool,
}

impl<'a> Visitor<'a> for MembersVisitor {
    type Value = KeptMembers<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let (mut members, mut unknown) = KeptMembers::default();
        while let Some(name) = object.next_key_seed(self)? {
            let name = match name {
                MemberName::Known(name) => name,
                MemberName::Wanted(name) => {
                    unknown.add(name, object.next_value()?);
                    continue;
                }
                MemberName::Other => {
                    object.next_value::<ShallowValue>()?;
                    continue;
                }
            };
            let value = object.next_value()?;
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, earlier)) => *earlier = value,
                None => members.push((name, value)),
            }
        }
        Ok((members, unknown))
    }
}

/// A member's name.
enum MemberName {
    Known(&'static str),
    Wanted(String),
    Other,
}

impl<'a> DeserializeSeed<'a> for MembersVisitor {
    type Value = MemberName;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(NameVisitor(self))
    }
}

struct NameVisitor(MembersVisitor);

impl Visitor<'_> for NameVisitor {
    type Value = MemberName;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let MembersVisitor { known, is_wanted } = self.0;
        Ok(match known.iter().find(|known| **known == name) {
            Some(known) => MemberName::Known(known),
            None if is_wanted(name) => MemberName::Wanted(name.to_owned()),
            None => MemberName::Other,
        })
    }
}

/// The elements of a JSON array, one by one, each as a piece of the text that was sent.
#[derive(Clone)]
pub(crate) struct Elements<'a> {
    /// The text behind the bracket or the comma before the next element.
    rest: &'a str,
}

impl<'a> Elements<'a> {
    /// The elements of `array`, or nothing if it is another value.
    pub(crate) fn of(array: &'a RawValue) -> Option<Self> {
        array.get().strip_prefix('[').map(|rest| Self { rest })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a RawValue;

    fn next(&mut self) -> Option<&'a RawValue> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter();
        // A raw value was parsed as a whole. So an element is missing only where the array ends.
        let element = values.next()?.ok()?;
        let behind = self.rest[values.byte_offset()..].trim_start();
        self.rest = behind.strip_prefix(',').unwrap_or_default();
        Some(element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Body;
    use lambda_http::http::HeaderValue;
    use lambda_http::http::header::CONTENT_TYPE;

    const KNOWN: [&str; 2] = ["a", "b"];

    fn request(content_type: &'static str, body: impl Into<Body>) -> Request {
        let mut received = lambda_http::Request::new(body.into());
        received.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Request::from(received)
    }

    fn json(body: &str) -> Request {
        request("application/json", body)
    }

    #[test]
    fn the_known_members_of_an_object_within_the_limit_are_read() {
        for body in [r#"{"a": 1 }"#, r#"{"a":2,"a":1}"#, r#"{"\u0061":1}"#, r#"{"c":[0],"a":1}"#, " {\"a\":1}\n"] {
            let request = request("application/json; charset=utf-8", body);
            let object = request.json_object(20, &KNOWN, |_| false).unwrap();
            assert_eq!(object.get("a").unwrap().get(), "1", "{body}");
            assert!(object.get("b").is_none());
        }
        let untyped = Request::from(lambda_http::Request::new(Body::from(r#"{"a":1,"b":null}"#)));
        let object = untyped.json_object(20, &KNOWN, |_| false).unwrap();
        assert!(object.get("a").is_some() && object.get("b").is_none());
    }

    #[test]
    fn unknown_members_are_kept_if_they_are_wanted() {
        let mut object =
            JsonObject::parse_with(r#"{"a":1,"x1":[ 2],"y":3,"x2":null}"#, &KNOWN, |name| name != "y").unwrap();
        assert_eq!(object.get("a").unwrap().get(), "1");
        let kept = object.take_unknown().into_members().unwrap();
        let kept: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(kept, [("x1", "[ 2]")]);
        assert!(object.take_unknown().into_members().unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_refused() {
        let outcome = |request: Request| request.json_object(20, &KNOWN, |_| false).err();
        for body in ["", "{", "[]", "null", "\"a\"", "{} {}", "{\"a\":1,}", "{\"c\":\"\\ud800\"}"] {
            assert!(matches!(outcome(json(body)), Some(ApiError::Parse(_))), "{body}");
        }
        let not_utf8 = request("application/json", b"{\"a\":\"\xff\"}".to_vec());
        assert!(matches!(outcome(not_utf8), Some(ApiError::Parse(_))));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(20));
        assert!(matches!(outcome(json(&long)), Some(ApiError::TooLarge { limit_bytes: 20 })));
        for content_type in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
            let outcome = outcome(request(content_type, "{}"));
            assert!(matches!(outcome, Some(ApiError::UnsupportedMediaType)), "{content_type}");
        }
    }

    #[test]
    fn the_elements_of_an_array_are_pieces_of_its_text() {
        for (array, expected) in [
            ("[]", &[][..]),
            ("[ ]", &[]),
            ("[1]", &["1"]),
            (
                r#"[ 1 , "],[" ,[2,[3]],{"a": [4]},null , true]"#,
                &["1", r#""],[""#, "[2,[3]]", r#"{"a": [4]}"#, "null", "true"],
            ),
        ] {
            let array: &RawValue = serde_json::from_str(array).unwrap();
            let elements: Vec<&str> = Elements::of(array).unwrap().map(RawValue::get).collect();
            assert_eq!(elements, expected, "{array}");
        }
        for other in ["{}", "1", "\"[\""] {
            assert!(Elements::of(serde_json::from_str(other).unwrap()).is_none());
        }
    }
}
