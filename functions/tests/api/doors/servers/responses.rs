//! A server of OpenAI's Responses.

use serde_json::{Value, json};
use shared::domain::reasoning_proof::ProofKind;

use crate::doors::case::{Call, Counts, End, Failure, Script, TOOL, Thing, Told, WORDS};
use crate::doors::server::{
    Arrived, ArrivedTurn, REASONING_ID, Served, Server, arguments, halves, named_events, number, text,
};

pub struct Responses;

impl Server for Responses {
    fn name(&self) -> &'static str {
        "responses"
    }

    fn provider(&self, address: &str) -> Value {
        json!({"protocol": "openai", "responses": true, "base_url": format!("{address}/v1")})
    }

    fn model(&self, door: &str) -> String {
        format!("model-of-{door}")
    }

    fn cannot_tell(&self) -> &'static [Thing] {
        &[]
    }

    fn proof_kind(&self) -> Option<ProofKind> {
        Some(ProofKind::Encrypted)
    }

    fn answer(&self, script: &Script, streamed: bool) -> Served {
        match script {
            Script::Tells(told) if streamed => Served::events(named_events(&events(told))),
            Script::Tells(told) => Served::json(&whole(told)),
            Script::Fails(Failure::Status(status)) => Served::json(&error()).status(*status),
            Script::Fails(failure) => {
                let body = match failure {
                    Failure::ErrorAfterWords => [words(), vec![failed()]].concat(),
                    failure if failure.is_after_words() => words(),
                    _ => Vec::new(),
                };
                Served::events(named_events(&body)).after(*failure)
            }
        }
    }

    fn asked(&self, path: &str, body: &Value) -> (String, bool) {
        assert_eq!((path, &body["store"]), ("/v1/responses", &json!(false)));
        (text(&body["model"]), body["stream"] == true)
    }

    fn arrived(&self, body: &Value) -> Arrived {
        let mut arrived = Arrived {
            tools: body["tools"].as_array().into_iter().flatten().map(|tool| text(&tool["name"])).collect(),
            has_schema: body["text"]["format"]["type"] == "json_schema",
            reasons: body["reasoning"]["effort"].is_string(),
            wants_summary: body["reasoning"]["summary"] == "auto",
            max_output_tokens: number(&body["max_output_tokens"]),
            temperature: body["temperature"].as_f64(),
            ..Arrived::default()
        };
        for item in body["input"].as_array().unwrap() {
            let (words, images) = content(&item["content"]);
            let mut parts = item["content"].as_array().into_iter().flatten();
            let detail = parts.find_map(|part| part["detail"].as_str()).filter(|detail| *detail != "auto");
            arrived.detail = detail.map(str::to_owned).or(arrived.detail);
            match (text(&item["type"]).as_str(), item["role"].as_str()) {
                ("message", Some("developer")) if arrived.turns.is_empty() => arrived.system += &words,
                ("message", Some("developer")) => arrived.turns.push(ArrivedTurn::System(words)),
                ("message", Some("user")) => arrived.turns.push(ArrivedTurn::User { text: words, images }),
                ("function_call_output", None) => {
                    let (text, images) = content(&item["output"]);
                    arrived.turns.push(ArrivedTurn::Result { text, is_error: false, images });
                }
                (kind, _) => add_to_reply(&mut arrived.turns, kind, item, &words),
            }
        }
        arrived
    }
}

/// Adds an item of the model's. Those in a row are one turn.
fn add_to_reply(turns: &mut Vec<ArrivedTurn>, kind: &str, item: &Value, words: &str) {
    if !matches!(turns.last(), Some(ArrivedTurn::Reply { .. })) {
        turns.push(ArrivedTurn::Reply {
            reasoning: String::new(),
            text: String::new(),
            calls: Vec::new(),
            proofs: Vec::new(),
        });
    }
    let Some(ArrivedTurn::Reply { reasoning, text: all, calls, proofs }) = turns.last_mut() else { return };
    match kind {
        "message" => all.push_str(words),
        "function_call" => calls.push((text(&item["name"]), arguments(&item["arguments"]))),
        "reasoning" => {
            assert_eq!(item["id"], REASONING_ID);
            reasoning.extend(item["summary"].as_array().unwrap().iter().map(|part| text(&part["text"])));
            proofs.push(text(&item["encrypted_content"]));
        }
        other => panic!("{other}"),
    }
}

/// The words of a content and the number of its images.
fn content(content: &Value) -> (String, usize) {
    match content {
        Value::String(words) => (words.clone(), 0),
        parts => {
            let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
            let words = parts.iter().filter_map(|part| part["text"].as_str());
            (words.collect(), parts.iter().filter(|part| part["type"] == "input_image").count())
        }
    }
}

fn error() -> Value {
    json!({"error": {"message": "no", "type": "server_error", "param": null, "code": null}})
}

fn failed() -> Value {
    let error = json!({"code": "server_error", "message": "no"});
    json!({"type": "response.failed", "response": response("failed", &[], &json!({"error": error}))})
}

/// A response at one of its stages.
fn response(status: &str, output: &[Value], more: &Value) -> Value {
    let mut response = json!({"id": "resp_1", "object": "response", "status": status, "output": output});
    response.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    response
}

fn created() -> Value {
    json!({"type": "response.created", "response": response("in_progress", &[], &json!({}))})
}

/// The events of the item at this place: it begins as `begun`, goes on with the `deltas`, and is the `whole` item at its end.
fn item(place: usize, begun: &Value, deltas: impl Iterator<Item = Value>, whole: &Value) -> Vec<Value> {
    let start = json!({"type": "response.output_item.added", "output_index": place, "item": begun});
    let deltas = deltas.map(|mut delta| {
        delta["output_index"] = json!(place);
        delta
    });
    let stop = json!({"type": "response.output_item.done", "output_index": place, "item": whole});
    std::iter::once(start).chain(deltas).chain([stop]).collect()
}

fn delta(kind: &str, words: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "delta": words})
}

/// The words before a failure. Their item is still open.
fn words() -> Vec<Value> {
    let begun = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []});
    let mut events = vec![created()];
    events.extend(item(0, &begun, std::iter::once(delta("output_text", WORDS)), &Value::Null));
    events.pop();
    events
}

fn events(told: &Told) -> Vec<Value> {
    let mut events = vec![created()];
    let whole = whole(told);
    for (place, output) in whole["output"].as_array().unwrap().iter().enumerate() {
        let (mut begun, deltas): (Value, Vec<Value>) = match output["type"].as_str().unwrap() {
            "reasoning" => {
                let halves = halves(told.reasoning.unwrap_or_default());
                let summary = |words| {
                    let mut delta = delta("reasoning_summary_text", words);
                    delta["summary_index"] = json!(0);
                    delta
                };
                (json!({"summary": [], "encrypted_content": null}), halves.map(summary).collect())
            }
            "message" => {
                let kind = if told.is_refusal { "refusal" } else { "output_text" };
                (json!({"content": []}), halves(told.text).map(|half| delta(kind, half)).collect())
            }
            _ => {
                let parts = halves(output["arguments"].as_str().unwrap());
                (json!({"arguments": ""}), parts.map(|half| delta("function_call_arguments", half)).collect())
            }
        };
        let mut members = output.as_object().unwrap().clone();
        members.append(begun.as_object_mut().unwrap());
        events.extend(item(place, &Value::Object(members), deltas.into_iter(), output));
    }
    let kind = format!("response.{}", text(&whole["status"]));
    events.push(json!({"type": kind, "response": whole}));
    events
}

fn whole(told: &Told) -> Value {
    let mut output = Vec::new();
    if let Some(reasoning) = told.reasoning {
        let summary = json!([{"type": "summary_text", "text": reasoning}]);
        let proof = &told.proof;
        output.push(json!({"type": "reasoning", "id": REASONING_ID, "summary": summary, "encrypted_content": proof}));
    }
    if !told.text.is_empty() {
        let part = if told.is_refusal {
            json!({"type": "refusal", "refusal": told.text})
        } else {
            json!({"type": "output_text", "text": told.text, "annotations": []})
        };
        output.push(json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}));
    }
    output.extend(told.calls.iter().map(|Call { id, arguments }| {
        json!({"type": "function_call", "id": "fc_1", "call_id": id, "name": TOOL, "arguments": arguments})
    }));
    let (status, reason) = match told.end {
        End::Filtered if told.is_refusal => ("completed", None),
        End::Stop | End::Calls => ("completed", None),
        End::Length => ("incomplete", Some("max_output_tokens")),
        End::Filtered => ("incomplete", Some("content_filter")),
    };
    let details = reason.map(|reason| json!({"reason": reason}));
    response(status, &output, &json!({"incomplete_details": details, "usage": told.usage.map(usage)}))
}

fn usage(counts: Counts) -> Value {
    let Counts { input, cached, cache_write, output, reasoning } = counts;
    json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": cache_write},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input + output,
    })
}
