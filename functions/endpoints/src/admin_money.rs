//! `/admin/users/{id}/grants/` and `/admin/jobs/`: the credits that staff give and take back.

mod grants;
mod jobs;

use shared::admin::{AdminEndpoint, AdminPath, serve};
use shared::domain::setting::SettingError;
use shared::endpoint::{Error, Resources};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::staff::Staff;

use grants::Grants;
use jobs::Jobs;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AdminMoney>().await
}

struct AdminMoney {
    grants: Grants,
    jobs: Jobs,
}

impl AdminEndpoint for AdminMoney {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        Grants::methods(path).or_else(|| Jobs::methods(path))
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { grants: Grants::start(resources), jobs: Jobs::start(resources) })
    }

    async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        match path {
            AdminPath::Grants(_) => self.grants.answer(staff, path, request).await,
            AdminPath::Jobs | AdminPath::Job(_) => self.jobs.answer(staff, path, request).await,
            _ => Err(ApiError::NotFound),
        }
    }
}
