//! Members of a JSON object that nothing here knows.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The most unknown members that are kept.
pub(crate) const MAX_UNKNOWN_MEMBERS: usize = 32;
/// The most bytes of their names and values together.
pub(crate) const MAX_UNKNOWN_BYTES: usize = 16 * 1024;

/// The unknown members of an object, each as a piece of the text that was sent. `null` counts as absent. Too many of them,
/// or too long ones, take no memory: then none is kept.
#[derive(Default)]
pub(crate) struct UnknownMembers<'a> {
    members: BTreeMap<String, &'a RawValue>,
    bytes: usize,
    are_too_many: bool,
}

impl<'a> UnknownMembers<'a> {
    /// Adds a member. The last of two with the same name counts.
    pub(super) fn add(&mut self, name: String, value: &'a RawValue) {
        if self.are_too_many {
            return;
        }
        let bytes = |value: &RawValue| name.len() + value.get().len();
        if let Some(earlier) = self.members.remove(&name) {
            self.bytes -= bytes(earlier);
        }
        if value.get() == "null" {
            return;
        }
        self.bytes += bytes(value);
        if self.members.len() >= MAX_UNKNOWN_MEMBERS || self.bytes > MAX_UNKNOWN_BYTES {
            self.members.clear();
            self.are_too_many = true;
        } else {
            self.members.insert(name, value);
        }
    }

    /// The members, unless they were too many or too long.
    pub(crate) fn into_members(self) -> Option<BTreeMap<String, &'a RawValue>> {
        (!self.are_too_many).then_some(self.members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        let pairs: Vec<(String, Box<RawValue>)> = pairs
            .iter()
            .map(|(name, json)| ((*name).to_owned(), RawValue::from_string((*json).to_owned()).unwrap()))
            .collect();
        let mut unknown = UnknownMembers::default();
        for (name, value) in &pairs {
            unknown.add(name.clone(), value);
        }
        unknown
            .into_members()
            .map(|members| members.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect())
    }

    #[test]
    fn the_last_member_of_a_name_counts_and_null_is_none() {
        let kept = members(&[("b", "1"), ("a", "[ 2]"), ("b", "3"), ("c", "null"), ("a", "null")]);
        assert_eq!(kept, Some(vec![("b".to_owned(), "3".to_owned())]));
    }

    #[test]
    fn of_too_many_or_too_long_members_none_is_kept() {
        let names: Vec<String> = (10..60).map(|number| format!("m{number}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        assert_eq!(members(&many[..32]).unwrap().len(), 32);
        assert_eq!((members(&many[..33]), members(&many)), (None, None));
        let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(members(&[("a", &long(16 * 1024 - 1))]).is_some());
        assert!(members(&[("a", &long(9000)), ("a", &long(9000))]).is_some(), "one of them counts");
        assert_eq!(members(&[("a", &long(9000)), ("b", &long(9000)), ("c", "1")]), None);
    }
}
