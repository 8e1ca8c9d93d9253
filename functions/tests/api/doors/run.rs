//! The run of the cases: what every exchange has to come to.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::gateway::{Request, Response};

use crate::doors::bill::{Bill, prices};
use crate::doors::caller::{Caller, Fault, Heard};
use crate::doors::callers;
use crate::doors::case::{Case, Doing, MAX_COST};
use crate::doors::expected::{Between, Expected, MAX_OUTPUT_TOKENS};
use crate::doors::scripted_server::ScriptedServer;
use crate::doors::servers;
use crate::requests::model;
use crate::world::World;

/// More than any hold of a case.
const BALANCE: u64 = 1_000_000;

/// Less than the least that a case can cost.
const POOR: u64 = 8;

/// The time of a [`Doing::Late`] request. All but a second or two of it is reserved for the charge and the answer.
const LATE: Duration = Duration::from_millis(13_000);

/// The same of a stream, in which a text may wait for its reader before.
const LATE_STREAM: Duration = LATE.saturating_add(Duration::from_secs(5));

/// The ending of the name of a model that is asked whole.
const WHOLE: &str = "-whole";

/// The functions, and a server of each kind of provider.
pub struct Scene {
    world: World,
    servers: Vec<ScriptedServer>,
    users: AtomicU64,
}

/// What an exchange was charged, by the id of its message.
type Charged = Vec<(String, Option<Bill>)>;

impl Scene {
    pub async fn start() -> Self {
        Self::with_servers_at(None).await
    }

    /// The same with servers that cannot be reached.
    pub async fn with_nobody_there() -> Self {
        // The port is free again when the listener is dropped.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self::with_servers_at(Some(format!("http://{nobody}"))).await
    }

    async fn with_servers_at(address: Option<String>) -> Self {
        let servers = join_all(servers::all().into_iter().map(ScriptedServer::start)).await;
        let address_of = |server: &ScriptedServer| address.clone().unwrap_or_else(|| server.address());
        let bedrock = servers.iter().find(|server| server.server.name() == "bedrock").map(address_of).unwrap();
        let world = World::start_with(&[("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &bedrock)]).await;
        let provider = |server: &ScriptedServer| (server.server.name(), server.server.provider(&address_of(server)));
        let providers: BTreeMap<_, _> = servers.iter().map(provider).collect();
        let models: Vec<Value> = servers.iter().flat_map(models_of).collect();
        world.put_catalogue(Some(&json!({"providers": providers, "models": models}))).await;
        Self { world, servers, users: AtomicU64::new(0) }
    }

    /// Runs the cases, each door's one after the other, and returns all faults.
    pub async fn run(&self, cases: &[Case]) -> Vec<String> {
        let doors = callers::all();
        let of_doors = join_all(doors.iter().map(|caller| self.run_at(*caller, cases))).await;
        let (faults, charged): (Vec<_>, Vec<_>) = of_doors.into_iter().unzip();
        let mut faults = faults.concat();
        let charged = charged.concat();
        for case in cases.iter().filter(|case| !case.is_estimated()) {
            faults.extend(unequal_bills(case.name, &charged));
        }
        faults
    }

    async fn run_at(&self, caller: &dyn Caller, cases: &[Case]) -> (Vec<String>, Charged) {
        let (mut faults, mut charged) = (Vec::new(), Vec::new());
        for case in cases {
            let user = self.user(if case.doing == Doing::Poor { POOR } else { BALANCE }).await;
            for server in &self.servers {
                for (streamed, asked_whole) in [(false, false), (true, false), (false, true), (true, true)] {
                    if asked_whole && !case.is_asked_whole {
                        continue;
                    }
                    let between = Between { case, caller, server: &*server.server, streamed };
                    let exchange = self.exchange(between, server, asked_whole, &user);
                    match AssertUnwindSafe(exchange).catch_unwind().await {
                        Ok(Ok(bill)) => charged.push((case.name.to_owned(), bill)),
                        Ok(Err(fault)) => faults.push(between.fault_of(asked_whole, &fault)),
                        Err(_) => faults.push(between.fault_of(asked_whole, "it panicked, as is said above")),
                    }
                }
            }
        }
        (faults, charged)
    }

    /// One exchange, and what it was charged.
    async fn exchange(
        &self,
        between: Between<'_>,
        server: &ScriptedServer,
        asked_whole: bool,
        user: &User,
    ) -> Result<Option<Bill>, String> {
        let Between { case, caller, streamed, .. } = between;
        let before = self.account(user).await;
        let expected = between.expected();
        if matches!(expected, Expected::Unsayable) {
            return Ok(None);
        }
        let name = if asked_whole { format!("{}{WHOLE}", caller.name()) } else { caller.name().to_owned() };
        let provider_model = server.server.model(&name);
        server.play(&provider_model, &case.script);
        let more = if case.doing == Doing::Bounded { json!({"max_cost": MAX_COST}) } else { json!({}) };
        let model = format!("{}-{name}", server.server.name());
        let mut request = caller.request(&model, &between.said(), streamed, more).bearer(&user.access);
        if case.doing == Doing::Twice {
            request = request.header("Idempotency-Key", &format!("{}-{name}-{streamed}", server.server.name()));
        }
        let response = self.send(&between, request.clone()).await;
        let arrived = server.arrived(&provider_model);
        let bill = match &expected {
            Expected::Refused { status, fault } => {
                self.check_refusal(user, &before, &response, &between, *status, fault).await?;
                None
            }
            Expected::Answered(heard) => {
                let bill = self.check_answer(user, &before, &response, &between, heard).await?;
                let [body] = &arrived[..] else { return Err(format!("{} requests arrived", arrived.len())) };
                let mut found = between.server.arrived(body);
                if case.doing == Doing::Bounded {
                    is("lowered by the bound", &(found.max_output_tokens < MAX_OUTPUT_TOKENS), &true)?;
                    found.max_output_tokens = MAX_OUTPUT_TOKENS;
                }
                is("arrived", &found, &between.arrival())?;
                Some(bill)
            }
            Expected::Unsayable => None,
        };
        if case.doing == Doing::Twice {
            let again = self.send(&between, request).await;
            is("repetition's header", &again.headers.get("idempotent-replayed").map(String::as_str), &Some("true"))?;
            is("repetition", &heard_in(&between, &again), &heard_in(&between, &response))?;
            is("arrived again", &server.arrived(&provider_model).len(), &0)?;
            is("entries after the repetition", &self.account(user).await.bills.len(), &(before.bills.len() + 1))?;
        }
        Ok(bill)
    }

    async fn send(&self, between: &Between<'_>, request: Request) -> Response {
        if between.case.doing != Doing::Late {
            return self.world.stack.send(request).await;
        }
        let function = self.world.stack.function(between.caller.function()).await;
        let deadline = SystemTime::now() + if between.streamed { LATE_STREAM } else { LATE };
        Response::from_event(&function.invoke_with_deadline(&request.to_rest_event(), deadline).await.unwrap())
    }

    /// Checks that nothing was charged, and nothing is held any more.
    async fn check_refusal(
        &self,
        user: &User,
        before: &Account,
        response: &Response,
        between: &Between<'_>,
        status: u16,
        fault: &Fault,
    ) -> Result<(), String> {
        if response.status != status {
            return Err(format!("the answer is {response:?} and not {status}"));
        }
        let found = match status {
            200 => between.caller.streamed(response).error.ok_or("the stream has no error")?,
            _ => between.caller.error(&response.json()),
        };
        is("error", &found, fault)?;
        is("account", &self.account(user).await, before)
    }

    /// Checks what was heard, and that it was charged once as it was shown.
    async fn check_answer(
        &self,
        user: &User,
        before: &Account,
        response: &Response,
        between: &Between<'_>,
        expected: &Heard,
    ) -> Result<Bill, String> {
        if response.status != 200 {
            return Err(format!("the answer is {response:?}"));
        }
        let mut heard = heard_in(between, response);
        let account = self.account(user).await;
        let [bill] = &account.bills[before.bills.len()..] else { return Err("there is not one entry more".to_owned()) };
        is("cost by the prices", &bill.cost, &bill.expected_cost())?;
        is("images", &bill.images, &images(between))?;
        is(
            "balance and what is held",
            &(account.balance, account.held),
            &(before.balance - bill.cost, "0".to_owned()),
        )?;
        if heard.error.is_none() {
            is("cost that is shown", &heard.cost, &Some(bill.cost))?;
            let shown = heard.usage.ok_or("no usage is shown")?;
            let counts = bill.counts;
            is("counts that are shown", &(shown.input, shown.output), &(counts.input, counts.output))?;
            is("cached tokens that are shown", &shown.cached, &counts.cached)?;
        }
        if !between.streamed {
            is("cost in the header", &response.headers["x-token-cost"], &bill.cost.to_string())?;
        }
        match between.counts() {
            Some(counts) => is("counts", &bill.counts, &counts)?,
            // The estimate and the limit are ours.
            None => heard.usage = None,
        }
        if between.case.doing == Doing::Bounded {
            is("cost within the bound", &(bill.cost <= MAX_COST), &true)?;
        }
        heard.cost = None;
        is("heard", &heard, expected)?;
        Ok(bill.clone())
    }

    async fn user(&self, balance: u64) -> User {
        let name = format!("user{}", self.users.fetch_add(1, Ordering::Relaxed));
        self.world.register(&name, balance).await;
        let access = self.world.log_in(&name).await.access;
        let id = self.world.user_id(&name).await;
        User { id, access }
    }

    /// A user's account as the API and the table have it.
    async fn account(&self, user: &User) -> Account {
        let (balance, held) = self.world.balance(&user.access).await;
        let entries = self.world.entries_of(&user.id).await;
        let bills = entries.iter().filter(|entry| entry["kind"]["S"] == "chat").map(Bill::of).collect();
        Account { balance: balance.as_u64().unwrap(), held, bills }
    }
}

struct User {
    id: String,
    access: String,
}

#[derive(Debug, PartialEq)]
struct Account {
    balance: u64,
    held: String,
    bills: Vec<Bill>,
}

/// The models of a server: one for each door, which is asked for streams, and one which is asked whole.
fn models_of(server: &ScriptedServer) -> Vec<Value> {
    let names = callers::all().map(|caller| [caller.name().to_owned(), format!("{}{WHOLE}", caller.name())]).concat();
    let entry = |name: String| {
        let more = json!({
            "provider": server.server.name(),
            "provider_model": server.server.model(&name),
            "prices": prices(),
            "context_tokens": 100_000,
            "max_output_tokens": MAX_OUTPUT_TOKENS,
            "image_tokens": 1000,
            "takes": ["tools", "json_schema", "images", "reasoning"],
            "streams": if name.ends_with(WHOLE) { "never" } else { "always" },
        });
        model(&format!("{}-{name}", server.server.name()), &more)
    };
    names.into_iter().map(entry).collect()
}

fn heard_in(between: &Between<'_>, response: &Response) -> Heard {
    if between.streamed { between.caller.streamed(response) } else { between.caller.whole(&response.json()) }
}

fn images(between: &Between<'_>) -> u64 {
    between.case.said.images()
}

fn is<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is\n  {found:?} and not\n  {expected:?}")) }
}

/// The fault if the bills of a case are not all equal.
fn unequal_bills(case: &str, charged: &[(String, Option<Bill>)]) -> Option<String> {
    let of_case = charged.iter().filter(|(name, _)| name == case);
    let bills: Vec<Bill> = of_case.filter_map(|(_, bill)| Some(bill.as_ref()?.without_reasoning())).collect();
    let differs = bills.iter().any(|bill| *bill != bills[0]);
    differs.then(|| format!("{case}: its bills differ: {bills:?}"))
}
