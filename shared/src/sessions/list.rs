//! The sessions that a user has.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Deserializer, Serialize};

use crate::accounts::Accounts;
use crate::error::ApiError;
use crate::jwt::LoggedIn;
use crate::sessions::{Session, Sessions, UserAgent};
use crate::table;
use crate::table::{Item, from_item, number, partition_of, unavailable};
use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use ledger::account::Account;

/// A session as its user sees it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// What it is ended by.
    pub id: SessionId,
    /// When it began, in RFC 3339.
    pub created_at: String,
    /// When it was last refreshed, give or take an hour, in RFC 3339.
    pub last_used_at: String,
    /// What the client called itself that began it.
    pub user_agent: Option<UserAgent>,
    /// Whether the request that asks belongs to it.
    pub current: bool,
}

/// A session with its id, which is in its key.
#[derive(Debug, Deserialize)]
pub(super) struct StoredSession {
    #[serde(rename = "sk", deserialize_with = "session_id_of_sort_key")]
    pub(super) id: SessionId,
    #[serde(flatten)]
    pub(super) session: Session,
}

fn session_id_of_sort_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SessionId, D::Error> {
    let sort = String::deserialize(deserializer)?;
    let id = sort.strip_prefix(table::PREFIX_OF_SESSIONS).and_then(SessionId::parse);
    id.ok_or_else(|| serde::de::Error::custom("a session's key has no session id"))
}

impl Sessions {
    /// The living sessions of the person who is logged in, newest first.
    ///
    /// # Errors
    /// As [`Accounts::read`].
    pub async fn list(&self, person: &LoggedIn) -> Result<Vec<SessionView>, ApiError> {
        let (_, living) = self.account_and_living(person).await?;
        Ok(living.into_iter().map(|stored| view(stored, person)).collect())
    }

    /// The account of the person who is logged in, and how many sessions they have.
    ///
    /// # Errors
    /// As [`Accounts::read`].
    pub async fn account_and_count(&self, person: &LoggedIn) -> Result<(Account, usize), ApiError> {
        let (account, living) = self.account_and_living(person).await?;
        Ok((account, living.len()))
    }

    /// Both at once: accounts that are not open are few.
    async fn account_and_living(&self, person: &LoggedIn) -> Result<(Account, Vec<StoredSession>), ApiError> {
        let accounts = Accounts::new(self.table.clone(), self.clock.clone());
        let living = self.living(person.user_id(), person.session_epoch());
        let (account, living) = tokio::join!(accounts.read(person), living);
        Ok((account?, living?))
    }

    /// The sessions of `epoch` that have not expired, newest first, with everything that was
    /// written before. Those that have are deleted late.
    pub(super) async fn living(&self, user_id: UserId, epoch: u64) -> Result<Vec<StoredSession>, ApiError> {
        let mut living = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let answer = self
                .table
                .client()
                .query()
                .table_name(self.table.name())
                .key_condition_expression("pk = :user AND begins_with(sk, :session)")
                .filter_expression("session_epoch = :epoch AND expires_at > :now")
                .expression_attribute_values(":user", AttributeValue::S(partition_of(user_id)))
                .expression_attribute_values(":session", AttributeValue::S(table::PREFIX_OF_SESSIONS.to_owned()))
                .expression_attribute_values(":epoch", number(epoch))
                .expression_attribute_values(":now", number(self.clock.now().seconds()))
                .scan_index_forward(false)
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(unavailable)?;
            for item in answer.items.unwrap_or_default() {
                living.push(from_item(item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(living);
            }
        }
    }
}

fn view(StoredSession { id, session }: StoredSession, person: &LoggedIn) -> SessionView {
    SessionView {
        id,
        created_at: session.created_at,
        last_used_at: Timestamp::from_seconds(session.last_used_at).to_string(),
        user_agent: session.user_agent,
        current: id == person.session_id(),
    }
}
