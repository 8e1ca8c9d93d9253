//! People for the tests of accounts, sessions and keys, on a table of their own.

use std::ops::Deref;
use std::time::Duration;

use domain::credits::Credits;
use domain::ids::{SessionId, TokenId, UserId};
use domain::message::FinishReason;
use domain::pricing::Usage;
use domain::source_network::SourceNetwork;
use domain::time::Timestamp;
use domain::username::Username;
use ledger::account::{Account, Epoch, Payer};
use ledger::entry::StoredReply;
use store::number;
pub(crate) use testkit::test_table::NOW;

use crate::accounts::{Accounts, Login};
use crate::attempts::{Attempt, Attempts};
use crate::jwt::{LoggedIn, RefreshTerms, Subject};
use crate::password_hash::PasswordHash;
use crate::sessions::{Opening, Sessions};
use crate::table::{Key, OwnedKeys as _};

/// Opens an account in its first epoch, without a login.
pub(crate) async fn open_account(test: &TestTable, username: &str, balance: u64) -> Payer {
    let user_id = UserId::new(&test.clock);
    let (username, balance) = (Username::parse(username).unwrap(), Credits::new(balance).unwrap());
    let items = Account::opening(&test.table, user_id, &username, balance, &test.clock).unwrap();
    let deadline = test.clock.now().plus(Duration::from_secs(28));
    test.table.transact(&user_id.to_string(), items.into(), &test.clock, deadline).await.unwrap();
    Payer::new(user_id, Epoch::OfSessions(Epoch::FIRST))
}

pub(crate) fn stored_reply(text: &str) -> StoredReply {
    let usage = Usage { input_tokens: 1, output_tokens: 2, estimated: false };
    StoredReply { text: text.to_owned(), model: "dummy".to_owned(), usage, finish_reason: FinishReason::Stop }
}

pub(crate) struct TestTable(testkit::test_table::TestTable);

impl Deref for TestTable {
    type Target = testkit::test_table::TestTable;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl TestTable {
    pub(crate) async fn start() -> Self {
        Self(testkit::test_table::TestTable::start().await)
    }

    pub(crate) fn accounts(&self) -> Accounts {
        Accounts::new(self.table.clone(), self.clock.clone())
    }

    pub(crate) fn attempts(&self) -> Attempts {
        Attempts::new(self.table.clone(), self.clock.clone())
    }

    /// An attempt at the password of `username` that no limit keeps back.
    pub(crate) fn attempt(&self, username: &Username) -> Attempt {
        Attempt::unrecorded(username, SourceNetwork::of_address("127.0.113.7"), self.clock.now())
    }

    /// Registers `username` and logs them in, without the cost of a password.
    pub(crate) async fn person(&self, username: &str, balance: u64) -> LoggedIn {
        let user_id = self.register(username, balance).await;
        self.subject(user_id).into()
    }

    pub(crate) async fn register(&self, username: &str, balance: u64) -> UserId {
        let username = Username::parse(username).unwrap();
        let hash: PasswordHash = serde_json::from_str("\"hash\"").unwrap();
        self.accounts()
            .register(&username, hash, Credits::new(balance).unwrap(), NOW.plus(Duration::from_secs(28)))
            .await
            .unwrap()
    }

    /// Begins a session of a minute for somebody who knew the password.
    pub(crate) async fn begin_session(&self, attempt: &Attempt, login: &Login) {
        let issued_at = self.clock.now();
        let expires_at = issued_at.plus(Duration::from_secs(60));
        let refresh = RefreshTerms { id: TokenId::new(&self.clock), issued_at, expires_at };
        let opening = Opening { attempt, login, renewed_hash: None, refresh, user_agent: None };
        let sessions = Sessions::new(self.table.clone(), self.clock.clone());
        sessions.begin(&opening, expires_at).await.unwrap();
    }

    pub(crate) fn subject(&self, user_id: UserId) -> Subject {
        Subject { user_id, session_id: SessionId::new(&self.clock), session_epoch: 1 }
    }

    /// Says that the session of `person` ends at `end`.
    pub(crate) async fn end_session_at(&self, person: &LoggedIn, end: Timestamp) {
        let key = Key::session(person.user_id(), person.session_id());
        self.set(key, "expires_at", number(end.seconds())).await;
    }
}
