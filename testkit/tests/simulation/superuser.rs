//! Superusers, who give credits alone and by files, drive each other's files, and demote each other, while requests are under way.

use std::sync::Arc;
use std::time::Duration;

use crate::client::pause;
use crate::process::{Fate, Process, ProcessId};
use crate::world::World;
use shared::acts::ActOrigin;
use shared::admin::Driver;
use shared::domain::credits::Credits;
use shared::domain::ids::UserId;
use shared::domain::reason::Reason;
use shared::domain::time::{Clock, Timestamp};
use shared::domain::username::Username;
use shared::identity::accounts::{AccountChange, Accounts};
use shared::ledger::Ledger;
use shared::ledger::authority::{Authority, RecentAuthority};
use shared::ledger::bulk_grants::{BulkGrants, BulkRow, RowId};
use shared::ledger::grant::{Grant, GrantAmount, GrantId};

/// The number of a superuser's first process. Those of requests and of bookkeepers are far from it.
const FIRST_PROCESS: usize = 3_000_000;
/// The processes of one superuser.
const MOST_ACTS: usize = 10;
/// The files that superusers send. They are few, so that each is sent several times.
const FILES: usize = 2;

/// A superuser. Several people may act as one at the same time.
pub(super) struct Superuser {
    pub(super) world: Arc<World>,
    pub(super) number: usize,
    /// All superusers, with the one who acts at the head.
    pub(super) superusers: Vec<(UserId, Username)>,
    pub(super) generator: fastrand::Rng,
}

impl Superuser {
    /// Acts some times, in processes that die and freeze.
    pub(super) async fn run(mut self) {
        for act in 0..self.generator.usize(3..=MOST_ACTS) {
            pause(&mut self.generator).await;
            let id = ProcessId(FIRST_PROCESS + MOST_ACTS * self.number + act);
            let fate = Fate::random(&mut self.generator);
            let desk = SuperuserDesk::of(&self.world, self.superusers[0].0);
            let file = self.generator.usize(..FILES);
            // Whatever comes of it: the verdict looks at what was written.
            let _ = match self.generator.u8(..10) {
                0..3 => tokio::spawn(Process::new(id, fate, desk.send(file))).await,
                3..5 => tokio::spawn(Process::new(id, fate, desk.resume())).await,
                5..7 => tokio::spawn(Process::new(id, fate, desk.keep_jobs())).await,
                7..9 => {
                    let amount = self.generator.i64(-5..=20);
                    tokio::spawn(Process::new(id, fate, desk.give(file, amount))).await
                }
                _ => {
                    let (_, other) = self.superusers[1].clone();
                    let staff = self.generator.u8(..3) > 0;
                    tokio::spawn(Process::new(id, fate, desk.change(other, staff))).await
                }
            };
        }
    }
}

/// The functions of superusers, in one request.
struct SuperuserDesk {
    world: Arc<World>,
    user_id: UserId,
    bulk_grants: BulkGrants,
    ledger: Ledger,
    driver: Driver,
}

impl SuperuserDesk {
    fn of(world: &Arc<World>, user_id: UserId) -> Self {
        let bulk_grants = BulkGrants::new(world.table.clone(), world.clock.clone());
        let ledger = Ledger::new(world.table.clone(), world.clock.clone(), 0);
        let driver = Driver::new(bulk_grants.clone(), ledger.clone(), world.logins.clone(), world.clock.clone());
        Self { world: world.clone(), user_id, bulk_grants, ledger, driver }
    }

    fn deadline(&self) -> Timestamp {
        self.world.clock.now().plus(Duration::from_secs(28))
    }

    fn authority(&self) -> RecentAuthority {
        RecentAuthority::of_recent_login(Authority::of_staff(self.user_id, 1, origin()))
    }

    /// Sends a file, as `POST /admin/jobs/` takes it.
    async fn send(self, file: usize) {
        let deadline = self.deadline();
        let rows = self.rows(file);
        let begun = self.bulk_grants.begin(&rows, b"a file", 0, &self.authority(), deadline).await;
        self.world.trace.line(format_args!("a superuser sends file {file}: {begun:?}"));
        if let Ok(job) = begun {
            let driven = self.driver.drive(job, &origin(), deadline).await;
            self.world.trace.line(format_args!("a superuser drives file {file}: {driven:?}"));
        }
    }

    /// Goes on with the newest job, as `POST /admin/jobs/{id}/` does.
    async fn resume(self) {
        let deadline = self.deadline();
        let Ok(page) = self.bulk_grants.page(None, 1).await else { return };
        let Some(newest) = page.jobs.first() else { return };
        let resumed = self.driver.resume(newest.id, &self.authority(), deadline).await;
        self.world.trace.line(format_args!("a superuser resumes {}: {resumed:?}", newest.id));
        if let Ok(Some(job)) = resumed {
            let _ = self.driver.drive(job, &origin(), deadline).await;
        }
    }

    /// Drives what is open, as the schedule does.
    async fn keep_jobs(self) {
        drive_all(&self.bulk_grants, &self.driver, self.deadline()).await;
    }

    /// Gives credits to somebody, as `POST /admin/users/{id}/grants/` does.
    async fn give(self, number: usize, amount: i64) {
        let username = &self.world.people[number % self.world.people.len()].username;
        let Ok(Some(login)) = self.world.logins.find(username).await else { return };
        let Ok(amount) = GrantAmount::at_most(Some(amount), Credits::MAX) else { return };
        let id = GrantId::try_from(format!("present-{number}-{}", amount.signed())).unwrap();
        let grant = Grant { amount, reason: a_reason(), id };
        let granted = self.ledger.grant(login.user_id, &grant, &self.authority(), self.deadline()).await;
        self.world.trace.line(format_args!("a superuser gives: {granted:?}"));
    }

    /// Promotes or demotes another superuser.
    async fn change(self, other: Username, staff: bool) {
        let change = AccountChange { staff: Some(staff), ..AccountChange::default() };
        let changed =
            self.world.accounts.change(&other.into(), change, None, &self.authority(), self.deadline()).await.is_ok();
        self.world.trace.line(format_args!("a superuser makes another one staff or not, {staff}: {changed}"));
    }

    /// The rows of a file, which are the same whoever sends it. A chunk has fewer rows than the longest.
    fn rows(&self, file: usize) -> Vec<BulkRow> {
        let people = &self.world.people;
        let row = |number: usize| BulkRow {
            id: RowId::try_from(format!("file-{file}-{number}")).unwrap(),
            username: people[(file + number) % people.len()].username.clone(),
            amount: GrantAmount::at_most(Some([3, 1, -2, 4][number % 4]), Credits::MAX).unwrap(),
            reason: a_reason(),
        };
        (0..[4, 27][file]).map(row).collect()
    }
}

/// Makes the accounts of superusers.
pub(super) async fn promote(accounts: &Accounts, usernames: &[Username], deadline: Timestamp) {
    let operator = RecentAuthority::operator(origin());
    for username in usernames {
        let change = AccountChange { staff: Some(true), ..AccountChange::default() };
        accounts.change(&username.clone().into(), change, None, &operator, deadline).await.unwrap();
    }
}

/// Ends all jobs that can go on, when nobody else does any more.
pub(super) async fn finish_jobs(world: &World, clock: &Clock) {
    let bulk_grants = BulkGrants::new(world.table.clone(), clock.clone());
    let ledger = Ledger::new(world.table.clone(), clock.clone(), 0);
    let driver = Driver::new(bulk_grants.clone(), ledger, world.logins.clone(), clock.clone());
    drive_all(&bulk_grants, &driver, clock.now().plus(Duration::from_secs(600))).await;
}

async fn drive_all(bulk_grants: &BulkGrants, driver: &Driver, deadline: Timestamp) {
    for id in bulk_grants.open().await.unwrap_or_default() {
        if let Ok(Some(job)) = bulk_grants.find(id).await {
            let _ = driver.drive(job, &origin(), deadline).await;
        }
    }
}

fn origin() -> ActOrigin {
    ActOrigin::new(None, "a-request")
}

fn a_reason() -> Reason {
    Reason::try_from("a present".to_owned()).unwrap()
}
