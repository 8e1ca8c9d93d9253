//! The tools that a caller offers to the model.

use providers::prompt::{Tool, ToolChoice, Tools};
use serde_json::value::RawValue;

use crate::anthropic::cache_marks::CacheMarks;
use crate::door::{ParameterFault, Parameters, ProtocolError, is_empty};
use crate::http::Elements;

/// The most tools of a request. Anthropic has no such limit, and Claude Code offers those of all its MCP servers at once.
const MAX_TOOLS: usize = 1024;

/// The most characters of the name of a tool, as Anthropic has it.
const MAX_NAME_CHARS: usize = 128;

/// The members of a tool that are asked for.
const MEMBERS: [&str; 7] = ["type", "name", "description", "input_schema", "strict", "cache_control", "input_examples"];

/// The beginnings of the types of tools that Anthropic runs, or that its models alone know.
const HOSTED: [&str; 9] = [
    "bash_",
    "code_execution_",
    "computer_",
    "mcp_toolset",
    "memory_",
    "text_editor_",
    "tool_search_",
    "web_fetch_",
    "web_search_",
];

/// Reads `tools` and `tool_choice`. Without tools there is nothing to choose from.
pub(super) fn parse(fields: &Parameters<'_>, marks: &mut CacheMarks) -> Result<Tools, ProtocolError> {
    let offered = offered(fields, marks)?;
    let chosen = fields.object("tool_choice", &["type", "name", "disable_parallel_tool_use"])?;
    let Some(chosen) = chosen else { return Ok(Tools { offered, ..Tools::default() }) };
    let choice = choice(&chosen)?;
    let parallel = chosen.switch("disable_parallel_tool_use")?.then_some(false);
    match choice {
        ToolChoice::Required | ToolChoice::Function(_) if offered.is_empty() => {
            Err(fields.refuse("tool_choice", ParameterFault::Value, "none or auto where there are no 'tools'"))
        }
        _ if offered.is_empty() => Ok(Tools::default()),
        choice => Ok(Tools { offered, choice: Some(choice), parallel }),
    }
}

fn offered(fields: &Parameters<'_>, marks: &mut CacheMarks) -> Result<Vec<Tool>, ProtocolError> {
    let Some(values) = fields.get("tools") else { return Ok(Vec::new()) };
    let rule = format!("an array of at most {MAX_TOOLS}");
    let values = Elements::of(values).ok_or_else(|| fields.refuse("tools", ParameterFault::Type, &rule))?;
    if values.clone().nth(MAX_TOOLS).is_some() {
        return Err(fields.refuse("tools", ParameterFault::Value, &rule));
    }
    values.enumerate().map(|(index, value)| tool(value, format!("tools[{index}]"), marks)).collect()
}

fn tool(value: &RawValue, place: String, marks: &mut CacheMarks) -> Result<Tool, ProtocolError> {
    let tool = Parameters::of(value, place, &MEMBERS)?;
    check_type(&tool)?;
    if tool.get("input_examples").is_some_and(|examples| !is_empty(examples)) {
        return Err(tool.refuse("input_examples", ParameterFault::Unsupported, ": put them into the description"));
    }
    let schema = tool.schema("input_schema")?;
    Ok(Tool {
        name: tool.identifier_of("name", MAX_NAME_CHARS)?,
        description: tool.text("description")?.map(Into::into),
        parameters: Some(schema.ok_or_else(|| tool.refuse("input_schema", ParameterFault::Missing, ""))?),
        strict: tool.switch_if_given("strict")?,
        is_cached: marks.take(&tool)?,
    })
}

fn check_type(tool: &Parameters<'_>) -> Result<(), ProtocolError> {
    let Some(kind) = tool.text("type")? else { return Ok(()) };
    if kind == "custom" {
        return Ok(());
    }
    let known = HOSTED.into_iter().find(|hosted| kind.starts_with(hosted));
    let rule = match known {
        Some(hosted) => format!(", except for custom: no model here has {}", hosted.trim_end_matches('_')),
        None => ", except for custom".to_owned(),
    };
    Err(tool.refuse("type", ParameterFault::Unsupported, &rule))
}

fn choice(chosen: &Parameters<'_>) -> Result<ToolChoice, ProtocolError> {
    let kind = chosen.text("type")?.ok_or_else(|| chosen.refuse("type", ParameterFault::Missing, ""))?;
    // It is a text also where it names nothing.
    chosen.text("name")?;
    match kind.as_ref() {
        "auto" => Ok(ToolChoice::Auto),
        "any" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        "tool" => Ok(ToolChoice::Function(chosen.identifier_of("name", MAX_NAME_CHARS)?)),
        _ => Err(chosen.refuse("type", ParameterFault::Value, "auto, any, tool or none")),
    }
}
