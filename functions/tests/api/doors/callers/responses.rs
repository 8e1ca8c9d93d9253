//! OpenAI's Responses.

use serde_json::{Value, json};
use shared::domain::reasoning_proof::ProofKind;
use testkit::gateway::{Request, Response};

use crate::doors::caller::{Caller, Fault, Heard, HeardCall, HeardCounts, text_of};
use crate::doors::case::{Call, End, PNG, Said, TOOL, TOOL_DESCRIPTION, Thing, Told, Turn, schema};
use crate::events::data_of_events;
use crate::requests::RESPONSES;

pub struct Responses;

impl Caller for Responses {
    fn name(&self) -> &'static str {
        "responses"
    }

    fn function(&self) -> &'static str {
        "openai-responses"
    }

    fn cannot_say(&self) -> &'static [Thing] {
        &[Thing::FailedResult, Thing::Stop, Thing::Seed, Thing::Penalty, Thing::Name]
    }

    fn cannot_hear(&self) -> &'static [Thing] {
        &[]
    }

    fn proof_kind(&self) -> Option<ProofKind> {
        Some(ProofKind::Encrypted)
    }

    fn request(&self, model: &str, said: &Said, streamed: bool, more: Value) -> Request {
        let mut input: Vec<Value> = said.turns.iter().flat_map(items).collect();
        if let (Some(detail), Some(last)) = (said.detail, input.last_mut()) {
            last["content"][1]["detail"] = json!(detail);
        }
        let include = ["reasoning.encrypted_content"];
        let mut body = json!({"model": model, "input": input, "store": false, "include": include, "stream": streamed});
        if said.has_tool {
            let parameters = schema();
            body["tools"] = json!([{
                "type": "function",
                "name": TOOL,
                "description": TOOL_DESCRIPTION,
                "parameters": parameters,
                "strict": true,
            }]);
        }
        if said.has_schema {
            let format = json!({"type": "json_schema", "name": "city", "schema": schema(), "strict": true});
            body["text"] = json!({"format": format});
        }
        if let Some(effort) = said.effort {
            let summary = said.wants_summary.then_some("auto");
            body["reasoning"] = json!({"effort": effort, "summary": summary});
        }
        let members = [
            ("instructions", json!(said.system)),
            ("max_output_tokens", json!(said.max_output_tokens)),
            ("temperature", json!(said.temperature)),
        ];
        let members = members.into_iter().filter(|(_, value)| !value.is_null());
        let body_members = body.as_object_mut().unwrap();
        body_members.extend(members.map(|(name, value)| (name.to_owned(), value)));
        body_members.extend(more.as_object().unwrap().clone());
        Request::post(RESPONSES).json(&body)
    }

    fn whole(&self, answer: &Value) -> Heard {
        let items = answer["output"].as_array().unwrap();
        heard(items, answer)
    }

    fn streamed(&self, response: &Response) -> Heard {
        let events: Vec<Value> = data_of_events(&response.body).iter().enumerate().map(numbered).collect();
        let (last, events) = events.split_last().unwrap();
        let items = together(events);
        if last["type"] == "response.failed" {
            let (error, events) = events.split_last().unwrap();
            assert!(error["type"] == "error" && events.iter().all(|event| event["type"] != "error"), "{error}");
            assert_eq!(last["response"]["status"], "failed");
            return Heard { error: Some(Fault::of(error)), end: None, ..heard(&items, &last["response"]) };
        }
        let response = &last["response"];
        assert_eq!(last["type"], format!("response.{}", text_of(&response["status"])));
        assert_eq!(response["output"], json!(items), "the last event has what came before");
        heard(&items, response)
    }

    fn tells_final_failures_in_events(&self) -> bool {
        true
    }

    fn error(&self, body: &Value) -> Fault {
        Fault::of(&body["error"])
    }
}

/// The data of an event, which has the event's name as its type and the event's place as its number.
fn numbered((place, event): (usize, &Value)) -> Value {
    let (name, data) = event.as_object().unwrap().iter().next().unwrap();
    assert_eq!((text_of(&data["type"]), &data["sequence_number"]), (name.as_str(), &json!(place)));
    data.clone()
}

/// The items that the events before the last tell of.
fn together(events: &[Value]) -> Vec<Value> {
    let kinds = ["response.created", "response.in_progress"];
    assert_eq!([&events[0]["type"], &events[1]["type"]], kinds);
    let mut items: Vec<StreamedItem> = Vec::new();
    for event in events[2..].iter().filter(|event| event["type"] != "error") {
        let place = usize::try_from(event["output_index"].as_u64().unwrap()).unwrap();
        if event["type"] == "response.output_item.added" {
            assert_eq!(place, items.len());
            items.push(StreamedItem::new(&event["item"]));
        } else {
            items[place].go_on(event);
        }
    }
    items.into_iter().map(StreamedItem::whole).collect()
}

/// An item of which parts come.
struct StreamedItem {
    id: Value,
    words: String,
    whole: Option<Value>,
}

impl StreamedItem {
    fn new(item: &Value) -> Self {
        assert_eq!(item["status"], "in_progress");
        Self { id: item["id"].clone(), words: String::new(), whole: None }
    }

    fn go_on(&mut self, event: &Value) {
        assert!(self.whole.is_none(), "nothing of an item comes after its end: {event}");
        if event["type"] == "response.output_item.done" {
            let item = &event["item"];
            assert_eq!((&item["id"], &words_of(item)), (&self.id, &self.words));
            self.whole = Some(item.clone());
            return;
        }
        assert_eq!(event["item_id"], self.id);
        self.words.push_str(event["delta"].as_str().unwrap_or_default());
    }

    fn whole(self) -> Value {
        self.whole.unwrap_or_else(|| panic!("the item {} does not end", self.id))
    }
}

/// The words of an item that come in parts.
fn words_of(item: &Value) -> String {
    let parts = [&item["content"], &item["summary"]].into_iter().filter_map(Value::as_array).flatten();
    let words = parts.map(|part| part["text"].as_str().or(part["refusal"].as_str()).unwrap_or_default());
    words.chain(item["arguments"].as_str()).collect()
}

/// The answer of these items, which ended as `response` says.
fn heard(items: &[Value], response: &Value) -> Heard {
    assert_eq!(response["object"], "response");
    let mut heard =
        Heard { usage: counts(&response["usage"]), cost: response["usage"]["cost"].as_u64(), ..Heard::default() };
    let mut is_refusal = false;
    for item in items {
        match text_of(&item["type"]) {
            "message" => {
                heard.text.push_str(&words_of(item));
                is_refusal |= item["content"].as_array().unwrap().iter().any(|part| part["type"] == "refusal");
            }
            "reasoning" => {
                heard.reasoning.push_str(&words_of(item));
                heard.proofs.extend(item["encrypted_content"].as_str().map(str::to_owned));
            }
            "function_call" => heard.calls.push(HeardCall {
                id: text_of(&item["call_id"]).to_owned(),
                name: text_of(&item["name"]).to_owned(),
                arguments: serde_json::from_str(text_of(&item["arguments"])).unwrap(),
            }),
            other => panic!("{other}"),
        }
    }
    heard.end = Some(match (text_of(&response["status"]), response["incomplete_details"]["reason"].as_str()) {
        ("completed", None) if is_refusal => End::Filtered,
        ("completed", None) if !heard.calls.is_empty() => End::Calls,
        ("completed" | "failed", None) => End::Stop,
        ("incomplete", Some("max_output_tokens")) => End::Length,
        ("incomplete", Some("content_filter")) => End::Filtered,
        other => panic!("{other:?}"),
    });
    heard
}

fn counts(usage: &Value) -> Option<HeardCounts> {
    let count = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} is no count in {usage}"));
    (!usage.is_null()).then(|| HeardCounts {
        input: count(&usage["input_tokens"]),
        cached: count(&usage["input_tokens_details"]["cached_tokens"]),
        cache_write: Some(count(&usage["input_tokens_details"]["cache_write_tokens"])),
        output: count(&usage["output_tokens"]),
        reasoning: Some(count(&usage["output_tokens_details"]["reasoning_tokens"])),
    })
}

fn items(turn: &Turn) -> Vec<Value> {
    match turn {
        Turn::System(text) => vec![json!({"type": "message", "role": "developer", "content": text})],
        Turn::User { text, has_image } => {
            vec![json!({"type": "message", "role": "user", "content": parts(text, *has_image)})]
        }
        Turn::Reply(told) => reply(told),
        Turn::Result { id, text, has_image: false, .. } => {
            vec![json!({"type": "function_call_output", "call_id": id, "output": text})]
        }
        Turn::Result { id, text, has_image: true, .. } => {
            vec![json!({"type": "function_call_output", "call_id": id, "output": parts(text, true)})]
        }
    }
}

fn parts(text: &str, has_image: bool) -> Vec<Value> {
    let image = || json!({"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")});
    let text = json!({"type": "input_text", "text": text});
    std::iter::once(text).chain(has_image.then(image)).collect()
}

fn reply(told: &Told) -> Vec<Value> {
    let Told { reasoning, proof, text, calls, .. } = told;
    let reasoning = reasoning.map(|words| {
        let summary = json!([{"type": "summary_text", "text": words}]);
        json!({"type": "reasoning", "id": "rs_of_ours", "summary": summary, "encrypted_content": proof})
    });
    let text = Some(text).filter(|text| !text.is_empty()).map(|text| {
        let part = json!({"type": "output_text", "text": text, "annotations": []});
        json!({"type": "message", "role": "assistant", "content": [part]})
    });
    let call = |Call { id, arguments }: &Call| json!({"type": "function_call", "call_id": id, "name": TOOL, "arguments": arguments});
    reasoning.into_iter().chain(text).chain(calls.iter().map(call)).collect()
}
