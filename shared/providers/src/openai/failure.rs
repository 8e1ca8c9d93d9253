//! Failures of the client crate as errors of ours, without the server's text.

use async_openai::error::{OpenAIError, StreamError};

use crate::error::ModelError;
use crate::wire::{failed, transport, unreadable};

/// The failure that `error` is. Nothing of what the server sent is in its words.
pub(super) fn failure(error: OpenAIError) -> ModelError {
    match error {
        OpenAIError::Boxed(error) => match error.downcast::<ModelError>() {
            Ok(error) => *error,
            Err(_) => failed("the client failed"),
        },
        OpenAIError::Reqwest(error) => transport(error),
        OpenAIError::JSONDeserialize(error, _) => unreadable(&error),
        OpenAIError::StreamError(error) => failed(match &*error {
            StreamError::EventStream(words) if words.starts_with("Transport") => "the stream was cut off",
            _ => "the stream is not what the protocol says",
        }),
        _ => failed("the client failed"),
    }
}
