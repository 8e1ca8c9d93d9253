//! Answers with errors, each made by the code that answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use providers::error::Refusal;
use serde_json::Value;
use shared::anthropic::AnthropicErrors;
use shared::domain::cause::Cause;
use shared::domain::credits::Credits;
use shared::domain::ids::EntryId;
use shared::domain::time::Timestamp;
use shared::domain::voucher_end::VoucherEnd;
use shared::door::DoorError;
use shared::endpoint::EndpointError;
use shared::error::ApiError;
use shared::http::BufferedResponse;
use shared::openai::{InvalidParameter, ParameterFault, ProtocolError, UnknownModel};

/// A field that is refused, and the reason.
pub(crate) type RefusedField = (String, &'static str);

/// The protocol of a path, which decides how its errors look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Problems (RFC 9457).
    Problems,
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic,
}

impl Protocol {
    pub(crate) fn of(path: &str) -> Self {
        match path {
            path if path.starts_with("/v1/messages") => Self::Anthropic,
            path if path.starts_with("/v1/") => Self::OpenAi,
            _ => Self::Problems,
        }
    }

    /// The response to a program of this protocol.
    fn response(self, error: ProtocolError) -> BufferedResponse {
        match self {
            Self::Problems | Self::OpenAi => error.response(),
            Self::Anthropic => DoorError::<AnthropicErrors>::from(error).response(),
        }
    }

    /// The beginning of the names of its components.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Problems => "problem",
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }
}

/// An answer with an error.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The code by which the API knows the error, also where its body has another word.
    pub(crate) code: String,
    pub(crate) status: u16,
    pub(crate) media_type: String,
    /// Without the content type, by lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
    /// Whether only an operation that asks a model can answer with it.
    pub(crate) is_of_models: bool,
    /// Whether API Gateway answers with it, in place of a function.
    pub(crate) is_of_gateway: bool,
}

impl Sample {
    fn of(response: &BufferedResponse, code: &str, is_of_models: bool) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = response.headers().iter();
        let mut headers: BTreeMap<String, String> =
            headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
        let media_type = headers.remove("content-type").unwrap_or_default();
        let body = serde_json::from_slice(response.body().as_ref());
        let body = body.unwrap_or_else(|error| panic!("The body of {code} is not JSON: {error}"));
        let status = response.status().as_u16();
        Self { code: code.to_owned(), status, media_type, headers, body, is_of_models, is_of_gateway: false }
    }
}

/// The answers with `code` in this protocol. An error that refuses a field refuses `field`.
pub(crate) fn samples_of(code: &str, protocol: Protocol, field: &RefusedField) -> Vec<Sample> {
    let of_api = api_errors(field).into_iter().filter(|error| error.code() == code).map(|error| {
        let is_of_models = is_of_models(&error);
        match protocol {
            Protocol::Problems => Sample::of(&error.response(), code, is_of_models),
            Protocol::OpenAi | Protocol::Anthropic => {
                Sample::of(&protocol.response(ProtocolError::from(error)), code, is_of_models)
            }
        }
    });
    let is_problem = protocol == Protocol::Problems;
    let of_protocol = protocol_errors().into_iter().filter(|error| !is_problem && EndpointError::code(error) == code);
    let of_protocol = of_protocol.map(|error| Sample::of(&protocol.response(error), code, false));
    let samples: Vec<Sample> = of_api.chain(of_protocol).collect();
    assert!(!samples.is_empty(), "no error of {protocol:?} has the code {code}");
    samples
}

/// Every code that a function can answer with.
#[must_use]
pub fn every_code() -> BTreeSet<&'static str> {
    let field = (String::new(), "");
    let of_api: Vec<ApiError> = api_errors(&field);
    of_api.iter().map(ApiError::code).chain(protocol_errors().iter().map(EndpointError::code)).collect()
}

/// Errors that only a path which asks a model, or charges for it, can answer with.
fn is_of_models(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::TooManyMessages { .. }
            | ApiError::TooManyRequests { .. }
            | ApiError::ModelThrottled { .. }
            | ApiError::ModelUnavailable { .. }
            | ApiError::ReplyLost(_)
    )
}

fn api_errors(field: &RefusedField) -> Vec<ApiError> {
    std::iter::successors(Some(ApiError::Parse("The body is not JSON from line 1, column 2 on.".to_owned())), |error| {
        after(error, field)
    })
    .collect()
}

/// The next error of a list that has every variant: a new variant does not compile before it has a place in the list.
fn after(error: &ApiError, (field, reason): &RefusedField) -> Option<ApiError> {
    let next = match error {
        ApiError::Parse(_) => ApiError::invalid(field.clone(), *reason),
        ApiError::Invalid(_) => ApiError::ContextTooLong { estimated_tokens: 40_000, max_tokens: 32_768 },
        ApiError::ContextTooLong { .. } => ApiError::MaxCostTooLow { least: one_credit() },
        ApiError::MaxCostTooLow { .. } => {
            let errors = [("models[0].id".into(), vec!["is missing".to_owned()])];
            ApiError::InvalidCatalogue(errors.into())
        }
        ApiError::InvalidCatalogue(_) => refused(Refusal::Unsaid),
        ApiError::ModelRefused { refusal: Refusal::Unsaid, .. } => refused(Refusal::NothingAsked),
        ApiError::ModelRefused { refusal: Refusal::NothingAsked, .. } => refused(Refusal::Parameter("seed")),
        ApiError::ModelRefused { refusal: Refusal::Parameter(_), .. } => refused(Refusal::TooLong),
        ApiError::ModelRefused { refusal: Refusal::TooLong, .. } => {
            refused(Refusal::TooLongWithReply { input_tokens: 30_000, output_tokens: 4_096, context_tokens: 32_768 })
        }
        ApiError::ModelRefused { refusal: Refusal::TooLongWithReply { .. }, .. } => ApiError::NotAuthenticated,
        ApiError::NotAuthenticated => ApiError::TokenNotValid("the token has expired"),
        ApiError::TokenNotValid(_) => ApiError::UserInactive,
        ApiError::UserInactive => ApiError::InvalidCredentials,
        ApiError::InvalidCredentials => ApiError::InsufficientTokens { balance: Credits::ZERO, cost: one_credit() },
        ApiError::InsufficientTokens { .. } => budget_spent(Some(Timestamp::from_seconds(1_800_000_000))),
        ApiError::BudgetSpent { renews_at: Some(_), .. } => budget_spent(None),
        ApiError::BudgetSpent { renews_at: None, .. } => ApiError::LoginRequiredAgain,
        ApiError::LoginRequiredAgain => ApiError::RegistrationClosed,
        ApiError::RegistrationClosed => ApiError::NotFound,
        ApiError::NotFound => ApiError::NoSuchPath,
        ApiError::NoSuchPath => ApiError::VoucherNotFound,
        ApiError::VoucherNotFound => ApiError::ModelNotFound(UnknownModel::new("gpt-5", ["dummy"])),
        ApiError::ModelNotFound(_) => {
            ApiError::MethodNotAllowed { method: "PATCH".to_owned(), allow: "GET, HEAD".to_owned() }
        }
        ApiError::MethodNotAllowed { .. } => ApiError::UsernameTaken,
        ApiError::UsernameTaken => ApiError::InProgress,
        ApiError::InProgress => ApiError::AnswerGone,
        ApiError::AnswerGone => ApiError::TooManyKeys { limit: 100 },
        ApiError::TooManyKeys { .. } => ApiError::TooManyConversations { limit: 1000 },
        ApiError::TooManyConversations { .. } => ApiError::LastSuperuser,
        ApiError::LastSuperuser => ApiError::OwnAccount,
        ApiError::OwnAccount => ApiError::AccountInactive,
        ApiError::AccountInactive => ApiError::DeletionInProgress,
        ApiError::DeletionInProgress => ApiError::BalanceTooLow { balance: one_credit() },
        ApiError::BalanceTooLow { .. } => ApiError::TooManyCredits { owned: one_credit() },
        ApiError::TooManyCredits { .. } => ApiError::CatalogueChanged { version: 7 },
        ApiError::CatalogueChanged { .. } => ApiError::VoucherSpent(VoucherEnd::UsedUp),
        ApiError::VoucherSpent(VoucherEnd::UsedUp) => ApiError::VoucherSpent(VoucherEnd::Expired),
        ApiError::VoucherSpent(VoucherEnd::Expired) => ApiError::VoucherSpent(VoucherEnd::Withdrawn),
        ApiError::VoucherSpent(VoucherEnd::Withdrawn) => ApiError::AlreadyRedeemed,
        ApiError::AlreadyRedeemed => ApiError::TooLarge { limit_bytes: 64 * 1024 },
        ApiError::TooLarge { .. } => ApiError::UnsupportedMediaType,
        ApiError::UnsupportedMediaType => ApiError::IdempotencyMismatch,
        ApiError::IdempotencyMismatch => ApiError::GrantMismatch,
        ApiError::GrantMismatch => throttled(1),
        // OpenAI's clients are told not to repeat after a long wait.
        ApiError::Throttled { retry_after } if retry_after.as_secs() == 1 => throttled(3600),
        ApiError::Throttled { .. } => ApiError::TooManyMessages { limit: 10, retry_after: Duration::from_secs(1) },
        ApiError::TooManyMessages { .. } => ApiError::TooManyRequests {
            limit: 60,
            retry_after: Duration::from_secs(1),
            full_in: Duration::from_secs(60),
        },
        ApiError::TooManyRequests { .. } => ApiError::ModelThrottled { retry_after: None, cause: cause() },
        ApiError::ModelThrottled { .. } => ApiError::ModelFailed(cause()),
        ApiError::ModelFailed(_) => ApiError::ModelMisconfigured(cause()),
        ApiError::ModelMisconfigured(_) => ApiError::ModelBrokeOff { message_id: message_id(), cause: cause() },
        ApiError::ModelBrokeOff { .. } => ApiError::NotAccepting,
        ApiError::NotAccepting => ApiError::Unavailable(cause()),
        ApiError::Unavailable(_) => ApiError::ModelUnavailable { retry_after: None, cause: cause() },
        ApiError::ModelUnavailable { .. } => ApiError::ReplyLost(cause()),
        ApiError::ReplyLost(_) => ApiError::OutcomeUnknown { message_id: message_id(), cause: cause() },
        ApiError::OutcomeUnknown { .. } => ApiError::Internal(cause()),
        ApiError::Internal(_) => return None,
    };
    Some(next)
}

/// The errors that only OpenAI's and Anthropic's protocols have.
fn protocol_errors() -> Vec<ProtocolError> {
    let missing = parameter("model", ParameterFault::Missing, "'model' is required.");
    std::iter::successors(Some(missing), |error| match error {
        ProtocolError::Parameter(InvalidParameter { fault, .. }) => match fault {
            ParameterFault::Missing => {
                Some(parameter("stream", ParameterFault::Type, "'stream' must be true or false."))
            }
            ParameterFault::Type => {
                Some(parameter("temperature", ParameterFault::Value, "'temperature' must be a number from 0 to 2."))
            }
            ParameterFault::Value => {
                Some(parameter("tools", ParameterFault::Unsupported, "'tools' is not supported by the model 'dummy'."))
            }
            ParameterFault::Unsupported => None,
        },
        ProtocolError::Api(_) => None,
    })
    .collect()
}

fn parameter(name: &str, fault: ParameterFault, detail: &str) -> ProtocolError {
    ProtocolError::Parameter(InvalidParameter { name: name.to_owned(), fault, detail: detail.to_owned() })
}

fn refused(refusal: Refusal) -> ApiError {
    ApiError::ModelRefused { refusal, cause: cause() }
}

fn budget_spent(renews_at: Option<Timestamp>) -> ApiError {
    ApiError::BudgetSpent { remaining: Credits::ZERO, cost: one_credit(), renews_at }
}

fn throttled(seconds: u64) -> ApiError {
    ApiError::Throttled { retry_after: Duration::from_secs(seconds) }
}

fn cause() -> Cause {
    Cause::because("nobody reads it")
}

fn one_credit() -> Credits {
    Credits::new(1).unwrap_or(Credits::ZERO)
}

fn message_id() -> EntryId {
    EntryId::parse("01KB05AY8G3W5VXQ7S4TB2NC6D").unwrap_or_else(|| panic!("The id of the examples is no ULID."))
}
