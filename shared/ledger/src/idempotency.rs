//! Idempotency keys: a request that a client repeats is answered again and not charged again.
//!
//! The rules are the IETF's draft (`draft-ietf-httpapi-idempotency-key-header-07`) and Stripe's.

use std::fmt::Write as _;
use std::time::Duration;
use std::{fmt, io};

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use store::Key;

use domain::credits::Credits;
use domain::ids::{ApiKeyId, ConversationId, EntryId, UserId};
use domain::invalid_field::InvalidField;
use domain::message::{FinishReason, Message};
use domain::pricing::Usage;
use domain::time::Timestamp;

use crate::texts::{TextPlace, Texts};

/// Time for which the answer to a key is kept.
pub(crate) const RECORD_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A client's own name for one request: 1 to 255 visible ASCII characters, of which only a digest is kept. Equal keys of
/// two users, or of two API keys of one, are two keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    digest: String,
}

impl IdempotencyKey {
    /// Longest key in characters.
    pub const MAX_CHARACTERS: usize = 255;

    /// Parses the value of the header `Idempotency-Key`: a string in quotes, as the draft says
    /// (RFC 9651, section 3.3.3), or without, as most clients send it.
    ///
    /// # Errors
    /// [`InvalidField`] with the rule.
    pub fn parse(header: &str) -> Result<Self, InvalidField> {
        let key = unquoted(header);
        let is_visible = key.chars().all(|character| character.is_ascii_graphic());
        if key.is_empty() || key.len() > Self::MAX_CHARACTERS || !is_visible {
            return Err(InvalidField::new(format!(
                "An idempotency key has 1 to {} visible ASCII characters.",
                Self::MAX_CHARACTERS
            )));
        }
        Ok(Self { digest: short_sha256(&[b"key\0", key.as_bytes()]) })
    }

    /// The same key as a program sends it with the API key `id`. Programs of one user may be strangers to each other: none
    /// gets an answer to another's request, or learns that there was one.
    pub(crate) fn of_program(&self, id: ApiKeyId) -> Self {
        Self {
            digest: short_sha256(&[b"key of a program\0", id.to_string().as_bytes(), b"\0", self.digest.as_bytes()]),
        }
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

/// A digest of a request's contents, so that its key cannot be used for another request. It is taken from the parsed
/// message: the same text in JSON and in a form is the same request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self(short_sha256(&[b"message\0", message.as_str().as_bytes()]))
    }

    /// The fingerprint of a request in its canonical form, for an endpoint that takes more than a message. The form is hashed
    /// as JSON while it is written: with images it has megabytes.
    #[must_use]
    pub fn of_request(endpoint: &str, canonical: &(impl Serialize + ?Sized)) -> Self {
        let mut hashed = Hashed(Context::new(&SHA256));
        for part in [&b"request\0"[..], endpoint.as_bytes(), b"\0"] {
            hashed.0.update(part);
        }
        // Neither the hash nor a canonical form fails.
        serde_json::to_writer(&mut hashed, canonical).unwrap_or_default();
        Self(shortened(hashed.0.finish().as_ref()))
    }

    /// The fingerprint of a grant.
    #[must_use]
    pub(crate) fn of_grant(user_id: UserId, amount: i64, reason: &str) -> Self {
        Self(sha256(&[format!("grant\0{user_id}\0{amount}\0").as_bytes(), reason.as_bytes()]))
    }
}

impl fmt::Debug for Fingerprint {
    /// Hides the digest, from which a short message could be guessed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprint(hidden)")
    }
}

/// The key and the fingerprint of a request. Two requests with the same key and fingerprint are one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The client's name for the request.
    pub key: IdempotencyKey,
    /// The digest of the request's contents.
    pub fingerprint: Fingerprint,
}

impl Remembered {
    /// The key and the fingerprint of a message.
    #[must_use]
    pub fn message(key: IdempotencyKey, message: &Message) -> Self {
        Self { key, fingerprint: Fingerprint::of(message) }
    }

    /// The same request as a program sends it with the API key `id`, or as a person does.
    pub(crate) fn by(self, id: Option<ApiKeyId>) -> Self {
        match id {
            None => self,
            Some(id) => Self { key: self.key.of_program(id), ..self },
        }
    }
}

/// The request that a key was used for, and its reply. The record is written in one transaction with the entry that it
/// names. It has all that a repetition is answered with, but for the texts that are elsewhere.
#[derive(Serialize, Deserialize)]
pub(crate) struct IdempotencyRecord {
    pub(crate) entry_id: EntryId,
    pub(crate) fingerprint: Fingerprint,
    /// Seconds since the Unix epoch. DynamoDB's TTL deletes the record by this attribute.
    pub(crate) expires_at: u64,
    pub(crate) cost: Credits,
    pub(crate) model: String,
    pub(crate) usage: Usage,
    pub(crate) finish_reason: FinishReason,
    /// The conversation in which the exchange is stored. Its message item has the texts that are inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) place: TextPlace,
    /// The reply's texts, if they are inline and the exchange is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) texts: Option<Texts>,
}

impl IdempotencyRecord {
    pub(crate) fn key(user_id: UserId, key: &IdempotencyKey) -> Key {
        Key::of_user(user_id, format!("IDEMPOTENCY#{}", key.digest()))
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now.seconds()
    }
}

/// The SHA-256 of a file in hexadecimal digits, as `sha256sum` prints it.
pub(crate) fn sha256_of_file(file: &[u8]) -> String {
    let mut digits = String::new();
    for byte in digest(&SHA256, file).as_ref() {
        // Writing to a text does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &parts.concat()))
}

/// The value of a header without space around it, and without quotes around that.
pub(crate) fn unquoted(header: &str) -> &str {
    let header = header.trim();
    header.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(header)
}

/// The first 128 bits of the SHA-256, for digests of one user's requests: nobody but that user could make two of them
/// equal. They are in every hold, and keep the account small.
fn short_sha256(parts: &[&[u8]]) -> String {
    shortened(digest(&SHA256, &parts.concat()).as_ref())
}

fn shortened(sha256: &[u8]) -> String {
    const BYTES: usize = 16;
    URL_SAFE_NO_PAD.encode(&sha256[..BYTES])
}

/// Hashes all that is written to it.
struct Hashed(Context);

impl io::Write for Hashed {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0.update(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        let plain = IdempotencyKey::parse("8e03978e-40d5-43dd").unwrap();
        assert_eq!(IdempotencyKey::parse("\"8e03978e-40d5-43dd\"").unwrap(), plain);
        assert_eq!(IdempotencyKey::parse(" 8e03978e-40d5-43dd ").unwrap(), plain);
        assert_ne!(IdempotencyKey::parse("8e03978e-40d5-43de").unwrap(), plain);
    }

    #[test]
    fn equal_keys_of_two_programs_and_of_their_user_are_three() {
        let clock = domain::time::Clock::system();
        let (one, other) = (ApiKeyId::new(&clock), ApiKeyId::new(&clock));
        let key = IdempotencyKey::parse("once").unwrap();
        assert_eq!(key.of_program(one), key.of_program(one));
        assert_ne!(key.of_program(one), key.of_program(other));
        assert_ne!(key.of_program(one), key);
    }

    #[test]
    fn a_key_has_1_to_255_visible_characters() {
        assert!(IdempotencyKey::parse("x").is_ok());
        assert!(IdempotencyKey::parse(&"x".repeat(255)).is_ok());
        for key in ["", "\"\"", "a b", "a\tb", "schlüssel", "\u{7f}", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn a_fingerprint_tells_messages_apart_and_never_prints() {
        let fingerprint = |text: &str| Fingerprint::of(&Message::try_from(text.to_owned()).unwrap());
        assert_eq!(fingerprint("Hello"), fingerprint("Hello"));
        assert_ne!(fingerprint("Hello"), fingerprint("Hello "));
        assert_eq!(format!("{:?}", fingerprint("Hello")), "Fingerprint(hidden)");
    }

    #[test]
    fn the_fingerprint_of_a_request_is_the_hash_of_its_path_and_its_json() {
        let canonical = (["m\n", "ü"], Some(0.5_f32), None::<u8>);
        let json = r#"[["m\n","ü"],0.5,null]"#;
        let expected = short_sha256(&[b"request\0/v1/chat/completions\0", json.as_bytes()]);
        assert!(Fingerprint::of_request("/v1/chat/completions", &canonical) == Fingerprint(expected));
    }
}
