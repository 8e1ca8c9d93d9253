//! All that staff see of a user on one page: money, sessions and keys, and no text.

use serde::Serialize;
use shared::admin::UserRow;
use shared::domain::credits::Credits;
use shared::domain::ids::{EntryId, UserId};
use shared::domain::time::Timestamp;
use shared::identity::api_keys::KeySummary;
use shared::identity::sessions::SessionSummary;
use shared::ledger::account::Account;
use shared::ledger::history::Transaction;

#[derive(Serialize)]
pub(super) struct UserBody<'a> {
    #[serde(flatten)]
    row: UserRow<'a>,
    spent: u64,
    holds: Vec<HoldBody>,
    sessions: Vec<SessionSummary>,
    keys: Vec<KeySummary>,
    transactions: Vec<Transaction>,
}

/// Credits that are set aside for a message.
#[derive(Serialize)]
struct HoldBody {
    id: EntryId,
    credits: Credits,
    expires_at: String,
}

impl<'a> UserBody<'a> {
    pub(super) fn new(
        user_id: UserId,
        account: &'a Account,
        now: Timestamp,
        sessions: Vec<SessionSummary>,
        keys: Vec<KeySummary>,
        transactions: Vec<Transaction>,
    ) -> Self {
        let living = account.holds.values().filter(|hold| !hold.is_expired(now));
        let holds = living.map(|hold| HoldBody {
            id: hold.id,
            credits: hold.amount,
            expires_at: Timestamp::from_seconds(hold.expires_at).to_string(),
        });
        let row = UserRow::new(user_id, account, now);
        Self { row, spent: account.spent, holds: holds.collect(), sessions, keys, transactions }
    }
}
