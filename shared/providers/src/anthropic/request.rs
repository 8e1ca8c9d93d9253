//! Requests on the wire, written from the prompt alone: nothing that a caller sent goes out unless a type here names it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::anthropic::asked_claude::AskedClaude;
use crate::anthropic::messages::{SideMessage, mark_the_last_of_the_user, messages, system};
use crate::anthropic::sent_block::MarkedBlock;
use crate::anthropic::thinking::{SentThinking, effort};
use crate::anthropic::tools::{ClaudeTool, ClaudeToolChoice};
use crate::error::{ModelError, Refusal};
use crate::prompt::{Prompt, ResponseFormat, Sampling, Turn};
use crate::raw_json::RawJson;
use domain::cause::Cause;

#[derive(Serialize)]
pub(super) struct ClaudeRequest<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<MarkedBlock<'a>>,
    messages: Vec<SideMessage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ClaudeTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ClaudeToolChoice<'a>>,
    #[serde(flatten)]
    sampling: ClaudeSampling<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<SentThinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<ClaudeOutput<'a>>,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
}

#[derive(Serialize)]
struct ClaudeSampling<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
}

#[derive(Serialize)]
struct ClaudeOutput<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<ClaudeFormat<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClaudeFormat<'a> {
    JsonSchema { schema: &'a RawValue },
}

impl<'a> ClaudeRequest<'a> {
    /// The request for a reply of `model` to `prompt`.
    ///
    /// # Errors
    /// [`ModelError::Refused`] if no turn of the user's says or shows anything. The server would refuse it, in words that
    /// are not for the caller.
    pub(super) fn new(model: &'a AskedClaude, prompt: &'a Prompt, max_output_tokens: u32) -> Result<Self, ModelError> {
        // The members that the protocol cannot carry were refused before.
        let Prompt { turns, sampling, tools, response_format, extra, .. } = prompt;
        let is_marked = model.keeps_what_it_read;
        let mut system = system(turns, is_marked);
        let mut messages = messages(turns, &model.provider, is_marked);
        if messages.is_empty() {
            let cause = Cause::because("the conversation has no text of the user");
            return Err(ModelError::Refused { refusal: Refusal::NothingAsked, cause });
        }
        if is_marked && !has_marks(prompt) {
            MarkedBlock::mark_last(&mut system);
            mark_the_last_of_the_user(&mut messages);
        }
        let extra = extra.iter().filter(|(name, _)| model.extra_parameters.contains(*name));
        Ok(Self {
            model: &model.id,
            max_tokens: max_output_tokens,
            system,
            messages,
            tools: tools.offered.iter().map(|tool| ClaudeTool::of(tool, model)).collect(),
            tool_choice: ClaudeToolChoice::of(tools),
            sampling: ClaudeSampling::from(sampling),
            thinking: SentThinking::of(model, prompt, max_output_tokens),
            output_config: ClaudeOutput::of(effort(model, prompt), response_format.as_ref()),
            extra: extra.map(|(name, value)| (name.as_str(), value)).collect(),
            stream: None,
        })
    }

    /// The same, for a reply as it is written.
    pub(super) fn streamed(self) -> Self {
        Self { stream: Some(true), ..self }
    }
}

/// Whether the caller says what the provider's cache keeps.
fn has_marks(prompt: &Prompt) -> bool {
    let Prompt { turns, tools, .. } = prompt;
    let is_marked = |turn: &Turn| turn.is_cached || turn.borders.iter().any(|border| border.is_cached);
    turns.iter().any(is_marked) || tools.offered.iter().any(|tool| tool.is_cached)
}

impl<'a> From<&'a Sampling> for ClaudeSampling<'a> {
    fn from(sampling: &'a Sampling) -> Self {
        // The protocol has no penalties and no seed.
        let Sampling { temperature, top_p, top_k, ref stop, .. } = *sampling;
        Self { temperature, top_p, top_k, stop_sequences: stop }
    }
}

impl<'a> ClaudeOutput<'a> {
    fn of(effort: Option<&'a str>, format: Option<&'a ResponseFormat>) -> Option<Self> {
        let format = format.and_then(ClaudeFormat::of);
        (effort.is_some() || format.is_some()).then_some(Self { effort, format })
    }
}

impl<'a> ClaudeFormat<'a> {
    /// The protocol keeps a reply to the schema in any case, and has no name for it.
    fn of(format: &'a ResponseFormat) -> Option<Self> {
        match format {
            ResponseFormat::JsonSchema { schema: Some(schema), .. } => Some(Self::JsonSchema { schema }),
            ResponseFormat::JsonObject | ResponseFormat::JsonSchema { schema: None, .. } => None,
        }
    }
}
