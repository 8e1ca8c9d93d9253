//! Failures of connections as errors of ours, and the words of servers that may be logged.

use crate::error::ModelError;
use domain::cause::Cause;

const LONGEST_WORD: usize = 64;

/// `text` if it is one word as programs write them. Anything else may be what somebody wrote.
pub(crate) fn plain_word(text: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (!text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(is_plain)).then_some(text)
}

/// What `error` of a connection means: out of reach where nothing was sent yet, and else a failure,
/// since the server may be at work.
pub(crate) fn transport(error: reqwest::Error) -> ModelError {
    let is_unreachable = error.is_connect();
    let cause = Cause::new(error.without_url());
    if is_unreachable { ModelError::Unavailable { retry_after: None, cause } } else { ModelError::Failed(cause) }
}

/// The failure to read JSON. Nothing of what the server sent is in its words.
pub(crate) fn unreadable(error: &serde_json::Error) -> ModelError {
    failed(&format!(
        "the answer is not what the protocol says: {:?} at line {}, column {}",
        error.classify(),
        error.line(),
        error.column()
    ))
}

/// A failure in words of ours.
pub(crate) fn failed(words: &str) -> ModelError {
    ModelError::Failed(Cause::because(words))
}
