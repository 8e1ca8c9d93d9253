//! Sessions: each login is one item.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::{ConditionCheck, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, Login, Status};
use crate::attempts::Attempt;
use crate::error::{ApiError, Cause};
use crate::ids::{SessionId, TokenId};
use crate::jwt::RefreshClaim;
use crate::password::PasswordHash;
use crate::table::{Item, Key, Table, cancellation_reasons, condition_failed, from_item, number, unavailable};
use crate::time::{Clock, Timestamp};

/// One login: the session item.
#[derive(Debug, Serialize, Deserialize)]
pub struct Session {
    /// The refresh token that continues it.
    pub refresh_token_id: TokenId,
    /// The account's epoch when it began.
    pub session_epoch: u64,
    /// When it began, in RFC 3339.
    pub created_at: String,
    /// When it ends, in seconds since the Unix epoch; also what DynamoDB's TTL deletes it by.
    pub expires_at: u64,
}

/// The sessions in the table.
#[derive(Clone, Debug)]
pub struct Sessions {
    table: Table,
    clock: Clock,
}

impl Sessions {
    /// The sessions in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// Begins a session for the person who has just proved to know the password of `login`.
    ///
    /// One transaction: it puts the session if the account is active and of the epoch that the
    /// login showed, and if the login still has the hash that was checked, so that a password
    /// change in between wins. A `renewed_hash` replaces that hash. The `attempt` is given back, and
    /// its network is one that the user logged in from.
    ///
    /// # Errors
    /// [`ApiError::InvalidCredentials`] if login or account changed meanwhile,
    /// [`ApiError::UserInactive`] if the account is deactivated.
    pub async fn begin(
        &self,
        attempt: &Attempt,
        login: &Login,
        renewed_hash: Option<&PasswordHash>,
        refresh_token_id: TokenId,
        expires_at: Timestamp,
        deadline: Timestamp,
    ) -> Result<SessionId, ApiError> {
        let session_id = SessionId::new(&self.clock);
        let session = Session {
            refresh_token_id,
            session_epoch: login.session_epoch,
            created_at: self.clock.now().to_string(),
            expires_at: expires_at.seconds(),
        };
        let items = vec![
            self.check_account(login)?,
            self.update_login(attempt, login, renewed_hash)?,
            self.table.put(Key::session(login.user_id, session_id).with(&session)?)?,
            attempt.give_back(&self.table, self.clock.now())?,
        ];
        match self.table.transact(&session_id.to_string(), items, &self.clock, deadline).await {
            Ok(()) => Ok(session_id),
            Err(error) => match cancellation_reasons(&error) {
                Some([account, ..]) if condition_failed(account) => Err(refusal(account.item())?),
                Some([_, login, ..]) if condition_failed(login) => Err(ApiError::InvalidCredentials),
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Checks that the session of a refresh token may go on.
    ///
    /// # Errors
    /// [`ApiError::TokenNotValid`] if the session has ended or the token is not its current one,
    /// [`ApiError::UserInactive`] if the account is deactivated.
    pub async fn resume(&self, claim: &RefreshClaim) -> Result<(), ApiError> {
        let keys = [Key::account(claim.user_id), Key::session(claim.user_id, claim.session_id)];
        let [account, session] = self.table.get_both(keys).await?;
        let account: Account = from_item(account.ok_or(ApiError::TokenNotValid("the account is gone"))?)?;
        let session: Session = from_item(session.ok_or(ApiError::TokenNotValid("the session has ended"))?)?;
        account.admit(session.session_epoch)?;
        if session.expires_at <= self.clock.now().seconds() {
            return Err(ApiError::TokenNotValid("the session has expired"));
        }
        if session.refresh_token_id != claim.token_id {
            return Err(ApiError::TokenNotValid("the session has another refresh token"));
        }
        Ok(())
    }

    fn check_account(&self, login: &Login) -> Result<TransactWriteItem, ApiError> {
        let check = ConditionCheck::builder()
            .table_name(self.table.name())
            .set_key(Some(Key::account(login.user_id).into_item()))
            .condition_expression("#status = :active AND session_epoch = :epoch")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", AttributeValue::S(Status::ACTIVE.to_owned()))
            .expression_attribute_values(":epoch", number(login.session_epoch))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| ApiError::Internal(Cause::new(error)))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    fn update_login(
        &self,
        attempt: &Attempt,
        login: &Login,
        renewed_hash: Option<&PasswordHash>,
    ) -> Result<TransactWriteItem, ApiError> {
        let hash = renewed_hash.unwrap_or(&login.password_hash);
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Key::login(attempt.username()).into_item()))
            .condition_expression("password_hash = :seen_hash")
            .expression_attribute_values(":seen_hash", AttributeValue::S(login.password_hash.as_str().to_owned()))
            .expression_attribute_values(":hash", AttributeValue::S(hash.as_str().to_owned()));
        let update = login.trusting(update, "SET password_hash = :hash", attempt.network(), self.clock.now());
        let update = update.build().map_err(|error| ApiError::Internal(Cause::new(error)))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// Why an account does not let a login with the right password in.
fn refusal(account: Option<&Item>) -> Result<ApiError, ApiError> {
    let account: Option<Account> = account.cloned().map(from_item).transpose()?;
    Ok(match account {
        Some(account) if account.status != Status::Active => ApiError::UserInactive,
        // Gone, or of another epoch: the password that was checked is no longer the one.
        _ => ApiError::InvalidCredentials,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Subject;
    use crate::network::SourceNetwork;
    use crate::testing::{NOW, TestTable};
    use crate::username::Username;
    use std::time::Duration;

    struct Scene {
        test: TestTable,
        sessions: Sessions,
        attempt: Attempt,
        login: Login,
        token_id: TokenId,
    }

    impl Scene {
        async fn start() -> Self {
            let test = TestTable::start().await;
            let username = Username::parse("ada").unwrap();
            test.register("ada", 0).await;
            let network = SourceNetwork::of_address("203.0.113.7");
            let (login, attempt) = test.attempts().find_login(&username, network, NOW).await.unwrap();
            let login = login.unwrap();
            let sessions = Sessions::new(test.table.clone(), test.clock.clone());
            let token_id = TokenId::new(&test.clock);
            Self { test, sessions, attempt, login, token_id }
        }

        async fn begin(&self, renewed_hash: Option<&PasswordHash>) -> Result<SessionId, ApiError> {
            let expires_at = NOW.plus(Duration::from_secs(60));
            self.sessions.begin(&self.attempt, &self.login, renewed_hash, self.token_id, expires_at, NOW).await
        }

        fn claim(&self, session_id: SessionId) -> RefreshClaim {
            let subject = Subject { user_id: self.login.user_id, session_id, session_epoch: 1 };
            RefreshClaim::of(subject, self.token_id)
        }

        fn account(&self) -> Key {
            Key::account(self.login.user_id)
        }
    }

    fn hash(text: &str) -> PasswordHash {
        serde_json::from_value(text.into()).unwrap()
    }

    #[tokio::test]
    async fn a_session_goes_on_until_it_expires() {
        let scene = Scene::start().await;
        let claim = scene.claim(scene.begin(None).await.unwrap());
        scene.sessions.resume(&claim).await.unwrap();
        scene.test.clock.advance(Duration::from_secs(59));
        scene.sessions.resume(&claim).await.unwrap();
        scene.test.clock.advance(Duration::from_secs(1));
        assert!(matches!(scene.sessions.resume(&claim).await, Err(ApiError::TokenNotValid(_))));
    }

    #[tokio::test]
    async fn a_session_goes_on_only_with_its_own_refresh_token_and_while_it_is_there() {
        let scene = Scene::start().await;
        let session_id = scene.begin(None).await.unwrap();
        let another_token = RefreshClaim { token_id: TokenId::new(&scene.test.clock), ..scene.claim(session_id) };
        let another_session = scene.claim(SessionId::new(&scene.test.clock));
        for claim in [another_token, another_session] {
            assert!(matches!(scene.sessions.resume(&claim).await, Err(ApiError::TokenNotValid(_))));
        }
    }

    #[tokio::test]
    async fn a_session_ends_with_its_epoch_and_with_the_account() {
        let scene = Scene::start().await;
        let claim = scene.claim(scene.begin(None).await.unwrap());
        scene.test.set(scene.account(), "session_epoch", number(2_u64)).await;
        assert!(matches!(scene.sessions.resume(&claim).await, Err(ApiError::TokenNotValid(_))));
        scene.test.set(scene.account(), "status", AttributeValue::S("inactive".to_owned())).await;
        assert!(matches!(scene.sessions.resume(&claim).await, Err(ApiError::UserInactive)));
    }

    #[tokio::test]
    async fn a_login_that_overlaps_a_password_change_loses() {
        let scene = Scene::start().await;
        let changed = AttributeValue::S("changed".to_owned());
        scene.test.set(Key::login(scene.attempt.username()), "password_hash", changed).await;
        assert!(matches!(scene.begin(None).await, Err(ApiError::InvalidCredentials)));
        assert!(matches!(scene.begin(Some(&hash("renewed"))).await, Err(ApiError::InvalidCredentials)));
    }

    #[tokio::test]
    async fn nobody_logs_in_to_an_inactive_account_or_to_an_epoch_that_has_passed() {
        let scene = Scene::start().await;
        scene.test.set(scene.account(), "session_epoch", number(2_u64)).await;
        assert!(matches!(scene.begin(None).await, Err(ApiError::InvalidCredentials)));
        scene.test.set(scene.account(), "status", AttributeValue::S("inactive".to_owned())).await;
        assert!(matches!(scene.begin(None).await, Err(ApiError::UserInactive)));
    }

    #[tokio::test]
    async fn a_renewed_hash_replaces_the_one_that_was_checked() {
        let scene = Scene::start().await;
        scene.begin(Some(&hash("renewed"))).await.unwrap();
        let login = scene.test.accounts().find_login(scene.attempt.username()).await.unwrap().unwrap();
        assert_eq!(login.password_hash, hash("renewed"));
    }
}
