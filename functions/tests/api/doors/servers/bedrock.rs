//! Amazon Bedrock, by Converse.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};

use crate::doors::case::{Call, Counts, Failure, Script, TOOL, Thing, Told, WORDS};
use crate::doors::server::{Arrived, ArrivedTurn, Served, Server, end_in, halves, number, text};

const REASONS: [&str; 4] = ["end_turn", "max_tokens", "tool_use", "content_filtered"];

pub struct Bedrock;

impl Server for Bedrock {
    fn name(&self) -> &'static str {
        "bedrock"
    }

    /// Its address is the environment's.
    fn provider(&self, _address: &str) -> Value {
        json!({"protocol": "bedrock", "region": "eu-central-1"})
    }

    /// A name by which the client knows how the model is told to reason.
    fn model(&self, door: &str) -> String {
        format!("{door}.anthropic.claude-haiku-4-5-20251001-v1:0")
    }

    fn cannot_tell(&self) -> &'static [Thing] {
        &[Thing::CountOfReasoning, Thing::Proof, Thing::Refusal]
    }

    fn answer(&self, script: &Script, streamed: bool) -> Served {
        let words = || event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": WORDS}}));
        match script {
            Script::Tells(told) if streamed => stream(events(told)),
            Script::Tells(told) => Served::json(&whole(told)),
            Script::Fails(Failure::Status(status)) => {
                let error = Served::json(&json!({"message": "no"})).status(*status);
                Served { headers: vec![("x-amzn-errortype", exception_of(*status))], ..error }
            }
            Script::Fails(failure) => {
                let body = match failure {
                    Failure::ErrorAfterWords => [words(), exception("modelStreamErrorException")].concat(),
                    failure if failure.is_after_words() => words(),
                    _ => Vec::new(),
                };
                stream(body).after(*failure)
            }
        }
    }

    fn asked(&self, path: &str, _body: &Value) -> (String, bool) {
        let (model, operation) = path.strip_prefix("/model/").unwrap().rsplit_once('/').unwrap();
        (model.replace("%3A", ":"), operation == "converse-stream")
    }

    fn arrived(&self, body: &Value) -> Arrived {
        let inference = &body["inferenceConfig"];
        let texts = |blocks: &Value| -> String {
            blocks.as_array().into_iter().flatten().filter_map(|block| block["text"].as_str()).collect()
        };
        let tools = body["toolConfig"]["tools"].as_array().into_iter().flatten();
        let mut turns = Vec::new();
        for message in body["messages"].as_array().unwrap() {
            let blocks = message["content"].as_array().unwrap();
            let words = texts(&message["content"]);
            if message["role"] == "assistant" {
                let calls = blocks.iter().filter_map(|block| block.get("toolUse"));
                let calls = calls.map(|call| (text(&call["name"]), call["input"].clone())).collect();
                turns.push(ArrivedTurn::Reply { reasoning: String::new(), text: words, calls, proofs: proofs(blocks) });
                continue;
            }
            turns.extend(blocks.iter().filter_map(|block| block.get("toolResult")).map(|result| {
                let content = result["content"].as_array().unwrap();
                ArrivedTurn::Result {
                    text: texts(&result["content"]),
                    is_error: result["status"] == "error",
                    images: content.iter().filter(|block| block.get("image").is_some()).count(),
                }
            }));
            let images = blocks.iter().filter(|block| block.get("image").is_some()).count();
            if !words.is_empty() || images > 0 {
                turns.push(ArrivedTurn::User { text: words, images });
            }
        }
        Arrived {
            system: texts(&body["system"]),
            turns,
            tools: tools.map(|tool| text(&tool["toolSpec"]["name"])).collect(),
            has_schema: body["outputConfig"]["textFormat"]["type"] == "json_schema",
            reasons: body["additionalModelRequestFields"].get("thinking").is_some(),
            max_output_tokens: number(&inference["maxTokens"]),
            temperature: inference["temperature"].as_f64(),
            stops: inference["stopSequences"].as_array().into_iter().flatten().map(text).collect(),
            ..Arrived::default()
        }
    }
}

fn proofs(blocks: &[Value]) -> Vec<String> {
    let signatures = blocks.iter().filter_map(|block| block["reasoningContent"]["reasoningText"]["signature"].as_str());
    signatures.map(str::to_owned).collect()
}

fn exception_of(status: u16) -> &'static str {
    match status {
        400 => "ValidationException",
        401 | 403 => "AccessDeniedException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

fn stream(body: Vec<u8>) -> Served {
    Served::ok("application/vnd.amazon.eventstream", body)
}

/// A message of a stream.
fn message(type_header: &'static str, kind: &'static str, name: &'static str, payload: &Value) -> Vec<u8> {
    let header = |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let message = Message::new(payload.to_string().into_bytes())
        .add_header(header(":message-type", kind))
        .add_header(header(type_header, name))
        .add_header(header(":content-type", "application/json"));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

fn event(name: &'static str, payload: &Value) -> Vec<u8> {
    message(":event-type", "event", name, payload)
}

fn exception(name: &'static str) -> Vec<u8> {
    message(":exception-type", "exception", name, &json!({"message": "no"}))
}

fn events(told: &Told) -> Vec<u8> {
    let mut bytes = event("messageStart", &json!({"role": "assistant"}));
    let delta =
        |block: usize, delta: &Value| event("contentBlockDelta", &json!({"contentBlockIndex": block, "delta": delta}));
    let stop = |block: usize| event("contentBlockStop", &json!({"contentBlockIndex": block}));
    for half in halves(told.reasoning.unwrap_or_default()) {
        bytes.extend(delta(0, &json!({"reasoningContent": {"text": half}})));
    }
    if let Some(proof) = &told.proof {
        bytes.extend(delta(0, &json!({"reasoningContent": {"signature": proof}})));
    }
    bytes.extend(halves(told.text).flat_map(|half| delta(1, &json!({"text": half}))));
    for (block, Call { id, arguments }) in (2..).zip(&told.calls) {
        let start = json!({"toolUse": {"toolUseId": id, "name": TOOL}});
        bytes.extend(event("contentBlockStart", &json!({"contentBlockIndex": block, "start": start})));
        bytes.extend(halves(arguments).flat_map(|half| delta(block, &json!({"toolUse": {"input": half}}))));
        bytes.extend(stop(block));
    }
    bytes.extend(event("messageStop", &json!({"stopReason": end_in(REASONS, told.end)})));
    if let Some(counts) = told.usage {
        bytes.extend(event("metadata", &json!({"usage": usage(counts), "metrics": {"latencyMs": 1}})));
    }
    bytes
}

fn whole(told: &Told) -> Value {
    let mut content = Vec::new();
    if let Some(reasoning) = told.reasoning {
        let text = json!({"text": reasoning, "signature": told.proof});
        content.push(json!({"reasoningContent": {"reasoningText": text}}));
    }
    if !told.text.is_empty() {
        content.push(json!({"text": told.text}));
    }
    content.extend(told.calls.iter().map(|Call { id, arguments }| {
        let input: Value = serde_json::from_str(arguments).unwrap();
        json!({"toolUse": {"toolUseId": id, "name": TOOL, "input": input}})
    }));
    let mut answer = json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": end_in(REASONS, told.end),
    });
    if let Some(counts) = told.usage {
        answer["usage"] = usage(counts);
    }
    answer
}

/// Bedrock's input tokens are those that the cache had no part in.
fn usage(counts: Counts) -> Value {
    let Counts { input, cached, cache_write, output, .. } = counts;
    json!({
        "inputTokens": input - cached - cache_write,
        "outputTokens": output,
        "totalTokens": input + output,
        "cacheReadInputTokens": cached,
        "cacheWriteInputTokens": cache_write,
    })
}
