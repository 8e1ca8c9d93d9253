//! Answers in one piece.

use std::borrow::Cow;

use domain::message::FinishReason;
use providers::reply::SaidChoice;
use serde::Serialize;

use crate::openai::completion::TokenCounts;
use crate::openai::text_completions::shape::{TEXT_COMPLETION, completion_id, finish_reason};
use crate::till::PaidReply;

/// A whole answer: OpenAI's `text_completion`.
#[derive(Debug, Serialize)]
pub struct WholeTextCompletion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<WholeText<'a>>,
    usage: TokenCounts,
}

/// A choice. Its text never prints.
#[derive(Serialize)]
struct WholeText<'a> {
    text: Cow<'a, str>,
    index: u8,
    /// They cannot be asked for.
    logprobs: Option<()>,
    finish_reason: &'static str,
}

impl<'a> WholeTextCompletion<'a> {
    /// The answer that `paid` is.
    #[must_use]
    pub fn of(paid: &'a PaidReply) -> Self {
        let PaidReply { id, reply, others, charge, .. } = paid;
        let first = WholeText::new(0, &reply.text, reply.refusal.as_deref(), reply.finish_reason);
        let others = (1..).zip(others).map(|(index, choice)| WholeText::other(index, choice));
        Self {
            id: completion_id(*id),
            object: TEXT_COMPLETION,
            created: id.made_at().seconds(),
            model: &reply.model,
            choices: std::iter::once(first).chain(others).collect(),
            usage: TokenCounts::new(&reply.usage, charge.cost),
        }
    }
}

impl<'a> WholeText<'a> {
    fn other(index: u8, choice: &'a SaidChoice) -> Self {
        let SaidChoice { text, refusal, finish_reason, .. } = choice;
        Self::new(index, text, refusal.as_deref(), finish_reason.unwrap_or(FinishReason::Length))
    }

    /// The words of a refusal come after the text that there was before it.
    fn new(index: u8, text: &'a str, refusal: Option<&'a str>, reason: FinishReason) -> Self {
        let text = match refusal {
            None => Cow::Borrowed(text),
            Some(refusal) => Cow::Owned([text, refusal].concat()),
        };
        Self { text, index, logprobs: None, finish_reason: finish_reason(reason) }
    }
}

impl std::fmt::Debug for WholeText<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "WholeText({} bytes)", self.text.len())
    }
}
