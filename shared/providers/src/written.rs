//! The words of a reply so far, and the usage that follows from them.

use domain::pricing::Usage;

use crate::prompt::{BYTES_PER_TOKEN, Prompt};
use crate::reply::Part;

/// The estimate of a reply's usage, for a provider that counts nothing, or nothing that can be true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// The tokens that the model read: our estimate, or the provider's count.
    input: Usage,
    bytes: usize,
    events: u64,
    /// The bytes of reasoning since the last proof.
    unproved_bytes: usize,
    has_embeddings: bool,
}

impl Written {
    /// Nothing yet, in reply to `prompt`, of which each image counts `image_tokens`.
    pub(crate) fn in_reply_to(prompt: &Prompt, image_tokens: u32) -> Self {
        let input = Usage::estimated(prompt.estimated_input_tokens(image_tokens), 0);
        Self { input, bytes: 0, events: 0, unproved_bytes: 0, has_embeddings: false }
    }

    /// Counts a part. A proof hides the reasoning that it proves: of its bytes, those count that were not shown as words.
    pub(crate) fn add_part(&mut self, part: &Part) {
        match part {
            Part::Reasoning(words) => self.unproved_bytes += words.len(),
            Part::Proof(proof) => {
                let shown = std::mem::take(&mut self.unproved_bytes);
                self.add(proof.data.len().saturating_sub(shown));
            }
            Part::Embeddings(_) => self.has_embeddings = true,
            _ => {}
        }
        self.add(part.word_bytes());
    }

    /// Takes the provider's count of the tokens that the model read in place of the estimate.
    pub(crate) fn count_input(&mut self, counted: &Usage) {
        if counted.input_tokens > 0 {
            self.input = Usage { output_tokens: 0, reasoning_tokens: 0, estimated: true, ..*counted };
        }
    }

    /// Counts an event of the provider's stream that brought words of this length.
    pub(crate) fn add(&mut self, bytes: usize) {
        if bytes > 0 {
            self.bytes += bytes;
            self.events += 1;
        }
    }

    /// Whether the model has written anything.
    pub(crate) fn has_begun(&self) -> bool {
        self.events > 0 || self.has_embeddings
    }

    /// The estimate: a token for every four bytes, and at least one for each event, since no server that we know sends
    /// an event for less than a token.
    pub(crate) fn usage(&self) -> Usage {
        let output_tokens = (self.bytes.div_ceil(BYTES_PER_TOKEN) as u64).max(self.events);
        Usage { output_tokens, ..self.input }
    }

    /// The provider's count, with the estimate in place of each number that cannot be true: a prompt has at least the
    /// tokens of its template, and words that were seen have been written.
    pub(crate) fn corrected(&self, counted: Option<Usage>) -> Usage {
        let Some(counted) = counted else { return self.usage() };
        let estimate = self.usage();
        let or = |counted: u64, estimate: u64| if counted == 0 { estimate } else { counted };
        let (input_tokens, output_tokens) =
            (or(counted.input_tokens, estimate.input_tokens), or(counted.output_tokens, estimate.output_tokens));
        let is_corrected = (input_tokens, output_tokens) != (counted.input_tokens, counted.output_tokens);
        Usage { input_tokens, output_tokens, estimated: counted.estimated || is_corrected, ..counted }
    }
}

#[cfg(test)]
mod tests {
    use domain::reasoning_proof::{Proof, ProofKind};

    use super::*;
    use crate::raw_array::RawArray;

    fn proof(bytes: usize) -> Part {
        let data = "x".repeat(bytes);
        Part::Proof(Proof { kind: ProofKind::Signature, provider: None, id: None, data })
    }

    fn nothing() -> Written {
        Written::in_reply_to(&Prompt::default(), 0)
    }

    #[test]
    fn a_proof_counts_as_the_reasoning_that_it_hides() {
        let mut written = nothing();
        written.add_part(&proof(40));
        assert!(written.has_begun());
        assert_eq!(written.usage().output_tokens, 10);
        written.add_part(&Part::Reasoning("x".repeat(30)));
        written.add_part(&proof(40));
        assert_eq!(written.usage().output_tokens, 20);
    }

    #[test]
    fn vectors_are_a_beginning_without_tokens() {
        let mut written = nothing();
        written.add_part(&Part::Embeddings(RawArray::default()));
        assert!(written.has_begun());
        assert_eq!(written.usage().output_tokens, 0);
    }

    #[test]
    fn the_providers_count_of_the_input_takes_the_place_of_the_estimate() {
        let mut written = nothing();
        let counted =
            Usage { cached_input_tokens: 900, cache_write_tokens: 50, reasoning_tokens: 7, ..Usage::counted(1000, 1) };
        written.count_input(&counted);
        written.add(8);
        let expected = Usage { output_tokens: 2, reasoning_tokens: 0, estimated: true, ..counted };
        assert_eq!(written.usage(), expected);
        written.count_input(&Usage::default());
        assert_eq!(written.usage(), expected);
    }
}
