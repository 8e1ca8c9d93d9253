//! Usernames, and the form in which they are compared.

use std::fmt;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

use crate::ids::UserId;
use crate::invalid_field::{InvalidField, check_length, check_text};

/// A username as its owner wrote it, in Unicode's NFKC: 1 to 150 letters, digits and `@ . + - _`,
/// the rule of Django's `UnicodeUsernameValidator`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Longest username in characters.
    pub const MAX_CHARACTERS: usize = 150;

    /// Parses a username as a person typed it.
    ///
    /// # Errors
    /// [`InvalidField`] with the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        check_text(text)?;
        // The length is checked before normalising too: one character can become eighteen.
        check_length(text, Self::MAX_CHARACTERS)?;
        let name: String = text.nfkc().collect();
        check_length(&name, Self::MAX_CHARACTERS)?;
        if !name.chars().all(may_stand_in_a_username) {
            return Err(InvalidField::new(
                "Enter a valid username. This value may contain only letters, numbers, and \
                 @/./+/-/_ characters.",
            ));
        }
        Ok(Self(name))
    }

    /// Parses a username that a person chooses. Names of a user id's form, in any case, are refused: where a name and an id
    /// are taken alike, they could be mistaken for somebody's id.
    ///
    /// # Errors
    /// [`InvalidField`] with the rule.
    pub fn chosen(text: &str) -> Result<Self, InvalidField> {
        let name = Self::parse(text)?;
        if UserId::parse(&name.0.to_ascii_uppercase()).is_some() {
            return Err(InvalidField::new("This username has the form of an id. Choose another."));
        }
        Ok(name)
    }

    /// The form in which names are compared, so that `Bob` and `bob` are one user: Unicode's case folding, normalised
    /// again (UAX #15, section 1.2, and UAX #31, section 4).
    #[must_use]
    pub fn canonical(&self) -> String {
        UniCase::new(&self.0).to_folded_case().nfkc().collect()
    }

    /// The name as its owner wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Username {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        Self::parse(&text)
    }
}

fn may_stand_in_a_username(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '@' | '.' | '+' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        Username::parse(text).unwrap().canonical()
    }

    #[test]
    fn names_that_people_have_are_accepted() {
        for name in ["ada", "Ada.Lovelace+1815@example.org", "Łukasz", "渡辺", "a", "42", "x_-"] {
            assert_eq!(Username::parse(name).unwrap().as_str(), name);
        }
        assert!(Username::parse(&"x".repeat(150)).is_ok());
    }

    #[test]
    fn names_outside_the_rule_are_refused() {
        let too_long = "x".repeat(151);
        // U+FDFA is one character, and eighteen in NFKC.
        let too_long_once_normalised = "\u{FDFA}".repeat(100);
        for name in [
            "",
            " ",
            "\t\n",
            "ada lovelace",
            "ada\0",
            "\0",
            "a/b",
            "a#b",
            "<script>",
            "a\u{200B}b",
            "\u{202E}ada",
            &too_long,
            &too_long_once_normalised,
        ] {
            assert!(Username::parse(name).is_err(), "{name:?}");
        }
    }

    /// `DynamoDB` sorts by up to 1,024 bytes, and the directory sorts by this form.
    #[test]
    fn the_form_in_which_names_are_compared_has_at_most_six_bytes_for_each_character() {
        for character in char::MIN..=char::MAX {
            if let Ok(name) = Username::parse(&character.to_string()) {
                let bytes = name.canonical().len();
                assert!(bytes <= 6 * name.as_str().chars().count(), "{character:?}: {bytes}");
            }
        }
    }

    #[test]
    fn a_name_of_an_ids_form_is_not_chosen_and_is_known_where_somebody_has_it() {
        let id = UserId::new(&crate::time::Clock::system()).to_string();
        for name in [id.clone(), id.to_lowercase()] {
            assert!(Username::chosen(&name).is_err() && Username::parse(&name).is_ok(), "{name}");
        }
        for name in ["ada", &id[1..], &format!("{id}0"), "7zzzzzzzzzzzzzzzzzzzzzzzz@"] {
            assert!(Username::chosen(name).is_ok(), "{name}");
        }
        assert!(Username::chosen("a/b").is_err());
    }

    #[test]
    fn one_person_cannot_take_a_name_twice_by_case_or_by_look() {
        assert_eq!(canonical("Bob"), canonical("bob"));
        assert_eq!(canonical("STRASSE"), canonical("straße"));
        assert_eq!(canonical("ΟΔΟΣ"), canonical("οδος"));
        // Full-width letters and an e with a combining accent.
        assert_eq!(canonical("ｂｏｂ"), canonical("bob"));
        assert_eq!(canonical("Rene\u{301}e"), canonical("renée"));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_without_panic(text in ".{0,200}") {
            let _ = Username::parse(&text);
        }

        #[test]
        fn the_canonical_form_of_a_name_is_its_own_canonical_form(name in "[\\p{L}\\p{N}@.+_-]{1,20}") {
            if let Ok(name) = Username::parse(&name) {
                let canonical = name.canonical();
                if let Ok(again) = Username::parse(&canonical) {
                    prop_assert_eq!(again.canonical(), canonical);
                }
            }
        }
    }
}
