//! Choices: the replies that a model writes side by side to one prompt.

use std::fmt;

use domain::message::{FinishReason, ToolCall};
use domain::reasoning_proof::{Proof, ReasoningProof};

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
    /// The proofs of the reasoning, in the order of their places.
    pub proofs: Vec<ReasoningProof>,
    /// The text before which the model ended its reply, because it was told so.
    pub stop_sequence: Option<String>,
    /// The vectors that were asked for.
    pub embeddings: Option<RawArray>,
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
            Part::Proof(proof) => self.add_proof(proof),
            Part::StopSequence(text) => self.stop_sequence = Some(text.clone()),
            Part::Embeddings(array) => self.embeddings = Some(array.clone()),
        }
    }

    /// Adds a proof at the end of what is there.
    fn add_proof(&mut self, proof: &Proof) {
        let place = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let after = place(self.reasoning.as_ref().map_or(0, String::len));
        let (text_before, calls_before) = (place(self.text.len()), place(self.calls.len()));
        self.proofs.push(ReasoningProof { proof: proof.clone(), after, text_before, calls_before });
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

    /// The pieces of the choice at the place `choice`, and its end.
    pub(super) fn into_pieces(self, choice: u8) -> impl Iterator<Item = Piece> {
        let finished = self.finish_reason.map(|reason| Piece::Finished { choice, reason });
        self.into_parts().map(move |part| Piece::Part { choice, part }).chain(finished)
    }

    /// The parts of the choice: reasoning, text, refusal, calls, log probabilities, annotations, and the others, each of them
    /// whole. Only a proof cuts what it stands among.
    pub fn into_parts(self) -> impl Iterator<Item = Part> {
        let Self { text, refusal, reasoning, calls, logprobs, annotations, proofs, stop_sequence, embeddings, .. } =
            self;
        let annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
        let beside_words = [
            logprobs.map(Part::Logprobs),
            annotations.map(Part::Annotations),
            stop_sequence.map(Part::StopSequence),
            embeddings.map(Part::Embeddings),
        ];
        parts_with_proofs(text, reasoning, refusal, calls, proofs).into_iter().chain(beside_words.into_iter().flatten())
    }

    /// Whether there is neither a text nor a refusal nor a call of a tool, nor a vector.
    #[must_use]
    pub fn has_only_reasoned(&self) -> bool {
        self.text.is_empty() && self.refusal.is_none() && self.calls.is_empty() && self.embeddings.is_none()
    }
}

/// The words of a choice as parts, with the proofs at their places.
fn parts_with_proofs(
    mut text: String,
    reasoning: Option<String>,
    refusal: Option<String>,
    calls: Vec<ToolCall>,
    proofs: Vec<ReasoningProof>,
) -> Vec<Part> {
    let (mut reasoning, mut calls) = (reasoning.unwrap_or_default(), calls.into_iter().enumerate());
    let (mut reasoned, mut said, mut called) = (0, 0, 0);
    let mut parts = Vec::new();
    for proof in proofs {
        let ReasoningProof { proof, after, text_before, calls_before } = proof;
        let said_here = beginning(&mut text, &mut said, text_before);
        parts.extend(said_here.map(Part::Text));
        let calls_before = usize::try_from(calls_before).unwrap_or(usize::MAX);
        let calls_here = calls.by_ref().take(calls_before.saturating_sub(called));
        called = called.max(calls_before);
        parts.extend(calls_here.map(|(index, call)| Part::ToolCall(ToolCallDelta::whole(index, call))));
        parts.extend(beginning(&mut reasoning, &mut reasoned, after).map(Part::Reasoning));
        parts.push(Part::Proof(proof));
    }
    let is_said = |words: &String| !words.is_empty();
    parts.extend(Some(reasoning).filter(is_said).map(Part::Reasoning));
    parts.extend(Some(text).filter(is_said).map(Part::Text));
    parts.extend(refusal.map(Part::Refusal));
    parts.extend(calls.map(|(index, call)| Part::ToolCall(ToolCallDelta::whole(index, call))));
    parts
}

/// Takes the beginning of `rest` up to the byte `end` of the whole text, of which `taken` bytes were taken before.
fn beginning(rest: &mut String, taken: &mut usize, end: u32) -> Option<String> {
    let wanted = usize::try_from(end).unwrap_or(usize::MAX).saturating_sub(*taken);
    let cut = rest.floor_char_boundary(wanted);
    *taken += cut;
    let after = rest.split_off(cut);
    Some(std::mem::replace(rest, after)).filter(|words| !words.is_empty())
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

#[cfg(test)]
mod tests {
    use domain::reasoning_proof::ProofKind;

    use super::*;

    fn proof(data: &str) -> Proof {
        Proof { kind: ProofKind::Signature, provider: None, id: None, data: data.to_owned() }
    }

    fn call(index: u32) -> Part {
        let [id, name] = ["c", "f"].map(|word| Some(word.to_owned()));
        Part::ToolCall(ToolCallDelta { index, id, name, arguments: "{}".to_owned() })
    }

    #[test]
    fn the_parts_of_a_choice_keep_the_places_of_its_proofs() {
        let parts = [
            Part::Reasoning("Hm. ".to_owned()),
            Part::Proof(proof("1")),
            Part::Text("Well. ".to_owned()),
            call(0),
            Part::Reasoning("\u{e9}".to_owned()),
            Part::Proof(proof("2")),
            Part::Proof(proof("3")),
            Part::Reasoning("So.".to_owned()),
            Part::Text("Yes.".to_owned()),
            call(1),
            Part::StopSequence("END".to_owned()),
        ];
        let mut said = SaidChoice::default();
        for part in &parts {
            said.add(part);
        }
        assert_eq!(said.text, "Well. Yes.");
        assert!(said.into_parts().eq(parts));
    }

    #[test]
    fn proofs_at_places_that_are_not_there_are_kept() {
        let far = ReasoningProof { proof: proof("x"), after: 1, text_before: u32::MAX, calls_before: u32::MAX };
        let reasoning = || "\u{e9}".to_owned();
        let said = SaidChoice { reasoning: Some(reasoning()), proofs: vec![far.clone(), far], ..SaidChoice::text("a") };
        let proof = || Part::Proof(proof("x"));
        let expected = [Part::Text("a".to_owned()), proof(), proof(), Part::Reasoning(reasoning())];
        assert!(said.into_parts().eq(expected));
    }
}
