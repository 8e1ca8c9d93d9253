//! `GET /v1/credits`: the credits of an account, and those of them that are spent, with the members that `OpenRouter` gives
//! them.

use serde::Serialize;
use shared::domain::setting::SettingError;
use shared::domain::time::{Clock, Timestamp};
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::callers::Callers;
use shared::ledger::account::Account;
use shared::openai::ProtocolError;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<CreditsEndpoint>().await
}

struct CreditsEndpoint {
    callers: Callers,
    accounts: Accounts,
    clock: Clock,
}

impl Endpoint for CreditsEndpoint {
    type Answer = Answer;
    type Error = ProtocolError;

    const METHODS: &'static [Method] = &[Method::GET];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { callers: resources.callers().await, accounts: resources.accounts(), clock: resources.clock.clone() })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ProtocolError> {
        let caller = self.callers.caller(request.bearer()?).await?;
        let account = self.accounts.read(caller).await?;
        Ok(Answer::private(StatusCode::OK, &CreditsBody { data: CreditsData::of(&account, self.clock.now()) })?)
    }
}

#[derive(Serialize)]
struct CreditsBody {
    data: CreditsData,
}

#[derive(Serialize)]
struct CreditsData {
    /// The credits that the account has, those of its allowance that are due included, has set aside, and has spent.
    total_credits: u64,
    /// The sum of all charges.
    total_usage: u64,
}

impl CreditsData {
    fn of(account: &Account, now: Timestamp) -> Self {
        let held: u64 = account.holds.values().map(|hold| u64::from(hold.amount)).sum();
        let owned = u64::from(account.balance).saturating_add(account.due(now).into());
        let total_credits = owned.saturating_add(held).saturating_add(account.spent);
        Self { total_credits, total_usage: account.spent }
    }
}
