//! A server of Anthropic's Messages.

use serde_json::{Value, json};
use shared::domain::reasoning_proof::ProofKind;

use crate::doors::case::{COUNTS, Call, Counts, Failure, Script, TOOL, Thing, Told, WORDS};
use crate::doors::server::{Arrived, ArrivedTurn, Served, Server, end_in, halves, named_events, number, text};

const REASONS: [&str; 4] = ["end_turn", "max_tokens", "tool_use", "refusal"];

pub struct Anthropic;

impl Server for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn provider(&self, address: &str) -> Value {
        json!({"protocol": "anthropic", "base_url": format!("{address}/v1")})
    }

    /// A name by which the client knows how the model is told to reason.
    fn model(&self, door: &str) -> String {
        format!("{door}.claude-haiku-4-5-20251001")
    }

    fn cannot_tell(&self) -> &'static [Thing] {
        &[Thing::Refusal]
    }

    fn proof_kind(&self) -> Option<ProofKind> {
        Some(ProofKind::Signature)
    }

    fn answer(&self, script: &Script, streamed: bool) -> Served {
        match script {
            Script::Tells(told) if streamed => Served::events(named_events(&events(told))),
            Script::Tells(told) => Served::json(&whole(told)),
            Script::Fails(Failure::Status(status)) => Served::json(&error()).status(*status),
            Script::Fails(failure) => {
                let body = match failure {
                    Failure::ErrorAfterWords => [words(), vec![error()]].concat(),
                    Failure::NoEnd => [words(), vec![json!({"type": "message_stop"})]].concat(),
                    failure if failure.is_after_words() => words(),
                    _ => Vec::new(),
                };
                Served::events(named_events(&body)).after(*failure)
            }
        }
    }

    fn asked(&self, path: &str, body: &Value) -> (String, bool) {
        assert_eq!(path, "/v1/messages");
        (text(&body["model"]), body["stream"] == true)
    }

    fn arrived(&self, body: &Value) -> Arrived {
        let tools = body["tools"].as_array().into_iter().flatten();
        let mut turns = Vec::new();
        for message in body["messages"].as_array().unwrap() {
            let blocks = message["content"].as_array().unwrap();
            if message["role"] == "assistant" {
                turns.push(reply(blocks));
                continue;
            }
            turns.extend(of_type(blocks, "tool_result").map(result));
            let (words, images) = (words_of(blocks), of_type(blocks, "image").count());
            if !words.is_empty() || images > 0 {
                turns.push(ArrivedTurn::User { text: words, images });
            }
        }
        Arrived {
            system: words_of(body["system"].as_array().map(Vec::as_slice).unwrap_or_default()),
            turns,
            tools: tools.map(|tool| text(&tool["name"])).collect(),
            has_schema: body["output_config"]["format"]["type"] == "json_schema",
            reasons: body["thinking"]["type"] == "enabled",
            wants_summary: body["thinking"]["display"] == "summarized",
            max_output_tokens: number(&body["max_tokens"]),
            temperature: body["temperature"].as_f64(),
            stops: body["stop_sequences"].as_array().into_iter().flatten().map(text).collect(),
            ..Arrived::default()
        }
    }
}

fn of_type<'a>(blocks: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    blocks.iter().filter(move |block| block["type"] == kind)
}

fn words_of(blocks: &[Value]) -> String {
    of_type(blocks, "text").map(|block| text(&block["text"])).collect()
}

fn reply(blocks: &[Value]) -> ArrivedTurn {
    let calls = of_type(blocks, "tool_use").map(|call| (text(&call["name"]), call["input"].clone()));
    let thinking = || of_type(blocks, "thinking");
    ArrivedTurn::Reply {
        reasoning: thinking().map(|block| text(&block["thinking"])).collect(),
        text: words_of(blocks),
        calls: calls.collect(),
        proofs: thinking().map(|block| text(&block["signature"])).collect(),
    }
}

fn result(block: &Value) -> ArrivedTurn {
    let content = block["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    ArrivedTurn::Result {
        text: words_of(content),
        is_error: block["is_error"] == true,
        images: of_type(content, "image").count(),
    }
}

fn error() -> Value {
    json!({"type": "error", "error": {"type": "api_error", "message": "no"}})
}

/// The beginning of an answer, whose output is not counted yet.
fn start(counts: Option<Counts>) -> Value {
    let counts = counts.map(|counts| Counts { output: 1, reasoning: 0, ..counts });
    json!({"type": "message_start", "message": message(&[], None, counts)})
}

fn message(content: &[Value], reason: Option<&str>, counts: Option<Counts>) -> Value {
    json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": null,
        "usage": counts.map(usage),
    })
}

/// The events of the block at this place, which begins as `block` and goes on with the `deltas`.
fn block(index: usize, block: &Value, deltas: impl Iterator<Item = Value>) -> Vec<Value> {
    let start = json!({"type": "content_block_start", "index": index, "content_block": block});
    let deltas = deltas.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta}));
    let stop = json!({"type": "content_block_stop", "index": index});
    std::iter::once(start).chain(deltas).chain([stop]).collect()
}

fn text_delta(text: &str) -> Value {
    json!({"type": "text_delta", "text": text})
}

/// The words before a failure. Their block is still open.
fn words() -> Vec<Value> {
    let mut events = vec![start(Some(COUNTS))];
    events.extend(block(0, &json!({"type": "text", "text": ""}), std::iter::once(text_delta(WORDS))));
    events.pop();
    events
}

fn events(told: &Told) -> Vec<Value> {
    let (mut events, mut place) = (vec![start(told.usage), json!({"type": "ping"})], 0..);
    let mut next = || place.next().unwrap();
    if let Some(reasoning) = told.reasoning {
        let words = halves(reasoning).map(|half| json!({"type": "thinking_delta", "thinking": half}));
        let proof = told.proof.iter().map(|proof| json!({"type": "signature_delta", "signature": proof}));
        let begun = json!({"type": "thinking", "thinking": "", "signature": ""});
        events.extend(block(next(), &begun, words.chain(proof)));
    }
    if !told.text.is_empty() {
        events.extend(block(next(), &json!({"type": "text", "text": ""}), halves(told.text).map(text_delta)));
    }
    for Call { id, arguments } in &told.calls {
        let parts = halves(arguments).map(|half| json!({"type": "input_json_delta", "partial_json": half}));
        let begun = json!({"type": "tool_use", "id": id, "name": TOOL, "input": {}});
        events.extend(block(next(), &begun, parts));
    }
    let delta = json!({"stop_reason": end_in(REASONS, told.end), "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": delta, "usage": told.usage.map(usage)}));
    events.push(json!({"type": "message_stop"}));
    events
}

fn whole(told: &Told) -> Value {
    let mut content = Vec::new();
    if let Some(reasoning) = told.reasoning {
        content.push(json!({"type": "thinking", "thinking": reasoning, "signature": told.proof}));
    }
    if !told.text.is_empty() {
        content.push(json!({"type": "text", "text": told.text}));
    }
    content.extend(told.calls.iter().map(|Call { id, arguments }| {
        let input: Value = serde_json::from_str(arguments).unwrap();
        json!({"type": "tool_use", "id": id, "name": TOOL, "input": input})
    }));
    message(&content, Some(end_in(REASONS, told.end)), told.usage)
}

/// Anthropic's input tokens are those that the cache had no part in.
fn usage(counts: Counts) -> Value {
    let Counts { input, cached, cache_write, output, reasoning } = counts;
    json!({
        "input_tokens": input - cached - cache_write,
        "cache_creation_input_tokens": cache_write,
        "cache_read_input_tokens": cached,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": reasoning},
    })
}
