//! Answers that are sent as they are written: server-sent events (WHATWG HTML, section 9.2).

use domain::ids::EntryId;
use domain::message::FinishReason;
use providers::reply::Part;
use serde::Serialize;

use crate::door::{ErrorForm, ErrorParts, Writer};
use crate::http::event;
use crate::openai::completion::TokenCounts;
use crate::openai::error_response::OpenAiErrors;
use crate::openai::text_completions::shape::{TEXT_COMPLETION, completion_id, finish_reason};
use crate::till::PaidReply;

/// The events of one answer, each a `text_completion`.
#[derive(Clone, Debug)]
pub struct TextChunks {
    id: String,
    created: u64,
    /// The id of the model that replies. It is known when the reply begins.
    model: String,
    include_usage: bool,
}

#[derive(Serialize)]
struct TextChunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [TextDelta<'a>],
    /// Left out, or `null`, or there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(clippy::option_option, reason = "as OpenAI has it")]
    usage: Option<Option<TokenCounts>>,
}

/// The next part of the text of a choice.
#[derive(Serialize)]
struct TextDelta<'a> {
    text: &'a str,
    index: u8,
    /// They cannot be asked for.
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

impl TextChunks {
    /// The events of the answer to the message of this id.
    #[must_use]
    pub fn new(id: EntryId, include_usage: bool) -> Self {
        Self { id: completion_id(id), created: id.made_at().seconds(), model: String::new(), include_usage }
    }

    fn text(&self, index: u8, text: &str, finish_reason: Option<&'static str>) -> String {
        let delta = TextDelta { text, index, logprobs: None, finish_reason };
        // Where usage is wanted, every other event says that it has none.
        self.chunk(&[delta], self.include_usage.then_some(None))
    }

    #[expect(clippy::option_option, reason = "as OpenAI has it")]
    fn chunk(&self, choices: &[TextDelta<'_>], usage: Option<Option<TokenCounts>>) -> String {
        let Self { id, created, model, .. } = self;
        event(&TextChunk { id, object: TEXT_COMPLETION, created: *created, model, choices, usage })
    }
}

impl Writer for TextChunks {
    /// Nothing is said before the first words: the protocol has no event for it.
    fn beginning(&mut self, model_id: &str, _estimated_input_tokens: u64) -> String {
        model_id.clone_into(&mut self.model);
        String::new()
    }

    /// Parts for which completions have no member are left out.
    fn part(&mut self, choice: u8, part: &Part) -> String {
        match part {
            Part::Text(text) | Part::Refusal(text) => self.text(choice, text, None),
            Part::Reasoning(_)
            | Part::ToolCall(_)
            | Part::Logprobs(_)
            | Part::Annotations(_)
            | Part::Proof(_)
            | Part::StopSequence(_)
            | Part::Embeddings(_) => String::new(),
        }
    }

    /// Why each choice ends, the usage and the cost if they are wanted, and `[DONE]`.
    fn end(&mut self, paid: &PaidReply) -> String {
        let of_others = paid.others.iter().map(|choice| choice.finish_reason.unwrap_or(FinishReason::Length));
        let reasons = std::iter::once(paid.reply.finish_reason).chain(of_others);
        let mut events: String =
            (0..).zip(reasons).map(|(choice, reason)| self.text(choice, "", Some(finish_reason(reason)))).collect();
        if self.include_usage {
            let counts = TokenCounts::new(&paid.reply.usage, paid.charge.cost);
            events.push_str(&self.chunk(&[], Some(Some(counts))));
        }
        events.push_str("data: [DONE]\n\n");
        events
    }

    fn error(&mut self, error: &ErrorParts<'_>) -> String {
        OpenAiErrors::event(error)
    }
}
