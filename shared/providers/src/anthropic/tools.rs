//! Tools, and the choice among them, as a request writes them.

use serde::Serialize;

use crate::anthropic::asked_claude::AskedClaude;
use crate::anthropic::sent_block::SentCacheControl;
use crate::called_tool::ToolSchema;
use crate::prompt::{Tool, ToolChoice, Tools};

#[derive(Serialize)]
pub(super) struct ClaudeTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: ToolSchema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<SentCacheControl>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClaudeToolChoice<'a> {
    Auto {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Any {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Tool {
        name: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    None,
}

impl<'a> ClaudeTool<'a> {
    pub(super) fn of(tool: &'a Tool, model: &AskedClaude) -> Self {
        let Tool { name, description, parameters, strict, is_cached } = tool;
        Self {
            name,
            description: description.as_deref().filter(|description| !description.trim().is_empty()),
            input_schema: ToolSchema::of(parameters.as_deref()),
            strict: strict.filter(|_| model.is_strict),
            cache_control: SentCacheControl::of(*is_cached && model.keeps_what_it_read),
        }
    }
}

impl<'a> ClaudeToolChoice<'a> {
    /// The choice, if it is another than the protocol's default. There is none among no tools.
    pub(super) fn of(tools: &'a Tools) -> Option<Self> {
        let Tools { offered, choice, parallel } = tools;
        let disable_parallel_tool_use = *parallel == Some(false);
        if offered.is_empty() {
            return None;
        }
        match choice {
            None => disable_parallel_tool_use.then_some(Self::Auto { disable_parallel_tool_use }),
            Some(ToolChoice::Auto) => Some(Self::Auto { disable_parallel_tool_use }),
            Some(ToolChoice::Required) => Some(Self::Any { disable_parallel_tool_use }),
            Some(ToolChoice::Function(name)) => Some(Self::Tool { name, disable_parallel_tool_use }),
            Some(ToolChoice::None) => Some(Self::None),
        }
    }
}
