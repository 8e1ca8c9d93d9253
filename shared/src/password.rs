//! Passwords: argon2id with OWASP's parameters.
//!
//! Hashing takes the thread for its time. A function has one request at a time, which has nothing else to do
//! meanwhile; a thread of its own would keep the memory of one hash for itself, and the next thread as much again.

mod blocklist;

use std::fmt;

use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::{ApiError, Cause};
use crate::text::{InvalidField, check_length, check_text};
use crate::username::Username;

/// OWASP's Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1.
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;

/// A hash of no one's password, with the parameters above: verifying against it makes an unknown
/// name cost the time of a wrong password.
const HASH_OF_NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$2rV7S4Yb1uP5eHc6oCzv1eW1mQ0sK3jT8nXfLqRdAiU";

/// What a password that somebody chooses must be beyond its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordRules {
    /// Whether it must not be one of Django's 20,000 common passwords. (OWASP's Authentication Cheat
    /// Sheet and NIST SP 800-63B want such a list.)
    pub blocklist: bool,
}

/// A password: 8 to 1,024 characters of any kind, in Unicode's NFC (RFC 8265, section 4.2), since
/// keyboards differ in how they type an accent. It never prints.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// The fewest characters that a password has.
    pub const MIN_CHARACTERS: usize = 8;
    /// The most characters that a password has.
    pub const MAX_CHARACTERS: usize = 1024;

    /// Parses a password that somebody chooses for the account `username`.
    ///
    /// # Errors
    /// [`InvalidField`] if it is too short, too long, the username itself, or against the `rules`.
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

    /// Parses a password that somebody claims to have. Any length up to the limit may be wrong,
    /// so that only choosing one tells the rule.
    ///
    /// # Errors
    /// [`InvalidField`] if it is blank, too long or contains NUL.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        check_text(text)?;
        check_length(text, Self::MAX_CHARACTERS)?;
        let composed: String = text.nfc().collect();
        Ok(Self(SecretString::from(composed)))
    }

    /// Hashes the password with a new salt.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the system gives no random bytes.
    pub fn hash(&self) -> Result<PasswordHash, ApiError> {
        let hash = hasher()?.hash_password(self.0.expose_secret().as_bytes());
        hash.map(|hash| PasswordHash(hash.to_string())).map_err(internal)
    }

    /// Whether this is the password of the account with `hash`. Without an account it is not, but
    /// finding that out takes as long.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the stored hash cannot be read.
    pub fn matches(&self, hash: Option<&PasswordHash>) -> Result<bool, ApiError> {
        let text = hash.map_or(HASH_OF_NOBODY, PasswordHash::as_str);
        let stored = phc::PasswordHash::new(text).map_err(internal)?;
        match hasher()?.verify_password(self.0.expose_secret().as_bytes(), &stored) {
            Ok(()) => Ok(hash.is_some()),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(internal(error)),
        }
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

/// A password's hash as a PHC string, which carries its own parameters and salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it was made with other parameters than today's, so that the next login renews it.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&self.0) else {
            return true;
        };
        let Ok(parameters) = Params::try_from(&hash) else {
            return true;
        };
        let costs = (parameters.m_cost(), parameters.t_cost(), parameters.p_cost());
        hash.algorithm != Algorithm::Argon2id.ident() || costs != (MEMORY_KIB, ITERATIONS, LANES)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(hidden)")
    }
}

fn hasher() -> Result<Argon2<'static>, ApiError> {
    let parameters = Params::new(MEMORY_KIB, ITERATIONS, LANES, None).map_err(internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

fn is_name(password: &str, username: &Username) -> bool {
    Username::parse(password).is_ok_and(|name| name.canonical() == username.canonical())
}

fn internal(error: impl std::error::Error) -> ApiError {
    ApiError::Internal(Cause::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

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
    fn an_accent_is_the_same_however_the_keyboard_sends_it() {
        let composed = Password::parse("caf\u{e9} noir").unwrap();
        let decomposed = Password::parse("cafe\u{301} noir").unwrap();
        assert!(decomposed.matches(Some(&composed.hash().unwrap())).unwrap());
    }

    #[test]
    fn a_password_and_its_hash_never_print() {
        let password = Password::parse("correct horse").unwrap();
        let hash = PasswordHash(HASH_OF_NOBODY.to_owned());
        assert_eq!(format!("{password:?} {hash:?}"), "Password(hidden) PasswordHash(hidden)");
    }

    #[test]
    fn only_the_password_that_was_hashed_matches() {
        let password = Password::parse("correct horse").unwrap();
        let other = Password::parse("correct horsf").unwrap();
        let hash = password.hash().unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(password.matches(Some(&hash)).unwrap());
        assert!(!other.matches(Some(&hash)).unwrap());
        assert!(!password.matches(None).unwrap());
        assert_ne!(hash, password.hash().unwrap(), "each hash has its own salt");
    }

    /// The fastest of a few: the others were held up by something else.
    fn least_time(password: &Password, hash: Option<&PasswordHash>) -> Duration {
        let mut least = Duration::MAX;
        for _ in 0..3 {
            let started = Instant::now();
            password.matches(hash).unwrap();
            least = least.min(started.elapsed());
        }
        least
    }

    #[test]
    fn an_unknown_user_costs_the_time_of_a_wrong_password() {
        let hash = Password::parse("correct horse").unwrap().hash().unwrap();
        let wrong = Password::parse("wrong horse").unwrap();
        // Comparing the two is for a benchmark; that nothing is hashed at all would show here.
        assert!(least_time(&wrong, None) > least_time(&wrong, Some(&hash)) / 4);
    }

    #[test]
    fn a_hash_with_other_parameters_is_outdated() {
        let weaker = HASH_OF_NOBODY.replace("m=19456", "m=4096");
        let other = HASH_OF_NOBODY.replace("argon2id", "argon2i");
        assert!(PasswordHash(weaker).is_outdated());
        assert!(PasswordHash(other).is_outdated());
        assert!(!PasswordHash(HASH_OF_NOBODY.to_owned()).is_outdated());
    }

    #[test]
    fn a_stored_hash_that_cannot_be_read_is_an_error_and_not_a_match() {
        let password = Password::parse("correct horse").unwrap();
        let broken = PasswordHash("plain text".to_owned());
        assert!(password.matches(Some(&broken)).is_err());
    }
}
