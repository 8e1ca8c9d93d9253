//! Failures of the client crate as errors of ours, without the server's text.

use async_openai::error::{OpenAIError, StreamError};

use crate::error::ModelError;
use domain::cause::Cause;

const LONGEST_WORD: usize = 64;

/// `text` if it is one word as programs write them. Anything else may be what somebody wrote.
pub(super) fn plain_word(text: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (!text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(is_plain)).then_some(text)
}

/// The failure that `error` is. Nothing of what the server sent is in its words.
pub(super) fn failure(error: OpenAIError) -> ModelError {
    match error {
        OpenAIError::Boxed(error) => match error.downcast::<ModelError>() {
            Ok(error) => *error,
            Err(_) => failed("the client failed"),
        },
        OpenAIError::Reqwest(error) => transport(error),
        OpenAIError::JSONDeserialize(error, _) => failed(&format!(
            "the answer is not what the protocol says: {:?} at line {}, column {}",
            error.classify(),
            error.line(),
            error.column()
        )),
        OpenAIError::StreamError(error) => failed(match &*error {
            StreamError::EventStream(words) if words.starts_with("Transport") => "the stream was cut off",
            _ => "the stream is not what the protocol says",
        }),
        _ => failed("the client failed"),
    }
}

/// What `error` of a connection means: out of reach where nothing was sent yet, and else a failure,
/// since the server may be at work.
pub(super) fn transport(error: reqwest::Error) -> ModelError {
    let is_unreachable = error.is_connect();
    let cause = Cause::new(error.without_url());
    if is_unreachable { ModelError::Unavailable { retry_after: None, cause } } else { ModelError::Failed(cause) }
}

fn failed(words: &str) -> ModelError {
    ModelError::Failed(Cause::because(words))
}
