//! Repetition of writes that collide with other writes.

use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use domain::random;
use domain::time::{Clock, Timestamp};

/// Why a write was not applied although nothing is wrong with it: the same write can succeed a moment later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collision {
    /// Another write was changing the same item.
    Conflict,
    /// The table takes no more writes for now.
    Throttling,
}

impl Collision {
    /// Longest wait before the first repetition, in milliseconds. It doubles with every repetition. Another write is over
    /// in milliseconds, while a table that throttles needs time to recover.
    fn first_wait_ms(self) -> u64 {
        match self {
            Self::Conflict => 20,
            Self::Throttling => 100,
        }
    }

    /// Longest wait before any repetition, in milliseconds.
    fn last_wait_ms(self) -> u64 {
        match self {
            Self::Conflict => 500,
            Self::Throttling => 1000,
        }
    }
}

/// The error of a write that may have collided with other writes.
pub trait Collides {
    /// The collision, if it is the only reason why the write was not applied.
    fn collision(&self) -> Option<Collision>;
}

/// The errors of writes of one item are types of their own, with the same variants.
macro_rules! collides_alone {
    ($($error:ty),+) => {$(
        impl Collides for $error {
            fn collision(&self) -> Option<Collision> {
                match self {
                    Self::TransactionConflictException(_) => Some(Collision::Conflict),
                    Self::ProvisionedThroughputExceededException(_)
                    | Self::RequestLimitExceeded(_)
                    | Self::ThrottlingException(_) => Some(Collision::Throttling),
                    _ => None,
                }
            }
        }
    )+};
}

collides_alone!(UpdateItemError, PutItemError);

impl Collides for TransactWriteItemsError {
    /// A transaction that also failed for another reason would fail again.
    fn collision(&self) -> Option<Collision> {
        let canceled = match self {
            Self::TransactionCanceledException(canceled) => canceled,
            Self::TransactionInProgressException(_) => return Some(Collision::Conflict),
            Self::ProvisionedThroughputExceededException(_)
            | Self::RequestLimitExceeded(_)
            | Self::ThrottlingException(_) => return Some(Collision::Throttling),
            _ => return None,
        };
        let mut collision = None;
        for reason in canceled.cancellation_reasons() {
            match reason.code() {
                Some("TransactionConflict") => collision = collision.or(Some(Collision::Conflict)),
                Some("ThrottlingError" | "ProvisionedThroughputExceeded") => collision = Some(Collision::Throttling),
                None | Some("None") => {}
                Some(_) => return None,
            }
        }
        collision
    }
}

/// Sends a write until it collides with no other, with growing random waits in between. Nothing but a collision is
/// repeated, and only the time ends the repetitions: the last attempt begins before `until`.
///
/// # Errors
/// The error of the last attempt.
pub async fn repeat_collisions<T, E, A>(
    clock: &Clock,
    until: Timestamp,
    mut send: impl FnMut() -> A,
) -> Result<T, SdkError<E>>
where
    E: Collides,
    A: Future<Output = Result<T, SdkError<E>>>,
{
    let mut repetitions: u32 = 0;
    loop {
        let outcome = send().await;
        let collision = outcome.as_ref().err().and_then(SdkError::as_service_error).and_then(E::collision);
        let Some(collision) = collision else { return outcome };
        let most_ms = collision.first_wait_ms().saturating_mul(1 << repetitions.min(10)).min(collision.last_wait_ms());
        let wait = random_wait(most_ms);
        if clock.now().plus(wait) >= until {
            return outcome;
        }
        tokio::time::sleep(wait).await;
        repetitions += 1;
    }
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
    use aws_sdk_dynamodb::types::error::{
        ThrottlingException, TransactionCanceledException, TransactionConflictException,
    };
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
    async fn time_alone_ends_the_repetitions_and_not_their_number() {
        for error in [
            || UpdateItemError::TransactionConflictException(TransactionConflictException::builder().build()),
            || UpdateItemError::ThrottlingException(ThrottlingException::builder().build()),
        ] {
            let clock = Clock::simulated(Timestamp::from_seconds(1_000_000));
            let attempts = Cell::new(0);
            let outcome: Result<(), _> = repeat_collisions(&clock, LATER, || {
                attempts.set(attempts.get() + 1);
                async { Err(service_error(error())) }
            })
            .await;
            assert!(outcome.is_err());
            // A minute of waits of half a second or a second at most, after the first ones.
            assert!(attempts.get() > 60, "{} attempts", attempts.get());
            assert!(clock.now() < LATER);
        }
    }

    #[test]
    fn throttling_and_conflicts_are_told_apart() {
        for (codes, collision) in [
            (&["None", "TransactionConflict"][..], Some(Collision::Conflict)),
            (&["ThrottlingError", "None"], Some(Collision::Throttling)),
            (&["ThrottlingError", "TransactionConflict"], Some(Collision::Throttling)),
            (&["TransactionConflict", "ProvisionedThroughputExceeded"], Some(Collision::Throttling)),
            (&["TransactionConflict", "ConditionalCheckFailed"], None),
            (&["None"], None),
        ] {
            let error = canceled(codes);
            assert_eq!(error.as_service_error().unwrap().collision(), collision, "{codes:?}");
        }
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
