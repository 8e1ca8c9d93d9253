//! `GET /.well-known/jwks.json`: the public keys with which anybody can verify our tokens.

use jsonwebtoken::jwk::Jwk;
use lambda_http::http::Method;
use serde::Serialize;
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Request, serve};
use shared::jwt::{KeySet, PublicKey};
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

/// How long others may go without asking again. A new key is used seconds after it is published:
/// whoever meets an unknown `kid` asks again at once, past any cache.
const MAX_AGE_SECONDS: u64 = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let table = Table::connect(&settings.table_name)?;
    let endpoint = Jwks { key_set: KeySet::start(table).await, clock: Clock::system() };
    serve(endpoint, settings.cors_origins).await
}

struct Jwks {
    key_set: KeySet,
    clock: Clock,
}

impl Endpoint for Jwks {
    const METHODS: &'static [Method] = &[Method::GET];

    async fn answer(&self, _request: Request) -> Result<Answer, ApiError> {
        let now = self.clock.now();
        let mut keys = self.key_set.load().await?;
        keys.retain(|key| key.is_valid(now));
        let set = JwkSet { keys: keys.iter().map(PublicKey::jwk).collect() };
        Answer::public(&set, MAX_AGE_SECONDS)
    }
}

#[derive(Serialize)]
struct JwkSet<'a> {
    keys: Vec<&'a Jwk>,
}
