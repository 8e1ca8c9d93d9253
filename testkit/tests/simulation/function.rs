//! The functions, from the verified token on.

mod account;
mod chat;
mod conversations;
mod instance;
mod scripted_model;

use std::sync::Arc;
use std::time::Duration;

use crate::request::{Request, Told, Wish};
use crate::world::World;
use shared::error::ApiError;

pub(super) use account::{new_terms, register, terms_of_key};
pub(super) use chat::{
    EXTRA, MOST_EXTRA_BYTES, MOST_PROOF_BYTES, catalogue_of_settings, counted, estimated_input, is_response,
    most_input, quote, response, wordless_prompt,
};
pub(super) use instance::Instance;

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(28);
/// Long enough for models that say nothing for more than 15 s.
const STREAM_TIMEOUT: Duration = Duration::from_secs(60);

/// The answer of the process with this number.
pub(super) async fn answer(world: Arc<World>, number: usize, request: Request) -> Told {
    match &request.wish {
        Wish::Chat(chat) => Box::pin(chat::answer(&world, number, chat)).await.unwrap_or_else(refusal_of_message),
        wish @ (Wish::MakeConversation { .. } | Wish::RenameConversation { .. } | Wish::DeleteConversation { .. }) => {
            Box::pin(conversations::answer(&world, number, wish)).await.unwrap_or_else(refusal)
        }
        wish => account::answer(&world, request.person, wish).await.unwrap_or_else(refusal),
    }
}

fn refusal_of_message(error: ApiError) -> Told {
    match error {
        ApiError::BudgetSpent { .. } => Told::Refused("budget_spent"),
        ApiError::TooManyRequests { .. } => Told::Refused("too_many_requests"),
        ApiError::InsufficientTokens { .. }
        | ApiError::ModelNotFound(_)
        | ApiError::InProgress
        | ApiError::IdempotencyMismatch
        | ApiError::TooManyMessages { .. }
        | ApiError::TokenNotValid(_)
        | ApiError::ModelFailed(_)
        | ApiError::ModelUnavailable { .. }
        | ApiError::AnswerGone
        // Of the conversation.
        | ApiError::Invalid(_)
        | ApiError::Unavailable(_)
        | ApiError::ReplyLost(_) => Told::Refused(error.code()),
        ApiError::OutcomeUnknown { .. } => Told::Unknown,
        error => Told::Wrong(format!("{error:?}")),
    }
}

fn refusal(error: ApiError) -> Told {
    match error {
        ApiError::InvalidCredentials
        | ApiError::TokenNotValid(_)
        | ApiError::NotFound
        | ApiError::UsernameTaken
        | ApiError::TooManyKeys { .. }
        | ApiError::VoucherNotFound
        | ApiError::VoucherSpent(_)
        | ApiError::AlreadyRedeemed
        | ApiError::Throttled { .. } => Told::Refused(error.code()),
        // For a message the same error says that nothing was charged.
        ApiError::Unavailable(_) => Told::Unknown,
        error => Told::Wrong(format!("{error:?}")),
    }
}
