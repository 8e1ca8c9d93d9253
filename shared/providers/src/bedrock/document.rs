//! JSON that the SDK has read.

use std::collections::BTreeMap;

use aws_smithy_types::{Document, Number};
use serde::{Serialize, Serializer};

/// The text of `document`. The SDK keeps no order of members, so theirs is that of their names.
pub(super) fn json(document: &Document) -> String {
    // No map has a name that is no text, so nothing can fail.
    serde_json::to_string(&Json(document)).unwrap_or_default()
}

struct Json<'a>(&'a Document);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Document::Object(members) => {
                let sorted: BTreeMap<_, _> = members.iter().map(|(name, value)| (name, Json(value))).collect();
                serializer.collect_map(sorted)
            }
            Document::Array(items) => serializer.collect_seq(items.iter().map(Json)),
            Document::Number(Number::PosInt(number)) => serializer.serialize_u64(*number),
            Document::Number(Number::NegInt(number)) => serializer.serialize_i64(*number),
            Document::Number(Number::Float(number)) => serializer.serialize_f64(*number),
            Document::String(text) => serializer.serialize_str(text),
            Document::Bool(value) => serializer.serialize_bool(*value),
            Document::Null => serializer.serialize_unit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_the_order_of_their_names_whatever_order_the_sdk_has() {
        let numbers = [Number::PosInt(u64::MAX), Number::NegInt(i64::MIN), Number::Float(0.5)];
        let members = [
            ("b", Document::Array(numbers.map(Document::Number).to_vec())),
            ("a\"", Document::String("\u{fc}\n".to_owned())),
            ("d", Document::Object([("x".to_owned(), Document::Null)].into())),
            ("c", Document::Bool(true)),
        ];
        let document = Document::Object(members.map(|(name, value)| (name.to_owned(), value)).into());
        let expected = "{\"a\\\"\":\"\u{fc}\\n\",\"b\":[18446744073709551615,-9223372036854775808,0.5],\"c\":true,\
                        \"d\":{\"x\":null}}";
        assert_eq!(json(&document), expected);
        assert_eq!(json(&Document::Object([].into())), "{}");
    }
}
