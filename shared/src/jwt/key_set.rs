//! The public keys, in the table.
//!
//! A signer publishes its key some time before it signs with it. The current key has no
//! `expires_at`; one that was replaced keeps verifying until the last token that it signed has
//! expired.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm, OctetKeyPairParameters, OctetKeyPairType,
    PublicKeyUse, ThumbprintHash,
};
use serde::Deserialize;

use crate::error::ApiError;
use crate::table;
use crate::table::{Item, Key, OwnedKeys as _, Table, WARM_UP_LIMIT, from_item, number, unavailable};
use domain::cause::Cause;
use domain::time::{Clock, Timestamp};

/// A key that verifies tokens.
#[derive(Clone, Debug)]
pub struct PublicKey {
    id: String,
    jwk: Jwk,
    decoding_key: DecodingKey,
    /// From when on tokens may be signed with it; from the beginning, if there is no such time.
    signs_from: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl PublicKey {
    /// The Ed25519 key whose base64url form is `x` (RFC 8037). Its id is its thumbprint (RFC
    /// 7638), so that every signer gives the same key the same id.
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

    fn from_jwk(jwk: &Jwk) -> Result<Self, Cause> {
        match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => {
                Self::new(&parameters.x)
            }
            _ => Err(Cause::because("a public key in the table is not an Ed25519 key")),
        }
    }

    /// The `kid` of the tokens that it verifies.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as a JSON Web Key (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Whether it still verifies at `now`. DynamoDB deletes late: readers look for themselves.
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
    /// In milliseconds since the Unix epoch. Absent where nobody has to wait.
    signs_from: Option<u64>,
    /// In seconds since the Unix epoch, for DynamoDB's TTL.
    expires_at: Option<u64>,
}

impl PublicKeyItem {
    fn read(self) -> Result<PublicKey, Cause> {
        let jwk: Jwk = serde_json::from_str(&self.jwk).map_err(Cause::new)?;
        let mut key = PublicKey::from_jwk(&jwk)?;
        key.signs_from = self.signs_from.map(Timestamp::from_milliseconds);
        key.expires_at = self.expires_at.map(Timestamp::from_seconds);
        Ok(key)
    }
}

fn read(item: Item) -> Result<PublicKey, ApiError> {
    from_item::<PublicKeyItem>(item)?.read().map_err(ApiError::Internal)
}

/// One key that we cannot read, perhaps of a later version, must not take the others away.
fn skipped(error: &ApiError) {
    tracing::warn!(cause = error.cause(), "a public key in the table is not readable");
}

/// How the current key changes.
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    /// How long the new key is public before tokens are signed with it: by then every verifier can
    /// find it.
    pub publicity: Duration,
    /// How long the replaced key goes on verifying: by then every token that it signed has expired.
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

    /// As [`KeySet::new`], with a connection to the table that is open already if it answers at once.
    pub async fn start(table: Table) -> Self {
        let key_set = Self::new(table);
        // The keys are asked for again with each request, which says what is wrong if anything is.
        let _ = tokio::time::timeout(WARM_UP_LIMIT, key_set.load()).await;
        key_set
    }

    /// Reads all keys, those that have expired included. There are a handful at most: one page.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the table cannot be read.
    pub async fn load(&self) -> Result<Vec<PublicKey>, ApiError> {
        let partition = AttributeValue::S(table::PARTITION_OF_PUBLIC_KEYS.to_owned());
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :keys")
            .expression_attribute_values(":keys", partition)
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable)?;
        let items = answer.items.unwrap_or_default().into_iter();
        Ok(items.filter_map(|item| read(item).inspect_err(skipped).ok()).collect())
    }

    /// Makes `key` the current one of `keys`, which were just loaded, and lets those that it replaces
    /// verify until they retire. Where it is that already, nothing is sent. Returns from when on
    /// tokens may be signed with it, or `None` if that has always been so.
    ///
    /// The first key of all has nobody to wait for: a verifier that knows no key at all looks at
    /// every token.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the table cannot be reached.
    pub async fn publish(
        &self,
        key: &PublicKey,
        keys: &[PublicKey],
        handover: Handover,
        clock: &Clock,
    ) -> Result<Option<Timestamp>, ApiError> {
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

    /// Adds a key, or makes one that was replaced the current one again: verifiers may have given it
    /// up, so it is as new. Where another signer was faster, waiting as if it had not been is enough.
    async fn put(&self, key: &PublicKey, signs_from: Option<Timestamp>) -> Result<Option<Timestamp>, ApiError> {
        let jwk = serde_json::to_string(&key.jwk).map_err(|error| ApiError::Internal(Cause::new(error)))?;
        let update = match signs_from {
            Some(_) => "SET jwk = :jwk, signs_from = :signs_from REMOVE expires_at",
            None => "SET jwk = :jwk REMOVE expires_at, signs_from",
        };
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::public_key(&key.id).into_item()))
            .update_expression(update)
            .condition_expression("attribute_not_exists(pk) OR attribute_exists(expires_at)")
            .set_expression_attribute_values(Some(values(jwk, signs_from)))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(signs_from),
            Err(error) if was_done(&error) => Ok(signs_from),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn retire(&self, key: &PublicKey, retire_at: Timestamp) -> Result<(), ApiError> {
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::public_key(&key.id).into_item()))
            .update_expression("SET expires_at = :retire_at")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(expires_at)")
            .expression_attribute_values(":retire_at", number(retire_at.seconds()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) if was_done(&error) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn values(jwk: String, signs_from: Option<Timestamp>) -> Item {
    let signs_from = signs_from.map(|time| (":signs_from".to_owned(), number(time.milliseconds())));
    [(":jwk".to_owned(), AttributeValue::S(jwk))].into_iter().chain(signs_from).collect()
}

/// Another signer was faster.
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
        assert!(item.read().is_err());
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
