//! `GET /v1/models` and `/v1/models/{id}`: the models that the API offers, in OpenAI's protocol, and their prices.

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::callers::Callers;
use shared::ledger::paying_key::KeyLimits;
use shared::openai::{ModelItem, ModelList, ProtocolError, UnknownModel};
use shared::providers::catalogues::{Catalogues, CurrentCatalogue};
use shared::settings::ChatSettings;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<ModelsEndpoint>().await
}

struct ModelsEndpoint {
    callers: Callers,
    accounts: Accounts,
    catalogues: Catalogues,
}

impl Endpoint for ModelsEndpoint {
    type Answer = Answer;
    type Error = ProtocolError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let catalogues = resources.catalogues(&ChatSettings::from_environment()?);
        Ok(Self { callers: resources.callers().await, accounts: resources.accounts(), catalogues })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ProtocolError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        // A valid token may have been revoked: only the account tells.
        let limits = self.accounts.confirm(caller).await?;
        let current = self.catalogues.current().await?;
        match request.rest_of("models") {
            None => Ok(Answer::private(StatusCode::OK, &ModelList::of(&current, &limits))?),
            Some(name) => Ok(Answer::private(StatusCode::OK, &find(&current, &limits, &name)?)?),
        }
    }
}

/// The model with this id or alias, if an API key with these `limits` may ask it. A hidden one is found too.
fn find<'a>(current: &'a CurrentCatalogue, limits: &KeyLimits, name: &str) -> Result<ModelItem<'a>, ProtocolError> {
    let found = current.catalogue.find(name).filter(|model| limits.permit_model(&model.id));
    found.map(|model| ModelItem::of(&current.catalogue, model)).ok_or_else(|| {
        let listed = current.catalogue.listed().filter(|model| limits.permit_model(&model.id));
        ApiError::ModelNotFound(UnknownModel::new(name, listed.map(|model| model.id.as_str()))).into()
    })
}
