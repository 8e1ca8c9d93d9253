//! The reasons that are given for acts.

use crate::invalid_field::{InvalidField, check_length, check_text};

/// The reason that staff or an operator gives for an act, for people who read its record: 1 to 500 characters.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_1_to_500_characters() {
        assert!(Reason::try_from("\u{1f600}".repeat(500)).is_ok());
        for reason in ["", " ", "a\0b", &"x".repeat(501)] {
            assert!(Reason::try_from(reason.to_owned()).is_err(), "{reason:?}");
        }
    }
}
