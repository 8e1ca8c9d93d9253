//! Errors as clients of embeddings read them.

use serde_json::Value;

use crate::door::{ErrorForm, ErrorParts};
use crate::openai::error_response::OpenAiErrors;

/// Errors of OpenAI's form, which name the parameters of embeddings.
pub enum EmbeddingErrors {}

impl ErrorForm for EmbeddingErrors {
    fn body(error: &ErrorParts<'_>) -> Value {
        OpenAiErrors::body(error)
    }

    fn event(error: &ErrorParts<'_>) -> String {
        OpenAiErrors::event(error)
    }

    fn parameter(name: &'static str) -> &'static str {
        match name {
            "messages" => "input",
            name => name,
        }
    }
}
