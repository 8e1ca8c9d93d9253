//! The paths of `/admin/…` at which staff look and nothing is changed: the function's role has no write action.

mod deployment;
mod history;
mod ledger_of_user;
mod overall_usage;
mod users;

use shared::admin::{AdminEndpoint, AdminPath, serve};
use shared::domain::setting::SettingError;
use shared::endpoint::{Error, Resources};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::staff::Staff;

use deployment::DeploymentState;
use history::ActHistory;
use ledger_of_user::LedgerOfUser;
use overall_usage::OverallUsage;
use users::Users;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AdminRead>().await
}

/// A field for each family of paths.
struct AdminRead {
    deployment: DeploymentState,
    history: ActHistory,
    ledger_of_user: LedgerOfUser,
    overall_usage: OverallUsage,
    users: Users,
}

impl AdminEndpoint for AdminRead {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        DeploymentState::methods(path)
            .or_else(|| ActHistory::methods(path))
            .or_else(|| LedgerOfUser::methods(path))
            .or_else(|| OverallUsage::methods(path))
            .or_else(|| Users::methods(path))
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            deployment: DeploymentState::start(resources).await?,
            history: ActHistory::start(resources).await?,
            ledger_of_user: LedgerOfUser::start(resources).await?,
            overall_usage: OverallUsage::start(resources).await?,
            users: Users::start(resources).await?,
        })
    }

    async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        match &path {
            AdminPath::Health | AdminPath::Settings => self.deployment.answer(staff, path, request).await,
            AdminPath::History => self.history.answer(staff, path, request).await,
            AdminPath::Transactions(_) | AdminPath::UsageOfUser(_) => {
                self.ledger_of_user.answer(staff, path, request).await
            }
            AdminPath::Usage => self.overall_usage.answer(staff, path, request).await,
            AdminPath::Users => self.users.answer(staff, path, request).await,
            _ => Err(ApiError::NotFound),
        }
    }
}
