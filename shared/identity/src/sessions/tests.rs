use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{SessionId, TokenId, UserId};
use domain::time::Timestamp;
use domain::username::Username;
use ledger::account::Account;
use proptest::prelude::*;
use store::{Key, number};
use testkit::recorder::Fault;

use super::*;
use crate::accounts::LogoutScope;
use crate::error::IdentityError;
use crate::jwt::{LoggedIn, RefreshClaim, RefreshTerms, Subject};
use crate::login::Login;
use crate::password_hash::PasswordHash;
use crate::testing::{TestPeople, proven};

const LIFETIME: Duration = Duration::from_secs(60);

/// Ada, who has a password that nobody hashes.
struct SessionScene {
    test: TestPeople,
    sessions: Sessions,
    username: Username,
    user_id: UserId,
    lifetime: Duration,
}

/// A session that was begun.
#[derive(Clone, Copy)]
struct BegunSession {
    session_id: SessionId,
    claim: RefreshClaim,
}

impl SessionScene {
    async fn start() -> Self {
        let test = TestPeople::start().await;
        let user_id = test.register("ada", 0).await;
        let sessions = Sessions::new(test.table.clone(), test.clock.clone());
        Self { test, sessions, username: Username::parse("ada").unwrap(), user_id, lifetime: LIFETIME }
    }

    async fn login(&self) -> Login {
        self.test.logins().find(&self.username).await.unwrap().unwrap()
    }

    fn new_terms(&self) -> RefreshTerms {
        let issued_at = self.test.clock.now();
        RefreshTerms { id: TokenId::new(&self.test.clock), issued_at, expires_at: issued_at.plus(self.lifetime) }
    }

    fn soon(&self) -> Timestamp {
        self.test.clock.now().plus(Duration::from_secs(28))
    }

    async fn begin(&self) -> BegunSession {
        self.begin_with(&self.login().await, None).await.unwrap()
    }

    async fn begin_with(
        &self,
        login: &Login,
        renewed_hash: Option<&PasswordHash>,
    ) -> Result<BegunSession, IdentityError> {
        let refresh = self.new_terms();
        let proven = proven(login);
        let opening = Opening { proven: &proven, renewed_hash, refresh, user_agent: None };
        let session_id = self.sessions.begin(&opening, self.soon()).await?;
        Ok(BegunSession { session_id, claim: self.claim(session_id, refresh.id) })
    }

    async fn log_out_everywhere(&self, claim: &RefreshClaim) -> Result<(), IdentityError> {
        self.test.accounts().log_out_everywhere(claim, LogoutScope::Sessions, self.soon()).await
    }

    fn claim(&self, session_id: SessionId, token_id: TokenId) -> RefreshClaim {
        RefreshClaim { user_id: self.user_id, session_id, token_id }
    }

    /// Somebody with an access token of the session and of the account's first epoch.
    fn person(&self, session_id: SessionId) -> LoggedIn {
        Subject { user_id: self.user_id, session_id, session_epoch: 1 }.into()
    }

    async fn listed(&self, person: &LoggedIn) -> Vec<SessionId> {
        self.sessions.list(person).await.unwrap().iter().map(|session| session.id).collect()
    }

    async fn is_alive(&self, begun: &BegunSession) -> bool {
        self.sessions.resume(&begun.claim).await.is_ok()
    }

    async fn refresh(&self, token_id: TokenId, session_id: SessionId) -> Result<TokenId, IdentityError> {
        let claim = self.claim(session_id, token_id);
        let refreshed = self.sessions.refresh(&claim, Some(self.new_terms())).await?;
        Ok(refreshed.replacement.unwrap().id)
    }

    fn account(&self) -> Key {
        Account::key(self.user_id)
    }
}

fn hash(text: &str) -> PasswordHash {
    serde_json::from_value(text.into()).unwrap()
}

#[tokio::test]
async fn a_session_goes_on_until_it_expires() {
    let scene = SessionScene::start().await;
    let session = scene.begin().await;
    assert!(scene.is_alive(&session).await);
    scene.test.clock.advance(Duration::from_secs(59));
    assert!(scene.is_alive(&session).await);
    scene.test.clock.advance(Duration::from_secs(1));
    assert!(!scene.is_alive(&session).await);
}

#[tokio::test]
async fn a_session_goes_on_only_with_its_own_refresh_token_and_while_it_is_there() {
    let scene = SessionScene::start().await;
    let BegunSession { session_id, claim } = scene.begin().await;
    let another_token = scene.claim(session_id, TokenId::new(&scene.test.clock));
    let another_session = scene.claim(SessionId::new(&scene.test.clock), claim.token_id);
    for claim in [another_token, another_session] {
        assert!(matches!(scene.sessions.resume(&claim).await, Err(IdentityError::TokenNotValid(_))));
    }
}

#[tokio::test]
async fn a_session_ends_with_its_epoch_and_with_the_account() {
    let scene = SessionScene::start().await;
    let claim = scene.begin().await.claim;
    scene.test.set(scene.account(), "session_epoch", number(2_u64)).await;
    assert!(matches!(scene.sessions.resume(&claim).await, Err(IdentityError::TokenNotValid(_))));
    scene.test.set(scene.account(), "status", AttributeValue::S("inactive".to_owned())).await;
    assert!(matches!(scene.sessions.resume(&claim).await, Err(IdentityError::UserInactive)));
    scene.test.set(scene.account(), "status", AttributeValue::S("deleting".to_owned())).await;
    assert!(matches!(scene.sessions.resume(&claim).await, Err(IdentityError::TokenNotValid(_))));
}

#[tokio::test]
async fn a_login_that_overlaps_a_password_change_loses() {
    let scene = SessionScene::start().await;
    let login = scene.login().await;
    let changed = AttributeValue::S("changed".to_owned());
    scene.test.set(Login::key(&scene.username), "password_hash", changed).await;
    for renewed in [None, Some(&hash("renewed"))] {
        assert!(matches!(scene.begin_with(&login, renewed).await, Err(IdentityError::InvalidCredentials)));
    }
}

#[tokio::test]
async fn nobody_logs_in_to_an_account_that_is_closed_or_to_an_epoch_that_has_passed() {
    let scene = SessionScene::start().await;
    let login = scene.login().await;
    scene.test.set(scene.account(), "session_epoch", number(2_u64)).await;
    assert!(matches!(scene.begin_with(&login, None).await, Err(IdentityError::InvalidCredentials)));
    scene.test.set(scene.account(), "status", AttributeValue::S("deleting".to_owned())).await;
    assert!(matches!(scene.begin_with(&login, None).await, Err(IdentityError::InvalidCredentials)));
    scene.test.set(scene.account(), "status", AttributeValue::S("inactive".to_owned())).await;
    assert!(matches!(scene.begin_with(&login, None).await, Err(IdentityError::UserInactive)));
}

#[tokio::test]
async fn a_renewed_hash_replaces_the_one_that_was_checked() {
    let scene = SessionScene::start().await;
    scene.begin_with(&scene.login().await, Some(&hash("renewed"))).await.unwrap();
    assert_eq!(scene.login().await.password_hash, hash("renewed"));
}

#[tokio::test]
async fn a_session_that_was_ended_is_over_and_can_be_ended_again() {
    let scene = SessionScene::start().await;
    let (ended, other) = (scene.begin().await, scene.begin().await);
    for _ in 0..2 {
        scene.sessions.end(scene.user_id, ended.session_id).await.unwrap();
        assert!(!scene.is_alive(&ended).await);
    }
    assert!(scene.is_alive(&other).await);
}

#[tokio::test]
async fn one_ends_a_session_of_ones_own_and_of_nobody_else() {
    let scene = SessionScene::start().await;
    let (mine, other) = (scene.begin().await, scene.begin().await);
    let mallory = scene.test.person("mallory", 0).await;
    let outcome = scene.sessions.end_own(&mallory, other.session_id, scene.soon()).await;
    assert!(matches!(outcome, Err(IdentityError::NotFound)));
    assert!(scene.is_alive(&other).await);

    let ada = scene.person(mine.session_id);
    scene.sessions.end_own(&ada, other.session_id, scene.soon()).await.unwrap();
    assert!(!scene.is_alive(&other).await);
    let again = scene.sessions.end_own(&ada, other.session_id, scene.soon()).await;
    assert!(matches!(again, Err(IdentityError::NotFound)));

    scene.test.set(scene.account(), "session_epoch", number(2_u64)).await;
    let late = scene.sessions.end_own(&ada, mine.session_id, scene.soon()).await;
    assert!(matches!(late, Err(IdentityError::TokenNotValid(_))));
}

#[tokio::test]
async fn all_sessions_end_at_once_with_all_access_tokens_and_new_ones_can_begin() {
    let scene = SessionScene::start().await;
    let (one, two) = (scene.begin().await, scene.begin().await);
    scene.log_out_everywhere(&one.claim).await.unwrap();
    for session in [one, two] {
        assert!(!scene.is_alive(&session).await);
        let ada = scene.person(session.session_id);
        assert!(matches!(scene.test.accounts().read(&ada).await, Err(IdentityError::TokenNotValid(_))));
    }
    assert!(scene.login().await.sessions.is_empty());
    assert!(scene.is_alive(&scene.begin().await).await);
    // Who still has a token of before ends nothing with it.
    let again = scene.log_out_everywhere(&two.claim).await;
    assert!(matches!(again, Err(IdentityError::TokenNotValid(_))));
}

#[tokio::test]
async fn ending_all_sessions_survives_lost_answers_and_collisions() {
    for fault in [Fault::AnswerLost, Fault::Conflict, Fault::NotApplied] {
        let scene = SessionScene::start().await;
        let session = scene.begin().await;
        scene.test.recorder.fail_next("TransactWriteItems", fault, 2);
        scene.log_out_everywhere(&session.claim).await.unwrap();
        assert_eq!(scene.login().await.session_epoch, 2, "{fault:?}");
    }
}

#[tokio::test]
async fn sessions_are_listed_newest_first_without_those_that_have_ended() {
    let scene = SessionScene::start().await;
    let mut begun = Vec::new();
    for _ in 0..4 {
        scene.test.clock.advance(Duration::from_secs(20));
        begun.push(scene.begin().await.session_id);
    }
    scene.sessions.end(scene.user_id, begun[2]).await.unwrap();
    let ada = scene.person(begun[1]);
    let listed = scene.sessions.list(&ada).await.unwrap();
    // The first has expired: it is 60 seconds old, and DynamoDB deletes it when it likes to.
    let found: Vec<(SessionId, bool)> = listed.iter().map(|session| (session.id, session.current)).collect();
    assert_eq!(found, [(begun[3], false), (begun[1], true)]);
    assert_eq!(listed[0].created_at, scene.test.clock.now().to_string());
    assert_eq!(scene.sessions.account_and_count(&ada).await.unwrap().1, 2);
}

#[tokio::test]
async fn sessions_that_ended_everywhere_are_not_read_however_many_they_were() {
    let scene = SessionScene::start().await;
    let mut last = scene.begin().await;
    for _ in 0..60 {
        scene.log_out_everywhere(&last.claim).await.unwrap();
        last = scene.begin().await;
    }
    let epoch = scene.login().await.session_epoch;
    let ada = Subject { user_id: scene.user_id, session_id: last.session_id, session_epoch: epoch }.into();
    scene.test.recorder.clear();
    assert_eq!(scene.listed(&ada).await, [last.session_id]);
    let requests = scene.test.recorder.requests();
    let operations: Vec<&str> = requests.iter().map(|request| request.operation.as_str()).collect();
    assert_eq!(operations, ["GetItem", "GetItem", "BatchGetItem"]);
    let tables = requests[2].body["RequestItems"].as_object().unwrap().values();
    assert_eq!(tables.map(|table| table["Keys"].as_array().unwrap().len()).sum::<usize>(), 1);
}

#[tokio::test]
async fn the_fifty_first_session_ends_the_oldest() {
    let scene = SessionScene::start().await;
    let mut begun = Vec::new();
    for _ in 0..=MAX_SESSIONS {
        scene.test.clock.advance(Duration::from_millis(1));
        begun.push(scene.begin().await);
    }
    let requests = scene.test.recorder.requests();
    let last: Vec<&str> = requests.iter().rev().take(4).rev().map(|request| request.operation.as_str()).collect();
    assert_eq!(last, ["BatchGetItem", "DeleteItem", "UpdateItem", "TransactWriteItems"]);
    let newest_first: Vec<SessionId> = begun.iter().rev().map(|session| session.session_id).collect();
    let listed = scene.listed(&scene.person(newest_first[0])).await;
    assert_eq!(listed, newest_first[..MAX_SESSIONS]);
    assert!(!scene.is_alive(&begun[0]).await);
}

#[tokio::test]
async fn sessions_that_have_ended_make_room_before_any_that_lives() {
    let scene = SessionScene::start().await;
    let oldest = scene.begin().await;
    for _ in 1..MAX_SESSIONS {
        scene.test.clock.advance(Duration::from_millis(1));
        let session = scene.begin().await;
        scene.sessions.end(scene.user_id, session.session_id).await.unwrap();
    }
    let newest = scene.begin().await;
    assert!(scene.is_alive(&oldest).await && scene.is_alive(&newest).await);
    assert_eq!(scene.login().await.sessions, [oldest.session_id, newest.session_id].into());
}

#[tokio::test]
async fn many_logins_at_once_leave_no_more_sessions_than_there_may_be() {
    let scene = SessionScene::start().await;
    for _ in 3..MAX_SESSIONS {
        scene.begin().await;
    }
    let login = scene.login().await;
    let logins = (0..10).map(|_| scene.begin_with(&login, None));
    let outcomes = futures_util::future::join_all(logins).await;
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(IdentityError::Unavailable(_)))).count();
    let begun = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(begun + refused, 10);
    assert!(begun >= 3);
    let listed = scene.login().await.sessions;
    assert!(listed.len() <= MAX_SESSIONS, "{}", listed.len());
    let living = scene
        .test
        .isolated
        .items()
        .await
        .into_iter()
        .filter_map(|item| SessionId::parse(item["sk"]["S"].as_str().unwrap().strip_prefix("SESSION#")?));
    assert!(living.collect::<Vec<_>>().iter().all(|id| listed.contains(id)), "a session lives that is not listed");
}

#[tokio::test]
async fn a_session_remembers_when_it_was_last_used_to_the_hour_for_one_more_request() {
    let scene = SessionScene { lifetime: Duration::from_secs(86_400), ..SessionScene::start().await };
    let BegunSession { session_id, claim } = scene.begin().await;
    for (minutes, requests) in [(59, 1), (1, 2), (59, 1), (2, 2)] {
        scene.test.clock.advance(Duration::from_secs(60 * minutes));
        scene.test.recorder.clear();
        assert!(scene.sessions.refresh(&claim, None).await.unwrap().replacement.is_none());
        assert_eq!(scene.test.recorder.requests().len(), requests);
    }
    let ada = scene.person(session_id);
    let last_used_at = &scene.sessions.list(&ada).await.unwrap()[0].last_used_at;
    assert_eq!(*last_used_at, scene.test.clock.now().to_string());
}

#[tokio::test]
async fn a_last_use_that_cannot_be_written_turns_nobody_away() {
    let scene = SessionScene { lifetime: Duration::from_secs(86_400), ..SessionScene::start().await };
    let claim = scene.begin().await.claim;
    scene.test.clock.advance(Duration::from_secs(3600));
    scene.test.recorder.fail_next("UpdateItem", Fault::NotApplied, 3);
    scene.sessions.refresh(&claim, None).await.unwrap();
}

#[tokio::test]
async fn a_replaced_refresh_token_gets_the_same_successor_for_ten_seconds() {
    let scene = SessionScene::start().await;
    let BegunSession { session_id, claim } = scene.begin().await;
    let first = claim.token_id;
    let second = scene.refresh(first, session_id).await.unwrap();
    scene.test.clock.advance(Duration::from_secs(10));
    assert_eq!(scene.refresh(first, session_id).await.unwrap(), second);
    let third = scene.refresh(second, session_id).await.unwrap();
    assert!(![first, second].contains(&third));
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_session_for_thief_and_owner() {
    let scene = SessionScene::start().await;
    let other = scene.begin().await;
    let BegunSession { session_id, claim } = scene.begin().await;
    let stolen = claim.token_id;
    let current = scene.refresh(stolen, session_id).await.unwrap();
    scene.test.clock.advance(Duration::from_millis(10_001));
    for token_id in [stolen, current] {
        let outcome = scene.refresh(token_id, session_id).await;
        assert!(matches!(outcome, Err(IdentityError::TokenNotValid(_))));
    }
    assert!(scene.is_alive(&other).await, "the user's other sessions go on");
}

#[tokio::test]
async fn a_token_from_before_the_last_is_not_answered_even_at_once() {
    let scene = SessionScene::start().await;
    let BegunSession { session_id, claim } = scene.begin().await;
    let second = scene.refresh(claim.token_id, session_id).await.unwrap();
    scene.refresh(second, session_id).await.unwrap();
    assert!(scene.refresh(claim.token_id, session_id).await.is_err());
    assert!(scene.refresh(second, session_id).await.is_err(), "the session has ended");
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_get_the_same_token() {
    let scene = SessionScene::start().await;
    let BegunSession { session_id, claim } = scene.begin().await;
    let tabs = (0..5).map(|_| scene.refresh(claim.token_id, session_id));
    let tokens: Vec<TokenId> =
        futures_util::future::join_all(tabs).await.into_iter().map(|token| token.unwrap()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
}

#[tokio::test]
async fn a_rotation_whose_answer_was_lost_gives_the_token_that_it_wrote() {
    let scene = SessionScene::start().await;
    let BegunSession { session_id, claim } = scene.begin().await;
    scene.test.recorder.fail_next("UpdateItem", Fault::AnswerLost, 1);
    let next = scene.refresh(claim.token_id, session_id).await.unwrap();
    scene.test.clock.advance(Duration::from_secs(11));
    scene.refresh(next, session_id).await.unwrap();
}

#[tokio::test]
async fn rotation_lets_a_session_live_on_from_each_refresh() {
    let scene = SessionScene::start().await;
    let BegunSession { session_id, claim } = scene.begin().await;
    let mut token_id = claim.token_id;
    for _ in 0..5 {
        scene.test.clock.advance(Duration::from_secs(59));
        token_id = scene.refresh(token_id, session_id).await.unwrap();
    }
    scene.test.clock.advance(LIFETIME);
    assert!(scene.refresh(token_id, session_id).await.is_err());
}

/// What happens to a session next.
#[derive(Clone, Debug)]
enum SessionStep {
    /// Time passes, in milliseconds.
    Wait(u64),
    /// So many clients refresh at once, each with the token so many steps back from the newest.
    Refresh(Vec<usize>),
}

fn step() -> impl Strategy<Value = SessionStep> {
    let back = prop_oneof![6 => Just(0_usize), 3 => Just(1), 1 => 2..4_usize];
    prop_oneof![
        1 => prop_oneof![0..5_000_u64, 9_990..10_010_u64].prop_map(SessionStep::Wait),
        2 => prop::collection::vec(back, 1..4).prop_map(SessionStep::Refresh),
    ]
}

/// What a session should be: all its tokens, oldest first, and when the newest was issued.
struct SessionModel {
    tokens: Vec<TokenId>,
    issued_at: Timestamp,
    is_over: bool,
}

impl SessionModel {
    fn token(&self, back: usize) -> TokenId {
        self.tokens[self.tokens.len().saturating_sub(back + 1)]
    }

    /// Whether using this token ends the session, if nothing else is used at the same moment.
    fn is_reuse(&self, token_id: TokenId, now: Timestamp) -> bool {
        let age = self.tokens.iter().rev().position(|token| *token == token_id).unwrap();
        age > 1 || (age == 1 && now.since(self.issued_at) > Duration::from_secs(10))
    }
}

async fn refresh_at_once(scene: &SessionScene, session_id: SessionId, model: &mut SessionModel, backs: &[usize]) {
    let now = scene.test.clock.now();
    let used: Vec<TokenId> = backs.iter().map(|back| model.token(*back)).collect();
    let newest = model.token(0);
    let outcomes = used.iter().map(|token_id| scene.refresh(*token_id, session_id));
    let outcomes = futures_util::future::join_all(outcomes).await;
    let mut answered: Vec<TokenId> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).copied().collect();
    // If the newest is replaced among them, the one before it is too old from then on.
    let replaces = used.contains(&newest);
    let ends = used.iter().any(|id| model.is_reuse(*id, now));
    let may_end = ends || (replaces && used.iter().any(|id| *id != newest));
    assert!(!model.is_over || answered.is_empty(), "a session that is over was refreshed");
    answered.retain(|token| *token != newest);
    answered.dedup();
    assert!(answered.len() <= 1, "a token was replaced by two");
    if !ends && !may_end && !model.is_over {
        assert!(outcomes.iter().all(Result::is_ok), "a good token was refused");
    }
    if let Some(next) = answered.pop() {
        model.tokens.push(next);
        model.issued_at = now;
    }
    let claim = scene.claim(session_id, model.token(0));
    let is_alive = scene.sessions.resume(&claim).await.is_ok();
    assert!(!(ends && is_alive), "a token was used again and the session goes on");
    assert!(is_alive || may_end || model.is_over, "the session ended for no reason");
    model.is_over = !is_alive;
}

#[test]
fn however_refreshes_meet_a_session_has_one_newest_token_and_ends_by_reuse_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let scene = runtime.block_on(SessionScene::start());
    let scene = SessionScene { lifetime: Duration::from_secs(3600), ..scene };
    proptest!(ProptestConfig::with_cases(60), |(steps in prop::collection::vec(step(), 1..12))| {
        runtime.block_on(async {
            let BegunSession { session_id, claim } = scene.begin().await;
            let issued_at = scene.test.clock.now();
            let mut model = SessionModel { tokens: vec![claim.token_id], issued_at, is_over: false };
            for step in &steps {
                match step {
                    SessionStep::Wait(milliseconds) => scene.test.clock.advance(Duration::from_millis(*milliseconds)),
                    SessionStep::Refresh(backs) => refresh_at_once(&scene, session_id, &mut model, backs).await,
                }
            }
        });
    });
}
