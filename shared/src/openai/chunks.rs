//! What is answered as it is written: server-sent events (WHATWG HTML, section 9.2).

use domain::credits::Credits;
use domain::ids::EntryId;
use ledger::exchange::StoredReply;
use serde::Serialize;

use crate::openai::completion::{TokenCounts, completion_id, finish_reason};

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
        self.choice(Delta { role: Some("assistant"), content: Some(""), refusal: None }, None)
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

    use domain::time::{Clock, Timestamp};
    use serde_json::{Value, json};

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
