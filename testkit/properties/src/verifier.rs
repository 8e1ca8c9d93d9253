//! The functions' own verifier, over a table that holds the published keys and nothing else.

use std::sync::LazyLock;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use serde_json::{Value, json};
use shared::domain::time::Clock;
use shared::error::ApiError;
use shared::identity::jwt::{LoggedIn, ReceivedToken, RefreshClaim, Verified, Verifier};
use store::Table;
use tokio::runtime::Runtime;

use super::key::{KEYS, Key, NOW, Publication};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let table = Table::new(client(), "chat-api");
    wait_for(Verifier::start(table, Clock::manual(NOW)))
});

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
}

/// The sender of a request with this bearer token.
pub(super) fn logged_in(bearer: &str) -> Result<LoggedIn, ApiError> {
    Ok(wait_for(VERIFIER.logged_in(bearer))?)
}

/// The claims of `token`, if it is a valid refresh token.
pub(super) fn refresh_claim(token: &ReceivedToken) -> Result<RefreshClaim, ApiError> {
    Ok(wait_for(VERIFIER.refresh_claim(token))?)
}

/// The claims of `token`, if it is or was a valid refresh token.
pub(super) fn refresh_claim_of_any_age(token: &ReceivedToken) -> Result<RefreshClaim, ApiError> {
    Ok(wait_for(VERIFIER.refresh_claim_of_any_age(token))?)
}

/// The claims of `token`, if it is a valid token of either kind.
pub(super) fn any_token(token: &ReceivedToken) -> Result<Verified, ApiError> {
    Ok(wait_for(VERIFIER.any_token(token))?)
}

fn wait_for<T>(outcome: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(outcome))
}

fn client() -> Client {
    let connector = SharedHttpConnector::new(PublishedKeys);
    let configuration = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .allow_no_auth()
        .endpoint_url("http://table.invalid")
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    Client::from_conf(configuration)
}

/// Answers every query with the published keys.
#[derive(Debug)]
struct PublishedKeys;

impl HttpConnector for PublishedKeys {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let items: Vec<Value> = KEYS.iter().filter_map(item).collect();
        let body = json!({"Count": items.len(), "Items": items}).to_string();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), body.into())))
    }
}

fn item(key: &Key) -> Option<Value> {
    let jwk = serde_json::to_string(key.public.jwk()).unwrap();
    match key.publication {
        Publication::Current => Some(json!({"jwk": {"S": jwk}})),
        Publication::Until(second) => Some(json!({"jwk": {"S": jwk}, "expires_at": {"N": second.to_string()}})),
        Publication::None => None,
    }
}
