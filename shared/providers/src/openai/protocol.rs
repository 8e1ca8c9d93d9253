//! Requests and answers on the wire. Answers are read leniently, because some servers speak the protocol only nearly:
//! unknown members are ignored, and optional ones may be missing.

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::openai::finish_reason::finish_reason;
use crate::openai::lenient::{LenientText, Weight};
use crate::openai::rejection::ErrorObject;
use crate::openai::usage::Counted;
use crate::prompt::{Prompt, Role, Sampling};
use crate::reply::Piece;
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

/// An answer, or a chunk of one in a stream: they differ in the name of what was said.
#[derive(Deserialize)]
pub(super) struct ServerAnswer {
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Counted,
    /// Some servers answer 200 and then say that they failed.
    error: Option<ErrorObject>,
}

/// The one choice that is asked for.
#[derive(Default, Deserialize)]
struct Choice {
    #[serde(alias = "delta")]
    message: Option<Said>,
    finish_reason: Option<String>,
}

/// The model's words, or the news of them.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    content: LenientText,
    #[serde(default)]
    refusal: LenientText,
    /// Reasoning has two names, and some servers send it under both.
    #[serde(default)]
    reasoning_content: Weight,
    #[serde(default)]
    reasoning: Weight,
    #[serde(default)]
    tool_calls: Weight,
    #[serde(default)]
    function_call: Weight,
}

/// The news in a [`ServerAnswer`].
pub(super) struct News {
    /// Words, none of them empty.
    pub(super) pieces: Vec<Piece>,
    pub(super) finish_reason: Option<FinishReason>,
    pub(super) usage: Option<Usage>,
}

impl ServerAnswer {
    pub(super) fn into_news(self) -> Result<News, ModelError> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        let choice = self.choices.and_then(|choices| choices.into_iter().next()).unwrap_or_default();
        Ok(News {
            pieces: choice.message.map(Said::into_pieces).unwrap_or_default(),
            finish_reason: choice.finish_reason.as_deref().and_then(finish_reason),
            usage: self.usage.usage(),
        })
    }
}

impl Said {
    fn into_pieces(self) -> Vec<Piece> {
        let bytes = self.reasoning_content.0.max(self.reasoning.0) + self.tool_calls.0 + self.function_call.0;
        let hidden = (bytes > 0).then_some(Piece::Hidden { bytes });
        let text = Some(self.content.0).filter(|text| !text.is_empty()).map(Piece::Text);
        let refusal = Some(self.refusal.0).filter(|text| !text.is_empty()).map(Piece::Refusal);
        [hidden, text, refusal].into_iter().flatten().collect()
    }
}
