//! The one error of the API: every failure, with its status, its code and words for a stranger.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use lambda_http::http::StatusCode;

use crate::credits::Credits;
use crate::ids::EntryId;

/// Every way in which a request fails.
///
/// Each variant names its HTTP status and its stable `code`; how it looks on the wire is in
/// [`crate::http`]. What went wrong inside is a [`Cause`]: it is logged and never returned.
#[derive(Debug)]
pub enum ApiError {
    /// 400 `parse_error`: the body is not what its content type says. The text says where.
    Parse(String),
    /// 400 `invalid`: what is wrong, field by field.
    Invalid(FieldErrors),
    /// 400, with the code of its [`Fault`]: a parameter of OpenAI's protocol cannot be honoured.
    Parameter(InvalidParameter),
    /// 400, with the code of its [`Refusal`]: the model does not take what it was asked; nothing was
    /// charged.
    ModelRefused {
        /// What it does not take.
        refusal: Refusal,
        /// What it said.
        cause: Cause,
    },
    /// 401 `not_authenticated`: no bearer token was sent.
    NotAuthenticated,
    /// 401 `token_not_valid`: the token is malformed, forged, expired, revoked or of another kind.
    /// The reason is for the log: a stranger learns nothing of why.
    TokenNotValid(&'static str),
    /// 401 `invalid_credentials`: no such user, or not this password; which, is not said.
    InvalidCredentials,
    /// 401 `user_inactive`: the account is deactivated.
    UserInactive,
    /// 402 `insufficient_tokens`: the balance does not cover the cost.
    InsufficientTokens {
        /// What the user has.
        balance: Credits,
        /// What the request costs.
        cost: Credits,
    },
    /// 404 `not_found`: the person who asks has no such thing.
    NotFound,
    /// 404 `model_not_found`: the request names another model than the one that is here.
    ModelNotFound,
    /// 405 `method_not_allowed`, with the methods that are.
    MethodNotAllowed {
        /// The method that was used.
        method: String,
        /// The value of the header `Allow`.
        allow: String,
    },
    /// 409 `username_taken`.
    UsernameTaken,
    /// 409 `in_progress`: the first request with this idempotency key is still being answered.
    InProgress,
    /// 409 `too_many_keys`: the user has as many API keys as anybody may have.
    TooManyKeys {
        /// So many.
        limit: usize,
    },
    /// 413 `too_large`: the body has more bytes than the limit.
    TooLarge {
        /// The most bytes that a body may have.
        limit_bytes: usize,
    },
    /// 415 `unsupported_media_type`: neither JSON nor a form.
    UnsupportedMediaType,
    /// 422 `idempotency_mismatch`: the idempotency key was used for another message.
    IdempotencyMismatch,
    /// 429 `throttled`: too many messages in flight, guesses at a password, or registrations.
    Throttled {
        /// When to come back; a client is told whole seconds, rounded up.
        retry_after: Duration,
    },
    /// 502 `model_failed`: the model gave no reply; nothing was charged.
    ModelFailed(Cause),
    /// 502 `model_broke_off`: the model broke off after a part of its reply was delivered, which was
    /// charged and stored.
    ModelBrokeOff {
        /// The message that was charged.
        message_id: EntryId,
        /// What the model said.
        cause: Cause,
    },
    /// 503 `unavailable`: the model is busy or cannot be reached; nothing was charged.
    ModelUnavailable {
        /// When to come back, if the model says so; a client is told whole seconds, rounded up.
        retry_after: Option<Duration>,
        /// What it said.
        cause: Cause,
    },
    /// 503 `unavailable`: something that we need cannot be reached; nothing was charged.
    Unavailable(Cause),
    /// 503 `outcome_unknown`: the one error after which the message may have been charged.
    OutcomeUnknown {
        /// The message whose ledger entry tells, once it can be read.
        message_id: EntryId,
        /// Why it is not known.
        cause: Cause,
    },
    /// 500 `error`: a fault of ours.
    Internal(Cause),
}

impl ApiError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Parse(_) | Self::Invalid(_) | Self::Parameter(_) | Self::ModelRefused { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::NotAuthenticated | Self::TokenNotValid(_) | Self::InvalidCredentials | Self::UserInactive => {
                StatusCode::UNAUTHORIZED
            }
            Self::InsufficientTokens { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::NotFound | Self::ModelNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UsernameTaken | Self::InProgress | Self::TooManyKeys { .. } => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::ModelFailed(_) | Self::ModelBrokeOff { .. } => StatusCode::BAD_GATEWAY,
            Self::ModelUnavailable { .. } | Self::Unavailable(_) | Self::OutcomeUnknown { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word that programs compare.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Parse(_) => "parse_error",
            Self::Invalid(_) => "invalid",
            Self::Parameter(parameter) => parameter.fault.code(),
            Self::ModelRefused { refusal, .. } => refusal.code(),
            Self::NotAuthenticated => "not_authenticated",
            Self::TokenNotValid(_) => "token_not_valid",
            Self::InvalidCredentials => "invalid_credentials",
            Self::UserInactive => "user_inactive",
            Self::InsufficientTokens { .. } => "insufficient_tokens",
            Self::NotFound => "not_found",
            Self::ModelNotFound => "model_not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::UsernameTaken => "username_taken",
            Self::InProgress => "in_progress",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::Throttled { .. } => "throttled",
            Self::ModelFailed(_) => "model_failed",
            Self::ModelBrokeOff { .. } => "model_broke_off",
            Self::TooLarge { .. } => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ModelUnavailable { .. } | Self::Unavailable(_) => "unavailable",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::Internal(_) => "error",
        }
    }

    /// A sentence for the person at the other end.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Parse(what) => what.clone(),
            Self::Invalid(_) => "Invalid input.".to_owned(),
            Self::Parameter(parameter) => parameter.detail.clone(),
            Self::ModelRefused { refusal, .. } => format!("{refusal} Nothing was charged."),
            Self::NotAuthenticated => "Authentication credentials were not provided.".to_owned(),
            Self::TokenNotValid(_) => "Token is invalid or expired.".to_owned(),
            Self::InvalidCredentials => "No active account found with the given credentials.".to_owned(),
            Self::UserInactive => "User is inactive.".to_owned(),
            Self::InsufficientTokens { balance, cost } => {
                format!("This message costs {cost} and your balance is {balance}.")
            }
            Self::NotFound => "Not found.".to_owned(),
            Self::ModelNotFound => {
                "There is no such model here; GET /v1/models names the one that there is.".to_owned()
            }
            Self::MethodNotAllowed { method, .. } => format!("Method \"{method}\" not allowed."),
            Self::InProgress => "The first request with this idempotency key is still being answered.".to_owned(),
            Self::TooManyKeys { limit } => format!("You have {limit} API keys, and nobody has more. End one first."),
            Self::IdempotencyMismatch => "This idempotency key was used for another message.".to_owned(),
            Self::Throttled { .. } => match self.retry_after_seconds() {
                // Django REST Framework's words.
                Some(1) => "Request was throttled. Expected available in 1 second.".to_owned(),
                Some(seconds) => format!("Request was throttled. Expected available in {seconds} seconds."),
                None => "Request was throttled.".to_owned(),
            },
            Self::ModelFailed(_) => "The model gave no reply. Nothing was charged.".to_owned(),
            Self::ModelBrokeOff { .. } => {
                "The model broke off. What it had written until then was charged and stored.".to_owned()
            }
            Self::UsernameTaken => "A user with that username already exists.".to_owned(),
            Self::TooLarge { limit_bytes } => {
                format!("The body has more than {limit_bytes} bytes.")
            }
            Self::UnsupportedMediaType => "Send application/json or application/x-www-form-urlencoded.".to_owned(),
            Self::ModelUnavailable { .. } | Self::Unavailable(_) => {
                "Service temporarily unavailable, try again later. This request was not charged.".to_owned()
            }
            Self::OutcomeUnknown { .. } => "It is not known whether the message was stored and charged.".to_owned(),
            Self::Internal(_) => "A server error occurred.".to_owned(),
        }
    }

    /// What went wrong inside, for the log alone.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::ModelFailed(cause)
            | Self::Unavailable(cause)
            | Self::ModelUnavailable { cause, .. }
            | Self::ModelRefused { cause, .. }
            | Self::ModelBrokeOff { cause, .. }
            | Self::OutcomeUnknown { cause, .. }
            | Self::Internal(cause) => Some(&cause.0),
            Self::TokenNotValid(reason) => Some(reason),
            _ => None,
        }
    }

    /// In how many seconds to try again, where trying again helps. Rounded up: whoever waits so long
    /// is let in.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let duration = match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::ModelUnavailable { retry_after, .. } => Some(retry_after.unwrap_or(Duration::from_secs(1))),
            Self::InProgress | Self::Unavailable(_) | Self::OutcomeUnknown { .. } => Some(Duration::from_secs(1)),
            _ => None,
        }?;
        u64::try_from(duration.as_millis().div_ceil(1000)).ok()
    }
}

/// Why a parameter of OpenAI's protocol was refused. It repeats nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidParameter {
    /// Where it is, as in `messages[3].content`.
    pub name: String,
    /// What kind of fault it is.
    pub fault: Fault,
    /// In a sentence.
    pub detail: String,
}

/// What is wrong with a parameter, in OpenAI's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `missing_required_parameter`
    Missing,
    /// `invalid_type`
    Type,
    /// `invalid_value`
    Value,
    /// `unsupported_parameter`: it may be right elsewhere, but could not be honoured here.
    Unsupported,
}

impl Fault {
    fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing_required_parameter",
            Self::Type => "invalid_type",
            Self::Value => "invalid_value",
            Self::Unsupported => "unsupported_parameter",
        }
    }
}

/// What a model does not take of what it was asked, in our words and not in its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `context_length_exceeded`
    #[error("The conversation is longer than the model can read.")]
    TooLong,
    /// `unsupported_parameter`, by its name in OpenAI's protocol.
    #[error("The model does not know '{0}', or not with this value.")]
    Parameter(&'static str),
    /// `model_refused`: it does not say what, or not so that we can tell.
    #[error("The model does not take this conversation or these parameters.")]
    Unsaid,
}

impl Refusal {
    fn code(self) -> &'static str {
        match self {
            Self::TooLong => "context_length_exceeded",
            Self::Parameter(_) => Fault::Unsupported.code(),
            Self::Unsaid => "model_refused",
        }
    }

    /// The parameter of OpenAI's protocol that it is about.
    #[must_use]
    pub fn parameter(self) -> Option<&'static str> {
        match self {
            Self::TooLong => Some("messages"),
            Self::Parameter(name) => Some(name),
            Self::Unsaid => None,
        }
    }
}

/// Why fields were refused, by field.
pub type FieldErrors = BTreeMap<&'static str, Vec<String>>;

/// What went wrong inside: an error with all its sources in one line, for the log.
///
/// It keeps the words and not the error: an SDK error's `Debug` shows whole items, password
/// hashes and messages included; its `Display` does not.
#[derive(Debug)]
pub struct Cause(String);

impl Cause {
    /// The words of `error` and of all its sources.
    pub fn new(error: impl Error) -> Self {
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            words.push_str(": ");
            words.push_str(&error.to_string());
            source = error.source();
        }
        Self(words)
    }

    /// A cause that no other error explains.
    #[must_use]
    pub fn because(words: &str) -> Self {
        Self(words.to_owned())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
