//! `GET /token_balance/`: the credits that the user can spend.

use serde_json::json;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, HeaderName, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::callers::Callers;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<TokenBalanceEndpoint>().await
}

struct TokenBalanceEndpoint {
    callers: Callers,
    accounts: Accounts,
    clock: Clock,
}

impl Endpoint for TokenBalanceEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { callers: resources.callers().await, accounts: resources.accounts(), clock: resources.clock.clone() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        let account = self.accounts.read(caller).await?;
        let (spendable, held) = account.spendable_and_held(self.clock.now());
        Ok(Answer::private(StatusCode::OK, &json!({"tokens": spendable}))?
            .header(HeaderName::from_static("x-token-held"), &held.to_string()))
    }
}
