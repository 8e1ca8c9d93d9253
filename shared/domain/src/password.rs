//! Passwords: strict rules for a chosen one, loose rules for one that proves an identity.

mod blocklist;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

use crate::invalid_field::{InvalidField, check_length, check_text};
use crate::username::Username;

/// Rules for a chosen password, beside those that always hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordRules {
    /// Whether Django's 20,000 common passwords are refused. OWASP's Authentication Cheat Sheet and NIST SP 800-63B
    /// recommend such a list.
    pub blocklist: bool,
}

/// A password: 8 to 1,024 characters of any kind. It is kept in Unicode's NFC (RFC 8265, section 4.2), because
/// keyboards differ in how they type an accent. It never prints.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Shortest password that can be chosen, in characters.
    pub const MIN_CHARACTERS: usize = 8;
    /// Longest password in characters.
    pub const MAX_CHARACTERS: usize = 1024;

    /// Parses a password that a person chooses for the account `username`.
    ///
    /// # Errors
    /// [`InvalidField`] if the password is too short, too long, the username itself, or against the `rules`.
    pub fn choose(text: &str, username: &Username, rules: PasswordRules) -> Result<Self, InvalidField> {
        let password = Self::parse(text)?;
        let characters = password.0.expose_secret().chars().count();
        if characters < Self::MIN_CHARACTERS {
            return Err(InvalidField::new(format!(
                "This password is too short. It must contain at least {} characters.",
                Self::MIN_CHARACTERS
            )));
        }
        if is_name(password.0.expose_secret(), username) {
            return Err(InvalidField::new("The password is too similar to the username."));
        }
        if rules.blocklist && blocklist::is_common(password.0.expose_secret()) {
            return Err(InvalidField::new("This password is too common."));
        }
        Ok(password)
    }

    /// Parses a password that a person logs in with. A short one is accepted here and turns out to be wrong: the
    /// shortest length is told only to a person who chooses a password.
    ///
    /// # Errors
    /// [`InvalidField`] if the password is blank, too long or contains NUL.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        check_text(text)?;
        check_length(text, Self::MAX_CHARACTERS)?;
        let composed: String = text.nfc().collect();
        Ok(Self(SecretString::from(composed)))
    }

    /// The text to hash.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(hidden)")
    }
}

impl TryFrom<String> for Password {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        Self::parse(&text)
    }
}

fn is_name(password: &str, username: &Username) -> bool {
    Username::parse(password).is_ok_and(|name| name.canonical() == username.canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(text: &str) -> Result<Password, InvalidField> {
        Password::choose(text, &ada(), PasswordRules::default())
    }

    fn ada() -> Username {
        Username::parse("Ada.Lovelace").unwrap()
    }

    #[test]
    fn a_password_may_be_a_sentence_in_any_script() {
        for password in ["12345678", "correct horse battery staple", "пароль №1", "        x"] {
            assert!(choose(password).is_ok(), "{password}");
        }
        assert!(choose(&"x".repeat(1024)).is_ok());
    }

    #[test]
    fn a_password_that_is_too_short_too_long_blank_or_the_name_is_refused() {
        for password in ["", "        ", "1234567", "ada.lovelace", "ADA.LOVELACE", "1234567\0"] {
            assert!(choose(password).is_err(), "{password:?}");
        }
        assert!(choose(&"x".repeat(1025)).is_err());
    }

    #[test]
    fn a_common_password_is_refused_where_the_rules_say_so() {
        let rules = PasswordRules { blocklist: true };
        for password in ["12345678", "Password1", "sunshine", "ILOVEYOU1"] {
            let refusal = Password::choose(password, &ada(), rules).unwrap_err();
            assert_eq!(refusal.to_string(), "This password is too common.");
            assert!(choose(password).is_ok());
        }
        assert!(Password::choose("correct horse battery staple", &ada(), rules).is_ok());
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(choose("ключ").is_err());
        assert!(choose(&"я".repeat(1024)).is_ok());
    }

    #[test]
    fn a_password_never_prints() {
        let password = Password::parse("correct horse").unwrap();
        assert_eq!(format!("{password:?}"), "Password(hidden)");
    }
}
