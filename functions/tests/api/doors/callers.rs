//! The protocols of callers.

mod chat_completions;
mod completions;
mod messages;

use crate::doors::caller::Caller;

/// All of them.
pub fn all() -> [&'static dyn Caller; 3] {
    [&chat_completions::ChatCompletions, &completions::Completions, &messages::Messages]
}
