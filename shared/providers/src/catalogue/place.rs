//! Values at their places in a catalogue, and the list of what is wrong with them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::catalogue::error::CatalogueError;
use crate::whole_number::whole_number;

/// The most errors that are listed: somebody who has read them mends more than one.
const MAX_ERRORS: usize = 50;
/// The most characters of a member's name in a path.
const MAX_NAME_IN_PATH: usize = 64;

/// The errors that were found so far.
#[derive(Debug, Default)]
pub(super) struct FoundErrors(RefCell<Vec<CatalogueError>>);

impl FoundErrors {
    fn add(&self, path: &str, problem: String) {
        let mut errors = self.0.borrow_mut();
        if errors.len() < MAX_ERRORS {
            errors.push(CatalogueError { path: path.to_owned(), problem });
        }
    }

    /// `parts`, if there are no errors.
    pub(super) fn or<T>(self, parts: T) -> Result<T, Vec<CatalogueError>> {
        let errors = self.0.into_inner();
        if errors.is_empty() { Ok(parts) } else { Err(errors) }
    }
}

/// A value at its place. A method that returns nothing has noted an error.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    value: &'a Value,
    path: String,
    errors: &'a FoundErrors,
}

impl<'a> Place<'a> {
    /// The catalogue itself.
    pub(super) fn root(value: &'a Value, errors: &'a FoundErrors) -> Self {
        Self { value, path: String::new(), errors }
    }

    /// Notes what is wrong here.
    pub(super) fn refuse<T>(&self, problem: impl Into<String>) -> Option<T> {
        self.errors.add(&self.path, problem.into());
        None
    }

    /// An object whose members have fixed names.
    pub(super) fn members(&self) -> Option<Members<'a>> {
        let Some(object) = self.value.as_object() else { return self.refuse("must be an object") };
        Some(Members { place: self.clone(), object, known: Vec::new() })
    }

    /// The members of an object that has names of the operator's own, as many as `count` allows.
    pub(super) fn entries(&self, count: RangeInclusive<usize>) -> Vec<(&'a str, Self)> {
        match self.value.as_object() {
            Some(object) if count.contains(&object.len()) => {
                object.iter().map(|(name, value)| (name.as_str(), self.member(name, value))).collect()
            }
            _ => {
                let (least, most) = count.into_inner();
                self.refuse::<()>(format!("must be an object of {least} to {most} members"));
                Vec::new()
            }
        }
    }

    /// The items of a list that has as many as `count` allows.
    pub(super) fn items(&self, count: RangeInclusive<usize>) -> Vec<Self> {
        match self.value.as_array() {
            Some(items) if count.contains(&items.len()) => {
                let place = |(position, value)| Self { value, path: format!("{}[{position}]", self.path), ..*self };
                items.iter().enumerate().map(place).collect()
            }
            _ => {
                let (least, most) = count.into_inner();
                self.refuse::<()>(format!("must be a list of {least} to {most}"));
                Vec::new()
            }
        }
    }

    /// The items of a list of at most `most`, each read by `read`, none of which may come twice.
    pub(super) fn set<T: Ord>(&self, most: usize, read: impl Fn(&Self) -> Option<T>) -> BTreeSet<T> {
        let mut set = BTreeSet::new();
        for item in self.items(0..=most) {
            if read(&item).is_some_and(|value| !set.insert(value)) {
                item.refuse::<()>("is in the list twice");
            }
        }
        set
    }

    /// A whole number, also if it is written with a fraction of zero.
    pub(super) fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        whole_number(self.value).filter(|number| range.contains(number)).or_else(|| {
            let (least, most) = range.into_inner();
            self.refuse(format!("must be a whole number from {least} to {most}"))
        })
    }

    /// A [`Place::whole`] number that is small.
    pub(super) fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let (least, most) = range.into_inner();
        self.whole(least.into()..=most.into()).and_then(|count| u32::try_from(count).ok())
    }

    /// A text of 1 to `most` characters that is as the `rule` says.
    pub(super) fn text(&self, most: usize, rule: &str, is_valid: impl Fn(&str) -> bool) -> Option<String> {
        let text = self.value.as_str().filter(|text| (1..=most).contains(&text.chars().count()) && is_valid(text));
        text.map(str::to_owned).or_else(|| self.refuse(format!("must be a text of 1 to {most} characters, {rule}")))
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.refuse("must be true or false"))
    }

    /// The value of the word that stands here.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let word = self.value.as_str();
        words.iter().find(|(known, _)| word == Some(known)).map(|(_, value)| *value).or_else(|| {
            let known: Vec<_> = words.iter().map(|(known, _)| *known).collect();
            self.refuse(format!("must be one of: {}", known.join(", ")))
        })
    }

    fn member(&self, name: &str, value: &'a Value) -> Self {
        Self { value, path: self.path_of(name), errors: self.errors }
    }

    fn path_of(&self, name: &str) -> String {
        let is_plain = |name: &str| {
            (1..=MAX_NAME_IN_PATH).contains(&name.len())
                && name.chars().all(|character| character.is_ascii_alphanumeric() || "$_-".contains(character))
        };
        if is_plain(name) {
            let dot = if self.path.is_empty() { "" } else { "." };
            return format!("{}{dot}{name}", self.path);
        }
        let shown: String = name.chars().take(MAX_NAME_IN_PATH).collect();
        format!("{}[{}]", self.path, Value::from(shown))
    }
}

/// The members of an object, each of which is asked for by its name. A member that was not asked for is unknown.
#[derive(Debug)]
pub(super) struct Members<'a> {
    place: Place<'a>,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Members<'a> {
    pub(super) fn optional(&mut self, name: &'static str) -> Option<Place<'a>> {
        self.known.push(name);
        self.object.get(name).map(|value| self.place.member(name, value))
    }

    pub(super) fn required(&mut self, name: &'static str) -> Option<Place<'a>> {
        self.optional(name).or_else(|| {
            self.place.errors.add(&self.place.path_of(name), "is missing".to_owned());
            None
        })
    }

    /// Refuses what was not asked for: a name with a mistake in it must not mean a default.
    pub(super) fn end(self) {
        for name in self.object.keys().filter(|name| !self.known.contains(&name.as_str())) {
            let known = self.known.join(", ");
            self.place.errors.add(&self.place.path_of(name), format!("is unknown: the members here are {known}"));
        }
    }
}
