//! Requests to `POST /v1/responses`.

use std::collections::BTreeMap;

use providers::prompt::{Prompt, Sampling};
use serde_json::value::RawValue;

use crate::door::{
    DoorRequest, ExtraMembers, ParameterFault, Parameters, ProtocolError, body_with_images, stored_message,
};
use crate::http::{JsonObject, Request};
use crate::responses::door::Responses;
use crate::responses::form::{FormParts, ResponseForm};
use crate::responses::offered_tools::OfferedTools;
use crate::responses::reasoning::ReasoningParameters;
use crate::responses::text_format::TextParameters;
use crate::responses::{content, input, tool_choice, unsupported};

/// The parameters that are honoured, refused because nothing here can honour them, or left out because a client works without.
const PARAMETERS: [&str; 47] = [
    "background",
    "client_metadata",
    "context_management",
    "conversation",
    "frequency_penalty",
    "functions",
    "include",
    "input",
    "instructions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_cost",
    "max_output_tokens",
    "max_tokens",
    "max_tool_calls",
    "messages",
    "metadata",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "verbosity",
];

/// The fewest tokens to which a reply may be limited, as OpenAI has it.
const LEAST_OUTPUT_TOKENS: u32 = 16;

/// The most pairs of `metadata`, and the most characters of their names and their values, as OpenAI has them.
const MAX_METADATA: usize = 16;
const MAX_METADATA_NAME_CHARS: usize = 64;
const MAX_METADATA_VALUE_CHARS: usize = 512;

/// The most bytes of `metadata` that are read: as many as such pairs have where every character is escaped.
const MAX_METADATA_BYTES: usize = 128 * 1024;

impl DoorRequest<Responses> {
    /// Reads a request for a response.
    ///
    /// # Errors
    /// [`ProtocolError::Api`] if it is no JSON object, or longer than `body_with_images` takes; [`ProtocolError::Parameter`]
    /// naming the first parameter that no model can honour.
    pub(super) fn parse(request: &Request) -> Result<Self, ProtocolError> {
        Self::of_object(body_with_images(request, &PARAMETERS, "input", content::image_url_bytes)?)
    }

    fn of_object(mut object: JsonObject<'_>) -> Result<Self, ProtocolError> {
        let extra = ExtraMembers::take(&mut object);
        let fields = &Parameters::new(object);
        let model = fields.text("model")?.ok_or_else(|| fields.refuse("model", ParameterFault::Missing, ""))?;
        unsupported::refuse_unsupported(fields)?;
        let mut offered = OfferedTools::default();
        offered.add(fields)?;
        let turns = input::parse(fields, &mut offered)?;
        let tools = tool_choice::parse(fields, &mut offered)?;
        let reasoning = ReasoningParameters::parse(fields)?;
        let TextParameters { format, verbosity } = TextParameters::parse(fields)?;
        let (max_output_tokens, sampling) = (max_output_tokens(fields)?, sampling(fields)?);
        let form = FormParts {
            model: model.clone().into_owned(),
            tools: offered.written,
            names: offered.names,
            tool_choice: fields.get("tool_choice").map(RawValue::to_owned),
            parallel_tool_calls: tools.parallel,
            metadata: metadata(fields)?,
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            max_output_tokens,
            text: fields.get("text").map(RawValue::to_owned),
            effort: reasoning.effort.clone(),
            summary: reasoning.summary.clone(),
            shows_proofs: reasoning.shows_proofs,
        };
        Ok(Self {
            model: model.into_owned(),
            message: stored_message(&turns),
            prompt: Prompt {
                turns,
                sampling,
                tools,
                response_format: format,
                thinking_is_shown: reasoning.summary.is_some().then_some(true),
                reasoning_effort: reasoning.effort,
                reasoning_summary: reasoning.summary,
                verbosity,
                extra: extra.members,
                ..Prompt::default()
            },
            max_output_tokens,
            max_cost: fields.credits("max_cost")?,
            is_streamed: fields.switch("stream")?,
            store: false,
            form: ResponseForm::new(form),
            has_too_many_unknown: extra.are_too_many,
        })
    }
}

fn sampling(fields: &Parameters<'_>) -> Result<Sampling, ProtocolError> {
    Ok(Sampling {
        temperature: fields.number("temperature", 0.0, 2.0)?,
        top_p: fields.number("top_p", 0.0, 1.0)?,
        ..Sampling::default()
    })
}

fn max_output_tokens(fields: &Parameters<'_>) -> Result<Option<u32>, ProtocolError> {
    const NAME: &str = "max_output_tokens";
    match fields.count(NAME)? {
        Some(tokens) if tokens < LEAST_OUTPUT_TOKENS => {
            let rule = format!("a whole number from {LEAST_OUTPUT_TOKENS} on");
            Err(fields.refuse(NAME, ParameterFault::Value, &rule))
        }
        tokens => Ok(tokens),
    }
}

/// Reads `metadata`, which the answer repeats.
fn metadata(fields: &Parameters<'_>) -> Result<Option<Box<RawValue>>, ProtocolError> {
    const NAME: &str = "metadata";
    let rule = format!(
        "an object of at most {MAX_METADATA} strings of at most {MAX_METADATA_VALUE_CHARS} characters, with names of at most \
         {MAX_METADATA_NAME_CHARS}"
    );
    let Some(value) = fields.get(NAME) else { return Ok(None) };
    if value.get().len() > MAX_METADATA_BYTES {
        return Err(fields.refuse(NAME, ParameterFault::Value, &rule));
    }
    let pairs: BTreeMap<String, String> =
        serde_json::from_str(value.get()).map_err(|_| fields.refuse(NAME, ParameterFault::Type, &rule))?;
    let is_short = |text: &str, most: usize| text.chars().count() <= most;
    let fits = |(name, value): (&String, &String)| {
        is_short(name, MAX_METADATA_NAME_CHARS) && is_short(value, MAX_METADATA_VALUE_CHARS)
    };
    if pairs.len() > MAX_METADATA || !pairs.iter().all(fits) {
        return Err(fields.refuse(NAME, ParameterFault::Value, &rule));
    }
    Ok(Some(value.to_owned()))
}
