//! The cost of a completion, or of a message at `/chatView/`, before it is made. OpenAI's protocol has no such object.

use domain::credits::Credits;
use providers::prompt::Prompt;
use serde::Serialize;

use crate::till::Quotation;

/// The least and the most credits that a request for a completion can take, and the numbers of tokens that they come of.
#[derive(Debug, Serialize)]
pub struct QuoteAnswer<'a> {
    object: &'static str,
    model: &'a str,
    /// The credits that a balance must cover.
    least: Credits,
    /// The credits that are held where the balance covers them.
    most: Credits,
    input_tokens: QuotedInput,
    max_output_tokens: u32,
}

/// The tokens of a prompt, which the model counts when it is asked.
#[derive(Debug, Serialize)]
struct QuotedInput {
    /// By the estimate for English text, which is compared with the context window.
    estimated: u64,
    /// By the upper limit for any text and any image, of which the price is made.
    most: u64,
}

impl<'a> QuoteAnswer<'a> {
    /// The quotation for a reply to `prompt`.
    #[must_use]
    pub fn of(quotation: &'a Quotation, prompt: &Prompt) -> Self {
        Self {
            object: "quote",
            model: quotation.model_id(),
            least: quotation.least(),
            most: quotation.most(),
            input_tokens: QuotedInput {
                estimated: quotation.estimated_input_tokens(prompt),
                most: quotation.most_input_tokens(prompt),
            },
            max_output_tokens: quotation.max_output_tokens(),
        }
    }
}
