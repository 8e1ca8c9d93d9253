//! What is answered as it is written: server-sent events (WHATWG HTML, section 9.2).

use domain::credits::Credits;
use domain::ids::EntryId;
use domain::message::ToolCall;
use ledger::exchange::StoredReply;
use providers::reply::ToolCallDelta;
use serde::Serialize;

use crate::openai::completion::{CalledFunction, FUNCTION, TokenCounts, completion_id, finish_reason};

/// The events of one answer, each a `chat.completion.chunk`.
#[derive(Clone, Debug)]
pub struct Chunks {
    id: String,
    created: u64,
    model: String,
    include_usage: bool,
}

#[derive(Serialize)]
struct ChunkEvent<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [EventChoice<'a>],
    /// Left out, or `null`, or there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(clippy::option_option, reason = "as OpenAI has it")]
    usage: Option<Option<TokenCounts>>,
}

#[derive(Serialize)]
struct EventChoice<'a> {
    index: u8,
    delta: Delta<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

/// The next part of a call. The first part has the id, the type and the function's name.
#[derive(Serialize)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: CalledFunction<'a>,
}

impl Chunks {
    /// The events of the answer to the message of this id by `model`.
    #[must_use]
    pub fn new(id: EntryId, model: &str, include_usage: bool) -> Self {
        let (id, created) = (completion_id(id), id.made_at().seconds());
        Self { id, created, model: model.to_owned(), include_usage }
    }

    /// What comes first: who speaks.
    #[must_use]
    pub fn beginning(&self) -> String {
        self.choice(Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, None)
    }

    /// What comes next of the text.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.choice(Delta { content: Some(text), ..Delta::default() }, None)
    }

    /// The next part of the words by which the model refuses.
    #[must_use]
    pub fn refusal(&self, text: &str) -> String {
        self.choice(Delta { refusal: Some(text), ..Delta::default() }, None)
    }

    /// The next part of the model's reasoning.
    #[must_use]
    pub fn reasoning(&self, text: &str) -> String {
        self.choice(Delta { reasoning_content: Some(text), ..Delta::default() }, None)
    }

    /// The next part of a call of a tool.
    #[must_use]
    pub fn tool_call(&self, delta: &ToolCallDelta) -> String {
        let ToolCallDelta { index, id, name, arguments } = delta;
        let (index, id, name) = (*index, id.as_deref(), name.as_deref());
        let r#type = (id.is_some() || name.is_some()).then_some(FUNCTION);
        let call = CallDelta { index, id, r#type, function: CalledFunction { name, arguments } };
        self.choice(Delta { tool_calls: Some([call]), ..Delta::default() }, None)
    }

    /// All events of `reply`, which was given before. The cost was `cost` credits.
    #[must_use]
    pub fn of_reply(&self, reply: &StoredReply, cost: Credits) -> Vec<String> {
        let reasoning = reply.reasoning.as_ref().map(|text| self.reasoning(text));
        let text = Some(&reply.text).filter(|text| !text.is_empty()).map(|text| self.text(text));
        let refusal = reply.refusal.as_ref().map(|text| self.refusal(text));
        let words = [Some(self.beginning()), reasoning, text, refusal].into_iter().flatten();
        let calls = (0..).zip(&reply.calls).map(|(index, call)| {
            let ToolCall { id, name, arguments } = call.clone();
            self.tool_call(&ToolCallDelta { index, id: Some(id), name: Some(name), arguments })
        });
        words.chain(calls).chain([self.end(reply, cost)]).collect()
    }

    /// The last events: why the text ends, the usage and the `cost` in credits if they are wanted, and `[DONE]`.
    #[must_use]
    pub fn end(&self, reply: &StoredReply, cost: Credits) -> String {
        let mut events = self.choice(Delta::default(), Some(finish_reason(reply.finish_reason)));
        if self.include_usage {
            events.push_str(&self.chunk(&[], Some(Some(TokenCounts::new(&reply.usage, cost)))));
        }
        events.push_str("data: [DONE]\n\n");
        events
    }

    fn choice(&self, delta: Delta<'_>, finish_reason: Option<&'static str>) -> String {
        let choice = EventChoice { index: 0, delta, logprobs: (), finish_reason };
        // Where usage is wanted, every other event says that it has none.
        self.chunk(&[choice], self.include_usage.then_some(None))
    }

    #[expect(clippy::option_option, reason = "as OpenAI has it")]
    fn chunk(&self, choices: &[EventChoice<'_>], usage: Option<Option<TokenCounts>>) -> String {
        let Self { id, created, model, .. } = self;
        event(&ChunkEvent { id, object: "chat.completion.chunk", created: *created, model, choices, usage })
    }
}

/// JSON has no line breaks, so an event is one line of data.
pub(super) fn event(data: &impl Serialize) -> String {
    format!("data: {}\n\n", serde_json::to_string(data).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::message::FinishReason;
    use domain::time::{Clock, Timestamp};
    use serde_json::{Value, json};

    use crate::testing::stored_call;

    fn chunks(include_usage: bool) -> Chunks {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        Chunks::new(EntryId::new(&clock), "dummy", include_usage)
    }

    fn data(events: &str) -> Vec<Value> {
        let lines = events.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
    }

    #[test]
    fn a_streamed_answer_has_openais_events() {
        let chunks = chunks(false);
        let events = [
            chunks.beginning(),
            chunks.text("Hel\n\nlo"),
            chunks.end(&crate::testing::stored_reply("Hel\n\nlo"), Credits::ZERO),
        ];
        let events = data(&events.concat());
        let chunk = |delta: Value, finish_reason: Value| {
            json!({
                "id": chunks.id,
                "object": "chat.completion.chunk",
                "created": 1_800_000_000,
                "model": "dummy",
                "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
            })
        };
        let expected = [
            chunk(json!({"role": "assistant", "content": ""}), Value::Null),
            chunk(json!({"content": "Hel\n\nlo"}), Value::Null),
            chunk(json!({}), json!("stop")),
            json!("[DONE]"),
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn the_parts_of_a_call_have_its_place_and_the_first_has_its_id_and_name() {
        let chunks = chunks(false);
        let delta = |event: String| data(&event).remove(0)["choices"][0]["delta"].clone();
        let first = ToolCallDelta {
            index: 1,
            id: Some("call-1".to_owned()),
            name: Some("add".to_owned()),
            arguments: String::new(),
        };
        let function = json!({"name": "add", "arguments": ""});
        let expected = json!({"tool_calls": [{"index": 1, "id": "call-1", "type": "function", "function": function}]});
        assert_eq!(delta(chunks.tool_call(&first)), expected);
        let next = ToolCallDelta { index: 1, arguments: "{\"a\"".to_owned(), ..ToolCallDelta::default() };
        let expected = json!({"tool_calls": [{"index": 1, "function": {"arguments": "{\"a\""}}]});
        assert_eq!(delta(chunks.tool_call(&next)), expected);
        assert_eq!(delta(chunks.reasoning("Hm.")), json!({"reasoning_content": "Hm."}));
    }

    #[test]
    fn the_events_of_an_answer_that_was_given_before_have_all_of_it() {
        let reply = StoredReply {
            reasoning: Some("Hm.".to_owned()),
            calls: vec![stored_call("call-1"), stored_call("call-2")],
            finish_reason: FinishReason::ToolCalls,
            ..crate::testing::stored_reply("Let me see.")
        };
        let events = data(&chunks(false).of_reply(&reply, Credits::ZERO).concat());
        let deltas: Vec<&Value> = events.iter().map(|event| &event["choices"][0]["delta"]).collect();
        let call = |index, id| {
            let function = json!({"name": "add", "arguments": "{\"a\": 1}"});
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})
        };
        let expected = [
            json!({"role": "assistant", "content": ""}),
            json!({"reasoning_content": "Hm."}),
            json!({"content": "Let me see."}),
            call(0, "call-1"),
            call(1, "call-2"),
            json!({}),
        ];
        assert_eq!(deltas[..6].to_vec(), expected.iter().collect::<Vec<_>>());
        assert_eq!((&events[5]["choices"][0]["finish_reason"], &events[6]), (&json!("tool_calls"), &json!("[DONE]")));
    }

    #[test]
    fn usage_comes_in_an_event_of_its_own_before_the_end_and_the_others_have_none() {
        let chunks = chunks(true);
        let events =
            data(&(chunks.text("x") + &chunks.end(&crate::testing::stored_reply("x"), Credits::new(7).unwrap())));
        assert_eq!(events.len(), 4);
        assert!(events[..2].iter().all(|event| event.as_object().unwrap()["usage"].is_null()));
        assert_eq!(events[2]["choices"], json!([]));
        let usage = json!({
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
            "cost": 7,
        });
        assert_eq!(events[2]["usage"], usage);
        assert_eq!(events[3], "[DONE]");
    }
}
