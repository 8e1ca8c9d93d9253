//! Rotation under running signers and verifiers: no good token is ever refused.
//!
//! A schedule is a random sequence of steps. The secret is replaced or brought back, and reads of it are late or fail.
//! Time passes, tokens of unknown keys arrive, and processes restart. Each process has its own clock, and clocks differ
//! by up to half a second.

#![expect(clippy::unwrap_used, reason = "a proof that cannot go on fails")]

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_secretsmanager::config::http::{HttpRequest, HttpResponse};
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use cloud::{SecretSource, StoredSecret};
use shared::domain::credits::Credits;
use shared::domain::ids::{SessionId, UserId};
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::identity::IdentityError;
use shared::identity::accounts::Accounts;
use shared::identity::jwt::{Handover, ReceivedToken, Signer, SigningSecretSource, Subject, TokenLifetimes, Verifier};
use shared::identity::receipts::{ReceiptKeys, ReceiptSigner};
use shared::ledger::account::{Epoch, Payer};
use shared::ledger::gate::Accepting;
use shared::ledger::history::{History, PageRequest, ReadTransaction, TransactionFilter};
use store::Table;
use testkit::isolated_table::IsolatedTable;
use testkit::template::Template;
use testkit::test_table::table_at;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Enough to find each sabotage. `ROTATION_SCHEDULES` in the environment runs more.
const SCHEDULES: u32 = 60;
const SIGNERS: usize = 3;
const VERIFIERS: usize = 2;
const ACCESS_LIFETIME_S: u64 = 60;
const REFRESH_LIFETIME_S: u64 = 400;
const LIFETIMES: TokenLifetimes =
    TokenLifetimes { access: Duration::from_secs(ACCESS_LIFETIME_S), refresh: Duration::from_secs(REFRESH_LIFETIME_S) };

/// A step. Its numbers choose among the signers or verifiers.
#[derive(Clone, Debug)]
enum Step {
    Rotate,
    RotateBack,
    /// From now on a read of the secret returns the current value, the previous one, or fails.
    Read(Reading),
    Pass {
        milliseconds: u64,
    },
    Storm(usize),
    Issue(usize),
    IssueAtOnce,
    RestartSigner(usize),
    RestartVerifier(usize),
}

/// The answers of Secrets Manager, which may be late with a new secret or unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Current,
    Previous,
    Nothing,
}

fn step() -> impl Strategy<Value = Step> {
    let reading = prop_oneof![Just(Reading::Current), Just(Reading::Previous), Just(Reading::Nothing)];
    let milliseconds = prop_oneof![0..1_500_u64, 1_500..10_000_u64, 10_000..300_000_u64, 300_000..900_000_u64];
    prop_oneof![
        2 => Just(Step::Rotate),
        1 => Just(Step::RotateBack),
        1 => reading.prop_map(Step::Read),
        6 => milliseconds.prop_map(|milliseconds| Step::Pass { milliseconds }),
        4 => (0..VERIFIERS).prop_map(Step::Storm),
        6 => (0..SIGNERS).prop_map(Step::Issue),
        1 => Just(Step::IssueAtOnce),
        2 => (0..SIGNERS).prop_map(Step::RestartSigner),
        1 => (0..VERIFIERS).prop_map(Step::RestartVerifier),
    ]
}

/// Secrets Manager with one secret, as the AWS SDK sees it.
#[derive(Clone, Default)]
struct SecretStore(Arc<Mutex<Stored>>);

struct Stored {
    current: u64,
    previous: u64,
    last: u64,
    reading: Reading,
}

impl Default for Stored {
    fn default() -> Self {
        Self { current: 1, previous: 1, last: 1, reading: Reading::Current }
    }
}

impl SecretStore {
    fn rotate(&self) {
        let mut stored = self.0.lock().unwrap();
        stored.last += 1;
        stored.previous = stored.current;
        stored.current = stored.last;
    }

    fn rotate_back(&self) {
        let mut stored = self.0.lock().unwrap();
        let Stored { current, previous, .. } = &mut *stored;
        std::mem::swap(current, previous);
    }

    fn set_reading(&self, reading: Reading) {
        self.0.lock().unwrap().reading = reading;
    }

    fn is_away(&self) -> bool {
        self.0.lock().unwrap().reading == Reading::Nothing
    }

    fn client(&self) -> aws_sdk_secretsmanager::Client {
        let connector = SharedHttpConnector::new(self.clone());
        let configuration = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .allow_no_auth()
            .endpoint_url("http://secrets.invalid")
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        aws_sdk_secretsmanager::Client::from_conf(configuration)
    }
}

impl HttpConnector for SecretStore {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let stored = self.0.lock().unwrap();
        let (status, body) = match stored.reading {
            Reading::Current => (200, json!({"SecretString": format!("{:064}", stored.current)})),
            Reading::Previous => (200, json!({"SecretString": format!("{:064}", stored.previous)})),
            // The SDK does not repeat this error, which would take time.
            Reading::Nothing => (400, json!({"__type": "AccessDeniedException", "message": "not now"})),
        };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body.to_string().into())))
    }
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretStore")
    }
}

/// A table of its own.
struct OwnTable {
    table: Table,
    /// Ends with this.
    _isolated: IsolatedTable,
}

impl OwnTable {
    async fn create() -> Self {
        let isolated = IsolatedTable::create(Template::of_workspace().unwrap()).await;
        Self { table: table_at(isolated.endpoint(), isolated.name()), _isolated: isolated }
    }
}

/// A signer or a verifier, and its clock, which is `ahead` of the true time.
struct Process<T> {
    running: T,
    clock: Clock,
    ahead: Duration,
}

/// A token that was issued and has not expired.
struct Issued {
    token: String,
    header: String,
    expires_at: Timestamp,
}

/// A fault that makes the rotation unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sabotage {
    /// A key signs as soon as it is published.
    NoPublicity,
    /// A replaced key retires after the lifetime of a token, while signers may still sign with it.
    EarlyRetirement,
}

struct Rotation {
    table: OwnTable,
    store: SecretStore,
    sabotage: Option<Sabotage>,
    now: Timestamp,
    signers: Vec<Process<Signer>>,
    verifiers: Vec<Process<Verifier>>,
    issued: Vec<Issued>,
    /// A token of a key that was never published.
    unknown: String,
}

impl Rotation {
    async fn start(sabotage: Option<Sabotage>) -> Self {
        let (table, store) = (OwnTable::create().await, SecretStore::default());
        let unknown = unknown_token().await;
        let (signers, verifiers, issued) = (Vec::new(), Vec::new(), Vec::new());
        let mut rotation = Self { table, store, sabotage, now: NOW, signers, verifiers, issued, unknown };
        for index in 0..SIGNERS {
            let signer = rotation.signer(index);
            rotation.signers.push(signer);
        }
        for index in 0..VERIFIERS {
            let verifier = rotation.verifier(index).await;
            rotation.verifiers.push(verifier);
        }
        rotation
    }

    fn clock(&self, index: usize, processes: usize) -> (Clock, Duration) {
        let ahead = Duration::from_millis(500) * u32::try_from(index).unwrap() / u32::try_from(processes - 1).unwrap();
        (Clock::manual(self.now.plus(ahead)), ahead)
    }

    fn signer(&self, index: usize) -> Process<Signer> {
        let (clock, ahead) = self.clock(index, SIGNERS);
        let sabotage = |handover: &mut Handover| match self.sabotage {
            Some(Sabotage::NoPublicity) => handover.publicity = Duration::ZERO,
            Some(Sabotage::EarlyRetirement) => handover.retirement = Duration::from_secs(REFRESH_LIFETIME_S),
            None => {}
        };
        let secret = StoredSecret::SecretsManager { client: self.store.client(), arn: "secret".to_owned() };
        let signer = Signer::with_secret(LIFETIMES, secret, self.table.table.clone(), clock.clone(), sabotage);
        Process { running: signer, clock, ahead }
    }

    async fn verifier(&self, index: usize) -> Process<Verifier> {
        let (clock, ahead) = self.clock(index, VERIFIERS);
        Process { running: Verifier::start(self.table.table.clone(), clock.clone()).await, clock, ahead }
    }

    async fn take(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Rotate => self.store.rotate(),
            Step::RotateBack => self.store.rotate_back(),
            Step::Read(reading) => self.store.set_reading(reading),
            Step::Pass { milliseconds } => self.pass(Duration::from_millis(milliseconds)),
            Step::Storm(verifier) => self.storm(verifier).await,
            Step::Issue(signer) => self.issue(&[signer]).await?,
            Step::IssueAtOnce => self.issue(&[0, 1, 2]).await?,
            Step::RestartSigner(index) => self.signers[index] = self.signer(index),
            Step::RestartVerifier(index) => self.verifiers[index] = self.verifier(index).await,
        }
        self.check_all_tokens().await
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
        self.follow();
    }

    /// Sets all clocks to the time. The clock of a process that has waited is there already.
    fn follow(&mut self) {
        let signers = self.signers.iter().map(|process| (&process.clock, process.ahead));
        let verifiers = self.verifiers.iter().map(|process| (&process.clock, process.ahead));
        for (clock, ahead) in signers.chain(verifiers) {
            clock.advance(self.now.plus(ahead).since(clock.now()));
        }
    }

    async fn storm(&self, index: usize) {
        let verifier = &self.verifiers[index].running;
        for _ in 0..3 {
            // Without any key the error is "unavailable", and later "not valid".
            assert!(verifier.any_token(&received(&self.unknown)).await.is_err());
        }
    }

    /// Lets the chosen signers issue tokens at the same moment.
    async fn issue(&mut self, chosen: &[usize]) -> Result<(), String> {
        let subject = somebody();
        let outcomes = join_all(chosen.iter().map(|index| both_tokens(&self.signers[*index].running, subject))).await;
        let waited = self.signers.iter().map(|process| process.clock.now().since(self.now.plus(process.ahead)));
        let waited = waited.max().unwrap_or_default();
        self.pass(waited);
        for outcome in outcomes {
            match outcome {
                Ok(tokens) => tokens.into_iter().for_each(|token| self.remember(token)),
                Err(IdentityError::Unavailable(_)) if self.store.is_away() => {}
                Err(error) => return Err(format!("no token is issued: {error:?}")),
            }
        }
        Ok(())
    }

    /// Keeps one token of each key and kind, the one that lives longest: a verifier treats the others alike.
    fn remember(&mut self, token: String) {
        let header = token.split('.').next().unwrap().to_owned();
        let expires_at = expiry(&token);
        let outlives = |known: &Issued| known.header == header && known.expires_at <= expires_at;
        self.issued.retain(|known| !outlives(known));
        self.issued.push(Issued { token, header, expires_at });
    }

    async fn check_all_tokens(&mut self) -> Result<(), String> {
        // A token must be valid until it has expired by the fastest clock. By the slowest it may be valid for longer.
        let latest = self.now.plus(Duration::from_millis(500));
        self.issued.retain(|issued| latest < issued.expires_at);
        for issued in &self.issued {
            for (index, verifier) in self.verifiers.iter().enumerate() {
                if let Err(error) = verifier.running.any_token(&received(&issued.token)).await {
                    return Err(format!("verifier {index} refuses a good token: {error:?}"));
                }
            }
        }
        Ok(())
    }
}

fn somebody() -> Subject {
    let clock = Clock::manual(NOW);
    Subject { user_id: UserId::new(&clock), session_id: SessionId::new(&clock), session_epoch: 1 }
}

fn received(token: &str) -> ReceivedToken {
    ReceivedToken::try_from(token.to_owned()).unwrap()
}

async fn both_tokens(signer: &Signer, subject: Subject) -> Result<[String; 2], IdentityError> {
    let access = signer.access_token(subject).await?;
    let refresh = signer.refresh_token(subject, signer.new_refresh_terms()).await?;
    Ok([access.expose().to_owned(), refresh.expose().to_owned()])
}

fn expiry(token: &str) -> Timestamp {
    let claims = jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(token).unwrap().claims;
    Timestamp::from_seconds(claims["exp"].as_u64().unwrap())
}

/// A token of a key that is published in another table.
async fn unknown_token() -> String {
    let table = OwnTable::create().await;
    let secret = SecretSource::Value("a secret that was never published anywhere".into());
    let source = SigningSecretSource::new(secret).unwrap();
    let lifetimes = TokenLifetimes { access: Duration::from_secs(300), refresh: Duration::from_secs(86_400) };
    let signer = Signer::start(lifetimes, source, table.table.clone(), Clock::manual(NOW)).await.unwrap();
    signer.access_token(somebody()).await.unwrap().expose().to_owned()
}

/// Runs a fixed set of random schedules until one fails.
fn run_schedules(schedules: u32, sabotage: Option<Sabotage>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let configuration = ProptestConfig {
        cases: schedules,
        failure_persistence: None,
        max_shrink_iters: if sabotage.is_some() { 0 } else { 200 },
        ..ProptestConfig::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(configuration, random);
    let outcome = runner.run(&proptest::collection::vec(step(), 1..80), |steps| {
        runtime.block_on(async {
            let mut rotation = Rotation::start(sabotage).await;
            for step in &steps {
                rotation.take(step).await.map_err(TestCaseError::fail)?;
            }
            Ok(())
        })
    });
    outcome.map_err(|error| error.to_string())
}

#[test]
fn no_good_token_is_ever_refused_however_often_the_secret_is_replaced() {
    let schedules = std::env::var("ROTATION_SCHEDULES").map_or(SCHEDULES, |number| number.parse().unwrap());
    run_schedules(schedules, None).unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn a_running_signer_goes_on_with_its_old_key_until_every_verifier_can_find_the_new_one() {
    let mut rotation = Rotation::start(None).await;
    let mut keys = Vec::new();
    for milliseconds in [0, 300_000, 4_999, 1] {
        rotation.store.rotate();
        rotation.pass(Duration::from_millis(milliseconds));
        rotation.storm(0).await;
        rotation.issue(&[0]).await.unwrap();
        rotation.check_all_tokens().await.unwrap();
        keys.push(rotation.issued.last().unwrap().header.clone());
    }
    assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[2] != keys[3], "{keys:?}");
    assert_eq!(rotation.now, NOW.plus(Duration::from_secs(305)), "nobody waited");
}

#[tokio::test]
async fn a_signer_that_starts_just_after_a_rotation_waits_and_one_that_starts_later_does_not() {
    let mut rotation = Rotation::start(None).await;
    rotation.issue(&[0]).await.unwrap();
    assert_eq!(rotation.now, NOW, "the first key of all is used at once");
    rotation.store.rotate();
    rotation.issue(&[1]).await.unwrap();
    let waited = NOW.plus(Duration::from_secs(5));
    assert_eq!(rotation.now, waited);
    rotation.issue(&[2]).await.unwrap();
    assert_eq!(rotation.now, waited);
}

#[test]
fn a_key_that_is_used_as_soon_as_it_is_published_is_found_out() {
    let failure = run_schedules(SCHEDULES, Some(Sabotage::NoPublicity)).unwrap_err();
    assert!(failure.contains("refuses a good token"), "{failure}");
}

#[test]
fn a_key_that_is_given_up_too_early_is_found_out() {
    let failure = run_schedules(SCHEDULES, Some(Sabotage::EarlyRetirement)).unwrap_err();
    assert!(failure.contains("refuses a good token"), "{failure}");
}

/// The grant of somebody's registration, as its owner reads it.
async fn read_grant(table: &Table, clock: &Clock) -> ReadTransaction {
    let accounts = Accounts::new(table.clone(), clock.clone());
    let (name, hash) = (Username::parse("ada").unwrap(), serde_json::from_str("\"hash\"").unwrap());
    let (credits, deadline) = (Credits::new(100).unwrap(), clock.now().plus(Duration::from_secs(28)));
    let user_id = accounts.register(Accepting::unasked(), &name, hash, credits, deadline).await.unwrap();
    let (history, ada) =
        (History::new(table.clone(), clock.clone()), Payer::new(user_id, Epoch::OfSessions(Epoch::FIRST)));
    let page = history.transactions(ada, &TransactionFilter::default(), PageRequest::default()).await.unwrap();
    history.transaction(ada, page.entries[0].id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_running_signer_of_receipts_takes_a_new_secret_in_five_minutes_and_goes_on_while_it_can_read_none() {
    let (own, store, clock) = (OwnTable::create().await, SecretStore::default(), Clock::manual(NOW));
    let grant = read_grant(&own.table, &clock).await;
    let secret = StoredSecret::SecretsManager { client: store.client(), arn: "a secret".to_owned() };
    let signer = ReceiptSigner::with_secret(secret, own.table.clone(), clock.clone());
    let mut keys = Vec::new();
    for (reading, seconds) in [
        (Reading::Current, 0),
        (Reading::Current, 299),
        (Reading::Current, 1),
        (Reading::Nothing, 300),
        (Reading::Current, 29),
        (Reading::Current, 1),
    ] {
        store.set_reading(reading);
        clock.advance(Duration::from_secs(seconds));
        let receipt = signer.sign(&grant).await.unwrap();
        keys.push(jsonwebtoken::decode_header(receipt.as_str()).unwrap().kid.unwrap());
        store.rotate();
    }
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2], "five minutes have passed");
    assert!(keys[2] == keys[3] && keys[3] == keys[4], "the secret could not be read");
    assert_ne!(keys[4], keys[5], "half a minute later it can");
    let served = ReceiptKeys::new(own.table.clone()).page(None).await.unwrap().keys;
    assert!(keys.iter().all(|kid| served.iter().any(|key| key.id() == kid)), "each key is there for good");
}
