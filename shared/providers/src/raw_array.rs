//! Arrays of JSON that nobody here reads.

use std::fmt;

use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON array whose elements keep the text in which they came. Nothing here reads them, and they never print. It takes no
/// more memory than its text, however many elements there are.
#[derive(Clone, PartialEq, Eq)]
pub struct RawArray(String);

impl RawArray {
    /// The array that `text` is, if it is one, on one line: a line break in JSON stands between values, where a space means
    /// the same. An event of a stream is one line.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let array: &RawValue = serde_json::from_str(text).ok()?;
        let elements = array.get().strip_prefix('[')?.strip_suffix(']')?;
        Some(Self(format!("[{}]", elements.trim_ascii().replace(['\n', '\r'], " "))))
    }

    /// The array that `text` is. Line breaks stay, so that it is for answers that come whole.
    pub(crate) fn of_written(text: String) -> Self {
        Self(text)
    }

    /// The text of the array.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text of the array, moved.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    /// The bytes of the elements and of the commas between them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.len() - "[]".len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    /// Appends the elements of `next`.
    pub fn add(&mut self, next: &Self) {
        if next.is_empty() {
            return;
        }
        self.0.pop();
        if self.0.len() > "[".len() {
            self.0.push(',');
        }
        self.0.push_str(&next.0["[".len()..]);
    }
}

impl Default for RawArray {
    fn default() -> Self {
        Self("[]".to_owned())
    }
}

impl fmt::Debug for RawArray {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RawArray({} bytes)", self.bytes())
    }
}

impl Serialize for RawArray {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let array: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        array.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_written_as_they_came_and_never_print() {
        let array = RawArray::parse(r#" [ {"secret": 1.0e2} , "]"] "#).unwrap();
        assert_eq!(serde_json::to_string(&[&array]).unwrap(), r#"[[{"secret": 1.0e2} , "]"]]"#);
        assert_eq!(format!("{array:?}"), "RawArray(23 bytes)");
        let pretty = RawArray::parse("[\n  {\r\n    \"a\": \"\\n\"\n  }\n]").unwrap();
        assert_eq!(pretty.as_str(), r#"[{      "a": "\n"   }]"#);
        for text in ["", "{}", "null", "[1", "[1,]", "[] []", "\"[]\""] {
            assert_eq!(RawArray::parse(text), None, "{text}");
        }
    }

    fn any_element() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z]{0,3}", "[\\[\\],\"]{0,3}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn arrays_that_are_put_together_have_the_elements_of_both(
            arrays in prop::collection::vec(prop::collection::vec(any_element(), 0..4), 0..4),
        ) {
            let mut all = RawArray::default();
            for array in &arrays {
                all.add(&RawArray::parse(&serde_json::to_string(array).unwrap()).unwrap());
            }
            prop_assert_eq!(all.as_str(), serde_json::to_string(&arrays.concat()).unwrap());
            prop_assert_eq!(all.is_empty(), arrays.concat().is_empty());
        }
    }
}
