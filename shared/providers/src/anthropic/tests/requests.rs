//! Requests on the wire.

use std::num::NonZeroU8;

use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::*;
use crate::prompt::generated::any_prompt;
use crate::prompt::{
    BlockBorder, Detail, Image, ImageType, ResponseFormat, Sampling, Thinking, Tool, ToolChoice, Tools,
};
use crate::raw_json::RawJson;

/// The model of [`terms`] by another name.
fn asked(name: &str) -> AskedClaude {
    AskedClaude::new(&CataloguedModel { provider_model: name.to_owned(), ..terms() })
}

/// The same, with a cache that costs nothing of its own: no mark is sent.
fn without_cache(name: &str) -> AskedClaude {
    let prices = Prices::per_token(Credits::ZERO, Credits::ZERO);
    AskedClaude::new(&CataloguedModel { provider_model: name.to_owned(), prices, ..terms() })
}

fn sent_to(model: &AskedClaude, prompt: &Prompt, max_output_tokens: u32) -> Value {
    serde_json::to_value(ClaudeRequest::new(model, prompt, max_output_tokens).unwrap()).unwrap()
}

fn sent(turns: &[Turn]) -> Value {
    let prompt = Prompt { turns: turns.to_vec(), ..Prompt::default() };
    sent_to(&without_cache("claude-sonnet-4-5"), &prompt, 9)["messages"].take()
}

fn user(text: &str) -> Turn {
    Turn::text(Role::User, text)
}

fn calling(text: &str, calls: &[ToolCall]) -> Turn {
    Turn { calls: calls.to_vec(), ..Turn::text(Role::Assistant, text) }
}

fn result(id: &str, text: &str) -> Turn {
    Turn { answers: Some(id.to_owned()), ..Turn::text(Role::Tool, text) }
}

fn image(at: usize) -> Image {
    Image { at, media_type: ImageType::Webp, data: "UklGRg==".to_owned(), detail: Some(Detail::High) }
}

fn placed(proof: Proof, after: u32, text_before: u32, calls_before: u32) -> ReasoningProof {
    ReasoningProof { proof, after, text_before, calls_before }
}

fn tool(name: &str) -> Tool {
    Tool { name: name.to_owned(), description: None, parameters: None, strict: None, is_cached: false }
}

fn marked(mut block: Value) -> Value {
    block["cache_control"] = json!({"type": "ephemeral"});
    block
}

fn words(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// A conversation with every member that the protocol has, in blocks as Claude Code writes them.
#[test]
fn every_member_of_the_list_is_sent_at_its_place() {
    let schema = || Some(to_raw_value(&json!({"type": "object", "properties": {"z": {}, "a": {}}})).unwrap());
    let border = |at, is_cached| BlockBorder { at, is_cached };
    let turns = vec![
        Turn { borders: vec![border(3, true)], is_cached: true, ..Turn::text(Role::System, "Be\nbrief.") },
        Turn { images: vec![image(7)], borders: vec![border(5, false)], ..user("Look\nat it.") },
        Turn {
            reasoning: Some("Hm. So.".to_owned()),
            proofs: vec![
                placed(proof(ProofKind::Signature, "c2ln"), 4, 0, 0),
                placed(proof(ProofKind::Redacted, "cmVk"), 4, 0, 0),
                placed(proof(ProofKind::Signature, "c2lnMg=="), 7, 7, 1),
            ],
            ..calling("I look.", &[call("toolu_1", "look_up", r#"{"z":1.0}"#), call("toolu_2", "now", "")])
        },
        Turn { images: vec![image(0)], is_error: true, ..result("toolu_1", "None") },
        Turn { is_cached: true, ..result("toolu_2", "") },
        user("And?"),
    ];
    let look_up = Tool {
        description: Some("Looks it up.".to_owned()),
        parameters: schema(),
        strict: Some(true),
        is_cached: true,
        ..tool("look_up")
    };
    let format = ResponseFormat::JsonSchema {
        name: "output".to_owned(),
        description: None,
        schema: schema(),
        strict: Some(true),
    };
    let prompt = Prompt {
        turns,
        sampling: Sampling {
            temperature: Some(0.5),
            top_p: Some(0.25),
            top_k: Some(7),
            stop: vec!["END".to_owned()],
            ..Sampling::default()
        },
        tools: Tools {
            offered: vec![look_up, tool("now")],
            choice: Some(ToolChoice::Function("now".to_owned())),
            parallel: Some(false),
        },
        response_format: Some(format),
        reasoning_effort: Some("high".to_owned()),
        thinking: Some(Thinking::Adaptive),
        thinking_is_shown: Some(true),
        reasoning_is_a_hint: true,
        ..Prompt::default()
    };
    let schema = json!({"type": "object", "properties": {"z": {}, "a": {}}});
    let source = json!({"type": "base64", "media_type": "image/webp", "data": "UklGRg=="});
    let shown = json!({"type": "image", "source": source});
    let expected = json!({
        "model": "claude-opus-4-6",
        "max_tokens": 500,
        "system": [marked(words("Be")), marked(words("brief."))],
        "messages": [
            {"role": "user", "content": [words("Look"), words("at"), shown, words(" it.")]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm. ", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "cmVk"},
                words("I look."),
                {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"z": 1.0}},
                {"type": "thinking", "thinking": "So.", "signature": "c2lnMg=="},
                {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [shown, words("None")], "is_error": true},
                marked(json!({"type": "tool_result", "tool_use_id": "toolu_2"})),
                words("And?"),
            ]},
        ],
        "tools": [
            marked(json!({"name": "look_up", "description": "Looks it up.", "input_schema": schema, "strict": true})),
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "tool", "name": "now", "disable_parallel_tool_use": true},
        "temperature": 0.5, "top_p": 0.25, "top_k": 7, "stop_sequences": ["END"],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": schema}},
    });
    assert_eq!(sent_to(&asked("claude-opus-4-6"), &prompt, 500), expected);
    assert_eq!(Protocol::Anthropic.unsupported_by("claude-opus-4-6", &prompt), None);
}

#[test]
fn instructions_of_later_turns_stand_with_the_first_and_turns_of_one_side_are_one_message() {
    let turns = [
        Turn::text(Role::System, "Be brief."),
        Turn::text(Role::System, " "),
        user("Hi"),
        user(" "),
        user("there"),
        Turn::text(Role::System, "Be kind."),
        Turn { reasoning: Some("Hm".to_owned()), ..Turn::text(Role::Assistant, "Hello") },
        Turn::text(Role::Assistant, ""),
        user("Bye"),
    ];
    let prompt = Prompt { turns: turns.to_vec(), ..Prompt::default() };
    let body = sent_to(&without_cache("claude-sonnet-4-5"), &prompt, 9);
    assert_eq!(body["system"], json!([words("Be brief."), words("Be kind.")]));
    let expected = json!([
        {"role": "user", "content": [words("Hi"), words("there")]},
        {"role": "assistant", "content": [words("Hello")]},
        {"role": "user", "content": [words("Bye")]},
    ]);
    assert_eq!(body["messages"], expected, "reasoning without a proof is not sent");
}

#[test]
fn a_conversation_in_which_the_user_says_nothing_is_refused_before_it_is_sent() {
    let model = asked("claude-sonnet-4-5");
    for turns in
        [vec![], vec![Turn::text(Role::System, "Hi")], vec![user(" ")], vec![calling("Hi", &[]), result("a", "7")]]
    {
        let prompt = Prompt { turns, ..Prompt::default() };
        let error = ClaudeRequest::new(&model, &prompt, 9).err().unwrap();
        assert!(matches!(error, ModelError::Refused { refusal: Refusal::NothingAsked, .. }), "{error:?}");
    }
}

/// Programs use an id again, and have ids with other characters than the protocol takes.
#[test]
fn an_id_is_kept_if_it_can_be_and_results_follow_their_calls() {
    let turns = [
        user("How warm?"),
        calling(" ", &[call("a", "look up", "[1]"), call("b/1", "now", "{}")]),
        user("Well?"),
        result("b/1", "noon"),
        result("a", "7"),
        calling("", &[call("a", "f", "{}"), call("call_1", "f", "{}")]),
        Turn { is_error: true, ..result("a", "8") },
        result("gone", "9"),
        Turn { is_error: true, ..result("gone", "10") },
    ];
    let use_of =
        |id: &str, name: &str, input: Value| json!({"type": "tool_use", "id": id, "name": name, "input": input});
    let answer = |id: &str, text: &str| json!({"type": "tool_result", "tool_use_id": id, "content": [words(text)]});
    let mut failed = answer("call_2", "8");
    failed["is_error"] = json!(true);
    let expected = json!([
        {"role": "user", "content": [words("How warm?")]},
        {"role": "assistant", "content": [
            use_of("a", "look_up", json!({"arguments": "[1]"})), use_of("call_1", "now", json!({})),
        ]},
        {"role": "user", "content": [answer("call_1", "noon"), answer("a", "7"), words("Well?")]},
        {"role": "assistant", "content": [use_of("call_2", "f", json!({})), use_of("call_3", "f", json!({}))]},
        {"role": "user", "content": [failed, words("[Result of a call: 9]"), words("[Result of a call: Error: 10]")]},
    ]);
    assert_eq!(sent(&turns), expected);
}

#[test]
fn a_proof_of_another_protocol_or_of_another_provider_is_not_sent_and_neither_is_its_reasoning() {
    let of = |provider: Option<&str>, kind| Proof { provider: provider.map(str::to_owned), ..proof(kind, "x") };
    let proofs = vec![
        placed(of(Some("openai"), ProofKind::Encrypted), 2, 0, 0),
        placed(of(Some("other"), ProofKind::Signature), 4, 0, 0),
        placed(of(None, ProofKind::Signature), 6, 0, 0),
    ];
    let reply = Turn { reasoning: Some("aabbccdd".to_owned()), proofs, ..Turn::text(Role::Assistant, "Hi") };
    let expected = json!([{"type": "thinking", "thinking": "cc", "signature": "x"}, words("Hi")]);
    assert_eq!(sent(&[user("Hi"), reply, user("?")])[1]["content"], expected);
}

#[test]
fn without_marks_of_the_caller_the_instructions_and_the_last_message_of_the_user_are_marked_where_the_cache_has_a_price()
 {
    let turns = vec![Turn::text(Role::System, "S"), user("a"), calling("b", &[]), user("c"), calling("d", &[])];
    let prompt = Prompt { turns, ..Prompt::default() };
    let body = sent_to(&asked("claude-sonnet-4-5"), &prompt, 9);
    assert_eq!(body["system"], json!([marked(words("S"))]));
    let contents: Vec<&Value> =
        body["messages"].as_array().unwrap().iter().map(|message| &message["content"][0]).collect();
    assert_eq!(contents, [&words("a"), &words("b"), &marked(words("c")), &words("d")]);
    assert!(!sent_to(&without_cache("claude-sonnet-4-5"), &prompt, 9).to_string().contains("cache_control"));
}

#[test]
fn the_marks_of_a_caller_are_the_only_ones_and_are_left_out_where_the_cache_has_no_price() {
    let marks = |body: &Value| body.to_string().matches("cache_control").count();
    let turn = || Turn::text(Role::System, "S");
    let cached = Tool { is_cached: true, ..tool("f") };
    let border = vec![BlockBorder { at: 2, is_cached: true }];
    for prompt in [
        Prompt { turns: vec![turn(), Turn { is_cached: true, ..user("a") }], ..Prompt::default() },
        Prompt { turns: vec![turn(), Turn { borders: border, ..user("a\nb") }], ..Prompt::default() },
        Prompt {
            turns: vec![turn(), user("a")],
            tools: Tools { offered: vec![cached], ..Tools::default() },
            ..Prompt::default()
        },
    ] {
        assert_eq!(marks(&sent_to(&asked("claude-sonnet-4-5"), &prompt, 9)), 1, "{prompt:?}");
        assert_eq!(marks(&sent_to(&without_cache("claude-sonnet-4-5"), &prompt, 9)), 0, "{prompt:?}");
    }
}

#[test]
fn a_choice_of_tools_is_one_of_the_protocols_and_there_is_none_among_no_tools() {
    let body = |offered: Vec<Tool>, choice: Option<ToolChoice>, parallel: Option<bool>| {
        let tools = Tools { offered, choice, parallel };
        let prompt = Prompt { turns: vec![user("Hi")], tools, ..Prompt::default() };
        sent_to(&asked("claude-sonnet-4-5"), &prompt, 9)
    };
    for (choice, parallel, expected) in [
        (None, None, json!(null)),
        (None, Some(true), json!(null)),
        (None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Auto), None, json!({"type": "auto"})),
        (Some(ToolChoice::Required), Some(false), json!({"type": "any", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Function("f".to_owned())), Some(true), json!({"type": "tool", "name": "f"})),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"})),
    ] {
        assert_eq!(body(vec![tool("f")], choice.clone(), parallel)["tool_choice"], expected);
        let without = body(vec![], choice, parallel);
        assert!(without.get("tool_choice").is_none() && without.get("tools").is_none());
    }
}

/// What is sent of `thinking` and of `output_config.effort`.
fn reasoning(name: &str, prompt: &Prompt, max_output_tokens: u32) -> [Value; 2] {
    let mut body = sent_to(&asked(name), prompt, max_output_tokens);
    [body["thinking"].take(), body["output_config"]["effort"].take()]
}

const BUDGET: &str = "claude-sonnet-4-5";
const ADAPTIVE: &str = "claude-opus-4-6";

#[test]
fn an_effort_of_another_protocol_is_a_budget_or_an_effort_by_the_name_of_the_model() {
    let of =
        |word: &str| Prompt { turns: vec![user("Hi")], reasoning_effort: Some(word.to_owned()), ..Prompt::default() };
    let budget = |tokens: u32| json!({"type": "enabled", "budget_tokens": tokens});
    let adaptive = json!({"type": "adaptive"});
    for (name, word, most, expected) in [
        (BUDGET, "low", 32_000, [budget(1024), json!(null)]),
        (BUDGET, "medium", 5000, [budget(2500), json!(null)]),
        (BUDGET, "high", 2047, [json!(null), json!(null)]),
        (BUDGET, "none", 32_000, [json!({"type": "disabled"}), json!(null)]),
        (ADAPTIVE, "minimal", 32_000, [adaptive.clone(), json!("low")]),
        (ADAPTIVE, "max", 9, [adaptive, json!("max")]),
        (ADAPTIVE, "none", 9, [json!({"type": "disabled"}), json!(null)]),
        ("another-makers", "low", 32_000, [budget(1024), json!(null)]),
        ("claude-3-5-haiku-latest", "none", 32_000, [json!(null), json!(null)]),
    ] {
        assert_eq!(reasoning(name, &of(word), most), expected, "{name} {word}");
    }
    let forced = Prompt {
        tools: Tools { offered: vec![tool("f")], choice: Some(ToolChoice::Required), parallel: None },
        ..of("high")
    };
    assert_eq!(reasoning(BUDGET, &forced, 32_000)[0], json!(null), "Claude does not reason if it must call");
    let shown = Prompt { thinking_is_shown: Some(true), ..of("low") };
    for (name, mut expected) in [(BUDGET, budget(1024)), (ADAPTIVE, json!({"type": "adaptive"}))] {
        expected["display"] = json!("summarized");
        assert_eq!(reasoning(name, &shown, 32_000)[0], expected, "a caller of Responses wants a summary");
    }
}

#[test]
fn the_thinking_of_a_caller_of_the_same_protocol_is_sent_as_it_came_if_the_hold_pays_for_it() {
    let of = |thinking, effort: Option<&str>| Prompt {
        turns: vec![user("Hi")],
        thinking,
        reasoning_effort: effort.map(str::to_owned),
        reasoning_is_a_hint: true,
        ..Prompt::default()
    };
    let budget = |tokens: u32| json!({"type": "enabled", "budget_tokens": tokens});
    let null = || json!(null);
    for (name, thinking, effort, most, expected) in [
        (BUDGET, Some(Thinking::Budget(31_999)), None, 32_000, [budget(31_999), null()]),
        (BUDGET, Some(Thinking::Budget(31_999)), None, 31_999, [budget(15_999), null()]),
        (BUDGET, Some(Thinking::Budget(31_999)), None, 4096, [budget(2048), null()]),
        (BUDGET, Some(Thinking::Budget(31_999)), None, 2047, [null(), null()]),
        (BUDGET, Some(Thinking::Off), None, 9, [json!({"type": "disabled"}), null()]),
        (BUDGET, None, Some("high"), 32_000, [null(), null()]),
        ("claude-opus-4-5", None, Some("high"), 32_000, [null(), json!("high")]),
        (ADAPTIVE, None, Some("high"), 32_000, [null(), json!("high")]),
        (ADAPTIVE, Some(Thinking::Off), Some("high"), 32_000, [json!({"type": "disabled"}), json!("high")]),
        (ADAPTIVE, Some(Thinking::Adaptive), Some("new"), 32_000, [json!({"type": "adaptive"}), json!("new")]),
        ("another-makers", None, Some("low"), 32_000, [null(), json!("low")]),
        ("claude-3-5-haiku-latest", Some(Thinking::Budget(2000)), Some("low"), 32_000, [null(), null()]),
    ] {
        assert_eq!(reasoning(name, &of(thinking, effort), most), expected, "{name} {thinking:?} {effort:?} {most}");
        assert_eq!(Protocol::Anthropic.unsupported_by(name, &of(thinking, effort)), None, "a hint is never refused");
    }
    let hidden = Prompt { thinking_is_shown: Some(false), ..of(Some(Thinking::Adaptive), None) };
    assert_eq!(reasoning(ADAPTIVE, &hidden, 9)[0], json!({"type": "adaptive", "display": "omitted"}));
    let cannot = AskedClaude::new(&CataloguedModel { takes: BTreeSet::new(), ..terms() });
    let body = sent_to(&cannot, &of(Some(Thinking::Adaptive), Some("high")), 32_000);
    assert!(body.get("thinking").is_none() && body.get("output_config").is_none());
}

#[test]
fn a_model_does_not_reason_while_a_loop_of_tools_goes_on_whose_reasoning_was_lost() {
    let loop_of = |proofs: Vec<ReasoningProof>| {
        vec![user("Hi"), Turn { proofs, ..calling("", &[call("a", "f", "{}")]) }, result("a", "7")]
    };
    let proved = || vec![placed(proof(ProofKind::Redacted, "x"), 0, 0, 0)];
    let others = || vec![placed(proof(ProofKind::Encrypted, "x"), 0, 0, 0)];
    let of = |turns: Vec<Turn>, thinking: Option<Thinking>| Prompt {
        turns,
        thinking,
        reasoning_effort: Some("low".to_owned()),
        reasoning_is_a_hint: thinking.is_some(),
        ..Prompt::default()
    };
    for thinking in [None, Some(Thinking::Budget(2000))] {
        let reasons = |turns: Vec<Turn>| !reasoning(BUDGET, &of(turns, thinking), 32_000)[0].is_null();
        assert!(reasons(loop_of(proved())) && !reasons(loop_of(others())) && !reasons(loop_of(vec![])));
    }
    let adaptive = of(loop_of(vec![]), Some(Thinking::Adaptive));
    assert!(!reasoning(ADAPTIVE, &adaptive, 9)[0].is_null(), "such a model decides itself");
}

#[test]
fn parameters_that_the_protocol_has_no_member_for_are_named() {
    let prompt = || Prompt { turns: vec![user("Hi")], ..Prompt::default() };
    let sampling = |sampling| Prompt { sampling, ..prompt() };
    let format = |schema: bool| {
        let schema = schema.then(|| to_raw_value(&json!({})).unwrap());
        ResponseFormat::JsonSchema { name: "s".to_owned(), description: None, schema, strict: None }
    };
    let effort = |word: &str| Prompt { reasoning_effort: Some(word.to_owned()), ..prompt() };
    let warm = |temperature| Prompt {
        sampling: Sampling { temperature: Some(temperature), ..Sampling::default() },
        ..effort("low")
    };
    for (prompt, expected) in [
        (prompt(), None),
        (sampling(Sampling { temperature: Some(1.0), top_k: Some(1), ..Sampling::default() }), None),
        (sampling(Sampling { temperature: Some(1.1), ..Sampling::default() }), Some("temperature")),
        (sampling(Sampling { presence_penalty: Some(0.0), ..Sampling::default() }), Some("presence_penalty")),
        (sampling(Sampling { frequency_penalty: Some(0.0), ..Sampling::default() }), Some("frequency_penalty")),
        (sampling(Sampling { seed: Some(1), ..Sampling::default() }), Some("seed")),
        (Prompt { response_format: Some(format(true)), ..prompt() }, None),
        (Prompt { response_format: Some(format(false)), ..prompt() }, Some("response_format")),
        (Prompt { response_format: Some(ResponseFormat::JsonObject), ..prompt() }, Some("response_format")),
        (Prompt { verbosity: Some("low".to_owned()), ..prompt() }, Some("verbosity")),
        (Prompt { n: NonZeroU8::new(2), ..prompt() }, Some("n")),
        (Prompt { logprobs: Some(0), ..prompt() }, Some("logprobs")),
        (Prompt { logit_bias: BTreeMap::from([(7, 1.0)]), ..prompt() }, Some("logit_bias")),
        (effort("low"), None),
        (effort("new"), Some("reasoning_effort")),
        (warm(1.0), None),
        (warm(0.5), Some("temperature")),
    ] {
        assert_eq!(Protocol::Anthropic.unsupported_by(BUDGET, &prompt), expected, "{prompt:?}");
    }
    let early = Protocol::Anthropic.unsupported_by("claude-3-5-haiku-latest", &effort("low"));
    assert_eq!(early, Some("reasoning_effort"));
}

/// The members that a body may have, by the protocol's documents and not by the types here: paths, in which `#` is any place
/// of a list. Below `!` is what a caller or a model wrote.
const LISTED: [&str; 58] = [
    "model",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stop_sequences.#",
    "stream",
    "system",
    "system.#",
    "system.#.type",
    "system.#.text",
    "system.#.cache_control",
    "system.#.cache_control.type",
    "messages",
    "messages.#",
    "messages.#.role",
    "messages.#.content",
    "messages.#.content.#",
    "messages.#.content.#.type",
    "messages.#.content.#.text",
    "messages.#.content.#.source",
    "messages.#.content.#.source.type",
    "messages.#.content.#.source.media_type",
    "messages.#.content.#.source.data",
    "messages.#.content.#.thinking",
    "messages.#.content.#.signature",
    "messages.#.content.#.data",
    "messages.#.content.#.id",
    "messages.#.content.#.name",
    "messages.#.content.#.input!",
    "messages.#.content.#.tool_use_id",
    "messages.#.content.#.is_error",
    "messages.#.content.#.cache_control",
    "messages.#.content.#.cache_control.type",
    "messages.#.content.#.content",
    "messages.#.content.#.content.#",
    "messages.#.content.#.content.#.type",
    "messages.#.content.#.content.#.text",
    "messages.#.content.#.content.#.source",
    "messages.#.content.#.content.#.source.type",
    "messages.#.content.#.content.#.source.media_type",
    "messages.#.content.#.content.#.source.data",
    "messages.#.content.#.content.#.cache_control",
    "messages.#.content.#.content.#.cache_control.type",
    "tools",
    "tools.#",
    "tools.#.name",
    "tools.#.description",
    "tools.#.input_schema!",
    "tools.#.strict",
    "tools.#.cache_control",
    "tools.#.cache_control.type",
    "tool_choice",
    "thinking",
    "output_config",
    "output_config.effort",
    "output_config.format",
];
const LISTED_CHOICES: [&str; 8] = [
    "tool_choice.type",
    "tool_choice.name",
    "tool_choice.disable_parallel_tool_use",
    "thinking.type",
    "thinking.budget_tokens",
    "thinking.display",
    "output_config.format.type",
    "output_config.format.schema!",
];

fn is_listed(path: &str) -> bool {
    LISTED.contains(&path) || LISTED_CHOICES.contains(&path)
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

/// The first rule of the protocol that `messages` break.
fn broken_rule(messages: &[Value]) -> Option<&'static str> {
    let types = |message: &Value| -> Vec<String> {
        let content = message["content"].as_array().unwrap();
        content.iter().map(|block| block["type"].as_str().unwrap().to_owned()).collect()
    };
    let ids = |message: &Value, member: &str| -> Vec<String> {
        let content = message["content"].as_array().unwrap();
        content.iter().filter_map(|block| block[member].as_str().map(str::to_owned)).collect()
    };
    let sides: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    let alternates = sides.iter().enumerate().all(|(place, side)| *side == ["user", "assistant"][place % 2]);
    let is_empty = messages.iter().any(|message| types(message).is_empty());
    let only_thinks =
        messages.iter().any(|message| types(message).last().is_some_and(|last| last.contains("thinking")));
    let blank = |message: &Value| {
        let content = message["content"].as_array().unwrap();
        content.iter().any(|block| block["text"].as_str().is_some_and(|text| text.trim().is_empty()))
    };
    let late = |message: &Value| {
        let types = types(message);
        let first_other = types.iter().position(|kind| kind != "tool_result").unwrap_or(types.len());
        types[first_other..].iter().any(|kind| kind == "tool_result")
    };
    let orphan = messages.iter().enumerate().any(|(place, message)| {
        let calls = place.checked_sub(1).map(|before| ids(&messages[before], "id")).unwrap_or_default();
        ids(message, "tool_use_id").iter().any(|id| !calls.contains(id))
    });
    let all: Vec<String> = messages.iter().flat_map(|message| ids(message, "id")).collect();
    let odd =
        |id: &String| id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    [
        ("the sides alternate, and the user begins", !alternates),
        ("no message is empty", is_empty),
        ("no message ends with reasoning", only_thinks),
        ("no text is blank", messages.iter().any(blank)),
        ("results come before all else", messages.iter().any(late)),
        ("a result follows its call", orphan),
        ("no two calls have one id", all.iter().collect::<BTreeSet<_>>().len() < all.len()),
        ("an id has the protocol's characters", all.iter().any(odd)),
    ]
    .into_iter()
    .find_map(|(rule, is_broken)| is_broken.then_some(rule))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_sent_of_any_prompt_but_the_members_of_the_list_and_the_rules_are_kept(
        prompt in any_prompt(),
        name in prop::sample::select(vec![BUDGET, ADAPTIVE, "another-makers"]),
        max_output_tokens in 1..40_000_u32,
    ) {
        let model = asked(name);
        if let Ok(request) = ClaudeRequest::new(&model, &prompt, max_output_tokens) {
            let body = serde_json::to_value(request).unwrap();
            prop_assert_eq!(unlisted(&body, ""), None);
            prop_assert_eq!(broken_rule(body["messages"].as_array().unwrap()), None, "{}", body);
            prop_assert_eq!(&body["max_tokens"], &json!(max_output_tokens));
            let budget = body["thinking"]["budget_tokens"].as_u64();
            prop_assert!(budget.is_none_or(|tokens| (1024..u64::from(max_output_tokens)).contains(&tokens)));
        }
    }

    #[test]
    fn a_member_that_nobody_reads_is_sent_if_the_catalogue_lists_it(prompt in any_prompt()) {
        let listed: BTreeSet<String> = prompt.extra.keys().take(1).cloned().collect();
        let model = AskedClaude::new(&CataloguedModel { extra_parameters: listed.clone(), ..terms() });
        if let Ok(request) = ClaudeRequest::new(&model, &prompt, 9) {
            let body = serde_json::to_value(request).unwrap();
            for (name, value) in &prompt.extra {
                let expected = listed.contains(name).then(|| serde_json::from_str::<Value>(RawJson::get(value)).unwrap());
                prop_assert_eq!(body.get(name), expected.as_ref());
            }
        }
    }

    /// What is held for a request pays for whatever a server bills within the limits that it was sent.
    #[test]
    fn what_is_held_pays_for_tokens_of_the_cache_and_of_thinking(
        prompt in any_prompt(),
        shares in prop::array::uniform3(0..=100_u64),
        max_output_tokens in 1..40_000_u32,
    ) {
        use domain::pricing::OutputLimits;
        let most = prompt.most_input_tokens(0);
        let [written, read, thought] = shares;
        let written = most * written / 100;
        let read = (most - written) * read / 100;
        let output = u64::from(max_output_tokens);
        let usage = json!({
            "input_tokens": most - written - read, "cache_creation_input_tokens": written, "cache_read_input_tokens": read,
            "output_tokens": output, "output_tokens_details": {"thinking_tokens": output * thought / 100},
        });
        let counted = serde_json::from_value::<crate::anthropic::usage::CountedTokens>(usage).unwrap().usage().unwrap();
        prop_assert_eq!(counted.input_tokens, most);
        let limits = OutputLimits { most: max_output_tokens, least: 1 };
        let held = terms().prices.quote(most, 0, limits).most();
        prop_assert!(terms().prices.cost(&counted) <= held);
    }
}
