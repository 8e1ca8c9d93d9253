//! The end of a reply in Converse and `ConverseStream`: finish reason and usage.

use aws_sdk_bedrockruntime::types::{StopReason, TokenUsage};
use domain::message::FinishReason;
use domain::pricing::Usage;

/// The SDK's word for a reason that is missing.
const UNSET: &str = "no value was set";

/// The finish reason that `reason` is. An unknown one is [`FinishReason::Stop`], as with OpenAI's protocol: Bedrock says
/// that the reply has ended, and bills it. So is malformed output, which ends where the model went wrong.
pub(super) fn finish_reason(reason: &StopReason) -> Option<FinishReason> {
    Some(match reason {
        StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => FinishReason::Length,
        StopReason::ContentFiltered | StopReason::GuardrailIntervened => FinishReason::ContentFilter,
        StopReason::ToolUse => FinishReason::ToolCalls,
        other => match other.as_str() {
            UNSET => return None,
            "refusal" => FinishReason::ContentFilter,
            _ => FinishReason::Stop,
        },
    })
}

/// Bedrock's count of tokens, unless all of its numbers are missing. A negative number is 0, as if it were missing.
///
/// Its `inputTokens` are those that the cache had no part in, so those that were read from it or written to it are added.
/// The reasoning is among its `outputTokens`, and is not counted by itself.
pub(super) fn usage(counted: &TokenUsage) -> Option<Usage> {
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or_default();
    let cached_input_tokens = counted.cache_read_input_tokens.map_or(0, count);
    let cache_write_tokens = counted.cache_write_input_tokens.map_or(0, count);
    let input_tokens = count(counted.input_tokens) + cached_input_tokens + cache_write_tokens;
    let output_tokens = count(counted.output_tokens);
    (input_tokens > 0 || output_tokens > 0).then_some(Usage {
        cached_input_tokens,
        cache_write_tokens,
        ..Usage::counted(input_tokens, output_tokens)
    })
}
