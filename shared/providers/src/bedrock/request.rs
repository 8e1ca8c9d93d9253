//! Requests on the wire, written from the prompt alone: nothing that a caller sent goes out unless a type here names it.
//!
//! They are not the SDK's types, for two reasons. The SDK keeps a schema in a map without an order, and an order that differs
//! in each request would find nothing in the model's cache and cost a write to it. And it wants images decoded, to encode
//! them again.

use serde::Serialize;

use crate::bedrock::asked_model::AskedModel;
use crate::bedrock::cache_points::{CachePoint, CachePoints};
use crate::bedrock::messages::{ConverseMessage, Wording};
use crate::bedrock::reasoning::ReasoningFields;
use crate::bedrock::tools::ConverseTools;
use crate::catalogue::Guardrail;
use crate::converse::unsupported_for_reasoning;
use crate::error::{ModelError, Refusal};
use crate::prompt::{Prompt, ResponseFormat, Role, Sampling};
use domain::cause::Cause;

/// The body of Converse and, [streamed](ConverseRequest::streamed), of `ConverseStream`.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConverseRequest<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<SystemBlock<'a>>,
    messages: Vec<ConverseMessage<'a>>,
    inference_config: Inference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ConverseTools<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guardrail_config: Option<GuardrailUse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_request_fields: Option<ReasoningFields<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum SystemBlock<'a> {
    Text(&'a str),
    CachePoint(CachePoint),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inference<'a> {
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputConfig<'a> {
    text_format: TextFormat<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", content = "structure", rename_all = "snake_case")]
enum TextFormat<'a> {
    JsonSchema(TextStructure<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum TextStructure<'a> {
    JsonSchema(SchemaOfText<'a>),
}

#[derive(Serialize)]
struct SchemaOfText<'a> {
    /// JSON in a text.
    schema: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GuardrailUse<'a> {
    guardrail_identifier: &'a str,
    guardrail_version: &'a str,
    trace: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_processing_mode: Option<&'static str>,
}

impl<'a> ConverseRequest<'a> {
    /// The request for a reply of `model` to `prompt`.
    ///
    /// # Errors
    /// [`ModelError::Refused`] if no turn of the user's says or shows anything. Converse would refuse it, in words that are
    /// not for the caller.
    pub(super) fn new(model: &'a AskedModel, prompt: &'a Prompt, max_output_tokens: u32) -> Result<Self, ModelError> {
        // The members that Converse cannot carry were refused before.
        let Prompt { turns, sampling, tools, response_format, .. } = prompt;
        let tool_config = ConverseTools::of(tools, model.is_strict);
        let wording = if tool_config.is_some() { Wording::Blocks } else { Wording::Texts };
        let mut messages = ConverseMessage::of(turns, wording);
        if messages.is_empty() {
            let cause = Cause::because("the conversation has no text of the user");
            return Err(ModelError::Refused { refusal: Refusal::NothingAsked, cause });
        }
        // What is no more than a hint is left out where the model cannot be told.
        let is_told = !prompt.reasoning_is_a_hint
            || (model.takes_reasoning && unsupported_for_reasoning(model.reasoning, prompt).is_none());
        let reasoning = model.reasoning.filter(|_| is_told);
        if model.cache_points == CachePoints::SystemAndMessages {
            ConverseMessage::keep_up_to_the_last_of_the_user(&mut messages);
        }
        Ok(Self {
            system: SystemBlock::of(prompt, model.cache_points),
            messages,
            inference_config: Inference::of(sampling, max_output_tokens),
            tool_config,
            output_config: response_format.as_ref().and_then(OutputConfig::of),
            guardrail_config: model.guardrail.as_ref().map(GuardrailUse::of),
            additional_model_request_fields: ReasoningFields::of(reasoning, prompt, max_output_tokens),
        })
    }

    /// The same, for a reply as it is written. A guardrail sees each part before anybody else does.
    pub(super) fn streamed(mut self) -> Self {
        if let Some(guardrail) = &mut self.guardrail_config {
            guardrail.stream_processing_mode = Some("sync");
        }
        self
    }
}

impl<'a> SystemBlock<'a> {
    /// The system turns of `prompt`. Converse takes them apart from the others, and no blank text.
    fn of(prompt: &'a Prompt, cache_points: CachePoints) -> Vec<Self> {
        let is_said = |text: &&str| !text.trim().is_empty();
        let system = prompt.turns.iter().filter(|turn| turn.role == Role::System);
        let mut blocks: Vec<_> = system.map(|turn| turn.text.as_str()).filter(is_said).map(Self::Text).collect();
        if !blocks.is_empty() && cache_points != CachePoints::None {
            blocks.push(Self::CachePoint(CachePoint::Default));
        }
        blocks
    }
}

impl<'a> Inference<'a> {
    fn of(sampling: &'a Sampling, max_output_tokens: u32) -> Self {
        // Converse has no penalties, no seed and no `top_k`.
        let Sampling { temperature, top_p, ref stop, .. } = *sampling;
        // Its numbers are Java's.
        let max_tokens = max_output_tokens.min(i32::MAX.cast_unsigned());
        Self { max_tokens, temperature, top_p, stop_sequences: stop }
    }
}

impl<'a> OutputConfig<'a> {
    fn of(format: &'a ResponseFormat) -> Option<Self> {
        match format {
            // Converse keeps a reply to the schema in any case.
            ResponseFormat::JsonSchema { name, description, schema: Some(schema), strict: _ } => {
                let description = description.as_deref().filter(|description| !description.is_empty());
                let schema = SchemaOfText { schema: schema.get(), name, description };
                Some(Self { text_format: TextFormat::JsonSchema(TextStructure::JsonSchema(schema)) })
            }
            ResponseFormat::JsonObject | ResponseFormat::JsonSchema { schema: None, .. } => None,
        }
    }
}

impl<'a> GuardrailUse<'a> {
    /// Its trace would quote the prompt.
    fn of(guardrail: &'a Guardrail) -> Self {
        let Guardrail { id, version } = guardrail;
        Self { guardrail_identifier: id, guardrail_version: version, trace: "disabled", stream_processing_mode: None }
    }
}
