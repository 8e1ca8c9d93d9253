use super::*;

use acts::{ActFilter, ActReader, ActSubject};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::credits::Credits;
use domain::reason::Reason;
use domain::username::Username;
use identity::accounts::Accounts;
use ledger::account::Account;
use ledger::authority::Authority;
use ledger::bulk_grants::{JobCounts, RowId};
use ledger::gate::Accepting;
use ledger::grant::GrantAmount;
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::testing::TestTable;

struct DriverScene {
    test: TestTable,
    driver: Driver,
    ada: UserId,
    grace: UserId,
}

impl DriverScene {
    /// A deployment with a superuser, Grace, and with Ada, who has ten credits.
    async fn start() -> Self {
        let test = TestTable::start().await;
        let (table, clock) = (test.table.clone(), test.clock.clone());
        let bulk_grants = BulkGrants::new(table.clone(), clock.clone());
        let ledger = Ledger::new(table.clone(), clock.clone(), 10);
        let logins = Logins::new(table, clock.clone());
        let driver = Driver::new(bulk_grants, ledger, logins, clock);
        let (ada, grace) = (register(&test, "ada", 10).await, register(&test, "grace", 0).await);
        let scene = Self { test, driver, ada, grace };
        scene.set_staff(grace, true).await;
        scene
    }

    async fn set_staff(&self, user_id: UserId, staff: bool) {
        self.test.set(Account::key(user_id), "staff", AttributeValue::Bool(staff)).await;
    }

    async fn begin(&self, rows: &[BulkRow]) -> BulkJob {
        self.driver.bulk_grants.begin(rows, b"a file", 0, &recent(self.grace), soon()).await.unwrap()
    }

    /// Drives a job as a process does that is killed while its request of this number is under way. `None` if it was.
    async fn drive_until_killed(&self, job: &BulkJob, request: usize) -> Option<BulkJob> {
        self.test.recorder.clear();
        let origin = origin();
        let killed = async {
            while self.test.recorder.requests().len() < request {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = killed => None,
            job = self.driver.drive(job.clone(), &origin, soon()) => Some(job.unwrap()),
        }
    }

    async fn drive(&self, id: JobId) -> BulkJob {
        let job = self.driver.bulk_grants.find(id).await.unwrap().unwrap();
        self.driver.drive(job, &origin(), soon()).await.unwrap()
    }

    async fn balance(&self, user_id: UserId) -> u64 {
        let account: Account = self.test.table.get(Account::key(user_id)).await.unwrap().unwrap();
        account.balance.into()
    }

    async fn outcomes(&self, id: JobId) -> Vec<Option<RowOutcome>> {
        let rows = self.driver.bulk_grants.rows(id).await.unwrap();
        rows.into_iter().map(|judged| judged.result.map(|result| result.outcome)).collect()
    }
}

async fn register(test: &TestTable, username: &str, balance: u64) -> UserId {
    let accounts = Accounts::new(test.table.clone(), test.clock.clone());
    let (username, balance) = (Username::parse(username).unwrap(), Credits::new(balance).unwrap());
    let hash = serde_json::from_str("\"hash\"").unwrap();
    accounts.register(Accepting::unasked(), &username, hash, balance, soon()).await.unwrap()
}

fn row(id: &str, username: &str, amount: i64) -> BulkRow {
    BulkRow {
        id: RowId::try_from(id.to_owned()).unwrap(),
        username: Username::parse(username).unwrap(),
        amount: GrantAmount::at_most(Some(amount), Credits::MAX).unwrap(),
        reason: Reason::try_from("A course".to_owned()).unwrap(),
    }
}

/// Rows of one credit each for Ada.
fn rows(number: u32) -> Vec<BulkRow> {
    (0..number).map(|number| row(&format!("row-{number}"), "ada", 1)).collect()
}

fn origin() -> ActOrigin {
    ActOrigin::new(None, "a-request")
}

fn recent(user_id: UserId) -> RecentAuthority {
    RecentAuthority::of_recent_login(Authority::of_staff(user_id, 1, origin()))
}

fn soon() -> Timestamp {
    NOW.plus(Duration::from_secs(28))
}

#[tokio::test]
async fn each_row_has_its_own_outcome() {
    let scene = DriverScene::start().await;
    let before = scene.begin(&[row("one", "ada", 5)]).await;
    scene.drive(before.id).await;
    let file = [
        row("one", "ada", 5),
        row("two", "ADA", 7),
        row("three", "nobody", 1),
        row("four", "ada", -100),
        row("five", "grace", i64::try_from(u64::from(Credits::MAX)).unwrap()),
        row("six", "grace", 1),
    ];
    let job = scene.begin(&file).await;
    let job = scene.drive(job.id).await;
    let expected = [
        RowOutcome::Repeated,
        RowOutcome::Granted,
        RowOutcome::NoUser,
        RowOutcome::BalanceTooLow,
        RowOutcome::Granted,
        RowOutcome::TooManyCredits,
    ];
    assert_eq!(scene.outcomes(job.id).await, expected.map(Some));
    assert_eq!(job.counts, JobCounts { granted: 2, repeated: 1, refused: 3 });
    let changed = scene.begin(&[row("two", "ada", 8)]).await;
    scene.drive(changed.id).await;
    assert_eq!(scene.outcomes(changed.id).await, [Some(RowOutcome::Mismatch)]);
    assert_eq!(scene.balance(scene.ada).await, 22);
}

#[tokio::test]
async fn a_driver_that_is_killed_at_any_request_grants_each_row_once_all_the_same() {
    let number = 27_u32;
    let mut kills = 0;
    for request in (1..200).step_by(3) {
        let scene = DriverScene::start().await;
        let job = scene.begin(&rows(number)).await;
        let survived = scene.drive_until_killed(&job, request).await;
        // What was under way arrives, or does not.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let job = scene.drive(job.id).await;
        assert_eq!(
            (job.state, scene.balance(scene.ada).await),
            (JobState::Done, 10 + u64::from(number)),
            "at {request}"
        );
        assert_eq!(job.counts, JobCounts { granted: number, repeated: 0, refused: 0 }, "at {request}");
        if survived.is_some() {
            break;
        }
        kills += 1;
    }
    assert!(kills > 15, "{kills}");
}

#[tokio::test]
async fn drivers_at_once_grant_each_row_once() {
    let scene = DriverScene::start().await;
    let job = scene.begin(&rows(30)).await;
    let origin = origin();
    let drive = || scene.driver.drive(job.clone(), &origin, soon());
    let (one, two, three) = tokio::join!(drive(), drive(), drive());
    for job in [one, two, three] {
        assert!(job.unwrap().counts.granted <= 30, "one goes on, and the others leave");
    }
    let job = scene.drive(job.id).await;
    assert_eq!(job.counts, JobCounts { granted: 30, repeated: 0, refused: 0 });
    assert_eq!(scene.balance(scene.ada).await, 40);
    let filter = ActFilter { actor: None, subject: Some(ActSubject::Job(job.id)) };
    let acts = ActReader::new(scene.test.table.clone()).page(filter, None, 10).await.unwrap().acts;
    assert_eq!(acts.len(), 2, "one beginning and one end: {acts:?}");
}

#[tokio::test]
async fn lost_answers_grant_nothing_twice() {
    let scene = DriverScene::start().await;
    let job = scene.begin(&rows(3)).await;
    scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 3);
    let unknown = scene.driver.drive(job.clone(), &origin(), soon()).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable(_))), "{unknown:?}");
    let job = scene.drive(job.id).await;
    assert_eq!((scene.balance(scene.ada).await, job.counts.granted), (13, 3));
}

#[tokio::test]
async fn an_actor_who_is_demoted_in_the_middle_grants_no_further_row_and_another_superuser_resumes() {
    for request in [8, 40, 70] {
        let scene = DriverScene::start().await;
        let job = scene.begin(&rows(40)).await;
        scene.drive_until_killed(&job, request).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let granted = scene.balance(scene.ada).await;
        scene.set_staff(scene.grace, false).await;
        let stopped = scene.drive(job.id).await;
        assert_eq!((stopped.state, scene.balance(scene.ada).await), (JobState::Stopped, granted));
        assert_eq!(10 + u64::from(stopped.counts.granted), granted, "the report tells each row that was granted");
        assert_eq!(scene.drive(job.id).await, stopped, "nobody drives a job that is stopped");

        let hopper = register(&scene.test, "hopper", 0).await;
        scene.set_staff(hopper, true).await;
        let resumed = scene.driver.resume(job.id, &recent(hopper), soon()).await.unwrap().unwrap();
        assert_eq!((resumed.state, resumed.actor), (JobState::Running, hopper));
        let done = scene.drive(job.id).await;
        assert_eq!((done.counts.granted, scene.balance(scene.ada).await), (40, 50));
    }
}

#[tokio::test]
async fn a_driver_stops_in_time_and_the_next_one_goes_on() {
    let scene = DriverScene::start().await;
    let job = scene.begin(&rows(3)).await;
    let hardly_any_time = NOW.plus(SETTLING_RESERVE);
    assert_eq!(scene.driver.drive(job.clone(), &origin(), hardly_any_time).await.unwrap(), job);
    assert_eq!(scene.driver.resume(job.id, &recent(scene.grace), soon()).await.unwrap(), Some(job.clone()));
    assert_eq!(scene.drive(job.id).await.state, JobState::Done);
}

#[tokio::test]
async fn a_thousand_rows_are_a_job() {
    let scene = DriverScene::start().await;
    let job = scene.begin(&rows(1_000)).await;
    let job = scene.drive(job.id).await;
    assert_eq!((job.counts.granted, scene.balance(scene.ada).await), (1_000, 1_010));
}
