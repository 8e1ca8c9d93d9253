//! Words in whatever form a server sends them. A member that cannot be read is empty: the reply around it is billed,
//! and must not be lost.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A text: a string, or a list of parts with a member `text`, as some servers send beside their reasoning.
#[derive(Default)]
pub(crate) struct LenientText(pub(crate) String);

/// The bytes of all strings in a value.
#[derive(Clone, Copy, Default)]
pub(crate) struct Weight(pub(crate) usize);

/// A summary of a JSON value's strings.
trait Strings: Default {
    fn of_string(text: &str) -> Self;
    fn add(&mut self, other: Self);
    /// Whether a member of an object counts.
    fn counts(member: &str) -> bool;
}

impl Strings for LenientText {
    fn of_string(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn add(&mut self, other: Self) {
        self.0.push_str(&other.0);
    }

    fn counts(member: &str) -> bool {
        member == "text"
    }
}

impl Strings for Weight {
    fn of_string(text: &str) -> Self {
        Self(text.len())
    }

    fn add(&mut self, other: Self) {
        self.0 += other.0;
    }

    fn counts(_member: &str) -> bool {
        true
    }
}

struct StringsVisitor<S>(std::marker::PhantomData<S>);

impl<'de, S: Strings + Deserialize<'de>> Visitor<'de> for StringsVisitor<S> {
    type Value = S;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<S, E> {
        Ok(S::of_string(text))
    }

    fn visit_unit<E>(self) -> Result<S, E> {
        Ok(S::default())
    }

    fn visit_bool<E>(self, _value: bool) -> Result<S, E> {
        Ok(S::default())
    }

    fn visit_u64<E>(self, _value: u64) -> Result<S, E> {
        Ok(S::default())
    }

    fn visit_i64<E>(self, _value: i64) -> Result<S, E> {
        Ok(S::default())
    }

    fn visit_f64<E>(self, _value: f64) -> Result<S, E> {
        Ok(S::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<S, A::Error> {
        let mut all = S::default();
        while let Some(part) = parts.next_element()? {
            all.add(part);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<S, A::Error> {
        let mut all = S::default();
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            if S::counts(&name) {
                all.add(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(all)
    }
}

impl LenientText {
    /// The text of a value that was read.
    pub(crate) fn of(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}

impl Weight {
    /// The bytes of all strings of a value that was read.
    pub(crate) fn of(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for LenientText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringsVisitor(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringsVisitor(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_string_or_the_texts_of_parts_and_anything_else_is_empty() {
        for (json, text, weight) in [
            (r#""Hi""#, "Hi", 2),
            (r#"["H", {"type": "text", "text": "i"}]"#, "Hi", 6),
            (r#"[{"type": "thinking", "thinking": [{"text": "Hm"}]}, {"text": "Hi"}]"#, "Hi", 12),
            (r#"[{"index": 0, "function": {"name": "f", "arguments": "{}"}}]"#, "", 3),
            ("null", "", 0),
            ("7", "", 0),
            ("-1.5", "", 0),
            ("true", "", 0),
            ("{}", "", 0),
        ] {
            assert_eq!(serde_json::from_str::<LenientText>(json).unwrap().0, text, "{json}");
            assert_eq!(serde_json::from_str::<Weight>(json).unwrap().0, weight, "{json}");
        }
    }
}
