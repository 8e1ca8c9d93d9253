//! Errors as RFC 9457 has them, with Django REST Framework's members inside.

use lambda_http::Body;
use lambda_http::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use lambda_http::http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::error::{ApiError, FieldErrors, Shortfall};
use crate::http::answer::{BufferedResponse, MESSAGE_ID};

/// The members of a problem.
#[derive(Serialize)]
pub(crate) struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a FieldErrors>,
    /// Of a catalogue that has changed: its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(flatten)]
    shortfall: Option<Shortfall>,
}

impl<'a> Problem<'a> {
    /// The problem that `error` is.
    pub(crate) fn of(error: &'a ApiError) -> Self {
        let status = error.status();
        Self {
            // RFC 9457, section 4.2.1: the title is the status's own phrase. `code` tells errors apart.
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: error.detail(),
            code: error.code(),
            errors: match error {
                ApiError::Invalid(errors) | ApiError::InvalidCatalogue(errors) => Some(errors),
                _ => None,
            },
            version: match error {
                ApiError::CatalogueChanged { version } => Some(*version),
                _ => None,
            },
            shortfall: error.shortfall(),
        }
    }
}

/// The response to a request that failed with `error`.
pub(crate) fn problem(error: &ApiError) -> BufferedResponse {
    let body = serde_json::to_string(&Problem::of(error)).unwrap_or_default();
    let mut response = BufferedResponse::new(Body::Text(body));
    *response.status_mut() = error.status();
    *response.headers_mut() = headers_of(error);
    response
}

/// The header that OpenAI's clients read before they repeat a 409, 429 or 5xx by themselves.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The headers of the response to `error`.
pub(crate) fn headers_of(error: &ApiError) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if error.status() == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge(error)));
    }
    if let Some(seconds) = error.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.forbids_repetition() {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    match error {
        ApiError::MethodNotAllowed { allow, .. } => insert(&mut headers, ALLOW, allow),
        ApiError::OutcomeUnknown { message_id, .. } | ApiError::ModelBrokeOff { message_id, .. } => {
            insert(&mut headers, MESSAGE_ID, &message_id.to_string());
        }
        _ => {}
    }
    headers
}

/// RFC 6750, section 3: only a request with a bad token is told `invalid_token`; one without a token is challenged.
fn challenge(error: &ApiError) -> &'static str {
    match error {
        ApiError::TokenNotValid(_) | ApiError::UserInactive => "Bearer realm=\"api\", error=\"invalid_token\"",
        _ => "Bearer realm=\"api\"",
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use domain::credits::Credits;

    use domain::cause::Cause;
    use domain::ids::EntryId;
    use domain::time::Clock;
    use serde_json::{Value, json};

    fn body(response: &BufferedResponse) -> Value {
        serde_json::from_slice(response.body().as_ref()).unwrap()
    }

    #[test]
    fn a_problem_has_the_members_of_rfc_9457_and_of_django_rest_framework() {
        let response = problem(&ApiError::invalid("username", "This field is required."));
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body(&response),
            json!({
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "detail": "Invalid input.",
                "code": "invalid",
                "errors": {"username": ["This field is required."]},
            })
        );
    }

    #[test]
    fn a_refusal_for_want_of_credits_says_what_one_has_and_what_it_costs() {
        let response = problem(&ApiError::InsufficientTokens {
            balance: Credits::new(2).unwrap(),
            cost: Credits::new(5).unwrap(),
        });
        assert_eq!(response.status(), 402);
        assert_eq!(body(&response)["balance"], 2);
        assert_eq!(body(&response)["cost"], 5);
    }

    #[test]
    fn a_catalogue_that_is_none_or_has_changed_is_told_with_what_mends_it() {
        let errors = FieldErrors::from([("models[0].id".into(), vec!["is missing".to_owned()])]);
        let response = problem(&ApiError::InvalidCatalogue(errors));
        assert_eq!(
            (response.status().as_u16(), &body(&response)["errors"]),
            (400, &json!({"models[0].id": ["is missing"]}))
        );
        let response = problem(&ApiError::CatalogueChanged { version: 7 });
        assert_eq!((response.status().as_u16(), &body(&response)["version"]), (409, &json!(7)));
    }

    #[test]
    fn a_cause_is_never_returned() {
        let secret = "the table is at 127.0.0.1";
        for error in [ApiError::Unavailable(Cause::because(secret)), ApiError::Internal(Cause::because(secret))] {
            let response = problem(&error);
            assert!(!format!("{response:?}").contains(secret));
        }
        let response = problem(&ApiError::TokenNotValid("the token has expired"));
        assert!(!format!("{response:?}").contains("the token has expired"));
    }

    #[test]
    fn whoever_is_throttled_is_told_whole_seconds_that_are_long_enough() {
        for (milliseconds, seconds) in [(1, "1"), (1000, "1"), (1001, "2"), (900_000, "900")] {
            let retry_after = Duration::from_millis(milliseconds);
            let response = problem(&ApiError::Throttled { retry_after });
            assert_eq!(response.headers()[RETRY_AFTER], seconds);
            let unit = if seconds == "1" { "second" } else { "seconds" };
            let detail = format!("Request was throttled. Expected available in {seconds} {unit}.");
            assert_eq!(body(&response)["detail"], detail);
        }
    }

    #[test]
    fn only_a_bad_token_is_called_an_invalid_token() {
        let challenge = |error| problem(&error).headers()[WWW_AUTHENTICATE].clone();
        assert_eq!(challenge(ApiError::NotAuthenticated), "Bearer realm=\"api\"");
        assert_eq!(challenge(ApiError::InvalidCredentials), "Bearer realm=\"api\"");
        assert_eq!(challenge(ApiError::TokenNotValid("")), "Bearer realm=\"api\", error=\"invalid_token\"");
    }

    #[test]
    fn after_work_that_may_be_billed_nobody_is_invited_to_repeat_and_a_long_wait_forbids_it_too() {
        let cause = || Cause::because("the reason");
        let message_id = EntryId::new(&Clock::system());
        for error in [
            ApiError::ModelFailed(cause()),
            ApiError::ReplyLost(cause()),
            ApiError::OutcomeUnknown { message_id, cause: cause() },
            ApiError::ModelBrokeOff { message_id, cause: cause() },
            ApiError::Internal(cause()),
        ] {
            let headers = headers_of(&error);
            assert_eq!(
                (headers.get(RETRY_AFTER), headers[SHOULD_RETRY].as_bytes()),
                (None, &b"false"[..]),
                "{error:?}"
            );
        }
        let (minute, longer) = (Duration::from_secs(60), Duration::from_secs(61));
        for (retry_after, forbids) in [(minute, false), (longer, true)] {
            for error in [
                ApiError::Throttled { retry_after },
                ApiError::ModelThrottled { retry_after: Some(retry_after), cause: cause() },
                ApiError::ModelUnavailable { retry_after: Some(retry_after), cause: cause() },
            ] {
                let headers = headers_of(&error);
                assert!(headers.contains_key(RETRY_AFTER), "{error:?}");
                assert_eq!(headers.contains_key(SHOULD_RETRY), forbids, "{error:?}");
            }
        }
    }
}
