//! Errors as OpenAI's clients read them.

use lambda_http::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use telemetry::metrics::Metric;

use crate::door::{ErrorForm, ErrorParts, ProtocolError, response_of};
use crate::endpoint::{EndpointError, EventError};
use crate::error::{ApiError, Shortfall};
use crate::http::{BufferedResponse, event};

/// Errors as OpenAI's clients read them.
pub enum OpenAiErrors {}

impl ErrorForm for OpenAiErrors {
    fn body(error: &ErrorParts<'_>) -> Value {
        json!({"error": ErrorBody::from(error)})
    }

    /// OpenAI's clients raise this event. It comes instead of `[DONE]`.
    fn event(error: &ErrorParts<'_>) -> String {
        event(&Self::body(error))
    }
}

/// In OpenAI's form, for endpoints of its protocol that ask no model.
impl EndpointError for ProtocolError {
    fn status(&self) -> StatusCode {
        ErrorParts::of::<OpenAiErrors>(self).status
    }

    fn code(&self) -> &'static str {
        self.code()
    }

    fn cause(&self) -> Option<&str> {
        self.cause()
    }

    fn metric(&self) -> Option<Metric> {
        self.metric()
    }

    fn response(&self) -> BufferedResponse {
        response_of::<OpenAiErrors>(self)
    }
}

impl EventError for ProtocolError {
    fn event(&self) -> String {
        OpenAiErrors::event(&ErrorParts::of::<OpenAiErrors>(self))
    }
}

/// The member `error` of a response or an event.
#[derive(Serialize)]
pub(crate) struct ErrorBody {
    message: String,
    r#type: &'static str,
    param: Option<String>,
    code: &'static str,
    #[serde(flatten)]
    shortfall: Option<Shortfall>,
}

impl ErrorBody {
    /// The same as an error of the request. Clients repeat by themselves after any other type in a stream.
    pub(crate) fn of_request(self) -> Self {
        Self { r#type: "invalid_request_error", ..self }
    }

    /// The member `error` for a failure that every protocol has.
    pub(crate) fn of(error: &ApiError) -> Self {
        (&ErrorParts::of_api::<OpenAiErrors>(error)).into()
    }
}

impl From<&ProtocolError> for ErrorBody {
    fn from(error: &ProtocolError) -> Self {
        (&ErrorParts::of::<OpenAiErrors>(error)).into()
    }
}

impl From<&ErrorParts<'_>> for ErrorBody {
    fn from(error: &ErrorParts<'_>) -> Self {
        Self {
            message: error.message.to_string(),
            r#type: kind(error),
            param: error.parameter.as_ref().map(ToString::to_string),
            code: error.code,
            shortfall: error.shortfall.clone(),
        }
    }
}

fn kind(error: &ErrorParts<'_>) -> &'static str {
    match error.code {
        code @ ("insufficient_quota" | "rate_limit_exceeded") => code,
        _ if error.status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use domain::cause::Cause;
    use domain::credits::Credits;
    use domain::ids::EntryId;
    use domain::time::{Clock, Timestamp};

    use providers::error::Refusal;

    use crate::door::{ParameterFault, UnknownModel, refuse};

    fn cause() -> Cause {
        Cause::because("the table is at 127.0.0.1")
    }

    fn refused(refusal: Refusal) -> ProtocolError {
        ApiError::ModelRefused { refusal, cause: cause() }.into()
    }

    fn unknown_model() -> ProtocolError {
        ApiError::ModelNotFound(UnknownModel::new("gpt-5", ["dummy"])).into()
    }

    fn too_long() -> ApiError {
        ApiError::ContextTooLong { estimated_tokens: 40_000, max_tokens: 32_768 }
    }

    fn budget_spent(renews_at: Option<Timestamp>) -> ApiError {
        ApiError::BudgetSpent { remaining: Credits::ZERO, cost: Credits::new(5).unwrap(), renews_at }
    }

    fn too_many_requests() -> ApiError {
        let (retry_after, full_in) = (Duration::from_millis(1500), Duration::from_secs(30));
        ApiError::TooManyRequests { limit: 3, retry_after, full_in }
    }

    fn every_kind_of_error() -> Vec<(ProtocolError, u16, &'static str, &'static str)> {
        let message_id = EntryId::new(&Clock::system());
        let invalid = "invalid_request_error";
        vec![
            (ApiError::Parse("no".to_owned()).into(), 400, invalid, "parse_error"),
            (ApiError::invalid("Idempotency-Key", "No.").into(), 400, invalid, "invalid"),
            (refuse("tools", ParameterFault::Unsupported, "no"), 400, invalid, "unsupported_parameter"),
            (refused(Refusal::TooLong), 400, invalid, "context_length_exceeded"),
            (refused(Refusal::Parameter("seed")), 400, invalid, "unsupported_parameter"),
            (refused(Refusal::Unsaid), 400, invalid, "model_refused"),
            (refused(Refusal::NothingAsked), 400, invalid, "model_refused"),
            (too_long().into(), 400, invalid, "context_length_exceeded"),
            (ApiError::MaxCostTooLow { least: Credits::MAX }.into(), 400, invalid, "invalid_value"),
            (ApiError::NotAuthenticated.into(), 401, invalid, "invalid_api_key"),
            (ApiError::TokenNotValid("the reason").into(), 401, invalid, "invalid_api_key"),
            (ApiError::UserInactive.into(), 401, invalid, "invalid_api_key"),
            (
                ApiError::InsufficientTokens { balance: Credits::ZERO, cost: Credits::new(1).unwrap() }.into(),
                402,
                "insufficient_quota",
                "insufficient_quota",
            ),
            (budget_spent(Some(Timestamp::from_seconds(0))).into(), 402, "insufficient_quota", "insufficient_quota"),
            (unknown_model(), 404, invalid, "model_not_found"),
            (
                ApiError::MethodNotAllowed { method: "GET".to_owned(), allow: "POST".to_owned() }.into(),
                405,
                invalid,
                "method_not_allowed",
            ),
            (ApiError::InProgress.into(), 409, invalid, "in_progress"),
            (ApiError::TooLarge { limit_bytes: 1 }.into(), 413, invalid, "too_large"),
            (ApiError::UnsupportedMediaType.into(), 415, invalid, "unsupported_media_type"),
            (ApiError::IdempotencyMismatch.into(), 422, invalid, "idempotency_mismatch"),
            (
                ApiError::Throttled { retry_after: Duration::from_secs(1) }.into(),
                429,
                "rate_limit_exceeded",
                "rate_limit_exceeded",
            ),
            (
                ApiError::TooManyMessages { limit: 3, retry_after: Duration::from_secs(1) }.into(),
                429,
                "rate_limit_exceeded",
                "rate_limit_exceeded",
            ),
            (too_many_requests().into(), 429, "rate_limit_exceeded", "rate_limit_exceeded"),
            (ApiError::NotAccepting.into(), 503, "server_error", "not_accepting"),
            (ApiError::Internal(cause()).into(), 500, "server_error", "error"),
            (
                ApiError::ModelThrottled { retry_after: None, cause: cause() }.into(),
                429,
                "rate_limit_exceeded",
                "rate_limit_exceeded",
            ),
            (ApiError::ModelFailed(cause()).into(), 502, "server_error", "model_failed"),
            (ApiError::ModelMisconfigured(cause()).into(), 502, "server_error", "model_misconfigured"),
            (ApiError::ModelBrokeOff { message_id, cause: cause() }.into(), 502, "server_error", "model_broke_off"),
            (
                ApiError::ModelUnavailable { retry_after: None, cause: cause() }.into(),
                503,
                "server_error",
                "unavailable",
            ),
            (ApiError::Unavailable(cause()).into(), 503, "server_error", "unavailable"),
            (ApiError::ReplyLost(cause()).into(), 503, "server_error", "unavailable"),
            (ApiError::OutcomeUnknown { message_id, cause: cause() }.into(), 503, "server_error", "outcome_unknown"),
        ]
    }

    #[test]
    fn every_error_has_openais_members_and_keeps_its_headers_and_its_secrets() {
        for (error, status, kind, code) in every_kind_of_error() {
            let response = error.response();
            let body: Value = serde_json::from_slice(response.body().as_ref()).unwrap();
            assert_eq!((response.status().as_u16(), &body["error"]["type"]), (status, &json!(kind)), "{error:?}");
            assert_eq!(body["error"]["code"], code, "{error:?}");
            assert_eq!(
                body["error"].as_object().unwrap().len(),
                match (status, body["error"]["limited_by"].as_str()) {
                    (402, Some("account")) => 7,
                    (402, Some("key")) => 8,
                    _ => 4,
                }
            );
            assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
            assert!(!body.to_string().contains("127.0.0.1") && !body.to_string().contains("the reason"));
            let headers = response.headers();
            assert_eq!(headers["content-type"], "application/json");
            assert_eq!(headers["cache-control"], "no-store");
            assert_eq!(headers.contains_key("www-authenticate"), status == 401);
            assert_eq!(headers.contains_key("allow"), status == 405);
            let retry_after = if let ProtocolError::Api(error) = &error { error.retry_after_seconds() } else { None };
            assert_eq!(headers.contains_key("retry-after"), retry_after.is_some());
            let has_limit = matches!(
                error,
                ProtocolError::Api(ApiError::TooManyMessages { .. } | ApiError::TooManyRequests { .. })
            );
            assert_eq!(headers.contains_key("x-ratelimit-limit-requests"), has_limit);
        }
    }

    #[test]
    fn only_after_a_stop_and_what_may_have_been_billed_or_charged_a_client_is_told_not_to_repeat() {
        let told: Vec<&str> = every_kind_of_error()
            .iter()
            .filter(|(error, ..)| error.response().headers().contains_key("x-should-retry"))
            .map(|(_, _, _, code)| *code)
            .collect();
        assert_eq!(
            told,
            [
                "not_accepting",
                "error",
                "model_failed",
                "model_misconfigured",
                "model_broke_off",
                "unavailable",
                "outcome_unknown"
            ]
        );
    }

    #[test]
    fn a_refusal_for_want_of_credits_says_what_one_has_and_what_it_costs() {
        let error = ApiError::InsufficientTokens { balance: Credits::new(2).unwrap(), cost: Credits::new(5).unwrap() };
        let body = json!(ErrorBody::of(&error));
        assert_eq!((&body["limited_by"], &body["balance"], &body["cost"]), (&json!("account"), &json!(2), &json!(5)));
        for (renews_at, told) in
            [(None, json!(null)), (Some(Timestamp::from_seconds(0)), json!("1970-01-01T00:00:00Z"))]
        {
            let body = json!(ErrorBody::of(&budget_spent(renews_at)));
            assert_eq!((&body["limited_by"], &body["remaining"], &body["cost"]), (&json!("key"), &json!(0), &json!(5)));
            assert_eq!(body["renews_at"], told);
        }
    }

    #[test]
    fn a_refusal_of_a_request_too_many_says_when_there_is_one_and_when_there_are_all() {
        let response = ProtocolError::from(too_many_requests()).response();
        let told = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(told("retry-after"), "2");
        let names = ["limit", "remaining", "reset"].map(|part| told(&format!("x-ratelimit-{part}-requests")));
        assert_eq!(names, ["3", "0", "30s"]);
    }

    #[test]
    fn the_parameter_that_is_wrong_is_named() {
        let name = |error: &ProtocolError| json!(ErrorBody::from(error))["param"].clone();
        assert_eq!(name(&refuse("messages[3].content", ParameterFault::Type, "no")), "messages[3].content");
        assert_eq!(name(&unknown_model()), "model");
        assert_eq!(name(&refused(Refusal::Parameter("seed"))), "seed");
        for error in [refused(Refusal::TooLong), refused(Refusal::NothingAsked), too_long().into()] {
            assert_eq!(name(&error), "messages");
        }
        assert_eq!(name(&ApiError::MaxCostTooLow { least: Credits::ZERO }.into()), "max_cost");
        assert_eq!(name(&refused(Refusal::Unsaid)), Value::Null);
        assert_eq!(name(&ApiError::InProgress.into()), Value::Null);
    }

    /// Libraries for agents look for these words, and then shorten what they send.
    #[test]
    fn a_refusal_of_length_has_the_words_by_which_clients_know_it() {
        for error in [refused(Refusal::TooLong), too_long().into()] {
            assert!(ErrorBody::from(&error).message.contains("This model's maximum context length is "), "{error:?}");
        }
    }

    #[test]
    fn an_error_in_the_middle_is_an_event_and_no_end() {
        let broke_off = ApiError::ModelBrokeOff { message_id: EntryId::new(&Clock::system()), cause: cause() };
        let event = ProtocolError::from(broke_off).event();
        let data = event.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["error"]["code"], "model_broke_off");
        assert!(!event.contains("127.0.0.1"));
    }
}
