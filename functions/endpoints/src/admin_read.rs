//! The paths of `/admin/…` at which staff look and nothing is changed: the function's role has no write action.

mod users;

use shared::admin::{AdminEndpoint, AdminPath, serve};
use shared::domain::setting::SettingError;
use shared::endpoint::{Error, Resources};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::staff::Staff;

use users::Users;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AdminRead>().await
}

/// A field for each family of paths.
struct AdminRead {
    users: Users,
}

impl AdminEndpoint for AdminRead {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        Users::methods(path)
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { users: Users::start(resources).await? })
    }

    async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        match &path {
            AdminPath::Users => self.users.answer(staff, path, request).await,
            _ => Err(ApiError::NotFound),
        }
    }
}
