//! A typed table for the tests of one crate: the template's own, which nobody else uses, and a clock that stands still.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use cloud::{KeptConnections, retry_configuration};
use domain::time::{Clock, Timestamp};
use local::template::Template;
use store::{Key, Table};
use tokio_rustls::rustls::RootCertStore;

use crate::isolated_table::IsolatedTable;
use crate::late_index::DirectoryImage;
use crate::recorder::Recorder;

/// The time at which every test begins.
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A table with a recorder before it.
pub struct TestTable {
    /// The table past the recorder.
    pub isolated: IsolatedTable,
    /// The requests, and the faults that they meet.
    pub recorder: Recorder,
    /// The table as the code under test sees it.
    pub table: Table,
    /// A clock that shows [`NOW`] until the test moves it.
    pub clock: Clock,
}

impl TestTable {
    /// Creates an empty table.
    ///
    /// # Panics
    /// The template is broken, or no port can be opened.
    pub async fn start() -> Self {
        let template = Template::of_workspace().unwrap_or_else(|error| panic!("{error}"));
        let isolated = IsolatedTable::create(template).await;
        let recorder = Recorder::start(isolated.endpoint());
        let recorder = recorder.unwrap_or_else(|error| panic!("No recorder before DynamoDB: {error}"));
        let table = table_at(&recorder.endpoint(), isolated.name());
        Self { isolated, recorder, table, clock: Clock::manual(NOW) }
    }

    /// All that the index `directory` has now.
    ///
    /// # Panics
    /// `DynamoDB` refuses the query.
    pub async fn directory(&self) -> DirectoryImage {
        let answer = self.isolated.call("Query", &DirectoryImage::request(self.isolated.name())).await;
        DirectoryImage::of(&answer.unwrap_or_else(|error| panic!("The directory cannot be read: {error}")))
    }

    /// Sets one attribute of an item, past the code under test.
    ///
    /// # Panics
    /// `DynamoDB` refuses it.
    pub async fn set(&self, key: Key, attribute: &str, value: AttributeValue) {
        let update = self.table.client().update_item().table_name(self.table.name());
        let updated = update
            .set_key(Some(key.into_item()))
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value)
            .send()
            .await;
        updated.unwrap_or_else(|error| panic!("The attribute cannot be set: {error}"));
    }
}

/// The table `name` at `endpoint`, by the HTTP client of the functions. The SDK's own would be linked into them too: `sam build`
/// compiles all packages of the workspace with one set of features.
///
/// # Panics
/// TLS cannot be set up.
#[must_use]
pub fn table_at(endpoint: &str, name: &str) -> Table {
    let http_client = cloud::http_client(RootCertStore::empty(), KeptConnections::ALL);
    let configuration = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(endpoint)
        .retry_config(retry_configuration())
        .http_client(http_client.unwrap_or_else(|error| panic!("No HTTP client: {error}")))
        .build();
    Table::new(Client::from_conf(configuration), name)
}
