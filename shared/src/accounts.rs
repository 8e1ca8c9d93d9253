//! Accounts: who has one, and what is in it.

mod activation;
mod deletion;
mod epoch;
mod password_change;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, TransactWriteItem};
use serde::{Deserialize, Serialize};

use crate::callers::Caller;
use crate::credits::Credits;
use crate::error::{ApiError, Cause};
use crate::ids::{EntryId, SessionId, UserId};
use crate::invocation::identify;
use crate::jwt::LoggedIn;
use crate::ledger::{Entry, Holds, sums};
use crate::password::PasswordHash;
use crate::table::{
    Key, Table, cancellation_reasons, condition_failed, from_item, number, transact_check, unavailable,
};
use crate::time::{Clock, Timestamp};
use crate::username::Username;

pub use deletion::{Deletion, Progress};
pub(crate) use epoch::Epoch;
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

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It may.
    Active,
    /// It may not, until an operator says so.
    Inactive,
    /// It may not, and what it has is being deleted.
    Deleting,
}

impl Status {
    /// The word in the table.
    pub(crate) const ACTIVE: &str = "active";

    /// The word in the table while everything is being deleted.
    pub(crate) const DELETING: &str = "deleting";

    /// The word in the table, of any.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Active => Self::ACTIVE,
            Self::Inactive => "inactive",
            Self::Deleting => Self::DELETING,
        }
    }
}

/// What a user has: the account item.
#[derive(Debug, Serialize, Deserialize)]
pub struct Account {
    /// The name as its owner wrote it.
    pub username: String,
    /// What can be spent. Never negative.
    pub balance: Credits,
    /// Credits set aside for messages that are being answered.
    pub holds: Holds,
    /// Whether the account may be used.
    pub status: Status,
    /// Tokens of an earlier epoch are worthless.
    pub session_epoch: u64,
    /// API keys of an earlier epoch are worthless.
    pub api_key_epoch: u64,
    /// Counts the changes of balance and holds.
    pub version: u64,
    /// When it was registered, in RFC 3339.
    pub created_at: String,
    /// When its deletion began, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_began_at: Option<u64>,
}

impl Account {
    /// What can be spent at `now`, and what is held: a hold that has expired can be spent, also
    /// while it is still there.
    #[must_use]
    pub fn spendable_and_held(&self, now: Timestamp) -> (Credits, Credits) {
        let (returning, held) = sums(&self.holds, now);
        (self.balance.saturating_plus(returning), held)
    }

    /// The name that leads to its login.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the table holds something that is no name.
    pub fn parsed_username(&self) -> Result<Username, ApiError> {
        Username::parse(&self.username)
            .map_err(|_| ApiError::Internal(Cause::because("an account has a name that is none")))
    }

    /// Whether what was made in `epoch` still opens this account.
    ///
    /// # Errors
    /// [`ApiError::UserInactive`], or [`ApiError::TokenNotValid`] after the epoch was raised.
    pub(crate) fn admit(&self, epoch: Epoch) -> Result<(), ApiError> {
        match self.status {
            Status::Active => {}
            Status::Inactive => return Err(ApiError::UserInactive),
            Status::Deleting => return Err(ApiError::TokenNotValid("the account is being deleted")),
        }
        match epoch {
            Epoch::OfSessions(number) if number != self.session_epoch => {
                Err(ApiError::TokenNotValid("the session's epoch has passed"))
            }
            Epoch::OfApiKeys(number) if number != self.api_key_epoch => {
                Err(ApiError::TokenNotValid("the API key's epoch has passed"))
            }
            _ => Ok(()),
        }
    }
}

/// The part of a transaction that checks that an account is open to what was made in `epoch`.
pub(crate) fn check_open(table: &Table, user_id: UserId, epoch: Epoch) -> Result<TransactWriteItem, ApiError> {
    transact_check(
        table
            .checking(Key::account(user_id))
            .condition_expression("#status = :active AND #epoch = :epoch")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#epoch", epoch.attribute())
            .expression_attribute_values(":active", AttributeValue::S(Status::ACTIVE.to_owned()))
            .expression_attribute_values(":epoch", number(epoch.number())),
    )
}

/// Why an account is not open to the person any more, by what a transaction's condition on it showed.
pub(crate) fn refusal(person: &LoggedIn, account: &CancellationReason) -> Result<ApiError, ApiError> {
    let account: Option<Account> = account.item().cloned().map(from_item).transpose()?;
    let account = account.ok_or(ApiError::TokenNotValid("the account is gone"))?;
    let unexplained = || ApiError::Internal(Cause::because("an account that is open was refused"));
    Ok(account.admit(Epoch::OfSessions(person.session_epoch())).err().unwrap_or_else(unexplained))
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
        let entry_id = EntryId::new(&self.clock);
        let created_at = self.clock.now().to_string();
        let login = Login {
            user_id,
            username: username.as_str().to_owned(),
            password_hash,
            session_epoch: Epoch::FIRST,
            sessions: BTreeSet::new(),
            networks: BTreeMap::new(),
        };
        let account = Account {
            username: username.as_str().to_owned(),
            balance: grant,
            holds: Holds::new(),
            status: Status::Active,
            session_epoch: Epoch::FIRST,
            api_key_epoch: Epoch::FIRST,
            version: 0,
            created_at: created_at.clone(),
            deletion_began_at: None,
        };
        let entry = Entry::starting_grant(grant, created_at);
        let items = vec![
            self.table.put_new(Key::login(username).with(&login)?)?,
            self.table.put_new(Key::account(user_id).with(&account)?)?,
            self.table.put_new(Key::entry(user_id, entry_id).with(&entry)?)?,
        ];
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
        self.table.get(Key::login(username)).await
    }

    /// The account of whoever sends a request.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if it is gone or the token's epoch has passed,
    /// [`ApiError::UserInactive`] if it is deactivated.
    pub async fn read(&self, caller: impl Into<Caller>) -> Result<Account, ApiError> {
        let caller = caller.into();
        let account: Account = self
            .table
            .get(Key::account(caller.user_id()))
            .await?
            .ok_or(ApiError::TokenNotValid("the account is gone"))?;
        account.admit(caller.epoch())?;
        Ok(account)
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
