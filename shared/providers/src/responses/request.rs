//! Requests on the wire, written from the prompt alone: nothing that a caller sent goes out unless a type here names it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::called_tool::ToolSchema;
use crate::prompt::{Prompt, ResponseFormat, TOP_K, Tool, ToolChoice, Tools};
use crate::raw_json::RawJson;
use crate::responses::asked_responder::AskedResponder;
use crate::responses::input::{SentItem, is_for, items};

/// The part of an answer that comes only if it is asked for.
const ENCRYPTED_REASONING: &str = "reasoning.encrypted_content";

/// The kind of summary that the provider chooses.
const ANY_SUMMARY: &str = "auto";

#[derive(Serialize)]
pub(super) struct SentResponsesRequest<'a> {
    model: &'a str,
    input: Vec<SentItem<'a>>,
    max_output_tokens: u32,
    store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    /// No member of the protocol. It is there for a model whose entry of the catalogue lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<SentFunction<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<SentFunctionChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "SentText::is_empty")]
    text: SentText<'a>,
    #[serde(skip_serializing_if = "SentReasoning::is_empty")]
    reasoning: SentReasoning<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<&'static str>,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
}

/// A function that the model may call. Without `strict` the protocol changes its schema.
#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct SentFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: ToolSchema<'a>,
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SentFunctionChoice<'a> {
    Word(&'static str),
    Function(ChosenName<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct ChosenName<'a> {
    name: &'a str,
}

#[derive(Default, Serialize)]
struct SentText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<SentTextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum SentTextFormat<'a> {
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

#[derive(Default, Serialize)]
struct SentReasoning<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
}

impl<'a> SentResponsesRequest<'a> {
    /// The request for a reply of `model` to `prompt`.
    pub(super) fn new(model: &'a AskedResponder, prompt: &'a Prompt, max_output_tokens: u32) -> Self {
        // The members that the protocol cannot carry were refused before.
        let Prompt { turns, sampling, tools, response_format, verbosity, extra, .. } = prompt;
        let takes_proof = |proof: &_| model.reasons && is_for(&model.provider, proof);
        let extra = extra.iter().filter(|(name, _)| model.extra_parameters.contains(*name));
        let has_tools = !tools.offered.is_empty();
        Self {
            model: &model.id,
            input: turns.iter().flat_map(|turn| items(turn, takes_proof)).collect(),
            max_output_tokens,
            store: false,
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k.filter(|_| model.extra_parameters.contains(TOP_K)),
            tools: tools.offered.iter().map(SentFunction::from).collect(),
            tool_choice: SentFunctionChoice::of(tools),
            parallel_tool_calls: tools.parallel.filter(|_| has_tools),
            text: SentText {
                format: response_format.as_ref().and_then(SentTextFormat::of),
                verbosity: verbosity.as_deref(),
            },
            reasoning: SentReasoning::of(model, prompt),
            include: if model.reasons { vec![ENCRYPTED_REASONING] } else { Vec::new() },
            extra: extra.map(|(name, value)| (name.as_str(), value)).collect(),
            stream: None,
        }
    }

    /// The same, for a reply as it is written.
    pub(super) fn streamed(self) -> Self {
        Self { stream: Some(true), ..self }
    }
}

impl<'a> From<&'a Tool> for SentFunction<'a> {
    fn from(tool: &'a Tool) -> Self {
        let Tool { name, description, parameters, strict, is_cached: _ } = tool;
        Self {
            name,
            description: description.as_deref(),
            parameters: ToolSchema::of(parameters.as_deref()),
            strict: *strict == Some(true),
        }
    }
}

impl<'a> SentFunctionChoice<'a> {
    /// The choice. There is none among no tools.
    fn of(tools: &'a Tools) -> Option<Self> {
        let choice = tools.choice.as_ref().filter(|_| !tools.offered.is_empty())?;
        Some(match choice {
            ToolChoice::None => Self::Word("none"),
            ToolChoice::Auto => Self::Word("auto"),
            ToolChoice::Required => Self::Word("required"),
            ToolChoice::Function(name) => Self::Function(ChosenName { name }),
        })
    }
}

impl SentText<'_> {
    fn is_empty(&self) -> bool {
        self.format.is_none() && self.verbosity.is_none()
    }
}

impl<'a> SentTextFormat<'a> {
    fn of(format: &'a ResponseFormat) -> Option<Self> {
        match format {
            ResponseFormat::JsonObject => Some(Self::JsonObject),
            ResponseFormat::JsonSchema { name, description, schema, strict } => {
                let (description, schema) = (description.as_deref(), schema.as_deref()?);
                Some(Self::JsonSchema { name, description, schema, strict: *strict })
            }
        }
    }
}

impl<'a> SentReasoning<'a> {
    /// The members for `model`. One that does not reason is asked as if nobody had asked it to.
    fn of(model: &AskedResponder, prompt: &'a Prompt) -> Self {
        if !model.reasons {
            return Self::default();
        }
        // A caller of another protocol can say that the reasoning is to be shown, and not in which kind of summary.
        let shown = (prompt.thinking_is_shown == Some(true)).then_some(ANY_SUMMARY);
        Self { effort: prompt.effort(), summary: prompt.reasoning_summary.as_deref().or(shown) }
    }

    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.summary.is_none()
    }
}
