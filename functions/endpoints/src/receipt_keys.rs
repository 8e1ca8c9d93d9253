//! `GET /.well-known/receipt-keys.json`: the public keys with which anybody can verify receipts.

use serde::Serialize;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::jwt::PublicKey;
use shared::identity::receipts::{ReceiptKeyId, ReceiptKeyPage, ReceiptKeys};

/// How long caches may keep the keys. A new key is used as soon as it is published: a verifier that meets an unknown `kid`
/// asks again at once, past any cache.
const MAX_AGE_SECONDS: u64 = 300;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<ReceiptKeysEndpoint>().await
}

struct ReceiptKeysEndpoint {
    keys: ReceiptKeys,
}

impl Endpoint for ReceiptKeysEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { keys: resources.receipt_keys().await })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let after = request.receipt_key_cursor()?;
        let ReceiptKeyPage { keys, next } = self.keys.page(after.as_ref()).await?;
        let next_page = next.as_ref().map(|next| request.page_after(next.as_str()));
        let keys = keys.iter().map(PublicKey::jwk).collect();
        let answer = Answer::public(&ReceiptKeysBody { keys, next }, MAX_AGE_SECONDS)?;
        Ok(answer.next_page(next_page.as_deref()))
    }
}

#[derive(Serialize)]
struct ReceiptKeysBody<K> {
    keys: Vec<K>,
    next: Option<ReceiptKeyId>,
}
