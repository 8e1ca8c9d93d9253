//! `GET /admin/users/`: the users, by name or newest first.

use shared::admin::{AdminEndpoint, AdminPath};
use shared::domain::setting::SettingError;
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{Answer, Method, Request};
use shared::identity::staff::Staff;

pub(super) struct Users;

impl AdminEndpoint for Users {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        (*path == AdminPath::Users).then_some(&[Method::GET])
    }

    async fn start(_resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self)
    }

    async fn answer(&self, _staff: Staff, _path: AdminPath, _request: Request) -> Result<Answer, ApiError> {
        Err(ApiError::NotFound)
    }
}
