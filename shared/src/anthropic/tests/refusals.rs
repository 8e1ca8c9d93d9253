//! Requests that are refused.

use serde_json::{Value, json};

use super::reading::{PNG, minimal, read, said, with};
use crate::door::{ParameterFault, ProtocolError};

fn assert_refused(body: &Value, name: &str, fault: ParameterFault) {
    let Err(ProtocolError::Parameter(refusal)) = read(body) else { panic!("it is taken: {body}") };
    assert_eq!((refusal.name.as_str(), refusal.fault), (name, fault), "{body}");
    assert!(refusal.detail.ends_with('.') && refusal.detail.contains(name), "{}", refusal.detail);
}

#[test]
fn what_must_be_there_is_named() {
    for name in ["model", "messages", "max_tokens"] {
        let mut body = minimal();
        body.as_object_mut().unwrap().remove(name);
        assert_refused(&body, name, ParameterFault::Missing);
    }
}

#[test]
fn what_would_change_the_answer_or_its_price_is_refused_by_name() {
    for (name, value) in [
        ("service_tier", json!("priority")),
        ("speed", json!("fast")),
        ("inference_geo", json!("us")),
        ("billing_policy", json!({"type": "billing_policy", "bill_to": "user_profile"})),
        ("compaction", json!({"type": "compaction"})),
        ("container", json!("c")),
        ("mcp_servers", json!([{"url": "u"}])),
        ("fallbacks", json!([{"model": "m"}])),
        ("context_management", json!({"edits": [{"type": "clear_tool_uses_20250919"}]})),
        (
            "context_management",
            json!({"edits": [{"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns"}}]}),
        ),
        ("context_management", json!({"edits": 7})),
        ("thread", json!({"type": "create"})),
    ] {
        assert_refused(&with(name, value), name, ParameterFault::Unsupported);
    }
    let budget = with("output_config", json!({"task_budget": {"type": "tokens", "total": 9}}));
    assert_refused(&budget, "output_config.task_budget", ParameterFault::Unsupported);
}

#[test]
fn values_beyond_their_limits_are_refused() {
    let many: Vec<String> = (0..17).map(|number| number.to_string()).collect();
    for (name, value, place, fault) in [
        ("max_tokens", json!(0), "max_tokens", ParameterFault::Value),
        ("temperature", json!(1.5), "temperature", ParameterFault::Value),
        ("stop_sequences", json!("a"), "stop_sequences", ParameterFault::Type),
        ("stop_sequences", json!([""]), "stop_sequences", ParameterFault::Value),
        ("stop_sequences", json!(many), "stop_sequences", ParameterFault::Value),
        ("thinking", json!({}), "thinking.type", ParameterFault::Missing),
        ("thinking", json!({"type": "between_tools"}), "thinking.type", ParameterFault::Unsupported),
        ("thinking", json!({"type": "enabled"}), "thinking.budget_tokens", ParameterFault::Missing),
        (
            "thinking",
            json!({"type": "enabled", "budget_tokens": 1023}),
            "thinking.budget_tokens",
            ParameterFault::Value,
        ),
        (
            "thinking",
            json!({"type": "enabled", "budget_tokens": 2000}),
            "thinking.budget_tokens",
            ParameterFault::Value,
        ),
        ("thinking", json!({"type": "adaptive", "display": "x"}), "thinking.display", ParameterFault::Value),
        ("output_config", json!({"effort": "some"}), "output_config.effort", ParameterFault::Value),
        (
            "output_config",
            json!({"format": {"type": "text"}}),
            "output_config.format.type",
            ParameterFault::Unsupported,
        ),
        (
            "output_config",
            json!({"format": {"type": "json_schema"}}),
            "output_config.format.schema",
            ParameterFault::Missing,
        ),
        ("cache_control", json!({"type": "forever"}), "cache_control.type", ParameterFault::Value),
        ("cache_control", json!({"type": "ephemeral", "ttl": "1d"}), "cache_control.ttl", ParameterFault::Value),
        ("tool_choice", json!({"type": "any"}), "tool_choice", ParameterFault::Value),
        ("messages", json!([]), "messages", ParameterFault::Value),
        ("system", json!(7), "system", ParameterFault::Type),
    ] {
        assert_refused(&with(name, value), place, fault);
    }
}

#[test]
fn tools_that_anthropic_runs_are_refused_by_their_names() {
    for kind in ["web_search_20250305", "bash_20250124", "mcp_toolset", "text_editor_20250728"] {
        let body = with("tools", json!([{"type": kind, "name": "x"}]));
        assert_refused(&body, "tools[0].type", ParameterFault::Unsupported);
        let Err(ProtocolError::Parameter(refusal)) = read(&body) else { panic!("it is taken") };
        assert!(refusal.detail.contains(kind.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_')));
    }
    let tool = |members: Value| with("tools", json!([members]));
    assert_refused(&tool(json!({"type": "new", "name": "x"})), "tools[0].type", ParameterFault::Unsupported);
    assert_refused(&tool(json!({"name": "x"})), "tools[0].input_schema", ParameterFault::Missing);
    assert_refused(&tool(json!({"name": "a b", "input_schema": {}})), "tools[0].name", ParameterFault::Value);
    let examples = json!({"name": "x", "input_schema": {}, "input_examples": [{}]});
    assert_refused(&tool(examples), "tools[0].input_examples", ParameterFault::Unsupported);
}

#[test]
fn blocks_that_no_model_here_reads_are_refused() {
    let block = |role: &str, block: Value| said(json!([{"role": role, "content": [block]}]));
    for (role, kind) in [
        ("user", "document"),
        ("user", "search_result"),
        ("user", "container_upload"),
        ("user", "thinking"),
        ("assistant", "server_tool_use"),
        ("assistant", "web_search_tool_result"),
        ("assistant", "image"),
        ("assistant", "tool_result"),
        ("system", "image"),
    ] {
        let body = block(role, json!({"type": kind}));
        assert_refused(&body, "messages[0].content[0].type", ParameterFault::Unsupported);
    }
    let place = |member: &str| format!("messages[0].content[0].{member}");
    for (role, members, member, fault) in [
        ("user", json!({"text": "a"}), "type", ParameterFault::Missing),
        ("user", json!({"type": "text"}), "text", ParameterFault::Missing),
        (
            "user",
            json!({"type": "image", "source": {"type": "url", "url": "u"}}),
            "source.type",
            ParameterFault::Unsupported,
        ),
        (
            "user",
            json!({"type": "image", "source": {"type": "base64", "data": "AAAA"}}),
            "source.data",
            ParameterFault::Value,
        ),
        ("user", json!({"type": "tool_result"}), "tool_use_id", ParameterFault::Missing),
        ("assistant", json!({"type": "tool_use", "id": "i", "name": "n", "input": "x"}), "input", ParameterFault::Type),
    ] {
        assert_refused(&block(role, members), &place(member), fault);
    }
    assert_refused(&said(json!([{"role": "tool", "content": "x"}])), "messages[0].role", ParameterFault::Value);
}

#[test]
fn more_than_four_marks_or_thirty_two_images_are_too_many() {
    let blocks = |block: Value, count: usize| said(json!([{"role": "user", "content": vec![block; count]}]));
    let marked = json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}});
    assert!(read(&blocks(marked.clone(), 4)).is_ok());
    assert_refused(&blocks(marked, 5), "messages[0].content[4].cache_control", ParameterFault::Value);
    let image = json!({"type": "image", "source": {"type": "base64", "data": PNG}});
    assert!(read(&blocks(image.clone(), 32)).is_ok());
    assert_refused(&blocks(image, 33), "messages[0].content[32].source", ParameterFault::Value);
}

#[test]
fn calls_signatures_and_results_have_limits() {
    let of = |role: &str, block: Value, count: usize| said(json!([{"role": role, "content": vec![block; count]}]));
    for (role, block) in [
        ("assistant", json!({"type": "tool_use", "id": "i", "name": "n", "input": {}})),
        ("assistant", json!({"type": "redacted_thinking", "data": "r"})),
        ("user", json!({"type": "tool_result", "tool_use_id": "i"})),
    ] {
        assert!(read(&of(role, block.clone(), 128)).is_ok());
        assert_refused(&of(role, block, 129), "messages[0].content", ParameterFault::Value);
    }
    let results = json!({"role": "user", "content": vec![json!({"type": "tool_result", "tool_use_id": "i"}); 128]});
    assert!(read(&said(json!(vec![results.clone(); 16]))).is_ok());
    assert_refused(&said(json!(vec![results; 17])), "messages", ParameterFault::Value);
}

#[test]
fn a_body_beside_its_images_has_a_limit() {
    let text = |bytes: usize| said(json!([{"role": "user", "content": "x".repeat(bytes)}]));
    assert!(read(&text(1024 * 1024 - 200)).is_ok());
    assert!(matches!(read(&text(1024 * 1024)), Err(ProtocolError::Api(_))));
    let image = |bytes: usize| {
        let data = PNG.trim_end_matches('=').to_owned() + &"A".repeat(bytes);
        json!({"type": "image", "source": {"type": "base64", "data": data[..data.len() / 4 * 4]}})
    };
    let result = |image: Value| json!({"type": "tool_result", "tool_use_id": "c", "content": [image]});
    let body = said(json!([{"role": "user", "content": [image(1024 * 1024), result(image(1024 * 1024))]}]));
    assert!(read(&body).is_ok());
}
