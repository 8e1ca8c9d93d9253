//! Errors as Anthropic's clients read them.

use lambda_http::http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use crate::anthropic::unsupported::THREAD;
use crate::door::{ErrorForm, ErrorParts, TooLong};
use crate::http::named_event;

/// Errors as Anthropic's clients read them.
pub enum AnthropicErrors {}

impl ErrorForm for AnthropicErrors {
    const KEEP_ALIVE: &'static str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    const REQUEST_ID: Option<HeaderName> = Some(HeaderName::from_static("request-id"));

    fn body(error: &ErrorParts<'_>) -> Value {
        let mut members = json!({"type": kind(error), "message": message(error), "code": error.code});
        if let Some(parameter) = &error.parameter {
            members["param"] = json!(parameter);
            // By this code Anthropic's client for TypeScript sends the whole conversation instead.
            if parameter == THREAD {
                members["details"] = json!({"error_code": "thread_unsupported_request", "unsupported": [THREAD]});
            }
        }
        if let (Value::Object(shortfall), Some(members)) = (json!(error.shortfall), members.as_object_mut()) {
            members.extend(shortfall);
        }
        json!({"type": "error", "error": members})
    }

    /// Anthropic's clients raise this event. It comes instead of `message_stop`.
    fn event(error: &ErrorParts<'_>) -> String {
        named_event("error", &Self::body(error))
    }

    fn parameter(name: &'static str) -> &'static str {
        match name {
            "image_url" => "messages",
            "reasoning_effort" => "thinking",
            "response_format" => "output_config.format",
            "stop" => "stop_sequences",
            "parallel_tool_calls" => "tool_choice.disable_parallel_tool_use",
            name => name,
        }
    }
}

/// Anthropic's word for an error. Claude Code repeats a request after `overloaded_error`, whatever the headers say, so that
/// word is told only where a repetition costs nobody a second reply.
fn kind(error: &ErrorParts<'_>) -> &'static str {
    match error.status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::PAYMENT_REQUIRED => "billing_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::SERVICE_UNAVAILABLE if !error.forbids_repetition => "overloaded_error",
        status if status.is_server_error() => "api_error",
        _ => "invalid_request_error",
    }
}

/// Claude Code shortens what it sends when it reads of a prompt that is too long, or at 413 of a context window, and asks for a
/// shorter reply when it reads of both lengths.
fn message(error: &ErrorParts<'_>) -> String {
    match error.too_long {
        None if error.status == StatusCode::PAYLOAD_TOO_LARGE => {
            format!("The conversation is larger than the context window here. {}", error.message)
        }
        None => error.message.to_string(),
        Some(TooLong::WithReply { input_tokens, output_tokens, context_tokens }) => {
            format!(
                "input length and `max_tokens` exceed context limit: {input_tokens} + {output_tokens} > {context_tokens}"
            )
        }
        Some(TooLong::Unsaid) => "prompt is too long. Nothing was charged.".to_owned(),
        Some(TooLong::Estimated { tokens, most }) => format!("prompt is too long: {tokens} tokens > {most} maximum"),
    }
}
