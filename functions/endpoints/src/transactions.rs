//! `GET /transactions/`: the changes in the user's credits that the query asks for, newest first, as JSON or as a table.

use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::jwt::Verifier;
use shared::ledger::history::History;
use shared::transaction_list::transaction_list;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<TransactionsEndpoint>().await
}

struct TransactionsEndpoint {
    verifier: Verifier,
    history: History,
}

impl Endpoint for TransactionsEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { verifier: resources.verifier().await, history: resources.history() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let (filter, wanted) = request.transactions(person.user_id())?;
        transaction_list(&request, self.history.transactions(person.payer(), &filter, wanted).await?)
    }
}
