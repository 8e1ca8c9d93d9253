//! A response at one of its stages. The whole answer is the last.

use domain::ids::EntryId;
use domain::message::FinishReason;
use ledger::exchange::StoredReply;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::door::{ErrorParts, reply_parts};
use crate::responses::counts::ResponseUsage;
use crate::responses::error_form::failure_code;
use crate::responses::form::{FormParts, ResponseForm};
use crate::responses::output::ResponseOutput;
use crate::responses::output_item::{ItemStatus, OutputItem};
use crate::till::PaidReply;

/// OpenAI's `response`. It repeats most of the request, but for its words.
#[derive(Serialize)]
pub(super) struct ResponseObject<'a> {
    id: String,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<ResponseFailure<'a>>,
    incomplete_details: Option<IncompleteDetails>,
    instructions: Option<()>,
    max_output_tokens: Option<u32>,
    metadata: Metadata<'a>,
    model: &'a str,
    output: &'a [OutputItem],
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    reasoning: RepeatedReasoning<'a>,
    service_tier: &'static str,
    store: bool,
    temperature: Option<f32>,
    text: RepeatedText<'a>,
    tool_choice: RepeatedChoice<'a>,
    tools: &'a [Box<RawValue>],
    top_p: Option<f32>,
    truncation: &'static str,
    usage: Option<ResponseUsage>,
}

/// The stages of a response.
#[derive(Clone, Copy)]
pub(super) enum Stage<'a> {
    /// The model is writing.
    InProgress,
    /// The reply is charged.
    Paid(&'a PaidReply),
    /// There is no reply, or it broke off.
    Failed(&'a ErrorParts<'a>),
}

/// Why there is no reply.
#[derive(Serialize)]
struct ResponseFailure<'a> {
    code: &'static str,
    message: &'a str,
}

/// Why a reply is shorter than it would have been.
#[derive(Clone, Copy, Serialize)]
struct IncompleteDetails {
    reason: &'static str,
}

#[derive(Serialize)]
struct RepeatedReasoning<'a> {
    effort: Option<&'a str>,
    summary: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Metadata<'a> {
    Given(&'a RawValue),
    None {},
}

#[derive(Serialize)]
#[serde(untagged)]
enum RepeatedText<'a> {
    Given(&'a RawValue),
    Default { format: DefaultFormat },
}

#[derive(Serialize)]
struct DefaultFormat {
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RepeatedChoice<'a> {
    Given(&'a RawValue),
    Default(&'static str),
}

impl<'a> ResponseObject<'a> {
    /// The response to the message of this id, by `model`, at `stage`, with the items of `output`.
    pub(super) fn new(
        id: EntryId,
        form: &'a ResponseForm,
        model: &'a str,
        output: &'a [OutputItem],
        stage: Stage<'a>,
    ) -> Self {
        let FormParts { tools, tool_choice, parallel_tool_calls, metadata, text, effort, summary, .. } = form.parts();
        let FormParts { temperature, top_p, max_output_tokens, .. } = form.parts();
        let default = RepeatedText::Default { format: DefaultFormat { r#type: "text" } };
        Self {
            id: format!("resp_{id}"),
            object: "response",
            created_at: id.made_at().seconds(),
            status: stage.status(),
            background: false,
            error: stage.error(),
            incomplete_details: stage.incomplete_details(),
            instructions: None,
            max_output_tokens: *max_output_tokens,
            metadata: metadata.as_deref().map_or(Metadata::None {}, Metadata::Given),
            model,
            output,
            parallel_tool_calls: parallel_tool_calls.unwrap_or(true),
            previous_response_id: None,
            reasoning: RepeatedReasoning { effort: effort.as_deref(), summary: summary.as_deref() },
            service_tier: "default",
            store: false,
            temperature: *temperature,
            text: text.as_deref().map_or(default, RepeatedText::Given),
            tool_choice: tool_choice.as_deref().map_or(RepeatedChoice::Default("auto"), RepeatedChoice::Given),
            tools,
            top_p: *top_p,
            truncation: "disabled",
            usage: stage.usage(),
        }
    }
}

impl<'a> Stage<'a> {
    fn status(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Failed(_) => "failed",
            Self::Paid(_) if self.incomplete_details().is_some() => "incomplete",
            Self::Paid(_) => "completed",
        }
    }

    fn incomplete_details(self) -> Option<IncompleteDetails> {
        let Self::Paid(PaidReply { reply, .. }) = self else { return None };
        incomplete_reason(reply).map(|reason| IncompleteDetails { reason })
    }

    fn error(self) -> Option<ResponseFailure<'a>> {
        let Self::Failed(error) = self else { return None };
        Some(ResponseFailure { code: failure_code(error), message: &error.message })
    }

    fn usage(self) -> Option<ResponseUsage> {
        let Self::Paid(PaidReply { reply, charge, .. }) = self else { return None };
        Some(ResponseUsage::new(&reply.usage, charge.cost))
    }
}

/// The reason for which `reply` is shorter than it would have been. One that broke off is.
fn incomplete_reason(reply: &StoredReply) -> Option<&'static str> {
    match reply.finish_reason {
        FinishReason::Length | FinishReason::BrokenOff => Some("max_output_tokens"),
        FinishReason::ContentFilter => Some("content_filter"),
        FinishReason::Stop | FinishReason::ToolCalls => None,
    }
}

/// How the item ends that the model of `reply` was writing last.
pub(super) fn last_status(reply: &StoredReply) -> ItemStatus {
    if incomplete_reason(reply).is_some() { ItemStatus::Incomplete } else { ItemStatus::Completed }
}

/// Hands the whole answer that `paid` is to `write`.
pub(super) fn whole<T>(paid: &PaidReply, form: &ResponseForm, write: impl FnOnce(&ResponseObject<'_>) -> T) -> T {
    let PaidReply { id, reply, .. } = paid;
    let mut output = ResponseOutput::new(*id, form.clone());
    for part in reply_parts(reply) {
        output.add(&part, &mut ());
    }
    output.end(last_status(reply), &mut ());
    write(&ResponseObject::new(*id, form, &reply.model, output.items(), Stage::Paid(paid)))
}
