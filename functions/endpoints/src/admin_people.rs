//! `/admin/users/{id}/`: one user as staff see them (`GET`), change them (`PATCH`) and delete them (`DELETE`).
//! `POST …/reset-codes/`, `…/end-sessions/` and `…/end-keys/`: what staff do for a user who lost a password or a device.
//! `PUT /admin/accepting/`: stops messages and registrations of everybody, or resumes them.

mod acceptance;
mod change;
mod user_body;

use serde::Serialize;
use shared::admin::{AdminEndpoint, AdminPath, UserRow, origin, serve};
use shared::domain::cause::Cause;
use shared::domain::credits::Credits;
use shared::domain::reason::Reason;
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::{Error, Resources};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::{Accounts, Deletion, UserRef};
use shared::identity::api_keys::ApiKeys;
use shared::identity::reset_codes::ResetCodes;
use shared::identity::sessions::Sessions;
use shared::identity::staff::Staff;
use shared::ledger::account::Status;
use shared::ledger::audit::DeletionProgress;
use shared::ledger::authority::RecentAuthority;
use shared::ledger::history::{History, Limit};
use shared::ledger::switch::Switch;

use acceptance::{AcceptanceBody, RequestedAcceptance};
use change::RequestedChange;
use user_body::UserBody;

const OF_USER: &[Method] = &[Method::GET, Method::PATCH, Method::DELETE];
const OF_ACT: &[Method] = &[Method::POST];
const OF_SWITCH: &[Method] = &[Method::PUT];

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AdminPeople>().await
}

struct AdminPeople {
    accounts: Accounts,
    deletion: Deletion,
    reset_codes: ResetCodes,
    sessions: Sessions,
    api_keys: ApiKeys,
    history: History,
    switch: Switch,
    max_grant: Credits,
    clock: Clock,
}

impl AdminEndpoint for AdminPeople {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        match path {
            AdminPath::User(_) => Some(OF_USER),
            AdminPath::ResetCodes(_) | AdminPath::EndSessions(_) | AdminPath::EndKeys(_) => Some(OF_ACT),
            AdminPath::Accepting => Some(OF_SWITCH),
            _ => None,
        }
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            accounts: resources.accounts(),
            deletion: resources.deletion(),
            reset_codes: resources.reset_codes(),
            sessions: resources.sessions(),
            api_keys: resources.api_keys(),
            history: resources.history(),
            switch: resources.switch(),
            max_grant: resources.settings.max_grant,
            clock: resources.clock.clone(),
        })
    }

    async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        match path {
            AdminPath::User(user) if request.method() == Method::PATCH => self.change(staff, &user, &request).await,
            AdminPath::User(user) if request.method() == Method::DELETE => self.delete(staff, &user, &request).await,
            AdminPath::User(user) => Box::pin(self.show(&user)).await,
            AdminPath::ResetCodes(user) => self.make_reset_code(staff, &user, &request).await,
            AdminPath::EndSessions(user) => {
                self.accounts.end_sessions(&user, &staff.authority(origin(&request)), request.deadline()).await?;
                Ok(Answer::no_content())
            }
            AdminPath::EndKeys(user) => {
                self.accounts.end_keys(&user, &staff.authority(origin(&request)), request.deadline()).await?;
                Ok(Answer::no_content())
            }
            AdminPath::Accepting => self.turn_switch(staff, &request).await,
            _ => Err(ApiError::NotFound),
        }
    }
}

impl AdminPeople {
    async fn show(&self, user: &UserRef) -> Result<Answer, ApiError> {
        let (login, account) = self.accounts.find_user(user).await?;
        let user_id = login.user_id;
        let sessions = self.sessions.of_user(&login, &account).await?;
        let keys = self.api_keys.of_user(user_id, &account).await?;
        let transactions = self.history.newest_transactions(user_id, &account, Limit::default()).await?;
        let body = UserBody::new(user_id, &account, self.clock.now(), sessions, keys, transactions);
        Answer::private(StatusCode::OK, &body)
    }

    async fn change(&self, staff: Staff, user: &UserRef, request: &Request) -> Result<Answer, ApiError> {
        let RequestedChange { change, reason } =
            RequestedChange::parse(request.fields_with(&["allowance"])?, self.max_grant)?;
        let (reason, deadline) = (reason.as_ref(), request.deadline());
        let (login, account) = match (self.recently(staff, request), change.active) {
            (Ok(authority), _) => self.accounts.change(user, change, reason, &authority, deadline).await?,
            (Err(refused), _) if change.takes_recent_login() => return Err(refused),
            (Err(_), Some(active)) => {
                let authority = staff.authority(origin(request));
                self.accounts.set_active(user, active, reason, &authority, deadline).await?
            }
            (Err(_), None) => self.accounts.find_user(user).await?,
        };
        Answer::private(StatusCode::OK, &UserRow::new(login.user_id, &account, self.clock.now()))
    }

    async fn delete(&self, staff: Staff, user: &UserRef, request: &Request) -> Result<Answer, ApiError> {
        let (authority, deadline) = (self.recently(staff, request)?, request.deadline());
        let reason: Reason = request.fields()?.single("reason")?;
        let (login, account) = self.accounts.find_user(user).await?;
        if login.user_id == staff.user_id() {
            return Err(ApiError::OwnAccount);
        }
        if account.status != Status::Deleting {
            self.deletion.begin_by_staff(&login, &account, &reason, &authority, deadline).await?;
        } else if account.deleted_by.is_none() {
            return Err(ApiError::DeletionInProgress);
        }
        match self.deletion.finish(login.user_id, &account.parsed_username()?, deadline).await? {
            DeletionProgress::Finished => Ok(Answer::no_content()),
            DeletionProgress::OutOfTime => {
                Err(ApiError::Unavailable(Cause::because("the deletion takes more than one request")))
            }
        }
    }

    async fn make_reset_code(&self, staff: Staff, user: &UserRef, request: &Request) -> Result<Answer, ApiError> {
        let authority = self.recently(staff, request)?;
        let made = self.reset_codes.make(user, &authority, request.deadline()).await?;
        let body = ResetCodeBody { code: made.code.written(), expires_at: made.expires_at.to_string() };
        Answer::private(StatusCode::CREATED, &body)
    }

    /// A stop gives nobody anything and must not wait, so any login does for it. A resumption lets credits be spent, and given
    /// away, again.
    async fn turn_switch(&self, staff: Staff, request: &Request) -> Result<Answer, ApiError> {
        let RequestedAcceptance { accepting, reason } = RequestedAcceptance::parse(request.fields()?)?;
        let authority = if accepting {
            self.recently(staff, request)?.authority().clone()
        } else {
            staff.authority(origin(request))
        };
        let said = self.switch.turn(accepting, &reason, &authority, request.deadline()).await?;
        Answer::private(StatusCode::OK, &AcceptanceBody::from(said))
    }

    /// The authority for acts that take a login of the last minutes.
    fn recently(&self, staff: Staff, request: &Request) -> Result<RecentAuthority, ApiError> {
        Ok(staff.recently(self.clock.now())?.authority(origin(request)))
    }
}

/// The only answer that has the code.
#[derive(Serialize)]
struct ResetCodeBody {
    code: String,
    expires_at: String,
}
