//! Requests to `POST /v1/completions`.

use domain::message::Message;
use providers::catalogue::may_be_extra;
use providers::prompt::{Prompt, Role, Turn};
use serde_json::value::RawValue;

use crate::door::{
    DoorRequest, ExtraMembers, MAX_BYTES_BESIDE_IMAGES, ParameterFault, Parameters, ProtocolError, is_text, is_word,
    stored_message,
};
use crate::http::{Elements, JsonObject, Request};
use crate::openai::choices;
use crate::openai::delivery::delivery;
use crate::openai::sampling::sampling;
use crate::openai::text_completions::door::TextCompletions;

/// The parameters that are honoured, or refused because nothing here can honour them.
pub(super) const PARAMETERS: [&str; 19] = [
    "best_of",
    "echo",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_cost",
    "max_tokens",
    "model",
    "n",
    "presence_penalty",
    "prompt",
    "seed",
    "stop",
    "store",
    "stream",
    "stream_options",
    "suffix",
    "temperature",
    "top_p",
];

/// A parameter, whether a value of it asks for nothing more than what is done anyway, and the values that are taken.
type UnsupportedParameter = (&'static str, fn(&RawValue) -> bool, &'static str);

/// A model of chat writes no text into the middle of another, does not repeat what it read, and has its log probabilities in
/// another form.
const UNSUPPORTED: [UnsupportedParameter; 4] = [
    ("suffix", |value| is_word(value, ""), ": nothing is written between two texts"),
    ("best_of", |value| value.get() == "1", ", except for 1: give 'n'"),
    ("echo", |value| value.get() == "false", ", except for false"),
    ("logprobs", |value| value.get() == "false", ": ask at /v1/chat/completions"),
];

impl DoorRequest<TextCompletions> {
    /// Reads the body of `request`. Its model is not looked up: that takes the catalogue, which is read for open accounts
    /// alone.
    ///
    /// # Errors
    /// [`ProtocolError::Api`] if it is no JSON object of at most [`MAX_BYTES_BESIDE_IMAGES`]; [`ProtocolError::Parameter`]
    /// naming the first that no model can honour.
    pub fn parse(request: &Request) -> Result<Self, ProtocolError> {
        Self::of_object(request.json_object(MAX_BYTES_BESIDE_IMAGES, &PARAMETERS, may_be_extra)?)
    }

    fn of_object(mut object: JsonObject<'_>) -> Result<Self, ProtocolError> {
        let extra = ExtraMembers::take(&mut object);
        let fields = &Parameters::new(object);
        let model = fields.text("model")?.ok_or_else(|| fields.refuse("model", ParameterFault::Missing, ""))?;
        refuse_unsupported(fields)?;
        let (turns, message) = prompt(fields)?;
        let (is_streamed, form) = delivery(fields)?;
        Ok(Self {
            model: model.into_owned(),
            prompt: Prompt {
                turns,
                sampling: sampling(fields)?,
                n: choices::count(fields)?,
                logit_bias: choices::logit_bias(fields)?,
                extra: extra.members,
                ..Prompt::default()
            },
            message,
            max_output_tokens: fields.count("max_tokens")?,
            max_cost: fields.credits("max_cost")?,
            is_streamed,
            form,
            store: fields.switch("store")?,
            has_too_many_unknown: extra.are_too_many,
        })
    }
}

/// Refuses what would be ignored otherwise.
fn refuse_unsupported(fields: &Parameters<'_>) -> Result<(), ProtocolError> {
    for (name, is_harmless, but) in &UNSUPPORTED {
        if fields.get(name).is_some_and(|value| !is_harmless(value)) {
            return Err(fields.refuse(name, ParameterFault::Unsupported, but));
        }
    }
    Ok(())
}

/// Reads `prompt`, a text or an array with one: the message of the user that it is, and what is stored of it.
fn prompt(fields: &Parameters<'_>) -> Result<(Vec<Turn>, Message), ProtocolError> {
    let rule = "a string, or an array with one string";
    let given = fields.get("prompt").ok_or_else(|| fields.refuse("prompt", ParameterFault::Missing, ""))?;
    let text = match Elements::of(given) {
        None => given,
        Some(mut texts) => {
            let first = texts.next().ok_or_else(|| fields.refuse("prompt", ParameterFault::Value, rule))?;
            if !is_text(first) {
                return Err(fields.refuse("prompt", ParameterFault::Unsupported, " as tokens: give a string"));
            }
            if texts.next().is_some() {
                let one_by_one = ", except for one text: send a request for each";
                return Err(fields.refuse("prompt", ParameterFault::Unsupported, one_by_one));
            }
            first
        }
    };
    let turns = vec![Turn::text(Role::User, fields.text_of("prompt", text, rule)?)];
    let message = stored_message(&turns);
    Ok((turns, message))
}
