//! Room for one more session.
//!
//! A login must not cost a request that counts the user's sessions. So the login item, which it reads and writes
//! anyway, lists them: the transaction that puts a session adds it, and an ended session stays listed until the list is
//! full. Only then are the living sessions counted. Reading them costs what the list is long, however many sessions the
//! user has begun and ended.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::SessionId;
use store::{StoreError, number};

use crate::error::IdentityError;
use crate::login::Login;
use crate::sessions::opening::Opening;
use crate::sessions::session::{MAX_SESSIONS, Sessions};

impl Sessions {
    /// Removes ended sessions from the `listed` ones. If too many live, it ends the oldest and removes them too.
    pub(super) async fn make_room(
        &self,
        opening: &Opening<'_>,
        listed: &BTreeSet<SessionId>,
    ) -> Result<(), IdentityError> {
        let login = opening.proven.login();
        let living = self.living(login.user_id, login.session_epoch, listed).await?;
        let mut living = living.into_iter().map(|stored| stored.id);
        let kept: BTreeSet<SessionId> = living.by_ref().take(MAX_SESSIONS - 1).collect();
        for oldest in living {
            self.end(login.user_id, oldest).await?;
        }
        let gone = listed.difference(&kept).map(SessionId::to_string).collect();
        self.strike_from_list(opening, gone).await
    }

    async fn strike_from_list(&self, opening: &Opening<'_>, gone: Vec<String>) -> Result<(), IdentityError> {
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Login::key(opening.proven.username()).into_item()))
            .update_expression("DELETE sessions :gone")
            // In another epoch other sessions live, such as the one in which the password was changed.
            .condition_expression("user_id = :user_id AND session_epoch = :epoch")
            .expression_attribute_values(":gone", AttributeValue::Ss(gone))
            .expression_attribute_values(":epoch", number(opening.proven.login().session_epoch))
            .expression_attribute_values(":user_id", AttributeValue::S(opening.proven.login().user_id.to_string()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Err(IdentityError::InvalidCredentials),
                _ => Err(StoreError::from(error).into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use domain::ids::TokenId;
    use domain::username::Username;
    use testkit::test_table::NOW;

    use crate::accounts::PasswordChange;
    use crate::jwt::{LoggedIn, RefreshTerms, Subject};
    use crate::testing::{TestPeople, proven};

    #[tokio::test]
    async fn a_login_from_before_a_password_change_leaves_the_list_of_sessions_alone() {
        let test = TestPeople::start().await;
        test.register("ada", 0).await;
        let (sessions, accounts) = (Sessions::new(test.table.clone(), test.clock.clone()), test.accounts());
        let username = Username::parse("ada").unwrap();
        let soon = NOW.plus(Duration::from_secs(28));
        let refresh = RefreshTerms { id: TokenId::new(&test.clock), issued_at: NOW, expires_at: soon };
        let login = test.logins().find(&username).await.unwrap().unwrap();
        let proven = proven(&login);
        let opening = Opening { proven: &proven, renewed_hash: None, refresh, user_agent: None };
        let session_id = sessions.begin(&opening, soon).await.unwrap();
        let person: LoggedIn = Subject { user_id: login.user_id, session_id, session_epoch: 1 }.into();
        let new_hash = serde_json::from_value("new".into()).unwrap();
        let change = PasswordChange { person: &person, proven: &proven, new_hash: &new_hash };
        accounts.change_password(&change, soon).await.unwrap();

        let outcome = sessions.make_room(&opening, &[session_id].into()).await;
        assert!(matches!(outcome, Err(IdentityError::InvalidCredentials)));
        let login = test.logins().find(&username).await.unwrap().unwrap();
        assert_eq!(login.sessions, [session_id].into(), "the session that the password was changed in lives on");
    }
}
