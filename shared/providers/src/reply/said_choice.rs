//! Choices: the replies that a model writes side by side to one prompt.

use std::fmt;

use domain::message::{FinishReason, ToolCall};

use crate::raw_array::RawArray;
use crate::reply::{Logprobs, MAX_TOOL_CALLS, Part, Piece, ToolCallDelta};

/// One of the replies to a prompt. Its words never print.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SaidChoice {
    /// The model's text. It is empty if the model wrote none.
    pub text: String,
    /// The model's words in place of a text, if it refused to reply.
    pub refusal: Option<String>,
    /// The model's reasoning before its words, where its provider shows it.
    pub reasoning: Option<String>,
    /// The tools that the model calls.
    pub calls: Vec<ToolCall>,
    /// The log probabilities of the tokens, where they were asked for.
    pub logprobs: Option<Logprobs>,
    /// Sources and the like that belong to the text, as the provider sent them.
    pub annotations: RawArray,
    /// Why the choice ended, if it says so by itself.
    pub finish_reason: Option<FinishReason>,
}

impl SaidChoice {
    /// A choice of `text` and nothing else.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Adds a part. A part of a call that is of no call and begins none is left out, and so is a call beyond
    /// [`MAX_TOOL_CALLS`].
    pub fn add(&mut self, part: &Part) {
        match part {
            Part::Text(text) => self.text.push_str(text),
            Part::Refusal(text) => self.refusal.get_or_insert_default().push_str(text),
            Part::Reasoning(text) => self.reasoning.get_or_insert_default().push_str(text),
            Part::ToolCall(delta) => self.add_call(delta),
            Part::Logprobs(next) => self.logprobs.get_or_insert_default().add(next),
            Part::Annotations(next) => self.annotations.add(next),
        }
    }

    fn add_call(&mut self, delta: &ToolCallDelta) {
        let index = usize::try_from(delta.index).unwrap_or(usize::MAX);
        if index == self.calls.len() && index < MAX_TOOL_CALLS {
            self.calls.push(ToolCall { id: String::new(), name: String::new(), arguments: String::new() });
        }
        if let Some(call) = self.calls.get_mut(index) {
            call.id.push_str(delta.id.as_deref().unwrap_or_default());
            call.name.push_str(delta.name.as_deref().unwrap_or_default());
            call.arguments.push_str(&delta.arguments);
        }
    }

    /// The pieces of the choice at the place `choice`: reasoning, text, refusal, calls, log probabilities and annotations,
    /// each of them whole, and its end.
    pub(super) fn into_pieces(self, choice: u8) -> impl Iterator<Item = Piece> {
        let Self { text, refusal, reasoning, calls, logprobs, annotations, finish_reason } = self;
        let text = Some(text).filter(|text| !text.is_empty());
        let words = [reasoning.map(Part::Reasoning), text.map(Part::Text), refusal.map(Part::Refusal)];
        let calls = calls.into_iter().enumerate();
        let calls = calls.map(|(index, call)| Part::ToolCall(ToolCallDelta::whole(index, call)));
        let annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
        let beside_words = [logprobs.map(Part::Logprobs), annotations.map(Part::Annotations)];
        let parts = words.into_iter().flatten().chain(calls).chain(beside_words.into_iter().flatten());
        let finished = finish_reason.map(|reason| Piece::Finished { choice, reason });
        parts.map(move |part| Piece::Part { choice, part }).chain(finished)
    }

    /// Whether there is neither a text nor a refusal nor a call of a tool.
    #[must_use]
    pub fn has_only_reasoned(&self) -> bool {
        self.text.is_empty() && self.refusal.is_none() && self.calls.is_empty()
    }
}

impl fmt::Debug for SaidChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SaidChoice")
            .field("bytes", &self.text.len())
            .field("refused", &self.refusal.is_some())
            .field("reasoned", &self.reasoning.is_some())
            .field("calls", &self.calls.len())
            .field("finish_reason", &self.finish_reason)
            .finish_non_exhaustive()
    }
}

/// The choices of a reply, as far as their parts have come.
#[derive(Clone, Debug, Default)]
pub struct SaidChoices(Vec<SaidChoice>);

impl SaidChoices {
    /// Adds a part of the choice at the place `choice`.
    pub fn add(&mut self, choice: u8, part: &Part) {
        self.at(choice).add(part);
    }

    /// Notes why the choice at the place `choice` ended.
    pub fn finish(&mut self, choice: u8, reason: FinishReason) {
        self.at(choice).finish_reason = Some(reason);
    }

    fn at(&mut self, choice: u8) -> &mut SaidChoice {
        let place = usize::from(choice);
        if place >= self.0.len() {
            self.0.resize_with(place + 1, SaidChoice::default);
        }
        &mut self.0[place]
    }

    /// The choices by their places. A choice of which nothing came before one that follows it is empty.
    #[must_use]
    pub fn as_slice(&self) -> &[SaidChoice] {
        &self.0
    }

    /// The choices by their places: at least one.
    #[must_use]
    pub fn into_vec(self) -> Vec<SaidChoice> {
        if self.0.is_empty() { vec![SaidChoice::default()] } else { self.0 }
    }
}
