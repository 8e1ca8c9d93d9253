//! What is asked of `POST /v1/chat/completions`.

use domain::message::Message;
use ledger::idempotency::{Fingerprint, IdempotencyKey, Remembered};
use providers::model::Model;
use providers::prompt::{Prompt, Sampling, Turn};
use serde_json::{Map, Value, json};

use crate::http::Request;
use crate::openai::error::{ParameterFault, ProtocolError};
use crate::openai::parameters::{Parameters, refuse};
use crate::openai::{messages, unsupported};

/// The most bytes of a body.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 1024;

/// A request that can be honoured.
#[derive(Debug)]
pub struct CompletionRequest {
    /// The conversation, and how to go on.
    pub prompt: Prompt,
    /// What is stored of it: the beginning of the last message of the user.
    pub message: Message,
    /// The most output tokens that are wanted, if not as many as there may be.
    pub max_output_tokens: Option<u32>,
    /// How the answer is wanted.
    pub delivery: Delivery,
    /// `store`: whether the message and its reply are to be kept. Default `false`.
    pub store: bool,
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
    /// Reads the body of `request`, which is for `model`.
    ///
    /// # Errors
    /// [`ProtocolError::Api`] as [`Request::json_object`] if it is no JSON object of at most [`MAX_BODY_BYTES`],
    /// [`ProtocolError::ModelNotFound`] if it is for another model, [`ProtocolError::Parameter`] naming the first that
    /// the model cannot honour.
    pub fn parse(request: &Request, model: &Model) -> Result<Self, ProtocolError> {
        Self::of_object(&request.json_object(MAX_BODY_BYTES)?, model)
    }

    fn of_object(object: &Map<String, Value>, model: &Model) -> Result<Self, ProtocolError> {
        let fields = Parameters::new(object, "");
        let wanted = fields.text("model")?.ok_or_else(|| fields.refuse("model", ParameterFault::Missing, ""))?;
        if wanted != model.id() {
            return Err(ProtocolError::ModelNotFound);
        }
        unsupported::refuse_unsupported(fields)?;
        let sampling = sampling(fields)?;
        if let Some(name) = model.unsupported(&sampling) {
            return Err(fields.refuse(name, ParameterFault::Unsupported, ": the model does not know it"));
        }
        let (turns, message) = messages::parse(fields)?;
        Ok(Self {
            prompt: Prompt { turns, sampling },
            message,
            max_output_tokens: max_output_tokens(fields)?,
            delivery: delivery(fields)?,
            store: fields.switch("store")?,
        })
    }

    /// What this is remembered by under `key`: all that determines the answer, which is the same whole and
    /// streamed.
    #[must_use]
    pub fn remembered(&self, key: IdempotencyKey, model: &Model) -> Remembered {
        let turn = |Turn { role, text }: &Turn| json!([role, text]);
        let Sampling { temperature, top_p, presence_penalty, frequency_penalty, stop, seed } = &self.prompt.sampling;
        let canonical = json!([
            model.id(),
            self.prompt.turns.iter().map(turn).collect::<Vec<_>>(),
            [temperature, top_p, presence_penalty, frequency_penalty],
            stop,
            seed,
            self.max_output_tokens,
        ]);
        let fingerprint = Fingerprint::of_request("/v1/chat/completions", canonical.to_string().as_bytes());
        Remembered { key, fingerprint }
    }
}

fn sampling(fields: Parameters<'_>) -> Result<Sampling, ProtocolError> {
    Ok(Sampling {
        temperature: fields.number("temperature", 0.0, 2.0)?,
        top_p: fields.number("top_p", 0.0, 1.0)?,
        presence_penalty: fields.number("presence_penalty", -2.0, 2.0)?,
        frequency_penalty: fields.number("frequency_penalty", -2.0, 2.0)?,
        stop: stops(fields)?,
        seed: fields.integer("seed")?,
    })
}

fn stops(fields: Parameters<'_>) -> Result<Vec<String>, ProtocolError> {
    let rule = format!("a string or up to {MAX_STOPS} strings, each of 1 to {MAX_STOP_BYTES} bytes");
    let stop = |value: &Value| match value.as_str() {
        Some(text) if (1..=MAX_STOP_BYTES).contains(&text.len()) => Ok(text.to_owned()),
        Some(_) => Err(fields.refuse("stop", ParameterFault::Value, &rule)),
        None => Err(fields.refuse("stop", ParameterFault::Type, &rule)),
    };
    match fields.get("stop") {
        None => Ok(Vec::new()),
        Some(Value::Array(stops)) if stops.len() > MAX_STOPS => {
            Err(fields.refuse("stop", ParameterFault::Value, &rule))
        }
        Some(Value::Array(stops)) => stops.iter().map(stop).collect(),
        Some(value) => Ok(vec![stop(value)?]),
    }
}

/// `max_tokens` is the older name of `max_completion_tokens`.
fn max_output_tokens(fields: Parameters<'_>) -> Result<Option<u32>, ProtocolError> {
    match (fields.count("max_completion_tokens")?, fields.count("max_tokens")?) {
        (Some(_), Some(_)) => {
            let detail = "'max_tokens' and 'max_completion_tokens' are two names of the same: give one.";
            Err(refuse("max_tokens", ParameterFault::Value, detail))
        }
        (one, other) => Ok(one.or(other)),
    }
}

fn delivery(fields: Parameters<'_>) -> Result<Delivery, ProtocolError> {
    let is_streamed = fields.switch("stream")?;
    match fields.object("stream_options")? {
        Some(_) if !is_streamed => Err(refuse(
            "stream_options",
            ParameterFault::Value,
            "'stream_options' is only allowed where 'stream' is true.",
        )),
        Some(options) => {
            let include_usage = Parameters::new(options, "stream_options.").switch("include_usage")?;
            Ok(Delivery::Streamed { include_usage })
        }
        None if is_streamed => Ok(Delivery::Streamed { include_usage: false }),
        None => Ok(Delivery::Whole),
    }
}

#[cfg(test)]
mod tests;
