//! What errors say in every protocol, and the form that each gives it.

use std::borrow::Cow;

use lambda_http::Body;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use lambda_http::http::{HeaderName, StatusCode};
use providers::error::Refusal;
use serde_json::Value;

use crate::door::error::ProtocolError;
use crate::door::rate_limit::RateLimit;
use crate::error::{ApiError, Shortfall};
use crate::http::{BufferedResponse, headers_of};

/// The form of the errors of a protocol.
pub trait ErrorForm: Send + Sync + 'static {
    /// What is sent while a stream is silent.
    const KEEP_ALIVE: &'static str = crate::http::KEEP_ALIVE;

    /// The header in which this protocol's clients look for the id of a request, beside the one that all responses have.
    const REQUEST_ID: Option<HeaderName> = None;

    /// The body of an error.
    fn body(error: &ErrorParts<'_>) -> Value;

    /// The last event of a stream that has no writer.
    fn event(error: &ErrorParts<'_>) -> String;

    /// The name in this protocol of the parameter that chat completions call `name`.
    #[must_use]
    fn parameter(name: &'static str) -> &'static str {
        name
    }
}

/// The members of an error, in every protocol.
#[derive(Debug)]
pub struct ErrorParts<'a> {
    /// The status of the response, also where the error is an event.
    pub status: StatusCode,
    /// The code: OpenAI's where its clients compare one, and the API's own otherwise.
    pub code: &'static str,
    /// A sentence for the caller.
    pub message: Cow<'a, str>,
    /// The name of the parameter that the error is about.
    pub parameter: Option<Cow<'a, str>>,
    /// The balance or budget that does not cover the request, if one does not.
    pub shortfall: Option<Shortfall>,
    /// The length of the prompt, if it is too long.
    pub too_long: Option<TooLong>,
    /// Whether a client should not repeat the request by itself, as [`ApiError::forbids_repetition`] says.
    pub forbids_repetition: bool,
}

/// How much too long a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// The model's server says so, and not by how much.
    Unsaid,
    /// By our estimate.
    Estimated {
        /// The tokens of the prompt.
        tokens: u64,
        /// The most that the model takes.
        most: u64,
    },
    /// The model's server says that the prompt fits, and the longest reply does not fit beside it.
    WithReply {
        /// The tokens of the prompt.
        input_tokens: u64,
        /// The most tokens of the reply that was asked for.
        output_tokens: u64,
        /// The tokens for which the model has room.
        context_tokens: u64,
    },
}

impl<'a> ErrorParts<'a> {
    /// What `error` says to a caller of a protocol with errors of the form `F`.
    #[must_use]
    pub fn of<F: ErrorForm>(error: &'a ProtocolError) -> Self {
        let (code, message, parameter) = match error {
            ProtocolError::Parameter(parameter) => {
                let (name, detail) = (parameter.name.as_str(), parameter.detail.as_str());
                (parameter.fault.code(), Cow::Borrowed(detail), Cow::Borrowed(name))
            }
            ProtocolError::Api(error) => return Self::of_api::<F>(error),
        };
        Self {
            status: status(error),
            code,
            message,
            parameter: Some(parameter),
            shortfall: None,
            too_long: None,
            forbids_repetition: false,
        }
    }

    /// What `error`, which every protocol has, says.
    #[must_use]
    pub fn of_api<F: ErrorForm>(error: &'a ApiError) -> Self {
        Self {
            status: error.status(),
            code: api_code(error),
            message: api_message::<F>(error).into(),
            parameter: api_parameter::<F>(error),
            shortfall: error.shortfall(),
            too_long: too_long(error),
            forbids_repetition: error.forbids_repetition(),
        }
    }
}

/// The status of `error`.
pub(crate) fn status(error: &ProtocolError) -> StatusCode {
    match error {
        ProtocolError::Parameter(_) => StatusCode::BAD_REQUEST,
        ProtocolError::Api(error) => error.status(),
    }
}

/// The response of `error` in the form `F`.
pub(crate) fn response_of<F: ErrorForm>(error: &ProtocolError) -> BufferedResponse {
    let body = F::body(&ErrorParts::of::<F>(error));
    let mut response = BufferedResponse::new(Body::Text(body.to_string()));
    *response.status_mut() = status(error);
    *response.headers_mut() = headers(error);
    response
}

fn headers(error: &ProtocolError) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let ProtocolError::Api(error) = error {
        headers = headers_of(error);
        headers.extend(RateLimit::reached(error).into_iter().flat_map(RateLimit::headers));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
}

fn api_message<F: ErrorForm>(error: &ApiError) -> String {
    match error {
        ApiError::Invalid(errors) if !errors.is_empty() => {
            let field = |(name, reasons): (&Cow<'_, str>, &Vec<String>)| format!("{name}: {}", reasons.join(" "));
            errors.iter().map(field).collect::<Vec<_>>().join(" ")
        }
        ApiError::UnsupportedMediaType => "Send application/json.".to_owned(),
        ApiError::ModelRefused { refusal: Refusal::Parameter(name), .. } => {
            let renamed = Refusal::Parameter(F::parameter(name));
            format!("{renamed} Nothing was charged.")
        }
        error => error.detail(),
    }
}

fn api_code(error: &ApiError) -> &'static str {
    match error {
        ApiError::NotAuthenticated
        | ApiError::TokenNotValid(_)
        | ApiError::InvalidCredentials
        | ApiError::UserInactive => "invalid_api_key",
        ApiError::InsufficientTokens { .. } | ApiError::BudgetSpent { .. } => "insufficient_quota",
        ApiError::Throttled { .. }
        | ApiError::TooManyMessages { .. }
        | ApiError::TooManyRequests { .. }
        | ApiError::ModelThrottled { .. } => "rate_limit_exceeded",
        error => error.code(),
    }
}

/// The name of the parameter that the error is about.
fn api_parameter<F: ErrorForm>(error: &ApiError) -> Option<Cow<'_, str>> {
    match error {
        ApiError::ModelRefused { refusal, .. } => refusal_parameter(*refusal).map(|name| F::parameter(name).into()),
        ApiError::ContextTooLong { .. } => Some(F::parameter("messages").into()),
        ApiError::MaxCostTooLow { .. } => Some("max_cost".into()),
        ApiError::ModelNotFound(_) => Some("model".into()),
        ApiError::Invalid(errors) => errors.keys().next().map(|name| Cow::Borrowed(name.as_ref())),
        _ => None,
    }
}

/// The parameter that a model refused.
fn refusal_parameter(refusal: Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::TooLong | Refusal::NothingAsked => Some("messages"),
        Refusal::TooLongWithReply { .. } => Some("max_tokens"),
        Refusal::Parameter(name) => Some(name),
        Refusal::Unsaid => None,
    }
}

fn too_long(error: &ApiError) -> Option<TooLong> {
    match error {
        ApiError::ContextTooLong { estimated_tokens, max_tokens } => {
            Some(TooLong::Estimated { tokens: *estimated_tokens, most: *max_tokens })
        }
        ApiError::ModelRefused { refusal: Refusal::TooLong, .. } => Some(TooLong::Unsaid),
        ApiError::ModelRefused {
            refusal: Refusal::TooLongWithReply { input_tokens, output_tokens, context_tokens },
            ..
        } => Some(TooLong::WithReply {
            input_tokens: *input_tokens,
            output_tokens: *output_tokens,
            context_tokens: *context_tokens,
        }),
        _ => None,
    }
}
