//! `GET /admin/users/`: the users, by name or the newest first.

use serde::Serialize;
use shared::admin::{AdminEndpoint, AdminPath, UserRow};
use shared::domain::setting::SettingError;
use shared::domain::time::Clock;
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{Answer, Method, Request, StatusCode, UsersQuery};
use shared::identity::directory::{ListedUsers, UserLister};
use shared::identity::staff::Staff;

pub(super) struct Users {
    lister: UserLister,
    clock: Clock,
}

impl AdminEndpoint for Users {
    fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        (*path == AdminPath::Users).then_some(&[Method::GET])
    }

    async fn start(resources: &Resources) -> Result<Self, SettingError> {
        Ok(Self { lister: resources.user_lister(), clock: resources.clock.clone() })
    }

    async fn answer(&self, _staff: Staff, _path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        let UsersQuery { list, limit, place } = request.users()?;
        let ListedUsers { users, next } = self.lister.page(&list, limit, place).await?;
        let now = self.clock.now();
        let users = users.iter().map(|user| UserRow::new(user.user_id, &user.account, now)).collect();
        let next_page = next.as_deref().map(|cursor| request.page_after(cursor));
        let answer = Answer::private(StatusCode::OK, &UsersBody { users, next })?;
        Ok(answer.next_page(next_page.as_deref()))
    }
}

#[derive(Serialize)]
struct UsersBody<'a> {
    users: Vec<UserRow<'a>>,
    next: Option<String>,
}
