//! Errors as the clients of OpenAI's Responses read them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::door::{ErrorForm, ErrorParts};
use crate::http::named_event;
use crate::openai::ErrorBody;

/// Errors as the clients of OpenAI's Responses read them: outside a stream those of all of OpenAI's protocol.
pub enum ResponsesErrors {}

/// The event `error`. Its members stand in it by the protocol's types; clients raise what they find in its member `error`.
#[derive(Serialize)]
struct ErrorEvent<'a> {
    r#type: &'static str,
    sequence_number: u64,
    code: &'static str,
    message: &'a str,
    param: Option<&'a str>,
    error: ErrorBody,
}

impl ErrorForm for ResponsesErrors {
    fn body(error: &ErrorParts<'_>) -> Value {
        json!({"error": ErrorBody::from(error)})
    }

    fn event(error: &ErrorParts<'_>) -> String {
        numbered_event(error, 0)
    }

    fn parameter(name: &'static str) -> &'static str {
        match name {
            "messages" | "image_url" => "input",
            "reasoning_effort" => "reasoning.effort",
            "response_format" => "text.format",
            "verbosity" => "text.verbosity",
            name => name,
        }
    }
}

/// The event of this number that says `error`.
pub(super) fn numbered_event(error: &ErrorParts<'_>, sequence_number: u64) -> String {
    const NAME: &str = "error";
    let event = ErrorEvent {
        r#type: NAME,
        sequence_number,
        code: error.code,
        message: &error.message,
        param: error.parameter.as_deref(),
        error: error.into(),
    };
    named_event(NAME, &event)
}
