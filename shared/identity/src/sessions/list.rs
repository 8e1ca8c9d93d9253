//! The list of a user's sessions.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use ledger::account::Account;
use serde::{Deserialize, Deserializer, Serialize};
use store::{Item, StoreError, from_item, number, partition_of};

use crate::error::IdentityError;
use crate::jwt::LoggedIn;
use crate::sessions::session::{SORT_KEY_PREFIX, Session, Sessions};
use crate::sessions::user_agent::UserAgent;

/// A session as its user sees it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// The id by which the session is ended.
    pub id: SessionId,
    /// The time at which it began, in RFC 3339.
    pub created_at: String,
    /// The time of the last refresh, give or take an hour, in RFC 3339.
    pub last_used_at: String,
    /// The client that began it.
    pub user_agent: Option<UserAgent>,
    /// Whether the request for the list belongs to it.
    pub current: bool,
}

/// A session with the id from its key.
#[derive(Debug, Deserialize)]
pub(super) struct StoredSession {
    #[serde(rename = "sk", deserialize_with = "session_id_of_sort_key")]
    pub(super) id: SessionId,
    #[serde(flatten)]
    pub(super) session: Session,
}

fn session_id_of_sort_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SessionId, D::Error> {
    let sort = String::deserialize(deserializer)?;
    let id = sort.strip_prefix(SORT_KEY_PREFIX).and_then(SessionId::parse);
    id.ok_or_else(|| serde::de::Error::custom("a session's key has no session id"))
}

impl Sessions {
    /// The living sessions of `person`, newest first.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] or [`IdentityError::UserInactive`] if the account is not open to `person`.
    pub async fn list(&self, person: &LoggedIn) -> Result<Vec<SessionView>, IdentityError> {
        let (_, living) = self.account_and_living(person).await?;
        Ok(living.into_iter().map(|stored| view(stored, person)).collect())
    }

    /// The account of `person`, and the number of their sessions.
    ///
    /// # Errors
    /// As [`Sessions::list`].
    pub async fn account_and_count(&self, person: &LoggedIn) -> Result<(Account, usize), IdentityError> {
        let (account, living) = self.account_and_living(person).await?;
        Ok((account, living.len()))
    }

    /// Reads both at once. Requests for accounts that are not open are rare.
    async fn account_and_living(&self, person: &LoggedIn) -> Result<(Account, Vec<StoredSession>), IdentityError> {
        let account = self.table.get(Account::key(person.user_id()));
        let living = self.living(person.user_id(), person.session_epoch());
        let (account, living) = tokio::join!(account, living);
        Ok((Account::admitted(account?, person.payer())?, living?))
    }

    /// The unexpired sessions of `epoch`, newest first. DynamoDB deletes expired items late.
    pub(super) async fn living(&self, user_id: UserId, epoch: u64) -> Result<Vec<StoredSession>, StoreError> {
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
                .expression_attribute_values(":session", AttributeValue::S(SORT_KEY_PREFIX.to_owned()))
                .expression_attribute_values(":epoch", number(epoch))
                .expression_attribute_values(":now", number(self.clock.now().seconds()))
                .scan_index_forward(false)
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await?;
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
