//! Benefactors, who change allowances and give credits while requests are under way.

use std::sync::Arc;
use std::time::Duration;

use crate::client::pause;
use crate::process::{Fate, Process, ProcessId};
use crate::world::World;
use serde_json::json;
use shared::acts::ActOrigin;
use shared::domain::allowance::AllowanceTerms;
use shared::domain::credits::Credits;
use shared::domain::period::PeriodLength;
use shared::domain::reason::Reason;
use shared::domain::term_change::TermChange;
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::identity::accounts::{AccountChange, Accounts};
use shared::ledger::Ledger;
use shared::ledger::authority::RecentAuthority;
use shared::ledger::grant::{Grant, GrantAmount, GrantId};
use store::Table;

/// The number of a benefactor's first process. Those of requests and of bookkeepers are far from it.
const FIRST_PROCESS: usize = 2_000_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A benefactor of all people.
pub(super) struct Benefactor {
    pub(super) world: Arc<World>,
    pub(super) generator: fastrand::Rng,
}

impl Benefactor {
    /// Changes allowances and gives credits some times, in processes that die and freeze.
    pub(super) async fn run(mut self) {
        for act in 0..self.generator.usize(2..=6) {
            pause(&mut self.generator).await;
            let fate = Fate::random(&mut self.generator);
            let world = self.world.clone();
            let person = self.generator.usize(..world.people.len());
            let id = ProcessId(FIRST_PROCESS + act);
            // Whatever comes of it, the witness has seen what was written.
            if self.generator.u8(..5) < 3 {
                let amount = self.generator.u64(1..=40);
                let _ = tokio::spawn(Process::new(id, fate, give(world, person, amount, act))).await;
            } else {
                let change = (self.generator.u8(..4) > 0).then(|| any_terms(&mut self.generator));
                let _ = tokio::spawn(Process::new(id, fate, change_allowance(world, person, change))).await;
            }
        }
    }
}

async fn give(world: Arc<World>, person: usize, amount: u64, number: usize) {
    let Ok(Some(login)) = world.logins.find(&world.people[person].username).await else { return };
    let grant = Grant {
        amount: GrantAmount::try_from(json!(amount)).unwrap(),
        reason: a_reason(),
        id: GrantId::try_from(format!("present-{number}")).unwrap(),
    };
    let ledger = Ledger::new(world.table.clone(), world.clock.clone(), 0);
    let granted = ledger.grant(login.user_id, &grant, &an_operator(), soon(&world.clock)).await;
    world.trace.line(format_args!("a benefactor gives {amount}: {granted:?}"));
}

async fn change_allowance(world: Arc<World>, person: usize, terms: Option<AllowanceTerms>) {
    let username = world.people[person].username.clone();
    let change = AccountChange { allowance: TermChange::To(terms), ..AccountChange::default() };
    let (operator, reason) = (an_operator(), a_reason());
    let changed =
        world.accounts.change(&username.into(), change, Some(&reason), &operator, soon(&world.clock)).await.is_ok();
    world.trace.line(format_args!("a benefactor changes an allowance to {terms:?}: {changed}"));
}

/// Most people have an allowance from the beginning, and some have had one for so long that several periods are due.
pub(super) async fn give_first_allowance(
    table: &Table,
    clock: &Clock,
    username: &Username,
    generator: &mut fastrand::Rng,
) {
    if generator.u8(..6) == 0 {
        return;
    }
    let days = [0, 0, 1, 3, 40][generator.usize(..5)];
    let then = Clock::simulated(clock.now().minus(DAY * days));
    let accounts = Accounts::new(table.clone(), then.clone());
    let change = AccountChange { allowance: TermChange::To(Some(any_terms(generator))), ..AccountChange::default() };
    let (operator, reason) = (an_operator(), a_reason());
    accounts.change(&username.clone().into(), change, Some(&reason), &operator, soon(&then)).await.unwrap();
}

/// Terms of which a message takes a part.
fn any_terms(generator: &mut fastrand::Rng) -> AllowanceTerms {
    let lengths = [PeriodLength::Day, PeriodLength::Day, PeriodLength::Week, PeriodLength::Month];
    let credits = generator.u64(1..=30);
    let cap = credits + [0, generator.u64(..=30), 60][generator.usize(..3)];
    let per = lengths[generator.usize(..lengths.len())];
    AllowanceTerms::new(Credits::new(credits).unwrap(), per, Credits::new(cap).unwrap()).unwrap()
}

fn an_operator() -> RecentAuthority {
    RecentAuthority::operator(ActOrigin::new(None, "a-request"))
}

fn a_reason() -> Reason {
    Reason::try_from("a present".to_owned()).unwrap()
}

fn soon(clock: &Clock) -> Timestamp {
    clock.now().plus(Duration::from_secs(28))
}
