//! Releasing: the credits of a hold return to the balance.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::UserId;
use domain::time::Timestamp;
use store::collision::repeat_collisions;
use store::{StoreError, number};
use telemetry::metrics::{self, Metric};

use crate::account::Account;
use crate::holds::{Hold, Holds};
use crate::ledger::{Held, Ledger};

/// Removes the hold and returns its credits: all of them, or those that a capture does not charge.
pub(crate) const RETURN_CREDITS: &str =
    "SET balance = balance + :returned, version = version + :one REMOVE holds.#place";
/// Condition: the hold at this place is the one of this message. The hold of another message may have taken the place.
/// Without the account there is no hold.
pub(crate) const HOLD_IS_OURS: &str = "holds.#place.id = :id";

impl Ledger {
    /// Releases the hold of a message without a reply, once. If the table cannot be reached, the hold expires by
    /// itself: nothing is charged either way.
    pub async fn release(&self, held: &Held) {
        let hold = Hold { id: held.id, amount: held.amount, expires_at: 0, fingerprint: None };
        if let Err(error) = self.release_hold(held.user_id, &held.place, &hold, held.deadline).await {
            tracing::warn!(cause = error.cause(), "a hold is left to expire");
        }
    }

    /// Releases holds that have expired.
    pub(crate) async fn release_expired(
        &self,
        user_id: UserId,
        expired: &Holds,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        for (place, hold) in expired {
            tracing::info!(hold = %hold.id, "releasing an expired hold");
            self.release_hold(user_id, place, hold, deadline).await?;
        }
        Ok(())
    }

    /// Releases `hold` if it is still at its place. Otherwise it was released or captured before.
    pub(crate) async fn release_hold(
        &self,
        user_id: UserId,
        place: &str,
        hold: &Hold,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let request = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Account::key(user_id).into_item()))
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
            Err(error) => Err(error.into()),
        }
    }
}

fn is_condition(error: &SdkError<UpdateItemError>) -> bool {
    matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_)))
}
