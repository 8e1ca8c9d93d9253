//! Tools in the form that Converse takes.

use serde::Serialize;

use crate::called_tool::{NoMembers, ToolSchema};
use crate::prompt::{Tool, ToolChoice, Tools};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConverseTools<'a> {
    tools: Vec<ConverseTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolUseChoice<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ConverseTool<'a> {
    ToolSpec(ToolSpecification<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolSpecification<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: InputSchema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum InputSchema<'a> {
    Json(ToolSchema<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ToolUseChoice<'a> {
    Auto(NoMembers),
    Any(NoMembers),
    Tool(ChosenTool<'a>),
}

#[derive(Serialize)]
struct ChosenTool<'a> {
    name: &'a str,
}

impl<'a> ConverseTools<'a> {
    /// The tools, if the model may call any. Converse has no word against calls but not to name any tool.
    pub(super) fn of(tools: &'a Tools, is_strict: bool) -> Option<Self> {
        // Several calls at once cannot be forbidden, and to forbid them was refused before.
        let Tools { offered, choice, parallel: _ } = tools;
        let tool_choice = match choice {
            Some(ToolChoice::None) => return None,
            None => None,
            Some(ToolChoice::Auto) => Some(ToolUseChoice::Auto(NoMembers {})),
            Some(ToolChoice::Required) => Some(ToolUseChoice::Any(NoMembers {})),
            Some(ToolChoice::Function(name)) => Some(ToolUseChoice::Tool(ChosenTool { name })),
        };
        let tools: Vec<_> = offered.iter().map(|tool| ConverseTool::of(tool, is_strict)).collect();
        (!tools.is_empty()).then_some(Self { tools, tool_choice })
    }
}

impl<'a> ConverseTool<'a> {
    fn of(tool: &'a Tool, is_strict: bool) -> Self {
        let Tool { name, description, parameters, strict, is_cached: _ } = tool;
        Self::ToolSpec(ToolSpecification {
            name,
            description: description.as_deref().filter(|description| !description.trim().is_empty()),
            input_schema: InputSchema::Json(ToolSchema::of(parameters.as_deref())),
            strict: (is_strict && *strict == Some(true)).then_some(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    fn sent(tools: &Tools, is_strict: bool) -> Value {
        serde_json::to_value(ConverseTools::of(tools, is_strict)).unwrap()
    }

    fn two(choice: Option<ToolChoice>) -> Tools {
        let schema = RawValue::from_string(r#"{"type":"object","properties":{"z":{},"a":{}}}"#.to_owned()).unwrap();
        let look_up = Tool {
            name: "look_up".to_owned(),
            description: Some("Looks it up.".to_owned()),
            parameters: Some(schema),
            strict: Some(true),
            is_cached: false,
        };
        let blank = Some(" ".to_owned());
        let now = Tool {
            name: "now".to_owned(),
            description: blank,
            parameters: None,
            strict: Some(false),
            is_cached: false,
        };
        Tools { offered: vec![look_up, now], choice, parallel: Some(true) }
    }

    #[test]
    fn tools_are_specifications_with_a_schema_and_are_strict_where_the_model_knows_it() {
        let schema = json!({"type": "object", "properties": {"z": {}, "a": {}}});
        let look_up = json!({"name": "look_up", "description": "Looks it up.", "inputSchema": {"json": schema}});
        let now = json!({"name": "now", "inputSchema": {"json": {"type": "object", "properties": {}}}});
        let mut expected = json!({"tools": [{"toolSpec": look_up}, {"toolSpec": now}]});
        assert_eq!(sent(&two(None), false), expected);
        expected["tools"][0]["toolSpec"]["strict"] = json!(true);
        assert_eq!(sent(&two(None), true), expected);
    }

    #[test]
    fn a_schema_stays_the_text_that_was_sent() {
        let sent = serde_json::to_string(&ConverseTools::of(&two(None), false)).unwrap();
        assert!(sent.contains(r#"{"json":{"type":"object","properties":{"z":{},"a":{}}}}"#), "{sent}");
    }

    #[test]
    fn a_choice_is_one_of_converses_and_tools_that_may_not_be_called_are_not_named() {
        for (choice, expected) in [
            (ToolChoice::Auto, json!({"auto": {}})),
            (ToolChoice::Required, json!({"any": {}})),
            (ToolChoice::Function("now".to_owned()), json!({"tool": {"name": "now"}})),
        ] {
            assert_eq!(sent(&two(Some(choice)), false)["toolChoice"], expected);
        }
        assert_eq!(sent(&two(Some(ToolChoice::None)), false), json!(null));
        let none_offered = Tools { choice: Some(ToolChoice::Auto), ..Tools::default() };
        assert_eq!(sent(&none_offered, false), json!(null));
    }
}
