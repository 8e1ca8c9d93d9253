//! The embedded `DynamoDB`: dynoxide served over HTTP on the loopback address, with the template's table in it.

mod table;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dynoxide::{Database, DynoxideError};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::background;
use crate::template::Template;

/// The file that keeps the data, inside the folder of [`Storage::Directory`].
pub const FILE_NAME: &str = "chat-api.db";

/// The file that a program locks while it has the data open. It is another file than the data's: the database locks that
/// one in another way, and loses its locks when anybody in the process closes it.
const LOCK_FILE_NAME: &str = "chat-api.db.lock";

/// Time for requests under way: a request that hangs must not delay the end of the program.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The place of the items.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In memory: the items are lost when the server stops.
    Memory,
    /// In the file [`FILE_NAME`] of this folder, which is created if it does not exist.
    Directory(PathBuf),
}

/// A running `DynamoDB`; dropping it stops it.
pub struct DynamoDb {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<Result<(), String>>>,
    /// Held as long as the data is open.
    _lock: Option<File>,
}

/// Why the embedded `DynamoDB` did not start, as a sentence.
#[derive(Debug, Error)]
pub enum DynamoDbError {
    /// Another program listens there.
    #[error("Port {port} for DynamoDB is in use; choose another with --dynamodb-port.")]
    PortInUse {
        /// The port asked for.
        port: u16,
    },
    /// The port cannot be opened for another reason.
    #[error("Port {port} for DynamoDB cannot be opened: {source}; choose another with --dynamodb-port.")]
    PortRefused {
        /// The port asked for.
        port: u16,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The data's folder cannot be created, or not be written to.
    #[error("The folder {} for DynamoDB's data cannot be used: {source}.", .path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The data's file cannot be opened.
    #[error("DynamoDB's data in {place} cannot be opened: {source}.")]
    NoDatabase {
        /// The file, or memory.
        place: String,
        /// The error of dynoxide.
        source: DynoxideError,
    },
    /// Another process has the data open: two databases over one file would not see each other's writes in time.
    #[error("DynamoDB's data in {place} is in use by another process; name its port with --dynamodb-port.")]
    InUse {
        /// The file.
        place: String,
    },
    /// The template has a table that dynoxide does not accept.
    #[error("DynamoDB refuses the table of the template: {reason}.")]
    TableRefused {
        /// The error of dynoxide.
        reason: String,
    },
    /// The data was written under another template.
    #[error(
        "The table {table_name} in {place} has other keys than template.yaml; delete that file, or keep \
         the new data elsewhere with --data."
    )]
    TableDiffers {
        /// The table.
        table_name: String,
        /// The file, or memory.
        place: String,
    },
}

impl DynamoDbError {
    /// The error for a port that could not be opened.
    #[must_use]
    pub fn of_port(port: u16, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse { port },
            _ => Self::PortRefused { port, source },
        }
    }
}

impl DynamoDb {
    /// Starts the server on 127.0.0.1 (port 0: any free one) and makes sure that the template's table exists, with
    /// its time to live on.
    ///
    /// # Errors
    /// The port is taken, the data cannot be opened, or its table is not the template's.
    pub async fn start(
        storage: Storage,
        port: u16,
        table_name: &str,
        template: &Template,
    ) -> Result<Self, DynamoDbError> {
        // Before the data is opened: an earlier start of this program may have both the port and the data.
        let (listener, port) = background::listen(port).map_err(|source| DynamoDbError::of_port(port, source))?;
        let table_name = table_name.to_owned();
        let template = template.clone();
        let prepared = background::handle().spawn_blocking(move || {
            let Opened { database, place, lock } = open(&storage)?;
            table::ensure(&database, &table_name, &template, &place)?;
            Ok((database, lock))
        });
        let (database, lock) = prepared.await.unwrap_or_else(|error| Err(refused(&error)))?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            // An error means that the sender was dropped, which stops the server too.
            let _ = stopped.await;
        };
        let serving = dynoxide::server::serve_with_shutdown(listener, database, shutdown);
        let server = background::handle().spawn(serving);
        Ok(Self { port, stop: Some(stop), server: Some(server), _lock: lock })
    }

    /// The address for `AWS_ENDPOINT_URL_DYNAMODB`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Stops the server after the requests under way, waiting a few seconds for them at most.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            let abort = server.abort_handle();
            if tokio::time::timeout(STOP_LIMIT, server).await.is_err() {
                abort.abort();
            }
        }
    }
}

/// A database, with the lock on its file.
struct Opened {
    database: Database,
    /// The file, or memory.
    place: String,
    lock: Option<File>,
}

fn open(storage: &Storage) -> Result<Opened, DynamoDbError> {
    let (opened, place, lock) = match storage {
        Storage::Memory => (Database::memory(), "memory".to_owned(), None),
        Storage::Directory(folder) => {
            let lock = lock(create_folder(folder)?)?;
            let file = folder.join(FILE_NAME).display().to_string();
            (Database::new(&file), file, Some(lock))
        }
    };
    match opened {
        Ok(database) => Ok(Opened { database, place, lock }),
        Err(source) => Err(DynamoDbError::NoDatabase { place, source }),
    }
}

/// Locks the data in `folder` until the file is closed, also by the end of the process.
fn lock(folder: &Path) -> Result<File, DynamoDbError> {
    let refused = |source| DynamoDbError::NoFolder { path: folder.to_owned(), source };
    let file = File::create(folder.join(LOCK_FILE_NAME)).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(DynamoDbError::InUse { place: folder.join(FILE_NAME).display().to_string() })
        }
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

fn create_folder(folder: &Path) -> Result<&Path, DynamoDbError> {
    match fs::create_dir_all(folder) {
        Ok(()) => Ok(folder),
        Err(source) => Err(DynamoDbError::NoFolder { path: folder.to_owned(), source }),
    }
}

fn refused(reason: &impl ToString) -> DynamoDbError {
    DynamoDbError::TableRefused { reason: reason.to_string().trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    const TABLE: &str = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: sk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
";

    fn template(text: &str) -> Template {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("template.yaml");
        fs::write(&path, text).unwrap();
        Template::load(&path).unwrap()
    }

    async fn start(storage: Storage, port: u16) -> Result<DynamoDb, DynamoDbError> {
        DynamoDb::start(storage, port, "chat-api", &template(TABLE)).await
    }

    /// By hand: an HTTP client would bring TLS into the launcher, which is built as tests are.
    async fn call(dynamodb: &DynamoDb, operation: &str, body: Value) -> (u16, Value) {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\n\
             Host: 127.0.0.1\r\n\
             Connection: close\r\n\
             Content-Type: application/x-amz-json-1.0\r\n\
             Content-Length: {}\r\n\
             X-Amz-Target: DynamoDB_20120810.{operation}\r\n\
             X-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        );
        let mut connection = TcpStream::connect(("127.0.0.1", dynamodb.port)).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    #[tokio::test]
    async fn it_serves_the_table_of_the_template_with_its_time_to_live() {
        let dynamodb = start(Storage::Memory, 0).await.unwrap();
        let (status, table) = call(&dynamodb, "DescribeTable", json!({"TableName": "chat-api"})).await;
        assert_eq!(status, 200, "{table}");
        assert_eq!(table["Table"]["KeySchema"][1], json!({"AttributeName": "sk", "KeyType": "RANGE"}));
        let (_, time_to_live) = call(&dynamodb, "DescribeTimeToLive", json!({"TableName": "chat-api"})).await;
        let expected = json!({"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"});
        assert_eq!(time_to_live["TimeToLiveDescription"], expected);
    }

    #[tokio::test]
    async fn a_restart_on_the_same_folder_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::Directory(folder.path().join("new/folder"));
        let first = start(storage.clone(), 0).await.unwrap();
        let item = json!({"pk": {"S": "USER#1"}, "sk": {"S": "ACCOUNT"}});
        let (status, _) = call(&first, "PutItem", json!({"TableName": "chat-api", "Item": item})).await;
        assert_eq!(status, 200);
        first.stop().await;

        let second = start(storage, 0).await.unwrap();
        let (_, found) = call(&second, "GetItem", json!({"TableName": "chat-api", "Key": item})).await;
        assert_eq!(found["Item"], item);
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_together_with_the_flag_that_changes_it() {
        let first = start(Storage::Memory, 0).await.unwrap();
        let error = start(Storage::Memory, first.port).await.err().unwrap().to_string();
        assert_eq!(error, format!("Port {} for DynamoDB is in use; choose another with --dynamodb-port.", first.port));
    }

    #[tokio::test]
    async fn dropping_it_frees_the_port() {
        let first = start(Storage::Memory, 0).await.unwrap();
        let port = first.port;
        drop(first);
        let start_again = async {
            while start(Storage::Memory, port).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), start_again).await.unwrap();
    }

    #[tokio::test]
    async fn data_of_another_template_is_refused_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::Directory(folder.path().to_owned());
        start(storage.clone(), 0).await.unwrap().stop().await;
        let other = template(&TABLE.replace("pk", "id"));
        let error = DynamoDb::start(storage, 0, "chat-api", &other).await.err().unwrap().to_string();
        assert!(error.starts_with("The table chat-api in "), "{error}");
        assert!(error.contains("chat-api.db has other keys than template.yaml; delete that file"), "{error}");
    }

    /// The template with a global index of this projection.
    fn with_index(projection: &str) -> Template {
        let by_kind = "KeySchema: [{AttributeName: kind, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]";
        let index = format!(
            "      GlobalSecondaryIndexes: [{{IndexName: by_kind, {by_kind}, Projection: {{{projection}}}}}]\n"
        );
        let kind = "AttributeDefinitions: [{AttributeName: kind, AttributeType: S}, ";
        template(&format!("{}{index}", TABLE.replace("AttributeDefinitions: [", kind)))
    }

    async fn start_with(storage: &Storage, projection: &str) -> DynamoDb {
        DynamoDb::start(storage.clone(), 0, "chat-api", &with_index(projection)).await.unwrap()
    }

    async fn listed(dynamodb: &DynamoDb) -> Value {
        let query = json!({
            "TableName": "chat-api", "IndexName": "by_kind", "KeyConditionExpression": "kind = :kind",
            "ExpressionAttributeValues": {":kind": {"S": "user"}},
        });
        let (status, answer) = call(dynamodb, "Query", query).await;
        assert_eq!(status, 200, "{answer}");
        answer["Items"].clone()
    }

    #[tokio::test]
    async fn an_index_that_another_release_made_otherwise_is_made_again_of_the_items_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::Directory(folder.path().to_owned());
        let without = start(storage.clone(), 0).await.unwrap();
        let keys =
            |number: usize| json!({"pk": {"S": "USER#1"}, "sk": {"S": number.to_string()}, "kind": {"S": "user"}});
        let item = |number: usize| {
            let mut item = keys(number);
            item["name"] = json!({"S": "ada"});
            item["secret"] = json!({"S": "hash"});
            item
        };
        for number in 0..3 {
            let (status, _) = call(&without, "PutItem", json!({"TableName": "chat-api", "Item": item(number)})).await;
            assert_eq!(status, 200);
        }
        without.stop().await;
        let names = |number: usize| {
            let mut item = item(number);
            item.as_object_mut().unwrap().remove("secret");
            item
        };
        let include = "ProjectionType: INCLUDE, NonKeyAttributes: [name, status]";
        let other_order = "ProjectionType: INCLUDE, NonKeyAttributes: [status, name]";
        for (projection, shown) in [
            ("ProjectionType: KEYS_ONLY", [0, 1, 2].map(keys)),
            (include, [0, 1, 2].map(names)),
            (other_order, [0, 1, 2].map(names)),
            ("ProjectionType: ALL", [0, 1, 2].map(item)),
        ] {
            let dynamodb = start_with(&storage, projection).await;
            assert_eq!(listed(&dynamodb).await, json!(shown), "{projection}");
            dynamodb.stop().await;
        }
        // The index has an item that is written later too. An index that the template has no more is gone.
        let dynamodb = start_with(&storage, include).await;
        call(&dynamodb, "PutItem", json!({"TableName": "chat-api", "Item": item(3)})).await;
        assert_eq!(listed(&dynamodb).await, json!([0, 1, 2, 3].map(names)));
        dynamodb.stop().await;
        let without = start(storage, 0).await.unwrap();
        let (_, table) = call(&without, "DescribeTable", json!({"TableName": "chat-api"})).await;
        assert_eq!(table["Table"]["GlobalSecondaryIndexes"], Value::Null);
        let (_, found) = call(
            &without,
            "GetItem",
            json!({"TableName": "chat-api", "Key": {"pk": {"S": "USER#1"}, "sk": {"S": "3"}}}),
        )
        .await;
        assert_eq!(found["Item"], item(3));
    }

    #[tokio::test]
    async fn a_renamed_time_to_live_attribute_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::Directory(folder.path().to_owned());
        start(storage.clone(), 0).await.unwrap().stop().await;
        let renamed = template(&TABLE.replace("expires_at", "forgotten_at"));
        let dynamodb = DynamoDb::start(storage, 0, "chat-api", &renamed).await.unwrap();
        let (_, time_to_live) = call(&dynamodb, "DescribeTimeToLive", json!({"TableName": "chat-api"})).await;
        assert_eq!(time_to_live["TimeToLiveDescription"]["AttributeName"], "forgotten_at");
    }

    #[tokio::test]
    async fn a_table_that_dynamodb_would_refuse_is_refused() {
        let broken = template(&TABLE.replace("BillingMode: PAY_PER_REQUEST", "BillingMode: FREE"));
        let error = DynamoDb::start(Storage::Memory, 0, "chat-api", &broken).await.err().unwrap().to_string();
        assert!(error.starts_with("DynamoDB refuses the table of the template: "), "{error}");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_created_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = start(Storage::Directory(file.join("data")), 0).await.err().unwrap().to_string();
        assert!(error.starts_with("The folder ") && error.contains("file/data"), "{error}");
    }
}
