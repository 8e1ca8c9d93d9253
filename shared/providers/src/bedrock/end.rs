//! The end of a reply in Converse and `ConverseStream`: finish reason and usage.

use aws_sdk_bedrockruntime::types::{StopReason, TokenUsage};
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

use crate::error::ModelError;

/// The finish reason that `reason` is. Any other reason than these ends no reply.
pub(super) fn finish_reason(reason: &StopReason) -> Result<FinishReason, ModelError> {
    match reason {
        StopReason::EndTurn | StopReason::StopSequence => Ok(FinishReason::Stop),
        StopReason::MaxTokens => Ok(FinishReason::Length),
        other => Err(ModelError::Failed(Cause::because(&format!("the reply ended with {}", other.as_str())))),
    }
}

/// Bedrock's count of tokens, unless one is negative.
pub(super) fn usage(counted: &TokenUsage) -> Option<Usage> {
    let input_tokens = u64::try_from(counted.input_tokens).ok()?;
    let output_tokens = u64::try_from(counted.output_tokens).ok()?;
    Some(Usage { input_tokens, output_tokens, estimated: false })
}
