//! A world for one test: a table, the functions, and people who have accounts.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::acts::ActOrigin;
use shared::domain::credits::Credits;
use shared::domain::ids::ApiKeyId;
use shared::domain::password::Password;
use shared::domain::source_network::SourceNetwork;
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::identity::IdentityError;
use shared::identity::accounts::{AccountChange, Accounts};
use shared::identity::api_keys::ApiKey;
use shared::identity::attempts::ATTEMPTS_OF_STRANGERS;
use shared::identity::code_guesses::CodeGuesses;
use shared::identity::jwt::{RefreshTerms, Signer, Subject};
use shared::identity::login::{Logins, ProvenLogin};
use shared::identity::password_hash::PasswordHash;
use shared::identity::registrations::Registrations;
use shared::identity::sessions::{Opening, Sessions};
use shared::ledger::authority::RecentAuthority;
use shared::ledger::gate::Accepting;
use shared::ledger::vouchers::{
    BatchTerms, NewBatch, VoucherAmount, VoucherCount, VoucherExpiry, VoucherKind, VoucherNote, VoucherUses, Vouchers,
};
use shared::providers::stored_catalogue::{CatalogueKeeper, Replaced};
use shared::settings::{Settings, SigningSettings};
use store::Table;
use testkit::gateway::{Request, Response};
use testkit::isolated_table::IsolatedTable;
use testkit::people;
use testkit::recorder::Fault;
use testkit::runtime_api::Function;
use testkit::stack::{JWT_SIGNING_SECRET, Stack};
use testkit::test_table::table_at;

pub use testkit::people::{MadeApiKey, PASSWORD, Tokens};

pub use crate::binaries::binary;
use crate::requests;

/// The address of every client, unless a test gives another.
const HOME: &str = "127.0.0.1";

/// Hashed once for all tests, since hashing is slow on purpose.
static PASSWORD_HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| PasswordHash::of(&Password::parse(PASSWORD).unwrap()).unwrap());

pub struct World {
    pub stack: Stack,
    table: Table,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let stack = Stack::start(binary, settings).await;
        let table = table_behind(stack.table());
        Self { stack, table }
    }

    /// A world in which Ada has `credits` and is logged in.
    pub async fn with_ada(credits: u64, settings: &[(&str, &str)]) -> (Self, Tokens) {
        let world = Self::start_with(settings).await;
        world.register("ada", credits).await;
        let ada = world.log_in("ada").await;
        (world, ada)
    }

    /// Gives `username` an account, past the endpoint and without the cost of hashing.
    pub async fn register(&self, username: &str, credits: u64) {
        let accounts = Accounts::new(self.table.clone(), Clock::system());
        let credits = Credits::new(credits).unwrap();
        accounts.register(Accepting::unasked(), &name(username), PASSWORD_HASH.clone(), credits, soon()).await.unwrap();
    }

    /// Waits until a function has asked the table for `operation`.
    pub async fn until_asked(&self, operation: &str) {
        while self.stack.recorder().requests().iter().all(|request| request.operation != operation) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends `request`, whose write collides for about a second. `meanwhile` runs in that second, after all that the request reads.
    pub async fn send_while<T>(&self, request: Request, meanwhile: impl Future<Output = T>) -> (Response, T) {
        let recorder = self.stack.recorder();
        recorder.clear();
        recorder.fail_next("TransactWriteItems", Fault::Conflict, 6);
        let meanwhile = async {
            self.until_asked("TransactWriteItems").await;
            meanwhile.await
        };
        let sent = tokio::join!(self.stack.send(request), meanwhile);
        recorder.forget_faults();
        sent
    }

    /// Makes `username` staff, or no staff, past the operator's function.
    pub async fn set_staff(&self, username: &str, staff: bool) {
        let accounts = Accounts::new(self.table.clone(), Clock::system());
        let change = AccountChange { staff: Some(staff), ..AccountChange::default() };
        accounts.change(&name(username).into(), change, None, &an_operator(), soon()).await.unwrap();
    }

    /// Makes one code of a voucher of `amount` credits, or of an invitation, past the endpoint.
    pub async fn make_code(&self, kind: VoucherKind, amount: u64, uses: u32) -> String {
        self.make_batch(kind, amount, uses).await.1
    }

    /// The same, with the id of the batch.
    pub async fn make_batch(&self, kind: VoucherKind, amount: u64, uses: u32) -> (String, String) {
        let vouchers = Vouchers::new(self.table.clone(), Clock::system());
        let terms = BatchTerms {
            kind,
            amount: VoucherAmount::try_from(json!(amount)).unwrap(),
            count: VoucherCount::default(),
            uses: VoucherUses::try_from(json!(uses)).unwrap(),
            expiry: VoucherExpiry::default(),
            note: VoucherNote::default(),
        };
        let new = NewBatch::new(terms, Credits::MAX, Clock::system().now()).unwrap();
        let made = vouchers.make(&new, &an_operator(), soon()).await.unwrap();
        (made.id.to_string(), made.codes[0].written())
    }

    /// Makes as many guesses at codes from `address` as a network may make in this hour, and in the next one, which may begin
    /// during the test.
    pub async fn guess_codes(&self, address: &str) {
        let clock = Clock::manual(Clock::system().now());
        for _ in 0..2 {
            let guesses = CodeGuesses::new(self.table.clone(), clock.clone());
            while guesses.count(SourceNetwork::of_address(address), soon()).await.is_ok() {}
            clock.advance(Duration::from_secs(3600));
        }
    }

    /// Gives `username` an account that is staff, and logs in.
    pub async fn superuser(&self, username: &str) -> Tokens {
        self.register(username, 0).await;
        self.set_staff(username, true).await;
        self.log_in(username).await
    }

    /// A token of a superuser, for tests that go to all paths: nobody else learns which methods a path of the admin API has.
    pub async fn token_for_all_paths(&self) -> String {
        self.superuser("ruth").await.access
    }

    /// Logs `username` in, past the endpoint and without the cost of hashing.
    pub async fn log_in(&self, username: &str) -> Tokens {
        self.log_in_at(username, Clock::system(), JWT_SIGNING_SECRET).await
    }

    /// Logs `username` in at the time of `clock`, with tokens that `secret` signs.
    pub async fn log_in_at(&self, username: &str, clock: Clock, secret: &str) -> Tokens {
        let logins = Logins::new(self.table.clone(), clock.clone());
        let home = SourceNetwork::of_address(HOME);
        let login = logins.find(&name(username)).await.unwrap().unwrap();
        let proven = ProvenLogin::unproven(login, &name(username), home);
        let login = proven.login();
        let signer = signer(self.table.clone(), clock.clone(), secret).await;
        let refresh = signer.new_refresh_terms();
        let sessions = Sessions::new(self.table.clone(), clock);
        let opening = Opening { proven: &proven, renewed_hash: None, refresh, user_agent: None };
        let session_id = sessions.begin(&opening, soon()).await.unwrap();
        let subject = Subject { user_id: login.user_id, session_id, session_epoch: login.session_epoch };
        tokens(&signer, subject, refresh).await
    }

    /// Makes an API key through the endpoint, for the user of the access token.
    pub async fn make_api_key(&self, access: &str) -> MadeApiKey {
        people::make_api_key(&self.stack, access).await
    }

    /// Fills the list of a user who has made one API key, past the API: each key takes a hash of the password there. The
    /// second key may make two requests a minute, the third three, and so on.
    pub async fn fill_key_list(&self, username: &str, number: usize) {
        let table = self.stack.table();
        let items = table.items().await;
        let is_account = |item: &&Value| item["username"]["S"] == username && item["sk"]["S"] == "ACCOUNT";
        let partition = &items.iter().find(is_account).unwrap()["pk"];
        let is_list = |item: &&Value| item["pk"] == *partition && item["sk"]["S"] == "APIKEYS";
        let mut list = items.iter().find(is_list).unwrap().clone();
        let keys = list["api_keys"]["M"].as_object_mut().unwrap();
        let listed = keys.values().next().unwrap().clone();
        let partition = format!("APIKEY#{}", listed["M"]["digest"]["S"].as_str().unwrap());
        let stored = items.iter().find(|item| item["pk"]["S"] == partition).unwrap();
        let put = async |item: &Value| {
            table.call("PutItem", &json!({"TableName": table.name(), "Item": item})).await.unwrap();
        };
        while keys.len() < number {
            let id = ApiKeyId::new(&Clock::system()).to_string();
            // Of the length of a digest.
            let digest = format!("{id:A<43}");
            let (mut listed, mut stored) = (listed.clone(), stored.clone());
            listed["M"]["digest"] = json!({"S": digest});
            stored["pk"] = json!({"S": format!("APIKEY#{digest}")});
            stored["id"] = json!({"S": id});
            keys.insert(id, listed);
            stored["limits"] = json!({"M": {"requests_per_minute": {"N": keys.len().to_string()}}});
            put(&stored).await;
        }
        put(&list).await;
    }

    /// Lets an API key expire now, past the API.
    pub async fn expire(&self, api_key: &MadeApiKey) {
        let digest = ApiKey::parse(&api_key.key).unwrap().digest();
        let update = json!({
            "TableName": self.stack.table().name(),
            "Key": {"pk": {"S": format!("APIKEY#{digest}")}, "sk": {"S": "APIKEY"}},
            "ConditionExpression": "attribute_exists(pk)",
            "UpdateExpression": "SET expires_at = :now",
            "ExpressionAttributeValues": {":now": {"N": Clock::system().now().seconds().to_string()}},
        });
        self.stack.table().call("UpdateItem", &update).await.unwrap();
    }

    /// Ends the session of `tokens` through the endpoint, or all sessions of its user.
    pub async fn log_out(&self, tokens: &Tokens, everywhere: bool) -> Response {
        people::log_out(&self.stack, tokens, everywhere).await
    }

    /// Counts an attempt to log in as `username` from `address` with a wrong password, at the time of `clock` and past
    /// the endpoint.
    ///
    /// # Errors
    /// The time to wait, if the attempt is refused.
    pub async fn guess(&self, username: &str, address: &str, clock: &Clock) -> Result<(), Duration> {
        let logins = Logins::new(self.table.clone(), clock.clone());
        match logins.attempt(&name(username), SourceNetwork::of_address(address), soon()).await {
            Ok(_) => Ok(()),
            Err(IdentityError::Throttled { retry_after }) => Err(retry_after),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Makes as many guesses at `username` from `address` as a network may make in this hour, and in the next one, which
    /// may begin during the test.
    pub async fn slow_down(&self, username: &str, address: &str) {
        let clock = Clock::manual(Clock::system().now());
        for _ in 0..2 {
            while self.guess(username, address, &clock).await.is_ok() {}
            clock.advance(Duration::from_secs(3600));
        }
    }

    /// Makes as many guesses at `username` as all strangers together may make in this hour, and in the next one, which may
    /// begin during the test.
    pub async fn use_up_guesses(&self, username: &str) {
        let clock = Clock::manual(Clock::system().now());
        for _ in 0..2 {
            for network in 0..2 * ATTEMPTS_OF_STRANGERS {
                let _ = self.guess(username, &format!("0:0:1:{network:x}::1"), &clock).await;
            }
            clock.advance(Duration::from_secs(3600));
        }
    }

    /// Counts as many registrations from `address` as a network may make in this hour, and in the next one, which may
    /// begin during the test.
    pub async fn crowd(&self, address: &str) {
        let clock = Clock::manual(Clock::system().now());
        for _ in 0..2 {
            let per_hour = Settings::read(|_| None).unwrap().registrations_per_hour;
            let registrations = Registrations::new(self.table.clone(), clock.clone(), per_hour);
            let network = SourceNetwork::of_address(address);
            while registrations.count(network, soon()).await.is_ok() {}
            clock.advance(Duration::from_secs(3600));
        }
    }

    /// Deactivates `username`'s account.
    pub async fn deactivate(&self, username: &str) {
        let logins = Logins::new(self.table.clone(), Clock::system());
        let login = logins.find(&name(username)).await.unwrap().unwrap();
        let update = json!({
            "TableName": self.stack.table().name(),
            "Key": {"pk": {"S": format!("USER#{}", login.user_id)}, "sk": {"S": "ACCOUNT"}},
            "UpdateExpression": "SET #status = :inactive",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":inactive": {"S": "inactive"}},
        });
        self.stack.table().call("UpdateItem", &update).await.unwrap();
    }

    /// Stops or resumes messages and registrations. A function that runs may hear it half a minute later.
    pub async fn set_accepting(&self, accepting: bool) {
        let command = json!({"action": "accepting", "accepting": accepting, "reason": "A restore of the table"});
        self.stack.invoke("operator", &command).await.unwrap();
    }

    /// Replaces the catalogue, past the operator's function. `None`: the settings name the model again. A function that
    /// runs may notice it a minute later; one that starts reads it.
    pub async fn put_catalogue(&self, catalogue: Option<&Value>) {
        let keeper = CatalogueKeeper::new(self.table.clone(), Clock::system());
        let seen = keeper.read().await.unwrap().version;
        let replaced = keeper.replace(catalogue, seen, &an_operator(), soon()).await.unwrap();
        assert!(matches!(replaced, Replaced::Written(_)), "{replaced:?}");
    }

    /// Sends a request to a process of `function` that starts for it.
    pub async fn send_to_new(&self, function: &str, request: Request) -> Response {
        self.send_at_once(function, &[request]).await.remove(0)
    }

    /// Adds to the balance of `username` without an entry, so that the next pass of the audit finds a mismatch.
    pub async fn add_to_balance(&self, username: &str, credits: u64) {
        let logins = Logins::new(self.table.clone(), Clock::system());
        let login = logins.find(&name(username)).await.unwrap().unwrap();
        let update = json!({
            "TableName": self.stack.table().name(),
            "Key": {"pk": {"S": format!("USER#{}", login.user_id)}, "sk": {"S": "ACCOUNT"}},
            "UpdateExpression": "SET balance = balance + :credits REMOVE audited_version",
            "ExpressionAttributeValues": {":credits": {"N": credits.to_string()}},
        });
        self.stack.table().call("UpdateItem", &update).await.unwrap();
    }

    /// All items of the table by key, without the public keys of tokens and receipts, which functions publish as they start, and without the
    /// counts of logins and registrations, which a refusal may change.
    pub async fn items(&self) -> BTreeMap<String, Value> {
        let items = self.stack.table().items().await.into_iter();
        let is_count = |partition: &str| partition.starts_with("GUESSES#") || partition.starts_with("REGISTRATIONS#");
        let is_key = |partition: &str| ["JWKS", "RECEIPTKEYS"].contains(&partition);
        let is_either = |item: &Value| item["pk"]["S"].as_str().is_some_and(|of| is_key(of) || is_count(of));
        let items = items.filter(|item| !is_either(item));
        items.map(|item| (format!("{} {}", item["pk"]["S"], item["sk"]["S"]), item)).collect()
    }

    /// The ledger entries of all users, in the order in which they were written.
    pub async fn entries(&self) -> Vec<Value> {
        let items = self.items().await.into_values();
        items.filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("ENTRY#")).collect()
    }

    /// The id of `username`'s account.
    pub async fn user_id(&self, username: &str) -> String {
        let logins = Logins::new(self.table.clone(), Clock::system());
        logins.find(&name(username)).await.unwrap().unwrap().user_id.to_string()
    }

    /// The ledger entries of one user.
    pub async fn entries_of(&self, user_id: &str) -> Vec<Value> {
        let query = json!({
            "TableName": self.stack.table().name(),
            "ConsistentRead": true,
            "KeyConditionExpression": "pk = :user AND begins_with(sk, :entry)",
            "ExpressionAttributeValues": {":user": {"S": format!("USER#{user_id}")}, ":entry": {"S": "ENTRY#"}},
        });
        let found = self.stack.table().call("Query", &query).await.unwrap();
        found["Items"].as_array().unwrap().clone()
    }

    /// The entries of messages.
    pub async fn chats(&self) -> Vec<Value> {
        self.entries().await.into_iter().filter(|entry| entry["kind"]["S"] == "chat").collect()
    }

    /// Message and response of each stored exchange, the newest first.
    pub async fn stored_exchanges(&self, access: &str) -> Vec<(String, String)> {
        let list = self.stack.send(Request::get("/messages/").bearer(access)).await.json();
        let text = |message: &Value, name: &str| message[name].as_str().unwrap().to_owned();
        let messages = list["messages"].as_array().unwrap().iter();
        messages.map(|message| (text(message, "message"), text(message, "response"))).collect()
    }

    /// The credits that a user can spend, and those that are held.
    pub async fn balance(&self, access: &str) -> (Value, String) {
        let response = self.stack.send(requests::balance().bearer(access)).await;
        (response.json()["tokens"].clone(), response.headers["x-token-held"].clone())
    }

    /// Sends each request to a process of its own of `function`, all at the same moment, as Lambda would.
    pub async fn send_at_once(&self, function: &str, requests: &[Request]) -> Vec<Response> {
        let started = requests
            .iter()
            .map(|_| Function::start(&binary(function), self.stack.environment_of(function)).held_to_contract());
        let functions: Vec<Function> = started.collect();
        for function in &functions {
            function.wait_until_ready().await.unwrap();
        }
        let events: Vec<Value> = requests.iter().map(Request::to_rest_event).collect();
        let answers = join_all(functions.iter().zip(&events).map(|(function, event)| function.invoke(event))).await;
        answers.into_iter().map(|answer| Response::from_event(&answer.unwrap())).collect()
    }
}

/// The access token and the refresh token of `subject`.
pub async fn tokens(signer: &Signer, subject: Subject, refresh: RefreshTerms) -> Tokens {
    Tokens {
        access: signer.access_token(subject).await.unwrap().expose().to_owned(),
        refresh: signer.refresh_token(subject, refresh).await.unwrap().expose().to_owned(),
    }
}

/// A clock that stopped an hour ago. Access tokens that are issued by it have expired.
pub fn an_hour_ago() -> Clock {
    ago(Duration::from_secs(3600))
}

/// A clock that stopped this many days ago. After one day, refresh tokens that are issued by it have expired too.
pub fn days_ago(days: u64) -> Clock {
    ago(Duration::from_secs(days * 24 * 3600))
}

/// A clock that stopped `duration` ago.
pub fn ago(duration: Duration) -> Clock {
    let now = Clock::system().now().milliseconds();
    Clock::manual(Timestamp::from_milliseconds(now - u64::try_from(duration.as_millis()).unwrap()))
}

/// The table as the functions use it, but not through the recorder.
fn table_behind(table: &IsolatedTable) -> Table {
    table_at(table.endpoint(), table.name())
}

fn an_operator() -> RecentAuthority {
    RecentAuthority::operator(ActOrigin::new(None, "a-request"))
}

fn soon() -> Timestamp {
    Clock::system().now().plus(Duration::from_secs(28))
}

async fn signer(table: Table, clock: Clock, secret: &str) -> Signer {
    let lifetimes = Settings::read(|_| None).unwrap().token_lifetimes();
    let settings = SigningSettings::read(|name| (name == "JWT_SIGNING_SECRET").then(|| secret.to_owned())).unwrap();
    Signer::start(lifetimes, settings.secret, table, clock).await.unwrap()
}

fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}
