//! The list of a user's sessions.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use domain::ids::{SessionId, UserId};
use domain::time::Timestamp;
use ledger::account::{Account, Closed};
use serde::{Deserialize, Deserializer, Serialize};
use store::{StoreError, from_item};

use crate::error::IdentityError;
use crate::jwt::LoggedIn;
use crate::login::Login;
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

/// A session as staff see it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SessionSummary {
    /// The id.
    pub id: SessionId,
    /// The time at which it began, in RFC 3339.
    pub created_at: String,
    /// The time of the last refresh, give or take an hour, in RFC 3339.
    pub last_used_at: String,
    /// The client that began it.
    pub user_agent: Option<UserAgent>,
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

/// A network from which a user logged in, as the user sees it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct NetworkView {
    /// The network: a /24 of IPv4, or a /64 of IPv6.
    pub network: String,
    /// The time of the last login from there, in RFC 3339.
    pub last_login_at: String,
}

/// All that is stored of the logins of a user, but the password's hash.
#[derive(Debug)]
pub struct LoginsOfUser {
    /// The account, which was found open.
    pub account: Account,
    /// The living sessions, newest first.
    pub sessions: Vec<SessionView>,
    /// The networks from which the user logged in.
    pub networks: Vec<NetworkView>,
}

impl Sessions {
    /// The account of `person`, with their sessions and the networks of their logins.
    ///
    /// # Errors
    /// As [`Sessions::list`].
    pub async fn logins(&self, person: &LoggedIn) -> Result<LoginsOfUser, IdentityError> {
        let (account, login) = self.account_and_login(person).await?;
        let living = self.living(person.user_id(), person.session_epoch(), &login.sessions).await?;
        let sessions = living.into_iter().map(|stored| view(stored, person)).collect();
        let networks = login.networks.into_iter().map(|(network, last_login)| NetworkView {
            network,
            last_login_at: Timestamp::from_seconds(last_login).to_string(),
        });
        Ok(LoginsOfUser { account, sessions, networks: networks.collect() })
    }

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

    /// The living sessions of a user whose `login` and `account` were read, newest first, as staff see them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn of_user(&self, login: &Login, account: &Account) -> Result<Vec<SessionSummary>, StoreError> {
        let living = self.living(login.user_id, account.session_epoch, &login.sessions).await?;
        Ok(living.into_iter().map(summary).collect())
    }

    /// Reads the account, the login that it names, and the sessions that the login lists. Sessions of the past are not
    /// listed, however many their items are.
    async fn account_and_living(&self, person: &LoggedIn) -> Result<(Account, Vec<StoredSession>), IdentityError> {
        let (account, login) = self.account_and_login(person).await?;
        let living = self.living(person.user_id(), person.session_epoch(), &login.sessions).await?;
        Ok((account, living))
    }

    /// Reads the account, and the login that it names.
    async fn account_and_login(&self, person: &LoggedIn) -> Result<(Account, Login), IdentityError> {
        let user_id = person.user_id();
        let account = Account::admitted(self.table.get(Account::key(user_id)).await?, person.payer())?;
        let login: Option<Login> = self.table.get(Login::key(&account.parsed_username()?)).await?;
        // The account may be deleted and its name registered again between the two reads.
        let login = login.filter(|login| login.user_id == user_id).ok_or(Closed::Gone)?;
        Ok((account, login))
    }

    /// The unexpired sessions of `epoch` among the `listed` ones, newest first. DynamoDB deletes expired items late.
    pub(super) async fn living(
        &self,
        user_id: UserId,
        epoch: u64,
        listed: &BTreeSet<SessionId>,
    ) -> Result<Vec<StoredSession>, StoreError> {
        let items = self.table.get_all(listed.iter().map(|id| Session::key(user_id, *id))).await?;
        let mut living = items.into_iter().map(from_item).collect::<Result<Vec<StoredSession>, StoreError>>()?;
        let now_seconds = self.clock.now().seconds();
        living.retain(|stored| stored.session.session_epoch == epoch && stored.session.expires_at > now_seconds);
        living.sort_unstable_by_key(|stored| Reverse(stored.id));
        Ok(living)
    }
}

fn summary(StoredSession { id, session }: StoredSession) -> SessionSummary {
    SessionSummary {
        id,
        created_at: session.created_at,
        last_used_at: Timestamp::from_seconds(session.last_used_at).to_string(),
        user_agent: session.user_agent,
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
