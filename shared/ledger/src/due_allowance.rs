//! Giving what is due of an allowance before something else changes the balance.
//!
//! A grant or a voucher that comes before the first message of a period is not to be taken off what the period gives, and what
//! is taken back is not to be given again as due. So whoever is about to credit an account takes the step first, in a write of its
//! own, and reads the account again.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::time::{Clock, Timestamp};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, Table, number};

use crate::account::{Account, Status};
use crate::allowance::AS_SEEN;
use crate::sealing::ABOVE_SEAL;

/// Takes the step of the account's allowance, if the period is not decided. Returns whether there was one: the account then has
/// changed, by this write or another, and is to be read again.
///
/// # Errors
/// [`StoreError::Unavailable`] if it is not known whether the step was taken.
pub(crate) async fn give_due(
    table: &Table,
    clock: &Clock,
    user_id: UserId,
    account: &Account,
    deadline: Timestamp,
) -> Result<bool, StoreError> {
    let id = EntryId::above(account.sealed_to, clock);
    let Some(step) = account.allowance_step(id.made_at()) else { return Ok(false) };
    let update = table
        .updating(Account::key(user_id))
        .update_expression("SET balance = balance + :due, allowance.through = :period, version = version + :one")
        .condition_expression(format!("#status <> :deleting AND {ABOVE_SEAL}{AS_SEEN}"))
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":deleting", Status::Deleting.attribute_value())
        .expression_attribute_values(":due", number(step.due))
        .expression_attribute_values(":entry", AttributeValue::S(id.to_string()))
        .expression_attribute_values(":one", number(1_u64));
    let mut items = vec![transaction::update(step.with_values(update, account.version)?)?];
    if step.due > Credits::ZERO {
        items.push(step.entry(table, user_id, id)?);
    }
    let Err(error) = table.transact(&format!("allowance-{id}"), items, clock, deadline).await else { return Ok(true) };
    match cancellation_reasons(&error) {
        // Another write was faster; or this one was, and its answer was lost.
        Some(reasons) if reasons.iter().any(condition_failed) => Ok(true),
        _ => Err(error.into()),
    }
}
