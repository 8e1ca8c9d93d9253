//! The member `usage` of answers.

use domain::pricing::Usage;
use serde::Deserialize;

use crate::whole_number::count;

/// A server's count of tokens. A number that is no count is 0, as if it were not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct CountedTokens {
    #[serde(deserialize_with = "count")]
    input_tokens: u64,
    /// What is kept for an hour is among them.
    #[serde(deserialize_with = "count")]
    cache_creation_input_tokens: u64,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: u64,
    #[serde(deserialize_with = "count")]
    output_tokens: u64,
    output_tokens_details: Option<CountedOutput>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct CountedOutput {
    #[serde(deserialize_with = "count")]
    thinking_tokens: u64,
}

impl CountedTokens {
    /// The counts of an answer, which come several times while it is written: of each number the latest that is there.
    pub(super) fn or(self, before: Self) -> Self {
        let latest = |now: u64, before: u64| if now == 0 { before } else { now };
        Self {
            input_tokens: latest(self.input_tokens, before.input_tokens),
            cache_creation_input_tokens: latest(self.cache_creation_input_tokens, before.cache_creation_input_tokens),
            cache_read_input_tokens: latest(self.cache_read_input_tokens, before.cache_read_input_tokens),
            output_tokens: latest(self.output_tokens, before.output_tokens),
            output_tokens_details: self.output_tokens_details.or(before.output_tokens_details),
        }
    }

    /// The usage, unless the server counted nothing. Its `input_tokens` are those that the cache had no part in, so those that
    /// were read from it or written to it are added. The reasoning is among its `output_tokens`.
    pub(super) fn usage(self) -> Option<Usage> {
        let (cache_write_tokens, cached_input_tokens) =
            (self.cache_creation_input_tokens, self.cache_read_input_tokens);
        let input_tokens = self.input_tokens + cached_input_tokens + cache_write_tokens;
        let reasoning_tokens = self.output_tokens_details.unwrap_or_default().thinking_tokens;
        let usage = Usage {
            cached_input_tokens,
            cache_write_tokens,
            reasoning_tokens,
            ..Usage::counted(input_tokens, self.output_tokens)
        };
        (input_tokens > 0 || self.output_tokens > 0).then(|| usage.within(u64::MAX, u64::MAX))
    }
}
