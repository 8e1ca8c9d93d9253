//! The protocols of callers.

mod chat_completions;

use crate::doors::caller::Caller;

/// All of them.
pub fn all() -> [&'static dyn Caller; 1] {
    [&chat_completions::ChatCompletions]
}
