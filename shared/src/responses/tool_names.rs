//! The names of tools: those by which a caller knows them, and those under which a model is offered them.

use std::collections::BTreeMap;

use domain::message::ToolCall;
use serde_json::{Value, json};

/// The text between a namespace and a name in the one name that a model knows.
const BETWEEN_NAMES: &str = "__";

/// The most characters of the name under which a model is offered a tool, as OpenAI has it.
const MAX_MODEL_NAME_BYTES: usize = 64;

/// The name under which a model is offered a search for tools, which has none.
pub(super) const SEARCH: &str = "tool_search";

/// The numbers of FNV-1a: a hash that is the same in every release, so that a conversation keeps its names.
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// The one argument of a function that stands for a custom tool.
const INPUT: &str = "input";

/// The most characters of an escape that may be cut, of which a pair stands for one character.
const MAX_CUT_BYTES: usize = r"\ud83d\ude0".len();

/// A tool as its caller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallerTool {
    pub(super) kind: ToolKind,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

/// The kinds of tools that a caller runs. A model knows functions alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolKind {
    /// It takes arguments of a schema.
    Function,
    /// It takes a text.
    Custom,
    /// It finds other tools, which the caller offers from then on.
    Search,
}

/// The tools of a request that a model knows under another name or as another kind, by the names that it knows.
#[derive(Default)]
pub(super) struct ToolNames(BTreeMap<String, CallerTool>);

impl CallerTool {
    /// The name under which a model is offered the tool.
    pub(super) fn model_name(&self) -> String {
        model_name(self.namespace.as_deref(), &self.name)
    }
}

impl ToolNames {
    /// Notes a tool. The last one of a name counts.
    pub(super) fn add(&mut self, tool: CallerTool) {
        self.0.insert(tool.model_name(), tool);
    }

    /// The tool that a model calls `name`. A name that the model made up is one of a function.
    pub(super) fn tool(&self, name: &str) -> CallerTool {
        let made_up = || CallerTool { kind: ToolKind::Function, namespace: None, name: name.to_owned() };
        self.0.get(name).cloned().unwrap_or_else(made_up)
    }
}

/// The name under which a model is offered the tool `name` of `namespace`. Two names that are too long together are cut, and a
/// number of both stands at the end.
pub(super) fn model_name(namespace: Option<&str>, name: &str) -> String {
    let Some(namespace) = namespace else { return name.to_owned() };
    let both = format!("{namespace}{BETWEEN_NAMES}{name}");
    if both.len() <= MAX_MODEL_NAME_BYTES {
        return both;
    }
    let number = both.bytes().fold(FNV_OFFSET, |number, byte| (number ^ u32::from(byte)).wrapping_mul(FNV_PRIME));
    let cut = both.floor_char_boundary(MAX_MODEL_NAME_BYTES - "_12345678".len());
    format!("{}_{number:08x}", &both[..cut])
}

/// The arguments of the function that stands for a custom tool, of the text that the tool takes.
pub(super) fn arguments_of_input(input: &str) -> String {
    json!({INPUT: input}).to_string()
}

/// The text that a custom tool takes, of the arguments of the function that stands for it. A model may give it another name, or
/// add members, or break off in the middle. Arguments that are no object are the text themselves.
pub(super) fn input_of_arguments(arguments: &str) -> String {
    if !arguments.trim_start().starts_with('{') {
        return arguments.to_owned();
    }
    let Ok(mut members) = serde_json::from_str::<BTreeMap<String, Value>>(arguments) else {
        return beginning_of_input(arguments).unwrap_or_default();
    };
    let is_only = members.len() == 1;
    let member = members.remove(INPUT).or_else(|| members.pop_first().map(|(_, value)| value).filter(|_| is_only));
    match member {
        Some(Value::String(input)) => input,
        _ => arguments.to_owned(),
    }
}

/// The text of arguments that break off in the middle of it.
fn beginning_of_input(arguments: &str) -> Option<String> {
    let (_, rest) = arguments.split_once("\"input\"")?;
    let text = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let shorter = (0..=MAX_CUT_BYTES).filter_map(|cut| text.get(..text.len().checked_sub(cut)?));
    shorter.map(|text| serde_json::from_str(&format!("\"{text}\""))).find_map(Result::ok)
}

/// The call that a conversation repeats, as the model made it.
pub(super) fn call_of_custom_tool(id: String, name: String, input: &str) -> ToolCall {
    ToolCall { id, name, arguments: arguments_of_input(input) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_of_a_custom_tool_goes_through_a_functions_arguments_and_comes_back() {
        for input in ["", "*** Begin Patch\n-\"Hello\"\n", "\u{1f600}"] {
            assert_eq!(input_of_arguments(&arguments_of_input(input)), input);
        }
        for (arguments, input) in [
            ("", ""),
            ("ls -l", "ls -l"),
            ("[1]", "[1]"),
            (r#"{"input":1}"#, r#"{"input":1}"#),
            (r#"{"a":"b","c":"d"}"#, r#"{"a":"b","c":"d"}"#),
            (r#"{"input":"a","explanation":"b"}"#, "a"),
            (r#"{"patch":"a"}"#, "a"),
            (r#"{"inp"#, ""),
            (r#"{"input": "a\nb"#, "a\nb"),
            (r#"{"input":"a\"#, "a"),
            (r#"{"input":"a\ud83d\ude0"#, "a"),
        ] {
            assert_eq!(input_of_arguments(arguments), input, "{arguments}");
        }
    }

    #[test]
    fn a_name_that_a_model_made_up_is_one_of_a_function() {
        let mut names = ToolNames::default();
        let tool = CallerTool { kind: ToolKind::Custom, namespace: Some("a".to_owned()), name: "b".to_owned() };
        names.add(tool.clone());
        assert_eq!(names.tool("a__b"), tool);
        let made_up = CallerTool { kind: ToolKind::Function, namespace: None, name: "b".to_owned() };
        assert_eq!(names.tool("b"), made_up);
    }

    #[test]
    fn a_name_is_cut_where_it_is_too_long_with_its_namespace_and_two_stay_two() {
        let long = "x".repeat(62);
        assert_eq!(model_name(Some("n"), &long[..61]).len(), 64);
        let [one, other] = ["a", "b"].map(|end| model_name(Some("n"), &format!("{long}{end}")));
        assert!(one.len() == 64 && one.starts_with("n__xx") && one != other, "{one} {other}");
        assert_eq!(one, "n__xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_fce0c6b2");
    }
}
