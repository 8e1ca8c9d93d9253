//! One schedule: what a seed makes happen.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use local::stack::TABLE_NAME;
use tokio::runtime::Runtime;

use crate::accounts::Accounts;
use crate::chat::Message;
use crate::credits::Credits;
use crate::ids::SessionId;
use crate::jwt::{LoggedIn, Subject};
use crate::ledger::{Ledger, Order, Started};
use crate::password::PasswordHash;
use crate::random::seeded::Seeded;
use crate::simulation::client::{SimulatedClient, World};
use crate::simulation::fault::Weather;
use crate::simulation::network::Network;
use crate::simulation::sabotage::Sabotage;
use crate::simulation::trace::Trace;
use crate::simulation::verdict;
use crate::table::Table;
use crate::testing::NOW;
use crate::time::Clock;
use crate::username::Username;

/// What a schedule came to.
pub(super) struct Outcome {
    pub(super) trace: Vec<String>,
    /// What is wrong with it.
    pub(super) violations: Vec<String>,
}

/// Runs the schedule of `seed`, under a sabotage if one is given.
pub(super) fn run(seed: u64, sabotage: Option<Sabotage>) -> Outcome {
    let _seeded = Seeded::with(seed);
    let runtime = paused_runtime();
    runtime.block_on(Schedule::start(seed, sabotage)).run_on(&runtime)
}

/// A runtime of one thread, whose time passes at once when everybody waits for it.
pub(super) fn paused_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

struct Schedule {
    generator: fastrand::Rng,
    network: Network,
    table: Table,
    world: Arc<World>,
}

impl Schedule {
    async fn start(seed: u64, sabotage: Option<Sabotage>) -> Self {
        let mut generator = fastrand::Rng::with_seed(seed);
        let clock = Clock::simulated(NOW);
        let trace = Trace::new(clock.clone());
        let network = Network::new(Weather::new(generator.fork()), sabotage, clock.clone(), trace.clone());
        let table = Table::new(network.client(), TABLE_NAME);
        let ledger = Ledger::new(table.clone(), clock.clone(), generator.u32(1..=4));
        let mut users = Vec::new();
        // They share nothing but the table: what matters is how many clients each of them has.
        for number in 0..[1, 1, 1, 2, 3][generator.usize(..5)] {
            users.push(register(&table, &clock, number, generator.u64(..=15)).await);
        }
        let keys = [1, 1, 2, 4][generator.usize(..4)];
        let world = Arc::new(World { ledger, clock, trace, users, keys, attempts: Mutex::default() });
        Self { generator, network, table, world }
    }

    fn run_on(mut self, runtime: &Runtime) -> Outcome {
        let mut violations = runtime.block_on(self.live());
        violations.extend(runtime.block_on(self.end()));
        Outcome { trace: self.world.trace.lines(), violations }
    }

    /// Everybody does what they want, while things go wrong.
    async fn live(&mut self) -> Vec<String> {
        self.network.set_calm(false);
        let mut clients = Vec::new();
        for user in 0..self.world.users.len() {
            for _ in 0..self.generator.usize(1..=4) {
                let client = SimulatedClient { world: self.world.clone(), user, generator: self.generator.fork() };
                clients.push(tokio::spawn(client.run()));
            }
        }
        let intruder = tokio::spawn(interrupt(self.network.clone(), self.world.clone(), self.generator.fork()));
        for client in clients {
            client.await.unwrap();
        }
        let violations = intruder.await.unwrap();
        self.network.settle().await;
        violations
    }

    /// When everything has arrived: the verdict, before and after everything has expired.
    async fn end(&mut self) -> Vec<String> {
        self.network.set_calm(true);
        let mut violations = verdict::on_accounts(&self.network.items());
        violations.extend(verdict::on_answers(&self.network.items(), &self.world));
        self.world.clock.advance(Duration::from_secs(200));
        for user in self.world.users.clone() {
            violations.extend(self.hold_once_more(&user).await);
        }
        self.network.settle().await;
        violations.extend(verdict::on_accounts(&self.network.items()));
        violations.extend(verdict::on_holds(&self.network.items()));
        violations.extend(self.network.offences());
        violations
    }

    /// The next hold gives back what was left behind, even if it sets nothing aside.
    async fn hold_once_more(&self, person: &LoggedIn) -> Option<String> {
        let message = Message::try_from("Is anybody there?".to_owned()).unwrap();
        let deadline = self.world.clock.now().plus(Duration::from_secs(28));
        let order = Order { person, amount: Credits::ZERO, message: &message, key: None, deadline };
        let started = Ledger::new(self.table.clone(), self.world.clock.clone(), 10).start(&order).await;
        match started {
            Ok(Started::Held(held)) => self.world.ledger.release(&held).await.err().map(|error| format!("{error:?}")),
            other => Some(format!("a hold of nothing was refused: {other:?}")),
        }
    }
}

/// Sets the clock forward, and looks at the accounts, in the midst of it all.
async fn interrupt(network: Network, world: Arc<World>, mut generator: fastrand::Rng) -> Vec<String> {
    let mut violations = Vec::new();
    for _ in 0..generator.usize(1..=5) {
        tokio::time::sleep(Duration::from_millis(generator.u64(..8_000))).await;
        if generator.u8(..2) == 0 {
            let ahead =
                Duration::from_secs(if generator.bool() { generator.u64(1..58) } else { generator.u64(58..75) });
            world.clock.advance(ahead);
            world.trace.line(format_args!("the clock jumped by {ahead:?}"));
        }
        violations.extend(verdict::on_accounts(&network.items()));
    }
    violations
}

pub(super) async fn register(table: &Table, clock: &Clock, number: usize, balance: u64) -> LoggedIn {
    let username = Username::parse(&format!("user-{number}")).unwrap();
    let hash: PasswordHash = serde_json::from_str("\"hash\"").unwrap();
    let deadline = clock.now().plus(Duration::from_secs(28));
    let accounts = Accounts::new(table.clone(), clock.clone());
    let user_id = accounts.register(&username, hash, Credits::new(balance).unwrap(), deadline).await.unwrap();
    Subject { user_id, session_id: SessionId::new(clock), session_epoch: 1 }.into()
}
