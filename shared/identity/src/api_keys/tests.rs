mod changing;
mod many_keys;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::credits::Credits;
use domain::ids::{ApiKeyId, TokenId};
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use futures_util::future::join_all;
use ledger::account::Account;
use ledger::admission::Admission;
use ledger::claimed_payer::ClaimedPayer;
use ledger::gate::Gate;
use ledger::hold::{HoldOutcome, Order};
use ledger::paying_key::KeyLimits;
use ledger::{Ledger, LedgerError};
use proptest::prelude::*;
use serde_json::json;
use store::number;
use testkit::recorder::Fault;
use testkit::test_table::NOW;

use super::*;
use crate::accounts::LogoutScope;
use crate::api_keys::list::ListReplacement;
use crate::api_keys::stored::StoredApiKey;
use crate::callers::Caller;
use crate::error::IdentityError;
use crate::jwt::{LoggedIn, RefreshClaim, Subject};
use crate::login::ProvenLogin;
use crate::sessions::Session;
use crate::testing::{TestPeople, proven};

/// The most keys of a user in these tests: so many are made quickly.
const FEW: usize = 20;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Ada, who is logged in.
struct ApiKeyScene {
    test: TestPeople,
    api_keys: ApiKeys,
    ada: LoggedIn,
}

impl ApiKeyScene {
    async fn start() -> Self {
        let test = TestPeople::start().await;
        let ada = test.person("ada", 10).await;
        test.end_session_at(&ada, NOW.plus(365 * DAY)).await;
        Self { api_keys: ApiKeys::new(test.table.clone(), test.clock.clone()).with_most(FEW), ada, test }
    }

    /// As a logout does, which leaves the access token as it is.
    async fn end_session(&self) {
        self.test.end_session_at(&self.ada, NOW).await;
    }

    /// Logs Ada out everywhere, with a refresh token of the session that her access token belongs to.
    async fn log_out_everywhere(&self, scope: LogoutScope) -> Result<(), IdentityError> {
        self.log_out_everywhere_until(self.soon(), scope).await
    }

    async fn log_out_everywhere_until(&self, deadline: Timestamp, scope: LogoutScope) -> Result<(), IdentityError> {
        let (user_id, session_id) = (self.ada.user_id(), self.ada.session_id());
        let token_id = TokenId::new(&self.test.clock);
        let session = Session {
            refresh_token_id: token_id,
            issued_at_ms: NOW.milliseconds(),
            previous_refresh_token_id: None,
            session_epoch: self.ada.session_epoch(),
            created_at: NOW.to_string(),
            last_used_at: NOW.seconds(),
            user_agent: None,
            expires_at: NOW.plus(365 * DAY).seconds(),
        };
        let item = Session::key(user_id, session_id).with(&session).unwrap();
        let put = self.test.table.client().put_item().table_name(self.test.table.name()).set_item(Some(item));
        put.send().await.unwrap();
        let claim = RefreshClaim { user_id, session_id, token_id };
        self.test.accounts().log_out_everywhere(&claim, scope, deadline).await
    }

    fn soon(&self) -> Timestamp {
        self.test.clock.now().plus(Duration::from_secs(28))
    }

    async fn make(&self, days: Option<u32>) -> Result<MadeApiKey, IdentityError> {
        self.make_as(&self.ada, days).await
    }

    /// Makes a key as somebody who has just proved to know Ada's password.
    async fn make_as(&self, person: &LoggedIn, days: Option<u32>) -> Result<MadeApiKey, IdentityError> {
        let room = self.api_keys.room(person).await?;
        let login = self.test.logins().find(&room.username()?).await?.unwrap();
        let new = NewApiKey { person, proven: &proven(&login), terms: &terms(days) };
        self.api_keys.make(&new, room, self.soon()).await
    }

    async fn end(&self, id: ApiKeyId) -> Result<(), IdentityError> {
        self.api_keys.end(&self.ada, id, self.soon()).await
    }

    async fn listed(&self) -> Vec<ApiKeyId> {
        self.api_keys.list(&self.ada).await.unwrap().into_iter().map(|view| view.id).collect()
    }

    /// Whether a key opens the account, as every request with it finds out.
    async fn opens(&self, key: &ApiKey) -> Result<(), IdentityError> {
        let holder = self.api_keys.holder(key.expose()).await?;
        self.test.accounts().read(Caller::Program(holder)).await.map(drop)
    }

    /// The digests that lead to somebody.
    async fn items_of_keys(&self) -> usize {
        let items = self.test.isolated.items().await;
        items.iter().filter(|item| item["sk"]["S"] == "APIKEY").count()
    }
}

fn terms(days: Option<u32>) -> ApiKeyTerms {
    let lifetime = days.map(|days| ApiKeyLifetime::try_from(json!(days)).unwrap()).unwrap_or_default();
    ApiKeyTerms { name: "my program".to_owned().try_into().unwrap(), lifetime, limits: KeyLimits::default() }
}

#[tokio::test]
async fn a_key_opens_the_account_of_its_maker_and_costs_one_read() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    scene.test.recorder.clear();
    let holder = scene.api_keys.holder(made.key.expose()).await.unwrap();
    assert_eq!(ClaimedPayer::from(holder).user_id(), scene.ada.user_id());
    let requests = scene.test.recorder.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].operation.as_str(), &requests[0].body["ConsistentRead"]), ("GetItem", &json!(true)));
}

#[tokio::test]
async fn the_table_has_nothing_of_a_key_but_its_digest_and_its_prefix() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(Some(30)).await.unwrap();
    let everything = json!(scene.test.isolated.items().await).to_string();
    assert!(!everything.contains(&made.key.expose()[3..]));
    assert!(!everything.contains(&made.key.expose()[..=made.key.prefix().len()]));
    assert!(everything.contains(&format!("APIKEY#{}", made.key.digest())));
}

#[tokio::test]
async fn keys_are_listed_newest_first_with_all_that_their_maker_may_see() {
    let scene = ApiKeyScene::start().await;
    let first = scene.make(None).await.unwrap();
    scene.test.clock.advance(Duration::from_millis(1500));
    let second = scene.make(Some(1)).await.unwrap();
    let listed = scene.api_keys.list(&scene.ada).await.unwrap();
    assert_eq!(listed, [second.view, first.view]);
    let view = json!(listed[0]);
    let expected = json!({
        "id": listed[0].id,
        "name": "my program",
        "prefix": second.key.prefix(),
        "created_at": NOW.plus(Duration::from_millis(1500)).to_string(),
        "expires_at": NOW.plus(Duration::from_secs(1)).plus(DAY).to_string(),
        "budget": null,
        "requests_per_minute": null,
        "models": null,
        "last_used_at": null,
    });
    assert_eq!(view, expected);
    assert_eq!(json!(listed[1])["expires_at"], json!(null));
}

#[tokio::test]
async fn what_is_no_key_of_ours_is_refused_without_a_read_and_an_unknown_one_with_it() {
    let scene = ApiKeyScene::start().await;
    scene.test.recorder.clear();
    for malformed in ["sk-", "sk-short", &"sk-".repeat(1000), "sk-../../USER#1"] {
        assert!(matches!(scene.api_keys.holder(malformed).await, Err(IdentityError::TokenNotValid(_))));
    }
    assert_eq!(scene.test.recorder.requests(), []);
    let unknown = ApiKey::random().unwrap();
    assert!(matches!(scene.api_keys.holder(unknown.expose()).await, Err(IdentityError::TokenNotValid(_))));
    assert_eq!(scene.test.recorder.requests().len(), 1);
}

#[tokio::test]
async fn a_key_ends_at_its_time_also_while_the_table_still_has_it() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(Some(1)).await.unwrap();
    scene.test.clock.advance(DAY.checked_sub(Duration::from_secs(1)).unwrap());
    scene.opens(&made.key).await.unwrap();
    scene.test.clock.advance(Duration::from_secs(1));
    assert!(matches!(scene.opens(&made.key).await, Err(IdentityError::TokenNotValid(_))));
    assert_eq!(scene.listed().await, []);
    assert!(matches!(scene.end(made.view.id).await, Err(IdentityError::NotFound)));
    assert_eq!(scene.items_of_keys().await, 1);
    scene.make(None).await.unwrap();
    assert_eq!(scene.items_of_keys().await, 1, "the one that has ended was struck off");
}

#[tokio::test]
async fn dynamodb_may_delete_a_key_at_its_end_and_never_the_list() {
    let scene = ApiKeyScene::start().await;
    scene.make(Some(1)).await.unwrap();
    let items = scene.test.isolated.items().await;
    let expiry = |sort: &str| {
        items.iter().find(|item| item["sk"]["S"] == sort).unwrap().get("expires_at").map(|end| end["N"].clone())
    };
    assert_eq!(expiry("APIKEY"), Some(json!(NOW.plus(DAY).seconds().to_string())));
    assert_eq!(expiry("APIKEYS"), None);
}

#[tokio::test]
async fn a_key_that_was_ended_opens_nothing_and_the_others_go_on() {
    let scene = ApiKeyScene::start().await;
    let (ended, other) = (scene.make(None).await.unwrap(), scene.make(None).await.unwrap());
    scene.end(ended.view.id).await.unwrap();
    assert!(matches!(scene.opens(&ended.key).await, Err(IdentityError::TokenNotValid(_))));
    scene.opens(&other.key).await.unwrap();
    assert_eq!(scene.listed().await, [other.view.id]);
    assert_eq!(scene.items_of_keys().await, 1);
    assert!(matches!(scene.end(ended.view.id).await, Err(IdentityError::NotFound)));
}

/// The reads of a request with this key at the function that remembers keys in `api_keys`.
async fn reads(scene: &ApiKeyScene, api_keys: &ApiKeys, key: &ApiKey) -> Result<usize, IdentityError> {
    scene.test.recorder.clear();
    let holder = api_keys.holder(key.expose()).await?;
    scene.test.accounts().read(Caller::Program(holder)).await?;
    Ok(scene.test.recorder.requests().len())
}

#[tokio::test]
async fn a_key_that_is_remembered_costs_no_read_for_a_minute() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    for expected in [2, 1, 1] {
        assert_eq!(reads(&scene, &scene.api_keys, &made.key).await.unwrap(), expected);
    }
    scene.test.clock.advance(Duration::from_secs(60));
    for expected in [2, 1] {
        assert_eq!(reads(&scene, &scene.api_keys, &made.key).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_key_that_ends_opens_nothing_at_once_where_it_is_remembered_and_the_others_are_read_once_more() {
    let scene = ApiKeyScene::start().await;
    let (ended, other) = (scene.make(None).await.unwrap(), scene.make(None).await.unwrap());
    let functions = [(); 2].map(|()| ApiKeys::new(scene.test.table.clone(), scene.test.clock.clone()));
    for function in &functions {
        for (made, expected) in [(&ended, 2), (&ended, 1), (&other, 2), (&other, 1)] {
            assert_eq!(reads(&scene, function, &made.key).await.unwrap(), expected);
        }
    }
    scene.end(ended.view.id).await.unwrap();
    for function in &functions {
        for reason in ["the API key has ended", "there is no such API key"] {
            let refused = reads(&scene, function, &ended.key).await;
            assert!(matches!(refused, Err(IdentityError::TokenNotValid(told)) if told == reason), "{refused:?}");
        }
        for expected in [2, 1] {
            assert_eq!(reads(&scene, function, &other.key).await.unwrap(), expected);
        }
    }
}

/// A program that holds and releases without a pause, by a key that its function remembers, until it is told to stop.
/// Returns whether each hold that it began before the end of the key, and after it, was made.
async fn hold_without_a_pause(
    (ledger, function, key): (Ledger, ApiKeys, String),
    (has_ended, is_over): (Arc<AtomicBool>, Arc<AtomicBool>),
) -> [Vec<bool>; 2] {
    let mut made = [Vec::new(), Vec::new()];
    while !is_over.load(Ordering::SeqCst) {
        let after = usize::from(has_ended.load(Ordering::SeqCst));
        let holding = async {
            let caller: ClaimedPayer = function.holder(&key).await?.into();
            let gate = Gate::without_operator(Clock::system());
            let Admission::Open(open) = ledger.admit(&gate, caller, None).await? else { panic!("a replay") };
            let deadline = Clock::system().now().plus(Duration::from_secs(28));
            let order = Order { amount: Credits::ZERO, least: Credits::ZERO, deadline };
            let HoldOutcome::Held(held) = ledger.hold(open, &order).await? else { panic!("a replay") };
            ledger.release(&held).await;
            Ok::<(), IdentityOrLedgerError>(())
        };
        match holding.await {
            Ok(()) => made[after].push(true),
            Err(IdentityOrLedgerError::KeyEnded) => made[after].push(false),
            // The account is busy: the program tries again.
            Err(IdentityOrLedgerError::Other(_)) => {}
        }
    }
    made
}

#[derive(Debug)]
enum IdentityOrLedgerError {
    KeyEnded,
    Other(#[expect(dead_code, reason = "it is printed")] String),
}

impl From<IdentityError> for IdentityOrLedgerError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::TokenNotValid(_) => Self::KeyEnded,
            other => Self::Other(format!("{other:?}")),
        }
    }
}

impl From<LedgerError> for IdentityOrLedgerError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Closed(_) => Self::KeyEnded,
            other => Self::Other(format!("{other:?}")),
        }
    }
}

/// The holds change the account that the end of a key changes too, and AWS lets such writes collide.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_ends_at_once_and_in_time_while_holds_are_made_without_a_pause_and_another_goes_on() {
    let scene = ApiKeyScene::start().await;
    let (ended, living) = (scene.make(None).await.unwrap(), scene.make(None).await.unwrap());
    let clock = Clock::system();
    let ledger = Ledger::new(scene.test.table.clone(), clock.clone(), 20);
    let flags = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let programs = [&ended, &living, &ended, &living, &ended, &living].map(|made| {
        // A warm function for each program.
        let function = ApiKeys::new(scene.test.table.clone(), clock.clone());
        let parts = (ledger.clone(), function, made.key.expose().to_owned());
        tokio::spawn(hold_without_a_pause(parts, flags.clone()))
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene.test.recorder.fail_next("TransactWriteItems", Fault::Conflict, 12);
    scene.test.recorder.fail_next("UpdateItem", Fault::Conflict, 12);
    let deadline = clock.now().plus(Duration::from_secs(28));
    ApiKeys::new(scene.test.table.clone(), clock.clone()).end(&scene.ada, ended.view.id, deadline).await.unwrap();
    flags.0.store(true, Ordering::SeqCst);
    assert!(clock.now() < deadline);
    tokio::time::sleep(Duration::from_millis(300)).await;
    flags.1.store(true, Ordering::SeqCst);
    for (number, made) in join_all(programs).await.into_iter().enumerate() {
        let [before, after] = made.unwrap();
        let is_of_ended = number % 2 == 0;
        assert!(before.contains(&true), "program {number} held before the end");
        assert!(!after.is_empty() && after.iter().all(|made| *made != is_of_ended), "program {number}: {after:?}");
        assert!(is_of_ended || before.iter().all(|made| *made), "program {number}: {before:?}");
    }
    let account: Account = scene.test.table.get(Account::key(scene.ada.user_id())).await.unwrap().unwrap();
    assert_eq!((u64::from(account.balance), account.holds.len()), (10, 0));
}

#[tokio::test]
async fn a_key_is_read_in_a_second_request_too_where_another_ended_since_it_was_made() {
    let scene = ApiKeyScene::start().await;
    let (made, ended) = (scene.make(None).await.unwrap(), scene.make(None).await.unwrap());
    scene.end(ended.view.id).await.unwrap();
    let made_later = scene.make(None).await.unwrap();
    for (made, expected) in [(&made, [2, 2, 1]), (&made_later, [2, 1, 1])] {
        for expected in expected {
            assert_eq!(reads(&scene, &scene.api_keys, &made.key).await.unwrap(), expected);
        }
    }
}

#[tokio::test]
async fn a_key_that_is_remembered_ends_at_its_time_without_a_read() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(Some(1)).await.unwrap();
    scene.test.clock.advance(DAY.checked_sub(Duration::from_secs(1)).unwrap());
    scene.opens(&made.key).await.unwrap();
    scene.test.clock.advance(Duration::from_secs(1));
    scene.test.recorder.clear();
    assert!(matches!(scene.opens(&made.key).await, Err(IdentityError::TokenNotValid("the API key has expired"))));
    assert_eq!(scene.test.recorder.requests(), []);
}

#[tokio::test]
async fn a_key_that_was_struck_off_as_expired_is_read_again_where_a_clock_is_late() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(Some(1)).await.unwrap();
    let late_clock = Clock::manual(NOW.plus(DAY).minus(Duration::from_secs(10)));
    let late = ApiKeys::new(scene.test.table.clone(), late_clock);
    assert_eq!(reads(&scene, &late, &made.key).await.unwrap(), 2);
    scene.test.clock.advance(DAY);
    scene.make(None).await.unwrap();
    let refused = reads(&scene, &late, &made.key).await;
    assert!(matches!(refused, Err(IdentityError::TokenNotValid("the API key has ended"))), "{refused:?}");
}

#[tokio::test]
async fn every_act_that_ends_keys_says_so_in_the_account_and_no_other_does() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(Some(1)).await.unwrap();
    scene.make(None).await.unwrap();
    scene.log_out_everywhere(LogoutScope::Sessions).await.unwrap();
    let stored = scene.test.isolated.items().await;
    assert!(stored.iter().all(|item| item["keys_version"].is_null()), "nothing has ended");

    let scene = ApiKeyScene { ada: Subject { session_epoch: 2, ..subject_of(&scene.ada) }.into(), ..scene };
    scene.end(made.view.id).await.unwrap();
    let account = async || scene.test.accounts().find(&Username::parse("ada").unwrap()).await.unwrap().1;
    assert_eq!(account().await.keys_version, 1);
    scene.make(Some(1)).await.unwrap();
    assert_eq!(account().await.keys_version, 1);
    scene.test.clock.advance(DAY);
    scene.make(None).await.unwrap();
    assert_eq!(account().await.keys_version, 2, "one that has expired was struck off");
    scene.log_out_everywhere(LogoutScope::SessionsAndApiKeys).await.unwrap();
    assert_eq!(account().await.keys_version, 3);
}

/// The subject of a person's access token.
fn subject_of(person: &LoggedIn) -> Subject {
    let session_epoch = person.session_epoch();
    Subject { user_id: person.user_id(), session_id: person.session_id(), session_epoch }
}

#[tokio::test]
async fn nobody_ends_a_key_of_somebody_else() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    let mallory = scene.test.person("mallory", 1).await;
    let outcome = scene.api_keys.end(&mallory, made.view.id, scene.soon()).await;
    assert!(matches!(outcome, Err(IdentityError::NotFound)));
    assert_eq!(scene.api_keys.list(&mallory).await.unwrap(), []);
    scene.opens(&made.key).await.unwrap();
}

#[tokio::test]
async fn a_user_has_twenty_keys_and_room_for_another_once_one_has_ended() {
    let scene = ApiKeyScene::start().await;
    scene.make(Some(1)).await.unwrap();
    let mut last = None;
    for _ in 1..FEW {
        last = Some(scene.make(None).await.unwrap());
    }
    assert!(matches!(scene.make(None).await, Err(IdentityError::TooManyKeys { limit: 20 })));
    scene.test.clock.advance(DAY);
    scene.make(None).await.unwrap();
    assert!(matches!(scene.make(None).await, Err(IdentityError::TooManyKeys { .. })));
    scene.end(last.unwrap().view.id).await.unwrap();
    scene.make(None).await.unwrap();
    assert_eq!((scene.listed().await.len(), scene.items_of_keys().await), (20, 20));
}

#[tokio::test]
async fn a_deactivation_ends_all_keys_also_when_the_account_is_opened_again() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    let (accounts, username) = (scene.test.accounts(), Username::parse("ada").unwrap());
    accounts.deactivate(&username, scene.soon()).await.unwrap();
    assert!(matches!(scene.opens(&made.key).await, Err(IdentityError::UserInactive)));
    assert!(matches!(scene.make(None).await, Err(IdentityError::UserInactive)));
    let (login, _) = accounts.activate(&username, scene.soon()).await.unwrap();
    assert!(matches!(scene.opens(&made.key).await, Err(IdentityError::TokenNotValid(_))));

    let session_epoch = login.session_epoch;
    let again: LoggedIn = Subject { session_epoch, ..scene.test.subject(login.user_id) }.into();
    assert_eq!(scene.api_keys.list(&again).await.unwrap(), []);
    scene.test.end_session_at(&again, NOW.plus(DAY)).await;
    let new = scene.make_as(&again, None).await.unwrap();
    scene.opens(&new.key).await.unwrap();
    assert_eq!(scene.items_of_keys().await, 1, "the one of the passed epoch was struck off");
}

#[tokio::test]
async fn a_logout_everywhere_that_says_so_ends_all_keys_and_leaves_no_item_of_them() {
    for fault in [None, Some(Fault::AnswerLost), Some(Fault::Conflict), Some(Fault::NotApplied)] {
        let scene = ApiKeyScene::start().await;
        let made = [scene.make(None).await.unwrap(), scene.make(Some(30)).await.unwrap()];
        if let Some(fault) = fault {
            scene.test.recorder.fail_next("TransactWriteItems", fault, 2);
        }
        scene.log_out_everywhere(LogoutScope::SessionsAndApiKeys).await.unwrap();
        for made in &made {
            assert!(matches!(scene.opens(&made.key).await, Err(IdentityError::TokenNotValid(_))), "{fault:?}");
        }
        assert_eq!(scene.items_of_keys().await, 0, "{fault:?}");
        let again: LoggedIn = Subject { session_epoch: 2, ..scene.test.subject(scene.ada.user_id()) }.into();
        assert_eq!(scene.api_keys.list(&again).await.unwrap(), []);
        scene.test.end_session_at(&again, NOW.plus(DAY)).await;
        scene.opens(&scene.make_as(&again, None).await.unwrap().key).await.unwrap();
    }
}

#[tokio::test]
async fn a_logout_everywhere_ends_no_key_unless_it_says_so_and_needs_none_to_end_them() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    scene.log_out_everywhere(LogoutScope::Sessions).await.unwrap();
    scene.opens(&made.key).await.unwrap();
    let scene = ApiKeyScene::start().await;
    scene.log_out_everywhere(LogoutScope::SessionsAndApiKeys).await.unwrap();
    let account = scene.test.accounts().find(&Username::parse("ada").unwrap()).await.unwrap().1;
    assert_eq!((account.session_epoch, account.api_key_epoch), (2, 2));
}

#[tokio::test]
async fn a_key_that_is_made_while_all_keys_end_opens_nothing_unless_it_was_made_after_them() {
    for _ in 0..10 {
        let scene = ApiKeyScene::start().await;
        scene.make(None).await.unwrap();
        let (logout, made) = tokio::join!(scene.log_out_everywhere(LogoutScope::SessionsAndApiKeys), scene.make(None));
        logout.unwrap();
        if let Ok(made) = made {
            assert!(matches!(scene.opens(&made.key).await, Err(IdentityError::TokenNotValid(_))));
        }
        assert_eq!(scene.items_of_keys().await, 0);
    }
}

#[tokio::test]
async fn a_key_for_which_there_is_no_room_costs_no_hash_and_no_write() {
    let scene = ApiKeyScene::start().await;
    for _ in 0..FEW {
        scene.make(None).await.unwrap();
    }
    scene.test.recorder.clear();
    assert!(matches!(scene.api_keys.room(&scene.ada).await, Err(IdentityError::TooManyKeys { limit: 20 })));
    let operations: Vec<String> = scene.test.recorder.requests().into_iter().map(|each| each.operation).collect();
    assert_eq!(operations, ["BatchGetItem"]);
}

#[tokio::test]
async fn a_password_that_changes_after_it_was_checked_makes_no_key() {
    let scene = ApiKeyScene::start().await;
    let room = scene.api_keys.room(&scene.ada).await.unwrap();
    scene.test.set(Account::key(scene.ada.user_id()), "session_epoch", number(2_u64)).await;
    let login = scene.test.logins().find(&room.username().unwrap()).await.unwrap().unwrap();
    let new = NewApiKey { person: &scene.ada, proven: &proven(&login), terms: &terms(None) };
    let outcome = scene.api_keys.make(&new, room, scene.soon()).await;
    assert!(matches!(outcome, Err(IdentityError::TokenNotValid(_))));
    assert_eq!(scene.items_of_keys().await, 0);
}

#[tokio::test]
async fn the_password_of_somebody_else_makes_no_key() {
    let scene = ApiKeyScene::start().await;
    scene.test.register("mallory", 1).await;
    let room = scene.api_keys.room(&scene.ada).await.unwrap();
    let mallory = scene.test.logins().find(&Username::parse("mallory").unwrap()).await.unwrap().unwrap();
    let new = NewApiKey { person: &scene.ada, proven: &proven(&mallory), terms: &terms(None) };
    let outcome = scene.api_keys.make(&new, room, scene.soon()).await;
    assert!(matches!(outcome, Err(IdentityError::TokenNotValid(_))));
    assert_eq!(scene.items_of_keys().await, 0);
}

#[tokio::test]
async fn a_key_outlives_the_sessions_and_is_not_made_or_ended_with_a_token_of_theirs() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    scene.test.set(Account::key(scene.ada.user_id()), "session_epoch", number(2_u64)).await;
    scene.opens(&made.key).await.unwrap();
    assert!(matches!(scene.make(None).await, Err(IdentityError::TokenNotValid(_))));
    assert!(matches!(scene.end(made.view.id).await, Err(IdentityError::TokenNotValid(_))));
    assert!(matches!(scene.api_keys.list(&scene.ada).await, Err(IdentityError::TokenNotValid(_))));
}

#[tokio::test]
async fn an_access_token_whose_session_has_ended_makes_no_key_and_keeps_those_there_are() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    scene.end_session().await;
    assert!(matches!(scene.make(None).await, Err(IdentityError::TokenNotValid(_))));
    assert_eq!((scene.listed().await, scene.items_of_keys().await), (vec![made.view.id], 1));
    scene.opens(&made.key).await.unwrap();
}

#[tokio::test]
async fn an_account_that_closes_after_it_was_read_gets_no_key() {
    let scene = ApiKeyScene::start().await;
    let seen = scene.api_keys.read(&scene.ada).await.unwrap();
    let username = Username::parse("ada").unwrap();
    scene.test.accounts().deactivate(&username, scene.soon()).await.unwrap();
    scene.test.accounts().activate(&username, scene.soon()).await.unwrap();
    let next = BTreeMap::new();
    let replacement = ListReplacement { next: &next, further: Vec::new(), changes_a_key: false };
    let outcome = scene.api_keys.replace(&scene.ada, &seen.list, replacement, scene.soon()).await;
    assert!(matches!(outcome, Err(IdentityError::TokenNotValid(_))));
}

#[tokio::test]
async fn one_request_makes_one_key_and_ends_one_whatever_is_lost_on_the_way() {
    for fault in [Fault::AnswerLost, Fault::Conflict, Fault::NotApplied] {
        let scene = ApiKeyScene::start().await;
        scene.test.recorder.fail_next("TransactWriteItems", fault, 2);
        let made = scene.make(None).await.unwrap();
        scene.opens(&made.key).await.unwrap();
        assert_eq!((scene.listed().await, scene.items_of_keys().await), (vec![made.view.id], 1), "{fault:?}");
        scene.test.recorder.fail_next("TransactWriteItems", fault, 2);
        scene.end(made.view.id).await.unwrap();
        assert_eq!((scene.listed().await, scene.items_of_keys().await), (vec![], 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_key_cannot_be_made_or_used_while_the_table_is_away() {
    let scene = ApiKeyScene::start().await;
    let made = scene.make(None).await.unwrap();
    scene.test.recorder.fail_next("TransactWriteItems", Fault::NotApplied, 3);
    assert!(matches!(scene.make(None).await, Err(IdentityError::Unavailable(_))));
    assert_eq!(scene.listed().await, [made.view.id]);
    scene.test.recorder.fail_next("GetItem", Fault::NotApplied, 3);
    assert!(matches!(scene.opens(&made.key).await, Err(IdentityError::Unavailable(_))));
}

/// What somebody does with their keys.
#[derive(Clone, Debug)]
enum ApiKeyStep {
    /// All of this at once, while the next write meets a fault.
    AtOnce(Vec<ApiKeyChange>, Option<Fault>),
    /// So many days pass.
    Wait(u32),
}

#[derive(Clone, Debug)]
enum ApiKeyChange {
    Make(Option<u32>),
    /// Of all keys that there ever were.
    End(prop::sample::Index),
}

fn step() -> impl Strategy<Value = ApiKeyStep> {
    let change = prop_oneof![
        3 => prop::option::of(1..3_u32).prop_map(ApiKeyChange::Make),
        2 => any::<prop::sample::Index>().prop_map(ApiKeyChange::End),
    ];
    let faults = vec![Fault::AnswerLost, Fault::Conflict, Fault::NotApplied];
    let fault = prop::option::weighted(0.3, prop::sample::select(faults));
    prop_oneof![
        4 => (prop::collection::vec(change, 1..7), fault).prop_map(|(changes, fault)| ApiKeyStep::AtOnce(changes, fault)),
        1 => (1..3_u32).prop_map(ApiKeyStep::Wait),
    ]
}

/// The keys that there ever were, and which of them should have ended.
#[derive(Default)]
struct ApiKeyModel {
    made: BTreeMap<ApiKeyId, (MadeApiKey, Option<Timestamp>)>,
    ended: BTreeSet<ApiKeyId>,
}

impl ApiKeyModel {
    fn living(&self, now: Timestamp) -> BTreeSet<ApiKeyId> {
        let lives = |end: &Option<Timestamp>| end.is_none_or(|end| end > now);
        let made = self.made.iter().filter(|(id, (_, end))| lives(end) && !self.ended.contains(id));
        made.map(|(id, _)| *id).collect()
    }

    async fn change_at_once(&mut self, scene: &ApiKeyScene, changes: &[ApiKeyChange]) {
        let now = scene.test.clock.now();
        let before = self.living(now);
        let ids: Vec<ApiKeyId> = self.made.keys().copied().collect();
        let outcomes = join_all(changes.iter().map(|change| async {
            match change {
                ApiKeyChange::Make(days) => ApiKeyOutcome::Made(*days, scene.make(*days).await),
                ApiKeyChange::End(index) if !ids.is_empty() => {
                    let id = *index.get(&ids);
                    ApiKeyOutcome::Ended(id, scene.end(id).await)
                }
                ApiKeyChange::End(_) => ApiKeyOutcome::Nothing,
            }
        }));
        let mut not_found = Vec::new();
        for outcome in outcomes.await {
            match outcome {
                ApiKeyOutcome::Made(days, Ok(made)) => {
                    let end = days.map(|days| now.plus(DAY * days));
                    self.made.insert(made.view.id, (made, end));
                }
                ApiKeyOutcome::Made(_, Err(IdentityError::TooManyKeys { .. })) => {
                    assert!(before.len() + changes.len() > FEW, "there was room");
                }
                ApiKeyOutcome::Ended(id, Ok(())) => drop(self.ended.insert(id)),
                ApiKeyOutcome::Ended(id, Err(IdentityError::NotFound)) => not_found.push(id),
                ApiKeyOutcome::Nothing => {}
                ApiKeyOutcome::Made(_, Err(error)) | ApiKeyOutcome::Ended(_, Err(error)) => panic!("{error:?}"),
            }
        }
        // Another of these may have been faster, which says so itself.
        assert!(not_found.iter().all(|id| self.ended.contains(id) || !before.contains(id)));
    }

    /// Every key that is listed works, no other does, and there are never more than may be.
    async fn check(&self, scene: &ApiKeyScene) {
        let expected = self.living(scene.test.clock.now());
        assert!(expected.len() <= FEW);
        assert_eq!(scene.listed().await.into_iter().collect::<BTreeSet<_>>(), expected);
        for (id, (made, _)) in &self.made {
            assert_eq!(scene.opens(&made.key).await.is_ok(), expected.contains(id), "{id}");
        }
        assert!(scene.items_of_keys().await <= FEW);
    }
}

enum ApiKeyOutcome {
    Made(Option<u32>, Result<MadeApiKey, IdentityError>),
    Ended(ApiKeyId, Result<(), IdentityError>),
    Nothing,
}

#[test]
fn whatever_is_made_and_ended_at_once_the_keys_that_are_listed_work_and_no_others_and_are_never_too_many() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest!(ProptestConfig::with_cases(20), |(few in any::<bool>(), steps in prop::collection::vec(step(), 1..6))| {
        runtime.block_on(async {
            let scene = ApiKeyScene::start().await;
            let mut model = ApiKeyModel::default();
            let first = vec![ApiKeyChange::Make(None); if few { 1 } else { 1 + FEW - 4 }];
            for change in first.chunks(1) {
                model.change_at_once(&scene, change).await;
            }
            for step in steps {
                match step {
                    ApiKeyStep::Wait(days) => scene.test.clock.advance(DAY * days),
                    ApiKeyStep::AtOnce(changes, fault) => {
                        if let Some(fault) = fault {
                            scene.test.recorder.fail_next("TransactWriteItems", fault, 2);
                        }
                        model.change_at_once(&scene, &changes).await;
                        scene.test.recorder.forget_faults();
                    }
                }
                model.check(&scene).await;
            }
        });
    });
}
