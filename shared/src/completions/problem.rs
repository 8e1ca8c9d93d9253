//! Errors as OpenAI's clients read them.

use lambda_http::Body;
use lambda_http::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::json;

use crate::error::ApiError;
use crate::http::{Response, problem_headers};

/// What OpenAI's clients ask before they repeat a request by themselves.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The response that says `error` to a client of OpenAI's protocol.
#[must_use]
pub fn response(error: &ApiError) -> Response {
    let mut response = Response::new(Body::Text(json!({"error": body(error)}).to_string()));
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    *headers = problem_headers(error);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if may_have_been_charged(error) {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    response
}

/// Clients repeat 409, 429 and 5xx by themselves. After these, a repetition without an idempotency key
/// could be a second charge.
fn may_have_been_charged(error: &ApiError) -> bool {
    matches!(error, ApiError::OutcomeUnknown { .. } | ApiError::ModelBrokeOff { .. } | ApiError::Internal(_))
}

#[derive(Serialize)]
pub(super) struct Problem {
    message: String,
    r#type: &'static str,
    param: Option<String>,
    code: &'static str,
}

/// What stands under `error`.
pub(super) fn body(error: &ApiError) -> Problem {
    Problem { message: message(error), r#type: kind(error), param: parameter(error), code: code(error) }
}

fn message(error: &ApiError) -> String {
    match error {
        ApiError::Invalid(errors) if !errors.is_empty() => {
            let field = |(name, reasons): (&&str, &Vec<String>)| format!("{name}: {}", reasons.join(" "));
            errors.iter().map(field).collect::<Vec<_>>().join(" ")
        }
        ApiError::UnsupportedMediaType => "Send application/json.".to_owned(),
        error => error.detail(),
    }
}

/// OpenAI's word where it has one that its clients compare, else ours.
fn code(error: &ApiError) -> &'static str {
    match error {
        ApiError::NotAuthenticated
        | ApiError::TokenNotValid(_)
        | ApiError::InvalidCredentials
        | ApiError::UserInactive => "invalid_api_key",
        ApiError::InsufficientTokens { .. } => "insufficient_quota",
        ApiError::Throttled { .. } => "rate_limit_exceeded",
        error => error.code(),
    }
}

fn kind(error: &ApiError) -> &'static str {
    match error {
        ApiError::InsufficientTokens { .. } => "insufficient_quota",
        ApiError::Throttled { .. } => "rate_limit_exceeded",
        error if error.status().is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}

fn parameter(error: &ApiError) -> Option<String> {
    match error {
        ApiError::Parameter(parameter) => Some(parameter.name.clone()),
        ApiError::ModelRefused { refusal, .. } => refusal.parameter().map(str::to_owned),
        ApiError::ModelNotFound => Some("model".to_owned()),
        ApiError::Invalid(errors) => errors.keys().next().map(|name| (*name).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::completions::fields::refuse;
    use crate::credits::Credits;
    use crate::error::{Cause, Fault, FieldErrors, Refusal};
    use crate::ids::EntryId;
    use crate::time::Clock;
    use serde_json::Value;

    fn cause() -> Cause {
        Cause::because("the table is at 127.0.0.1")
    }

    fn refused(refusal: Refusal) -> ApiError {
        ApiError::ModelRefused { refusal, cause: cause() }
    }

    fn every_kind_of_error() -> Vec<(ApiError, u16, &'static str, &'static str)> {
        let message_id = EntryId::new(&Clock::system());
        let invalid = "invalid_request_error";
        vec![
            (ApiError::Parse("no".to_owned()), 400, invalid, "parse_error"),
            (
                ApiError::Invalid(FieldErrors::from([("Idempotency-Key", vec!["No.".to_owned()])])),
                400,
                invalid,
                "invalid",
            ),
            (refuse("tools", Fault::Unsupported, "no"), 400, invalid, "unsupported_parameter"),
            (refused(Refusal::TooLong), 400, invalid, "context_length_exceeded"),
            (refused(Refusal::Parameter("seed")), 400, invalid, "unsupported_parameter"),
            (refused(Refusal::Unsaid), 400, invalid, "model_refused"),
            (ApiError::NotAuthenticated, 401, invalid, "invalid_api_key"),
            (ApiError::TokenNotValid("the reason"), 401, invalid, "invalid_api_key"),
            (ApiError::UserInactive, 401, invalid, "invalid_api_key"),
            (
                ApiError::InsufficientTokens { balance: Credits::ZERO, cost: Credits::new(1).unwrap() },
                402,
                "insufficient_quota",
                "insufficient_quota",
            ),
            (ApiError::ModelNotFound, 404, invalid, "model_not_found"),
            (
                ApiError::MethodNotAllowed { method: "GET".to_owned(), allow: "POST".to_owned() },
                405,
                invalid,
                "method_not_allowed",
            ),
            (ApiError::InProgress, 409, invalid, "in_progress"),
            (ApiError::TooLarge { limit_bytes: 1 }, 413, invalid, "too_large"),
            (ApiError::UnsupportedMediaType, 415, invalid, "unsupported_media_type"),
            (ApiError::IdempotencyMismatch, 422, invalid, "idempotency_mismatch"),
            (
                ApiError::Throttled { retry_after: Duration::from_secs(1) },
                429,
                "rate_limit_exceeded",
                "rate_limit_exceeded",
            ),
            (ApiError::Internal(cause()), 500, "server_error", "error"),
            (ApiError::ModelFailed(cause()), 502, "server_error", "model_failed"),
            (ApiError::ModelBrokeOff { message_id, cause: cause() }, 502, "server_error", "model_broke_off"),
            (ApiError::ModelUnavailable { retry_after: None, cause: cause() }, 503, "server_error", "unavailable"),
            (ApiError::Unavailable(cause()), 503, "server_error", "unavailable"),
            (ApiError::OutcomeUnknown { message_id, cause: cause() }, 503, "server_error", "outcome_unknown"),
        ]
    }

    #[test]
    fn every_error_has_openais_members_and_keeps_its_headers_and_its_secrets() {
        for (error, status, kind, code) in every_kind_of_error() {
            let response = response(&error);
            let body: Value = serde_json::from_slice(response.body().as_ref()).unwrap();
            assert_eq!((response.status().as_u16(), &body["error"]["type"]), (status, &json!(kind)), "{error:?}");
            assert_eq!(body["error"]["code"], code, "{error:?}");
            assert_eq!(body["error"].as_object().unwrap().len(), 4);
            assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
            assert!(!body.to_string().contains("127.0.0.1") && !body.to_string().contains("the reason"));
            let headers = response.headers();
            assert_eq!(headers["content-type"], "application/json");
            assert_eq!(headers["cache-control"], "no-store");
            assert_eq!(headers.contains_key("www-authenticate"), status == 401);
            assert_eq!(headers.contains_key("allow"), status == 405);
            assert_eq!(headers.contains_key("retry-after"), error.retry_after_seconds().is_some());
        }
    }

    #[test]
    fn only_after_what_may_have_been_charged_a_client_is_told_not_to_repeat() {
        let told: Vec<&str> = every_kind_of_error()
            .iter()
            .filter(|(error, ..)| response(error).headers().contains_key(SHOULD_RETRY))
            .map(|(_, _, _, code)| *code)
            .collect();
        assert_eq!(told, ["error", "model_broke_off", "outcome_unknown"]);
    }

    #[test]
    fn the_parameter_that_is_wrong_is_named() {
        let name = |error: &ApiError| json!(body(error))["param"].clone();
        assert_eq!(name(&refuse("messages[3].content", Fault::Type, "no")), "messages[3].content");
        assert_eq!(name(&ApiError::ModelNotFound), "model");
        assert_eq!(name(&refused(Refusal::Parameter("seed"))), "seed");
        assert_eq!(name(&refused(Refusal::TooLong)), "messages");
        assert_eq!(name(&refused(Refusal::Unsaid)), Value::Null);
        assert_eq!(name(&ApiError::InProgress), Value::Null);
    }
}
