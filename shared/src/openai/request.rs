//! What is asked of `POST /v1/chat/completions`.

use std::collections::BTreeMap;

use domain::credits::Credits;
use domain::message::Message;
use ledger::idempotency::{Fingerprint, IdempotencyKey, Remembered};
use providers::catalogue::may_be_extra;
use providers::offers::{Candidates, Offer, Offers};
use providers::prompt::{Prompt, Role, Sampling};
use providers::raw_json::RawJson;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::http::{Elements, JsonObject, MAX_UNKNOWN_BYTES, MAX_UNKNOWN_MEMBERS, Request};
use crate::openai::error::{ParameterFault, ProtocolError, UnknownModel};
use crate::openai::fingerprint::CanonicalTools;
use crate::openai::parameters::{Parameters, refuse};
use crate::openai::{choices, content, messages, response_format, tools, unsupported};
use crate::till::CallerLimits;

/// The most bytes of a body. Lambda takes events of up to 6,291,456 bytes, in which the body is a JSON string beside what API
/// Gateway says of the request: headers of at most 10,240 bytes, each of them twice. So 64 KiB are left for that, and 220 KiB
/// for the characters of the body that are escaped.
pub const MAX_BODY_BYTES: usize = 6_000_000;

/// The most bytes of a body beside the URLs of its images: 1 MiB.
pub const MAX_BYTES_BESIDE_IMAGES: usize = 1024 * 1024;

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

/// A request that some model can honour.
#[derive(Debug)]
pub struct CompletionRequest {
    /// `model`: an id or an alias of a model, as the caller wrote it.
    pub model: String,
    /// The conversation, and how to go on.
    pub prompt: Prompt,
    /// What is stored of it: the beginning of the last message of the user.
    pub message: Message,
    /// The most output tokens that are wanted, if not as many as there may be.
    pub max_output_tokens: Option<u32>,
    /// `max_cost`: the most credits that may be held and charged, if the caller sets a bound. OpenAI has no such parameter.
    pub max_cost: Option<Credits>,
    /// How the answer is wanted.
    pub delivery: Delivery,
    /// `store`: whether the message and its reply are to be kept. Default `false`.
    pub store: bool,
    /// Whether the unknown members are too many or too long. Then none of them is in the prompt.
    has_too_many_unknown: bool,
}

/// How an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In one piece.
    Whole,
    /// As it is written: server-sent events.
    Streamed {
        /// With an event that says what the model counted.
        include_usage: bool,
    },
}

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
            delivery: delivery(fields)?,
            store: fields.switch("store")?,
            has_too_many_unknown,
        })
    }

    /// The models that may answer this.
    ///
    /// # Errors
    /// [`ProtocolError::ModelNotFound`] if no model of `offers` has the name.
    pub fn candidates(&self, offers: &Offers) -> Result<Candidates, ProtocolError> {
        let unknown = || ProtocolError::ModelNotFound(UnknownModel::new(&self.model, offers.listed()));
        offers.find(&self.model).ok_or_else(unknown)
    }

    /// Checks that the model of `offer` can honour every parameter.
    ///
    /// # Errors
    /// [`ProtocolError::Parameter`] naming the first that it cannot honour.
    pub fn check(&self, offer: &Offer) -> Result<(), ProtocolError> {
        if self.has_too_many_unknown && !offer.terms.extra_parameters.is_empty() {
            let detail = format!(
                "Members that OpenAI's protocol does not have must be at most {MAX_UNKNOWN_MEMBERS}, of at most \
                 {MAX_UNKNOWN_BYTES} bytes together, for the model '{}'.",
                offer.id()
            );
            return Err(refuse("extra_body", ParameterFault::Value, detail));
        }
        match offer.unsupported(&self.prompt) {
            None => Ok(()),
            Some(name) => {
                let detail = format!("'{name}' is not supported by the model '{}'.", offer.id());
                Err(refuse(name, ParameterFault::Unsupported, detail))
            }
        }
    }

    /// The limits that the caller sets.
    #[must_use]
    pub fn limits(&self) -> CallerLimits {
        CallerLimits { max_output_tokens: self.max_output_tokens, max_cost: self.max_cost }
    }

    /// The request as it is remembered under `key`: all that determines the answer, which is the same whole and streamed.
    /// The model counts by the name that the caller wrote, so that a repetition is the same request also if an alias
    /// means another model by then. Unknown members count whether the model has them on its list or not: the catalogue, which
    /// has the list, is read for open accounts alone.
    ///
    /// # Errors
    /// [`ProtocolError::Parameter`] for several choices and for log probabilities, which are not kept for a repetition.
    pub fn remembered(&self, key: IdempotencyKey) -> Result<Remembered, ProtocolError> {
        for (name, is_wanted) in [("n", self.prompt.choices() > 1), ("logprobs", self.prompt.logprobs.is_some())] {
            if is_wanted {
                let above = if name == "n" { " above 1" } else { "" };
                let detail = format!(
                    "'{name}'{above} is not supported with an Idempotency-Key: such an answer is not kept for a repetition."
                );
                return Err(refuse(name, ParameterFault::Unsupported, detail));
            }
        }
        let Prompt { turns, sampling, .. } = &self.prompt;
        let Sampling { temperature, top_p, top_k: _, presence_penalty, frequency_penalty, stop, seed } = sampling;
        let canonical = Canonical {
            model: &self.model,
            turns: turns.iter().map(|turn| (turn.role, turn.text.as_str())).collect(),
            numbers: [*temperature, *top_p, *presence_penalty, *frequency_penalty],
            stop,
            seed: *seed,
            max_output_tokens: self.max_output_tokens,
            more: CanonicalTools::of(&self.prompt),
            max_cost: self.max_cost,
            logit_bias: &self.prompt.logit_bias,
            extra: &self.prompt.extra,
        };
        Ok(Remembered { key, fingerprint: Fingerprint::of_request("/v1/chat/completions", &canonical) })
    }
}

/// The members that determine the answer, in the one form that is hashed.
#[derive(Serialize)]
struct Canonical<'a> {
    model: &'a str,
    turns: Vec<(Role, &'a str)>,
    numbers: [Option<f32>; 4],
    stop: &'a [String],
    seed: Option<i64>,
    max_output_tokens: Option<u32>,
    /// It is left out where there is nothing in it, so that a request without tools has the digest that it always had.
    #[serde(flatten)]
    more: CanonicalTools<'a>,
    /// Absent without a bound, so that the requests of before have the fingerprints of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cost: Option<Credits>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    logit_bias: &'a BTreeMap<u32, f32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: &'a BTreeMap<String, RawJson>,
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

fn delivery(fields: &Parameters<'_>) -> Result<Delivery, ProtocolError> {
    let is_streamed = fields.switch("stream")?;
    match fields.object("stream_options", &["include_usage"])? {
        Some(_) if !is_streamed => Err(refuse(
            "stream_options",
            ParameterFault::Value,
            "'stream_options' is only allowed where 'stream' is true.",
        )),
        Some(options) => {
            let include_usage = options.switch("include_usage")?;
            Ok(Delivery::Streamed { include_usage })
        }
        None if is_streamed => Ok(Delivery::Streamed { include_usage: false }),
        None => Ok(Delivery::Whole),
    }
}

#[cfg(test)]
mod tests;
