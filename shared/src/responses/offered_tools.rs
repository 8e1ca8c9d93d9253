//! The tools that a caller offers to the model.

use std::borrow::Cow;
use std::collections::BTreeSet;

use providers::prompt::Tool;
use serde_json::value::RawValue;

use crate::door::{ParameterFault, Parameters, ProtocolError};
use crate::http::Elements;
use crate::responses::tool_names::{CallerTool, SEARCH, ToolKind, ToolNames};

/// The most tools of a request, those of namespaces and of the conversation among them. Each search of Codex adds some.
pub(super) const MAX_TOOLS: usize = 1024;

/// The members of all kinds of tools that are asked for.
const MEMBERS: [&str; 8] = ["type", "name", "description", "parameters", "strict", "format", "tools", "execution"];

/// The schema of the function that stands for a custom tool.
const CUSTOM_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string","description":"The whole text that the tool takes."}},"required":["input"],"additionalProperties":false}"#;

/// The tools of a request.
#[derive(Default)]
pub(super) struct OfferedTools {
    /// The tools, as models know them.
    pub(super) tools: Vec<Tool>,
    /// The tools that are offered, as the caller wrote them.
    pub(super) written: Vec<Box<RawValue>>,
    pub(super) names: ToolNames,
}

/// The treatment of a tool, by its type.
enum ToolType {
    /// It is offered as a function.
    Offered(ToolKind),
    Namespace,
    /// Clients offer it to every model, and work without it.
    Dropped,
}

impl OfferedTools {
    /// Adds the tools in the array `tools` of `fields`, which may be missing, and returns the names under which models know them.
    /// A tool of `tools` before that has the same name is replaced: a conversation may offer its tools anew.
    pub(super) fn add(&mut self, fields: &Parameters<'_>) -> Result<BTreeSet<String>, ProtocolError> {
        let mut names = BTreeSet::new();
        let Some(values) = fields.get("tools") else { return Ok(names) };
        for (index, value) in elements(fields, values)?.enumerate() {
            let tool = Parameters::of(value, fields.name_of(&format!("tools[{index}]")), &MEMBERS)?;
            match tool_type(&tool)? {
                ToolType::Offered(kind) => self.offer(&tool, kind, None, &mut names)?,
                ToolType::Namespace => self.namespace(&tool, &mut names)?,
                ToolType::Dropped => continue,
            }
            if self.tools.len() > MAX_TOOLS {
                return Err(fields.refuse("tools", ParameterFault::Value, &most()));
            }
            self.written.push(value.to_owned());
        }
        Ok(names)
    }

    /// Offers those tools alone that `names` has, by their own names or by those of their namespaces.
    pub(super) fn allow(&mut self, names: &BTreeSet<Cow<'_, str>>) {
        let Self { tools, names: of_caller, .. } = self;
        tools.retain(|tool| {
            let CallerTool { namespace, name, .. } = of_caller.tool(&tool.name);
            [Some(name), namespace].into_iter().flatten().any(|name| names.contains(name.as_str()))
        });
    }

    /// The name under which models know the tool that the caller calls `name`: the first, if namespaces have several.
    pub(super) fn model_name(&self, name: &str) -> Option<String> {
        let is_called = |tool: &&Tool| tool.name == name || self.names.tool(&tool.name).name == name;
        self.tools.iter().find(is_called).map(|tool| tool.name.clone())
    }

    fn namespace(&mut self, fields: &Parameters<'_>, names: &mut BTreeSet<String>) -> Result<(), ProtocolError> {
        let namespace = fields.identifier("name")?;
        let values = fields.get("tools").ok_or_else(|| fields.refuse("tools", ParameterFault::Missing, ""))?;
        for (index, value) in elements(fields, values)?.enumerate() {
            let tool = Parameters::of(value, fields.name_of(&format!("tools[{index}]")), &MEMBERS)?;
            match tool_type(&tool)? {
                ToolType::Offered(kind @ (ToolKind::Function | ToolKind::Custom)) => {
                    self.offer(&tool, kind, Some(&namespace), names)?;
                }
                ToolType::Offered(ToolKind::Search) | ToolType::Namespace | ToolType::Dropped => {
                    return Err(tool.refuse("type", ParameterFault::Unsupported, ", except for function and custom"));
                }
            }
        }
        Ok(())
    }

    /// Offers the tool that `fields` are.
    fn offer(
        &mut self,
        fields: &Parameters<'_>,
        kind: ToolKind,
        namespace: Option<&str>,
        names: &mut BTreeSet<String>,
    ) -> Result<(), ProtocolError> {
        let name = if kind == ToolKind::Search { SEARCH.to_owned() } else { fields.identifier("name")? };
        let caller_tool = CallerTool { kind, namespace: namespace.map(str::to_owned), name };
        let tool = tool(fields, kind, caller_tool.model_name())?;
        if !names.insert(tool.name.clone()) {
            return Err(fields.refuse("name", ParameterFault::Value, "a name that no other tool has"));
        }
        self.names.add(caller_tool);
        match self.tools.iter_mut().find(|earlier| earlier.name == tool.name) {
            Some(earlier) => *earlier = tool,
            None => self.tools.push(tool),
        }
        Ok(())
    }
}

/// The function that a model is offered for the tool that `fields` are.
fn tool(fields: &Parameters<'_>, kind: ToolKind, name: String) -> Result<Tool, ProtocolError> {
    let is_custom = kind == ToolKind::Custom;
    let description = if is_custom {
        Some(description_of_custom(fields)?).filter(|words| !words.is_empty())
    } else {
        fields.text("description")?.map(Into::into)
    };
    Ok(Tool {
        name,
        description,
        parameters: if is_custom { serde_json::from_str(CUSTOM_SCHEMA).ok() } else { fields.schema("parameters")? },
        strict: if is_custom { Some(true) } else { fields.switch_if_given("strict")? },
        is_cached: false,
    })
}

fn most() -> String {
    format!("an array of at most {MAX_TOOLS}, those of namespaces among them")
}

fn elements<'a>(fields: &Parameters<'_>, values: &'a RawValue) -> Result<Elements<'a>, ProtocolError> {
    let values = Elements::of(values).ok_or_else(|| fields.refuse("tools", ParameterFault::Type, &most()))?;
    if values.clone().nth(MAX_TOOLS).is_some() {
        return Err(fields.refuse("tools", ParameterFault::Value, &most()));
    }
    Ok(values)
}

fn tool_type(tool: &Parameters<'_>) -> Result<ToolType, ProtocolError> {
    match tool.text("type")?.as_deref() {
        Some("function") => Ok(ToolType::Offered(ToolKind::Function)),
        Some("custom") => Ok(ToolType::Offered(ToolKind::Custom)),
        Some("namespace") => Ok(ToolType::Namespace),
        Some("tool_search") if tool.text("execution")?.as_deref() == Some("client") => {
            Ok(ToolType::Offered(ToolKind::Search))
        }
        // Codex offers the first to every model. Without the second, all tools are offered at once.
        Some("web_search" | "tool_search") => Ok(ToolType::Dropped),
        Some(kind) if kind.starts_with("web_search_") => Ok(ToolType::Dropped),
        Some(_) => Err(tool.refuse("type", ParameterFault::Unsupported, ", except for function, custom and namespace")),
        None => Err(tool.refuse("type", ParameterFault::Missing, "")),
    }
}

/// The description of the function that stands for a custom tool. A grammar is told in words, since no other protocol has
/// a member for it.
fn description_of_custom(fields: &Parameters<'_>) -> Result<String, ProtocolError> {
    let description = fields.text("description")?.unwrap_or_default().into_owned();
    let Some(format) = fields.object("format", &["type", "syntax", "definition"])? else { return Ok(description) };
    let required = |name: &str| format.text(name)?.ok_or_else(|| format.refuse(name, ParameterFault::Missing, ""));
    match required("type")?.as_ref() {
        "text" => Ok(description),
        "grammar" => {
            let (syntax, definition) = (required("syntax")?, required("definition")?);
            let before = if description.is_empty() { "" } else { "\n\n" };
            Ok(format!("{description}{before}`input` matches this grammar ({syntax}):\n{definition}"))
        }
        _ => Err(format.refuse("type", ParameterFault::Unsupported, ", except for text and grammar")),
    }
}
