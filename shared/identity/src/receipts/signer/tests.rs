use super::*;

use cloud::SecretSource;
use domain::ids::EntryId;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use ledger::history::{History, PageRequest, TransactionFilter};
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::jwt::{LoggedIn, PublicKey, ReceivedToken, Signer, TokenLifetimes, Verifier};
use crate::testing::TestPeople;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NEXT_SECRET: &str = "fedcba9876543210fedcba9876543210";

fn source(secret: &str) -> SigningSecretSource {
    SigningSecretSource::new(SecretSource::Value(SecretString::from(secret))).unwrap()
}

/// Ada, whose only transaction is the grant of her registration.
struct ReceiptScene {
    test: TestPeople,
    ada: LoggedIn,
    history: History,
}

impl ReceiptScene {
    async fn start() -> Self {
        let test = TestPeople::start().await;
        let ada = test.person("ada", 100).await;
        let history = History::new(test.table.clone(), test.clock.clone());
        Self { test, ada, history }
    }

    async fn signer(&self, secret: &str) -> ReceiptSigner {
        ReceiptSigner::start(source(secret), self.test.table.clone(), self.test.clock.clone()).await.unwrap()
    }

    async fn grant(&self) -> EntryId {
        let all = TransactionFilter::default();
        let page = self.history.transactions(self.ada.payer(), &all, PageRequest::default()).await.unwrap();
        page.entries[0].id
    }

    async fn read(&self) -> ReadTransaction {
        self.history.transaction(self.ada.payer(), self.grant().await).await.unwrap().unwrap()
    }

    async fn keys(&self) -> Vec<PublicKey> {
        ReceiptKeys::new(self.test.table.clone()).page(None).await.unwrap().keys
    }

    /// The claims of a receipt, by the published key that its header names.
    async fn verified(&self, receipt: &SignedReceipt) -> Option<Value> {
        let header = decode_header(receipt.as_str()).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some("receipt+jwt")));
        let keys = self.keys().await;
        let key = keys.iter().find(|key| Some(key.id()) == header.kid.as_deref())?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["iss", "sub"]);
        let key = jsonwebtoken::DecodingKey::from_jwk(key.jwk()).unwrap();
        decode::<Value>(receipt.as_str(), &key, &validation).map(|decoded| decoded.claims).ok()
    }
}

#[tokio::test]
async fn a_receipt_says_what_the_transaction_does_and_whose_it_is() {
    let scene = ReceiptScene::start().await;
    let id = scene.grant().await;
    scene.test.clock.advance(Duration::from_secs(60));
    let receipt = scene.signer(SECRET).await.sign(&scene.read().await).await.unwrap();
    let expected = json!({
        "iss": "chat-api", "sub": scene.ada.user_id(), "jti": id, "iat": NOW.seconds() + 60,
        "kind": "grant", "credits": 100, "created_at": NOW.to_string(),
    });
    assert_eq!(scene.verified(&receipt).await.unwrap(), expected);
}

#[tokio::test]
async fn a_receipt_verifies_after_its_secret_was_replaced_however_long_ago() {
    let scene = ReceiptScene::start().await;
    let read = scene.read().await;
    let old = scene.signer(SECRET).await.sign(&read).await.unwrap();
    let new = scene.signer(NEXT_SECRET).await.sign(&read).await.unwrap();
    assert_ne!(old, new);
    scene.test.clock.advance(Duration::from_secs(10 * 365 * 24 * 60 * 60));
    assert!(scene.verified(&old).await.is_some() && scene.verified(&new).await.is_some());
    let back = scene.signer(SECRET).await.sign(&read).await.unwrap();
    assert!(scene.verified(&back).await.is_some());
    assert_eq!(scene.keys().await.len(), 2);
}

#[tokio::test]
async fn a_receipt_is_no_token_and_a_token_is_no_receipt_even_if_both_have_the_same_secret() {
    let scene = ReceiptScene::start().await;
    let receipt = scene.signer(SECRET).await.sign(&scene.read().await).await.unwrap();
    let lifetimes = TokenLifetimes { access: Duration::from_secs(300), refresh: Duration::from_secs(86_400) };
    let (table, clock) = (scene.test.table.clone(), scene.test.clock.clone());
    let tokens = Signer::start(lifetimes, source(SECRET), table.clone(), clock.clone()).await.unwrap();
    let verifier = Verifier::start(table, clock).await;
    let received = || ReceivedToken::try_from(receipt.as_str().to_owned()).unwrap();
    assert!(matches!(verifier.logged_in(receipt.as_str()).await, Err(IdentityError::TokenNotValid(_))));
    assert!(matches!(verifier.any_token(&received()).await, Err(IdentityError::TokenNotValid(_))));
    assert!(matches!(verifier.refresh_claim(&received()).await, Err(IdentityError::TokenNotValid(_))));
    assert!(matches!(verifier.refresh_claim_of_any_age(&received()).await, Err(IdentityError::TokenNotValid(_))));
    let token = tokens.access_token(scene.test.subject(scene.ada.user_id())).await.unwrap();
    let kid = decode_header(token.expose()).unwrap().kid.unwrap();
    assert!(scene.keys().await.iter().all(|key| key.id() != kid), "no key of receipts verifies a token");
}

#[tokio::test]
async fn a_signer_that_cannot_publish_its_key_signs_nothing_until_it_can() {
    let scene = ReceiptScene::start().await;
    let read = scene.read().await;
    scene.test.recorder.fail_next("PutItem", Fault::NotApplied, 6);
    let signer = scene.signer(SECRET).await;
    assert!(matches!(signer.sign(&read).await, Err(IdentityError::Unavailable(_))));
    scene.test.recorder.forget_faults();
    let receipt = signer.sign(&read).await.unwrap();
    assert!(scene.verified(&receipt).await.is_some());
}

#[tokio::test]
async fn a_key_that_is_published_costs_a_signer_one_read_at_its_start_and_receipts_nothing() {
    let scene = ReceiptScene::start().await;
    let read = scene.read().await;
    scene.signer(SECRET).await;
    scene.test.recorder.clear();
    let signer = scene.signer(SECRET).await;
    for _ in 0..3 {
        signer.sign(&read).await.unwrap();
    }
    let operations: Vec<_> = scene.test.recorder.requests().into_iter().map(|request| request.operation).collect();
    assert_eq!(operations, ["GetItem"]);
}
