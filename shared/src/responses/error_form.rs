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

    /// There is no writer that knows the response, and the numbers of its events: they are those of a stream that has not begun.
    fn event(error: &ErrorParts<'_>) -> String {
        const NAME: &str = "response.failed";
        let response = json!({
            "id": "resp_unknown",
            "object": "response",
            "created_at": 0,
            "status": "failed",
            "error": {"code": failure_code(error), "message": error.message},
            "model": "unknown",
            "output": [],
            "parallel_tool_calls": true,
            "tool_choice": "auto",
            "tools": [],
        });
        let failed = json!({"type": NAME, "sequence_number": 1, "response": response});
        numbered_event(error, 0) + &named_event(NAME, &failed)
    }

    fn parameter(name: &'static str) -> &'static str {
        match name {
            "messages" | "image_url" => "input",
            "max_tokens" => "max_output_tokens",
            "reasoning_effort" => "reasoning.effort",
            "response_format" => "text.format",
            "verbosity" => "text.verbosity",
            name => name,
        }
    }
}

/// The event of this number that says `error`. The AI SDK repeats a request by the type in it.
pub(super) fn numbered_event(error: &ErrorParts<'_>, sequence_number: u64) -> String {
    const NAME: &str = "error";
    let body = ErrorBody::from(error);
    let event = ErrorEvent {
        r#type: NAME,
        sequence_number,
        code: error.code,
        message: &error.message,
        param: error.parameter.as_deref(),
        error: if error.forbids_repetition { body.of_request() } else { body },
    };
    named_event(NAME, &event)
}

/// The code of a failure. Codex repeats a request unless it knows the code. It must not where that may cost a second reply, and
/// need not where the request was wrong.
pub(super) fn failure_code(error: &ErrorParts<'_>) -> &'static str {
    match error.code {
        code @ ("context_length_exceeded" | "insufficient_quota" | "rate_limit_exceeded") => code,
        _ if error.forbids_repetition || error.status.is_client_error() => "invalid_prompt",
        code => code,
    }
}
