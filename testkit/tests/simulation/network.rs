//! The network between the AWS SDK and the table, which cannot be trusted.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::{Value, json};
use testkit::isolated_table::TABLE_NAME;
use testkit::late_index::DirectoryImage;
use tokio::sync::oneshot;

use crate::account_witness::AccountWitness;
use crate::allowance_witness::AllowanceWitness;
use crate::capacity::Capacity;
use crate::catalogue_witness::CatalogueWitness;
use crate::chronicle::Chronicle;
use crate::directory::LateDirectory;
use crate::engine::{Engine, PREFIX_OF_BUDGETS, Reply, StoredItem};
use crate::fault::{Fault, Notice, Plan, Weather};
use crate::key_witness::KeyWitness;
use crate::process::ProcessId;
use crate::sabotage::Sabotage;
use crate::seal_witness::SealWitness;
use crate::staff_witness::StaffWitness;
use crate::text_witness::TextWitness;
use crate::trace::Trace;
use crate::usage_witness::UsageWitness;
use crate::witness::Witness;
use cloud::{retry_configuration, timeout_configuration};
use shared::domain::time::Clock;

/// The network of one schedule.
#[derive(Clone)]
pub(super) struct Network(Arc<Inner>);

struct Inner {
    engine: Engine,
    weather: Mutex<Weather>,
    witness: Mutex<Witness>,
    catalogues: Mutex<CatalogueWitness>,
    text_witness: Mutex<TextWitness>,
    key_witness: Mutex<KeyWitness>,
    seal_witness: Mutex<SealWitness>,
    account_witness: Mutex<AccountWitness>,
    allowance_witness: Mutex<AllowanceWitness>,
    usage_witness: Mutex<UsageWitness>,
    staff_witness: Mutex<StaffWitness>,
    chronicle: Mutex<Chronicle>,
    directory: Mutex<LateDirectory>,
    sabotage: Option<Sabotage>,
    trace: Trace,
    clock: Clock,
    /// The write units that the table takes, if it does not take any number.
    capacity: Mutex<Option<Capacity>>,
    /// Whether there are no faults now.
    is_calm: AtomicBool,
    under_way: AtomicUsize,
    /// The number of requests that the table has accepted.
    moment: AtomicUsize,
}

/// A request on its way.
struct Shipment {
    process: ProcessId,
    operation: String,
    body: Value,
    plan: Plan,
}

type Answer = Result<Reply, ConnectorError>;

impl Network {
    pub(super) fn new(weather: Weather, sabotage: Option<Sabotage>, clock: Clock, trace: Trace) -> Self {
        Self(Arc::new(Inner {
            engine: Engine::start(),
            weather: Mutex::new(weather),
            witness: Mutex::default(),
            catalogues: Mutex::default(),
            moment: AtomicUsize::new(0),
            text_witness: Mutex::default(),
            key_witness: Mutex::default(),
            seal_witness: Mutex::default(),
            account_witness: Mutex::default(),
            allowance_witness: Mutex::default(),
            usage_witness: Mutex::default(),
            staff_witness: Mutex::default(),
            chronicle: Mutex::default(),
            directory: Mutex::default(),
            sabotage,
            trace,
            clock,
            capacity: Mutex::default(),
            is_calm: AtomicBool::new(true),
            under_way: AtomicUsize::new(0),
        }))
    }

    /// An SDK client over this network, configured as in production.
    pub(super) fn client(&self) -> Client {
        // The default bucket belongs to the whole program, and schedules must not affect each other. In production each
        // process has one, so this one is large.
        let bucket = TokenBucket::builder().capacity(100_000).build();
        let configuration = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            // Signatures take time, and the engine does not verify them.
            .allow_no_auth()
            .endpoint_url("http://simulation.invalid")
            .retry_config(retry_configuration())
            .retry_partition(RetryPartition::custom("simulation").token_bucket(bucket).build())
            .timeout_config(timeout_configuration())
            .http_client(self.http_client())
            .build();
        Client::from_conf(configuration)
    }

    fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Ends the faults, or lets them begin again.
    pub(super) fn set_calm(&self, is_calm: bool) {
        self.0.is_calm.store(is_calm, Ordering::SeqCst);
    }

    /// Limits the write units that the table takes from now on.
    pub(super) fn set_capacity(&self, capacity: Capacity) {
        *self.0.capacity.lock().unwrap() = Some(capacity);
    }

    /// Waits for the last late request.
    pub(super) async fn settle(&self) {
        while self.0.under_way.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    }

    /// All items.
    pub(super) fn items(&self) -> Vec<StoredItem> {
        self.0.engine.items()
    }

    /// The index `directory`.
    pub(super) fn directory(&self) -> MutexGuard<'_, LateDirectory> {
        self.0.directory.lock().unwrap()
    }

    /// Deletes the budgets' items whose time is over, as DynamoDB's TTL does. It may take days for it, and for other items too.
    pub(super) fn delete_expired_budgets(&self) {
        let now = self.0.clock.now().seconds();
        for StoredItem { partition, sort, attributes } in self.items() {
            let Some(place) = sort.strip_prefix(PREFIX_OF_BUDGETS) else { continue };
            if attributes["expires_at"].as_u64().is_some_and(|end| end <= now) {
                let key = json!({"pk": {"S": partition}, "sk": {"S": sort}});
                self.0.engine.answer("DeleteItem", &json!({"TableName": TABLE_NAME, "Key": key}));
                self.witness().budget_has_gone(place);
            }
        }
    }

    /// The requests about users that the table has accepted.
    pub(super) fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        self.0.chronicle.lock().unwrap()
    }

    /// The number of requests that the table has accepted.
    pub(super) fn moment(&self) -> usize {
        self.0.moment.load(Ordering::SeqCst)
    }

    /// The holds that the table has accepted.
    pub(super) fn witness(&self) -> MutexGuard<'_, Witness> {
        self.0.witness.lock().unwrap()
    }

    /// The catalogues that the table has accepted.
    pub(super) fn catalogues(&self) -> MutexGuard<'_, CatalogueWitness> {
        self.0.catalogues.lock().unwrap()
    }

    /// The requests about text items.
    pub(super) fn text_witness(&self) -> MutexGuard<'_, TextWitness> {
        self.0.text_witness.lock().unwrap()
    }

    /// The requests about API keys.
    pub(super) fn seal_witness(&self) -> MutexGuard<'_, SealWitness> {
        self.0.seal_witness.lock().unwrap()
    }

    pub(super) fn key_witness(&self) -> MutexGuard<'_, KeyWitness> {
        self.0.key_witness.lock().unwrap()
    }

    /// The requests about accounts.
    pub(super) fn account_witness(&self) -> MutexGuard<'_, AccountWitness> {
        self.0.account_witness.lock().unwrap()
    }

    /// The allowances after each accepted request.
    pub(super) fn allowance_witness(&self) -> MutexGuard<'_, AllowanceWitness> {
        self.0.allowance_witness.lock().unwrap()
    }

    /// The requests about the days' sums.
    pub(super) fn usage_witness(&self) -> MutexGuard<'_, UsageWitness> {
        self.0.usage_witness.lock().unwrap()
    }

    /// The accepted requests that break a rule.
    pub(super) fn offences(&self) -> Vec<String> {
        let of_holds = self.witness().offences().to_vec();
        let of_catalogues = self.catalogues().offences().to_vec();
        let of_seals = self.seal_witness().offences().to_vec();
        let of_allowances = self.allowance_witness().offences().to_vec();
        let of_staff = self.0.staff_witness.lock().unwrap().offences().to_vec();
        [of_holds, of_catalogues, self.chronicle().offences().to_vec(), of_seals, of_allowances, of_staff].concat()
    }

    fn plan(&self, process: ProcessId, operation: &str) -> Plan {
        let mut plan = self.0.weather.lock().unwrap().plan(process);
        let is_write = matches!(operation, "DeleteItem" | "UpdateItem" | "TransactWriteItems");
        if self.0.is_calm.load(Ordering::SeqCst) || (plan.fault == Some(Fault::Conflict) && !is_write) {
            plan.fault = None;
        }
        plan
    }

    /// Brings a request to the table and the answer back, also after the end of its sender.
    async fn carry(self, shipment: Shipment, answer: oneshot::Sender<Answer>) {
        let Plan { there, back, fault } = shipment.plan;
        tokio::time::sleep(there).await;
        match fault {
            None => {
                let reply = self.apply(&shipment);
                tokio::time::sleep(back).await;
                // An error is ignored: the sender may have ended, as the schedule wanted.
                let _ = answer.send(Ok(reply));
            }
            Some(Fault::Lost(notice)) => notify(notice, answer),
            Some(Fault::AnswerLost(notice)) => {
                self.apply(&shipment);
                notify(notice, answer);
            }
            Some(Fault::ErrorAfterwards) => {
                self.apply(&shipment);
                let _ = answer.send(Ok(Reply::error(500, "InternalServerError")));
            }
            Some(Fault::ErrorInstead) => {
                let _ = answer.send(Ok(Reply::error(500, "InternalServerError")));
            }
            Some(Fault::Late(notice, lateness)) => {
                notify(notice, answer);
                tokio::time::sleep(lateness).await;
                self.apply(&shipment);
            }
            Some(Fault::Throttled) => {
                let _ = answer.send(Ok(self.throttle(shipment)));
            }
            Some(Fault::Conflict) => {
                let _ = answer.send(Ok(conflict(&shipment)));
            }
        }
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }

    /// A batch is done in part, and its rest is handed back.
    fn throttle(&self, shipment: Shipment) -> Reply {
        match shipment.operation.as_str() {
            "BatchWriteItem" => self.write_in_part(shipment),
            "BatchGetItem" => self.read_in_part(shipment),
            _ => Reply::error(400, "ProvisionedThroughputExceededException"),
        }
    }

    fn read_in_part(&self, mut shipment: Shipment) -> Reply {
        let wanted = &mut shipment.body["RequestItems"][TABLE_NAME];
        let keys = wanted["Keys"].as_array_mut().unwrap();
        let left = keys.split_off(keys.len().div_ceil(2));
        let unprocessed = json!({"Keys": left, "ConsistentRead": wanted["ConsistentRead"]});
        let mut reply = self.apply(&shipment);
        if !left.is_empty() {
            reply.body["UnprocessedKeys"] = json!({ TABLE_NAME: unprocessed });
        }
        reply
    }

    fn write_in_part(&self, mut shipment: Shipment) -> Reply {
        let requests = shipment.body["RequestItems"][TABLE_NAME].as_array_mut().unwrap();
        // At least one is done, since a batch of none is not valid.
        let left = requests.split_off(requests.len().div_ceil(2));
        let mut reply = self.apply(&shipment);
        if !left.is_empty() {
            reply.body["UnprocessedItems"] = json!({ TABLE_NAME: left });
        }
        reply
    }

    fn apply(&self, shipment: &Shipment) -> Reply {
        let Shipment { process, operation, body, plan } = shipment;
        if let Some(refusal) = self.0.capacity.lock().unwrap().as_mut().and_then(|left| left.refuse(operation, body)) {
            return refusal;
        }
        let reply = match self.0.sabotage {
            _ if DirectoryImage::is_read_by(operation, body) => self.directory().answer(body, self.0.clock.now()),
            None => self.0.engine.answer(operation, body),
            Some(sabotage) if sabotage.breaks_memories_alone() && self.account_witness().has_seen(*process) => {
                self.0.engine.answer(operation, body)
            }
            Some(sabotage) => {
                // The plan, and so the seed, decides whether a sabotage strikes this time.
                let strikes = plan.back.as_millis() % 2 == 0;
                sabotage.answer(&self.0.engine, operation, body, strikes)
            }
        };
        self.account_witness().answered(*process, operation, body, reply.is_success());
        if reply.is_success() {
            let moment = self.0.moment.fetch_add(1, Ordering::SeqCst) + 1;
            let new_hold = self.witness().new_hold_of_budget(operation, body);
            if let Some(budget) = new_hold {
                let item = self.0.engine.answer("GetItem", &json!({"TableName": TABLE_NAME, "Key": budget.key}));
                self.witness().look_at_budget(&budget, &item.body["Item"]);
            }
            self.witness().accepted(*process, operation, body, self.0.clock.now(), moment);
            self.catalogues().accepted(operation, body, moment);
            self.chronicle().accepted(*process, operation, body);
            self.text_witness().accepted(*process, operation, body);
            self.key_witness().accepted(*process, operation, body, moment);
            self.seal_witness().accepted(operation, body, self.0.clock.now());
            self.allowance_witness().accepted(&self.0.engine, operation, body);
            self.usage_witness().accepted(operation, body);
            self.0.staff_witness.lock().unwrap().accepted(&self.0.engine, body);
            self.directory().accepted(&self.0.engine, operation, body, self.0.clock.now());
        }
        let code = reply.body["__type"].as_str().and_then(|code| code.split('#').next_back()).unwrap_or("done");
        self.0.trace.line(format_args!("{process}: {operation} {} -> {code}", name(body)));
        reply
    }
}

/// Without an answer the client waits until its timeout: a dropped sender means that.
fn notify(notice: Notice, answer: oneshot::Sender<Answer>) {
    if notice == Notice::Broken {
        let _ = answer.send(Err(ConnectorError::io("the connection broke".into())));
    }
}

fn conflict(shipment: &Shipment) -> Reply {
    if shipment.operation != "TransactWriteItems" {
        return Reply::error(400, "TransactionConflictException");
    }
    let items = shipment.body["TransactItems"].as_array().map_or(0, Vec::len);
    let mut reasons = vec![json!({"Code": "None"}); items];
    reasons[0] = json!({"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"});
    let mut reply = Reply::error(400, "TransactionCanceledException");
    reply.body["CancellationReasons"] = Value::Array(reasons);
    reply
}

/// The name of a request in the trace.
fn name(body: &Value) -> String {
    let values = &body["ExpressionAttributeValues"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    text(&body["ClientRequestToken"])
        .or_else(|| text(&values[":hold"]["M"]["id"]["S"]).map(|id| format!("hold-{id}")))
        .or_else(|| text(&values[":id"]["S"]).map(|id| format!("release-{id}")))
        .or_else(|| text(&body["Key"]["sk"]["S"]))
        .unwrap_or_default()
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
        // A request outside every process is one of the schedule itself.
        let process = ProcessId::current().unwrap_or(ProcessId(usize::MAX));
        let plan = self.plan(process, &operation);
        self.0.trace.line(format_args!("{process}: sends {operation} {} {:?}", name(&body), plan.fault));
        if plan.fault.is_some() {
            self.text_witness().faulted(&operation, &body);
        }
        let (network, moment) = (self.clone(), self.moment());
        let reads_catalogue = CatalogueWitness::is_read(&operation, &body);
        if reads_catalogue {
            self.catalogues().asked(process, self.0.clock.now());
        }
        let (sender, receiver) = oneshot::channel();
        self.0.under_way.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(self.clone().carry(Shipment { process, operation, body, plan }, sender));
        HttpConnectorFuture::new(async move {
            match receiver.await {
                Ok(Ok(reply)) => {
                    if reads_catalogue && reply.is_success() {
                        network.catalogues().heard(process, moment);
                    }
                    Ok(response(&reply))
                }
                Ok(Err(error)) => Err(error),
                Err(_) => std::future::pending().await,
            }
        })
    }
}

fn response(reply: &Reply) -> HttpResponse {
    HttpResponse::new(reply.status.try_into().unwrap(), reply.body.to_string().into())
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Network")
    }
}
