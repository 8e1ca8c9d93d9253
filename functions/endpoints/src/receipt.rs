//! `GET /transactions/{id}/receipt/`: a signed receipt of one of the user's transactions.

use serde::Serialize;
use shared::domain::ids::EntryId;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::jwt::Verifier;
use shared::identity::receipts::{ReceiptSigner, SignedReceipt};
use shared::ledger::history::History;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<ReceiptEndpoint>().await
}

struct ReceiptEndpoint {
    verifier: Verifier,
    history: History,
    signer: ReceiptSigner,
}

impl Endpoint for ReceiptEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        // One after the other: they share a connection, and another one would take longer to open.
        let (verifier, signer) = (resources.verifier().await, resources.receipt_signer().await?);
        Ok(Self { verifier, history: resources.history(), signer })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let id = transaction_id(&request).ok_or(ApiError::NotFound)?;
        let transaction = self.history.transaction(person.payer(), id).await?.ok_or(ApiError::NotFound)?;
        let receipt = self.signer.sign(&transaction).await?;
        Answer::private(StatusCode::OK, &ReceiptBody { receipt })
    }
}

/// The id in the path, if it can be one.
fn transaction_id(request: &Request) -> Option<EntryId> {
    let rest = request.rest_of("transactions")?;
    EntryId::parse(rest.strip_suffix("/receipt")?)
}

#[derive(Serialize)]
struct ReceiptBody {
    receipt: SignedReceipt,
}
