//! Requests that are refused.

use serde_json::{Value, json};

use super::reading::{PNG, minimal, read, with};
use crate::door::{ParameterFault, ProtocolError};

fn assert_refused(body: &Value, name: &str, fault: ParameterFault) {
    let Err(ProtocolError::Parameter(refusal)) = read(body) else { panic!("it is taken: {body}") };
    assert_eq!((refusal.name.as_str(), refusal.fault), (name, fault), "{body}");
    assert!(refusal.detail.ends_with('.') && refusal.detail.contains(name), "{}", refusal.detail);
}

fn assert_item_refused(item: &Value, name: &str, fault: ParameterFault) {
    assert_refused(&with("input", json!([item])), name, fault);
}

#[test]
fn what_must_be_there_is_named() {
    for name in ["model", "input"] {
        let mut body = minimal();
        body.as_object_mut().unwrap().remove(name);
        assert_refused(&body, name, ParameterFault::Missing);
    }
}

#[test]
fn what_needs_a_server_with_a_memory_or_changes_the_price_is_refused_by_name() {
    for (name, value) in [
        ("store", json!(true)),
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!({"id": "conv_1"})),
        ("background", json!(true)),
        ("prompt", json!({"id": "pmpt_1"})),
        ("context_management", json!([{"type": "compaction"}])),
        ("moderation", json!({"model": "omni-moderation-latest"})),
        ("service_tier", json!("priority")),
        ("top_logprobs", json!(5)),
        ("include", json!(["message.output_text.logprobs"])),
    ] {
        assert_refused(&with(name, value), name, ParameterFault::Unsupported);
    }
    let pro = with("reasoning", json!({"mode": "pro"}));
    assert_refused(&pro, "reasoning.mode", ParameterFault::Unsupported);
}

#[test]
fn parameters_of_chat_completions_are_refused_and_not_ignored() {
    for name in ["stop", "seed", "n", "max_tokens", "messages", "response_format", "reasoning_effort", "logprobs"] {
        assert_refused(&with(name, json!(1)), name, ParameterFault::Unsupported);
    }
}

#[test]
fn numbers_and_words_outside_their_ranges_are_refused() {
    for (name, value, fault) in [
        ("max_output_tokens", json!(15), ParameterFault::Value),
        ("max_output_tokens", json!("16"), ParameterFault::Type),
        ("temperature", json!(2.1), ParameterFault::Value),
        ("top_p", json!(-1), ParameterFault::Value),
        ("stream", json!("true"), ParameterFault::Type),
        ("instructions", json!(["Be brief."]), ParameterFault::Type),
        ("metadata", json!({"a": 1}), ParameterFault::Type),
        ("metadata", json!({"a": "x".repeat(513)}), ParameterFault::Value),
        ("include", json!("reasoning.encrypted_content"), ParameterFault::Type),
        ("include", json!([1]), ParameterFault::Type),
        ("input", json!([]), ParameterFault::Value),
        ("input", json!(7), ParameterFault::Type),
        ("input", json!(vec![json!({"role": "user", "content": "a"}); 8193]), ParameterFault::Value),
        ("tools", json!({}), ParameterFault::Type),
        ("tool_choice", json!("any"), ParameterFault::Value),
        ("tool_choice", json!("required"), ParameterFault::Value),
    ] {
        assert_refused(&with(name, value), name, fault);
    }
    for (name, value, place) in [
        ("reasoning", json!({"effort": "HIGH"}), "reasoning.effort"),
        ("text", json!({"verbosity": "very low"}), "text.verbosity"),
        ("text", json!({"format": {"type": "json_schema", "name": "a b"}}), "text.format.name"),
    ] {
        assert_refused(&with(name, value), place, ParameterFault::Value);
    }
}

#[test]
fn tools_that_openai_runs_are_refused_by_their_types() {
    for kind in [
        "code_interpreter",
        "file_search",
        "mcp",
        "computer",
        "computer_use_preview",
        "image_generation",
        "local_shell",
        "shell",
        "apply_patch",
        "programmatic_tool_calling",
    ] {
        let tools = json!([{"type": "web_search"}, {"type": kind}]);
        assert_refused(&with("tools", tools), "tools[1].type", ParameterFault::Unsupported);
        let mut body = with("tools", json!([{"type": "function", "name": "f"}]));
        body["tool_choice"] = json!({"type": kind});
        assert_refused(&body, "tool_choice.type", ParameterFault::Unsupported);
    }
}

#[test]
fn names_of_tools_are_checked_with_their_namespaces() {
    let function = |name: &str| json!({"type": "function", "name": name});
    let namespace = |tools: Value| json!({"type": "namespace", "name": "n", "description": "", "tools": tools});
    for (tools, name, fault) in [
        (json!([function("a b")]), "tools[0].name", ParameterFault::Value),
        (json!([function("a"), function("a")]), "tools[1].name", ParameterFault::Value),
        (json!([function("n__a"), namespace(json!([function("a")]))]), "tools[1].tools[0].name", ParameterFault::Value),
        (json!([namespace(json!([namespace(json!([]))]))]), "tools[0].tools[0].type", ParameterFault::Unsupported),
        (json!([{"type": "namespace", "name": "n"}]), "tools[0].tools", ParameterFault::Missing),
        (
            json!([{"type": "custom", "name": "c", "format": {"type": "x"}}]),
            "tools[0].format.type",
            ParameterFault::Unsupported,
        ),
        (json!([{"name": "f"}]), "tools[0].type", ParameterFault::Missing),
    ] {
        assert_refused(&with("tools", tools), name, fault);
    }
    let many: Vec<Value> = (0..600).map(|number| function(&format!("f{number}"))).collect();
    let mut body = with("tools", json!(many));
    body["input"] = json!([{"type": "additional_tools", "tools": [namespace(json!(many))]}]);
    assert_refused(&body, "input[0].tools", ParameterFault::Value);
}

#[test]
fn items_that_nobody_here_knows_are_refused_and_a_reference_says_what_to_do() {
    for kind in ["file_search_call", "mcp_call", "local_shell_call", "compaction", "shell_call", "x"] {
        assert_item_refused(&json!({"type": kind}), "input[0].type", ParameterFault::Unsupported);
    }
    for item in [json!({"type": "item_reference", "id": "msg_1"}), json!({"id": "msg_1"})] {
        let Err(ProtocolError::Parameter(refusal)) = read(&with("input", json!([item]))) else { panic!("it is taken") };
        assert!(refusal.detail.contains("Set 'store' to false"), "{}", refusal.detail);
    }
    assert_item_refused(&json!({}), "input[0].type", ParameterFault::Missing);
    assert_item_refused(&json!("Hello"), "input[0]", ParameterFault::Type);
}

#[test]
fn members_of_items_are_checked() {
    let text = |role: &str, kind: &str| json!({"role": role, "content": [{"type": kind, "text": "a", "refusal": "b"}]});
    for (item, name, fault) in [
        (json!({"role": "tool", "content": "a"}), "input[0].role", ParameterFault::Value),
        (json!({"role": "user"}), "input[0].content", ParameterFault::Missing),
        (json!({"role": "user", "content": 7}), "input[0].content", ParameterFault::Type),
        (text("user", "refusal"), "input[0].content[0].type", ParameterFault::Unsupported),
        (text("user", "input_file"), "input[0].content[0].type", ParameterFault::Unsupported),
        (text("system", "input_image"), "input[0].content[0].type", ParameterFault::Unsupported),
        (
            json!({"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}),
            "input[0].content[0].file_id",
            ParameterFault::Unsupported,
        ),
        (
            json!({"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]}),
            "input[0].content[0].image_url",
            ParameterFault::Value,
        ),
        (
            json!({"role": "user", "content": [{"type": "input_image", "image_url": PNG, "detail": "huge"}]}),
            "input[0].content[0].detail",
            ParameterFault::Value,
        ),
        (json!({"type": "function_call", "name": "f", "arguments": "{}"}), "input[0].call_id", ParameterFault::Missing),
        (json!({"type": "function_call", "call_id": "c", "arguments": "{}"}), "input[0].name", ParameterFault::Missing),
        (json!({"type": "function_call", "call_id": "c", "name": "f"}), "input[0].arguments", ParameterFault::Missing),
        (json!({"type": "custom_tool_call", "call_id": "c", "name": "f"}), "input[0].input", ParameterFault::Missing),
        (json!({"type": "function_call_output", "output": "a"}), "input[0].call_id", ParameterFault::Missing),
        (json!({"type": "function_call_output", "call_id": "c"}), "input[0].output", ParameterFault::Missing),
        (json!({"type": "reasoning", "summary": "Hm."}), "input[0].summary", ParameterFault::Type),
    ] {
        assert_item_refused(&item, name, fault);
    }
}

#[test]
fn a_turn_has_a_limit_of_calls() {
    let call =
        |number: usize| json!({"type": "function_call", "call_id": format!("c{number}"), "name": "f", "arguments": ""});
    let calls = |count: usize| with("input", json!((0..count).map(call).collect::<Vec<_>>()));
    assert!(read(&calls(128)).is_ok());
    assert_refused(&calls(129), "input", ParameterFault::Value);
}
