//! The public keys of receipts, in a partition of the table to which keys are only added.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::cause::Cause;
use domain::invalid_field::InvalidField;
use domain::time::Clock;
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};
use store::{Item, Key, StoreError, Table, WARM_UP_LIMIT, from_item};

use crate::jwt::PublicKey;

/// The partition of all keys of receipts. No item there has an end, and nothing deletes or replaces one.
const PARTITION: &str = "RECEIPTKEYS";

const SORT_KEY_PREFIX: &str = "KEY#";

/// The most keys of a page. An item has some 250 bytes, so that a page is one request of at most 32 read units.
const MOST_KEYS: u16 = 500;

/// The characters of a SHA-256 thumbprint in base64url.
const KEY_ID_CHARACTERS: usize = 43;

/// The `kid` of a key: its thumbprint (RFC 7638).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ReceiptKeyId(String);

impl ReceiptKeyId {
    /// Parses the query parameter `cursor` of the list of keys.
    ///
    /// # Errors
    /// [`InvalidField`] if no key can have this id.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let is_of_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.len() == KEY_ID_CHARACTERS && text.bytes().all(is_of_base64url) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidField::new("This is not a cursor of this list."))
    }

    /// The id as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn item_key(&self) -> Key {
        Key::new(PARTITION, format!("{SORT_KEY_PREFIX}{}", self.0))
    }
}

/// Some keys, in the order of their ids.
#[derive(Debug)]
pub struct ReceiptKeyPage {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// The last key that was read, if there may be more.
    pub next: Option<ReceiptKeyId>,
}

/// A key's item.
#[derive(Serialize, Deserialize)]
struct ReceiptKeyItem {
    jwk: String,
    /// In milliseconds since the Unix epoch. For operators: no verifier asks for it.
    published_at: u64,
}

/// The public keys of receipts.
#[derive(Clone, Debug)]
pub struct ReceiptKeys {
    table: Table,
}

impl ReceiptKeys {
    /// The keys in `table`.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The keys in `table`, with an open connection if the table answers at once.
    pub async fn start(table: Table) -> Self {
        let keys = Self::new(table);
        // Every request reads the keys again and reports its own failure.
        let _ = tokio::time::timeout(WARM_UP_LIMIT, keys.page(None)).await;
        keys
    }

    /// The first keys, or those after `after`. The read is consistent: a receipt is never seen before its key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn page(&self, after: Option<&ReceiptKeyId>) -> Result<ReceiptKeyPage, StoreError> {
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :keys")
            .expression_attribute_values(":keys", AttributeValue::S(PARTITION.to_owned()))
            .limit(MOST_KEYS.into())
            .consistent_read(true)
            .set_exclusive_start_key(after.map(|id| id.item_key().into_item()))
            .send()
            .await?;
        let items = answer.items.unwrap_or_default().into_iter();
        let keys = items.filter_map(|item| read(item).inspect_err(skipped).ok()).collect();
        Ok(ReceiptKeyPage { keys, next: answer.last_evaluated_key.as_ref().and_then(id_in) })
    }

    /// Adds `key`, unless it is there. It is never changed or deleted afterwards.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached.
    pub(super) async fn publish(&self, key: &PublicKey, clock: &Clock) -> Result<(), StoreError> {
        let id = ReceiptKeyId(key.id().to_owned());
        // A read costs a fifth of a write that is refused, and a function that starts finds its key nearly always.
        if self.table.get::<ReceiptKeyItem>(id.item_key()).await?.is_some() {
            return Ok(());
        }
        let jwk = serde_json::to_string(key.jwk()).map_err(Cause::new).map_err(StoreError::Internal)?;
        let item = id.item_key().with(&ReceiptKeyItem { jwk, published_at: clock.now().milliseconds() })?;
        let put = self.table.client().put_item().table_name(self.table.name()).set_item(Some(item));
        match put.condition_expression("attribute_not_exists(pk)").send().await {
            Ok(_) => {
                tracing::info!(key = id.as_str(), "a key of receipts is published");
                Ok(())
            }
            // Another function was faster.
            Err(error) if was_there(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn was_there(error: &SdkError<PutItemError>) -> bool {
    matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_)))
}

fn read(item: Item) -> Result<PublicKey, StoreError> {
    let ReceiptKeyItem { jwk, .. } = from_item(item)?;
    let jwk: Jwk = serde_json::from_str(&jwk).map_err(|error| StoreError::Internal(Cause::new(error)))?;
    PublicKey::from_jwk(&jwk).map_err(StoreError::Internal)
}

/// A key that cannot be read, perhaps of a later version, is skipped, so that the others still verify.
fn skipped(error: &StoreError) {
    tracing::warn!(cause = error.cause(), "a key of receipts is not readable");
}

fn id_in(key: &Item) -> Option<ReceiptKeyId> {
    ReceiptKeyId::parse(store::sort_key_of(key)?.strip_prefix(SORT_KEY_PREFIX)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeSet;
    use std::time::Duration;

    use testkit::recorder::Fault;

    use crate::receipts::receipt_key::ReceiptKey;
    use crate::testing::TestPeople;

    fn key(number: u32) -> ReceiptKey {
        ReceiptKey::derive(format!("secret {number:032}").as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_key_is_put_once_and_stays_whatever_comes_after_it() {
        let test = TestPeople::start().await;
        let keys = ReceiptKeys::new(test.table.clone());
        assert_eq!(keys.page(None).await.unwrap().keys.len(), 0);
        for number in [1, 2, 1, 2] {
            keys.publish(key(number).public_key(), &test.clock).await.unwrap();
            test.clock.advance(Duration::from_secs(365 * 24 * 60 * 60));
        }
        let page = keys.page(None).await.unwrap();
        let expected = BTreeSet::from([1, 2].map(|number| key(number).public_key().id().to_owned()));
        assert_eq!(page.keys.iter().map(|key| key.id().to_owned()).collect::<BTreeSet<_>>(), expected);
        let writes = test.recorder.requests().into_iter().filter(|request| request.operation == "PutItem").count();
        assert_eq!((page.next, writes), (None, 2));
        for item in test.isolated.items().await {
            assert!(item.get("expires_at").is_none(), "{item}");
        }
    }

    #[tokio::test]
    async fn of_two_functions_that_start_at_once_both_find_the_key_published() {
        let test = TestPeople::start().await;
        let [one, two] = [(); 2].map(|()| ReceiptKeys::new(test.table.clone()));
        let key = key(1);
        let (first, second) =
            tokio::join!(one.publish(key.public_key(), &test.clock), two.publish(key.public_key(), &test.clock));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(one.page(None).await.unwrap().keys.len(), 1);
    }

    #[tokio::test]
    async fn a_key_that_could_not_be_published_is_told() {
        let test = TestPeople::start().await;
        test.recorder.fail_next("PutItem", Fault::NotApplied, 3);
        let published = ReceiptKeys::new(test.table.clone()).publish(key(1).public_key(), &test.clock).await;
        assert!(matches!(published, Err(StoreError::Unavailable(_))), "{published:?}");
    }

    #[tokio::test]
    async fn pages_have_500_keys_and_together_all_of_them() {
        let test = TestPeople::start().await;
        let keys = ReceiptKeys::new(test.table.clone());
        for number in 0..505 {
            let key = key(number);
            let jwk = serde_json::to_string(key.public_key().jwk()).unwrap();
            let id = ReceiptKeyId(key.public_key().id().to_owned());
            let item = id.item_key().with(&ReceiptKeyItem { jwk, published_at: 0 }).unwrap();
            test.table.client().put_item().table_name(test.table.name()).set_item(Some(item)).send().await.unwrap();
        }
        let first = keys.page(None).await.unwrap();
        let second = keys.page(first.next.as_ref()).await.unwrap();
        assert_eq!((first.keys.len(), second.keys.len(), second.next), (500, 5, None));
        let ids: BTreeSet<&str> = first.keys.iter().chain(&second.keys).map(PublicKey::id).collect();
        assert_eq!(ids.len(), 505);
    }

    #[tokio::test]
    async fn a_key_that_is_not_readable_hides_no_other() {
        let test = TestPeople::start().await;
        let keys = ReceiptKeys::new(test.table.clone());
        keys.publish(key(1).public_key(), &test.clock).await.unwrap();
        let jwk = r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS256","kid":"x"}"#.to_owned();
        let item = Key::new(PARTITION, "KEY#x").with(&ReceiptKeyItem { jwk, published_at: 0 }).unwrap();
        test.table.client().put_item().table_name(test.table.name()).set_item(Some(item)).send().await.unwrap();
        assert_eq!(keys.page(None).await.unwrap().keys.len(), 1);
    }

    #[test]
    fn an_id_is_a_thumbprint() {
        assert!(ReceiptKeyId::parse("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k").is_ok());
        for text in ["", "x", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4#", &"x".repeat(44), &"\u{fc}".repeat(22)] {
            assert!(ReceiptKeyId::parse(text).is_err(), "{text:?}");
        }
    }
}
