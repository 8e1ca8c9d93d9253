//! `/admin/users/{id}/`, `…/reset-codes/`, `…/end-sessions/` and `…/end-keys/`: one user, as staff see and change them.

use shared::admin::{AdminEndpoint, AdminPath, serve};
use shared::domain::setting::SettingError;
use shared::endpoint::{Error, Resources};
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::staff::Staff;

/// The main of this function's binary.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), Error> {
    serve::<AdminPeople>().await
}

struct AdminPeople;

impl AdminEndpoint for AdminPeople {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        match path {
            AdminPath::User(_) => Some(&[Method::GET, Method::PATCH, Method::DELETE]),
            AdminPath::ResetCodes(_) | AdminPath::EndSessions(_) | AdminPath::EndKeys(_) => Some(&[Method::POST]),
            _ => None,
        }
    }

    async fn start(_resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self)
    }

    async fn answer(&self, _staff: Staff, _path: AdminPath, _request: Request) -> Result<Answer, ApiError> {
        Err(ApiError::NotFound)
    }
}
