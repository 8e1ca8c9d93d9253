//! `/keys/`: lists the user's API keys (`GET`), or makes a new one (`POST`). `/keys/{id}/`: ends one (`DELETE`).

use serde::Serialize;
use shared::domain::ids::ApiKeyId;
use shared::domain::password::Password;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request, StatusCode};
use shared::identity::api_keys::{ApiKeyName, ApiKeyTerms, ApiKeyView, ApiKeys, MadeApiKey, NewApiKey};
use shared::identity::jwt::Verifier;
use shared::identity::login::Logins;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<KeysEndpoint>().await
}

struct KeysEndpoint {
    verifier: Verifier,
    logins: Logins,
    api_keys: ApiKeys,
}

impl Endpoint for KeysEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET, Method::POST];

    fn methods(request: &Request) -> &'static [Method] {
        if id_in(request).is_some() { &[Method::DELETE] } else { Self::METHODS }
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { verifier: resources.verifier().await, logins: resources.logins(), api_keys: resources.api_keys() })
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
        let person = self.verifier.logged_in(request.bearer()?).await?;
        Answer::private(StatusCode::OK, &KeysBody { keys: self.api_keys.list(&person).await? })
    }

    async fn make(&self, request: &Request) -> Result<Answer, ApiError> {
        let deadline = request.deadline();
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let (terms, password) = terms_and_password(request.fields()?)?;
        let room = self.api_keys.room(&person).await?;
        let network = request.source_network();
        let proven = self.logins.prove(&room.username()?, &password, network, deadline).await?;
        let new = NewApiKey { person: &person, proven: &proven, terms: &terms };
        let MadeApiKey { view, key } = self.api_keys.make(&new, room, deadline).await?;
        let ApiKeyView { id, name, prefix, created_at, expires_at } = view;
        let body = NewKeyBody { id, name, key: key.expose(), prefix, created_at, expires_at };
        Answer::private(StatusCode::CREATED, &body)
    }

    async fn end(&self, request: &Request, id: &str) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let id = ApiKeyId::parse(id).ok_or(ApiError::NotFound)?;
        self.api_keys.end(&person, id, request.deadline()).await?;
        Ok(Answer::no_content())
    }
}

/// The `{id}` of `/keys/{id}/`.
fn id_in(request: &Request) -> Option<&str> {
    request.item_of("keys")
}

#[derive(Serialize)]
struct KeysBody {
    keys: Vec<ApiKeyView>,
}

/// The only answer that contains the key itself.
#[derive(Serialize)]
struct NewKeyBody<'a> {
    id: ApiKeyId,
    name: ApiKeyName,
    key: &'a str,
    prefix: String,
    created_at: String,
    expires_at: Option<String>,
}

fn terms_and_password(mut fields: BodyFields) -> Result<(ApiKeyTerms, Password), ApiError> {
    match (fields.take("name"), fields.take_or_default("expires_in_days"), fields.take("password")) {
        (Some(name), Some(lifetime), Some(password)) => Ok((ApiKeyTerms { name, lifetime }, password)),
        _ => Err(fields.refuse()),
    }
}
