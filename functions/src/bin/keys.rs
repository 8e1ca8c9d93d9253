//! `/keys/`: the user's API keys (`GET`), and a new one (`POST`). `/keys/{id}/`: one of them ends (`DELETE`).

use std::time::Duration;

use lambda_http::http::{Method, StatusCode};
use serde::Serialize;
use shared::api_keys::{ApiKeyName, ApiKeyTerms, ApiKeyView, ApiKeys, MadeApiKey};
use shared::error::ApiError;
use shared::http::{Answer, Endpoint, Error, Fields, Request, deadline, item_of, serve};
use shared::ids::ApiKeyId;
use shared::jwt::Verifier;
use shared::settings::Settings;
use shared::table::Table;
use shared::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    shared::logging::start(&settings);
    let clock = Clock::system();
    let table = Table::connect(&settings.table_name)?;
    let endpoint = KeysEndpoint {
        verifier: Verifier::start(table.clone(), clock.clone()).await,
        api_keys: ApiKeys::new(table, clock.clone()),
        function_timeout: settings.function_timeout,
        clock,
    };
    serve(endpoint, settings.cors_origins).await
}

struct KeysEndpoint {
    verifier: Verifier,
    api_keys: ApiKeys,
    function_timeout: Duration,
    clock: Clock,
}

impl Endpoint for KeysEndpoint {
    const METHODS: &'static [Method] = &[Method::GET, Method::POST];

    fn methods(request: &Request) -> &'static [Method] {
        if id_in(request).is_some() { &[Method::DELETE] } else { Self::METHODS }
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        match id_in(&request) {
            Some(id) => self.end(&request, id).await,
            None if request.method() == Method::POST => self.make(&request).await,
            None => self.list(&request).await,
        }
    }
}

impl KeysEndpoint {
    async fn list(&self, request: &Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request).await?;
        Answer::private(StatusCode::OK, &List { keys: self.api_keys.list(&person).await? })
    }

    async fn make(&self, request: &Request) -> Result<Answer, ApiError> {
        let deadline = deadline(request, &self.clock, self.function_timeout);
        let person = self.verifier.logged_in(request).await?;
        let terms = terms(request)?;
        let MadeApiKey { view, key } = self.api_keys.make(&person, &terms, deadline).await?;
        let ApiKeyView { id, name, prefix, created_at, expires_at } = view;
        let body = Made { id, name, key: key.expose(), prefix, created_at, expires_at };
        Answer::private(StatusCode::CREATED, &body)
    }

    async fn end(&self, request: &Request, id: &str) -> Result<Answer, ApiError> {
        let deadline = deadline(request, &self.clock, self.function_timeout);
        let person = self.verifier.logged_in(request).await?;
        let id = ApiKeyId::parse(id).ok_or(ApiError::NotFound)?;
        self.api_keys.end(&person, id, deadline).await?;
        Ok(Answer::no_content())
    }
}

/// The `{id}` of `/keys/{id}/`.
fn id_in(request: &Request) -> Option<&str> {
    item_of(request, "keys")
}

#[derive(Serialize)]
struct List {
    keys: Vec<ApiKeyView>,
}

/// The only answer that spells the key out.
#[derive(Serialize)]
struct Made<'a> {
    id: ApiKeyId,
    name: ApiKeyName,
    key: &'a str,
    prefix: String,
    created_at: String,
    expires_at: Option<String>,
}

fn terms(request: &Request) -> Result<ApiKeyTerms, ApiError> {
    let mut fields = Fields::of(request)?;
    match (fields.take("name"), fields.take_or_default("expires_in_days")) {
        (Some(name), Some(lifetime)) => Ok(ApiKeyTerms { name, lifetime }),
        _ => Err(fields.refuse()),
    }
}
