//! How the model chooses among the tools.

use std::collections::BTreeSet;

use providers::prompt::{ToolChoice, Tools};
use serde_json::value::RawValue;

use crate::door::{ParameterFault, Parameters, ProtocolError, is_text};
use crate::http::Elements;
use crate::responses::offered_tools::{MAX_TOOLS, OfferedTools};

const RULE: &str = "none, auto, required, or an object that names a function or a custom tool";

/// Reads `tool_choice` and `parallel_tool_calls` beside `offered`. Without tools there is nothing to choose from, so that both
/// are left out.
pub(super) fn parse(fields: &Parameters<'_>, offered: &mut OfferedTools) -> Result<Tools, ProtocolError> {
    let choice = fields.get("tool_choice").map(|choice| tool_choice(fields, choice, offered)).transpose()?;
    let parallel = fields.switch_if_given("parallel_tool_calls")?;
    let offered = std::mem::take(&mut offered.tools);
    match choice {
        Some(ToolChoice::Required | ToolChoice::Function(_)) if offered.is_empty() => {
            Err(fields.refuse("tool_choice", ParameterFault::Value, "none or auto where no tool can be offered"))
        }
        _ if offered.is_empty() => Ok(Tools::default()),
        choice => Ok(Tools { offered, choice, parallel }),
    }
}

fn tool_choice(
    fields: &Parameters<'_>,
    choice: &RawValue,
    offered: &mut OfferedTools,
) -> Result<ToolChoice, ProtocolError> {
    if is_text(choice) {
        return match fields.text_of("tool_choice", choice, RULE)?.as_ref() {
            "none" => Ok(ToolChoice::None),
            "auto" => Ok(ToolChoice::Auto),
            "required" => Ok(ToolChoice::Required),
            _ => Err(fields.refuse("tool_choice", ParameterFault::Value, RULE)),
        };
    }
    let choice = Parameters::of(choice, fields.name_of("tool_choice"), &["type", "name", "mode", "tools"])?;
    match choice.text("type")?.as_deref() {
        Some("function" | "custom") => {
            let name = offered.model_name(&choice.identifier("name")?);
            let not_offered = || choice.refuse("name", ParameterFault::Value, "the name of one of the 'tools'");
            name.map(ToolChoice::Function).ok_or_else(not_offered)
        }
        Some("allowed_tools") => allowed_tools(&choice, offered),
        Some(_) => {
            Err(choice.refuse("type", ParameterFault::Unsupported, ", except for function, custom and allowed_tools"))
        }
        None => Err(choice.refuse("type", ParameterFault::Missing, "")),
    }
}

/// Offers the tools alone that are allowed: no other protocol has a member for tools that are offered and not allowed.
fn allowed_tools(choice: &Parameters<'_>, offered: &mut OfferedTools) -> Result<ToolChoice, ProtocolError> {
    let rule = format!("an array of at most {MAX_TOOLS} objects that name tools");
    let values = choice.get("tools").ok_or_else(|| choice.refuse("tools", ParameterFault::Missing, ""))?;
    let values = Elements::of(values).ok_or_else(|| choice.refuse("tools", ParameterFault::Type, &rule))?;
    let mut allowed = BTreeSet::new();
    for (index, value) in values.enumerate() {
        if index == MAX_TOOLS {
            return Err(choice.refuse("tools", ParameterFault::Value, &rule));
        }
        let tool = Parameters::of(value, choice.name_of(&format!("tools[{index}]")), &["type", "name"])?;
        // A tool without a name is one that is not offered.
        allowed.extend(tool.text("name")?);
    }
    offered.allow(&allowed);
    match choice.text("mode")?.as_deref() {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("required") => Ok(ToolChoice::Required),
        Some(_) => Err(choice.refuse("mode", ParameterFault::Value, "auto or required")),
        None => Err(choice.refuse("mode", ParameterFault::Missing, "")),
    }
}
