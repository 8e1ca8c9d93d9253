//! The member `usage` of answers.

use domain::pricing::Usage;
use serde::Deserialize;

use crate::whole_number::count;

/// A server's count of tokens. A number that is no count is 0, as if it were not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct CountedResponse {
    #[serde(deserialize_with = "count")]
    input_tokens: u64,
    input_tokens_details: Option<CountedInput>,
    #[serde(deserialize_with = "count")]
    output_tokens: u64,
    output_tokens_details: Option<CountedReasoning>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct CountedInput {
    #[serde(deserialize_with = "count")]
    cached_tokens: u64,
    #[serde(deserialize_with = "count")]
    cache_write_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct CountedReasoning {
    #[serde(deserialize_with = "count")]
    reasoning_tokens: u64,
}

impl CountedResponse {
    /// The usage, unless the server counted nothing. No part of it is greater than its whole.
    pub(super) fn usage(self) -> Option<Usage> {
        let CountedInput { cached_tokens, cache_write_tokens } = self.input_tokens_details.unwrap_or_default();
        let usage = Usage {
            cached_input_tokens: cached_tokens,
            cache_write_tokens,
            reasoning_tokens: self.output_tokens_details.unwrap_or_default().reasoning_tokens,
            ..Usage::counted(self.input_tokens, self.output_tokens)
        };
        (usage.input_tokens > 0 || usage.output_tokens > 0).then(|| usage.within(u64::MAX, u64::MAX))
    }
}
