//! The text of an API key, and its digest.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::cause::Cause;
use domain::random;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

const RANDOM_BYTES: usize = 32;
/// The bytes of a key that its list shows: enough to tell twenty keys apart. The other bytes still have 220 bits.
const PREFIX_BYTES: usize = ApiKey::START.len() + 6;

/// An API key: `sk-` and 32 random bytes in base64url. It never prints; only the answer that makes it contains its
/// text.
pub struct ApiKey(SecretString);

impl ApiKey {
    /// The beginning of every API key, and of no access token.
    pub const START: &str = "sk-";

    /// A new key.
    ///
    /// # Errors
    /// [`Cause`] if the system gives no random bytes.
    pub(super) fn random() -> Result<Self, Cause> {
        let mut bytes = [0; RANDOM_BYTES];
        random::fill(&mut bytes).map_err(|_| Cause::because("the system gives no random bytes"))?;
        Ok(Self(format!("{}{}", Self::START, URL_SAFE_NO_PAD.encode(bytes)).into()))
    }

    /// Whether `bearer` is meant to be an API key, valid or not.
    #[must_use]
    pub fn is_meant_by(bearer: &str) -> bool {
        bearer.starts_with(Self::START)
    }

    /// The API key in `text`, if `text` has the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let random = URL_SAFE_NO_PAD.decode(text.strip_prefix(Self::START)?).ok()?;
        (random.len() == RANDOM_BYTES).then(|| Self(text.into()))
    }

    /// The digest by which the table finds the key.
    #[must_use]
    pub fn digest(&self) -> ApiKeyDigest {
        ApiKeyDigest(URL_SAFE_NO_PAD.encode(digest(&SHA256, self.expose().as_bytes())))
    }

    /// The beginning of the key, by which its user recognises it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        // A key is ASCII.
        &self.expose()[..PREFIX_BYTES]
    }

    /// The key as it is sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(hidden)")
    }
}

/// The SHA-256 of an API key (FIPS 180-4), in base64url. The table keeps nothing else of the key but its prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyDigest(String);

impl fmt::Display for ApiKeyDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> ApiKey {
        ApiKey::random().unwrap()
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_no_two_are_the_same() {
        let (one, other) = (key(), key());
        assert_eq!(one.expose().len(), 46);
        assert_eq!(ApiKey::parse(one.expose()).unwrap().expose(), one.expose());
        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn a_key_never_prints_and_its_prefix_is_too_short_to_guess_it() {
        let key = key();
        assert_eq!(format!("{key:?}"), "ApiKey(hidden)");
        assert_eq!(key.prefix().len(), 9);
        assert!(key.expose().starts_with(key.prefix()));
        assert!(!key.digest().to_string().contains(&key.expose()[3..9]));
    }

    #[test]
    fn the_digest_is_the_sha_256_of_the_whole_key() {
        let key = ApiKey::parse("sk-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        // printf 'sk-AAA…' | sha256sum, in base64url.
        assert_eq!(key.digest().to_string(), "1AqC9zbokpEFXI3L3ex0rQbyZCUHOVfM46McVTdY5oM");
    }

    #[test]
    fn what_no_key_of_ours_looks_like_is_none() {
        let key = key();
        let text = key.expose();
        // The last character of 43 says four bits: two of its bits must be zero.
        let with_bits_too_many = format!("sk-{}B", "A".repeat(42));
        for wrong in [
            "",
            "sk-",
            &text[3..],
            &text[..45],
            &format!("{text}A"),
            &format!("{text}="),
            &text.replace("sk-", "SK-"),
            &text.replace("sk-", "sk_"),
            &with_bits_too_many,
            &format!("sk-{}+", "A".repeat(42)),
        ] {
            assert!(ApiKey::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_written_in_one_way_only(text in "(sk-)?[A-Za-z0-9_-]{40,46}") {
            if let Some(key) = ApiKey::parse(&text) {
                let random = URL_SAFE_NO_PAD.decode(&key.expose()[3..]).unwrap();
                prop_assert_eq!(format!("sk-{}", URL_SAFE_NO_PAD.encode(random)), text);
            }
        }
    }
}
