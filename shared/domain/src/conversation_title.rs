//! Titles of conversations.

use serde::{Deserialize, Serialize};

use crate::invalid_field::{InvalidField, check_length, check_text};

/// The title of a conversation: 1 to 200 characters, not blank, kept as written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationTitle(String);

impl ConversationTitle {
    /// The most characters of a title, so that a conversation's item stays within 1 KB.
    pub const MAX_CHARACTERS: usize = 200;

    /// The title as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ConversationTitle {
    /// Hides the title, which people write.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ConversationTitle(hidden)")
    }
}

impl TryFrom<String> for ConversationTitle {
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
    fn a_title_has_words_and_a_bound_and_never_prints() {
        let title = |text: &str| ConversationTitle::try_from(text.to_owned());
        assert_eq!(title("  My holidays ").unwrap().as_str(), "  My holidays ");
        assert!(title(&"\u{1f600}".repeat(200)).is_ok());
        for text in ["", "  ", "a\0b", &"x".repeat(201)] {
            assert!(title(text).is_err(), "{text:?}");
        }
        assert!(!format!("{:?}", title("My holidays")).contains("holidays"));
    }
}
