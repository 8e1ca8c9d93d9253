//! `POST /v1/quote`: the least balance that a chat completion needs, and the most that it can cost. Nothing is held, and no
//! model is asked.

use std::sync::Arc;

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::callers::Callers;
use shared::openai::{CompletionRequest, ProtocolError, QuoteAnswer};
use shared::providers::offers::OfferDesk;
use shared::settings::ChatSettings;
use shared::till::Quotation;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<QuoteEndpoint>().await
}

struct QuoteEndpoint {
    callers: Callers,
    accounts: Accounts,
    offers: OfferDesk,
    least_output_tokens: u32,
}

impl Endpoint for QuoteEndpoint {
    type Answer = Answer;
    type Error = ProtocolError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        let chat = ChatSettings::from_environment()?;
        Ok(Self {
            callers: resources.callers().await,
            accounts: resources.accounts(),
            offers: resources.priced_offers(&chat),
            least_output_tokens: chat.output_limits.least,
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ProtocolError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        // A quote needs no key, and refuses one that the completion would refuse.
        request.idempotency_key()?;
        let asked = CompletionRequest::parse(&request)?;
        // A valid token may have been revoked: only the account tells.
        let limits = self.accounts.confirm(caller).await?;
        let mut offers = self.offers.current().await?;
        if let Some(models) = &limits.models {
            offers = Arc::new(offers.permitted(models));
        }
        let candidates = asked.candidates(&offers)?;
        asked.check(&candidates.first)?;
        let quotation = Quotation::of(&candidates, &asked.prompt, asked.limits(), self.least_output_tokens)?;
        Ok(Answer::private(StatusCode::OK, &QuoteAnswer::of(&quotation, &asked.prompt))?)
    }
}
