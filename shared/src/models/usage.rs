//! What a model counts.

use serde::{Deserialize, Serialize};

use crate::models::Prompt;

/// How many tokens a message took, as its model counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Of what the model read: context and message.
    pub input_tokens: u64,
    /// Of what it wrote.
    pub output_tokens: u64,
    /// The model did not say, and this is our guess.
    #[serde(default, skip_serializing_if = "is_false")]
    pub estimated: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Usage {
    /// A guess for a model that does not count: a token for every four bytes of text begun, which is
    /// what English takes with the tokenizers of today.
    #[must_use]
    pub fn estimate(prompt: &Prompt, reply: &str) -> Self {
        let input_tokens = prompt.turns.iter().map(|turn| estimated_tokens(&turn.text)).sum();
        Self { input_tokens, output_tokens: estimated_tokens(reply), estimated: true }
    }
}

fn estimated_tokens(text: &str) -> u64 {
    const BYTES_PER_TOKEN: usize = 4;
    text.len().div_ceil(BYTES_PER_TOKEN) as u64
}
