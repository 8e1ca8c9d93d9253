//! Prompts: a conversation, and the parameters of its continuation.

mod embedding_inputs;
#[cfg(test)]
pub(crate) mod generated;
mod image;
mod input_tokens;
#[cfg(feature = "openai")]
mod reply_parts;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU8;

use domain::message::ToolCall;
use domain::reasoning_proof::ReasoningProof;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::raw_json::RawJson;

pub use embedding_inputs::{EmbeddingInputs, Input};
pub use image::{Detail, Image, ImageError, ImageType, Segment};
pub(crate) use input_tokens::most_tokens_of_member;
pub use input_tokens::{BYTES_PER_TOKEN, estimated_tokens};
#[cfg(feature = "openai")]
pub(crate) use reply_parts::ReplyPart;

/// The beginning of the result of a tool that failed, for a model whose protocol has no member for it.
pub(crate) const ERROR_MARK: &str = "Error: ";

/// The name of the one parameter of sampling that Anthropic's protocol has and OpenAI's has not. Many servers that speak
/// OpenAI's take it all the same.
pub(crate) const TOP_K: &str = "top_k";

/// The budgets from which on Anthropic's thinking is as much as OpenAI's efforts `medium` and `high`.
const BUDGET_OF_MEDIUM: u32 = 4096;
const BUDGET_OF_HIGH: u32 = 16_384;

/// A conversation that a model continues.
#[derive(Clone, Default)]
pub struct Prompt {
    /// The turns, oldest first.
    pub turns: Vec<Turn>,
    /// How the model chooses words.
    pub sampling: Sampling,
    /// The tools that the model may call.
    pub tools: Tools,
    /// The form of the reply. None means text.
    pub response_format: Option<ResponseFormat>,
    /// How much the model reasons: one of the provider's own words, such as `low`.
    pub reasoning_effort: Option<String>,
    /// Whether the model reasons, in the words of Anthropic's protocol.
    pub thinking: Option<Thinking>,
    /// Whether the words of the model's reasoning are wanted. None means the model's own default.
    pub thinking_is_shown: Option<bool>,
    /// Whether a model that cannot reason may reply as if nobody had asked it to.
    pub reasoning_is_a_hint: bool,
    /// The kind of summary of the reasoning that is wanted: one of the provider's own words, such as `auto`.
    pub reasoning_summary: Option<String>,
    /// How much the model writes: one of the provider's own words, such as `low`.
    pub verbosity: Option<String>,
    /// The choices: replies of which each is another. None means one.
    pub n: Option<NonZeroU8>,
    /// Whether the probability of each token of the reply is wanted, with those of so many of the likeliest tokens in its
    /// place.
    pub logprobs: Option<u8>,
    /// By token of the model, how much likelier it becomes: from -100 to 100.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Members of the request that nobody here knows, by their names. A client writes those that the catalogue lists for
    /// its model.
    pub extra: BTreeMap<String, RawJson>,
    /// The texts of which vectors are wanted. There are no turns then.
    pub inputs: Option<EmbeddingInputs>,
}

impl Prompt {
    /// The number of choices.
    #[must_use]
    pub fn choices(&self) -> u8 {
        self.n.map_or(1, NonZeroU8::get)
    }

    /// Whether only a model that calls tools can continue the conversation.
    #[must_use]
    pub fn needs_tools(&self) -> bool {
        let has_tools = |turn: &Turn| turn.role == Role::Tool || !turn.calls.is_empty();
        !self.tools.offered.is_empty() || self.turns.iter().any(has_tools)
    }

    /// The images of all turns.
    #[must_use]
    pub fn images(&self) -> u32 {
        u32::try_from(self.turns.iter().map(|turn| turn.images.len()).sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// Whether only a model that reasons as it is told can continue the conversation.
    #[must_use]
    pub fn demands_reasoning(&self) -> bool {
        self.reasoning_effort.is_some() && !self.reasoning_is_a_hint
    }

    /// How much the model reasons, as one of OpenAI's words, also where the caller gave a budget of tokens. A model that is
    /// told not to think is told nothing about how much: not every model knows a word for that.
    pub(crate) fn effort(&self) -> Option<&str> {
        let word = self.reasoning_effort.as_deref();
        match self.thinking {
            Some(Thinking::Off) => None,
            Some(Thinking::Budget(tokens)) => word.or(Some(word_of_budget(tokens))),
            Some(Thinking::Adaptive) | None => word,
        }
    }

    /// The first parameter that a model of texts alone cannot honour, by its name in OpenAI's protocol.
    pub(crate) fn beyond_texts(&self) -> Option<&'static str> {
        [
            ("image_url", self.images() > 0),
            ("tools", self.needs_tools()),
            ("response_format", self.response_format.is_some()),
            ("reasoning_effort", self.demands_reasoning()),
            ("verbosity", self.verbosity.is_some()),
            ("n", self.choices() > 1),
            ("logprobs", self.logprobs.is_some()),
            ("logit_bias", !self.logit_bias.is_empty()),
        ]
        .into_iter()
        .find_map(|(name, is_there)| is_there.then_some(name))
    }
}

/// The word of OpenAI's protocol for a budget of so many tokens.
fn word_of_budget(tokens: u32) -> &'static str {
    match tokens {
        ..BUDGET_OF_MEDIUM => "low",
        BUDGET_OF_MEDIUM..BUDGET_OF_HIGH => "medium",
        BUDGET_OF_HIGH.. => "high",
    }
}

impl fmt::Debug for Prompt {
    /// Names of members that nobody here knows are the caller's words too.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { turns, sampling, tools, response_format, reasoning_effort, thinking, verbosity, .. } = self;
        formatter
            .debug_struct("Prompt")
            .field("turns", turns)
            .field("sampling", sampling)
            .field("tools", tools)
            .field("response_format", response_format)
            .field("reasoning_effort", reasoning_effort)
            .field("thinking", thinking)
            .field("thinking_is_shown", &self.thinking_is_shown)
            .field("reasoning_is_a_hint", &self.reasoning_is_a_hint)
            .field("reasoning_summary", &self.reasoning_summary)
            .field("verbosity", verbosity)
            .field("n", &self.n)
            .field("logprobs", &self.logprobs)
            .field("logit_bias", &self.logit_bias.len())
            .field("extra", &self.extra.len())
            .field("inputs", &self.inputs)
            .finish()
    }
}

/// One side's words. They never print.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// The side that spoke.
    pub role: Role,
    /// The words of that side. They are empty where a model only called tools.
    pub text: String,
    /// The images among the words, in the order of their places. Only a user and the results of tools show images.
    pub images: Vec<Image>,
    /// The tools that the model called.
    pub calls: Vec<ToolCall>,
    /// The id of the call whose result the turn of a [`Role::Tool`] is.
    pub answers: Option<String>,
    /// The name of the speaker, where several speak for one side.
    pub name: Option<String>,
    /// The model's reasoning before its words.
    pub reasoning: Option<String>,
    /// The proofs of the reasoning, in the order of their places.
    pub proofs: Vec<ReasoningProof>,
    /// The places at which the caller's protocol cuts the text into blocks, in their order.
    pub borders: Vec<BlockBorder>,
    /// Whether the provider is asked to keep the conversation up to the end of the turn in its cache.
    pub is_cached: bool,
    /// Whether the turn, which is a tool's result, says that the tool failed.
    pub is_error: bool,
}

/// A place at which two blocks of text meet. Before it is the line break that joins them and belongs to neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BlockBorder {
    /// The byte of the text at which the second block begins.
    pub at: usize,
    /// Whether the provider is asked to keep the conversation up to the end of the first block in its cache.
    pub is_cached: bool,
}

/// Whether a model reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// It does not.
    Off,
    /// As much as it decides.
    Adaptive,
    /// At most so many tokens.
    Budget(u32),
}

impl Turn {
    /// A turn of `text` and nothing else.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self {
            role,
            text: text.into(),
            images: Vec::new(),
            calls: Vec::new(),
            answers: None,
            name: None,
            reasoning: None,
            proofs: Vec::new(),
            borders: Vec::new(),
            is_cached: false,
            is_error: false,
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, text, images, calls, .. } = self;
        write!(formatter, "{role:?}({} bytes, {images:?}, {} calls)", text.len(), calls.len())
    }
}

/// A side of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The instructions that come before the conversation.
    System,
    /// The person who asks.
    User,
    /// The model.
    Assistant,
    /// The result of a tool that the model called.
    Tool,
}

/// The tools that a model may call, and how it chooses among them.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// The tools.
    pub offered: Vec<Tool>,
    /// Whether the model must call a tool. None means the model's own default.
    pub choice: Option<ToolChoice>,
    /// Whether the model may call several tools at once. None means the model's own default.
    pub parallel: Option<bool>,
}

/// A function that a model may call. It never prints: it may be a part of what was asked.
#[derive(Clone)]
pub struct Tool {
    /// The name of the function.
    pub name: String,
    /// The purpose of the function, in words for the model.
    pub description: Option<String>,
    /// The JSON Schema of its arguments, as the caller wrote it. None means a function without arguments.
    pub parameters: Option<Box<RawValue>>,
    /// Whether the arguments must match the schema exactly.
    pub strict: Option<bool>,
    /// Whether the provider is asked to keep the tools up to this one in its cache.
    pub is_cached: bool,
}

impl fmt::Debug for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tool({} bytes of parameters)", self.parameters.as_deref().map_or(0, json_bytes))
    }
}

/// Whether a model must call a tool.
#[derive(Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// It calls none.
    None,
    /// It decides.
    Auto,
    /// It calls any of them.
    Required,
    /// It calls the function of this name.
    Function(String),
}

impl fmt::Debug for ToolChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "None",
            Self::Auto => "Auto",
            Self::Required => "Required",
            Self::Function(_) => "Function",
        })
    }
}

/// The form of a reply other than text. A schema never prints.
#[derive(Clone)]
pub enum ResponseFormat {
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema {
        /// The name of the schema.
        name: String,
        /// The purpose of the schema, in words for the model.
        description: Option<String>,
        /// The JSON Schema, as the caller wrote it.
        schema: Option<Box<RawValue>>,
        /// Whether the reply must match the schema exactly.
        strict: Option<bool>,
    },
}

impl fmt::Debug for ResponseFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JsonObject => formatter.write_str("JsonObject"),
            Self::JsonSchema { schema, .. } => {
                write!(formatter, "JsonSchema({} bytes)", schema.as_deref().map_or(0, json_bytes))
            }
        }
    }
}

fn json_bytes(value: &RawValue) -> usize {
    value.get().len()
}

/// How a model chooses words. An absent parameter means the model's own default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// From 0 to 2.
    pub temperature: Option<f32>,
    /// From 0 to 1.
    pub top_p: Option<f32>,
    /// The number of the likeliest tokens from which the model chooses. OpenAI's protocol has no such parameter.
    pub top_k: Option<u32>,
    /// From -2 to 2.
    pub presence_penalty: Option<f32>,
    /// From -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// Texts before which the reply ends.
    pub stop: Vec<String>,
    /// Seed of the random choices: the same seed gives the same reply, as far as the model supports it.
    pub seed: Option<i64>,
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::*;

    #[test]
    fn nothing_of_a_prompt_prints_what_was_said() {
        let secret = || "a secret".to_owned();
        let schema = || Some(to_raw_value(&secret()).unwrap());
        let call = ToolCall { id: secret(), name: secret(), arguments: secret() };
        let image = Image { at: 0, media_type: ImageType::Png, data: secret(), detail: None };
        let turn = Turn {
            images: vec![image],
            calls: vec![call],
            reasoning: Some(secret()),
            ..Turn::text(Role::User, secret())
        };
        assert_eq!(format!("{turn:?}"), "User(8 bytes, [Png(6 bytes)], 1 calls)");
        let tool =
            Tool { name: secret(), description: Some(secret()), parameters: schema(), strict: None, is_cached: false };
        let choice = Some(ToolChoice::Function(secret()));
        let format =
            ResponseFormat::JsonSchema { name: secret(), description: None, schema: schema(), strict: Some(true) };
        let prompt = Prompt {
            turns: vec![turn],
            tools: Tools { offered: vec![tool], choice, parallel: Some(true) },
            response_format: Some(format),
            extra: BTreeMap::from([(secret(), RawJson::from(schema().unwrap()))]),
            ..Prompt::default()
        };
        let printed = format!("{prompt:?}");
        assert!(!printed.contains("secret"), "{printed}");
    }

    #[test]
    fn a_budget_becomes_a_word_unless_there_is_one_and_a_model_that_is_not_to_think_gets_none() {
        for (thinking, word, expected) in [
            (None, None, None),
            (None, Some("low"), Some("low")),
            (Some(Thinking::Adaptive), None, None),
            (Some(Thinking::Off), Some("high"), None),
            (Some(Thinking::Budget(4095)), None, Some("low")),
            (Some(Thinking::Budget(4096)), None, Some("medium")),
            (Some(Thinking::Budget(16_384)), None, Some("high")),
            (Some(Thinking::Budget(16_384)), Some("low"), Some("low")),
        ] {
            let reasoning_effort = word.map(str::to_owned);
            assert_eq!(Prompt { reasoning_effort, thinking, ..Prompt::default() }.effort(), expected);
        }
    }

    #[test]
    fn the_first_parameter_beyond_texts_is_named() {
        let tool =
            || Tool { name: "f".to_owned(), description: None, parameters: None, strict: None, is_cached: false };
        let call = || ToolCall { id: "c".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned() };
        let turn = || Turn::text(Role::User, "Hello");
        let plain = || Prompt { turns: vec![turn()], ..Prompt::default() };
        let image = || Image { at: 0, media_type: ImageType::Png, data: String::new(), detail: None };
        let tools = |tools| Prompt { tools, ..plain() };
        for (prompt, expected) in [
            (plain(), None),
            (tools(Tools { choice: Some(ToolChoice::Auto), parallel: Some(true), ..Tools::default() }), None),
            (tools(Tools { offered: vec![tool()], ..Tools::default() }), Some("tools")),
            (Prompt { turns: vec![Turn { calls: vec![call()], ..turn() }], ..plain() }, Some("tools")),
            (Prompt { turns: vec![Turn { images: vec![image()], ..turn() }], ..plain() }, Some("image_url")),
            (Prompt { turns: vec![Turn::text(Role::Tool, "4")], ..plain() }, Some("tools")),
            (Prompt { response_format: Some(ResponseFormat::JsonObject), ..plain() }, Some("response_format")),
            (Prompt { reasoning_effort: Some("low".to_owned()), ..plain() }, Some("reasoning_effort")),
            (Prompt { reasoning_effort: Some("low".to_owned()), reasoning_is_a_hint: true, ..plain() }, None),
            (Prompt { verbosity: Some("low".to_owned()), ..plain() }, Some("verbosity")),
            (Prompt { n: NonZeroU8::new(1), ..plain() }, None),
            (Prompt { n: NonZeroU8::new(2), ..plain() }, Some("n")),
            (Prompt { logprobs: Some(0), ..plain() }, Some("logprobs")),
            (Prompt { logit_bias: BTreeMap::from([(7, -1.0)]), ..plain() }, Some("logit_bias")),
        ] {
            assert_eq!(prompt.beyond_texts(), expected, "{prompt:?}");
            assert_eq!(prompt.needs_tools(), expected == Some("tools"), "{prompt:?}");
        }
    }
}
