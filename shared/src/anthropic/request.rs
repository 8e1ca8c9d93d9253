//! Requests to `POST /v1/messages`.

use providers::prompt::{Prompt, ResponseFormat, Sampling, Thinking, Turn};

use crate::anthropic::cache_marks::CacheMarks;
use crate::anthropic::form::{MessageForm, ShownThinking};
use crate::anthropic::messages::Messages;
use crate::anthropic::thinking_parameters::ThinkingParameters;
use crate::anthropic::{content, tools, turns, unsupported};
use crate::door::{
    DoorRequest, ExtraMembers, ParameterFault, Parameters, ProtocolError, body_with_images, stored_message,
};
use crate::http::{Elements, JsonObject, Request};

/// The parameters that are honoured, refused because nothing here can honour them, or left out because a client works without.
const PARAMETERS: [&str; 27] = [
    "billing_policy",
    "cache_control",
    "compaction",
    "container",
    "context_management",
    "diagnostics",
    "fallbacks",
    "inference_geo",
    "max_cost",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "thread",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

const MAX_STOPS: usize = 16;
const MAX_STOP_BYTES: usize = 1024;

/// The name of a schema, which this protocol does not give.
const SCHEMA_NAME: &str = "output";

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    ForReply,
    ForCount,
}

impl DoorRequest<Messages> {
    /// Reads a request for a reply.
    ///
    /// # Errors
    /// [`ProtocolError::Api`] if it is no JSON object, or longer than `body_with_images` takes; [`ProtocolError::Parameter`]
    /// naming the first parameter that no model can honour.
    pub(super) fn parse(request: &Request) -> Result<Self, ProtocolError> {
        read(request, Asking::ForReply)
    }

    /// Reads a request for the number of its tokens, which need not say how long a reply may be.
    ///
    /// # Errors
    /// As [`DoorRequest::parse`].
    pub(super) fn parse_to_count(request: &Request) -> Result<Self, ProtocolError> {
        read(request, Asking::ForCount)
    }
}

fn read(request: &Request, asking: Asking) -> Result<DoorRequest<Messages>, ProtocolError> {
    of_object(body_with_images(request, &PARAMETERS, "messages", content::image_bytes)?, asking)
}

fn of_object(mut object: JsonObject<'_>, asking: Asking) -> Result<DoorRequest<Messages>, ProtocolError> {
    let extra = ExtraMembers::take(&mut object);
    let fields = &Parameters::new(object);
    let missing = |name: &str| fields.refuse(name, ParameterFault::Missing, "");
    let model = fields.text("model")?.ok_or_else(|| missing("model"))?;
    unsupported::refuse_unsupported(fields)?;
    let max_tokens = fields.count("max_tokens")?;
    if max_tokens.is_none() && asking == Asking::ForReply {
        return Err(missing("max_tokens"));
    }
    let ThinkingParameters { thinking, thinking_is_shown, effort } = ThinkingParameters::parse(fields, max_tokens)?;
    let mut marks = CacheMarks::default();
    let mut turns = turns::parse(fields, &mut marks)?;
    let tools = tools::parse(fields, &mut marks)?;
    if marks.take(fields)? {
        mark_the_end(&mut turns);
    }
    Ok(DoorRequest {
        model: model.into_owned(),
        message: stored_message(&turns),
        prompt: Prompt {
            turns,
            sampling: sampling(fields)?,
            tools,
            response_format: response_format(fields)?,
            reasoning_effort: effort,
            thinking,
            thinking_is_shown,
            // Programs of this protocol ask every model to reason.
            reasoning_is_a_hint: true,
            extra: extra.members,
            ..Prompt::default()
        },
        max_output_tokens: max_tokens,
        max_cost: fields.credits("max_cost")?,
        is_streamed: fields.switch("stream")?,
        store: false,
        form: MessageForm { shown_thinking: shown(thinking, thinking_is_shown) },
        has_too_many_unknown: extra.are_too_many,
    })
}

fn shown(thinking: Option<Thinking>, is_shown: Option<bool>) -> ShownThinking {
    match thinking {
        None | Some(Thinking::Off) => ShownThinking::Unasked,
        Some(Thinking::Adaptive | Thinking::Budget(_)) if is_shown == Some(false) => ShownThinking::Proofs,
        Some(Thinking::Adaptive | Thinking::Budget(_)) => ShownThinking::Words,
    }
}

/// A mark of the request itself is one of its last block.
fn mark_the_end(turns: &mut [Turn]) {
    if let Some(last) = turns.last_mut() {
        last.is_cached = true;
    }
}

fn sampling(fields: &Parameters<'_>) -> Result<Sampling, ProtocolError> {
    Ok(Sampling {
        temperature: fields.number("temperature", 0.0, 1.0)?,
        top_p: fields.number("top_p", 0.0, 1.0)?,
        top_k: fields.count("top_k")?,
        stop: stops(fields)?,
        ..Sampling::default()
    })
}

fn stops(fields: &Parameters<'_>) -> Result<Vec<String>, ProtocolError> {
    const NAME: &str = "stop_sequences";
    let rule = format!("an array of up to {MAX_STOPS} strings, each of 1 to {MAX_STOP_BYTES} bytes");
    let Some(value) = fields.get(NAME) else { return Ok(Vec::new()) };
    let stops = Elements::of(value).ok_or_else(|| fields.refuse(NAME, ParameterFault::Type, &rule))?;
    if stops.clone().nth(MAX_STOPS).is_some() {
        return Err(fields.refuse(NAME, ParameterFault::Value, &rule));
    }
    let stop = |value| match fields.text_of(NAME, value, &rule)? {
        text if (1..=MAX_STOP_BYTES).contains(&text.len()) => Ok(text.into_owned()),
        _ => Err(fields.refuse(NAME, ParameterFault::Value, &rule)),
    };
    stops.map(stop).collect()
}

/// Reads `output_config.format`: nothing for a text.
fn response_format(fields: &Parameters<'_>) -> Result<Option<ResponseFormat>, ProtocolError> {
    let Some(config) = fields.object("output_config", &["format"])? else { return Ok(None) };
    let Some(format) = config.object("format", &["type", "schema"])? else { return Ok(None) };
    let kind = format.text("type")?.ok_or_else(|| format.refuse("type", ParameterFault::Missing, ""))?;
    if kind != "json_schema" {
        return Err(format.refuse("type", ParameterFault::Unsupported, ", except for json_schema"));
    }
    let schema = format.schema("schema")?.ok_or_else(|| format.refuse("schema", ParameterFault::Missing, ""))?;
    let name = SCHEMA_NAME.to_owned();
    // Anthropic's models keep to every schema.
    Ok(Some(ResponseFormat::JsonSchema { name, description: None, schema: Some(schema), strict: Some(true) }))
}
