//! The parts of a transaction, and the reasons of its refusal.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use crate::StoreError;

/// The part of a transaction that makes `put`.
///
/// # Errors
/// [`StoreError::Internal`] if `put` is incomplete.
pub fn put(put: PutBuilder) -> Result<TransactWriteItem, StoreError> {
    let put = put.build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The part of a transaction that makes `update`. If its condition fails, the refusal returns the item that is there.
///
/// # Errors
/// [`StoreError::Internal`] if `update` is incomplete.
pub fn update(update: UpdateBuilder) -> Result<TransactWriteItem, StoreError> {
    let update = update.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let update = update.build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// The part of a transaction that makes `delete`.
///
/// # Errors
/// [`StoreError::Internal`] if `delete` is incomplete.
pub fn delete(delete: DeleteBuilder) -> Result<TransactWriteItem, StoreError> {
    let delete = delete.build()?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

/// The part of a transaction that makes `check`. If its condition fails, the refusal returns the item that is there.
///
/// # Errors
/// [`StoreError::Internal`] if `check` is incomplete.
pub fn check(check: ConditionCheckBuilder) -> Result<TransactWriteItem, StoreError> {
    let check = check.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let check = check.build()?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

/// The reason for each part of a refused transaction, in their order; `None` if the transaction failed in another way.
#[must_use]
pub fn cancellation_reasons(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(canceled) => Some(canceled.cancellation_reasons()),
        _ => None,
    }
}

/// Whether the condition of this part failed.
#[must_use]
pub fn condition_failed(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Whether another transaction was changing the item of this part.
#[must_use]
pub fn is_conflict(reason: &CancellationReason) -> bool {
    reason.code() == Some("TransactionConflict")
}
