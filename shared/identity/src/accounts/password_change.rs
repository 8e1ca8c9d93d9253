//! Changing a password.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::ids::TokenId;
use domain::time::Timestamp;
use ledger::account::{Account, Status};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, number};

use crate::accounts::registration::Accounts;
use crate::error::IdentityError;
use crate::jwt::LoggedIn;
use crate::login::{Login, ProvenLogin};
use crate::password_hash::PasswordHash;
use crate::sessions::Session;

/// A new password of a logged-in person, who has just proved the old one.
#[derive(Debug)]
pub struct PasswordChange<'a> {
    /// The person.
    pub person: &'a LoggedIn,
    /// The person's login, with the hash that the old password matched.
    pub proven: &'a ProvenLogin,
    /// The hash of the new password.
    pub new_hash: &'a PasswordHash,
}

impl Accounts {
    /// Changes a password. It ends all sessions but the one in which the password is changed, and all access tokens:
    /// that session fetches a new one with its refresh token.
    ///
    /// One transaction gives account, login and session the next epoch, if the account is as the access token says and
    /// the login still has the hash that was checked. A reset code that staff made is worthless from then on.
    ///
    /// # Errors
    /// [`IdentityError::TokenNotValid`] if the account is gone or the session has ended,
    /// [`IdentityError::UserInactive`] if the account is deactivated, [`IdentityError::InvalidCredentials`]
    /// if another change of the password was faster.
    pub async fn change_password(&self, change: &PasswordChange<'_>, deadline: Timestamp) -> Result<(), IdentityError> {
        let next_epoch = change.person.session_epoch().max(change.proven.login().session_epoch) + 1;
        let items = vec![
            self.raise_account(change, next_epoch)?,
            self.replace_hash(change, next_epoch)?,
            self.keep_session(change, next_epoch)?,
        ];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            Some([account, ..]) if condition_failed(account) => {
                Err(Account::why_closed(change.person.payer(), account)?.into())
            }
            Some([_, login, ..]) if condition_failed(login) => Err(IdentityError::InvalidCredentials),
            Some([_, _, session, ..]) if condition_failed(session) => {
                Err(IdentityError::TokenNotValid("the session has ended"))
            }
            _ => Err(StoreError::from(error).into()),
        }
    }

    fn raise_account(&self, change: &PasswordChange<'_>, next_epoch: u64) -> Result<TransactWriteItem, StoreError> {
        transaction::update(
            self.table
                .updating(Account::key(change.person.user_id()))
                .update_expression("SET session_epoch = :next")
                .condition_expression("#status = :active AND session_epoch = :epoch")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":active", Status::Active.attribute_value())
                .expression_attribute_values(":epoch", number(change.person.session_epoch()))
                .expression_attribute_values(":next", number(next_epoch)),
        )
    }

    fn replace_hash(&self, change: &PasswordChange<'_>, next_epoch: u64) -> Result<TransactWriteItem, StoreError> {
        let PasswordChange { person, proven, new_hash } = change;
        transaction::update(
            self.table
                .updating(Login::key(proven.username()))
                .update_expression(
                    "SET password_hash = :new, session_epoch = :next, sessions = :this_session REMOVE #reset",
                )
                .condition_expression("user_id = :user_id AND password_hash = :seen")
                .expression_attribute_names("#reset", Login::RESET)
                .expression_attribute_values(":user_id", AttributeValue::S(person.user_id().to_string()))
                .expression_attribute_values(
                    ":seen",
                    AttributeValue::S(proven.login().password_hash.as_str().to_owned()),
                )
                .expression_attribute_values(":new", AttributeValue::S(new_hash.as_str().to_owned()))
                .expression_attribute_values(":next", number(next_epoch))
                .expression_attribute_values(
                    ":this_session",
                    AttributeValue::Ss(vec![person.session_id().to_string()]),
                ),
        )
    }

    fn keep_session(&self, change: &PasswordChange<'_>, next_epoch: u64) -> Result<TransactWriteItem, StoreError> {
        let person = change.person;
        transaction::update(
            self.table
                .updating(Session::key(person.user_id(), person.session_id()))
                .update_expression("SET session_epoch = :next")
                .condition_expression("session_epoch = :epoch")
                .expression_attribute_values(":epoch", number(person.session_epoch()))
                .expression_attribute_values(":next", number(next_epoch)),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use domain::ids::SessionId;
    use domain::username::Username;
    use testkit::recorder::Fault;
    use testkit::test_table::NOW;

    use crate::jwt::{RefreshClaim, RefreshTerms, Subject};
    use crate::sessions::{Opening, Sessions};
    use crate::testing::{TestPeople, proven};

    struct PasswordScene {
        test: TestPeople,
        sessions: Sessions,
        username: Username,
    }

    /// A session of Ada's.
    struct SessionOfAda {
        person: LoggedIn,
        refresh: RefreshClaim,
    }

    impl PasswordScene {
        async fn start() -> Self {
            let test = TestPeople::start().await;
            test.register("ada", 10).await;
            let sessions = Sessions::new(test.table.clone(), test.clock.clone());
            Self { test, sessions, username: Username::parse("ada").unwrap() }
        }

        async fn login(&self) -> Login {
            self.test.logins().find(&self.username).await.unwrap().unwrap()
        }

        async fn begin(&self) -> SessionOfAda {
            let login = self.login().await;
            let refresh = terms(TokenId::new(&self.test.clock));
            let proven = proven(&login);
            let opening = Opening { proven: &proven, renewed_hash: None, refresh, user_agent: None };
            let session_id = self.sessions.begin(&opening, soon()).await.unwrap();
            let subject = Subject { user_id: login.user_id, session_id, session_epoch: login.session_epoch };
            let refresh = RefreshClaim { user_id: login.user_id, session_id, token_id: refresh.id };
            SessionOfAda { person: subject.into(), refresh }
        }

        async fn change(&self, person: &LoggedIn, login: &Login) -> Result<(), IdentityError> {
            let proven = proven(login);
            let change = PasswordChange { person, proven: &proven, new_hash: &hash("new") };
            self.test.accounts().change_password(&change, soon()).await
        }
    }

    fn terms(id: TokenId) -> RefreshTerms {
        RefreshTerms { id, issued_at: NOW, expires_at: NOW.plus(Duration::from_secs(60)) }
    }

    fn soon() -> Timestamp {
        NOW.plus(Duration::from_secs(28))
    }

    fn hash(text: &str) -> PasswordHash {
        serde_json::from_value(text.into()).unwrap()
    }

    #[tokio::test]
    async fn a_password_change_ends_every_other_session_and_all_access_tokens() {
        let scene = PasswordScene::start().await;
        let (this, other) = (scene.begin().await, scene.begin().await);
        scene.change(&this.person, &scene.login().await).await.unwrap();

        let login = scene.login().await;
        assert_eq!((login.password_hash, login.session_epoch), (hash("new"), 2));
        assert_eq!(login.sessions, [this.person.session_id()].into());
        assert!(matches!(scene.sessions.resume(&other.refresh).await, Err(IdentityError::TokenNotValid(_))));
        let goes_on = scene.sessions.refresh(&this.refresh, None).await.unwrap();
        for (person, opens) in [(this.person, false), (other.person, false), (goes_on.subject.into(), true)] {
            assert_eq!(scene.test.accounts().read(&person).await.is_ok(), opens);
        }
    }

    #[tokio::test]
    async fn of_two_password_changes_at_once_one_wins() {
        let scene = PasswordScene::start().await;
        let (one, two) = (scene.begin().await.person, scene.begin().await.person);
        let login = scene.login().await;
        let (one, two) = tokio::join!(scene.change(&one, &login), scene.change(&two, &login));
        assert_eq!([one, two].iter().filter(|outcome| outcome.is_ok()).count(), 1);
    }

    #[tokio::test]
    async fn a_password_is_not_changed_for_a_session_that_ended_or_an_account_that_closed() {
        let scene = PasswordScene::start().await;
        let (ended, living) = (scene.begin().await.person, scene.begin().await.person);
        let login = scene.login().await;
        scene.sessions.end(ended.user_id(), ended.session_id()).await.unwrap();
        assert!(matches!(scene.change(&ended, &login).await, Err(IdentityError::TokenNotValid(_))));
        let stale = Login { password_hash: hash("another"), ..scene.login().await };
        assert!(matches!(scene.change(&living, &stale).await, Err(IdentityError::InvalidCredentials)));
        scene.test.accounts().deactivate(&scene.username, soon()).await.unwrap();
        assert!(matches!(scene.change(&living, &login).await, Err(IdentityError::UserInactive)));
        let nobody = LoggedIn::from(Subject {
            user_id: domain::ids::UserId::new(&scene.test.clock),
            session_id: SessionId::new(&scene.test.clock),
            session_epoch: 1,
        });
        assert!(matches!(scene.change(&nobody, &login).await, Err(IdentityError::TokenNotValid(_))));
        assert_ne!(scene.login().await.password_hash, hash("new"));
    }

    #[tokio::test]
    async fn a_password_change_survives_lost_answers_and_collisions() {
        for fault in [Fault::AnswerLost, Fault::Conflict, Fault::NotApplied] {
            let scene = PasswordScene::start().await;
            let person = scene.begin().await.person;
            let login = scene.login().await;
            scene.test.recorder.fail_next("TransactWriteItems", fault, 2);
            scene.change(&person, &login).await.unwrap();
            assert_eq!(scene.login().await.session_epoch, 2, "{fault:?}");
        }
    }
}
