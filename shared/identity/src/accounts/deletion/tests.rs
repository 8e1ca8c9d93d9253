//! Deletions, alone and with whatever else happens to the account.

use super::*;

use acts::{ActFilter, ActReader};
use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId, SessionId};
use domain::message::Message;
use ledger::admission::Admission;
use ledger::audit::{Audit, Report};
use ledger::exchange::{Bill, Exchange};
use ledger::gate::{Accepting, Gate};
use ledger::grant::GrantError;
use ledger::grant::{Grant, GrantAmount};
use ledger::hold::{HoldOutcome, Order};
use ledger::idempotency::{IdempotencyKey, Remembered};
use ledger::paying_key::KeyLimits;
use ledger::{Held, Ledger, LedgerError};
use store::Key;
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::accounts::{AccountChange, SuperuserCount, UserRef};
use crate::api_keys::{ApiKeyLifetime, ApiKeyTerms, ApiKeys, NewApiKey};
use crate::error::ChangeError;
use crate::jwt::RefreshTerms;
use crate::sessions::{Opening, Sessions};
use crate::testing::{TestPeople, an_operator, proven, stored_reply};

struct DeletionScene {
    test: TestPeople,
    ledger: Ledger,
    deletion: Deletion,
    sessions: Sessions,
    username: Username,
    ada: LoggedIn,
}

impl DeletionScene {
    async fn start() -> Self {
        let test = TestPeople::start().await;
        let (table, clock) = (test.table.clone(), test.clock.clone());
        let ada = test.person("ada", 1000).await;
        Self {
            ledger: Ledger::new(table.clone(), clock.clone(), 10),
            deletion: Deletion::new(table.clone(), clock.clone()),
            sessions: Sessions::new(table, clock),
            username: Username::parse("Ada").unwrap(),
            ada,
            test,
        }
    }

    async fn login(&self) -> Login {
        self.test.logins().find(&self.username).await.unwrap().unwrap()
    }

    async fn begin_session(&self, login: &Login) -> Result<SessionId, IdentityError> {
        let (id, issued_at) = (TokenId::new(&self.test.clock), NOW);
        let refresh = RefreshTerms { id, issued_at, expires_at: NOW.plus(Duration::from_secs(600)) };
        let proven = proven(login);
        let opening = Opening { proven: &proven, renewed_hash: None, refresh, user_agent: None };
        self.sessions.begin(&opening, soon()).await
    }

    async fn hold(&self, key: Option<&IdempotencyKey>) -> Result<Held, LedgerError> {
        let amount = Credits::new(1).unwrap();
        let remembered = key.map(|key| Remembered::message(key.clone(), &message()));
        let gate = Gate::without_operator(self.test.clock.clone());
        let Admission::Open(open) = self.ledger.admit(&gate, self.ada.payer(), remembered).await? else {
            panic!("nothing was answered before")
        };
        match self.ledger.hold(open, &Order { amount, least: amount, deadline: soon() }).await? {
            HoldOutcome::Held(held) => Ok(held),
            _ => panic!("was not held"),
        }
    }

    async fn capture(&self, held: &Held) -> Result<(), LedgerError> {
        let (message, bill) = (message(), Bill::of(Credits::new(1).unwrap()));
        let (reply, conversation) = (stored_reply("Hi"), Some(ConversationId::FIRST));
        let exchange = Exchange { message: &message, reply: &reply, conversation, bill };
        self.ledger.capture(held, exchange).await.map(|_| ())
    }

    /// Sends this number of messages, each with an idempotency record.
    async fn chat(&self, messages: usize) {
        for number in 0..messages {
            let key = IdempotencyKey::parse(&format!("key-{number}")).unwrap();
            self.capture(&self.hold(Some(&key)).await.unwrap()).await.unwrap();
        }
    }

    async fn make_api_keys(&self, keys: usize) {
        let api_keys = ApiKeys::new(self.test.table.clone(), self.test.clock.clone());
        let name = "my program".to_owned().try_into().unwrap();
        let terms = ApiKeyTerms { name, lifetime: ApiKeyLifetime::default(), limits: KeyLimits::default() };
        self.test.end_session_at(&self.ada, soon()).await;
        for _ in 0..keys {
            let room = api_keys.room(&self.ada).await.unwrap();
            let proven = proven(&self.login().await);
            let new = NewApiKey { person: &self.ada, proven: &proven, terms: &terms };
            api_keys.make(&new, room, soon()).await.unwrap();
        }
    }

    async fn begin(&self) -> Result<(), IdentityError> {
        self.begin_as(&self.login().await).await
    }

    /// Begins it as somebody who has just proved to know the password of `login`.
    async fn begin_as(&self, login: &Login) -> Result<(), IdentityError> {
        self.begin_as_seen(login, &self.deletion.read(&self.ada).await?).await
    }

    /// The same, after the account was read as `seen`.
    async fn begin_as_seen(&self, login: &Login, seen: &Account) -> Result<(), IdentityError> {
        self.deletion.begin(&self.ada, &proven(login), seen, soon()).await
    }

    async fn finish(&self, deadline: Timestamp) -> Result<DeletionProgress, StoreError> {
        self.deletion.finish(self.ada.user_id(), &self.username, deadline).await
    }

    /// Everything in the table but the tombstones.
    async fn left(&self) -> Vec<String> {
        let items = self.test.isolated.items().await.into_iter();
        let items = items.filter(|item| item["sk"]["S"] != Tombstone::SORT_KEY);
        items.map(|item| format!("{} {}", item["pk"]["S"], item["sk"]["S"])).collect()
    }
}

fn soon() -> Timestamp {
    NOW.plus(Duration::from_secs(28))
}

fn message() -> Message {
    Message::try_from("Hello".to_owned()).unwrap()
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_account_and_its_name_is_free() {
    let scene = DeletionScene::start().await;
    scene.chat(60).await;
    scene.make_api_keys(3).await;
    let _held = scene.hold(None).await.unwrap();
    scene.begin_session(&scene.login().await).await.unwrap();
    scene.begin().await.unwrap();
    assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
    assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
    assert!(matches!(scene.deletion.read(&scene.ada).await, Err(IdentityError::TokenNotValid(_))));
    assert_ne!(scene.test.register("ADA", 1).await, scene.ada.user_id());
}

#[tokio::test]
async fn sessions_that_ended_everywhere_are_deleted_too_however_many_they_were() {
    let scene = DeletionScene::start().await;
    for _ in 0..250 {
        let past = scene.test.subject(scene.ada.user_id()).into();
        scene.test.end_session_at(&past, soon()).await;
    }
    scene.begin().await.unwrap();
    assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
    assert!(scene.left().await.is_empty(), "{:?}", scene.left().await.len());
}

#[tokio::test]
async fn the_name_is_taken_until_everything_else_is_gone() {
    let scene = DeletionScene::start().await;
    scene.chat(1).await;
    scene.begin().await.unwrap();
    let hash = scene.login().await.password_hash;
    let accounts = scene.test.accounts();
    let taken = accounts.register(Accepting::unasked(), &scene.username, hash, Credits::ZERO, soon()).await;
    assert!(matches!(taken, Err(IdentityError::UsernameTaken)));
}

#[tokio::test]
async fn an_account_that_is_being_deleted_is_closed_to_everything_but_its_deletion() {
    let scene = DeletionScene::start().await;
    let login = scene.login().await;
    scene.begin().await.unwrap();
    assert!(matches!(scene.test.accounts().read(&scene.ada).await, Err(IdentityError::TokenNotValid(_))));
    assert!(matches!(scene.hold(None).await, Err(LedgerError::Closed(Closed::Deleting))));
    assert!(matches!(scene.begin_session(&login).await, Err(IdentityError::InvalidCredentials)));
    assert!(matches!(scene.begin_session(&scene.login().await).await, Err(IdentityError::InvalidCredentials)));
    let accounts = scene.test.accounts();
    for outcome in
        [accounts.activate(&scene.username, soon()).await, accounts.deactivate(&scene.username, soon()).await]
    {
        assert!(matches!(outcome, Err(ChangeError::DeletionInProgress)));
    }
    let grant = Grant {
        amount: GrantAmount::try_from(serde_json::json!(5)).unwrap(),
        reason: "a present".to_owned().try_into().unwrap(),
        id: "present".to_owned().try_into().unwrap(),
    };
    let operator = an_operator();
    let granted = scene.ledger.grant(scene.ada.user_id(), &grant, &operator, soon()).await;
    assert!(matches!(granted, Err(GrantError::DeletionInProgress)));
    assert!(scene.deletion.read(&scene.ada).await.is_ok());
}

#[tokio::test]
async fn the_last_superuser_stays_and_another_one_may_go() {
    let scene = DeletionScene::start().await;
    let promote = async |username: &str| {
        let user = Username::parse(username).unwrap().into();
        let change = AccountChange { staff: Some(true), ..AccountChange::default() };
        scene.test.accounts().change(&user, change, None, &an_operator(), soon()).await.unwrap();
    };
    promote("ada").await;
    assert!(matches!(scene.begin().await, Err(IdentityError::LastSuperuser)));
    assert!(scene.test.accounts().read(&scene.ada).await.is_ok(), "nothing was written");
    scene.test.register("grace", 0).await;
    promote("grace").await;
    scene.begin().await.unwrap();
    assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
    let count: SuperuserCount = scene.test.table.get(SuperuserCount::key()).await.unwrap().unwrap();
    assert_eq!(count.active, 1);
}

#[tokio::test]
async fn whoever_becomes_staff_after_the_read_is_counted_all_the_same() {
    let scene = DeletionScene::start().await;
    let seen = scene.deletion.read(&scene.ada).await.unwrap();
    scene.test.register("grace", 0).await;
    for username in ["ada", "grace"] {
        let user = Username::parse(username).unwrap().into();
        let change = AccountChange { staff: Some(true), ..AccountChange::default() };
        scene.test.accounts().change(&user, change, None, &an_operator(), soon()).await.unwrap();
    }
    scene.begin_as_seen(&scene.login().await, &seen).await.unwrap();
    let count: SuperuserCount = scene.test.table.get(SuperuserCount::key()).await.unwrap().unwrap();
    assert_eq!(count.active, 1);
}

#[tokio::test]
async fn a_chat_in_flight_stores_nothing_wherever_the_deletion_meets_it() {
    for finishes_first in [false, true] {
        let scene = DeletionScene::start().await;
        let held = scene.hold(None).await.unwrap();
        scene.begin().await.unwrap();
        if finishes_first {
            scene.finish(soon()).await.unwrap();
        }
        assert!(matches!(scene.capture(&held).await, Err(LedgerError::Unavailable(_))));
        scene.ledger.release(&held).await;
        scene.finish(soon()).await.unwrap();
        assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
    }
}

#[tokio::test]
async fn a_login_in_flight_leaves_no_session_wherever_the_deletion_meets_it() {
    for finishes_first in [false, true] {
        let scene = DeletionScene::start().await;
        let login = scene.login().await;
        scene.begin().await.unwrap();
        if finishes_first {
            scene.finish(soon()).await.unwrap();
        }
        assert!(matches!(scene.begin_session(&login).await, Err(IdentityError::InvalidCredentials)));
        scene.finish(soon()).await.unwrap();
        assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
    }
}

#[tokio::test]
async fn a_deletion_without_time_deletes_a_page_and_goes_on_the_next_time() {
    let scene = DeletionScene::start().await;
    scene.chat(120).await;
    scene.begin().await.unwrap();
    let before = scene.left().await.len();
    assert_eq!(scene.finish(NOW).await.unwrap(), DeletionProgress::OutOfTime);
    assert_eq!(before - scene.left().await.len(), 100);
    assert!(scene.deletion.read(&scene.ada).await.is_ok(), "the same token goes on");
    let mut rounds = 0;
    while scene.finish(NOW).await.unwrap() == DeletionProgress::OutOfTime {
        rounds += 1;
    }
    assert_eq!(rounds, 2);
    assert!(scene.left().await.is_empty());
}

#[tokio::test]
async fn a_deletion_that_fails_half_way_goes_on() {
    let scene = DeletionScene::start().await;
    scene.chat(40).await;
    scene.begin().await.unwrap();
    for operation in ["Query", "BatchWriteItem", "TransactWriteItems"] {
        scene.test.recorder.fail_next(operation, Fault::NotApplied, 100);
        assert!(matches!(scene.finish(soon()).await, Err(StoreError::Unavailable(_))), "{operation}");
        scene.test.recorder.forget_faults();
    }
    scene.test.recorder.fail_next("TransactWriteItems", Fault::AnswerLost, 1);
    assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
    assert!(scene.left().await.is_empty());
}

#[tokio::test]
async fn a_deletion_that_cannot_delete_the_api_keys_keeps_the_list_that_leads_to_them() {
    let scene = DeletionScene::start().await;
    scene.make_api_keys(2).await;
    let of_keys = async || scene.left().await.into_iter().filter(|key| key.contains("APIKEY")).count();
    scene.begin().await.unwrap();
    scene.test.recorder.fail_next("BatchWriteItem", Fault::NotApplied, 3);
    assert!(matches!(scene.finish(soon()).await, Err(StoreError::Unavailable(_))));
    assert_eq!(of_keys().await, 3);
    assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
    assert!(scene.left().await.is_empty(), "{:?}", scene.left().await);
}

#[tokio::test]
async fn two_requests_delete_an_account_together() {
    let scene = DeletionScene::start().await;
    scene.chat(30).await;
    let login = scene.login().await;
    let (one, two) = tokio::join!(scene.begin_as(&login), scene.begin_as(&login));
    assert!(one.is_ok() && two.is_ok());
    let (one, two) = tokio::join!(scene.finish(soon()), scene.finish(soon()));
    assert_eq!((one.unwrap(), two.unwrap()), (DeletionProgress::Finished, DeletionProgress::Finished));
    assert!(scene.left().await.is_empty());
}

#[tokio::test]
async fn a_changed_password_or_a_passed_epoch_deletes_nothing() {
    let scene = DeletionScene::start().await;
    let stale = Login { password_hash: serde_json::from_value("old".into()).unwrap(), ..scene.login().await };
    let outcome = scene.begin_as(&stale).await;
    assert!(matches!(outcome, Err(IdentityError::InvalidCredentials)));
    scene.test.set(Account::key(scene.ada.user_id()), "session_epoch", number(2_u64)).await;
    assert!(matches!(scene.begin().await, Err(IdentityError::TokenNotValid(_))));
    assert!(matches!(scene.deletion.read(&scene.ada).await, Err(IdentityError::TokenNotValid(_))));
}

impl DeletionScene {
    /// A run of the audit with time for everything.
    async fn audit(&self) -> Report {
        self.audit_until(self.test.clock.now().plus(Duration::from_secs(900))).await
    }

    /// A run of the audit. How many accounts it proves besides follows from their random ids.
    async fn audit_until(&self, deadline: Timestamp) -> Report {
        let audit = Audit::new(self.test.table.clone(), self.test.clock.clone());
        Report { proved: 0, ..audit.run(&self.deletion, deadline).await.unwrap() }
    }

    async fn is_there(&self, user_id: UserId) -> bool {
        !self.items_of(user_id).await.is_empty()
    }

    /// The sort keys of all items in the partition of a user.
    async fn items_of(&self, user_id: UserId) -> Vec<String> {
        let items = self.test.isolated.items().await.into_iter();
        let items = items.filter(|item| item["pk"]["S"] == partition_of(user_id));
        items.map(|item| item["sk"]["S"].as_str().unwrap().to_owned()).collect()
    }

    /// Puts texts without a look at the account, as a capture does with the texts of a long message.
    async fn late_texts(&self, texts: usize) {
        for _ in 0..texts {
            let key = Key::of_user(self.ada.user_id(), format!("TEXT#{}", EntryId::new(&self.test.clock)));
            let item = key.with(&serde_json::json!({"text": "late"})).unwrap();
            let put = self.test.table.client().put_item().table_name(self.test.table.name()).set_item(Some(item));
            put.send().await.unwrap();
        }
    }
}

fn clean(accounts: u64) -> Report {
    Report { finished: true, accounts, ..Report::default() }
}

#[tokio::test]
async fn a_deletion_that_was_left_unfinished_for_an_hour_is_finished() {
    let scene = DeletionScene::start().await;
    let grace = scene.test.person("grace", 10).await.user_id();
    scene.chat(1).await;
    scene.begin().await.unwrap();
    let ada = scene.ada.user_id();
    scene.test.clock.advance(Duration::from_secs(3599));
    assert_eq!(scene.audit().await, clean(2));
    assert!(scene.is_there(ada).await, "she may be at it herself");
    scene.test.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.audit().await, Report { deletions: 1, ..clean(2) });
    assert_eq!(scene.items_of(ada).await, [Tombstone::SORT_KEY]);
    assert!(scene.is_there(grace).await);
    assert_eq!(scene.audit().await, clean(1));
    scene.test.register("ada", 1).await;
}

#[tokio::test]
async fn a_deletion_that_cannot_be_finished_does_not_stop_the_audit() {
    let scene = DeletionScene::start().await;
    scene.chat(1).await;
    scene.begin().await.unwrap();
    let no_name = AttributeValue::S("no name".to_owned());
    scene.test.set(Account::key(scene.ada.user_id()), "username", no_name).await;
    scene.test.person("grace", 10).await;
    scene.test.clock.advance(Duration::from_secs(3600));
    assert_eq!(scene.audit().await, Report { unsettled: 1, ..clean(2) });
}

#[tokio::test]
async fn a_long_deletion_goes_on_in_the_next_run() {
    let scene = DeletionScene::start().await;
    scene.chat(150).await;
    scene.begin().await.unwrap();
    scene.test.clock.advance(Duration::from_secs(3600));
    let mut runs = 0;
    let last = loop {
        runs += 1;
        assert!(runs < 100, "the audit does not get on");
        // A run without time reads one page, and a deletion without time deletes one.
        let report = scene.audit_until(NOW).await;
        assert_eq!(report.unsettled, 0);
        if report.finished {
            break report;
        }
    };
    assert_eq!(last.deletions, 1);
    assert!(runs > 1);
    assert_eq!(scene.items_of(scene.ada.user_id()).await, [Tombstone::SORT_KEY]);
}

#[tokio::test]
async fn a_text_that_arrives_after_the_deletion_is_swept_an_hour_later_with_the_tombstone() {
    let scene = DeletionScene::start().await;
    let grace = scene.test.person("grace", 10).await.user_id();
    scene.begin().await.unwrap();
    scene.finish(soon()).await.unwrap();
    let ada = scene.ada.user_id();
    scene.late_texts(2).await;
    scene.test.clock.advance(Duration::from_secs(3599));
    assert_eq!(scene.audit().await, clean(1));
    assert_eq!(scene.items_of(ada).await.len(), 3, "another text may still arrive");
    scene.test.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.audit().await, Report { tombstones: 1, ..clean(1) });
    assert!(!scene.is_there(ada).await && scene.is_there(grace).await);
    assert_eq!(scene.audit().await, clean(1));
}

#[tokio::test]
async fn a_tombstone_is_removed_also_if_nothing_arrived_late_and_the_name_has_another_user_by_then() {
    let scene = DeletionScene::start().await;
    scene.begin().await.unwrap();
    scene.finish(soon()).await.unwrap();
    let again = scene.test.register("ada", 1).await;
    scene.test.clock.advance(Duration::from_secs(3600));
    assert_eq!(scene.audit().await, Report { tombstones: 1, ..clean(1) });
    assert!(!scene.is_there(scene.ada.user_id()).await && scene.is_there(again).await);
}

#[tokio::test]
async fn many_late_texts_are_swept_page_by_page_in_as_many_runs_as_it_takes() {
    let scene = DeletionScene::start().await;
    scene.begin().await.unwrap();
    scene.finish(soon()).await.unwrap();
    scene.late_texts(250).await;
    scene.test.person("grace", 10).await;
    scene.test.clock.advance(Duration::from_secs(3600));
    let (mut runs, mut swept, mut accounts) = (0, 0, 0);
    loop {
        runs += 1;
        assert!(runs < 100, "the audit does not get on");
        // A run without time sweeps one page.
        let report = scene.audit_until(NOW).await;
        assert_eq!((report.unsettled, report.mismatches.len()), (0, 0));
        swept += report.tombstones;
        accounts += report.accounts;
        if report.finished {
            break;
        }
    }
    assert_eq!((swept, accounts), (1, 1));
    assert!(runs >= 3, "{runs}");
    assert!(!scene.is_there(scene.ada.user_id()).await);
}

#[tokio::test]
async fn a_sweep_that_fails_keeps_the_tombstone_and_does_not_stop_the_audit() {
    let scene = DeletionScene::start().await;
    scene.begin().await.unwrap();
    scene.finish(soon()).await.unwrap();
    scene.late_texts(1).await;
    scene.test.person("grace", 10).await;
    scene.test.clock.advance(Duration::from_secs(3600));
    scene.test.recorder.fail_next("BatchWriteItem", Fault::NotApplied, 3);
    assert_eq!(scene.audit().await, Report { unsettled: 1, ..clean(1) });
    assert_eq!(scene.items_of(scene.ada.user_id()).await.len(), 2);
    assert_eq!(scene.audit().await, Report { tombstones: 1, ..clean(1) });
    assert!(!scene.is_there(scene.ada.user_id()).await);
}

#[tokio::test]
async fn a_request_that_comes_late_to_a_deletion_leaves_the_tombstone_alone() {
    let scene = DeletionScene::start().await;
    scene.begin().await.unwrap();
    for _ in 0..2 {
        assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
        assert_eq!(scene.items_of(scene.ada.user_id()).await, [Tombstone::SORT_KEY]);
    }
}

impl DeletionScene {
    /// Registers a superuser, Ruth, and returns her authority.
    async fn ruth(&self) -> RecentAuthority {
        let user_id = self.test.register("ruth", 0).await;
        let user = Username::parse("ruth").unwrap().into();
        let change = AccountChange { staff: Some(true), ..AccountChange::default() };
        self.test.accounts().change(&user, change, None, &an_operator(), soon()).await.unwrap();
        RecentAuthority::of_recent_login(Authority::of_staff(user_id, 1, ActOrigin::new(None, "a-request")))
    }

    async fn begin_by(&self, staff: &RecentAuthority) -> Result<(), ChangeError> {
        let user = UserRef::Name(self.username.clone());
        let (login, account) = self.test.accounts().find_user(&user).await?;
        let reason = Reason::try_from("They asked for it".to_owned()).unwrap();
        self.deletion.begin_by_staff(&login, &account, &reason, staff, soon()).await
    }

    /// The words for what was done to Ada, sorted: acts of one millisecond are in no order.
    async fn acts_on_ada(&self) -> Vec<String> {
        let filter = ActFilter { actor: None, subject: Some(ActSubject::User(self.ada.user_id())) };
        let acts = ActReader::new(self.test.table.clone()).page(filter, None, 100).await.unwrap().acts;
        let mut words: Vec<String> = acts.into_iter().map(|act| act.act).collect();
        words.sort();
        words
    }
}

#[tokio::test]
async fn a_deletion_by_staff_that_dies_at_any_write_is_finished_by_the_audit_and_recorded_once() {
    for (operation, number, fault) in [
        ("TransactWriteItems", 0, Fault::NotApplied),
        ("TransactWriteItems", 0, Fault::AnswerLost),
        ("BatchWriteItem", 0, Fault::NotApplied),
        ("BatchWriteItem", 0, Fault::AnswerLost),
        ("TransactWriteItems", 1, Fault::NotApplied),
        ("TransactWriteItems", 1, Fault::AnswerLost),
    ] {
        let described = format!("{operation} {number} {fault:?}");
        let scene = DeletionScene::start().await;
        scene.chat(2).await;
        let ruth = scene.ruth().await;
        let fail = || scene.test.recorder.fail_next(operation, fault, 100);
        if (operation, number) == ("TransactWriteItems", 0) {
            fail();
        }
        let began = scene.begin_by(&ruth).await;
        if number > 0 || operation == "BatchWriteItem" {
            fail();
        }
        if began.is_ok() {
            assert!(scene.finish(soon()).await.is_err(), "{described}");
        }
        scene.test.recorder.forget_faults();
        let is_open = scene.acts_on_ada().await.is_empty();
        assert_eq!(is_open, fault == Fault::NotApplied && began.is_err(), "{described}");
        if is_open {
            scene.begin_by(&ruth).await.unwrap();
        }
        scene.test.clock.advance(Duration::from_secs(3600));
        for _ in 0..2 {
            scene.audit().await;
        }
        assert_eq!(scene.acts_on_ada().await, ["begin_deletion", "end_deletion"], "{described}");
        assert!(
            scene.items_of(scene.ada.user_id()).await.iter().all(|sort| sort == Tombstone::SORT_KEY),
            "{described}"
        );
    }
}

#[tokio::test]
async fn two_who_finish_a_deletion_by_staff_record_its_end_once() {
    let scene = DeletionScene::start().await;
    scene.chat(30).await;
    let ruth = scene.ruth().await;
    scene.begin_by(&ruth).await.unwrap();
    let (one, two) = tokio::join!(scene.finish(soon()), scene.finish(soon()));
    assert_eq!((one.unwrap(), two.unwrap()), (DeletionProgress::Finished, DeletionProgress::Finished));
    assert_eq!(scene.acts_on_ada().await, ["begin_deletion", "end_deletion"]);
}

#[tokio::test]
async fn staff_delete_a_deactivated_account_and_a_superuser_but_the_last() {
    let scene = DeletionScene::start().await;
    let ruth = scene.ruth().await;
    scene.test.accounts().deactivate(&scene.username, soon()).await.unwrap();
    scene.begin_by(&ruth).await.unwrap();
    assert_eq!(scene.finish(soon()).await.unwrap(), DeletionProgress::Finished);
    let count = async || {
        let count: SuperuserCount = scene.test.table.get(SuperuserCount::key()).await.unwrap().unwrap();
        count.active
    };
    assert_eq!(count().await, 1);
    scene.test.register("ada", 0).await;
    let user = scene.username.clone().into();
    let change = AccountChange { staff: Some(true), ..AccountChange::default() };
    scene.test.accounts().change(&user, change, None, &an_operator(), soon()).await.unwrap();
    assert_eq!(count().await, 2);
    scene.begin_by(&ruth).await.unwrap();
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn whoever_is_no_longer_staff_begins_no_deletion() {
    let scene = DeletionScene::start().await;
    let (ruth, another) = (scene.ruth().await, scene.test.register("grace", 0).await);
    let grace = RecentAuthority::of_recent_login(Authority::of_staff(another, 1, ActOrigin::new(None, "a-request")));
    assert!(matches!(scene.begin_by(&grace).await, Err(ChangeError::AuthorityLost(_))));
    let user = Username::parse("ruth").unwrap().into();
    let change = AccountChange { staff: Some(false), ..AccountChange::default() };
    scene.test.accounts().change(&user, change, None, &an_operator(), soon()).await.unwrap();
    assert!(matches!(scene.begin_by(&ruth).await, Err(ChangeError::AuthorityLost(_))));
    assert!(scene.test.accounts().read(&scene.ada).await.is_ok());
    assert!(scene.acts_on_ada().await.is_empty());
}
