//! Numbers of tokens.

use domain::credits::Credits;
use domain::pricing::Usage;
use serde::Serialize;

/// The number of tokens of a prompt: `POST /v1/messages/count_tokens`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TokenCount {
    /// By our estimate, which is compared with the model's context window. It is not the provider's count.
    pub input_tokens: u64,
}

/// Anthropic's `usage`, and the cost in credits beside it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct UsageCounts {
    /// The tokens that the cache had no part in.
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    output_tokens_details: OutputCounts,
    service_tier: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Credits>,
}

/// Parts of `output_tokens`.
#[derive(Clone, Copy, Debug, Serialize)]
struct OutputCounts {
    thinking_tokens: u64,
}

impl UsageCounts {
    pub(super) fn new(usage: &Usage, cost: Option<Credits>) -> Self {
        let Usage { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, .. } =
            *usage;
        Self {
            input_tokens: input_tokens.saturating_sub(cached_input_tokens).saturating_sub(cache_write_tokens),
            cache_creation_input_tokens: cache_write_tokens,
            cache_read_input_tokens: cached_input_tokens,
            output_tokens,
            output_tokens_details: OutputCounts { thinking_tokens: reasoning_tokens },
            service_tier: "standard",
            cost,
        }
    }

    /// The counts at the beginning of a stream, of a prompt that is not counted yet.
    pub(super) fn at_the_beginning(estimated_input_tokens: u64) -> Self {
        Self::new(&Usage::estimated(estimated_input_tokens, 1), None)
    }
}
