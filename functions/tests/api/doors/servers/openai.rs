//! A server of OpenAI's chat completions.

use serde_json::{Value, json};

use crate::doors::case::{Call, Counts, Failure, Script, TOOL, Thing, Told, WORDS};
use crate::doors::server::{Arrived, ArrivedTurn, Served, Server, arguments, end_in, halves, number, text};

const REASONS: [&str; 4] = ["stop", "length", "tool_calls", "content_filter"];

pub struct OpenAi;

impl Server for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn provider(&self, address: &str) -> Value {
        json!({"protocol": "openai", "base_url": format!("{address}/v1")})
    }

    fn model(&self, door: &str) -> String {
        format!("model-of-{door}")
    }

    fn cannot_tell(&self) -> &'static [Thing] {
        &[Thing::Proof]
    }

    fn answer(&self, script: &Script, streamed: bool) -> Served {
        let words = || chunk(&json!({"content": WORDS}), None);
        match script {
            Script::Tells(told) if streamed => Served::events(events(&chunks(told)) + "data: [DONE]\n\n"),
            Script::Tells(told) => Served::json(&whole(told)),
            Script::Fails(Failure::Status(status)) => Served::json(&error()).status(*status),
            Script::Fails(failure) => {
                let body = match failure {
                    Failure::ErrorAfterWords => events(&[words(), error()]),
                    Failure::NoEnd => events(&[words()]) + "data: [DONE]\n\n",
                    failure if failure.is_after_words() => events(&[words()]),
                    _ => String::new(),
                };
                Served::events(body).after(*failure)
            }
        }
    }

    fn asked(&self, path: &str, body: &Value) -> (String, bool) {
        assert_eq!(path, "/v1/chat/completions");
        (body["model"].as_str().unwrap().to_owned(), body["stream"] == true)
    }

    fn arrived(&self, body: &Value) -> Arrived {
        let mut arrived = Arrived {
            tools: names(&body["tools"]),
            has_schema: body["response_format"]["type"] == "json_schema",
            reasons: body.get("reasoning_effort").is_some(),
            max_output_tokens: number(&body["max_tokens"]),
            temperature: body["temperature"].as_f64(),
            stops: body["stop"].as_array().into_iter().flatten().map(text).collect(),
            seed: body["seed"].as_u64(),
            presence_penalty: body["presence_penalty"].as_f64(),
            ..Arrived::default()
        };
        for message in body["messages"].as_array().unwrap() {
            let (words, images) = content(&message["content"]);
            arrived.name = message["name"].as_str().map(str::to_owned).or(arrived.name);
            let parts = message["content"].as_array().into_iter().flatten();
            arrived.detail = parts
                .filter_map(|part| part["image_url"]["detail"].as_str())
                .map(str::to_owned)
                .next()
                .or(arrived.detail);
            let calls = message["tool_calls"].as_array().into_iter().flatten();
            let calls = calls.map(|call| (text(&call["function"]["name"]), arguments(&call["function"]["arguments"])));
            match message["role"].as_str().unwrap() {
                "system" if arrived.turns.is_empty() => arrived.system += &words,
                "system" => arrived.turns.push(ArrivedTurn::System(words)),
                "user" => arrived.turns.push(ArrivedTurn::User { text: words, images }),
                "tool" => arrived.turns.push(ArrivedTurn::Result { text: words, is_error: false, images }),
                "assistant" => {
                    let reasoning = message["reasoning_content"].as_str().unwrap_or_default().to_owned();
                    let calls = calls.collect();
                    arrived.turns.push(ArrivedTurn::Reply { reasoning, text: words, calls, proofs: Vec::new() });
                }
                other => panic!("{other}"),
            }
        }
        arrived
    }
}

fn names(tools: &Value) -> Vec<String> {
    tools.as_array().into_iter().flatten().map(|tool| text(&tool["function"]["name"])).collect()
}

/// The words of a content and the number of its images.
fn content(content: &Value) -> (String, usize) {
    match content {
        Value::Null => (String::new(), 0),
        Value::String(words) => (words.clone(), 0),
        parts => {
            let parts = parts.as_array().unwrap();
            let words = parts.iter().filter_map(|part| part["text"].as_str());
            (words.collect(), parts.iter().filter(|part| part["type"] == "image_url").count())
        }
    }
}

fn error() -> Value {
    json!({"error": {"message": "no", "type": "server_error", "code": null}})
}

fn chunk(delta: &Value, reason: Option<&str>) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}

fn events(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect::<Vec<_>>().concat()
}

fn chunks(told: &Told) -> Vec<Value> {
    let mut chunks = vec![chunk(&json!({"role": "assistant", "content": ""}), None)];
    let words = if told.is_refusal { "refusal" } else { "content" };
    for (member, text) in [("reasoning_content", told.reasoning.unwrap_or_default()), (words, told.text)] {
        chunks.extend(halves(text).map(|half| chunk(&json!({member: half}), None)));
    }
    for (index, Call { id, arguments }) in told.calls.iter().enumerate() {
        let function = json!({"name": TOOL, "arguments": ""});
        let first = json!({"index": index, "id": id, "type": "function", "function": function});
        chunks.push(chunk(&json!({"tool_calls": [first]}), None));
        chunks.extend(
            halves(arguments)
                .map(|half| chunk(&json!({"tool_calls": [{"index": index, "function": {"arguments": half}}]}), None)),
        );
    }
    chunks.push(chunk(&json!({}), Some(reason(told))));
    chunks.extend(told.usage.map(|counts| json!({"choices": [], "usage": usage(counts)})));
    chunks
}

fn whole(told: &Told) -> Value {
    let call = |Call { id, arguments }: &Call| json!({"id": id, "type": "function", "function": {"name": TOOL, "arguments": arguments}});
    let mut message = json!({"role": "assistant", "content": told.text, "reasoning_content": told.reasoning});
    if told.is_refusal {
        message["content"] = Value::Null;
        message["refusal"] = json!(told.text);
    }
    if !told.calls.is_empty() {
        message["tool_calls"] = told.calls.iter().map(call).collect();
    }
    let choice = json!({"index": 0, "message": message, "finish_reason": reason(told)});
    json!({"choices": [choice], "usage": told.usage.map(usage)})
}

/// A refusal has a member of its own, and ends as any reply.
fn reason(told: &Told) -> &'static str {
    if told.is_refusal { "stop" } else { end_in(REASONS, told.end) }
}

fn usage(counts: Counts) -> Value {
    let Counts { input, cached, cache_write, output, reasoning } = counts;
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": cache_write},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    })
}
