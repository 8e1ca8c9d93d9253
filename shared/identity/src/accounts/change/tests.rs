//! Changes of accounts, alone and at once.

use std::time::Duration;

use super::*;

use acts::{ActFilter, ActOrigin, ActReader, RecordedAct};
use domain::credits::Credits;
use domain::ids::UserId;
use domain::period::PeriodLength;
use serde_json::json;
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use crate::accounts::superusers::SuperuserCount;
use crate::error::IdentityError;
use crate::testing::{TestPeople, an_operator};

const PROMOTED: AccountChange = AccountChange { active: None, staff: Some(true), allowance: TermChange::None };
const DEMOTED: AccountChange = AccountChange { active: None, staff: Some(false), allowance: TermChange::None };

fn ada() -> Username {
    Username::parse("ada").unwrap()
}

fn soon() -> Timestamp {
    NOW.plus(Duration::from_secs(28))
}

fn state((login, account): (Login, Account)) -> (Status, u64, u64) {
    (account.status, account.session_epoch, login.session_epoch)
}

fn named(username: &str) -> UserRef {
    Username::parse(username).unwrap().into()
}

/// The authority of staff in the first epoch of sessions.
fn staff(user_id: UserId) -> RecentAuthority {
    RecentAuthority::of_recent_login(Authority::of_staff(user_id, 1, ActOrigin::new(None, "a-request")))
}

async fn promote(test: &TestPeople, username: &str) -> UserId {
    let operator = an_operator();
    let (login, account) = test.accounts().change(&named(username), PROMOTED, None, &operator, soon()).await.unwrap();
    assert!(account.staff);
    login.user_id
}

async fn superusers(test: &TestPeople) -> u64 {
    let count: Option<SuperuserCount> = test.table.get(SuperuserCount::key()).await.unwrap();
    count.unwrap_or_default().active
}

/// All acts, the newest first.
async fn acts(test: &TestPeople) -> Vec<RecordedAct> {
    ActReader::new(test.table.clone()).page(ActFilter::default(), None, 100).await.unwrap().acts
}

#[tokio::test]
async fn a_deactivated_account_is_closed_to_its_tokens_and_raises_both_epochs() {
    let test = TestPeople::start().await;
    let person = test.person("ada", 1).await;
    let accounts = test.accounts();
    assert_eq!(state(accounts.deactivate(&ada(), soon()).await.unwrap()), (Status::Inactive, 2, 2));
    assert!(matches!(accounts.read(&person).await, Err(IdentityError::UserInactive)));
    assert_eq!(state(accounts.find(&ada()).await.unwrap()), (Status::Inactive, 2, 2));
}

#[tokio::test]
async fn an_account_that_is_activated_again_stays_closed_to_old_tokens() {
    let test = TestPeople::start().await;
    let person = test.person("ada", 1).await;
    let accounts = test.accounts();
    accounts.deactivate(&ada(), soon()).await.unwrap();
    assert_eq!(state(accounts.activate(&ada(), soon()).await.unwrap()), (Status::Active, 2, 2));
    assert!(matches!(accounts.read(&person).await, Err(IdentityError::TokenNotValid(_))));
}

#[tokio::test]
async fn what_is_so_already_stays_as_it_is_and_is_no_act() {
    let test = TestPeople::start().await;
    test.person("ada", 1).await;
    let accounts = test.accounts();
    assert_eq!(state(accounts.activate(&ada(), soon()).await.unwrap()), (Status::Active, 1, 1));
    assert!(acts(&test).await.is_empty());
    for _ in 0..2 {
        assert_eq!(state(accounts.deactivate(&ada(), soon()).await.unwrap()), (Status::Inactive, 2, 2));
    }
    assert_eq!(acts(&test).await.len(), 1);
}

#[tokio::test]
async fn a_change_is_one_act_that_says_what_it_changed() {
    let test = TestPeople::start().await;
    let user_id = test.register("ada", 1).await;
    let reason = Reason::try_from("She runs the course".to_owned()).unwrap();
    let change = AccountChange { active: Some(false), ..PROMOTED };
    test.accounts().change(&UserRef::Id(user_id), change, Some(&reason), &an_operator(), soon()).await.unwrap();
    let acts = acts(&test).await;
    let [act] = &acts[..] else { panic!("{acts:?}") };
    assert_eq!((act.actor.as_str(), act.act.as_str(), &act.subject), ("operator", "change", &user_id.to_string()));
    assert_eq!(act.before, json!({"status": "active", "staff": false}));
    assert_eq!(act.after, json!({"status": "inactive", "staff": true}));
    assert_eq!(act.reason.as_deref(), Some("She runs the course"));
}

#[tokio::test]
async fn an_account_that_many_deactivate_at_once_is_deactivated_once() {
    let test = TestPeople::start().await;
    test.person("ada", 1).await;
    let accounts = test.accounts();
    let name = ada();
    let attempts = (0..5).map(|_| accounts.deactivate(&name, soon()));
    assert!(futures_util::future::join_all(attempts).await.iter().all(Result::is_ok));
    assert_eq!(state(accounts.find(&name).await.unwrap()), (Status::Inactive, 2, 2));
    assert_eq!(acts(&test).await.len(), 1);
}

#[tokio::test]
async fn a_change_survives_lost_answers_and_collisions() {
    for fault in [Fault::AnswerLost, Fault::Conflict, Fault::NotApplied] {
        let test = TestPeople::start().await;
        test.person("ada", 1).await;
        test.recorder.fail_next("TransactWriteItems", fault, 2);
        let state = state(test.accounts().deactivate(&ada(), soon()).await.unwrap());
        assert_eq!(state, (Status::Inactive, 2, 2), "{fault:?}");
        promote(&test, "ada").await;
        test.recorder.fail_next("TransactWriteItems", fault, 2);
        test.accounts().activate(&ada(), soon()).await.unwrap();
        assert_eq!((superusers(&test).await, acts(&test).await.len()), (1, 3), "{fault:?}");
    }
}

#[tokio::test]
async fn epochs_that_differ_become_one_that_neither_had() {
    let test = TestPeople::start().await;
    let person = test.person("ada", 1).await;
    test.set(Account::key(person.user_id()), "session_epoch", number(7_u64)).await;
    assert_eq!(state(test.accounts().deactivate(&ada(), soon()).await.unwrap()), (Status::Inactive, 8, 8));
}

#[tokio::test]
async fn nobody_is_not_found() {
    let test = TestPeople::start().await;
    assert!(matches!(test.accounts().deactivate(&ada(), soon()).await, Err(ChangeError::UserNotFound)));
    let nobody = UserRef::Id(UserId::new(&test.clock));
    assert!(matches!(test.accounts().find_user(&nobody).await, Err(ChangeError::UserNotFound)));
}

#[tokio::test]
async fn an_id_is_found_before_a_name_that_looks_like_it_and_such_a_name_where_no_user_has_the_id() {
    let test = TestPeople::start().await;
    let user_id = test.register("ada", 1).await;
    let named_like_her = test.register(&user_id.to_string(), 1).await;
    let (login, _) = test.accounts().find_user(&UserRef::Id(user_id)).await.unwrap();
    assert_eq!((login.user_id, login.username.as_str()), (user_id, "ada"));
    let nobodys = UserId::new(&test.clock);
    let named_like_nobody = test.register(&nobodys.to_string(), 1).await;
    let (login, _) = test.accounts().find_user(&UserRef::parse(&nobodys.to_string()).unwrap()).await.unwrap();
    assert_eq!(login.user_id, named_like_nobody);
    let lower = UserRef::parse(&user_id.to_string().to_lowercase()).unwrap();
    assert_eq!(test.accounts().find_user(&lower).await.unwrap().0.user_id, named_like_her);
}

#[tokio::test]
async fn superusers_are_counted_as_they_are_made_deactivated_and_activated() {
    let test = TestPeople::start().await;
    for name in ["ada", "grace"] {
        test.register(name, 1).await;
        promote(&test, name).await;
        promote(&test, name).await;
    }
    assert_eq!(superusers(&test).await, 2);
    let accounts = test.accounts();
    accounts.deactivate(&ada(), soon()).await.unwrap();
    assert_eq!(superusers(&test).await, 1);
    // An inactive one does not count, whatever it becomes.
    accounts.change(&named("ada"), DEMOTED, None, &an_operator(), soon()).await.unwrap();
    promote(&test, "ada").await;
    assert_eq!(superusers(&test).await, 1);
    accounts.activate(&ada(), soon()).await.unwrap();
    assert_eq!(superusers(&test).await, 2);
    let both = AccountChange { active: Some(false), ..DEMOTED };
    accounts.change(&named("ada"), both, None, &an_operator(), soon()).await.unwrap();
    assert_eq!(superusers(&test).await, 1);
}

#[tokio::test]
async fn copies_in_the_login_are_those_of_the_account() {
    let test = TestPeople::start().await;
    test.register("ada", 1).await;
    promote(&test, "ada").await;
    test.accounts().deactivate(&ada(), soon()).await.unwrap();
    let items = test.isolated.items().await;
    let login = items.iter().find(|item| item["sk"]["S"] == "LOGIN").unwrap();
    assert_eq!((&login["status"]["S"], &login["staff"]["BOOL"]), (&json!("inactive"), &json!(true)));
}

#[tokio::test]
async fn staff_leave_an_active_superuser_and_an_operator_need_not() {
    let test = TestPeople::start().await;
    for name in ["ada", "grace"] {
        test.register(name, 1).await;
    }
    let (ada_id, grace_id) = (promote(&test, "ada").await, promote(&test, "grace").await);
    let accounts = test.accounts();
    accounts.change(&named("grace"), DEMOTED, None, &staff(ada_id), soon()).await.unwrap();
    for change in [DEMOTED, AccountChange { active: Some(false), ..AccountChange::default() }] {
        let refused = accounts.change(&named("ada"), change, None, &staff(ada_id), soon()).await;
        assert!(matches!(refused, Err(ChangeError::LastSuperuser)), "{change:?}: {refused:?}");
    }
    let refused = accounts.change(&named("ada"), DEMOTED, None, &staff(grace_id), soon()).await;
    assert!(matches!(refused, Err(ChangeError::AuthorityLost(_))), "{refused:?}");
    assert_eq!((superusers(&test).await, acts(&test).await.len()), (1, 3));
    accounts.change(&named("ada"), DEMOTED, None, &an_operator(), soon()).await.unwrap();
    assert_eq!(superusers(&test).await, 0);
    promote(&test, "ada").await;
    assert_eq!(superusers(&test).await, 1);
}

#[tokio::test]
async fn of_two_superusers_who_demote_each_other_at_once_one_stays() {
    for _ in 0..5 {
        let test = TestPeople::start().await;
        for name in ["ada", "grace"] {
            test.register(name, 1).await;
        }
        let (ada_id, grace_id) = (promote(&test, "ada").await, promote(&test, "grace").await);
        let accounts = test.accounts();
        let (ada_ref, grace_ref) = (named("ada"), named("grace"));
        let (by_ada, by_grace) = (staff(ada_id), staff(grace_id));
        let outcomes = tokio::join!(
            accounts.change(&grace_ref, DEMOTED, None, &by_ada, soon()),
            accounts.change(&ada_ref, DEMOTED, None, &by_grace, soon())
        );
        assert!(outcomes.0.is_ok() != outcomes.1.is_ok(), "{outcomes:?}");
        assert_eq!(superusers(&test).await, 1);
    }
}

#[tokio::test]
async fn staff_change_their_own_account_on_the_condition_that_they_still_are() {
    let test = TestPeople::start().await;
    for name in ["ada", "grace"] {
        test.register(name, 1).await;
        promote(&test, name).await;
    }
    let accounts = test.accounts();
    let (ada_login, _) = accounts.find(&ada()).await.unwrap();
    let authority = staff(ada_login.user_id);
    accounts.change(&named("ada"), DEMOTED, None, &authority, soon()).await.unwrap();
    let again = accounts.change(&named("ada"), PROMOTED, None, &authority, soon()).await;
    assert!(matches!(again, Err(ChangeError::AuthorityLost(_))), "{again:?}");
    assert_eq!(superusers(&test).await, 1);
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn allowance(credits: u64, per: PeriodLength, cap: u64) -> AccountChange {
    let terms = AllowanceTerms::new(Credits::new(credits).unwrap(), per, Credits::new(cap).unwrap()).unwrap();
    AccountChange { allowance: TermChange::To(Some(terms)), ..AccountChange::default() }
}

const WITHOUT_ALLOWANCE: AccountChange = AccountChange { active: None, staff: None, allowance: TermChange::To(None) };

fn a_reason() -> Reason {
    Reason::try_from("The course has begun".to_owned()).unwrap()
}

/// The credits that are due to ada after a change by an operator.
async fn due_after(test: &TestPeople, change: AccountChange) -> u64 {
    let deadline = test.clock.now().plus(Duration::from_secs(28));
    let (accounts, ada, operator, reason) = (test.accounts(), named("ada"), an_operator(), a_reason());
    let (_, account) = accounts.change(&ada, change, Some(&reason), &operator, deadline).await.unwrap();
    account.due(test.clock.now()).into()
}

#[tokio::test]
async fn a_new_allowance_begins_with_the_next_period_and_off_and_on_gives_nothing() {
    let test = TestPeople::start().await;
    test.register("ada", 0).await;
    let daily = allowance(5, PeriodLength::Day, 12);
    assert_eq!(due_after(&test, daily).await, 0);
    for (days, due) in [(1, 5), (1, 10), (5, 12)] {
        test.clock.advance(DAY * days);
        assert_eq!(due_after(&test, daily).await, due, "the same terms change nothing");
    }
    assert_eq!(acts(&test).await.len(), 1);
    assert_eq!(due_after(&test, allowance(7, PeriodLength::Day, 40)).await, 40, "decided periods stay decided");
    assert_eq!(due_after(&test, allowance(7, PeriodLength::Month, 40)).await, 0, "another length begins anew");
    assert_eq!(due_after(&test, daily).await, 0);
    test.clock.advance(DAY);
    assert_eq!(due_after(&test, WITHOUT_ALLOWANCE).await, 0);
    assert_eq!(due_after(&test, daily).await, 0, "what was due went with the allowance");
}

#[tokio::test]
async fn a_change_of_an_allowance_is_an_act_with_its_terms_of_before_and_after_and_has_a_reason() {
    let test = TestPeople::start().await;
    let user_id = test.register("ada", 0).await;
    let daily = allowance(5, PeriodLength::Day, 12);
    for change in [daily, WITHOUT_ALLOWANCE] {
        let refused = test.accounts().change(&named("ada"), change, None, &an_operator(), soon()).await;
        assert!(matches!(refused, Err(ChangeError::Internal(_))), "{refused:?}");
    }
    let weekly = AccountChange { active: Some(false), ..allowance(6, PeriodLength::Week, 6) };
    for change in [daily, weekly, WITHOUT_ALLOWANCE, WITHOUT_ALLOWANCE] {
        due_after(&test, change).await;
        // Acts of one millisecond are in any order.
        test.clock.advance(Duration::from_millis(1));
    }
    let acts = acts(&test).await;
    let told: Vec<_> = acts.iter().rev().map(|act| (&act.before, &act.after)).collect();
    let (day, week) = (json!({"credits": 5, "per": "day", "cap": 12}), json!({"credits": 6, "per": "week", "cap": 6}));
    assert_eq!(
        told,
        [
            (&json!({"allowance": null}), &json!({"allowance": day})),
            (&json!({"allowance": day, "status": "active"}), &json!({"allowance": week, "status": "inactive"})),
            (&json!({"allowance": week}), &json!({"allowance": null})),
        ]
    );
    assert!(acts.iter().all(|act| act.reason.is_some() && act.subject == user_id.to_string()));
    let items = test.isolated.items().await;
    let account = items.iter().find(|item| item["sk"]["S"] == Account::SORT_KEY).unwrap();
    assert!(account.get("allowance").is_none(), "{account}");
}

#[tokio::test]
async fn a_change_of_an_allowance_whose_answer_is_lost_or_that_collides_is_made_once() {
    for fault in [Fault::AnswerLost, Fault::Conflict, Fault::NotApplied] {
        let test = TestPeople::start().await;
        test.register("ada", 0).await;
        let daily = allowance(5, PeriodLength::Day, 12);
        for change in [daily, allowance(9, PeriodLength::Day, 90), WITHOUT_ALLOWANCE] {
            test.recorder.fail_next("TransactWriteItems", fault, 2);
            due_after(&test, change).await;
        }
        assert_eq!(acts(&test).await.len(), 3, "{fault:?}");
    }
}

/// The change was made from an account that a hold has changed since: the step of that hold stays.
#[tokio::test]
async fn a_change_of_an_allowance_undoes_no_step_that_a_hold_took_meanwhile() {
    let test = TestPeople::start().await;
    let user_id = test.register("ada", 0).await;
    due_after(&test, allowance(5, PeriodLength::Day, 12)).await;
    test.clock.advance(DAY);
    let (login, account) = test.accounts().find(&ada()).await.unwrap();
    let today =
        json!({"credits": 5, "per": "day", "cap": 12, "through": PeriodLength::Day.period_at(test.clock.now())});
    test.set(Account::key(user_id), "allowance", serde_dynamo::to_attribute_value(today).unwrap()).await;
    let accounts = test.accounts();
    let seen = AccountRights::of(&account);
    let (operator, reason) = (an_operator(), a_reason());
    let next = seen.after(allowance(7, PeriodLength::Day, 12), &login, test.clock.now());
    let authority = operator.authority();
    let planned = PlannedChange { login: &login, seen, next, reason: Some(&reason), authority };
    let items = accounts.parts_of(&planned, &ada()).unwrap();
    let deadline = test.clock.now().plus(Duration::from_secs(28));
    let refused = test.table.transact("late", items, &test.clock, deadline).await.unwrap_err();
    assert!(condition_failed(&cancellation_reasons(&refused).unwrap()[0]), "{refused:?}");
    assert_eq!(due_after(&test, allowance(7, PeriodLength::Day, 12)).await, 0);
}
