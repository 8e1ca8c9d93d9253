//! `/account/`: shows the user's account (`GET`), or deletes it (`DELETE`).

use serde::Serialize;
use shared::domain::cause::Cause;
use shared::domain::credits::Credits;
use shared::domain::setting::SettingError;
use shared::domain::time::{Clock, Timestamp};
use shared::endpoint::{Endpoint, Error, Resources, serve};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Deletion;
use shared::identity::jwt::Verifier;
use shared::identity::login::Logins;
use shared::identity::sessions::Sessions;
use shared::ledger::account::{Account, Status};
use shared::ledger::allowance::AllowanceView;
use shared::ledger::audit::DeletionProgress;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AccountEndpoint>().await
}

struct AccountEndpoint {
    verifier: Verifier,
    logins: Logins,
    sessions: Sessions,
    deletion: Deletion,
    clock: Clock,
}

impl Endpoint for AccountEndpoint {
    type Answer = Answer;
    type Error = ApiError;

    const METHODS: &'static [Method] = &[Method::GET, Method::DELETE];

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            verifier: resources.verifier().await,
            logins: resources.logins(),
            sessions: resources.sessions(),
            deletion: resources.deletion(),
            clock: resources.clock.clone(),
        })
    }

    async fn answer(&self, request: Request) -> Result<Answer, ApiError> {
        if request.method() == Method::DELETE { self.delete(&request).await } else { self.show(&request).await }
    }
}

impl AccountEndpoint {
    async fn show(&self, request: &Request) -> Result<Answer, ApiError> {
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let (account, sessions) = self.sessions.account_and_count(&person).await?;
        Answer::private(StatusCode::OK, &AccountBody::new(&account, sessions, self.clock.now()))
    }

    async fn delete(&self, request: &Request) -> Result<Answer, ApiError> {
        let deadline = request.deadline();
        let person = self.verifier.logged_in(request.bearer()?).await?;
        let password = request.fields()?.single("password")?;
        let account = self.deletion.read(&person).await?;
        let username = account.parsed_username()?;
        let network = request.source_network();
        let proven = self.logins.prove(&username, &password, network, deadline).await?;
        if account.status != Status::Deleting {
            self.deletion.begin(&person, &proven, &account, deadline).await?;
        }
        match self.deletion.finish(person.user_id(), &username, deadline).await? {
            DeletionProgress::Finished => Ok(Answer::no_content()),
            DeletionProgress::OutOfTime => {
                Err(ApiError::Unavailable(Cause::because("the deletion takes more than one request")))
            }
        }
    }
}

#[derive(Serialize)]
struct AccountBody<'a> {
    username: &'a str,
    created_at: &'a str,
    tokens: Credits,
    sessions: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    staff: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowance: Option<AllowanceView>,
}

impl<'a> AccountBody<'a> {
    fn new(account: &'a Account, sessions: usize, now: Timestamp) -> Self {
        let (tokens, _) = account.spendable_and_held(now);
        let Account { username, created_at, staff, allowance, .. } = account;
        let allowance = allowance.map(|allowance| allowance.view(now));
        Self { username, created_at, tokens, sessions, staff: *staff, allowance }
    }
}
