//! What a model counts.

use serde::{Deserialize, Serialize};

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
