//! The words of a reply so far, and the usage that follows from them.

use domain::pricing::Usage;

use crate::prompt::{BYTES_PER_TOKEN, Prompt};

/// The estimate of a reply's usage, for a provider that counts nothing, or nothing that can be true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    input_tokens: u64,
    bytes: usize,
    events: u64,
}

impl Written {
    /// Nothing yet, in reply to `prompt`, of which each image counts `image_tokens`.
    pub(crate) fn in_reply_to(prompt: &Prompt, image_tokens: u32) -> Self {
        Self { input_tokens: prompt.estimated_input_tokens(image_tokens), bytes: 0, events: 0 }
    }

    /// Counts an event of the provider's stream that brought words of this length.
    pub(crate) fn add(&mut self, bytes: usize) {
        if bytes > 0 {
            self.bytes += bytes;
            self.events += 1;
        }
    }

    /// Whether the model has written anything.
    pub(crate) fn has_words(&self) -> bool {
        self.events > 0
    }

    /// The estimate: a token for every four bytes, and at least one for each event, since no server that we know sends
    /// an event for less than a token.
    pub(crate) fn usage(&self) -> Usage {
        let output_tokens = (self.bytes.div_ceil(BYTES_PER_TOKEN) as u64).max(self.events);
        Usage::estimated(self.input_tokens, output_tokens)
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
