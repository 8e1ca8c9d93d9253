//! The paths of `/admin/…` at which staff give credits and take them back: grants, vouchers, and files of grants.

mod grants;
mod jobs;
mod vouchers;

use shared::admin::{AdminEndpoint, AdminPath, serve};
use shared::domain::setting::SettingError;
use shared::endpoint::{Error, Resources};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::staff::Staff;

use grants::Grants;
use jobs::Jobs;
use vouchers::AdminVouchers;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AdminMoney>().await
}

/// A field for each family of paths.
struct AdminMoney {
    grants: Grants,
    jobs: Jobs,
    vouchers: AdminVouchers,
}

impl AdminEndpoint for AdminMoney {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        Grants::methods(path).or_else(|| Jobs::methods(path)).or_else(|| AdminVouchers::methods(path))
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self {
            grants: Grants::start(resources),
            jobs: Jobs::start(resources),
            vouchers: AdminVouchers::start(resources),
        })
    }

    async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        match path {
            AdminPath::Grants(_) => self.grants.answer(staff, path, request).await,
            AdminPath::Jobs | AdminPath::Job(_) => self.jobs.answer(staff, path, request).await,
            AdminPath::Vouchers | AdminPath::Batch(_) => self.vouchers.answer(staff, path, request).await,
            _ => Err(ApiError::NotFound),
        }
    }
}
