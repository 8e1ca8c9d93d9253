//! `GET /.well-known/jwks.json`: the public keys with which anybody can verify the API's tokens.

use serde::Serialize;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::jwt::{KeySet, PublicKey};

/// How long caches may keep the keys. A new key is used seconds after it is published: a verifier that meets an unknown
/// `kid` asks again at once, past any cache.
const MAX_AGE_SECONDS: u64 = 300;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<JwksEndpoint>().await
}

struct JwksEndpoint {
    key_set: KeySet,
    clock: Clock,
}

impl Endpoint for JwksEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { key_set: resources.key_set().await, clock: resources.clock.clone() })
    }

    async fn answer(&self, _request: Request) -> Result<Answer, ApiError> {
        let now = self.clock.now();
        let mut keys = self.key_set.load().await?;
        keys.retain(|key| key.is_valid(now));
        Answer::public(&JwksBody { keys: keys.iter().map(PublicKey::jwk).collect() }, MAX_AGE_SECONDS)
    }
}

#[derive(Serialize)]
struct JwksBody<K> {
    keys: Vec<K>,
}
