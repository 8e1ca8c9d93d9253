//! The tools that a caller offers to the model, and the calls of tools in the conversation.

use domain::message::ToolCall;
use providers::prompt::{Tool, ToolChoice, Tools};
use serde_json::value::RawValue;

use crate::door::{MAX_ID_BYTES, MAX_TOOLS, ParameterFault, Parameters, ProtocolError, is_text};
use crate::http::Elements;

/// Reads `tools`, `tool_choice` and `parallel_tool_calls`. Without tools there is nothing to choose from, so that the other
/// two are left out.
pub(super) fn parse(fields: &Parameters<'_>) -> Result<Tools, ProtocolError> {
    let offered = each(fields, "tools", tool)?;
    let choice = fields.get("tool_choice").map(|choice| tool_choice(fields, choice)).transpose()?;
    let parallel = fields.switch_if_given("parallel_tool_calls")?;
    match choice {
        Some(ToolChoice::Required | ToolChoice::Function(_)) if offered.is_empty() => {
            Err(fields.refuse("tool_choice", ParameterFault::Value, "none or auto where there are no 'tools'"))
        }
        _ if offered.is_empty() => Ok(Tools::default()),
        choice => Ok(Tools { offered, choice, parallel }),
    }
}

/// Reads the `tool_calls` of an assistant's message. A name is taken as the model wrote it, also where no tool has it:
/// the model's server judges.
pub(super) fn calls(message: &Parameters<'_>) -> Result<Vec<ToolCall>, ProtocolError> {
    each(message, "tool_calls", |call, place| {
        let call = Parameters::of(call, place, &["id", "type", "function"])?;
        check_type(&call, Absent::IsFunction)?;
        let function = call.object("function", &["name", "arguments"])?;
        let function = function.ok_or_else(|| call.refuse("function", ParameterFault::Missing, ""))?;
        Ok(ToolCall {
            id: required_text(&call, "id")?,
            name: required_text(&function, "name")?,
            arguments: function
                .text("arguments")?
                .ok_or_else(|| function.refuse("arguments", ParameterFault::Missing, ""))?
                .into_owned(),
        })
    })
}

/// The text `name`, which must be there.
pub(super) fn required_text(fields: &Parameters<'_>, name: &str) -> Result<String, ProtocolError> {
    fields.short_text(name, MAX_ID_BYTES)?.ok_or_else(|| fields.refuse(name, ParameterFault::Missing, ""))
}

/// Reads each element of the array `name`, which may be missing.
fn each<T>(
    fields: &Parameters<'_>,
    name: &str,
    read: impl Fn(&RawValue, String) -> Result<T, ProtocolError>,
) -> Result<Vec<T>, ProtocolError> {
    let Some(values) = fields.get(name) else { return Ok(Vec::new()) };
    let rule = format!("an array of at most {MAX_TOOLS}");
    let values = Elements::of(values).ok_or_else(|| fields.refuse(name, ParameterFault::Type, &rule))?;
    if values.clone().nth(MAX_TOOLS).is_some() {
        return Err(fields.refuse(name, ParameterFault::Value, &rule));
    }
    let place = |index| fields.name_of(&format!("{name}[{index}]"));
    values.enumerate().map(|(index, value)| read(value, place(index))).collect()
}

fn tool(tool: &RawValue, place: String) -> Result<Tool, ProtocolError> {
    let tool = Parameters::of(tool, place, &["type", "function"])?;
    check_type(&tool, Absent::IsRefused)?;
    let function = tool.object("function", &["name", "description", "parameters", "strict"])?;
    let function = function.ok_or_else(|| tool.refuse("function", ParameterFault::Missing, ""))?;
    Ok(Tool {
        name: function.identifier("name")?,
        description: function.text("description")?.map(Into::into),
        parameters: function.schema("parameters")?,
        strict: function.switch_if_given("strict")?,
        is_cached: false,
    })
}

/// The meaning of a `type` that is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// Some clients repeat calls without it.
    IsFunction,
    IsRefused,
}

fn check_type(fields: &Parameters<'_>, absent: Absent) -> Result<(), ProtocolError> {
    match fields.text("type")?.as_deref() {
        Some("function") => Ok(()),
        Some(_) => Err(fields.refuse("type", ParameterFault::Unsupported, ", except for function")),
        None if absent == Absent::IsFunction => Ok(()),
        None => Err(fields.refuse("type", ParameterFault::Missing, "")),
    }
}

fn tool_choice(fields: &Parameters<'_>, choice: &RawValue) -> Result<ToolChoice, ProtocolError> {
    let rule = "none, auto, required, or an object that names a function";
    if is_text(choice) {
        return match fields.text_of("tool_choice", choice, rule)?.as_ref() {
            "none" => Ok(ToolChoice::None),
            "auto" => Ok(ToolChoice::Auto),
            "required" => Ok(ToolChoice::Required),
            _ => Err(fields.refuse("tool_choice", ParameterFault::Value, rule)),
        };
    }
    let choice = Parameters::of(choice, fields.name_of("tool_choice"), &["type", "function"])?;
    check_type(&choice, Absent::IsRefused)?;
    let function = choice.object("function", &["name"])?;
    let function = function.ok_or_else(|| choice.refuse("function", ParameterFault::Missing, ""))?;
    Ok(ToolChoice::Function(function.identifier("name")?))
}
