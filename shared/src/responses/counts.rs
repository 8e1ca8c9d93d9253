//! Numbers of tokens.

use domain::credits::Credits;
use domain::pricing::Usage;
use serde::Serialize;

/// OpenAI's `usage`, and the cost in credits beside it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ResponseUsage {
    input_tokens: u64,
    input_tokens_details: InputTokens,
    output_tokens: u64,
    output_tokens_details: OutputTokens,
    total_tokens: u64,
    cost: Credits,
}

/// Parts of `input_tokens`.
#[derive(Clone, Copy, Debug, Serialize)]
struct InputTokens {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

/// Parts of `output_tokens`.
#[derive(Clone, Copy, Debug, Serialize)]
struct OutputTokens {
    reasoning_tokens: u64,
}

impl ResponseUsage {
    pub(super) fn new(usage: &Usage, cost: Credits) -> Self {
        let Usage { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, .. } =
            *usage;
        Self {
            input_tokens,
            input_tokens_details: InputTokens { cached_tokens: cached_input_tokens, cache_write_tokens },
            output_tokens,
            output_tokens_details: OutputTokens { reasoning_tokens },
            total_tokens: input_tokens.saturating_add(output_tokens),
            cost,
        }
    }
}
