//! The parts of a model's own turn, in the order in which it wrote them.

use std::ops::Range;

use crate::prompt::Turn;
use domain::message::ToolCall;
use domain::reasoning_proof::{Proof, ReasoningProof};

/// A part of a model's turn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReplyPart<'a> {
    /// A part of the turn's text.
    Words(Range<usize>),
    /// A call of a tool.
    Call(&'a ToolCall),
    /// Reasoning that has a proof. The words are empty if the proof hides them.
    Reasoning { words: &'a str, proof: &'a Proof },
}

impl Turn {
    /// The parts of the turn. Its proofs cut text, calls and reasoning; between two of them the text comes before the calls.
    /// Reasoning without a proof is left out: no protocol that has proofs takes it.
    pub(crate) fn reply_parts(&self) -> Vec<ReplyPart<'_>> {
        let Self { text, calls, reasoning, proofs, .. } = self;
        let reasoning = reasoning.as_deref().unwrap_or_default();
        let (mut said, mut called, mut reasoned) = (0, 0, 0);
        let mut parts = Vec::new();
        for ReasoningProof { proof, after, text_before, calls_before } in proofs {
            let text_before = text.floor_char_boundary(place(*text_before)).max(said);
            let calls_before = place(*calls_before).clamp(called, calls.len());
            let after = reasoning.floor_char_boundary(place(*after)).max(reasoned);
            parts.extend((text_before > said).then_some(ReplyPart::Words(said..text_before)));
            parts.extend(calls[called..calls_before].iter().map(ReplyPart::Call));
            parts.push(ReplyPart::Reasoning { words: &reasoning[reasoned..after], proof });
            (said, called, reasoned) = (text_before, calls_before, after);
        }
        parts.extend((text.len() > said).then_some(ReplyPart::Words(said..text.len())));
        parts.extend(calls[called..].iter().map(ReplyPart::Call));
        parts
    }
}

fn place(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use domain::reasoning_proof::ProofKind;
    use proptest::prelude::*;

    use super::*;
    use crate::prompt::Role;

    fn proof(data: &str) -> Proof {
        Proof { kind: ProofKind::Signature, provider: None, id: None, data: data.to_owned() }
    }

    fn placed(data: &str, after: u32, text_before: u32, calls_before: u32) -> ReasoningProof {
        ReasoningProof { proof: proof(data), after, text_before, calls_before }
    }

    fn calls(count: usize) -> Vec<ToolCall> {
        let call = |place| ToolCall { id: format!("c{place}"), name: "f".to_owned(), arguments: String::new() };
        (0..count).map(call).collect()
    }

    #[test]
    fn proofs_cut_what_they_stand_among() {
        let turn = Turn {
            reasoning: Some("Hm. So. Well.".to_owned()),
            proofs: vec![placed("1", 3, 0, 0), placed("2", 3, 2, 1), placed("3", 7, 2, 1)],
            calls: calls(2),
            ..Turn::text(Role::Assistant, "I look.")
        };
        let (one, two, three) = (proof("1"), proof("2"), proof("3"));
        let expected = [
            ReplyPart::Reasoning { words: "Hm.", proof: &one },
            ReplyPart::Words(0..2),
            ReplyPart::Call(&turn.calls[0]),
            ReplyPart::Reasoning { words: "", proof: &two },
            ReplyPart::Reasoning { words: " So.", proof: &three },
            ReplyPart::Words(2..7),
            ReplyPart::Call(&turn.calls[1]),
        ];
        assert_eq!(turn.reply_parts(), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn wherever_proofs_stand_all_of_the_text_and_all_calls_are_there_once(
            text in "\\PC{0,9}",
            reasoning in "\\PC{0,9}",
            count in 0..4_usize,
            places in prop::collection::vec(prop::array::uniform3(prop_oneof![0..12_u32, Just(u32::MAX)]), 0..4),
        ) {
            let place = |[after, said, called]: [u32; 3]| placed("x", after, said, called);
            let proofs: Vec<_> = places.into_iter().map(place).collect();
            let (calls, reasoning) = (calls(count), Some(reasoning));
            let turn = Turn { calls, reasoning, proofs, ..Turn::text(Role::Assistant, text) };
            let (mut said, mut called, mut proved) = (String::new(), 0, 0);
            for part in turn.reply_parts() {
                match part {
                    ReplyPart::Words(words) => said.push_str(&turn.text[words]),
                    ReplyPart::Call(_) => called += 1,
                    ReplyPart::Reasoning { .. } => proved += 1,
                }
            }
            prop_assert_eq!((&said, called, proved), (&turn.text, turn.calls.len(), turn.proofs.len()));
        }
    }
}
