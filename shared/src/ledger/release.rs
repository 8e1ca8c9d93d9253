//! Giving held credits back.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::ApiError;
use crate::ids::UserId;
use crate::ledger::{Held, Hold, Ledger};
use crate::metrics::{self, Metric};
use crate::table::{Key, number, repeat_collisions, unavailable};
use crate::time::Timestamp;

/// Takes the hold away and gives its credits back, all of them or the rest.
pub(super) const RETURN_CREDITS: &str =
    "SET balance = balance + :returned, version = version + :one REMOVE holds.#place";
/// The hold is there and it is this message's: its place alone could be a successor's. Without the
/// account there is none.
pub(super) const HOLD_IS_OURS: &str = "holds.#place.id = :id";

impl Ledger {
    /// Gives back what was set aside.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the table cannot be reached: the hold is still there, and
    /// expires.
    pub async fn release(&self, held: &Held) -> Result<(), ApiError> {
        let hold = Hold { id: held.id, amount: held.amount, expires_at: 0, fingerprint: None };
        self.give_back(held.user_id, &held.place, &hold, held.deadline).await
    }

    /// Gives back what was set aside for a reply that did not come. If that fails the hold is left
    /// to expire: nothing is charged either way.
    pub async fn abandon(&self, held: &Held) {
        if let Err(error) = self.release(held).await {
            tracing::warn!(cause = error.cause(), "a hold is left to expire");
        }
    }

    /// Gives back `hold`, if it is still at its place. If not, it was released or captured.
    pub(super) async fn give_back(
        &self,
        user_id: UserId,
        place: &str,
        hold: &Hold,
        deadline: Timestamp,
    ) -> Result<(), ApiError> {
        let request = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Key::account(user_id).into_item()))
            .update_expression(RETURN_CREDITS)
            .condition_expression(HOLD_IS_OURS)
            .expression_attribute_names("#place", place)
            .expression_attribute_values(":id", AttributeValue::S(hold.id.to_string()))
            .expression_attribute_values(":returned", number(hold.amount))
            .expression_attribute_values(":one", number(1_u64));
        match repeat_collisions(&self.clock, deadline, || request.clone().send()).await {
            Ok(_) => {
                metrics::emit(&[Metric::CreditsReleased(hold.amount)]);
                Ok(())
            }
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn is_condition(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_)))
}
