//! One schedule, which follows from a seed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::isolated_table::TABLE_NAME;
use tokio::runtime::Runtime;

use crate::NOW;
use crate::allowance_witness::AllowanceCounts;
use crate::benefactor::{Benefactor, give_first_allowance};
use crate::bookkeeper::{Bookkeeper, SUMMED_FROM};
use crate::client::SimulatedClient;
use crate::directory::Staleness;
use crate::engine::{ACCOUNT, PREFIX_OF_BUDGETS, StoredItem, partition_of};
use crate::fault::Weather;
use crate::function::{self, new_terms, terms_of_key};
use crate::guest::Guest;
use crate::network::Network;
use crate::operator::{Operator, any_catalogue};
use crate::organizer::Organizer;
use crate::owner::Owner;
use crate::person::{Person, ProgramKey, Tokens};
use crate::redeemer::{Redeemer, RedemptionPlan, make_codes};
use crate::request::{Request, Told};
use crate::sabotage::Sabotage;
use crate::superuser::{Superuser, finish_jobs, promote};
use crate::teacher::{Teacher, any_limit_of_users, any_limits};
use crate::trace::Trace;
use crate::verdict_on_retention::RetentionOfSchedule;
use crate::world::World;
use crate::{
    verdict, verdict_on_allowances, verdict_on_budgets, verdict_on_conversations, verdict_on_grants, verdict_on_keys,
    verdict_on_prices, verdict_on_retention, verdict_on_sums, verdict_on_texts, verdict_on_users, verdict_on_visits,
    verdict_on_vouchers, verdict_on_work,
};
use providers::stored_catalogue::CatalogueKeeper;
use providers::testing::an_operator;
use shared::domain::credits::Credits;
use shared::domain::ids::{SessionId, TokenId, UserId};
use shared::domain::random::Seeded;
use shared::domain::source_network::SourceNetwork;
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::identity::accounts::{Accounts, Deletion};
use shared::identity::api_keys::{ApiKeys, NewApiKey};
use shared::identity::jwt::{LoggedIn, RefreshClaim, Subject};
use shared::identity::login::{Logins, ProvenLogin};
use shared::identity::sessions::{MAX_SESSIONS, Opening, Sessions};
use shared::ledger::Ledger;
use shared::ledger::account::{Account, Status};
use shared::ledger::admission::Admission;
use shared::ledger::audit::{Audit, DeletionProgress, Tombstone};
use shared::ledger::conversations::ConversationKeeper;
use shared::ledger::gate::Gate;
use shared::ledger::history::History;
use shared::ledger::hold::{HoldOutcome, Order};
use shared::ledger::past_exchanges::PastExchanges;
use shared::ledger::paying_key::KeyLimits;
use shared::ledger::retention::Retention;
use shared::ledger::summing_again::SummedAgain;
use shared::ledger::usage::UsageReader;
use store::{Key, Table};

const FIRST_PASSWORD: &str = "password";

/// The number of the first superuser, which is nobody's else.
const FIRST_SUPERUSER: usize = 90;

/// The retention of schedules that have one. The audit comes an hour and 200 s after the last message: then the time of the
/// texts of the first minutes is over, and that of the last ones is not.
const TEXTS_ARE_KEPT: Duration = Duration::from_secs(3830);
/// The time after the last message in which every hold expires.
const SHORT_REST: Duration = Duration::from_secs(200);
/// A time after the last message in which every period of a budget ends, and a day more.
const LONG_REST: Duration = Duration::from_secs(33 * 24 * 60 * 60);

/// The outcome of a schedule.
pub(super) struct Outcome {
    pub(super) trace: Vec<String>,
    /// The violations of rules.
    pub(super) violations: Vec<String>,
    /// All requests and answers.
    pub(super) journal: Vec<(Request, Told)>,
    /// How many holds in remembered accounts were written, and how many were refused.
    pub(super) remembered_holds: (usize, usize),
    /// How many accounts were sealed.
    pub(super) sealed: usize,
    /// How many checkpoints there are.
    pub(super) summed: usize,
    /// How many times entries were summed again.
    pub(super) summed_again: u64,
    /// The staleness of the index `directory`.
    pub(super) staleness: Staleness,
    /// How many holds took requests from two buckets.
    pub(super) holds_of_two_buckets: usize,
    /// How many budgets' items say that less than nothing is spent, because a release has made them anew.
    pub(super) budgets_below_zero: usize,
    /// What allowances did.
    pub(super) allowances: AllowanceCounts,
}

/// Runs the schedule of `seed`, under a sabotage if one is given.
pub(super) fn run(seed: u64, sabotage: Option<Sabotage>) -> Outcome {
    let _seeded = Seeded::with(seed);
    let runtime = paused_runtime();
    runtime.block_on(Schedule::start(seed, sabotage)).run_on(&runtime)
}

/// The retention of a schedule: in a third there is none, in a third texts are stored under it, and in a third it begins
/// after them. It follows from the seed and is no draw, so that all else in a schedule is as without it.
fn retention_of(seed: u64, sabotage: Option<Sabotage>) -> RetentionOfSchedule {
    let lasting = Retention::lasting(TEXTS_ARE_KEPT);
    let (retention, is_stored_under) = match seed % 3 {
        _ if sabotage.is_some_and(Sabotage::needs_retention) => (lasting, false),
        0 => (Retention::default(), false),
        1 => (lasting, true),
        _ => (lasting, false),
    };
    RetentionOfSchedule { retention, is_stored_under }
}

/// The turn of the keys with which vectors are asked for: in a quarter of the schedules, or in all of them where the sabotage
/// shows in vectors alone. It is no draw either.
fn turn_of_vectors(seed: u64, sabotage: Option<Sabotage>) -> Option<usize> {
    let needs_them = sabotage.is_some_and(Sabotage::needs_vectors);
    (needs_them || seed % 4 == 1).then(|| usize::from((seed / 4).is_multiple_of(2)))
}

/// The generator of limits, if API keys have some: in a quarter of the schedules, or in all of them where the sabotage shows in
/// limits alone. It takes no draw from that of the schedule, so that all schedules without limits are as before.
fn generator_of_limits(seed: u64, sabotage: Option<Sabotage>) -> Option<fastrand::Rng> {
    let needs_them = sabotage.is_some_and(Sabotage::needs_limits);
    (needs_them || seed % 4 == 2).then(|| fastrand::Rng::with_seed(seed.rotate_left(32)))
}

/// The generator of allowances, if people have some: in a quarter of the schedules, half of which have limits too, or in all of
/// them where the sabotage shows in allowances alone. Its draws are its own, so that without allowances a schedule is as it was.
fn generator_of_allowances(seed: u64, sabotage: Option<Sabotage>) -> Option<fastrand::Rng> {
    let needs_them = sabotage.is_some_and(Sabotage::needs_allowances);
    (needs_them || matches!(seed % 8, 3 | 6)).then(|| fastrand::Rng::with_seed(seed.rotate_left(16)))
}

/// The generator of vouchers, if there are some: in a sixth of the schedules, or in all of them where the sabotage shows in
/// vouchers alone. It takes no draw from that of the schedule.
fn generator_of_vouchers(seed: u64, sabotage: Option<Sabotage>) -> Option<fastrand::Rng> {
    let needs_them = sabotage.is_some_and(Sabotage::needs_vouchers);
    (needs_them || seed % 6 == 4).then(|| fastrand::Rng::with_seed(seed.rotate_left(48)))
}

/// The generator of superusers, if there are some: in a sixth of the schedules, or in all of them where the sabotage shows in what
/// they do alone. Its draws are its own, so that without superusers a schedule is as it was.
fn generator_of_superusers(seed: u64, sabotage: Option<Sabotage>) -> Option<fastrand::Rng> {
    let needs_them = sabotage.is_some_and(Sabotage::needs_superusers);
    (needs_them || seed % 6 == 1).then(|| fastrand::Rng::with_seed(seed.rotate_left(8)))
}

/// The time from the usual beginning of a schedule until shortly before a day ends, a week, or a month with a week; in half of
/// the schedules with limits, and in half of those with allowances.
fn time_until_turn(limits: &mut fastrand::Rng) -> Option<Duration> {
    // A schedule begins on Friday, 2027-01-15, at eight.
    const ENDS: [u64; 3] = [57_600, 57_600 + 2 * 86_400, 57_600 + 16 * 86_400];
    let end = Duration::from_secs(ENDS[limits.usize(..ENDS.len())]);
    limits.bool().then(|| end.saturating_sub(Duration::from_secs(limits.u64(2..90))))
}

/// Whether all accounts rest after the last message until DynamoDB's TTL has deleted the budgets' items: in half of the schedules
/// with limits. No text has to go meanwhile.
fn has_long_rest(limits: &mut fastrand::Rng, sabotage: Option<Sabotage>) -> bool {
    limits.bool() && !sabotage.is_some_and(Sabotage::needs_retention)
}

/// A runtime of one thread, whose time advances at once when every task waits.
pub(super) fn paused_runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// The bookkeepers: in a fifth of the schedules there are two, and eight in all of them where the sabotage needs them.
/// Their draws are their own, so that without them a schedule is as it was.
fn bookkeepers_of(seed: u64, sabotage: Option<Sabotage>) -> Vec<fastrand::Rng> {
    let needs_them = sabotage.is_some_and(Sabotage::needs_bookkeepers);
    let number = if needs_them { 8 } else { u64::from(seed % 5 == 3) * 2 };
    (0..number).map(|number| fastrand::Rng::with_seed(seed.wrapping_mul(7_919) + number)).collect()
}

/// The number of idempotency keys of a person. With one, most messages are in each other's way.
fn number_of_keys(generator: &mut fastrand::Rng, sabotage: Option<Sabotage>) -> usize {
    let drawn = [1, 1, 2, 4][generator.usize(..4)];
    if sabotage.is_some_and(Sabotage::needs_late_captures) { 1 } else { drawn }
}

/// The time by which the index `directory` is late, which follows from the seed. The last audits come long after it.
fn lateness_of_directory(seed: u64) -> Duration {
    let choices = [0, 20, 60, 150].map(Duration::from_secs);
    choices[usize::try_from(seed / 5 % 4).unwrap()]
}

struct Schedule {
    generator: fastrand::Rng,
    network: Network,
    table: Table,
    world: Arc<World>,
    /// Whether people have owners, who do more than chat.
    has_owners: bool,
    bookkeepers: Vec<fastrand::Rng>,
    /// The generator of limits, where API keys have some.
    limits: Option<fastrand::Rng>,
    /// The generator of allowances, where people have some.
    allowances: Option<fastrand::Rng>,
    /// The generator of vouchers, where there are some.
    vouchers: Option<fastrand::Rng>,
    /// The superusers, and their generator.
    superusers: Option<(Vec<(UserId, Username)>, fastrand::Rng)>,
    lateness_of_directory: Duration,
    has_long_rest: bool,
}

impl Schedule {
    async fn start(seed: u64, sabotage: Option<Sabotage>) -> Self {
        let mut generator = fastrand::Rng::with_seed(seed);
        let clock = Clock::simulated(NOW);
        let mut limits = generator_of_limits(seed, sabotage);
        let mut allowances = generator_of_allowances(seed, sabotage);
        let turns = limits.as_mut().or(allowances.as_mut()).and_then(time_until_turn);
        let requests_per_minute = limits.as_mut().and_then(|limits| any_limit_of_users(limits, sabotage));
        let has_long_rest = limits.as_mut().is_some_and(|limits| has_long_rest(limits, sabotage));
        if let Some(ahead) = turns {
            clock.advance(ahead);
        }
        if generator.u8(..8) == 0 && turns.is_none() {
            // The schedule goes on into the next hour.
            clock.advance(Duration::from_secs(3570));
        }
        let trace = Trace::new(clock.clone());
        let network = Network::new(Weather::new(generator.fork()), sabotage, clock.clone(), trace.clone());
        let table = Table::new(network.client(), TABLE_NAME);
        if allowances.is_some() {
            network.allowance_witness().watch();
        }
        // Before a long rest several holds are left behind in an account.
        let room_for_rest = if has_long_rest { 4 } else { 0 };
        let unpaid_per_hour = [1, 2, 4, 20][generator.usize(..4)].max(5 * room_for_rest);
        let max_holds = generator.u32(1..=4).max(room_for_rest);
        let retention = if has_long_rest { RetentionOfSchedule::default() } else { retention_of(seed, sabotage) };
        if generator.u8(..4) > 0 {
            let keeper = CatalogueKeeper::new(table.clone(), clock.clone());
            let first = any_catalogue(&mut generator);
            keeper.replace(Some(&first), 0, &an_operator(), soon(&clock)).await.unwrap();
        }
        let mut people = Vec::new();
        // People share nothing but the table. The number of clients of each person matters more than their own.
        let mut vouchers = generator_of_vouchers(seed, sabotage);
        // One user redeems a code once: several are there for the same one.
        let fewest_people = if vouchers.is_some() { 2 } else { 1 };
        for number in 0..[1, 1, 1, 2, 3][generator.usize(..5)].max(fewest_people) {
            // One hold takes all of a low balance.
            let balance = generator.u64(..=40) + 100 * u64::from(room_for_rest);
            let person = newcomer(&table, &clock, number, balance).await;
            if let Some(allowances) = &mut allowances {
                give_first_allowance(&table, &clock, &person.username, allowances).await;
            }
            for _ in 0..generator.usize(..=2).max(usize::from(limits.is_some())) {
                let limits = limits.as_mut().map(any_limits).unwrap_or_default();
                person.receive_key(make_key(&table, &clock, &person.username, limits).await);
            }
            people.push(person);
        }
        let codes = make_codes(&table, &network, &clock, vouchers.as_mut()).await;
        let world = Arc::new(World {
            accounts: Accounts::new(table.clone(), clock.clone()),
            deletion: Deletion::new(table.clone(), clock.clone()),
            logins: Logins::new(table.clone(), clock.clone()),
            network: network.clone(),
            table: table.clone(),
            began_at: clock.now(),
            sabotage,
            max_holds,
            unpaid_per_hour,
            requests_per_minute,
            turn_of_vectors: turn_of_vectors(seed, sabotage),
            failures_of_eight: [1, 1, 1, 5][generator.usize(..4)],
            sessions: Sessions::new(table.clone(), clock.clone()),
            keeper: ConversationKeeper::new(table.clone(), clock.clone()),
            warm_functions: (0..generator.usize(1..=2)).map(|_| ApiKeys::new(table.clone(), clock.clone())).collect(),
            retention,
            clock,
            trace,
            people,
            codes,
            keys: number_of_keys(&mut generator, sabotage),
            session_lifetime: Duration::from_secs([100, 86_400][generator.usize(..2)]),
            journal: Mutex::default(),
            beginnings: Mutex::default(),
            has_bookkeepers: !bookkeepers_of(seed, sabotage).is_empty(),
            idle_instances: Mutex::default(),
            predecessors: Mutex::default(),
            endings: Mutex::default(),
            has_organizers: generator.u8(..3) == 0 || sabotage.is_some_and(Sabotage::needs_organizers),
            place_of_keys: generator.usize(..4),
            has_regulars: generator.u8(..6) == 0 || sabotage.is_some_and(Sabotage::breaks_memories_alone),
            answered: Arc::default(),
            asked: Arc::default(),
        });
        let has_owners = generator.u8(..5) < 2 || sabotage.is_some_and(Sabotage::needs_owners);
        let bookkeepers = bookkeepers_of(seed, sabotage);
        let lateness_of_directory = lateness_of_directory(seed);
        let superusers = superusers_with(generator_of_superusers(seed, sabotage), &table, &world.clock).await;
        Self {
            generator,
            network,
            table,
            world,
            has_owners,
            bookkeepers,
            limits,
            allowances,
            vouchers,
            superusers,
            lateness_of_directory,
            has_long_rest,
        }
    }

    fn run_on(mut self, runtime: &Runtime) -> Outcome {
        let mut violations = runtime.block_on(self.live());
        violations.extend(runtime.block_on(self.end()));
        let journal = self.world.journal.lock().unwrap().clone();
        let remembered_holds = self.network.account_witness().held_and_refused();
        let sealed = self.network.seal_witness().sealed();
        let (items, trace) = (self.network.items(), self.world.trace.lines());
        let checkpoints = || items.iter().filter(|item| item.sort == "CHECKPOINT");
        let summed = checkpoints().count();
        let summed_again = checkpoints().filter_map(|item| item.attributes["times_again"].as_u64()).sum();
        let is_below_zero = |item: &&StoredItem| {
            item.sort.starts_with(PREFIX_OF_BUDGETS) && item.attributes["spent"].as_i64().is_some_and(|spent| spent < 0)
        };
        let budgets_below_zero = items.iter().filter(is_below_zero).count();
        let holds_of_two_buckets = self.network.witness().holds().filter(|(_, hold)| hold.requests.len() == 2).count();
        Outcome {
            trace,
            violations,
            journal,
            remembered_holds,
            sealed,
            summed,
            summed_again,
            staleness: self.network.directory().staleness(),
            holds_of_two_buckets,
            budgets_below_zero,
            allowances: self.network.allowance_witness().counts(),
        }
    }

    /// Runs all clients and owners, with faults.
    async fn live(&mut self) -> Vec<String> {
        if self.has_owners && self.generator.u8(..8) == 0 {
            self.begin_many_sessions().await;
        }
        self.network.set_calm(false);
        self.network.directory().be_late_by(self.lateness_of_directory);
        let mut tasks = Vec::new();
        for person in 0..self.world.people.len() {
            let most_clients = if self.has_owners && !self.world.needs_programs() { 2 } else { 4 };
            let clients = self.generator.usize(1..=most_clients);
            for _ in 0..clients {
                let client = SimulatedClient { world: self.world.clone(), person, generator: self.generator.fork() };
                tasks.push(tokio::spawn(client.run()));
            }
            let organizers = if self.world.has_organizers { self.generator.usize(1..=2) } else { 0 };
            for _ in 0..organizers {
                let organizer = Organizer { world: self.world.clone(), person, generator: self.generator.fork() };
                tasks.push(tokio::spawn(organizer.run()));
            }
            let owners = if self.has_owners { self.generator.usize(1..=2) } else { 0 };
            for _ in 0..owners {
                let owner = Owner { world: self.world.clone(), person, generator: self.generator.fork() };
                tasks.push(tokio::spawn(owner.run()));
            }
        }
        if let Some(limits) = &mut self.limits {
            for person in 0..self.world.people.len() {
                let teacher = Teacher { world: self.world.clone(), person, generator: limits.fork() };
                tasks.push(tokio::spawn(teacher.run()));
            }
        }
        if let Some(allowances) = &mut self.allowances {
            let benefactor = Benefactor { world: self.world.clone(), generator: allowances.fork() };
            tasks.push(tokio::spawn(benefactor.run()));
        }
        if let Some(vouchers) = &mut self.vouchers {
            let plan = RedemptionPlan::any(&self.world.codes, vouchers);
            for person in 0..self.world.people.len() {
                let redeemer =
                    Redeemer { world: self.world.clone(), person, plan: plan.clone(), generator: vouchers.fork() };
                tasks.push(tokio::spawn(redeemer.run()));
                if vouchers.bool() {
                    let guest = Guest { world: self.world.clone(), person, generator: vouchers.fork() };
                    tasks.push(tokio::spawn(guest.run()));
                }
            }
        }
        if let Some((superusers, generator)) = &mut self.superusers {
            for number in 0..4 {
                superusers.reverse();
                let (world, superusers) = (self.world.clone(), superusers.clone());
                let superuser = Superuser { world, number, superusers, generator: generator.fork() };
                tasks.push(tokio::spawn(superuser.run()));
            }
        }
        let mut operators = Vec::new();
        for _ in 0..[0, 1, 1, 2][self.generator.usize(..4)] {
            let operator = Operator { world: self.world.clone(), generator: self.generator.fork() };
            operators.push(tokio::spawn(operator.run()));
        }
        for (number, generator) in self.bookkeepers.drain(..).enumerate() {
            let bookkeeper = Bookkeeper { world: self.world.clone(), number, generator };
            operators.push(tokio::spawn(bookkeeper.run()));
        }
        let intruder = tokio::spawn(interrupt(self.network.clone(), self.world.clone(), self.generator.fork()));
        for task in tasks {
            task.await.unwrap();
        }
        let mut violations = intruder.await.unwrap();
        for operator in operators {
            violations.extend(operator.await.unwrap());
        }
        if let Some(limits) = self.limits.as_mut().filter(|_| self.has_long_rest) {
            // Nobody releases what these leave behind, until the rest is over.
            self.network.set_calm(true);
            for person in 0..self.world.people.len() {
                let client = SimulatedClient { world: self.world.clone(), person, generator: limits.fork() };
                client.be_cut_off().await;
            }
        }
        self.network.settle().await;
        violations
    }

    /// Begins so many sessions that one of the next logins meets the limit.
    async fn begin_many_sessions(&self) {
        let username = &self.world.people[0].username;
        let login = self.world.logins.find(username).await.unwrap().unwrap();
        for _ in 0..MAX_SESSIONS - 2 {
            let refresh = new_terms(&self.world.clock, self.world.session_lifetime);
            let proven = ProvenLogin::unproven(login.clone(), username, SourceNetwork::UNKNOWN);
            let opening = Opening { proven: &proven, renewed_hash: None, refresh, user_agent: None };
            self.world.sessions.begin(&opening, soon(&self.world.clock)).await.unwrap();
        }
    }

    /// Judges after the last late request has arrived, and again after the last hold has expired.
    async fn end(&mut self) -> Vec<String> {
        self.network.set_calm(true);
        let mut violations = on_everything(&self.network, &self.world.clock);
        let items = self.network.items();
        if is_overdrawn(&items) {
            return violations;
        }
        violations.extend(verdict::on_messages(
            &items,
            &self.world,
            &self.network.chronicle(),
            &self.network.witness(),
            &self.network.catalogues(),
        ));
        violations.extend(verdict_on_visits::on_visits(&items, &self.world, &self.network.chronicle()));
        violations.extend(verdict_on_vouchers::on_answers(&items, &self.world));
        violations.extend(self.on_prices(&items));
        violations.extend(self.on_lists(&items).await);
        violations.extend(verdict_on_conversations::on_deletions(&items, &self.world, &self.network.witness()));
        violations.extend(self.finish_deletions().await);
        if self.superusers.is_some() {
            finish_jobs(&self.world, &self.world.clock).await;
            violations.extend(verdict_on_grants::on_finished_jobs(&self.network.items()));
        }
        self.rest();
        violations.extend(self.hold_once_more().await);
        self.network.settle().await;
        violations.extend(on_everything(&self.network, &self.world.clock));
        let items = self.network.items();
        if is_overdrawn(&items) {
            return violations;
        }
        violations.extend(verdict::on_holds(&items));
        violations.extend(self.on_prices(&items));
        violations.extend(self.on_keys());
        violations.extend(self.on_limits(&items));
        violations.extend(self.on_spent_budgets(&items).await);
        violations.extend(verdict_on_work::on_work(&items, &self.world, &self.network.witness()));
        violations.extend(verdict_on_texts::on_texts(&items, &self.world, &self.network.text_witness()));
        violations.extend(self.on_lists(&items).await);
        violations.extend(verdict_on_users::on_deletions(&items, &self.network.chronicle()));
        violations.extend(self.sweep().await);
        violations.extend(verdict_on_users::on_sweeps(&self.network.items(), &self.network.chronicle()));
        self.world.clock.advance(Duration::from_secs(3600));
        // Until the audit has erased them, only readers keep old texts from being shown.
        violations.extend(self.on_lists(&self.network.items()).await);
        violations.extend(self.finish_summing_again().await);
        violations.extend(self.audit_and_judge().await);
        violations.extend(self.on_usage().await);
        if self.world.retention.retention != Retention::default() {
            // By now the time of every text is over.
            self.world.clock.advance(TEXTS_ARE_KEPT);
            violations.extend(self.on_lists(&self.network.items()).await);
            violations.extend(self.audit_and_judge().await);
        }
        violations.extend(verdict_on_sums::on_sums(&self.network.items()));
        violations.extend(verdict_on_sums::on_sums_of_all(&self.network.items(), &self.network.usage_witness()));
        violations.extend(self.network.offences());
        violations
    }

    /// Ends what operators have begun who sum entries again. The seals are old by now.
    async fn finish_summing_again(&self) -> Vec<String> {
        let ledger = Ledger::new(self.table.clone(), self.world.clock.clone(), 0);
        let mut violations = Vec::new();
        let items = self.network.items();
        for (user_id, _) in accounts(&items) {
            let is_meant = |item: &&StoredItem| {
                item.sort == "CHECKPOINT"
                    && item.partition == partition_of(user_id)
                    && item.attributes["again"].is_object()
            };
            if items.iter().any(|item| is_meant(&item)) {
                match ledger.sum_again(user_id, soon(&self.world.clock)).await {
                    Ok(Ok(SummedAgain { finished: true, .. })) => {}
                    unfinished => violations.push(format!("{user_id} is not summed again: {unfinished:?}")),
                }
            }
        }
        violations
    }

    /// Lets every hold expire before anybody releases it. In a long rest DynamoDB's TTL deletes the items of budgets, and the
    /// holds of messages that were never answered are still in the accounts.
    fn rest(&self) {
        self.world.clock.advance(if self.has_long_rest { LONG_REST } else { SHORT_REST });
        if self.has_long_rest {
            self.network.delete_expired_budgets();
        }
    }

    /// Compares the usage that people read with their entries, in schedules with bookkeepers. The reads sum what those have
    /// left.
    async fn on_usage(&self) -> Vec<String> {
        if !self.world.has_bookkeepers {
            return Vec::new();
        }
        let mut violations = Vec::new();
        let reader = UsageReader::new(self.table.clone(), self.world.clock.clone()).summing_from(SUMMED_FROM);
        for _ in 0..2 {
            let items = self.network.items();
            for (user_id, account) in accounts(&items) {
                violations.extend(verdict_on_sums::on_keys(&items, &self.table, user_id).await);
                violations.extend(verdict_on_sums::on_reads(&items, &reader, user_id, &account).await);
            }
            self.world.clock.advance(Duration::from_secs(61));
        }
        violations.extend(verdict_on_sums::on_sums(&self.network.items()));
        violations.extend(verdict_on_sums::on_sums_of_all(&self.network.items(), &self.network.usage_witness()));
        violations
    }

    /// Lets the audit run, and judges what it has swept and erased, and what it has left. A text whose time ends while the
    /// audit runs may be there still.
    async fn audit_and_judge(&self) -> Vec<String> {
        let World { retention, clock, .. } = &*self.world;
        let began_at = clock.now();
        let mut violations = self.audit().await;
        let items = self.network.items();
        violations.extend(verdict_on_conversations::on_counts(&items));
        violations.extend(verdict_on_conversations::on_sweeps(&items));
        violations.extend(verdict_on_texts::on_message_items(&items, *retention, clock.now()));
        violations.extend(verdict_on_retention::on_erasures(&items, *retention, began_at));
        violations.extend(self.on_lists(&items).await);
        violations
    }

    /// Judges every charge by itself.
    fn on_prices(&self, items: &[StoredItem]) -> Vec<String> {
        let (witness, keys) = (self.network.witness(), self.network.key_witness());
        verdict_on_prices::on_prices(items, &self.world, &witness, &self.network.catalogues(), &keys)
    }

    /// Judges every message of a program.
    fn on_keys(&self) -> Vec<String> {
        let (chronicle, witness) = (self.network.chronicle(), self.network.witness());
        verdict_on_keys::on_keys(&self.world, &chronicle, &witness, &self.network.key_witness())
    }

    /// Judges the limits of every key.
    fn on_limits(&self, items: &[StoredItem]) -> Vec<String> {
        let (witness, keys) = (self.network.witness(), self.network.key_witness());
        verdict_on_budgets::on_limits(items, &self.world, &witness, &keys)
    }

    /// Reads what is spent of all budgets, in schedules with limits: in others, a read would be one more draw of the network.
    async fn on_spent_budgets(&self, items: &[StoredItem]) -> Vec<String> {
        let mut violations = Vec::new();
        for (user_id, _) in accounts(items).into_iter().filter(|_| self.limits.is_some()) {
            violations.extend(verdict_on_budgets::on_reads(&self.table, user_id).await);
        }
        violations
    }

    /// Judges every user's list of messages.
    async fn on_lists(&self, items: &[StoredItem]) -> Vec<String> {
        let World { retention: kept, clock, sabotage, .. } = &*self.world;
        let is_forgotten = *sabotage == Some(Sabotage::RetentionForgotten);
        let of_readers = if is_forgotten { Retention::default() } else { kept.retention };
        // The clock of the readers stands: no time ends between two of them.
        let now = clock.now();
        let history = History::new(self.table.clone(), Clock::manual(now)).with_retention(of_readers);
        let past = PastExchanges::new(self.table.clone(), Clock::manual(now)).with_retention(of_readers);
        let kept = (*kept, now);
        let processes = self.network.witness().processes();
        let mut violations = Vec::new();
        for (user_id, account) in accounts(items) {
            violations.extend(verdict_on_texts::on_list(items, &history, user_id, &account, &processes, kept).await);
            let told = verdict_on_conversations::on_contexts(items, &past, user_id, &account, &processes, kept);
            violations.extend(told.await);
        }
        violations
    }

    /// Finishes interrupted deletions, as the audit does.
    async fn finish_deletions(&self) -> Vec<String> {
        let mut violations = Vec::new();
        for (user_id, account) in accounts(&self.network.items()) {
            if account.status != Status::Deleting {
                continue;
            }
            let username = account.parsed_username().unwrap();
            let outcome = self.world.deletion.finish(user_id, &username, soon(&self.world.clock)).await;
            if !matches!(outcome, Ok(DeletionProgress::Finished)) {
                violations.push(format!("the deletion of {user_id} is not finished: {outcome:?}"));
            }
        }
        violations
    }

    /// Sweeps the partitions of deleted users, as the audit does an hour later.
    async fn sweep(&self) -> Vec<String> {
        let mut violations = Vec::new();
        for tombstone in self.network.items().into_iter().filter(|item| item.sort == Tombstone::SORT_KEY) {
            let user_id = tombstone.partition.strip_prefix("USER#").and_then(UserId::parse).unwrap();
            let outcome = self.world.deletion.sweep(user_id, soon(&self.world.clock)).await;
            if !matches!(outcome, Ok(DeletionProgress::Finished)) {
                violations.push(format!("{user_id} is not swept: {outcome:?}"));
            }
        }
        violations
    }

    /// The findings of the real audit, on a day on which it has not erased texts yet.
    async fn audit(&self) -> Vec<String> {
        self.table.delete(Key::new("AUDIT", "STATE")).await.unwrap();
        let audit = Audit::new(self.table.clone(), self.world.clock.clone());
        let audit = audit.with_retention(self.world.retention.retention);
        // However late the directory is, the audit has found every account by now.
        let accounts = self.network.items().iter().filter(|item| item.sort == ACCOUNT).count() as u64;
        match audit.run(&self.world.deletion, soon(&self.world.clock)).await {
            Ok(report)
                if report.finished
                    && report.accounts == accounts
                    && report.mismatches.is_empty()
                    && report.mispriced.is_empty()
                    && report.altered.is_empty()
                    && (report.unpriced, report.unreadable, report.unsettled) == (0, 0, 0) =>
            {
                Vec::new()
            }
            found => vec![format!("the audit found {found:?}")],
        }
    }

    /// Holds nothing on each account: every hold first releases the expired ones.
    async fn hold_once_more(&self) -> Vec<String> {
        let ledger = Ledger::new(self.table.clone(), self.world.clock.clone(), 10).with_unpaid_per_hour(u32::MAX);
        let gate = Gate::without_operator(self.world.clock.clone());
        let mut violations = Vec::new();
        for (user_id, account) in accounts(&self.network.items()) {
            let session_id = SessionId::new(&self.world.clock);
            let person: LoggedIn = Subject { user_id, session_id, session_epoch: account.session_epoch }.into();
            let deadline = soon(&self.world.clock);
            let (amount, least) = (Credits::ZERO, Credits::ZERO);
            let open = match ledger.admit(&gate, person.payer(), None).await {
                Ok(Admission::Open(open)) => open,
                other => {
                    violations.push(format!("an account was not admitted: {other:?}"));
                    continue;
                }
            };
            match ledger.hold(open, &Order { amount, least, deadline }).await {
                Ok(HoldOutcome::Held(held)) => ledger.release(&held).await,
                other => violations.push(format!("a hold of nothing was refused: {other:?}")),
            }
        }
        violations
    }
}

/// What must be so at any moment.
fn on_everything(network: &Network, clock: &Clock) -> Vec<String> {
    let items = network.items();
    let mut violations = verdict::on_accounts(&items);
    // A negative balance cannot be read.
    if violations.is_empty() {
        violations.extend(verdict_on_users::on_users(&items, &network.chronicle(), clock.now()));
        violations.extend(verdict_on_conversations::on_counts(&items));
        violations.extend(verdict_on_budgets::on_sums(&items, &network.witness()));
        violations.extend(verdict_on_allowances::on_entries(&items, &network.allowance_witness()));
        violations.extend(verdict_on_vouchers::on_codes(&items, &network.chronicle()));
        violations.extend(verdict_on_grants::on_grants(&items, &network.chronicle()));
    }
    violations
}

/// Whether an account has a negative balance. That is a violation already, and the account cannot be read.
fn is_overdrawn(items: &[StoredItem]) -> bool {
    items.iter().any(|item| item.sort == ACCOUNT && !item.attributes["balance"].is_u64())
}

/// All accounts that can be read, with their users.
fn accounts(items: &[StoredItem]) -> Vec<(UserId, Account)> {
    let accounts = items.iter().filter(|item| item.sort == ACCOUNT && item.attributes["balance"].is_u64());
    let user_id = |item: &StoredItem| item.partition.strip_prefix("USER#").and_then(UserId::parse).unwrap();
    accounts.map(|item| (user_id(item), item.parsed())).collect()
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
        violations.extend(on_everything(&network, &world.clock));
    }
    violations
}

/// Somebody who has registered, and has a token of a session that is as good as any to chat.
async fn newcomer(table: &Table, clock: &Clock, number: usize, balance: u64) -> Person {
    let access = register(table, clock, number, balance).await;
    let refresh =
        RefreshClaim { user_id: access.user_id(), session_id: access.session_id(), token_id: TokenId::new(clock) };
    Person::new(username(number), FIRST_PASSWORD, Tokens { access, refresh })
}

/// Opens the accounts of two superusers, who do not talk.
async fn superusers_with(
    generator: Option<fastrand::Rng>,
    table: &Table,
    clock: &Clock,
) -> Option<(Vec<(UserId, Username)>, fastrand::Rng)> {
    let generator = generator?;
    let mut superusers = Vec::new();
    for number in [FIRST_SUPERUSER, FIRST_SUPERUSER + 1] {
        superusers.push((register(table, clock, number, 0).await.user_id(), username(number)));
    }
    let usernames: Vec<Username> = superusers.iter().map(|(_, username)| username.clone()).collect();
    promote(&Accounts::new(table.clone(), clock.clone()), &usernames, soon(clock)).await;
    Some((superusers, generator))
}

/// Makes an API key in a session of its own.
async fn make_key(table: &Table, clock: &Clock, username: &Username, limits: KeyLimits) -> ProgramKey {
    let login = Logins::new(table.clone(), clock.clone()).find(username).await.unwrap().unwrap();
    let (user_id, session_epoch) = (login.user_id, login.session_epoch);
    let proven = ProvenLogin::unproven(login, username, SourceNetwork::UNKNOWN);
    let refresh = new_terms(clock, Duration::from_secs(100));
    let opening = Opening { proven: &proven, renewed_hash: None, refresh, user_agent: None };
    let session_id = Sessions::new(table.clone(), clock.clone()).begin(&opening, soon(clock)).await.unwrap();
    let person: LoggedIn = Subject { user_id, session_id, session_epoch }.into();
    let api_keys = ApiKeys::new(table.clone(), clock.clone());
    let room = api_keys.room(&person).await.unwrap();
    let new = NewApiKey { person: &person, proven: &proven, terms: &terms_of_key(limits) };
    ProgramKey::new(user_id, &api_keys.make(&new, room, soon(clock)).await.unwrap())
}

pub(super) async fn register(table: &Table, clock: &Clock, number: usize, balance: u64) -> LoggedIn {
    let accounts = Accounts::new(table.clone(), clock.clone());
    let grant = Credits::new(balance).unwrap();
    let registered = function::register(&accounts, &username(number), FIRST_PASSWORD, grant, soon(clock)).await;
    Subject { user_id: registered.unwrap(), session_id: SessionId::new(clock), session_epoch: 1 }.into()
}

fn username(number: usize) -> Username {
    Username::parse(&format!("user-{number}")).unwrap()
}

fn soon(clock: &Clock) -> Timestamp {
    clock.now().plus(Duration::from_secs(28))
}
