//! People for the tests of identity, on a table of their own.

use std::ops::Deref;
use std::time::Duration;

use acts::ActOrigin;
use cloud::SecretSource;
use domain::credits::Credits;
use domain::ids::{SessionId, TokenId, UserId};
use domain::pricing::Usage;
use domain::source_network::SourceNetwork;
use domain::time::Timestamp;
use domain::username::Username;
use ledger::account::Account;
use ledger::authority::RecentAuthority;
use ledger::exchange::StoredReply;
use ledger::gate::Accepting;
use store::number;
use testkit::test_table::NOW;

use crate::accounts::Accounts;
use crate::error::ChangeError;
use crate::jwt::{LoggedIn, RefreshTerms, Signer, SigningSecretSource, Subject, TokenLifetimes};
use crate::login::{Login, Logins, ProvenLogin};
use crate::password_hash::PasswordHash;
use crate::sessions::{Opening, Session, Sessions};

pub(crate) fn stored_reply(text: &str) -> StoredReply {
    StoredReply::of_text(text, "dummy", Usage::counted(1, 2))
}

/// The proof of a password, without the cost of it.
pub(crate) fn proven(login: &Login) -> ProvenLogin {
    let username = Username::parse(&login.username).unwrap();
    ProvenLogin::unproven(login.clone(), &username, SourceNetwork::of_address("127.0.113.7"))
}

/// The authority of an operator.
pub(crate) fn an_operator() -> RecentAuthority {
    RecentAuthority::operator(ActOrigin::new(None, "a-request"))
}

/// A signer of tokens.
pub(crate) async fn a_signer(test: &TestPeople) -> Signer {
    let lifetimes = TokenLifetimes { access: Duration::from_secs(300), refresh: Duration::from_secs(86_400) };
    let secret = SecretSource::Value("x".repeat(SigningSecretSource::MIN_CHARACTERS).into());
    let source = SigningSecretSource::new(secret).unwrap();
    Signer::start(lifetimes, source, test.table.clone(), test.clock.clone()).await.unwrap()
}

impl Accounts {
    /// Deactivates an account, as an operator.
    pub(crate) async fn deactivate(
        &self,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ChangeError> {
        self.set_active(&username.clone().into(), false, None, an_operator().authority(), deadline).await
    }

    /// Activates an account, as an operator.
    pub(crate) async fn activate(
        &self,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ChangeError> {
        self.set_active(&username.clone().into(), true, None, an_operator().authority(), deadline).await
    }
}

pub(crate) struct TestPeople(testkit::test_table::TestTable);

impl Deref for TestPeople {
    type Target = testkit::test_table::TestTable;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl TestPeople {
    pub(crate) async fn start() -> Self {
        Self(testkit::test_table::TestTable::start().await)
    }

    pub(crate) fn accounts(&self) -> Accounts {
        Accounts::new(self.table.clone(), self.clock.clone())
    }

    pub(crate) fn logins(&self) -> Logins {
        Logins::new(self.table.clone(), self.clock.clone())
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
            .register(
                Accepting::unasked(),
                &username,
                hash,
                Credits::new(balance).unwrap(),
                NOW.plus(Duration::from_secs(28)),
            )
            .await
            .unwrap()
    }

    /// Begins a session of a minute for a person who has proved their password.
    pub(crate) async fn begin_session(&self, proven: &ProvenLogin) {
        let issued_at = self.clock.now();
        let expires_at = issued_at.plus(Duration::from_secs(60));
        let refresh = RefreshTerms { id: TokenId::new(&self.clock), issued_at, expires_at };
        let opening = Opening { proven, renewed_hash: None, refresh, user_agent: None };
        let sessions = Sessions::new(self.table.clone(), self.clock.clone());
        sessions.begin(&opening, expires_at).await.unwrap();
    }

    pub(crate) fn subject(&self, user_id: UserId) -> Subject {
        Subject { user_id, session_id: SessionId::new(&self.clock), session_epoch: 1 }
    }

    /// Makes an item that ends the session of `person` at `end`.
    pub(crate) async fn end_session_at(&self, person: &LoggedIn, end: Timestamp) {
        let key = Session::key(person.user_id(), person.session_id());
        self.set(key, "expires_at", number(end.seconds())).await;
    }
}
