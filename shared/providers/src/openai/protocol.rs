//! Requests and answers on the wire. Answers are read leniently, because some servers speak the protocol only nearly:
//! unknown members are ignored, and optional ones may be missing.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::ModelError;
use crate::openai::failure::plain_word;
use crate::prompt::{Prompt, Role, Sampling};
use crate::reply::{End, Reply};
use domain::cause::Cause;
use domain::message::FinishReason;
use domain::pricing::Usage;

/// How a server wants to hear how long a reply may be.
///
/// `OpenAI`'s newer models refuse `max_tokens`, while llama.cpp's Python server and older vLLM know
/// nothing else, and would let a reply run on; both together are refused by `OpenAI`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Length {
    /// For `OpenAI` itself. Its reasoning models count what they think in.
    MaxCompletionTokens(u32),
    /// For all others.
    MaxTokens(u32),
}

#[derive(Serialize)]
pub(super) struct SentRequest<'a> {
    model: &'a str,
    messages: Vec<SentMessage<'a>>,
    #[serde(flatten)]
    length: Length,
    #[serde(flatten)]
    sampling: SentParameters<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct SentMessage<'a> {
    role: Role,
    content: &'a str,
}

#[derive(Serialize)]
struct SentParameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'a> SentRequest<'a> {
    pub(super) fn new(model: &'a str, prompt: &'a Prompt, length: Length) -> Self {
        let messages = prompt.turns.iter().map(|turn| SentMessage { role: turn.role, content: &turn.text });
        Self {
            model,
            messages: messages.collect(),
            length,
            sampling: SentParameters::from(&prompt.sampling),
            stream: None,
            stream_options: None,
        }
    }

    /// The same, for a reply as it is written, and what it took at the end.
    pub(super) fn streamed(self) -> Self {
        Self { stream: Some(true), stream_options: Some(StreamOptions { include_usage: true }), ..self }
    }
}

impl<'a> From<&'a Sampling> for SentParameters<'a> {
    fn from(sampling: &'a Sampling) -> Self {
        let Sampling { temperature, top_p, presence_penalty, frequency_penalty, ref stop, seed } = *sampling;
        Self { temperature, top_p, presence_penalty, frequency_penalty, stop, seed }
    }
}

/// A whole answer.
#[derive(Deserialize)]
pub(super) struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default, deserialize_with = "whatever_it_is")]
    usage: Option<Counted>,
    /// Some servers answer 200 and then say that they failed.
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Said>,
    finish_reason: Option<String>,
}

/// A part of an answer.
#[derive(Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    choices: Vec<ChunkChoice>,
    #[serde(default, deserialize_with = "whatever_it_is")]
    usage: Option<Counted>,
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    delta: Option<Said>,
    finish_reason: Option<String>,
}

/// What the model says, or what is new of it.
#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// What a server says of a failure. Its `message` is left out: it may quote the prompt.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ErrorObject {
    Object {
        #[serde(default)]
        code: Value,
        #[serde(default)]
        r#type: Value,
        #[serde(default)]
        param: Box<Value>,
    },
    Other(IgnoredAny),
}

impl ErrorObject {
    /// Its code, or else its type, if that is one plain word; some have the status for a code.
    pub(super) fn word(&self) -> Option<String> {
        let Self::Object { code, r#type, .. } = self else { return None };
        let word = [code, r#type].into_iter().find_map(|value| plain_word(value.as_str()?));
        word.map(str::to_owned).or_else(|| code.as_number().map(ToString::to_string))
    }

    /// Which parameter it is about.
    pub(super) fn parameter(&self) -> Option<String> {
        let Self::Object { param, .. } = self else { return None };
        param.as_str().map(str::to_owned)
    }

    fn into_failure(self) -> ModelError {
        let word = self.word();
        failed(&format!("the server answered with an error {}", word.as_deref().unwrap_or("without a code")))
    }
}

/// What is there to read of a [`Chunk`].
pub(super) struct News {
    pub(super) text: Option<String>,
    pub(super) finish_reason: Option<FinishReason>,
    pub(super) usage: Option<Usage>,
}

impl Chunk {
    pub(super) fn into_news(self) -> Result<News, ModelError> {
        if let Some(error) = self.error {
            return Err(error.into_failure());
        }
        let usage = self.usage.map(Usage::from);
        let Some(choice) = self.choices.into_iter().next() else {
            return Ok(News { text: None, finish_reason: None, usage });
        };
        let text = choice.delta.map(Said::into_text).transpose()?.flatten();
        let finish_reason = choice.finish_reason.as_deref().map(finish_reason).transpose()?;
        Ok(News { text, finish_reason, usage })
    }
}

impl Completion {
    pub(super) fn into_reply(self) -> Result<Reply, ModelError> {
        if let Some(error) = self.error {
            return Err(error.into_failure());
        }
        let choice = self.choices.into_iter().next().ok_or_else(|| failed("the answer has no choices"))?;
        let reason = choice.finish_reason.ok_or_else(|| failed("the answer has no finish_reason"))?;
        let finish_reason = finish_reason(&reason)?;
        let text = choice.message.map(Said::into_text).transpose()?.flatten();
        let text = text.ok_or_else(|| failed("the answer has no content"))?;
        Ok(Reply { text, refusal: None, end: End { finish_reason, usage: self.usage.map(Usage::from) } })
    }
}

impl Said {
    fn into_text(self) -> Result<Option<String>, ModelError> {
        match self.refusal {
            Some(refusal) if !refusal.is_empty() => Err(failed("the model refused")),
            _ => Ok(self.content),
        }
    }
}

impl From<Counted> for Usage {
    fn from(counted: Counted) -> Self {
        Self { input_tokens: counted.prompt_tokens, output_tokens: counted.completion_tokens, estimated: false }
    }
}

/// Beside the protocol's own words, those of servers that hand on what their engine says. Whatever
/// else there is (`content_filter`, `tool_calls`, `error`) ends no reply.
fn finish_reason(word: &str) -> Result<FinishReason, ModelError> {
    match word {
        "stop" | "stop_sequence" | "end_turn" | "eos" | "eos_token" => Ok(FinishReason::Stop),
        "length" | "max_tokens" => Ok(FinishReason::Length),
        other => Err(failed(&format!("the reply ended with {}", plain_word(other).unwrap_or("an unknown reason")))),
    }
}

/// What cannot be read is not there: an odd count must not cost somebody their reply.
fn whatever_it_is<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Counted>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(Counted::deserialize(value).ok())
}

fn failed(words: &str) -> ModelError {
    ModelError::Failed(Cause::because(words))
}
