//! The protocols of callers.

mod chat_completions;
mod messages;

use crate::doors::caller::Caller;

/// All of them.
pub fn all() -> [&'static dyn Caller; 2] {
    [&chat_completions::ChatCompletions, &messages::Messages]
}
