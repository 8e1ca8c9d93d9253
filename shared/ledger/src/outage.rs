//! Outages: a provider that fails for several accounts at once. Its failures are nobody's fault, and are not counted.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::time::Timestamp;
use serde::Deserialize;
use store::{Key, StoreError, from_item, number};
use tokio::time::timeout;

use crate::idempotency::sha256;
use crate::ledger::{Held, Ledger};
use crate::release::is_condition;

/// Accounts for which a provider must have failed, so that it counts as an outage.
const SEVERAL: usize = 3;
/// Failures of this window and of the one before are looked at together.
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// Timeout for the look. If the table does not answer, the failure is counted.
const OUTAGE_TIMEOUT: Duration = Duration::from_secs(1);

/// The accounts for which a provider failed in one window, by their digests: at most [`SEVERAL`]. DynamoDB's TTL deletes
/// the item.
#[derive(Default, Deserialize)]
struct Failures {
    #[serde(default)]
    accounts: Vec<String>,
}

impl Failures {
    fn key(provider: &str, window: u64) -> Key {
        Key::new(format!("FAILURES#{provider}"), format!("{window}"))
    }
}

impl Ledger {
    /// Notes that `provider` failed for the account of `held`, and says whether it has failed for several accounts. Only
    /// an account that has paid lately counts as one of them: accounts cost nothing, so a person could use several to
    /// make failures look like an outage.
    pub(crate) async fn is_outage(&self, held: &Held, provider: &str) -> bool {
        match timeout(OUTAGE_TIMEOUT, self.has_failed_for_several(held, provider)).await {
            Ok(Ok(is_outage)) => is_outage,
            Ok(Err(error)) => {
                tracing::warn!(cause = error.cause(), "a provider's failures could not be noted");
                false
            }
            Err(_) => false,
        }
    }

    async fn has_failed_for_several(&self, held: &Held, provider: &str) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let window = now.seconds() / WINDOW.as_secs();
        let earlier = self.table.get::<Failures>(Failures::key(provider, window.saturating_sub(1)));
        let (noted, earlier) = if held.has_paid {
            tokio::join!(self.note_failure(held, provider, window, now), earlier)
        } else {
            tokio::join!(async { self.failures(provider, window).await }, earlier)
        };
        let is_several = |failures: &Failures| failures.accounts.len() >= SEVERAL;
        Ok(noted?.is_none_or(|failures| is_several(&failures))
            || earlier?.is_some_and(|failures| is_several(&failures)))
    }

    async fn failures(&self, provider: &str, window: u64) -> Result<Option<Failures>, StoreError> {
        Ok(Some(self.table.get(Failures::key(provider, window)).await?.unwrap_or_default()))
    }

    /// Adds the account to the failures of this window. `None` if they are several without it.
    async fn note_failure(
        &self,
        held: &Held,
        provider: &str,
        window: u64,
        now: Timestamp,
    ) -> Result<Option<Failures>, StoreError> {
        let account = sha256(&[b"failure\0", held.user_id.to_string().as_bytes()]);
        let noting = self
            .table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(Failures::key(provider, window).into_item()))
            .update_expression("ADD accounts :account SET expires_at = :expires_at")
            .condition_expression("attribute_not_exists(pk) OR size(accounts) < :several")
            .expression_attribute_values(":account", AttributeValue::Ss(vec![account]))
            .expression_attribute_values(":expires_at", number(now.plus(2 * WINDOW).seconds()))
            .expression_attribute_values(":several", number(SEVERAL as u64))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match noting {
            Ok(answer) => Ok(Some(from_item(answer.attributes.unwrap_or_default())?)),
            Err(error) if is_condition(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
