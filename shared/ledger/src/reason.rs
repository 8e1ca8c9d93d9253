//! The reasons of an operator.

use domain::invalid_field::{InvalidField, check_length, check_text};

/// The reason that an operator gives for an act, for people who read its record: 1 to 500 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Longest reason in characters.
    pub const MAX_CHARACTERS: usize = 500;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        check_text(&text)?;
        check_length(&text, Self::MAX_CHARACTERS)?;
        Ok(Self(text))
    }
}
