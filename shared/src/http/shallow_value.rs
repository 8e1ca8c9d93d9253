//! A JSON value without what is nested in it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A JSON value of which no element and no member is kept: an array or an object is an empty one.
///
/// A tree of values takes up to 72 bytes of memory for each byte of the text. What is nested is checked all the same, and
/// may be nested as deeply as `serde_json` allows (128 levels).
pub(super) struct ShallowValue(pub(super) Value);

impl<'de> Deserialize<'de> for ShallowValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShallowVisitor).map(Self)
    }
}

/// A JSON value whose elements and members are [`ShallowValue`]s.
pub(super) struct NestedValue(pub(super) Value);

impl<'de> Deserialize<'de> for NestedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NestedVisitor).map(Self)
    }
}

struct ShallowVisitor;

impl<'de> Visitor<'de> for ShallowVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        while elements.next_element::<ShallowValue>()?.is_some() {}
        Ok(Value::Array(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        while members.next_entry::<ShallowValue, ShallowValue>()?.is_some() {}
        Ok(Value::Object(serde_json::Map::new()))
    }
}

struct NestedVisitor;

impl<'de> Visitor<'de> for NestedVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        ShallowVisitor.expecting(formatter)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        ShallowVisitor.visit_unit()
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        ShallowVisitor.visit_bool(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        ShallowVisitor.visit_u64(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        ShallowVisitor.visit_i64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        ShallowVisitor.visit_f64(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        ShallowVisitor.visit_str(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(ShallowValue(element)) = elements.next_element()? {
            kept.push(element);
        }
        Ok(Value::Array(kept))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut kept = serde_json::Map::new();
        while let Some((name, ShallowValue(member))) = members.next_entry()? {
            kept.insert(name, member);
        }
        Ok(Value::Object(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    fn shallow(text: &str) -> Result<Value, serde_json::Error> {
        serde_json::from_str(text).map(|ShallowValue(value)| value)
    }

    #[test]
    fn a_value_is_kept_and_what_is_nested_in_it_is_not() {
        for (text, value) in [
            ("null", json!(null)),
            ("true", json!(true)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-1", json!(-1)),
            ("1.5", json!(1.5)),
            (r#""a\n\u00fc""#, json!("a\n\u{fc}")),
            (r#"[1,"a",[{}]]"#, json!([])),
            (r#"{"a":{"b":[1]},"c":null}"#, json!({})),
        ] {
            assert_eq!(shallow(text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn what_is_nested_is_checked_and_has_a_limit_of_depth() {
        for text in ["[1,]", r#"{"a"}"#, r#"["\ud800"]"#, "[1e999]", "[[]"] {
            assert!(shallow(text).is_err(), "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(shallow(&nested(100)).is_ok());
        assert!(shallow(&nested(200)).is_err());
    }
}
