//! A user as staff see them in a list.

use domain::credits::Credits;
use domain::ids::UserId;
use domain::time::Timestamp;
use ledger::account::{Account, Status};
use ledger::allowance::AllowanceView;
use serde::Serialize;

/// The head of what staff see of a user.
#[derive(Debug, Serialize)]
pub struct UserRow<'a> {
    id: UserId,
    username: &'a str,
    created_at: &'a str,
    status: Status,
    staff: bool,
    credits: Credits,
    held: Credits,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowance: Option<AllowanceView>,
}

impl<'a> UserRow<'a> {
    /// The user with this `account`, whose credits are those of `now`.
    #[must_use]
    pub fn new(user_id: UserId, account: &'a Account, now: Timestamp) -> Self {
        let (credits, held) = account.spendable_and_held(now);
        Self {
            id: user_id,
            username: &account.username,
            created_at: &account.created_at,
            status: account.status,
            staff: account.staff,
            credits,
            held,
            allowance: account.allowance.map(|allowance| allowance.view(now)),
        }
    }
}
