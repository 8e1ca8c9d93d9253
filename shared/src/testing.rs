//! A table for tests: the template's own, which nobody else uses.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use testkit::isolated_table::IsolatedTable;
use testkit::recorder::Recorder;
use testkit::template::Template;

use crate::accounts::{Accounts, Login};
use crate::attempts::{Attempt, Attempts};
use crate::aws::retry_configuration;
use crate::credits::Credits;
use crate::ids::{SessionId, TokenId, UserId};
use crate::jwt::{LoggedIn, RefreshTerms, Subject};
use crate::network::SourceNetwork;
use crate::password::PasswordHash;
use crate::sessions::{Opening, Sessions};
use crate::table::{Key, Table, number};
use crate::time::{Clock, Timestamp};
use crate::username::Username;
use std::time::Duration;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) struct TestTable {
    /// The table past the recorder.
    pub(crate) isolated: IsolatedTable,
    pub(crate) recorder: Recorder,
    pub(crate) table: Table,
    pub(crate) clock: Clock,
}

impl TestTable {
    pub(crate) async fn start() -> Self {
        let template = Template::of_workspace().unwrap();
        let isolated = IsolatedTable::create(&template).await;
        let recorder = Recorder::start(isolated.endpoint()).unwrap();
        let configuration = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(recorder.endpoint())
            .retry_config(retry_configuration())
            .build();
        let table = Table::new(Client::from_conf(configuration), isolated.name());
        Self { isolated, recorder, table, clock: Clock::manual(NOW) }
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

    /// Sets one attribute of an item behind the API's back.
    pub(crate) async fn set(&self, key: Key, attribute: &str, value: aws_sdk_dynamodb::types::AttributeValue) {
        self.table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(key.into_item()))
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .unwrap();
    }
}
