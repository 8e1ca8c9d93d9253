//! Requests to `POST /v1/chat/completions`.

use providers::prompt::Prompt;

use crate::door::{DoorRequest, ExtraMembers, ParameterFault, Parameters, ProtocolError, body_with_images, refuse};
use crate::http::{JsonObject, Request};
use crate::openai::chat_completions::ChatCompletions;
use crate::openai::delivery::delivery;
use crate::openai::sampling::sampling;
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

/// A request for a chat completion.
pub type CompletionRequest = DoorRequest<ChatCompletions>;

impl CompletionRequest {
    /// Reads the body of `request`. Its model is not looked up: that takes the catalogue, which is read for open accounts
    /// alone.
    ///
    /// # Errors
    /// [`ProtocolError::Api`] if it is no JSON object, or longer than `body_with_images` takes; [`ProtocolError::Parameter`]
    /// naming the first parameter that no model can honour.
    pub fn parse(request: &Request) -> Result<Self, ProtocolError> {
        Self::of_object(body_with_images(request, &PARAMETERS, "messages", content::image_url_bytes)?)
    }

    fn of_object(mut object: JsonObject<'_>) -> Result<Self, ProtocolError> {
        let extra = ExtraMembers::take(&mut object);
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
                reasoning_effort: fields.word("reasoning_effort")?,
                // OpenAI's default, which asks for nothing.
                verbosity: fields.word("verbosity")?.filter(|verbosity| verbosity != "medium"),
                n: choices::count(fields)?,
                logprobs: choices::logprobs(fields)?,
                logit_bias: choices::logit_bias(fields)?,
                extra: extra.members,
                ..Prompt::default()
            },
            message,
            max_output_tokens: max_output_tokens(fields)?,
            max_cost: fields.credits("max_cost")?,
            is_streamed,
            form,
            store: fields.switch("store")?,
            has_too_many_unknown: extra.are_too_many,
        })
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

#[cfg(test)]
mod tests;
