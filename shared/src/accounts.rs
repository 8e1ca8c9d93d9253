//! Accounts: who has one, and what is in it.

mod activation;
mod deletion;
mod password_change;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

use domain::credits::Credits;
use domain::ids::{SessionId, UserId};
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use ledger::account::{Account, Epoch};
use serde::{Deserialize, Serialize};
use telemetry::invocation::identify;

use crate::callers::Caller;
use crate::error::ApiError;
use crate::password_hash::PasswordHash;
use crate::table::{Key, OwnedKeys as _, Table, cancellation_reasons, condition_failed, from_item, unavailable};

pub use deletion::Deletion;
pub use ledger::audit::DeletionProgress;
pub use password_change::PasswordChange;

/// How a name becomes a user: the login item.
#[derive(Debug, Serialize, Deserialize)]
pub struct Login {
    /// The user who has the name.
    pub user_id: UserId,
    /// The name as its owner wrote it.
    pub username: String,
    /// What their password is checked against.
    pub password_hash: PasswordHash,
    /// A copy of the account's, so that a login reads one item.
    pub session_epoch: u64,
    /// All sessions that live, and perhaps some that have ended: a bound on their number that costs
    /// a login no request of its own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub sessions: BTreeSet<SessionId>,
    /// From which networks this user logged in, and when last, in seconds since the Unix epoch.
    /// Read it with [`Login::trusts`].
    #[serde(default)]
    pub networks: BTreeMap<String, u64>,
}

/// The accounts in the table.
#[derive(Clone, Debug)]
pub struct Accounts {
    table: Table,
    clock: Clock,
}

impl Accounts {
    /// The accounts in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// Registers `username`, with `grant` credits to start with: one transaction that puts login,
    /// account and first ledger entry, or nothing.
    ///
    /// # Errors
    /// [`ApiError::UsernameTaken`], also if somebody takes it at this very moment.
    pub async fn register(
        &self,
        username: &Username,
        password_hash: PasswordHash,
        grant: Credits,
        deadline: Timestamp,
    ) -> Result<UserId, ApiError> {
        let user_id = UserId::new(&self.clock);
        let login = Login {
            user_id,
            username: username.as_str().to_owned(),
            password_hash,
            session_epoch: Epoch::FIRST,
            sessions: BTreeSet::new(),
            networks: BTreeMap::new(),
        };
        let [account, entry] = Account::opening(&self.table, user_id, username, grant, &self.clock)?;
        let items = vec![self.table.put_new(Key::login(username).with(&login)?)?, account, entry];
        let Err(error) = self.table.transact(&user_id.to_string(), items, &self.clock, deadline).await else {
            identify(user_id);
            return Ok(user_id);
        };
        let Some([login, ..]) = cancellation_reasons(&error) else {
            return Err(unavailable(error));
        };
        if !condition_failed(login) {
            return Err(unavailable(error));
        }
        // An attempt whose answer was lost may have registered the name for this very request.
        let owner = login.item().cloned().map(from_item::<Login>).transpose()?;
        if owner.is_some_and(|owner| owner.user_id == user_id) {
            return Ok(user_id);
        }
        Err(ApiError::UsernameTaken)
    }

    /// Who has the name `username`, if anybody.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the table cannot be read.
    pub async fn find_login(&self, username: &Username) -> Result<Option<Login>, ApiError> {
        Ok(self.table.get(Key::login(username)).await?)
    }

    /// The account of whoever sends a request.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if it is gone or the token's epoch has passed,
    /// [`ApiError::UserInactive`] if it is deactivated.
    pub async fn read(&self, caller: impl Into<Caller>) -> Result<Account, ApiError> {
        let caller = caller.into();
        let account = self.table.get(Account::key(caller.user_id())).await?;
        Ok(Account::admitted(account, caller.payer())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, TestTable};
    use aws_sdk_dynamodb::types::AttributeValue;
    use testkit::recorder::Fault;

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    fn hash() -> PasswordHash {
        serde_json::from_str("\"hash\"").unwrap()
    }

    #[tokio::test]
    async fn a_new_account_has_its_grant_and_an_entry_that_explains_it() {
        let test = TestTable::start().await;
        let ada = test.person("Ada", 100).await;
        let account = test.accounts().read(&ada).await.unwrap();
        assert_eq!(account.username, "Ada");
        assert_eq!(account.balance, Credits::new(100).unwrap());
        assert_eq!(account.created_at, NOW.to_string());
        let put = &test.recorder.requests()[0];
        assert_eq!(put.operation, "TransactWriteItems");
        let entry = &put.body["TransactItems"][2]["Put"]["Item"];
        assert_eq!(entry["kind"]["S"], "grant");
        assert_eq!(entry["amount"]["N"], "100");
    }

    #[tokio::test]
    async fn a_name_is_found_by_any_way_to_write_it() {
        let test = TestTable::start().await;
        let user_id = test.register("Straße", 1).await;
        let login = test.accounts().find_login(&name("STRASSE")).await.unwrap().unwrap();
        assert_eq!(login.user_id, user_id);
        assert_eq!(login.username, "Straße");
        assert!(test.accounts().find_login(&name("strase")).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_name_is_taken_once_however_many_want_it_at_the_same_moment() {
        let test = TestTable::start().await;
        let accounts = test.accounts();
        let names = ["bob", "Bob", "BOB", "bOb", "boB"].map(name);
        let attempts = names.iter().map(|name| accounts.register(name, hash(), Credits::ZERO, NOW));
        let outcomes = futures_util::future::join_all(attempts).await;
        let (taken, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(taken.len(), 1);
        assert!(refused.iter().all(|outcome| matches!(outcome, Err(ApiError::UsernameTaken))));
    }

    #[tokio::test]
    async fn a_registration_that_collides_with_another_write_is_repeated() {
        let test = TestTable::start().await;
        test.recorder.fail_next("TransactWriteItems", Fault::Conflict, 2);
        test.register("bob", 1).await;
        assert_eq!(test.recorder.requests().len(), 3);
    }

    #[tokio::test]
    async fn a_registration_whose_answer_was_lost_is_not_taken_for_somebody_elses() {
        let test = TestTable::start().await;
        test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
        test.register("bob", 1).await;
        assert!(matches!(
            test.accounts().register(&name("bob"), hash(), Credits::ZERO, NOW).await,
            Err(ApiError::UsernameTaken)
        ));
    }

    #[tokio::test]
    async fn an_account_is_closed_to_tokens_of_an_earlier_epoch_and_when_it_is_inactive() {
        let test = TestTable::start().await;
        let ada = test.person("ada", 1).await;
        let key = || Key::account(ada.user_id());
        test.set(key(), "session_epoch", AttributeValue::N("2".to_owned())).await;
        assert!(matches!(test.accounts().read(&ada).await, Err(ApiError::TokenNotValid(_))));
        test.set(key(), "status", AttributeValue::S("inactive".to_owned())).await;
        assert!(matches!(test.accounts().read(&ada).await, Err(ApiError::UserInactive)));
    }

    #[tokio::test]
    async fn nobody_reads_an_account_that_is_gone() {
        let test = TestTable::start().await;
        let nobody = test.subject(UserId::new(&test.clock)).into();
        assert!(matches!(test.accounts().read(&nobody).await, Err(ApiError::TokenNotValid(_))));
    }
}
