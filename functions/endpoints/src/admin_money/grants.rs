//! `POST /admin/users/{id}/grants/`: gives credits to a user, or takes them back.

use serde::Serialize;
use serde_json::Value;
use shared::admin::{AdminPath, origin};
use shared::domain::credits::Credits;
use shared::domain::ids::EntryId;
use shared::domain::reason::Reason;
use shared::domain::time::Clock;
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode};
use shared::identity::accounts::Accounts;
use shared::identity::staff::Staff;
use shared::ledger::Ledger;
use shared::ledger::grant::{Grant, GrantAmount, Granted};

pub(super) struct Grants {
    accounts: Accounts,
    ledger: Ledger,
    max_grant: Credits,
    clock: Clock,
}

#[derive(Serialize)]
struct GrantBody {
    id: EntryId,
    amount: i64,
    credits: Credits,
    repeated: bool,
}

impl Grants {
    pub(super) fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        matches!(path, AdminPath::Grants(_)).then_some(&[Method::POST])
    }

    pub(super) fn start(resources: &Resources) -> Self {
        Self {
            accounts: resources.accounts(),
            ledger: resources.ledger(),
            max_grant: resources.settings.max_grant,
            clock: resources.clock.clone(),
        }
    }

    pub(super) async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        let AdminPath::Grants(user) = path else { return Err(ApiError::NotFound) };
        let staff = staff.recently(self.clock.now())?;
        let grant = self.wanted(&request)?;
        let (login, _) = self.accounts.find_user(&user).await?;
        let authority = staff.authority(origin(&request));
        let granted = self.ledger.grant(login.user_id, &grant, &authority, request.deadline()).await?;
        let Granted { entry_id, amount, balance, repeated } = granted;
        Answer::private(StatusCode::CREATED, &GrantBody { id: entry_id, amount, credits: balance, repeated })
    }

    fn wanted(&self, request: &Request) -> Result<Grant, ApiError> {
        let id = request.grant_id()?;
        let mut fields = request.fields()?;
        let amount = fields.take_value("amount", |value: Value| GrantAmount::at_most(value.as_i64(), self.max_grant));
        match (amount, fields.take::<Reason>("reason")) {
            (Some(amount), Some(reason)) => Ok(Grant { amount, reason, id }),
            _ => Err(fields.refuse()),
        }
    }
}
