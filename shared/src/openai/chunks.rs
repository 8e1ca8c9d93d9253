//! Answers that are sent as they are written: server-sent events (WHATWG HTML, section 9.2).

use std::collections::BTreeSet;

use domain::ids::EntryId;
use domain::message::FinishReason;
use providers::raw_array::RawArray;
use providers::reply::{Logprobs, Part, ToolCallDelta};
use serde::Serialize;

use crate::door::{ErrorForm, ErrorParts, Writer};
use crate::http::event;
use crate::openai::completion::{ASSISTANT, CalledFunction, FUNCTION, TokenCounts, completion_id, finish_reason};
use crate::openai::error_response::OpenAiErrors;
use crate::till::PaidReply;

/// The events of one answer, each a `chat.completion.chunk`.
#[derive(Clone, Debug)]
pub struct Chunks {
    id: String,
    created: u64,
    /// The id of the model that replies. It is known when the reply begins.
    model: String,
    include_usage: bool,
    /// The places of the choices of which it was said who speaks.
    begun: BTreeSet<u8>,
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
    logprobs: Option<&'a Logprobs>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a RawArray>,
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

impl<'a> From<&'a ToolCallDelta> for CallDelta<'a> {
    fn from(delta: &'a ToolCallDelta) -> Self {
        let ToolCallDelta { index, id, name, arguments } = delta;
        let (index, id, name) = (*index, id.as_deref(), name.as_deref());
        let r#type = (id.is_some() || name.is_some()).then_some(FUNCTION);
        Self { index, id, r#type, function: CalledFunction { name, arguments } }
    }
}

impl<'a> From<&'a Part> for Delta<'a> {
    /// Log probabilities stand beside a delta, which is empty then. Proofs and the like have no member.
    fn from(part: &'a Part) -> Self {
        match part {
            Part::Text(text) => Self { content: Some(text), ..Self::default() },
            Part::Refusal(text) => Self { refusal: Some(text), ..Self::default() },
            Part::Reasoning(text) => Self { reasoning_content: Some(text), ..Self::default() },
            Part::ToolCall(delta) => Self { tool_calls: Some([delta.into()]), ..Self::default() },
            Part::Annotations(annotations) => Self { annotations: Some(annotations), ..Self::default() },
            Part::Logprobs(_) | Part::Proof(_) | Part::StopSequence(_) | Part::Embeddings(_) => Self::default(),
        }
    }
}

impl Chunks {
    /// The events of the answer to the message of this id.
    #[must_use]
    pub fn new(id: EntryId, include_usage: bool) -> Self {
        let (id, created) = (completion_id(id), id.made_at().seconds());
        Self { id, created, model: String::new(), include_usage, begun: BTreeSet::new() }
    }

    /// The first chunk: who speaks in the first choice. All chunks name `model`.
    #[must_use]
    pub fn beginning(&mut self, model: &str) -> String {
        model.clone_into(&mut self.model);
        self.begun.insert(0);
        self.choice(0, Delta { role: Some(ASSISTANT), content: Some(""), ..Delta::default() }, None, None)
    }

    /// The next part of the choice at the place `choice`. The first part says who speaks. Parts for which chat completions
    /// have no member are left out.
    #[must_use]
    pub fn part(&mut self, choice: u8, part: &Part) -> String {
        if matches!(part, Part::Proof(_) | Part::StopSequence(_) | Part::Embeddings(_)) {
            return String::new();
        }
        let logprobs = if let Part::Logprobs(logprobs) = part { Some(logprobs) } else { None };
        let role = self.begun.insert(choice).then_some(ASSISTANT);
        self.choice(choice, Delta { role, ..Delta::from(part) }, logprobs, None)
    }

    /// The last events: why each choice ends, the usage and the cost if they are wanted, and `[DONE]`.
    #[must_use]
    pub fn end(&mut self, paid: &PaidReply) -> String {
        let of_others = paid.others.iter().map(|choice| choice.finish_reason.unwrap_or(FinishReason::Length));
        let mut events = String::new();
        for (choice, reason) in (0..).zip(std::iter::once(paid.reply.finish_reason).chain(of_others)) {
            let role = self.begun.insert(choice).then_some(ASSISTANT);
            let delta = Delta { role, ..Delta::default() };
            events.push_str(&self.choice(choice, delta, None, Some(finish_reason(reason))));
        }
        if self.include_usage {
            let counts = TokenCounts::new(&paid.reply.usage, paid.charge.cost);
            events.push_str(&self.chunk(&[], Some(Some(counts))));
        }
        events.push_str("data: [DONE]\n\n");
        events
    }

    fn choice(
        &self,
        index: u8,
        delta: Delta<'_>,
        logprobs: Option<&Logprobs>,
        finish_reason: Option<&'static str>,
    ) -> String {
        let choice = EventChoice { index, delta, logprobs, finish_reason };
        // Where usage is wanted, every other event says that it has none.
        self.chunk(&[choice], self.include_usage.then_some(None))
    }

    #[expect(clippy::option_option, reason = "as OpenAI has it")]
    fn chunk(&self, choices: &[EventChoice<'_>], usage: Option<Option<TokenCounts>>) -> String {
        let Self { id, created, model, .. } = self;
        event(&ChunkEvent { id, object: "chat.completion.chunk", created: *created, model, choices, usage })
    }
}

impl Writer for Chunks {
    fn beginning(&mut self, model_id: &str, _estimated_input_tokens: u64) -> String {
        self.beginning(model_id)
    }

    fn part(&mut self, choice: u8, part: &Part) -> String {
        self.part(choice, part)
    }

    fn end(&mut self, paid: &PaidReply) -> String {
        self.end(paid)
    }

    fn error(&mut self, error: &ErrorParts<'_>) -> String {
        OpenAiErrors::event(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::{Clock, Timestamp};
    use ledger::exchange::StoredReply;
    use providers::reply::SaidChoice;
    use serde_json::{Value, json};

    use crate::testing::{paid_reply, stored_call, stored_reply};

    fn paid(reply: StoredReply, cost: u64) -> PaidReply {
        paid_reply(EntryId::new(&Clock::manual(Timestamp::from_seconds(1_800_000_000))), reply, cost)
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn chunks(include_usage: bool) -> Chunks {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        Chunks::new(EntryId::new(&clock), include_usage)
    }

    fn data(events: &str) -> Vec<Value> {
        let lines = events.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
    }

    #[test]
    fn a_streamed_answer_has_openais_events() {
        let mut chunks = chunks(false);
        let events = [
            chunks.beginning("dummy"),
            chunks.part(0, &text("Hel\n\nlo")),
            chunks.end(&paid(stored_reply("Hel\n\nlo"), 0)),
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
        let mut chunks = chunks(false);
        let _ = chunks.beginning("dummy");
        let mut delta = |part: Part| data(&chunks.part(0, &part)).remove(0)["choices"][0]["delta"].clone();
        let first = ToolCallDelta {
            index: 1,
            id: Some("call-1".to_owned()),
            name: Some("add".to_owned()),
            arguments: String::new(),
        };
        let function = json!({"name": "add", "arguments": ""});
        let expected = json!({"tool_calls": [{"index": 1, "id": "call-1", "type": "function", "function": function}]});
        assert_eq!(delta(Part::ToolCall(first)), expected);
        let next = ToolCallDelta { index: 1, arguments: "{\"a\"".to_owned(), ..ToolCallDelta::default() };
        let expected = json!({"tool_calls": [{"index": 1, "function": {"arguments": "{\"a\""}}]});
        assert_eq!(delta(Part::ToolCall(next)), expected);
        assert_eq!(delta(Part::Reasoning("Hm.".to_owned())), json!({"reasoning_content": "Hm."}));
    }

    #[test]
    fn the_events_of_an_answer_that_was_given_before_have_all_of_it() {
        let reply = StoredReply {
            reasoning: Some("Hm.".to_owned()),
            calls: vec![stored_call("call-1"), stored_call("call-2")],
            finish_reason: FinishReason::ToolCalls,
            ..stored_reply("Let me see.")
        };
        let events = data(&chunks(false).replayed(&paid(reply, 0)).concat());
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
        let mut chunks = chunks(true);
        let events = data(&(chunks.part(0, &text("x")) + &chunks.end(&paid(stored_reply("x"), 7))));
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

    #[test]
    fn each_choice_says_who_speaks_in_its_first_event_and_why_it_ended_in_its_last() {
        let mut chunks = chunks(false);
        let logprobs = Logprobs { content: RawArray::parse(r#"[{"token":"a"}]"#), refusal: None };
        let annotations = RawArray::parse(r#"[{"type":"url_citation"}]"#).unwrap();
        let other = SaidChoice { finish_reason: Some(FinishReason::Length), ..SaidChoice::text("a") };
        let silent = SaidChoice { finish_reason: Some(FinishReason::ContentFilter), ..SaidChoice::default() };
        let paid = PaidReply { others: vec![other, silent], ..paid(stored_reply("b"), 0) };
        let events = [
            chunks.beginning("dummy"),
            chunks.part(1, &text("a")),
            chunks.part(1, &Part::Logprobs(logprobs)),
            chunks.part(0, &text("b")),
            chunks.part(0, &Part::Annotations(annotations)),
            chunks.end(&paid),
        ];
        let events = data(&events.concat());
        let choices: Vec<Value> = events[..8].iter().map(|event| event["choices"][0].clone()).collect();
        let choice = |index: u8, delta: Value, logprobs: Value, reason: Value| json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason});
        let none = || Value::Null;
        let expected = [
            choice(0, json!({"role": "assistant", "content": ""}), none(), none()),
            choice(1, json!({"role": "assistant", "content": "a"}), none(), none()),
            choice(1, json!({}), json!({"content": [{"token": "a"}], "refusal": null}), none()),
            choice(0, json!({"content": "b"}), none(), none()),
            choice(0, json!({"annotations": [{"type": "url_citation"}]}), none(), none()),
            choice(0, json!({}), none(), json!("stop")),
            choice(1, json!({}), none(), json!("length")),
            choice(2, json!({"role": "assistant"}), none(), json!("content_filter")),
        ];
        assert_eq!(choices, expected);
        assert_eq!(events[8], "[DONE]");
    }
}
