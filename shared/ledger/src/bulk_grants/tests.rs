use super::*;

use std::time::Duration;

use acts::{ActFilter, ActReader, RecordedAct};
use domain::credits::Credits;
use domain::ids::UserId;
use domain::reason::Reason;
use domain::username::Username;
use testkit::recorder::Fault;
use testkit::test_table::{NOW, TestTable};

use crate::account::Account;
use crate::authority::Authority;
use crate::error::GrantError;
use crate::grant::GrantAmount;
use crate::ledger::Ledger;
use crate::testing::open_account;

struct JobScene {
    test: TestTable,
    jobs: BulkGrants,
    ledger: Ledger,
    grace: UserId,
}

impl JobScene {
    /// A deployment with a superuser, Grace, and with Ada.
    async fn start() -> Self {
        let test = TestTable::start().await;
        let jobs = BulkGrants::new(test.table.clone(), test.clock.clone());
        let ledger = Ledger::new(test.table.clone(), test.clock.clone(), 10);
        open_account(&test, "ada", 10).await;
        let scene = Self { grace: open_account(&test, "grace", 0).await.user_id(), test, jobs, ledger };
        scene.set_staff(scene.grace, true).await;
        scene
    }

    async fn set_staff(&self, user_id: UserId, staff: bool) {
        self.test.set(Account::key(user_id), "staff", AttributeValue::Bool(staff)).await;
    }

    async fn begin(&self, rows: usize) -> Result<BulkJob, BulkGrantError> {
        let rows: Vec<BulkRow> = (0..rows).map(row).collect();
        self.jobs.begin(&rows, b"id,username\n", 3, &recent(self.grace), soon()).await
    }

    /// Acts of one millisecond have no order.
    fn pass(&self) {
        self.test.clock.advance(Duration::from_millis(1));
    }

    /// Settles the next chunk with this outcome for each row.
    async fn settle(&self, job: &BulkJob, outcome: RowOutcome) -> Option<BulkJob> {
        let chunk = self.judged(job, outcome).await;
        self.pass();
        self.jobs.settle(job, &chunk, &origin(), soon()).await.unwrap()
    }

    async fn judged(&self, job: &BulkJob, outcome: RowOutcome) -> Chunk {
        let mut chunk = self.jobs.next_chunk(job).await.unwrap().unwrap();
        for row in &mut chunk.rows {
            row.result = Some(RowResult::refused(outcome));
        }
        chunk
    }

    /// The acts on `job`, the oldest first.
    async fn acts(&self, job: &BulkJob) -> Vec<RecordedAct> {
        let filter = ActFilter { actor: None, subject: Some(ActSubject::Job(job.id)) };
        let mut acts = ActReader::new(self.test.table.clone()).page(filter, None, 100).await.unwrap().acts;
        acts.reverse();
        acts
    }
}

fn row(number: usize) -> BulkRow {
    BulkRow {
        id: RowId::try_from(format!("row-{number}")).unwrap(),
        username: Username::parse("ada").unwrap(),
        amount: GrantAmount::at_most(Some(if number == 1 { -2 } else { 5 }), Credits::MAX).unwrap(),
        reason: Reason::try_from("a course".to_owned()).unwrap(),
    }
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
async fn a_job_is_begun_with_all_of_its_rows_and_settled_chunk_by_chunk() {
    let scene = JobScene::start().await;
    let job = scene.begin(60).await.unwrap();
    assert_eq!((job.state, job.rows, job.waiting(), job.given, job.taken), (JobState::Running, 60, 60, 59 * 5, 2));
    assert_eq!(scene.jobs.open().await.unwrap(), [job.id]);
    let rows: Vec<BulkRow> = scene.jobs.rows(job.id).await.unwrap().into_iter().map(|judged| judged.row).collect();
    assert_eq!(rows, (0..60).map(row).collect::<Vec<_>>());

    let job = scene.settle(&job, RowOutcome::Granted).await.unwrap();
    assert_eq!((job.waiting(), job.counts.granted), (35, 25));
    let job = scene.settle(&job, RowOutcome::NoUser).await.unwrap();
    let job = scene.settle(&job, RowOutcome::Repeated).await.unwrap();
    assert_eq!((job.state, job.waiting()), (JobState::Done, 0));
    assert_eq!(job.counts, JobCounts { granted: 25, repeated: 10, refused: 25 });
    assert_eq!(scene.jobs.find(job.id).await.unwrap(), Some(job.clone()));
    assert_eq!(scene.jobs.open().await.unwrap(), []);
    let outcomes = scene.jobs.rows(job.id).await.unwrap().into_iter().map(|judged| judged.result.unwrap().outcome);
    assert_eq!(outcomes.filter(|outcome| *outcome == RowOutcome::NoUser).count(), 25);
}

#[tokio::test]
async fn the_beginning_and_the_end_of_a_job_are_acts() {
    let scene = JobScene::start().await;
    let job = scene.begin(2).await.unwrap();
    let job = scene.settle(&job, RowOutcome::Granted).await.unwrap();
    let acts = scene.acts(&job).await;
    let told: Vec<(&str, &str)> = acts.iter().map(|act| (act.act.as_str(), act.actor.as_str())).collect();
    let grace = scene.grace.to_string();
    assert_eq!(told, [("begin_bulk_grant", grace.as_str()), ("end_bulk_grant", grace.as_str())]);
    assert_eq!(acts[0].after["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&acts[0].after["rows"], &acts[0].after["given"], &acts[0].after["taken"]),
        (&json!(2), &json!(5), &json!(2))
    );
    assert_eq!(acts[1].before, json!({"state": "running"}));
    assert_eq!(acts[1].after, json!({"state": "done", "granted": 2, "repeated": 0, "refused": 0}));
}

#[tokio::test]
async fn of_two_drivers_one_settles_a_chunk() {
    let scene = JobScene::start().await;
    let job = scene.begin(30).await.unwrap();
    let (slow, fast) = (scene.judged(&job, RowOutcome::Repeated).await, scene.judged(&job, RowOutcome::Granted).await);
    assert!(scene.jobs.settle(&job, &fast, &origin(), soon()).await.unwrap().is_some());
    assert_eq!(scene.jobs.settle(&job, &slow, &origin(), soon()).await.unwrap(), None);
    assert_eq!(scene.jobs.find(job.id).await.unwrap().unwrap().counts.granted, 25);
    let first = scene.jobs.rows(job.id).await.unwrap().remove(0);
    assert_eq!(first.result.unwrap().outcome, RowOutcome::Granted);
}

#[tokio::test]
async fn a_job_whose_actor_is_no_longer_staff_stops_and_another_superuser_resumes_it() {
    let scene = JobScene::start().await;
    let job = scene.begin(30).await.unwrap();
    let job = scene.settle(&job, RowOutcome::Granted).await.unwrap();
    scene.set_staff(scene.grace, false).await;
    let refused = scene.ledger.grant(scene.grace, &row(0).grant(), &job.authority(origin()), soon()).await;
    assert!(matches!(refused, Err(GrantError::AuthorityLost(_))), "{refused:?}");
    scene.pass();
    let chunk = scene.jobs.next_chunk(&job).await.unwrap().unwrap();
    let stopped = scene.jobs.stop(&job, &chunk, &origin(), soon()).await.unwrap().unwrap();
    assert_eq!((stopped.state, scene.jobs.open().await.unwrap()), (JobState::Stopped, Vec::new()));

    let lost = scene.jobs.take_over(&stopped, &recent(scene.grace), soon()).await;
    assert!(matches!(lost, Err(BulkGrantError::AuthorityLost(_))), "{lost:?}");
    let hopper = open_account(&scene.test, "hopper", 0).await.user_id();
    scene.set_staff(hopper, true).await;
    scene.pass();
    let resumed = scene.jobs.take_over(&stopped, &recent(hopper), soon()).await.unwrap().unwrap();
    assert_eq!((resumed.state, resumed.actor, resumed.waiting()), (JobState::Running, hopper, 5));
    assert_eq!(scene.jobs.open().await.unwrap(), [job.id]);
    assert_eq!(scene.jobs.take_over(&stopped, &recent(hopper), soon()).await.unwrap(), None, "it was seen as stopped");
    let done = scene.settle(&resumed, RowOutcome::Granted).await.unwrap();
    assert_eq!(done.state, JobState::Done);
    let acts = scene.acts(&job).await;
    let words: Vec<&str> = acts.iter().map(|act| act.act.as_str()).collect();
    assert_eq!(words, ["begin_bulk_grant", "end_bulk_grant", "resume_bulk_grant", "end_bulk_grant"]);
    assert_eq!((acts[1].actor.clone(), acts[3].actor.clone()), (scene.grace.to_string(), hopper.to_string()));
}

#[tokio::test]
async fn whoever_is_no_longer_staff_begins_no_job() {
    let scene = JobScene::start().await;
    scene.set_staff(scene.grace, false).await;
    let refused = scene.begin(3).await;
    assert!(matches!(refused, Err(BulkGrantError::AuthorityLost(_))), "{refused:?}");
    assert_eq!(scene.jobs.page(None, 10).await.unwrap(), JobPage { jobs: Vec::new(), next: None });
}

#[tokio::test]
async fn the_largest_job_is_begun_at_once_also_if_the_answer_is_lost() {
    let scene = JobScene::start().await;
    scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
    let job = scene.begin(MAX_ROWS_OF_A_JOB).await.unwrap();
    assert_eq!(scene.jobs.rows(job.id).await.unwrap().len(), MAX_ROWS_OF_A_JOB);
    assert_eq!(scene.acts(&job).await.len(), 1);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_page_by_page() {
    let scene = JobScene::start().await;
    let mut begun = Vec::new();
    for _ in 0..3 {
        scene.test.clock.advance(Duration::from_millis(1));
        begun.insert(0, scene.begin(1).await.unwrap());
    }
    let first = scene.jobs.page(None, 2).await.unwrap();
    assert_eq!((first.jobs.as_slice(), first.next), (&begun[..2], Some(begun[1].id)));
    let second = scene.jobs.page(first.next, 2).await.unwrap();
    assert_eq!((second.jobs.as_slice(), second.next), (&begun[2..], None));
}

#[tokio::test]
async fn a_row_of_a_job_is_no_act_and_its_repetition_in_the_same_job_is_the_jobs_own_grant() {
    let scene = JobScene::start().await;
    let job = scene.begin(1).await.unwrap();
    let ada = open_account(&scene.test, "bob", 0).await.user_id();
    let authority = job.authority(origin());
    let (grant, before) = (row(0).grant(), scene.test.isolated.items().await.len());
    let first = scene.ledger.grant(ada, &grant, &authority, soon()).await.unwrap();
    assert_eq!(scene.test.isolated.items().await.len(), before + 2, "the entry and the grant's record");
    assert_eq!(scene.ledger.grant(ada, &grant, &authority, soon()).await.unwrap(), first);
    assert_eq!(scene.jobs.count_used(&[row(0), row(1)]).await.unwrap(), 1);
    let other = scene.begin(1).await.unwrap();
    assert!(scene.ledger.grant(ada, &grant, &other.authority(origin()), soon()).await.unwrap().repeated);
    assert!(scene.ledger.grant(ada, &grant, &recent(scene.grace), soon()).await.unwrap().repeated);
}

#[tokio::test]
async fn staff_may_be_in_their_own_file() {
    let scene = JobScene::start().await;
    let job = scene.begin(1).await.unwrap();
    let granted = scene.ledger.grant(scene.grace, &row(0).grant(), &job.authority(origin()), soon()).await.unwrap();
    assert_eq!(u64::from(granted.balance), 5);
    scene.set_staff(scene.grace, false).await;
    let refused = scene.ledger.grant(scene.grace, &row(2).grant(), &job.authority(origin()), soon()).await;
    assert!(matches!(refused, Err(GrantError::AuthorityLost(_))), "{refused:?}");
}

#[tokio::test]
async fn a_driver_whose_claim_is_lost_grants_no_row_and_settles_no_chunk() {
    let scene = JobScene::start().await;
    let job = scene.begin(30).await.unwrap();
    let slow = scene.jobs.claim(&job, &origin(), soon()).await.unwrap().unwrap();
    let fast = scene.jobs.claim(&slow, &origin(), soon()).await.unwrap().unwrap();
    assert_eq!(scene.jobs.claim(&slow, &origin(), soon()).await.unwrap(), None);
    let hopper = open_account(&scene.test, "hopper", 0).await.user_id();
    for user_id in [hopper, scene.grace] {
        let refused = scene.ledger.grant(user_id, &row(0).grant(), &slow.authority(origin()), soon()).await;
        assert!(matches!(refused, Err(GrantError::ClaimLost)), "{refused:?}");
    }
    assert_eq!(scene.settle(&slow, RowOutcome::NoUser).await, None);
    scene.ledger.grant(hopper, &row(0).grant(), &fast.authority(origin()), soon()).await.unwrap();
    assert_eq!(scene.settle(&fast, RowOutcome::Granted).await.unwrap().counts.granted, 25);
}
