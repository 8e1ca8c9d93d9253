//! A reply that comes in one piece.

use aws_sdk_bedrockruntime::operation::converse::ConverseOutput as Answer;
use aws_sdk_bedrockruntime::types::{ContentBlock, ConverseOutput, ReasoningContentBlock};

use crate::bedrock::document::json;
use crate::bedrock::end::{finish_reason, usage};
use crate::error::ModelError;
use crate::reply::{End, Reply, SaidChoice};
use domain::cause::Cause;
use domain::message::ToolCall;

/// The reply in `answer`. Words without an end broke off.
pub(super) fn reply(answer: Answer) -> Result<Reply, ModelError> {
    let end = End::of(finish_reason(&answer.stop_reason), answer.usage.as_ref().and_then(usage));
    let content = match answer.output {
        Some(ConverseOutput::Message(message)) => message.content,
        _ => Vec::new(),
    };
    let said = said(content);
    match end {
        None if said.text.is_empty() && said.reasoning.is_none() && said.calls.is_empty() => {
            Err(ModelError::Failed(Cause::because("the answer is no reply")))
        }
        end => Ok(Reply::of(said, end.unwrap_or_else(End::broken_off))),
    }
}

/// The words and the calls in `content`. Encrypted reasoning is left out.
fn said(content: Vec<ContentBlock>) -> SaidChoice {
    let mut said = SaidChoice::default();
    for block in content {
        match block {
            ContentBlock::Text(text) => said.text.push_str(&text),
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(reasoning)) => {
                said.reasoning.get_or_insert_default().push_str(&reasoning.text);
            }
            ContentBlock::ToolUse(call) => {
                let arguments = json(&call.input);
                said.calls.push(ToolCall { id: call.tool_use_id, name: call.name, arguments });
            }
            _ => {}
        }
    }
    said
}
