//! OpenAI's completions: a text, and how it goes on.

use serde_json::{Value, json};
use testkit::gateway::{Request, Response};

use crate::doors::caller::{Caller, Fault, Heard, text_of};
use crate::doors::callers::chat_completions::counts;
use crate::doors::case::{End, Said, Thing, Turn};
use crate::events::data_of_events;
use crate::requests::TEXT_COMPLETIONS;

pub struct Completions;

impl Caller for Completions {
    fn name(&self) -> &'static str {
        "completions"
    }

    fn function(&self) -> &'static str {
        "completions"
    }

    fn cannot_say(&self) -> &'static [Thing] {
        &[
            Thing::Tools,
            Thing::ImageOfResult,
            Thing::FailedResult,
            Thing::Proof,
            Thing::Schema,
            Thing::Effort,
            Thing::System,
            Thing::Conversation,
            Thing::Image,
            Thing::FirstReply,
            Thing::LaterSystem,
            Thing::Name,
            Thing::Detail,
            Thing::Summary,
        ]
    }

    fn cannot_hear(&self) -> &'static [Thing] {
        &[Thing::Proof, Thing::Reasoning, Thing::Refusal, Thing::CountOfCacheWrites]
    }

    fn request(&self, model: &str, said: &Said, streamed: bool, more: Value) -> Request {
        let [Turn::User { text, has_image: false }] = &said.turns[..] else { panic!("{said:?}") };
        let mut body = json!({"model": model, "prompt": text, "stream": streamed});
        if streamed {
            body["stream_options"] = json!({"include_usage": true});
        }
        let members = [
            ("max_tokens", json!(said.max_output_tokens)),
            ("temperature", json!(said.temperature)),
            ("stop", json!(said.stop)),
            ("seed", json!(said.seed)),
            ("presence_penalty", json!(said.presence_penalty)),
        ];
        let members = members.into_iter().filter(|(_, value)| !value.is_null());
        let body_members = body.as_object_mut().unwrap();
        body_members.extend(members.map(|(name, value)| (name.to_owned(), value)));
        body_members.extend(more.as_object().unwrap().clone());
        Request::post(TEXT_COMPLETIONS).json(&body)
    }

    fn whole(&self, answer: &Value) -> Heard {
        assert_eq!(answer["object"], "text_completion");
        let [choice] = &answer["choices"].as_array().unwrap()[..] else { panic!("{answer}") };
        heard(text_of(&choice["text"]), &choice["finish_reason"], &answer["usage"])
    }

    fn streamed(&self, response: &Response) -> Heard {
        // The protocol has no event for the beginning of a reply without words.
        let words = response.body.strip_prefix(": keep-alive\n\n").unwrap_or(&response.body);
        let mut events = data_of_events(words);
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
    let (mut text, mut reason, mut usage) = (String::new(), Value::Null, Value::Null);
    for (place, chunk) in chunks.iter().enumerate() {
        assert_eq!((&chunk["object"], &chunk["id"]), (&json!("text_completion"), &chunks[0]["id"]));
        let Some(choice) = chunk["choices"].get(0) else {
            assert_eq!(place, chunks.len() - 1, "the usage comes last");
            usage = chunk["usage"].clone();
            continue;
        };
        assert!(reason.is_null(), "nothing of a choice comes after its end: {chunk}");
        text.push_str(text_of(&choice["text"]));
        reason = choice["finish_reason"].clone();
    }
    heard(&text, &reason, &usage)
}

fn heard(text: &str, reason: &Value, usage: &Value) -> Heard {
    let end = reason.as_str().map(|reason| match reason {
        "stop" => End::Stop,
        "length" => End::Length,
        "content_filter" => End::Filtered,
        other => panic!("{other}"),
    });
    Heard { text: text.to_owned(), end, usage: counts(usage), cost: usage["cost"].as_u64(), ..Heard::default() }
}
