//! Bookkeepers: those who seal accounts and sum entries while requests are under way. They are auditors, people who read their
//! usage, and operators who have entries summed again.

use std::sync::Arc;
use std::time::Duration;

use crate::client::pause;
use crate::process::{Fate, Process, ProcessId};
use crate::world::World;
use shared::domain::calendar::Day;
use shared::domain::time::Clock;
use shared::ledger::Ledger;
use shared::ledger::account::{Account, Epoch, Payer};
use shared::ledger::audit::{Audit, Report};
use shared::ledger::usage::{Days, RowLimit, UsageReader};

/// The number of a bookkeeper's first process. Those of requests are far below.
const FIRST_PROCESS: usize = 1_000_000;

/// The number of waiting entries from which a bookkeeper seals and sums: the fewest, since a schedule has few messages.
pub(super) const SUMMED_FROM: u64 = 1;

/// The time by which clocks differ.
const AHEAD: Duration = Duration::from_secs(10 * 60);

/// A bookkeeper. Several may be at work at once.
pub(super) struct Bookkeeper {
    pub(super) world: Arc<World>,
    pub(super) number: usize,
    pub(super) generator: fastrand::Rng,
}

impl Bookkeeper {
    /// Audits and reads some times, in processes that die and freeze, and by clocks that differ. Returns what was found that is
    /// not so.
    pub(super) async fn run(mut self) -> Vec<String> {
        let mut violations = Vec::new();
        for act in 0..self.generator.usize(2..=4) {
            pause(&mut self.generator).await;
            let id = ProcessId(FIRST_PROCESS + 10 * self.number + act);
            let fate = Fate::random(&mut self.generator);
            let clock = self.clock();
            let (world, person) = (self.world.clone(), self.generator.usize(..self.world.people.len()));
            let found = match self.generator.u8(..6) {
                0..=2 => tokio::spawn(Process::new(id, fate, audit(world, clock))).await,
                3 => tokio::spawn(Process::new(id, fate, read(world, person, clock))).await,
                _ => tokio::spawn(Process::new(id, fate, sum_again(world, person, clock))).await,
            };
            violations
                .extend(found.unwrap_or_else(|error| Some(vec![format!("{id} ended: {error}")])).unwrap_or_default());
        }
        violations
    }

    /// The world's clock, or one that is behind or ahead of it. Those show other times than the world's also after it jumped.
    fn clock(&mut self) -> Clock {
        let now = self.world.clock.now();
        match self.generator.u8(..4) {
            0 => Clock::simulated(now.minus(AHEAD)),
            1 | 2 => Clock::simulated(now.plus(AHEAD)),
            _ => self.world.clock.clone(),
        }
    }
}

/// A run of the audit. It may fail, and finds nothing that is not so.
async fn audit(world: Arc<World>, clock: Clock) -> Vec<String> {
    let audit = Audit::new(world.table.clone(), clock.clone()).summing_from(SUMMED_FROM);
    let report = audit.run(&world.deletion, clock.now().plus(Duration::from_secs(60))).await;
    world.trace.line(format_args!("an auditor found {report:?}"));
    match report {
        Ok(Report { mismatches, mispriced, altered, .. })
            if !(mismatches.is_empty() && mispriced.is_empty() && altered.is_empty()) =>
        {
            vec![format!("an auditor found {mismatches:?}, {mispriced:?} and {altered:?}")]
        }
        _ => Vec::new(),
    }
}

/// A read of the usage of a person, whatever it says: it is not what it was before the read.
async fn read(world: Arc<World>, person: usize, clock: Clock) -> Vec<String> {
    let Ok(Some(login)) = world.logins.find(&world.people[person].username).await else { return Vec::new() };
    let Ok(Some(account)) = world.table.get::<Account>(Account::key(login.user_id)).await else { return Vec::new() };
    let reader = UsageReader::new(world.table.clone(), clock.clone()).summing_from(SUMMED_FROM);
    let payer = Payer::new(login.user_id, Epoch::OfSessions(account.session_epoch));
    let today = Day::of(clock.now());
    let days = Days::new(Some(today.minus_days(2)), Some(today.plus_days(2)), today).unwrap();
    let read = reader.read(payer, days, RowLimit { bytes: 1 << 20 }).await;
    world.trace.line(format_args!("a reader of usage: {read:?}"));
    Vec::new()
}

/// An operator looks at the usage of a person, which sums it, and has the entries summed again. Whatever comes of it, another one
/// goes on at the end of the schedule.
async fn sum_again(world: Arc<World>, person: usize, clock: Clock) -> Vec<String> {
    read(world.clone(), person, clock.clone()).await;
    let Ok(Some(login)) = world.logins.find(&world.people[person].username).await else { return Vec::new() };
    let ledger = Ledger::new(world.table.clone(), clock.clone(), 0);
    let summed = ledger.sum_again(login.user_id, clock.now().plus(Duration::from_secs(60))).await;
    world.trace.line(format_args!("an operator who sums again: {summed:?}"));
    Vec::new()
}
