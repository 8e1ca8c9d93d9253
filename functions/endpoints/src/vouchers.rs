//! `POST /vouchers/redeem/`: a voucher's code becomes credits of the user.

use serde_json::json;
use shared::domain::code::VoucherCode;
use shared::domain::setting::SettingError;
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::code_guesses::CodeGuesses;
use shared::identity::jwt::Verifier;
use shared::ledger::gate::Gate;
use shared::ledger::vouchers::Vouchers;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<RedeemEndpoint>().await
}

struct RedeemEndpoint {
    verifier: Verifier,
    gate: Gate,
    accounts: Accounts,
    code_guesses: CodeGuesses,
    vouchers: Vouchers,
}

impl Endpoint for RedeemEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::POST];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            // One after the other, over one connection: opening another takes longer than a read.
            verifier: resources.verifier().await,
            gate: resources.gate().await,
            accounts: resources.accounts(),
            code_guesses: resources.code_guesses(),
            vouchers: resources.vouchers(),
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        let deadline = request.deadline();
        // A program does not redeem: an API key is refused here.
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let code: VoucherCode = request.fields()?.single("code")?;
        let accepting = self.gate.accepting().await?;
        let account = self.accounts.read(&person).await?;
        let guess = self.code_guesses.count(request.source_network(), deadline).await?;
        let found = self.vouchers.find_credits(&code, person.user_id()).await?;
        let voucher = found.ok_or(ApiError::VoucherNotFound)?;
        self.code_guesses.take_back(guess).await;
        let redeemed = self.vouchers.redeem(accepting, person.payer(), account, voucher, deadline).await?;
        Answer::private(StatusCode::OK, &json!({"tokens": redeemed.spendable}))
    }
}
