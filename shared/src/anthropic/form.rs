//! The form of an answer.

use domain::reasoning_proof::{Proof, ProofKind};

/// The members of a request that the form of its answer follows from.
#[derive(Clone, Copy, Debug)]
pub struct MessageForm {
    /// The part of the model's reasoning that is shown.
    pub shown_thinking: ShownThinking,
}

/// The part of a model's reasoning that an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownThinking {
    /// Its words, with their proofs.
    Words,
    /// The proofs alone: the caller wants the model to think, and not to read it.
    Proofs,
    /// Nothing but what Anthropic's own models sign. A caller who did not ask for thinking may take the first block for the
    /// text.
    Unasked,
}

impl MessageForm {
    /// Whether the words of reasoning are shown.
    pub(super) fn shows_words(self) -> bool {
        self.shown_thinking == ShownThinking::Words
    }

    /// Whether `proof` is shown.
    pub(super) fn shows(self, proof: &Proof) -> bool {
        self.shown_thinking != ShownThinking::Unasked || proof.kind != ProofKind::Encrypted
    }
}
