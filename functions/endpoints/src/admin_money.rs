//! The paths of `/admin/…` at which staff give credits.

mod vouchers;

use shared::admin::{AdminEndpoint, AdminPath, serve};
use shared::domain::setting::SettingError;
use shared::endpoint::{Error, Resources};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::staff::Staff;

use vouchers::AdminVouchers;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AdminMoney>().await
}

/// A field for each family of paths.
struct AdminMoney {
    vouchers: AdminVouchers,
}

impl AdminEndpoint for AdminMoney {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        AdminVouchers::methods(path)
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { vouchers: AdminVouchers::start(resources) })
    }

    async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        match path {
            AdminPath::Vouchers | AdminPath::Batch(_) => self.vouchers.answer(staff, path, request).await,
            _ => Err(ApiError::NotFound),
        }
    }
}
