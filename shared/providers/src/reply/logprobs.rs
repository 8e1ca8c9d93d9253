//! Log probabilities of the tokens of a reply.

use serde::Serialize;

use crate::raw_array::RawArray;

/// The log probabilities of the tokens of a text and of a refusal, an element for each token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Logprobs {
    /// Of the tokens of the text.
    pub content: Option<RawArray>,
    /// Of the tokens of the refusal.
    pub refusal: Option<RawArray>,
}

impl Logprobs {
    /// The bytes of all elements.
    #[must_use]
    pub fn bytes(&self) -> usize {
        [&self.content, &self.refusal].into_iter().flatten().map(RawArray::bytes).sum()
    }

    /// Appends those of the tokens that come next.
    pub fn add(&mut self, next: &Self) {
        let Self { content, refusal } = next;
        for (all, next) in [(&mut self.content, content), (&mut self.refusal, refusal)] {
            if let Some(next) = next {
                all.get_or_insert_default().add(next);
            }
        }
    }
}
