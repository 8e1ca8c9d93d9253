//! What is asked of `POST /v1/chat/completions`.

use providers::catalogue::may_be_extra;
use providers::prompt::{Prompt, Sampling};
use providers::raw_json::RawJson;
use serde_json::value::RawValue;

use crate::door::{
    DoorRequest, MAX_BODY_BYTES, MAX_BYTES_BESIDE_IMAGES, ParameterFault, Parameters, ProtocolError, refuse,
};
use crate::error::ApiError;
use crate::http::{Elements, JsonObject, Request};
use crate::openai::chat_completions::{ChatCompletions, ChunkForm};
use crate::openai::{choices, content, messages, response_format, tools, unsupported};

/// The parameters that are honoured, or refused because nothing here can honour them.
const PARAMETERS: [&str; 31] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_cost",
    "max_tokens",
    "messages",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "verbosity",
    "web_search_options",
];

const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 1024;

/// A request for a chat completion.
pub type CompletionRequest = DoorRequest<ChatCompletions>;

impl CompletionRequest {
    /// Reads the body of `request`. Its model is not looked up: that takes the catalogue, which is read for open accounts
    /// alone.
    ///
    /// # Errors
    /// [`ProtocolError::Api`] as [`Request::json_object`] if it is no JSON object of at most [`MAX_BODY_BYTES`], and
    /// [`ApiError::TooLarge`] if it has more than [`MAX_BYTES_BESIDE_IMAGES`] beside images;
    /// [`ProtocolError::Parameter`] naming the first that no model can honour.
    pub fn parse(request: &Request) -> Result<Self, ProtocolError> {
        let object = request.json_object(MAX_BODY_BYTES, &PARAMETERS, may_be_extra)?;
        // A body that is short enough without images is not searched for them.
        let bytes = request.body_bytes();
        if bytes > MAX_BYTES_BESIDE_IMAGES {
            let images = object.get("messages").map_or(0, content::image_url_bytes);
            if bytes.saturating_sub(images) > MAX_BYTES_BESIDE_IMAGES {
                return Err(ApiError::TooLarge { limit_bytes: MAX_BYTES_BESIDE_IMAGES }.into());
            }
        }
        Self::of_object(object)
    }

    fn of_object(mut object: JsonObject<'_>) -> Result<Self, ProtocolError> {
        let extra = object.take_unknown().into_members();
        let has_too_many_unknown = extra.is_none();
        let raw = |value: &RawValue| RawJson::from(value.to_owned());
        let fields = &Parameters::new(object);
        let model = fields.text("model")?.ok_or_else(|| fields.refuse("model", ParameterFault::Missing, ""))?;
        unsupported::refuse_unsupported(fields)?;
        let sampling = sampling(fields)?;
        let (turns, message) = messages::parse(fields)?;
        let (is_streamed, form) = delivery(fields)?;
        Ok(Self {
            model: model.into_owned(),
            prompt: Prompt {
                turns,
                sampling,
                tools: tools::parse(fields)?,
                response_format: response_format::parse(fields)?,
                reasoning_effort: word(fields, "reasoning_effort")?,
                // OpenAI's default, which asks for nothing.
                verbosity: word(fields, "verbosity")?.filter(|verbosity| verbosity != "medium"),
                n: choices::count(fields)?,
                logprobs: choices::logprobs(fields)?,
                logit_bias: choices::logit_bias(fields)?,
                extra: extra.into_iter().flatten().map(|(name, value)| (name, raw(value))).collect(),
                ..Prompt::default()
            },
            message,
            max_output_tokens: max_output_tokens(fields)?,
            max_cost: fields.credits("max_cost")?,
            is_streamed,
            form,
            store: fields.switch("store")?,
            has_too_many_unknown,
        })
    }
}

fn sampling(fields: &Parameters<'_>) -> Result<Sampling, ProtocolError> {
    Ok(Sampling {
        temperature: fields.number("temperature", 0.0, 2.0)?,
        top_p: fields.number("top_p", 0.0, 1.0)?,
        presence_penalty: fields.number("presence_penalty", -2.0, 2.0)?,
        frequency_penalty: fields.number("frequency_penalty", -2.0, 2.0)?,
        stop: stops(fields)?,
        seed: fields.integer("seed")?,
        top_k: None,
    })
}

fn stops(fields: &Parameters<'_>) -> Result<Vec<String>, ProtocolError> {
    let rule = format!("a string or up to {MAX_STOPS} strings, each of 1 to {MAX_STOP_BYTES} bytes");
    let stop = |value| match fields.text_of("stop", value, &rule)? {
        text if (1..=MAX_STOP_BYTES).contains(&text.len()) => Ok(text.into_owned()),
        _ => Err(fields.refuse("stop", ParameterFault::Value, &rule)),
    };
    let Some(value) = fields.get("stop") else { return Ok(Vec::new()) };
    match Elements::of(value) {
        None => Ok(vec![stop(value)?]),
        Some(stops) if stops.clone().nth(MAX_STOPS).is_some() => {
            Err(fields.refuse("stop", ParameterFault::Value, &rule))
        }
        Some(stops) => stops.map(stop).collect(),
    }
}

/// A word of a provider's own, such as `low`. The model's server judges it.
fn word(fields: &Parameters<'_>, name: &str) -> Result<Option<String>, ProtocolError> {
    const MAX_WORD_BYTES: usize = 32;
    let rule = format!("a word of 1 to {MAX_WORD_BYTES} small letters");
    match fields.text(name)? {
        None => Ok(None),
        Some(word)
            if (1..=MAX_WORD_BYTES).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase()) =>
        {
            Ok(Some(word.into_owned()))
        }
        Some(_) => Err(fields.refuse(name, ParameterFault::Value, &rule)),
    }
}

/// `max_tokens` is the older name of `max_completion_tokens`.
fn max_output_tokens(fields: &Parameters<'_>) -> Result<Option<u32>, ProtocolError> {
    match (fields.count("max_completion_tokens")?, fields.count("max_tokens")?) {
        (Some(_), Some(_)) => {
            let detail = "'max_tokens' and 'max_completion_tokens' are two names of the same: give one.";
            Err(refuse("max_tokens", ParameterFault::Value, detail))
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// Whether the answer is streamed, and the form of its chunks.
fn delivery(fields: &Parameters<'_>) -> Result<(bool, ChunkForm), ProtocolError> {
    let is_streamed = fields.switch("stream")?;
    let include_usage = match fields.object("stream_options", &["include_usage"])? {
        Some(_) if !is_streamed => {
            let detail = "'stream_options' is only allowed where 'stream' is true.";
            return Err(refuse("stream_options", ParameterFault::Value, detail));
        }
        Some(options) => options.switch("include_usage")?,
        None => false,
    };
    Ok((is_streamed, ChunkForm { include_usage }))
}

#[cfg(test)]
mod tests;
