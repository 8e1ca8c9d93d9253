//! Staff: superusers, who have proved who they are and were found to be staff now.

use std::time::Duration;

use acts::ActOrigin;
use domain::ids::UserId;
use domain::time::{Clock, Timestamp};
use ledger::account::{Account, Status};
use ledger::authority::{Authority, RecentAuthority};
use store::Table;

use crate::api_keys::ApiKey;
use crate::error::IdentityError;
use crate::jwt::{LoggedIn, Verifier};

/// The age of a login up to which staff may give credits, or access to everything.
pub const RECENT_LOGIN: Duration = Duration::from_secs(15 * 60);

/// A superuser, by an access token, whose account was staff when it was read. Only a [`StaffDesk`] makes one. Each act confirms
/// it in its own transaction.
#[derive(Clone, Copy, Debug)]
pub struct Staff {
    person: LoggedIn,
}

impl Staff {
    /// The user.
    #[must_use]
    pub fn user_id(self) -> UserId {
        self.person.user_id()
    }

    /// The authority for acts that a login of any age does for, in the request of `origin`.
    #[must_use]
    pub fn authority(self, origin: ActOrigin) -> Authority {
        Authority::of_staff(self.person.user_id(), self.person.session_epoch(), origin)
    }

    /// The proof that the login is at most [`RECENT_LOGIN`] old. The session's id is as old as the login: it stays the same
    /// through every refresh, and every token is signed with it. One of the future is of another function's clock.
    ///
    /// # Errors
    /// [`IdentityError::LoginRequiredAgain`] if it is older.
    pub fn recently(self, now: Timestamp) -> Result<RecentStaff, IdentityError> {
        let age = now.since(self.person.session_id().made_at());
        if age <= RECENT_LOGIN { Ok(RecentStaff(self)) } else { Err(IdentityError::LoginRequiredAgain) }
    }
}

/// A superuser who has just logged in.
#[derive(Clone, Copy, Debug)]
pub struct RecentStaff(Staff);

impl RecentStaff {
    /// The authority for all acts, in the request of `origin`.
    #[must_use]
    pub fn authority(self, origin: ActOrigin) -> RecentAuthority {
        RecentAuthority::of_recent_login(self.0.authority(origin))
    }
}

/// The desk at which staff show who they are.
#[derive(Debug)]
pub struct StaffDesk {
    verifier: Verifier,
    table: Table,
}

impl StaffDesk {
    /// The desk for the accounts in `table`, with the public keys if the table answers at once.
    pub async fn start(table: Table, clock: Clock) -> Self {
        Self { verifier: Verifier::start(table.clone(), clock).await, table }
    }

    /// The superuser whose request has the bearer token `bearer`, by one consistent read.
    ///
    /// An API key is nobody's here, also if its user is staff: a program's key that leaks opens no door.
    ///
    /// # Errors
    /// [`IdentityError::NotStaff`] for everybody who is not a superuser now; [`IdentityError::TokenNotValid`] if an access
    /// token of a superuser has expired or was revoked, so that a page knows to refresh it;
    /// [`IdentityError::Unavailable`] if the table cannot be reached.
    pub async fn staff(&self, bearer: &str) -> Result<Staff, IdentityError> {
        if ApiKey::is_meant_by(bearer) {
            return Err(IdentityError::NotStaff);
        }
        let (person, in_time) = self.verifier.logged_in_of_any_age(bearer).await.map_err(not_staff)?;
        let account: Option<Account> = self.table.get(Account::key(person.user_id())).await?;
        let is_staff = |account: &Account| account.staff && account.status == Status::Active;
        let account = account.filter(is_staff).ok_or(IdentityError::NotStaff)?;
        in_time?;
        if account.session_epoch != person.session_epoch() {
            return Err(IdentityError::TokenNotValid("the session's epoch has passed"));
        }
        Ok(Staff { person })
    }
}

/// A token that is none says nothing about its sender.
fn not_staff(error: IdentityError) -> IdentityError {
    match error {
        IdentityError::TokenNotValid(_) => IdentityError::NotStaff,
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use aws_sdk_dynamodb::types::AttributeValue;
    use domain::ids::SessionId;

    use crate::jwt::Subject;
    use crate::testing::{TestPeople, a_signer};

    struct DeskScene {
        test: TestPeople,
        user_id: UserId,
    }

    impl DeskScene {
        /// A deployment with one superuser, Ada.
        async fn start() -> Self {
            let test = TestPeople::start().await;
            let user_id = test.register("ada", 0).await;
            let scene = Self { test, user_id };
            scene.set("staff", AttributeValue::Bool(true)).await;
            scene
        }

        async fn set(&self, attribute: &str, value: AttributeValue) {
            self.test.set(Account::key(self.user_id), attribute, value).await;
        }

        /// An access token of a session that begins now.
        async fn token(&self, user_id: UserId) -> String {
            let signer = a_signer(&self.test).await;
            let session_id = SessionId::new(&self.test.clock);
            signer.access_token(Subject { user_id, session_id, session_epoch: 1 }).await.unwrap().expose().to_owned()
        }

        async fn ask(&self, bearer: &str) -> Result<Staff, IdentityError> {
            StaffDesk::start(self.test.table.clone(), self.test.clock.clone()).await.staff(bearer).await
        }
    }

    #[tokio::test]
    async fn a_superuser_is_known_by_one_read_of_the_account_and_an_api_key_or_any_other_text_by_none() {
        let scene = DeskScene::start().await;
        let token = scene.token(scene.user_id).await;
        let desk = StaffDesk::start(scene.test.table.clone(), scene.test.clock.clone()).await;
        scene.test.recorder.clear();
        assert_eq!(desk.staff(&token).await.unwrap().user_id(), scene.user_id);
        let requests = scene.test.recorder.requests();
        let [read] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((read.operation.as_str(), &read.body["ConsistentRead"]), ("GetItem", &true.into()));
        for text in ["", "sk-0123", "a.b.c", &token[..token.len() - 4]] {
            assert!(matches!(desk.staff(text).await, Err(IdentityError::NotStaff)), "{text}");
        }
        assert!(scene.test.recorder.requests().len() <= 2, "nothing is read for them but unknown keys");
    }

    #[tokio::test]
    async fn whoever_is_not_staff_now_is_nobody_whatever_the_token_is() {
        let scene = DeskScene::start().await;
        let plain = scene.test.register("bob", 0).await;
        let gone = UserId::new(&scene.test.clock);
        for user_id in [plain, gone] {
            let token = scene.token(user_id).await;
            assert!(matches!(scene.ask(&token).await, Err(IdentityError::NotStaff)));
        }
        for (attribute, value) in [
            ("staff", AttributeValue::Bool(false)),
            ("status", AttributeValue::S("inactive".to_owned())),
            ("status", AttributeValue::S("deleting".to_owned())),
        ] {
            let scene = DeskScene::start().await;
            let token = scene.token(scene.user_id).await;
            assert!(scene.ask(&token).await.is_ok());
            scene.set(attribute, value).await;
            assert!(matches!(scene.ask(&token).await, Err(IdentityError::NotStaff)), "{attribute}");
        }
    }

    #[tokio::test]
    async fn a_token_of_a_superuser_that_expired_or_was_revoked_is_to_be_refreshed_and_a_plain_users_is_nobodys() {
        let scene = DeskScene::start().await;
        let plain = scene.test.register("bob", 0).await;
        let (of_staff, of_plain) = (scene.token(scene.user_id).await, scene.token(plain).await);
        scene.test.clock.advance(Duration::from_secs(3600));
        assert!(matches!(scene.ask(&of_staff).await, Err(IdentityError::TokenNotValid(_))));
        assert!(matches!(scene.ask(&of_plain).await, Err(IdentityError::NotStaff)));
        let fresh = scene.token(scene.user_id).await;
        assert!(scene.ask(&fresh).await.is_ok());
        scene.set("session_epoch", AttributeValue::N("2".to_owned())).await;
        assert!(matches!(scene.ask(&fresh).await, Err(IdentityError::TokenNotValid(_))));
    }

    #[test]
    fn a_login_is_recent_for_15_minutes() {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        let subject = Subject { user_id: UserId::new(&clock), session_id: SessionId::new(&clock), session_epoch: 1 };
        let staff = Staff { person: subject.into() };
        for (later, is_recent) in [(0, true), (900, true), (901, false), (86_400, false)] {
            let now = clock.now().plus(Duration::from_secs(later));
            assert_eq!(staff.recently(now).is_ok(), is_recent, "{later}");
        }
        let behind = clock.now().minus(Duration::from_secs(60));
        assert!(staff.recently(behind).is_ok(), "a clock that is behind");
        assert!(matches!(staff.recently(clock.now().plus(RECENT_LOGIN * 2)), Err(IdentityError::LoginRequiredAgain)));
    }
}
