//! Hashes of passwords: argon2id with OWASP's parameters.
//!
//! Hashing blocks the thread. A function answers one request at a time, so no other request waits for that thread; a
//! second thread would keep the memory of one more hash.

use std::fmt;

use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::cause::Cause;
use domain::password::Password;
use serde::{Deserialize, Serialize};

use crate::error::IdentityError;

/// OWASP's Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1.
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;

/// A hash of no password, with the parameters above: verifying a password against it makes an unknown username cost the
/// time of a wrong password.
const HASH_OF_NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$2rV7S4Yb1uP5eHc6oCzv1eW1mQ0sK3jT8nXfLqRdAiU";

/// A password's hash as a PHC string, which contains its parameters and salt. It never prints.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash of `password`, with a new salt.
    ///
    /// # Errors
    /// [`IdentityError::Internal`] if the system gives no random bytes.
    pub fn of(password: &Password) -> Result<Self, IdentityError> {
        let hash = hasher()?.hash_password(password.expose().as_bytes()).map_err(Cause::new)?;
        Ok(Self(hash.to_string()))
    }

    /// Whether `password` has the `stored` hash. Without a stored hash the answer is no, after the same time: an
    /// unknown username costs the time of a wrong password.
    ///
    /// # Errors
    /// [`IdentityError::Internal`] if the stored hash cannot be read.
    pub fn matches(stored: Option<&Self>, password: &Password) -> Result<bool, IdentityError> {
        let text = stored.map_or(HASH_OF_NOBODY, Self::as_str);
        let hash = phc::PasswordHash::new(text).map_err(Cause::new)?;
        match hasher()?.verify_password(password.expose().as_bytes(), &hash) {
            Ok(()) => Ok(stored.is_some()),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(Cause::new(error).into()),
        }
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the hash has other parameters than today's, so that the next login renews it.
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

fn hasher() -> Result<Argon2<'static>, Cause> {
    let parameters = Params::new(MEMORY_KIB, ITERATIONS, LANES, None).map_err(Cause::new)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn an_accent_is_the_same_however_the_keyboard_sends_it() {
        let composed = Password::parse("caf\u{e9} noir").unwrap();
        let decomposed = Password::parse("cafe\u{301} noir").unwrap();
        assert!(PasswordHash::matches(Some(&PasswordHash::of(&composed).unwrap()), &decomposed).unwrap());
    }

    #[test]
    fn only_the_password_that_was_hashed_matches() {
        let password = Password::parse("correct horse").unwrap();
        let other = Password::parse("correct horsf").unwrap();
        let hash = PasswordHash::of(&password).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(PasswordHash::matches(Some(&hash), &password).unwrap());
        assert!(!PasswordHash::matches(Some(&hash), &other).unwrap());
        assert!(!PasswordHash::matches(None, &password).unwrap());
        assert_ne!(hash, PasswordHash::of(&password).unwrap(), "each hash has its own salt");
    }

    /// The fastest of a few: the others were held up by something else.
    fn least_time(password: &Password, hash: Option<&PasswordHash>) -> Duration {
        let mut least = Duration::MAX;
        for _ in 0..3 {
            let started = Instant::now();
            PasswordHash::matches(hash, password).unwrap();
            least = least.min(started.elapsed());
        }
        least
    }

    #[test]
    fn an_unknown_user_costs_the_time_of_a_wrong_password() {
        let hash = PasswordHash::of(&Password::parse("correct horse").unwrap()).unwrap();
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
        assert!(PasswordHash::matches(Some(&broken), &password).is_err());
    }

    #[test]
    fn a_hash_never_prints() {
        assert_eq!(format!("{:?}", PasswordHash(HASH_OF_NOBODY.to_owned())), "PasswordHash(hidden)");
    }
}
