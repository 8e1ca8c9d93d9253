//! The public keys in the table.
//!
//! A signer publishes its key some time before it signs with it. The current key has no `expires_at`; a replaced key
//! verifies until the last token that it signed has expired.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::cause::Cause;
use domain::time::{Clock, Timestamp};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm, OctetKeyPairParameters, OctetKeyPairType,
    PublicKeyUse, ThumbprintHash,
};
use serde::Deserialize;
use store::{Item, Key, StoreError, Table, WARM_UP_LIMIT, from_item, number};

/// The partition of all public keys.
const PARTITION: &str = "JWKS";

/// A key that verifies tokens.
#[derive(Clone, Debug)]
pub struct PublicKey {
    id: String,
    jwk: Jwk,
    decoding_key: DecodingKey,
    /// The time from which on tokens may be signed with it. Absent if that was always allowed.
    signs_from: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl PublicKey {
    /// The Ed25519 key whose base64url form is `x` (RFC 8037). Its id is its thumbprint (RFC 7638), so that every
    /// signer gives the same key the same id.
    ///
    /// # Errors
    /// [`Cause`] if `x` is not base64url.
    pub fn new(x: &str) -> Result<Self, Cause> {
        let mut jwk = Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(KeyAlgorithm::EdDSA),
                ..CommonParameters::default()
            },
            algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: x.to_owned(),
            }),
        };
        let id = jwk.thumbprint(ThumbprintHash::SHA256).map_err(Cause::new)?;
        jwk.common.key_id = Some(id.clone());
        let decoding_key = DecodingKey::from_jwk(&jwk).map_err(Cause::new)?;
        Ok(Self { id, jwk, decoding_key, signs_from: None, expires_at: None })
    }

    pub(crate) fn from_jwk(jwk: &Jwk) -> Result<Self, Cause> {
        match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => {
                Self::new(&parameters.x)
            }
            _ => Err(Cause::because("a public key in the table is not an Ed25519 key")),
        }
    }

    /// The `kid` of the tokens that the key verifies.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as a JSON Web Key (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Whether the key verifies at `now`. DynamoDB deletes expired items late, so every reader checks.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    pub(super) fn decoding_key(&self) -> &DecodingKey {
        &self.decoding_key
    }

    fn is_current(&self) -> bool {
        self.expires_at.is_none()
    }
}

/// A public key's item.
#[derive(Deserialize)]
struct PublicKeyItem {
    jwk: String,
    /// In milliseconds since the Unix epoch. Absent if signers need not wait.
    signs_from: Option<u64>,
    /// In seconds since the Unix epoch, for DynamoDB's TTL.
    expires_at: Option<u64>,
}

impl PublicKeyItem {
    fn parse(self) -> Result<PublicKey, Cause> {
        let jwk: Jwk = serde_json::from_str(&self.jwk).map_err(Cause::new)?;
        let mut key = PublicKey::from_jwk(&jwk)?;
        key.signs_from = self.signs_from.map(Timestamp::from_milliseconds);
        key.expires_at = self.expires_at.map(Timestamp::from_seconds);
        Ok(key)
    }
}

fn read(item: Item) -> Result<PublicKey, StoreError> {
    from_item::<PublicKeyItem>(item)?.parse().map_err(StoreError::Internal)
}

/// A key that cannot be read, perhaps of a later version, is skipped, so that the others still verify.
fn skipped(error: &StoreError) {
    tracing::warn!(cause = error.cause(), "a public key in the table is not readable");
}

/// The times of a change of the current key.
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    /// The time between the publication of the new key and its first token: by then every verifier can find it.
    pub publicity: Duration,
    /// The time that the replaced key still verifies: by then every token that it signed has expired.
    pub retirement: Duration,
}

/// The public keys in the table.
#[derive(Clone, Debug)]
pub struct KeySet {
    table: Table,
}

impl KeySet {
    /// The public keys in `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The public keys in `table`, with an open connection if the table answers at once.
    pub async fn start(table: Table) -> Self {
        let key_set = Self::new(table);
        // Every request loads the keys again and reports its own failure.
        let _ = tokio::time::timeout(WARM_UP_LIMIT, key_set.load()).await;
        key_set
    }

    /// Reads all keys, expired ones included. They are few enough for one page.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn load(&self) -> Result<Vec<PublicKey>, StoreError> {
        let partition = AttributeValue::S(PARTITION.to_owned());
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :keys")
            .expression_attribute_values(":keys", partition)
            .consistent_read(true)
            .send()
            .await?;
        let items = answer.items.unwrap_or_default().into_iter();
        Ok(items.filter_map(|item| read(item).inspect_err(skipped).ok()).collect())
    }

    /// Makes `key` the current one of `keys`, which were just loaded, and retires the keys that it replaces. If `key`
    /// is current already, nothing is sent. Returns the time from which on tokens may be signed with it, or `None` if
    /// that was always allowed.
    ///
    /// The first key of all may sign at once: a verifier without any key loads the keys again for every token.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached.
    pub async fn publish(
        &self,
        key: &PublicKey,
        keys: &[PublicKey],
        handover: Handover,
        clock: &Clock,
    ) -> Result<Option<Timestamp>, StoreError> {
        let signs_from = match keys.iter().find(|known| known.id == key.id && known.is_current()) {
            Some(known) => known.signs_from,
            None if keys.is_empty() => self.put(key, None).await?,
            None => self.put(key, Some(clock.now().plus(handover.publicity))).await?,
        };
        for replaced in keys.iter().filter(|known| known.id != key.id && known.is_current()) {
            self.retire(replaced, clock.now().plus(handover.retirement)).await?;
        }
        Ok(signs_from)
    }

    /// Adds a key, or makes a replaced key current again. Verifiers may have dropped a replaced key, so it waits like a
    /// new one. If another signer was faster, this one still waits as long.
    async fn put(&self, key: &PublicKey, signs_from: Option<Timestamp>) -> Result<Option<Timestamp>, StoreError> {
        let jwk = serde_json::to_string(&key.jwk).map_err(Cause::new).map_err(StoreError::Internal)?;
        let update = match signs_from {
            Some(_) => "SET jwk = :jwk, signs_from = :signs_from REMOVE expires_at",
            None => "SET jwk = :jwk REMOVE expires_at, signs_from",
        };
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(item_key(&key.id).into_item()))
            .update_expression(update)
            .condition_expression("attribute_not_exists(pk) OR attribute_exists(expires_at)")
            .set_expression_attribute_values(Some(values(jwk, signs_from)))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(signs_from),
            Err(error) if was_done(&error) => Ok(signs_from),
            Err(error) => Err(error.into()),
        }
    }

    async fn retire(&self, key: &PublicKey, retire_at: Timestamp) -> Result<(), StoreError> {
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(item_key(&key.id).into_item()))
            .update_expression("SET expires_at = :retire_at")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(expires_at)")
            .expression_attribute_values(":retire_at", number(retire_at.seconds()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) if was_done(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The key of a public key's item.
fn item_key(key_id: &str) -> Key {
    Key::new(PARTITION, format!("JWK#{key_id}"))
}

fn values(jwk: String, signs_from: Option<Timestamp>) -> Item {
    let signs_from = signs_from.map(|time| (":signs_from".to_owned(), number(time.milliseconds())));
    [(":jwk".to_owned(), AttributeValue::S(jwk))].into_iter().chain(signs_from).collect()
}

/// Whether another signer was faster.
fn was_done(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_the_thumbprint_of_rfc_8037() {
        // RFC 8037, appendix A.3.
        let key = PublicKey::new("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_of_another_kind_is_not_taken_from_the_table() {
        let jwk = r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS256","kid":"x"}"#;
        let item = PublicKeyItem { jwk: jwk.to_owned(), signs_from: None, expires_at: None };
        assert!(item.parse().is_err());
    }

    #[test]
    fn a_replaced_key_verifies_until_it_expires() {
        let mut key = PublicKey::new("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert!(key.is_valid(Timestamp::from_seconds(u64::MAX / 1000)));
        key.expires_at = Some(Timestamp::from_seconds(100));
        assert!(key.is_valid(Timestamp::from_seconds(99)));
        assert!(!key.is_valid(Timestamp::from_seconds(100)));
    }
}
