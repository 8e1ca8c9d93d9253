//! OpenAI's chat completions.

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};

use crate::doors::caller::{Caller, Fault, Heard, HeardCall, HeardCounts, text_of};
use crate::doors::case::{Call, End, PNG, Said, TOOL, TOOL_DESCRIPTION, Thing, Told, Turn, schema};
use crate::events::data_of_events;
use crate::requests::COMPLETIONS;

pub struct ChatCompletions;

impl Caller for ChatCompletions {
    fn name(&self) -> &'static str {
        "chat-completions"
    }

    fn function(&self) -> &'static str {
        "chat-completions"
    }

    fn cannot_say(&self) -> &'static [Thing] {
        &[Thing::FailedResult, Thing::ImageOfResult, Thing::Proof, Thing::Summary]
    }

    fn cannot_hear(&self) -> &'static [Thing] {
        &[Thing::Proof, Thing::CountOfCacheWrites]
    }

    fn request(&self, model: &str, said: &Said, streamed: bool, more: Value) -> Request {
        let system = said.system.map(|text| json!({"role": "system", "content": text}));
        let mut messages: Vec<Value> = system.into_iter().chain(said.turns.iter().map(message)).collect();
        if let (Some(name), Some(last)) = (said.name, messages.last_mut()) {
            last["name"] = json!(name);
        }
        if let (Some(detail), Some(last)) = (said.detail, messages.last_mut()) {
            last["content"][1]["image_url"]["detail"] = json!(detail);
        }
        let mut body = json!({"model": model, "messages": messages, "stream": streamed});
        if streamed {
            body["stream_options"] = json!({"include_usage": true});
        }
        if said.has_tool {
            let function =
                json!({"name": TOOL, "description": TOOL_DESCRIPTION, "parameters": schema(), "strict": true});
            body["tools"] = json!([{"type": "function", "function": function}]);
        }
        if said.has_schema {
            let format = json!({"name": "city", "schema": schema(), "strict": true});
            body["response_format"] = json!({"type": "json_schema", "json_schema": format});
        }
        let members = [
            ("reasoning_effort", json!(said.effort)),
            ("max_completion_tokens", json!(said.max_output_tokens)),
            ("temperature", json!(said.temperature)),
            ("stop", json!(said.stop)),
            ("seed", json!(said.seed)),
            ("presence_penalty", json!(said.presence_penalty)),
        ];
        let members = members.into_iter().filter(|(_, value)| !value.is_null());
        let body_members = body.as_object_mut().unwrap();
        body_members.extend(members.map(|(name, value)| (name.to_owned(), value)));
        body_members.extend(more.as_object().unwrap().clone());
        Request::post(COMPLETIONS).json(&body)
    }

    fn whole(&self, answer: &Value) -> Heard {
        assert_eq!(answer["object"], "chat.completion");
        let [choice] = &answer["choices"].as_array().unwrap()[..] else { panic!("{answer}") };
        let message = &choice["message"];
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        heard(
            &message["reasoning_content"],
            &[&message["content"], &message["refusal"]].map(|text| text.as_str().unwrap_or_default()).concat(),
            message["refusal"].is_string(),
            calls.map(|call| (call["id"].clone(), call["function"].clone())).collect(),
            &choice["finish_reason"],
            &answer["usage"],
        )
    }

    fn streamed(&self, response: &Response) -> Heard {
        let mut events = data_of_events(&response.body);
        if let Some(error) = events.last().and_then(|event| event.get("error")) {
            let fault = Fault::of(error);
            events.pop();
            return Heard { error: Some(fault), ..together(&events) };
        }
        assert_eq!(events.pop(), Some(json!("[DONE]")));
        together(&events)
    }

    fn error(&self, body: &Value) -> Fault {
        Fault::of(&body["error"])
    }
}

/// The chunks as one answer.
fn together(chunks: &[Value]) -> Heard {
    let (mut reasoning, mut text, mut is_refusal) = (String::new(), String::new(), false);
    let mut calls: Vec<(Value, Value)> = Vec::new();
    let (mut reason, mut usage) = (Value::Null, Value::Null);
    for (place, chunk) in chunks.iter().enumerate() {
        assert_eq!((&chunk["object"], &chunk["id"]), (&json!("chat.completion.chunk"), &chunks[0]["id"]));
        let Some(choice) = chunk["choices"].get(0) else {
            assert_eq!(place, chunks.len() - 1, "the usage comes last");
            usage = chunk["usage"].clone();
            continue;
        };
        assert!(reason.is_null(), "nothing of a choice comes after its end: {chunk}");
        let delta = &choice["delta"];
        assert_eq!(delta.get("role").is_some(), place == 0, "the first chunk says who speaks");
        reasoning.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        text.push_str(delta["content"].as_str().unwrap_or_default());
        is_refusal |= delta["refusal"].is_string();
        text.push_str(delta["refusal"].as_str().unwrap_or_default());
        for part in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = usize::try_from(part["index"].as_u64().unwrap()).unwrap();
            if at == calls.len() {
                calls.push((part["id"].clone(), part["function"].clone()));
            } else {
                let arguments = &mut calls[at].1["arguments"];
                *arguments = json!(text_of(arguments).to_owned() + text_of(&part["function"]["arguments"]));
            }
        }
        reason = choice["finish_reason"].clone();
    }
    heard(&json!(reasoning), &text, is_refusal, calls, &reason, &usage)
}

fn heard(
    reasoning: &Value,
    text: &str,
    is_refusal: bool,
    calls: Vec<(Value, Value)>,
    reason: &Value,
    usage: &Value,
) -> Heard {
    let end = reason.as_str().map(|reason| match reason {
        _ if is_refusal => End::Filtered,
        "stop" => End::Stop,
        "length" => End::Length,
        "tool_calls" => End::Calls,
        "content_filter" => End::Filtered,
        other => panic!("{other}"),
    });
    let call = |(id, function): (Value, Value)| HeardCall {
        id: text_of(&id).to_owned(),
        name: text_of(&function["name"]).to_owned(),
        arguments: serde_json::from_str(text_of(&function["arguments"])).unwrap(),
    };
    Heard {
        reasoning: reasoning.as_str().unwrap_or_default().to_owned(),
        text: text.to_owned(),
        calls: calls.into_iter().map(call).collect(),
        end,
        usage: counts(usage),
        cost: usage["cost"].as_u64(),
        ..Heard::default()
    }
}

/// The counts of a `usage` of chat completions.
pub(super) fn counts(usage: &Value) -> Option<HeardCounts> {
    let count = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} is no count in {usage}"));
    (!usage.is_null()).then(|| HeardCounts {
        input: count(&usage["prompt_tokens"]),
        cached: count(&usage["prompt_tokens_details"]["cached_tokens"]),
        cache_write: None,
        output: count(&usage["completion_tokens"]),
        reasoning: Some(count(&usage["completion_tokens_details"]["reasoning_tokens"])),
    })
}

fn message(turn: &Turn) -> Value {
    match turn {
        Turn::System(text) => json!({"role": "system", "content": text}),
        Turn::User { text, has_image: false } => json!({"role": "user", "content": text}),
        Turn::User { text, has_image: true } => {
            let image = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}});
            json!({"role": "user", "content": [{"type": "text", "text": text}, image]})
        }
        Turn::Reply(Told { reasoning, text, calls, .. }) => {
            let mut message = json!({"role": "assistant", "content": text});
            if let Some(reasoning) = reasoning {
                message["reasoning_content"] = json!(reasoning);
            }
            if !calls.is_empty() {
                message["tool_calls"] = calls.iter().map(call).collect();
            }
            message
        }
        Turn::Result { id, text, .. } => json!({"role": "tool", "tool_call_id": id, "content": text}),
    }
}

fn call(call: &Call) -> Value {
    let Call { id, arguments } = call;
    json!({"id": id, "type": "function", "function": {"name": TOOL, "arguments": arguments}})
}
