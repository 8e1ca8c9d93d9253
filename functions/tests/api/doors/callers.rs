//! The protocols of callers.

mod chat_completions;
mod completions;
mod messages;
mod responses;

use crate::doors::caller::Caller;

/// All of them.
pub fn all() -> [&'static dyn Caller; 4] {
    [&chat_completions::ChatCompletions, &completions::Completions, &messages::Messages, &responses::Responses]
}
