//! `/keys/`: lists the user's API keys (`GET`), or makes a new one (`POST`). `/keys/{id}/`: changes one (`PATCH`), or ends it
//! (`DELETE`).

use serde::Serialize;
use shared::domain::ids::ApiKeyId;
use shared::domain::password::Password;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request, StatusCode};
use shared::identity::api_keys::{
    ApiKeyBudget, ApiKeyChanges, ApiKeyModels, ApiKeyPatch, ApiKeyRate, ApiKeyTerms, ApiKeyView, ApiKeys, MadeApiKey,
    NewApiKey,
};
use shared::identity::jwt::Verifier;
use shared::identity::login::Logins;
use shared::ledger::paying_key::KeyLimits;

/// The fields that are no texts and no numbers.
const NESTED: &[&str] = &["budget", "models"];

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
        if id_in(request).is_some() { &[Method::PATCH, Method::DELETE] } else { Self::METHODS }
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { verifier: resources.verifier().await, logins: resources.logins(), api_keys: resources.api_keys() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        match id_in(&request) {
            Some(id) if request.method() == Method::PATCH => self.change(&request, id).await,
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
        let (terms, password) = terms_and_password(request.fields_with(NESTED)?)?;
        let room = self.api_keys.room(&person).await?;
        let network = request.source_network();
        let proven = self.logins.prove(&room.username()?, &password, network, deadline).await?;
        let new = NewApiKey { person: &person, proven: &proven, terms: &terms };
        let MadeApiKey { view, key } = self.api_keys.make(&new, room, deadline).await?;
        Answer::private(StatusCode::CREATED, &NewKeyBody { key: key.expose(), view })
    }

    async fn change(&self, request: &Request, id: &str) -> Result<Answer, ApiError> {
        let deadline = request.deadline();
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let (changes, password) = changes_and_password(request.fields_with(NESTED)?)?;
        let id = ApiKeyId::parse(id).ok_or(ApiError::NotFound)?;
        let key = self.api_keys.find(&person, id).await?;
        let proven = match password {
            None => None,
            Some(password) => {
                let network = request.source_network();
                Some(self.logins.prove(&key.username()?, &password, network, deadline).await?)
            }
        };
        let patch = ApiKeyPatch { person: &person, proven: proven.as_ref(), changes: &changes };
        Answer::private(StatusCode::OK, &self.api_keys.change(patch, key, deadline).await?)
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
    key: &'a str,
    #[serde(flatten)]
    view: ApiKeyView,
}

fn terms_and_password(mut fields: BodyFields) -> Result<(ApiKeyTerms, Password), ApiError> {
    let (name, lifetime) = (fields.take("name"), fields.take_or_default("expires_in_days"));
    let (limits, password) = (limits(&mut fields), fields.take("password"));
    match (name, lifetime, limits, password) {
        (Some(name), Some(lifetime), Some(limits), Some(password)) => {
            Ok((ApiKeyTerms { name, lifetime, limits }, password))
        }
        _ => Err(fields.refuse()),
    }
}

fn limits(fields: &mut BodyFields) -> Option<KeyLimits> {
    let (budget, models) = (fields.take_or_default("budget"), fields.take_or_default("models"));
    let rate = fields.take_or_default("requests_per_minute");
    let (ApiKeyBudget(budget), ApiKeyRate(requests_per_minute), ApiKeyModels(models)) = (budget?, rate?, models?);
    Some(KeyLimits { budget, requests_per_minute, models })
}

/// The changes of a `PATCH`, and the password where it is given. A field that is absent changes nothing, and one that is null takes
/// the limit away.
fn changes_and_password(mut fields: BodyFields) -> Result<(ApiKeyChanges, Option<Password>), ApiError> {
    let (name, lifetime) = (fields.take_text_change("name"), fields.take_change("expires_in_days"));
    let (budget, models) = (fields.take_change("budget"), fields.take_change("models"));
    let rate = fields.take_change("requests_per_minute");
    let password = if fields.has("password") { fields.take("password").map(Some) } else { Some(None) };
    match (name, lifetime, budget, models, rate, password) {
        (Some(name), Some(lifetime), Some(budget), Some(models), Some(requests_per_minute), Some(password)) => {
            Ok((ApiKeyChanges { name, lifetime, budget, requests_per_minute, models }, password))
        }
        _ => Err(fields.refuse()),
    }
}
