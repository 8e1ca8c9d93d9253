//! Repetition of writes that collide with other writes.

use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use domain::random;
use domain::time::{Clock, Timestamp};

/// Attempts at a write that collides with others. The SDK does not repeat collisions by itself.
const MAX_COLLISION_ATTEMPTS: u32 = 10;
/// Longest wait before the first repetition. It doubles with every repetition.
const FIRST_COLLISION_WAIT_MS: u64 = 20;
/// Longest wait before any repetition.
const LAST_COLLISION_WAIT_MS: u64 = 500;

/// The error of a write that may have collided with other writes: they changed the same item, or there were too many.
pub trait Collision {
    /// Whether a collision is the only reason why the write was not applied.
    fn is_collision(&self) -> bool;
}

impl Collision for UpdateItemError {
    fn is_collision(&self) -> bool {
        matches!(self, Self::TransactionConflictException(_))
    }
}

impl Collision for TransactWriteItemsError {
    /// A transaction that also failed for another reason would fail again.
    fn is_collision(&self) -> bool {
        let Self::TransactionCanceledException(canceled) = self else {
            return matches!(self, Self::TransactionInProgressException(_));
        };
        let mut collides = false;
        for reason in canceled.cancellation_reasons() {
            match reason.code() {
                Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => collides = true,
                None | Some("None") => {}
                Some(_) => return false,
            }
        }
        collides
    }
}

/// Sends a write until it collides with no other, with growing random waits in between. It gives up if the next wait
/// would reach `deadline`, or after ten attempts.
///
/// # Errors
/// The error of the last attempt.
pub async fn repeat_collisions<T, E, A>(
    clock: &Clock,
    deadline: Timestamp,
    mut send: impl FnMut() -> A,
) -> Result<T, SdkError<E>>
where
    E: Collision,
    A: Future<Output = Result<T, SdkError<E>>>,
{
    let mut most_ms = FIRST_COLLISION_WAIT_MS;
    for _ in 1..MAX_COLLISION_ATTEMPTS {
        let outcome = send().await;
        let collides = outcome.as_ref().err().and_then(SdkError::as_service_error).is_some_and(E::is_collision);
        let wait = random_wait(most_ms);
        if !collides || clock.now().plus(wait) >= deadline {
            return outcome;
        }
        tokio::time::sleep(wait).await;
        most_ms = (most_ms * 2).min(LAST_COLLISION_WAIT_MS);
    }
    send().await
}

/// A random wait of at most `most_ms` milliseconds ("full jitter"), so that writes that collided do not meet again.
#[must_use]
pub fn random_wait(most_ms: u64) -> Duration {
    // Without random bits all waits are equal, which is slower but still correct.
    let random = random::bits().unwrap_or(u64::MAX);
    Duration::from_millis(random % (most_ms + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::{TransactionCanceledException, TransactionConflictException};
    use std::cell::Cell;

    const LATER: Timestamp = Timestamp::from_seconds(1_000_060);

    fn clock() -> Clock {
        Clock::manual(Timestamp::from_seconds(1_000_000))
    }

    fn canceled(codes: &[&str]) -> SdkError<TransactWriteItemsError> {
        let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
        let error = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
        service_error(TransactWriteItemsError::TransactionCanceledException(error))
    }

    fn service_error<E>(error: E) -> SdkError<E> {
        let response = HttpResponse::new(400.try_into().unwrap(), "".into());
        SdkError::service_error(error, response)
    }

    #[tokio::test(start_paused = true)]
    async fn a_collision_is_repeated_until_it_is_gone() {
        let attempts = Cell::new(0);
        let clock = clock();
        let outcome = repeat_collisions(&clock, LATER, || {
            attempts.set(attempts.get() + 1);
            let outcome = match attempts.get() {
                1 | 2 => Err(canceled(&["None", "TransactionConflict"])),
                _ => Ok(()),
            };
            async { outcome }
        });
        assert!(outcome.await.is_ok());
        assert_eq!(attempts.get(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_collision_is_not_repeated_for_ever() {
        let attempts = Cell::new(0);
        let outcome: Result<(), _> = repeat_collisions(&clock(), LATER, || {
            attempts.set(attempts.get() + 1);
            let error = TransactionConflictException::builder().build();
            async { Err(service_error(UpdateItemError::TransactionConflictException(error))) }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(attempts.get(), MAX_COLLISION_ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_collision_is_not_repeated_beyond_the_deadline() {
        let attempts = Cell::new(0);
        let clock = clock();
        let outcome: Result<(), _> = repeat_collisions(&clock, clock.now(), || {
            attempts.set(attempts.get() + 1);
            async { Err(canceled(&["TransactionConflict"])) }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(attempts.get(), 1);
    }

    #[tokio::test]
    async fn a_failed_condition_is_not_repeated() {
        let attempts = Cell::new(0);
        let outcome: Result<(), _> = repeat_collisions(&clock(), LATER, || {
            attempts.set(attempts.get() + 1);
            async { Err(canceled(&["ConditionalCheckFailed", "TransactionConflict"])) }
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(attempts.get(), 1);
    }
}
