//! Requests on the wire.

use std::num::NonZeroU8;

use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::*;
use crate::prompt::generated::any_prompt;
use crate::prompt::{Detail, Image, ImageType, ResponseFormat, Sampling, Thinking, Tool, ToolChoice, Tools};

fn sent(prompt: &Prompt) -> Value {
    serde_json::to_value(SentResponsesRequest::new(&AskedResponder::new(&terms()), prompt, 500)).unwrap()
}

fn image(at: usize, detail: Option<Detail>) -> Image {
    Image { at, media_type: ImageType::Webp, data: "UklGRg==".to_owned(), detail }
}

fn tool(name: &str) -> Tool {
    Tool { name: name.to_owned(), description: None, parameters: None, strict: None, is_cached: false }
}

fn result(id: &str, text: &str) -> Turn {
    Turn { answers: Some(id.to_owned()), ..Turn::text(Role::Tool, text) }
}

/// A conversation with every member that the protocol has, as Codex writes them.
#[test]
fn every_member_of_the_list_is_sent_at_its_place() {
    let schema = || Some(to_raw_value(&json!({"type": "object", "properties": {"z": {}, "a": {}}})).unwrap());
    let placed = |data: &str, after, text_before, calls_before| ReasoningProof {
        proof: proof(data),
        after,
        text_before,
        calls_before,
    };
    let turns = vec![
        Turn::text(Role::System, "Be brief."),
        Turn { images: vec![image(4, Some(Detail::Low))], ..Turn::text(Role::User, "Look.") },
        Turn {
            reasoning: Some("Hm. So.".to_owned()),
            proofs: vec![placed("ZW5j", 3, 0, 0), placed("ZW5jMg==", 3, 7, 1)],
            calls: vec![call("call_1", "look_up", "{\"z\": 1}"), call("call_2", "now", "")],
            ..Turn::text(Role::Assistant, "I look.")
        },
        result("call_1", "None"),
        Turn { images: vec![image(0, None)], ..result("call_2", "") },
    ];
    let look_up = Tool {
        description: Some("Looks it up.".to_owned()),
        parameters: schema(),
        strict: Some(true),
        ..tool("look_up")
    };
    let format = ResponseFormat::JsonSchema {
        name: "answer".to_owned(),
        description: Some("An answer.".to_owned()),
        schema: schema(),
        strict: Some(true),
    };
    let prompt = Prompt {
        turns,
        sampling: Sampling { temperature: Some(0.5), top_p: Some(0.25), ..Sampling::default() },
        tools: Tools {
            offered: vec![look_up, tool("now")],
            choice: Some(ToolChoice::Function("now".to_owned())),
            parallel: Some(false),
        },
        response_format: Some(format),
        reasoning_effort: Some("high".to_owned()),
        reasoning_summary: Some("auto".to_owned()),
        verbosity: Some("low".to_owned()),
        ..Prompt::default()
    };
    let schema = json!({"type": "object", "properties": {"z": {}, "a": {}}});
    let shown =
        |detail: &str| json!({"type": "input_image", "image_url": "data:image/webp;base64,UklGRg==", "detail": detail});
    let words = |kind: &str, text: &str| json!({"type": kind, "text": text});
    let reasoning = |summary: Value, data: &str| json!({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": data});
    let expected = json!({
        "model": "gpt-5",
        "input": [
            {"type": "message", "role": "developer", "content": [words("input_text", "Be brief.")]},
            {"type": "message", "role": "user", "content": [
                words("input_text", "Look"), shown("low"), words("input_text", "."),
            ]},
            reasoning(json!([words("summary_text", "Hm.")]), "ZW5j"),
            {"type": "message", "role": "assistant", "content": [words("output_text", "I look.")]},
            {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": "{\"z\": 1}"},
            reasoning(json!([]), "ZW5jMg=="),
            {"type": "function_call", "call_id": "call_2", "name": "now", "arguments": ""},
            {"type": "function_call_output", "call_id": "call_1", "output": "None"},
            {"type": "function_call_output", "call_id": "call_2", "output": [shown("auto")]},
        ],
        "max_output_tokens": 500,
        "store": false,
        "temperature": 0.5,
        "top_p": 0.25,
        "tools": [
            {"type": "function", "name": "look_up", "description": "Looks it up.", "parameters": schema, "strict": true},
            {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": false},
        ],
        "tool_choice": {"type": "function", "name": "now"},
        "parallel_tool_calls": false,
        "text": {
            "format": {
                "type": "json_schema", "name": "answer", "description": "An answer.", "schema": schema, "strict": true,
            },
            "verbosity": "low",
        },
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    });
    assert_eq!(sent(&prompt), expected);
    assert_eq!(Protocol::OpenAiResponses.unsupported(&prompt), None);
}

#[test]
fn a_plain_prompt_to_a_model_that_does_not_reason_has_no_other_member() {
    let terms = CataloguedModel { takes: BTreeSet::new(), ..terms() };
    let (effort, summary) = (Some("low".to_owned()), Some("auto".to_owned()));
    let tools = Tools { choice: Some(ToolChoice::Auto), parallel: Some(true), ..Tools::default() };
    let proofs = vec![ReasoningProof { proof: proof("ZW5j"), after: 0, text_before: 0, calls_before: 0 }];
    let turns = vec![
        Turn::text(Role::User, "Hi"),
        Turn { reasoning: Some("Hm".to_owned()), proofs, ..Turn::text(Role::Assistant, "Hello") },
        Turn::text(Role::User, ""),
    ];
    let prompt = Prompt { turns, tools, reasoning_effort: effort, reasoning_summary: summary, ..Prompt::default() };
    let body = serde_json::to_value(SentResponsesRequest::new(&AskedResponder::new(&terms), &prompt, 16)).unwrap();
    let words = |kind: &str, text: &str| json!([{"type": kind, "text": text}]);
    let expected = json!({
        "model": "gpt-5", "max_output_tokens": 16, "store": false,
        "input": [
            {"type": "message", "role": "user", "content": words("input_text", "Hi")},
            {"type": "message", "role": "assistant", "content": words("output_text", "Hello")},
        ],
    });
    assert_eq!(body, expected);
}

#[test]
fn a_proof_of_another_protocol_or_of_another_provider_is_not_sent_and_neither_is_its_reasoning() {
    let of = |kind, provider: Option<&str>, after| ReasoningProof {
        proof: Proof { kind, provider: provider.map(str::to_owned), ..proof("x") },
        after,
        text_before: 0,
        calls_before: 0,
    };
    let proofs = vec![
        of(ProofKind::Signature, Some("gpt"), 2),
        of(ProofKind::Encrypted, Some("other"), 4),
        of(ProofKind::Encrypted, None, 6),
    ];
    let turn = Turn { reasoning: Some("aabbcc".to_owned()), proofs, ..Turn::text(Role::Assistant, "") };
    let input = sent(&Prompt { turns: vec![turn], ..Prompt::default() })["input"].take();
    assert_eq!(input.as_array().unwrap().len(), 1);
    assert_eq!(input[0]["summary"], json!([{"type": "summary_text", "text": "cc"}]));
}

/// A budget becomes the word for about as much, and a caller who wants none asks for none.
#[test]
fn the_thinking_of_another_protocol_is_an_effort() {
    let effort = |thinking, word: Option<&str>| {
        let prompt = Prompt { thinking, reasoning_effort: word.map(str::to_owned), ..Prompt::default() };
        sent(&prompt)["reasoning"]["effort"].take()
    };
    for (thinking, word, expected) in [
        (None, None, json!(null)),
        (None, Some("minimal"), json!("minimal")),
        (Some(Thinking::Off), Some("high"), json!(null)),
        (Some(Thinking::Adaptive), None, json!(null)),
        (Some(Thinking::Adaptive), Some("max"), json!("max")),
        (Some(Thinking::Budget(1024)), None, json!("low")),
        (Some(Thinking::Budget(4096)), None, json!("medium")),
        (Some(Thinking::Budget(16_384)), None, json!("high")),
        (Some(Thinking::Budget(1024)), Some("high"), json!("high")),
    ] {
        assert_eq!(effort(thinking, word), expected, "{thinking:?} {word:?}");
    }
    for (thinking_is_shown, expected) in [(None, json!(null)), (Some(false), json!(null)), (Some(true), json!("auto"))]
    {
        let prompt = Prompt { thinking_is_shown, ..Prompt::default() };
        assert_eq!(sent(&prompt)["reasoning"]["summary"], expected);
    }
}

#[test]
fn parameters_that_the_protocol_has_no_member_for_are_named() {
    let sampling = |sampling| Prompt { sampling, ..Prompt::default() };
    let schema = ResponseFormat::JsonSchema { name: "s".to_owned(), description: None, schema: None, strict: None };
    for (prompt, expected) in [
        (sampling(Sampling { temperature: Some(2.0), top_p: Some(1.0), ..Sampling::default() }), None),
        (sampling(Sampling { top_k: Some(1), ..Sampling::default() }), Some("top_k")),
        (sampling(Sampling { presence_penalty: Some(0.0), ..Sampling::default() }), Some("presence_penalty")),
        (sampling(Sampling { frequency_penalty: Some(0.0), ..Sampling::default() }), Some("frequency_penalty")),
        (sampling(Sampling { stop: vec!["END".to_owned()], ..Sampling::default() }), Some("stop")),
        (sampling(Sampling { seed: Some(1), ..Sampling::default() }), Some("seed")),
        (Prompt { response_format: Some(ResponseFormat::JsonObject), ..Prompt::default() }, None),
        (Prompt { response_format: Some(schema), ..Prompt::default() }, Some("response_format")),
        (Prompt { n: NonZeroU8::new(2), ..Prompt::default() }, Some("n")),
        (Prompt { logprobs: Some(0), ..Prompt::default() }, Some("logprobs")),
        (Prompt { logit_bias: BTreeMap::from([(7, 1.0)]), ..Prompt::default() }, Some("logit_bias")),
    ] {
        assert_eq!(Protocol::OpenAiResponses.unsupported(&prompt), expected, "{prompt:?}");
    }
}

/// A parameter that the catalogue lists hides no other that the protocol lacks.
#[test]
fn top_k_is_sent_if_the_catalogue_lists_it_and_is_refused_else() {
    let sampling = Sampling { top_k: Some(40), ..Sampling::default() };
    let prompt = Prompt { sampling: sampling.clone(), ..Prompt::default() };
    assert_eq!(sent(&prompt).get("top_k"), None);
    let listed = CataloguedModel { extra_parameters: BTreeSet::from(["top_k".to_owned()]), ..terms() };
    let model = AskedResponder::new(&listed);
    let body = serde_json::to_value(SentResponsesRequest::new(&model, &prompt, 16)).unwrap();
    assert_eq!(body["top_k"], json!(40));
    let seeded = Prompt { sampling: Sampling { seed: Some(1), ..sampling }, ..Prompt::default() };
    assert_eq!(Protocol::OpenAiResponses.unsupported(&seeded), Some("seed"));
}

#[test]
fn the_result_of_a_tool_that_failed_begins_with_the_mark_of_an_error() {
    let failed = |images| Turn { is_error: true, images, ..result("call_1", "torn") };
    let turns = vec![failed(Vec::new()), failed(vec![image(4, None)])];
    let input = sent(&Prompt { turns, ..Prompt::default() })["input"].take();
    assert_eq!(input[0]["output"], json!("Error: torn"));
    let words = |text: &str| json!({"type": "input_text", "text": text});
    assert_eq!(input[1]["output"].as_array().unwrap()[..2], [words("Error: "), words("torn")]);
}

/// The members that a body may have, by the protocol's documents and not by the types here: paths, in which `#` is any place
/// of a list. Below `!` is what a caller wrote.
const LISTED: [&str; 46] = [
    "model",
    "max_output_tokens",
    "store",
    "temperature",
    "top_p",
    "stream",
    "include",
    "include.#",
    "input",
    "input.#",
    "input.#.type",
    "input.#.role",
    "input.#.id",
    "input.#.summary",
    "input.#.summary.#",
    "input.#.summary.#.type",
    "input.#.summary.#.text",
    "input.#.encrypted_content",
    "input.#.call_id",
    "input.#.name",
    "input.#.arguments",
    "input.#.output",
    "input.#.output.#",
    "input.#.output.#.type",
    "input.#.output.#.text",
    "input.#.output.#.image_url",
    "input.#.output.#.detail",
    "input.#.content",
    "input.#.content.#",
    "input.#.content.#.type",
    "input.#.content.#.text",
    "input.#.content.#.image_url",
    "input.#.content.#.detail",
    "tools",
    "tools.#",
    "tools.#.type",
    "tools.#.name",
    "tools.#.description",
    "tools.#.parameters!",
    "tools.#.strict",
    "tool_choice",
    "tool_choice.type",
    "tool_choice.name",
    "parallel_tool_calls",
    "text",
    "reasoning",
];
const LISTED_OF_TEXT: [&str; 9] = [
    "text.verbosity",
    "text.format",
    "text.format.type",
    "text.format.name",
    "text.format.description",
    "text.format.schema!",
    "text.format.strict",
    "reasoning.effort",
    "reasoning.summary",
];

fn is_listed(path: &str) -> bool {
    LISTED.contains(&path) || LISTED_OF_TEXT.contains(&path)
}

/// The first path in `value`, which is at `path`, that is not listed.
fn unlisted(value: &Value, path: &str) -> Option<String> {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if is_listed(&format!("{path}!")) {
        return None;
    }
    if !path.is_empty() && !is_listed(path) {
        return Some(path.to_owned());
    }
    match value {
        Value::Object(members) => members.iter().find_map(|(name, member)| unlisted(member, &below(name))),
        Value::Array(items) => items.iter().find_map(|item| unlisted(item, &below("#"))),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_sent_of_any_prompt_but_the_members_of_the_list_and_nothing_is_stored(prompt in any_prompt()) {
        let body = sent(&prompt);
        prop_assert_eq!(unlisted(&body, ""), None);
        prop_assert_eq!(&body["store"], &json!(false));
        prop_assert_eq!(&body["max_output_tokens"], &json!(500));
    }

    #[test]
    fn a_member_that_nobody_reads_is_sent_if_the_catalogue_lists_it(prompt in any_prompt()) {
        let listed: BTreeSet<String> = prompt.extra.keys().take(1).cloned().collect();
        let model = AskedResponder::new(&CataloguedModel { extra_parameters: listed.clone(), ..terms() });
        let body = serde_json::to_value(SentResponsesRequest::new(&model, &prompt, 16)).unwrap();
        for (name, value) in &prompt.extra {
            let expected = listed.contains(name).then(|| serde_json::from_str::<Value>(value.get()).unwrap());
            prop_assert_eq!(body.get(name), expected.as_ref());
        }
    }
}
