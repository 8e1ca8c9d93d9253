//! Room for one more session.
//!
//! A user has so many sessions at most, and a login must not cost a request to count them. So the
//! login item, which it reads and writes anyway, lists them: each is added in the transaction that
//! puts it, and one that ends stays listed until the list is full. Only then are they counted.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::ApiError;
use crate::ids::SessionId;
use crate::sessions::{MAX_SESSIONS, Opening, Sessions};
use crate::table::{Key, unavailable};

impl Sessions {
    /// Takes those of the `listed` sessions out of the list that have ended, and the oldest, which
    /// are ended, if too many live.
    pub(super) async fn make_room(&self, opening: &Opening<'_>, listed: &BTreeSet<SessionId>) -> Result<(), ApiError> {
        let login = opening.login;
        let living = self.living(login.user_id, login.session_epoch).await?;
        let mut living = living.into_iter().map(|stored| stored.id);
        let kept: BTreeSet<SessionId> = living.by_ref().take(MAX_SESSIONS - 1).collect();
        for oldest in living {
            self.end(login.user_id, oldest).await?;
        }
        let gone = listed.difference(&kept).map(SessionId::to_string).collect();
        self.strike_from_list(opening, gone).await
    }

    async fn strike_from_list(&self, opening: &Opening<'_>, gone: Vec<String>) -> Result<(), ApiError> {
        let outcome = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::login(opening.attempt.username()).into_item()))
            .update_expression("DELETE sessions :gone")
            .condition_expression("user_id = :user_id")
            .expression_attribute_values(":gone", AttributeValue::Ss(gone))
            .expression_attribute_values(":user_id", AttributeValue::S(opening.login.user_id.to_string()))
            .send()
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Err(ApiError::InvalidCredentials),
                _ => Err(unavailable(error)),
            },
        }
    }
}
