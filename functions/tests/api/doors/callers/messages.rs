//! Anthropic's messages.

use serde_json::{Value, json};
use shared::domain::reasoning_proof::ProofKind;
use testkit::gateway::{Request, Response};

use crate::doors::caller::{Caller, Fault, Heard, HeardCall, HeardCounts, text_of};
use crate::doors::case::{Call, End, PNG, Said, TOOL, TOOL_DESCRIPTION, Thing, Told, Turn, schema};
use crate::doors::expected::MAX_OUTPUT_TOKENS;
use crate::events::data_of_events;
use crate::requests::MESSAGES;

/// The tokens of reasoning that are as much as the effort of every case.
const BUDGET_TOKENS: u64 = 2000;

pub struct Messages;

impl Caller for Messages {
    fn name(&self) -> &'static str {
        "messages"
    }

    fn function(&self) -> &'static str {
        "anthropic-messages"
    }

    fn cannot_say(&self) -> &'static [Thing] {
        &[Thing::Seed, Thing::Penalty, Thing::HighTemperature, Thing::Name, Thing::Detail]
    }

    fn cannot_hear(&self) -> &'static [Thing] {
        &[]
    }

    fn proof_kind(&self) -> Option<ProofKind> {
        Some(ProofKind::Signature)
    }

    fn request(&self, model: &str, said: &Said, streamed: bool, more: Value) -> Request {
        let max_tokens = said.max_output_tokens.unwrap_or(MAX_OUTPUT_TOKENS);
        let messages = messages(&said.turns);
        let mut body = json!({"model": model, "max_tokens": max_tokens, "messages": messages, "stream": streamed});
        if said.has_tool {
            let tool = json!({"name": TOOL, "description": TOOL_DESCRIPTION, "input_schema": schema(), "strict": true});
            body["tools"] = json!([tool]);
        }
        if said.has_schema {
            body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema()}});
        }
        if let Some(effort) = said.effort {
            assert_eq!(effort, "low");
            let display = said.wants_summary.then_some("summarized");
            body["thinking"] = json!({"type": "enabled", "budget_tokens": BUDGET_TOKENS, "display": display});
        }
        let members = [
            ("system", json!(said.system)),
            ("temperature", json!(said.temperature)),
            ("stop_sequences", said.stop.map_or(Value::Null, |stop| json!([stop]))),
        ];
        let members = members.into_iter().filter(|(_, value)| !value.is_null());
        let body_members = body.as_object_mut().unwrap();
        body_members.extend(members.map(|(name, value)| (name.to_owned(), value)));
        body_members.extend(more.as_object().unwrap().clone());
        Request::post(MESSAGES).json(&body)
    }

    fn whole(&self, answer: &Value) -> Heard {
        assert_eq!((&answer["type"], &answer["role"]), (&json!("message"), &json!("assistant")));
        let blocks = answer["content"].as_array().unwrap();
        Heard { usage: Some(counts(&answer["usage"])), cost: answer["usage"]["cost"].as_u64(), ..heard(blocks, answer) }
    }

    fn streamed(&self, response: &Response) -> Heard {
        let mut events: Vec<Value> = data_of_events(&response.body).iter().filter_map(named).collect();
        let last = events.pop().unwrap();
        if last["type"] == "error" {
            return Heard { error: Some(self.error(&last)), ..together(&events) };
        }
        assert_eq!(last, json!({"type": "message_stop"}));
        together(&events)
    }

    fn error(&self, body: &Value) -> Fault {
        assert_eq!(body["type"], "error");
        Fault::of(&body["error"])
    }

    fn parameter(&self, name: &'static str) -> &'static str {
        if name == "stop" { "stop_sequences" } else { name }
    }
}

/// The data of an event, which has the event's name as its type. Pings say nothing.
fn named(event: &Value) -> Option<Value> {
    let (name, data) = event.as_object().unwrap().iter().next().unwrap();
    assert_eq!(text_of(&data["type"]), name);
    (name != "ping").then(|| data.clone())
}

/// The events as one answer.
fn together(events: &[Value]) -> Heard {
    let (first, events) = events.split_first().unwrap();
    assert_eq!((&first["type"], &first["message"]["content"]), (&json!("message_start"), &json!([])));
    let (mut blocks, mut is_open): (Vec<Value>, bool) = (Vec::new(), false);
    for (place, event) in events.iter().enumerate() {
        match text_of(&event["type"]) {
            "content_block_start" => {
                assert!(!is_open && event["index"] == blocks.len(), "{event}");
                blocks.push(event["content_block"].clone());
                is_open = true;
            }
            "content_block_delta" => {
                assert!(is_open && event["index"] == blocks.len() - 1, "{event}");
                go_on(blocks.last_mut().unwrap(), &event["delta"]);
            }
            "content_block_stop" => {
                assert!(is_open && event["index"] == blocks.len() - 1, "{event}");
                is_open = false;
            }
            "message_delta" => {
                assert!(!is_open && place == events.len() - 1, "the end comes last: {event}");
                let (usage, cost) = (Some(counts(&event["usage"])), event["usage"]["cost"].as_u64());
                return Heard { usage, cost, ..heard(&complete(blocks), &event["delta"]) };
            }
            other => panic!("{other}"),
        }
    }
    assert!(!is_open, "an error comes after the end of the block");
    heard(&complete(blocks), &Value::Null)
}

/// Adds the next part of a block.
fn go_on(block: &mut Value, delta: &Value) {
    let (kind, member) = match text_of(&delta["type"]) {
        "text_delta" => ("text", "text"),
        "thinking_delta" => ("thinking", "thinking"),
        "signature_delta" => ("thinking", "signature"),
        "input_json_delta" => ("tool_use", "partial_json"),
        other => panic!("{other}"),
    };
    assert_eq!(block["type"], kind);
    block[member] = json!(block[member].as_str().unwrap_or_default().to_owned() + text_of(&delta[member]));
}

/// The blocks with the inputs of calls that came in parts.
fn complete(mut blocks: Vec<Value>) -> Vec<Value> {
    for block in blocks.iter_mut().filter(|block| block["type"] == "tool_use") {
        if let Some(json) = block["partial_json"].as_str() {
            block["input"] = serde_json::from_str(json).unwrap();
        }
    }
    blocks
}

/// The answer of these blocks, whose end is in `ended`.
fn heard(blocks: &[Value], ended: &Value) -> Heard {
    let mut heard = Heard { end: ended["stop_reason"].as_str().map(end), ..Heard::default() };
    for block in blocks {
        match text_of(&block["type"]) {
            "text" => heard.text.push_str(text_of(&block["text"])),
            "thinking" => {
                heard.reasoning.push_str(text_of(&block["thinking"]));
                let signature = Some(text_of(&block["signature"])).filter(|signature| !signature.is_empty());
                heard.proofs.extend(signature.map(str::to_owned));
            }
            "tool_use" => heard.calls.push(HeardCall {
                id: text_of(&block["id"]).to_owned(),
                name: text_of(&block["name"]).to_owned(),
                arguments: block["input"].clone(),
            }),
            other => panic!("{other}"),
        }
    }
    heard
}

fn end(reason: &str) -> End {
    match reason {
        "end_turn" => End::Stop,
        "max_tokens" => End::Length,
        "tool_use" => End::Calls,
        "refusal" => End::Filtered,
        other => panic!("{other}"),
    }
}

/// The counts of a `usage`. What the cache had and got is no part of its `input_tokens`.
fn counts(usage: &Value) -> HeardCounts {
    let count = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} is no count in {usage}"));
    let (cached, cache_write) =
        (count(&usage["cache_read_input_tokens"]), count(&usage["cache_creation_input_tokens"]));
    HeardCounts {
        input: count(&usage["input_tokens"]) + cached + cache_write,
        cached,
        cache_write: Some(cache_write),
        output: count(&usage["output_tokens"]),
        reasoning: Some(count(&usage["output_tokens_details"]["thinking_tokens"])),
    }
}

/// The messages. Results in a row, and what the user says beside them, are one.
fn messages(turns: &[Turn]) -> Vec<Value> {
    let sides = turns.chunk_by(|one, next| matches!((one, next), (Turn::Result { .. }, Turn::Result { .. })));
    sides
        .map(|turns| match turns {
            [Turn::System(text)] => json!({"role": "system", "content": text}),
            [Turn::Reply(told)] => json!({"role": "assistant", "content": reply(told)}),
            [Turn::User { text, has_image: false }] => json!({"role": "user", "content": text}),
            turns => json!({"role": "user", "content": turns.iter().flat_map(blocks).collect::<Vec<_>>()}),
        })
        .collect()
}

fn blocks(turn: &Turn) -> Vec<Value> {
    match turn {
        Turn::User { text, has_image } => with_image(text, *has_image),
        Turn::Result { id, text, is_error, has_image } => {
            let content = with_image(text, *has_image);
            vec![json!({"type": "tool_result", "tool_use_id": id, "content": content, "is_error": is_error})]
        }
        Turn::System(_) | Turn::Reply(_) => unreachable!("it is a message of its own"),
    }
}

fn with_image(text: &str, has_image: bool) -> Vec<Value> {
    let source = json!({"type": "base64", "media_type": "image/png", "data": PNG});
    let image = has_image.then(|| json!({"type": "image", "source": source}));
    std::iter::once(json!({"type": "text", "text": text})).chain(image).collect()
}

fn reply(told: &Told) -> Vec<Value> {
    let Told { reasoning, proof, text, calls, .. } = told;
    let thinking = reasoning
        .map(|words| json!({"type": "thinking", "thinking": words, "signature": proof.as_deref().unwrap_or_default()}));
    let text = Some(text).filter(|text| !text.is_empty()).map(|text| json!({"type": "text", "text": text}));
    let call = |Call { id, arguments }: &Call| {
        let input: Value = serde_json::from_str(arguments).unwrap();
        json!({"type": "tool_use", "id": id, "name": TOOL, "input": input})
    };
    thinking.into_iter().chain(text).chain(calls.iter().map(call)).collect()
}
