//! What the functions do with a request, once its tokens are verified.

mod account;
mod chat;

use std::sync::Arc;
use std::time::Duration;

use crate::request::{Request, Told, Wish};
use crate::world::World;
use shared::error::ApiError;

pub(super) use account::{new_terms, register};
pub(super) use chat::response;

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(28);

/// What the process of this number answers.
pub(super) async fn answer(world: Arc<World>, number: usize, request: Request) -> Told {
    match &request.wish {
        Wish::Chat(chat) => chat::answer(&world, number, chat).await.unwrap_or_else(refusal_of_message),
        wish => account::answer(&world, request.person, wish).await.unwrap_or_else(refusal),
    }
}

fn refusal_of_message(error: ApiError) -> Told {
    match error {
        ApiError::InsufficientTokens { .. }
        | ApiError::InProgress
        | ApiError::IdempotencyMismatch
        | ApiError::Throttled { .. }
        | ApiError::TokenNotValid(_)
        | ApiError::ModelFailed(_)
        | ApiError::Unavailable(_) => Told::Refused(error.code()),
        ApiError::OutcomeUnknown { .. } => Told::Unknown,
        error => Told::Wrong(format!("{error:?}")),
    }
}

fn refusal(error: ApiError) -> Told {
    match error {
        ApiError::InvalidCredentials
        | ApiError::TokenNotValid(_)
        | ApiError::UsernameTaken
        | ApiError::Throttled { .. } => Told::Refused(error.code()),
        // Only of messages it says that they were not charged.
        ApiError::Unavailable(_) => Told::Unknown,
        error => Told::Wrong(format!("{error:?}")),
    }
}
