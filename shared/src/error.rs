//! The error of the API: every failure, with its status, its code and a sentence for the client.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use domain::cause::Cause;
use domain::credits::Credits;
use domain::ids::EntryId;
use domain::time::Timestamp;
use domain::voucher_end::VoucherEnd;
use identity::reset_codes::{MakeResetCodeError, ResetCodeError};
use identity::{ChangeError, IdentityError};
use lambda_http::http::StatusCode;
use ledger::LedgerError;
use ledger::account::Closed;
use ledger::authority::AuthorityLost;
use ledger::bulk_grants::BulkGrantError;
use ledger::gate::GateError;
use ledger::grant::GrantError;
use ledger::switch::SwitchError;
use ledger::vouchers::{BatchError, RedeemError};
use providers::error::{ModelError, Refusal};
use serde::Serialize;
use store::StoreError;

use crate::unknown_model::UnknownModel;

/// The time after which an account may have room for one more message in flight.
pub(crate) const ROOM_WAIT: Duration = Duration::from_secs(1);

/// The time after which a client may ask whether an operator has resumed. A stop lasts minutes, and a function takes up
/// to one to hear of its end.
const STOP_RETRY_AFTER: Duration = Duration::from_secs(120);

/// Every way in which a request fails.
///
/// Each variant names its HTTP status and its stable `code`. The modules `http` and `openai` make responses of it.
/// A [`Cause`] is logged and never returned.
#[derive(Debug)]
pub enum ApiError {
    /// 400 `parse_error`: the body is not what its content type says. The text says at which place.
    Parse(String),
    /// 400 `invalid`, with the errors of each field.
    Invalid(FieldErrors),
    /// 400, with the code of its [`Refusal`]: the model does not accept the request. Nothing was charged.
    ModelRefused {
        /// The part that the model does not accept.
        refusal: Refusal,
        /// The model's answer.
        cause: Cause,
    },
    /// 400 `context_length_exceeded`: the prompt is longer than the settings allow. Nothing was held.
    ContextTooLong {
        /// The tokens of the prompt, by an estimate.
        estimated_tokens: u64,
        /// The most tokens of a prompt.
        max_tokens: u64,
    },
    /// 400 `invalid_value`: the caller's bound on the cost does not cover the request. Nothing was held.
    MaxCostTooLow {
        /// The least cost of the request.
        least: Credits,
    },
    /// 400 `invalid_catalogue`, with the errors by their paths in the document.
    InvalidCatalogue(FieldErrors),
    /// 401 `not_authenticated`: no bearer token was sent.
    NotAuthenticated,
    /// 401 `token_not_valid`: the token is malformed, forged, expired, revoked or of another kind. The reason is logged
    /// and never returned.
    TokenNotValid(&'static str),
    /// 401 `invalid_credentials`: no such user, or another password. The response does not tell which.
    InvalidCredentials,
    /// 401 `user_inactive`: the account is deactivated.
    UserInactive,
    /// 402 `insufficient_tokens`: the balance does not cover the cost.
    InsufficientTokens {
        /// The user's balance.
        balance: Credits,
        /// The least cost of the request.
        cost: Credits,
    },
    /// 402 `insufficient_tokens`: the budget of the caller's API key does not cover the cost.
    BudgetSpent {
        /// The credits that can still be spent in the budget's period.
        remaining: Credits,
        /// The least cost of the request.
        cost: Credits,
        /// The moment at which the budget begins anew, if it ever does.
        renews_at: Option<Timestamp>,
    },
    /// 403 `login_required_again`: the act wants a login of the last minutes.
    LoginRequiredAgain,
    /// 403 `registration_closed`: nobody may register, or nobody without an invitation.
    RegistrationClosed,
    /// 404 `not_found`: the user has nothing with this id.
    NotFound,
    /// 404 `not_found`: the caller is nobody to whom the path is there. At the admin API the body is the gateway's own.
    NoSuchPath,
    /// 404 `voucher_not_found`: no voucher has this code.
    VoucherNotFound,
    /// 404 `model_not_found`: the request names a model that is not here, or not for its API key.
    ModelNotFound(UnknownModel),
    /// 405 `method_not_allowed`, with the methods that are allowed.
    MethodNotAllowed {
        /// The request's method.
        method: String,
        /// The value of the header `Allow`.
        allow: String,
    },
    /// 409 `username_taken`.
    UsernameTaken,
    /// 409 `in_progress`: the first request with this idempotency key is still being answered.
    InProgress,
    /// 409 `answer_gone`: the idempotency key's first request was answered and charged, and its answer is no longer kept.
    AnswerGone,
    /// 409 `too_many_keys`: the user has the most API keys that a user may have.
    TooManyKeys {
        /// The most API keys of a user.
        limit: usize,
    },
    /// 409 `too_many_conversations`: the user has the most conversations that a user may have.
    TooManyConversations {
        /// The most conversations of a user.
        limit: u32,
    },
    /// 409 `last_superuser`: without this one there would be no active superuser.
    LastSuperuser,
    /// 409 `own_account`: staff delete their own account, and set its password, as everybody does: with the password.
    OwnAccount,
    /// 409 `inactive`: the account that the act is for is deactivated.
    AccountInactive,
    /// 409 `deletion_in_progress`: the account that the act is for is being deleted.
    DeletionInProgress,
    /// 409 `balance_too_low`: the user has less than is taken back.
    BalanceTooLow {
        /// The credits that the user can spend.
        balance: Credits,
    },
    /// 409 `too_many_credits`: the user would have more than [`Credits::MAX`].
    TooManyCredits {
        /// The user's credits, including held ones.
        owned: Credits,
    },
    /// 409 `catalogue_changed`: another version is stored than the one that was seen.
    CatalogueChanged {
        /// The version that is stored.
        version: u64,
    },
    /// 409 `voucher_spent`: the voucher gives nothing any more.
    VoucherSpent(VoucherEnd),
    /// 409 `already_redeemed`: the user has redeemed this voucher before.
    AlreadyRedeemed,
    /// 413 `too_large`: the body has more bytes than the limit.
    TooLarge {
        /// The most bytes that a body may have.
        limit_bytes: usize,
    },
    /// 415 `unsupported_media_type`: the body is neither JSON nor a form of either kind.
    UnsupportedMediaType,
    /// 422 `idempotency_mismatch`: the idempotency key was used for another message.
    IdempotencyMismatch,
    /// 422 `idempotency_mismatch`: the idempotency key was used for another grant.
    GrantMismatch,
    /// 429 `throttled`: too many guesses at a password, registrations, or deletions of conversations that wait.
    Throttled {
        /// The time until a retry can succeed. The client is told whole seconds, rounded up.
        retry_after: Duration,
    },
    /// 429 `throttled`: too many messages of the account are in flight, or were not paid in this hour.
    TooManyMessages {
        /// The most messages of that kind.
        limit: u32,
        /// The time until a retry can succeed. The client is told whole seconds, rounded up.
        retry_after: Duration,
    },
    /// 429 `throttled`: the account, or the API key, has made as many requests as a minute has.
    TooManyRequests {
        /// The most requests of a minute.
        limit: u32,
        /// The time until a retry can succeed. The client is told whole seconds, rounded up.
        retry_after: Duration,
        /// The time until as many requests may be made as ever.
        full_in: Duration,
    },
    /// 429 `throttled`: the model's provider wants fewer requests; nothing was charged.
    ModelThrottled {
        /// The time until a retry can succeed, if the provider says it. The client is told whole seconds, rounded up.
        retry_after: Option<Duration>,
        /// The provider's answer.
        cause: Cause,
    },
    /// 503 `not_accepting`: an operator has stopped messages and registrations. Nothing was charged.
    NotAccepting,
    /// 502 `model_failed`: the model gave no reply; nothing was charged. The provider may have worked.
    ModelFailed(Cause),
    /// 502 `model_misconfigured`: the model's provider turns this operator away; nothing was charged.
    ModelMisconfigured(Cause),
    /// 502 `model_broke_off`: the model failed in the middle of a streamed reply. The part that was streamed is charged
    /// and stored.
    ModelBrokeOff {
        /// The message that was charged.
        message_id: EntryId,
        /// The model's failure.
        cause: Cause,
    },
    /// 503 `unavailable`: the model is busy or cannot be reached; nothing was charged.
    ModelUnavailable {
        /// The time until a retry can succeed, if the model says it. The client is told whole seconds, rounded up.
        retry_after: Option<Duration>,
        /// The model's answer.
        cause: Cause,
    },
    /// 503 `unavailable`: the table or a secret cannot be reached. Nothing was charged.
    Unavailable(Cause),
    /// 503 `unavailable`: the model replied, and the table cannot be reached for the charge. Nothing was charged, and the
    /// reply is not handed out, or not to its end.
    ReplyLost(Cause),
    /// 503 `outcome_unknown`: the capture may have succeeded. It is the one error after which a message without a reply
    /// may have been charged.
    OutcomeUnknown {
        /// The message's id: its ledger entry tells, once the table can be read.
        message_id: EntryId,
        /// The failure of the capture.
        cause: Cause,
    },
    /// 500 `error`: a fault in this code or its data.
    Internal(Cause),
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<Closed> for ApiError {
    fn from(closed: Closed) -> Self {
        IdentityError::from(closed).into()
    }
}

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::TokenNotValid(reason) => Self::TokenNotValid(reason),
            IdentityError::InvalidCredentials => Self::InvalidCredentials,
            IdentityError::UserInactive => Self::UserInactive,
            IdentityError::NotFound => Self::NotFound,
            IdentityError::UsernameTaken => Self::UsernameTaken,
            IdentityError::InvitationSpent(end) => Self::VoucherSpent(end),
            IdentityError::TooManyKeys { limit } => Self::TooManyKeys { limit },
            IdentityError::NotStaff => Self::NoSuchPath,
            IdentityError::LoginRequiredAgain => Self::LoginRequiredAgain,
            IdentityError::LastSuperuser => Self::LastSuperuser,
            IdentityError::PasswordRequired => Self::invalid("password", "This field is required."),
            IdentityError::Throttled { retry_after } => Self::Throttled { retry_after },
            IdentityError::Unavailable(cause) => Self::Unavailable(cause),
            IdentityError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<AuthorityLost> for ApiError {
    /// Whoever has ceased to be staff is answered as everybody else.
    fn from(_: AuthorityLost) -> Self {
        Self::NoSuchPath
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::UserNotFound => Self::NotFound,
            ChangeError::DeletionInProgress => Self::DeletionInProgress,
            ChangeError::LastSuperuser => Self::LastSuperuser,
            ChangeError::LoginRequiredAgain => Self::LoginRequiredAgain,
            ChangeError::AuthorityLost(lost) => lost.into(),
            ChangeError::Unavailable(cause) => Self::Unavailable(cause),
            ChangeError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<MakeResetCodeError> for ApiError {
    fn from(error: MakeResetCodeError) -> Self {
        match error {
            MakeResetCodeError::Inactive => Self::AccountInactive,
            MakeResetCodeError::OwnAccount => Self::OwnAccount,
            MakeResetCodeError::Change(error) => error.into(),
        }
    }
}

impl From<ResetCodeError> for ApiError {
    fn from(error: ResetCodeError) -> Self {
        match error {
            ResetCodeError::Worthless => Self::invalid(
                "code",
                "This code sets no password: it is unknown, used, replaced by a newer one, or too old.",
            ),
            ResetCodeError::Unavailable(cause) => Self::Unavailable(cause),
            ResetCodeError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<GrantError> for ApiError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::AccountNotFound => Self::NotFound,
            GrantError::DeletionInProgress => Self::DeletionInProgress,
            GrantError::InsufficientCredits { balance } => Self::BalanceTooLow { balance },
            GrantError::TooManyCredits { owned } => Self::TooManyCredits { owned },
            GrantError::Mismatch => Self::GrantMismatch,
            GrantError::AuthorityLost(lost) => lost.into(),
            GrantError::ClaimLost => Self::Unavailable(Cause::because("another driver has claimed the job")),
            GrantError::Unavailable(cause) => Self::Unavailable(cause),
            GrantError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<RedeemError> for ApiError {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Spent(end) => Self::VoucherSpent(end),
            RedeemError::AlreadyRedeemed => Self::AlreadyRedeemed,
            RedeemError::TooManyCredits { owned } => Self::TooManyCredits { owned },
            RedeemError::Closed(closed) => closed.into(),
            RedeemError::Unavailable(cause) => Self::Unavailable(cause),
            RedeemError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<BatchError> for ApiError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::NotFound => Self::NotFound,
            BatchError::AuthorityLost(lost) => lost.into(),
            BatchError::Unavailable(cause) => Self::Unavailable(cause),
            BatchError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<SwitchError> for ApiError {
    fn from(error: SwitchError) -> Self {
        match error {
            SwitchError::AuthorityLost(lost) => lost.into(),
            SwitchError::Store(error) => error.into(),
        }
    }
}

impl From<BulkGrantError> for ApiError {
    fn from(error: BulkGrantError) -> Self {
        match error {
            BulkGrantError::AuthorityLost(lost) => lost.into(),
            BulkGrantError::Store(error) => error.into(),
        }
    }
}

impl From<GateError> for ApiError {
    fn from(error: GateError) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotAccepting => Self::NotAccepting,
            LedgerError::Closed(closed) => closed.into(),
            LedgerError::InsufficientCredits { balance, cost } => Self::InsufficientTokens { balance, cost },
            LedgerError::BudgetSpent { remaining, cost, renews_at } => Self::BudgetSpent { remaining, cost, renews_at },
            LedgerError::TooManyRequests { limit, retry_after, full_in } => {
                Self::TooManyRequests { limit, retry_after, full_in }
            }
            LedgerError::TooManyHolds { limit } => Self::TooManyMessages { limit, retry_after: ROOM_WAIT },
            LedgerError::TooMuchUnpaid { limit, retry_after } => Self::TooManyMessages { limit, retry_after },
            LedgerError::InProgress => Self::InProgress,
            LedgerError::AnswerGone => Self::AnswerGone,
            LedgerError::IdempotencyMismatch => Self::IdempotencyMismatch,
            LedgerError::NoConversation => Self::NotFound,
            LedgerError::TooManyConversations { limit } => Self::TooManyConversations { limit },
            LedgerError::TooManyDeletions { retry_after } => Self::Throttled { retry_after },
            LedgerError::OutcomeUnknown { message_id, cause } => Self::OutcomeUnknown { message_id, cause },
            LedgerError::Unavailable(cause) => Self::Unavailable(cause),
            LedgerError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Failed(cause) => Self::ModelFailed(cause),
            ModelError::Refused { refusal, cause } => Self::ModelRefused { refusal, cause },
            ModelError::Throttled { retry_after, cause } => Self::ModelThrottled { retry_after, cause },
            ModelError::Misconfigured(cause) => Self::ModelMisconfigured(cause),
            ModelError::Unavailable { retry_after, cause } => Self::ModelUnavailable { retry_after, cause },
        }
    }
}

impl ApiError {
    /// The refusal of one field for one reason.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::Invalid(FieldErrors::from([(field.into(), vec![reason.into()])]))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Parse(_)
            | Self::Invalid(_)
            | Self::ModelRefused { .. }
            | Self::ContextTooLong { .. }
            | Self::MaxCostTooLow { .. }
            | Self::InvalidCatalogue(_) => StatusCode::BAD_REQUEST,
            Self::NotAuthenticated | Self::TokenNotValid(_) | Self::InvalidCredentials | Self::UserInactive => {
                StatusCode::UNAUTHORIZED
            }
            Self::InsufficientTokens { .. } | Self::BudgetSpent { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::LoginRequiredAgain | Self::RegistrationClosed => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoSuchPath | Self::VoucherNotFound | Self::ModelNotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UsernameTaken
            | Self::InProgress
            | Self::AnswerGone
            | Self::TooManyKeys { .. }
            | Self::TooManyConversations { .. }
            | Self::LastSuperuser
            | Self::OwnAccount
            | Self::AccountInactive
            | Self::DeletionInProgress
            | Self::BalanceTooLow { .. }
            | Self::TooManyCredits { .. }
            | Self::CatalogueChanged { .. }
            | Self::VoucherSpent(_)
            | Self::AlreadyRedeemed => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::IdempotencyMismatch | Self::GrantMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Throttled { .. }
            | Self::TooManyMessages { .. }
            | Self::TooManyRequests { .. }
            | Self::ModelThrottled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::ModelFailed(_) | Self::ModelMisconfigured(_) | Self::ModelBrokeOff { .. } => StatusCode::BAD_GATEWAY,
            Self::NotAccepting
            | Self::ModelUnavailable { .. }
            | Self::Unavailable(_)
            | Self::ReplyLost(_)
            | Self::OutcomeUnknown { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code that programs compare.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Parse(_) => "parse_error",
            Self::Invalid(_) => "invalid",
            Self::ModelRefused { refusal, .. } => refusal_code(*refusal),
            Self::ContextTooLong { .. } => refusal_code(Refusal::TooLong),
            Self::MaxCostTooLow { .. } => "invalid_value",
            Self::InvalidCatalogue(_) => "invalid_catalogue",
            Self::NotAuthenticated => "not_authenticated",
            Self::TokenNotValid(_) => "token_not_valid",
            Self::InvalidCredentials => "invalid_credentials",
            Self::UserInactive => "user_inactive",
            Self::InsufficientTokens { .. } | Self::BudgetSpent { .. } => "insufficient_tokens",
            Self::LoginRequiredAgain => "login_required_again",
            Self::RegistrationClosed => "registration_closed",
            Self::NotFound | Self::NoSuchPath => "not_found",
            Self::VoucherNotFound => "voucher_not_found",
            Self::ModelNotFound(_) => "model_not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::UsernameTaken => "username_taken",
            Self::InProgress => "in_progress",
            Self::AnswerGone => "answer_gone",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::TooManyConversations { .. } => "too_many_conversations",
            Self::LastSuperuser => "last_superuser",
            Self::OwnAccount => "own_account",
            Self::AccountInactive => "inactive",
            Self::DeletionInProgress => "deletion_in_progress",
            Self::BalanceTooLow { .. } => "balance_too_low",
            Self::TooManyCredits { .. } => "too_many_credits",
            Self::CatalogueChanged { .. } => "catalogue_changed",
            Self::VoucherSpent(_) => "voucher_spent",
            Self::AlreadyRedeemed => "already_redeemed",
            Self::IdempotencyMismatch | Self::GrantMismatch => "idempotency_mismatch",
            Self::Throttled { .. }
            | Self::TooManyMessages { .. }
            | Self::TooManyRequests { .. }
            | Self::ModelThrottled { .. } => "throttled",
            Self::NotAccepting => "not_accepting",
            Self::ModelFailed(_) => "model_failed",
            Self::ModelMisconfigured(_) => "model_misconfigured",
            Self::ModelBrokeOff { .. } => "model_broke_off",
            Self::TooLarge { .. } => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ModelUnavailable { .. } | Self::Unavailable(_) | Self::ReplyLost(_) => "unavailable",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::Internal(_) => "error",
        }
    }

    /// A sentence for the person who sent the request.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Parse(what) => what.clone(),
            Self::Invalid(_) => "Invalid input.".to_owned(),
            Self::ModelRefused { refusal, .. } => format!("{refusal} Nothing was charged."),
            // OpenAI's words, by which LangChain's, LiteLLM's and other clients know it.
            Self::ContextTooLong { estimated_tokens, max_tokens } => format!(
                "This model's maximum context length is {max_tokens} tokens. However, your messages resulted in \
                 {estimated_tokens} tokens. Please reduce the length of the messages."
            ),
            Self::MaxCostTooLow { least } => {
                format!("'max_cost' must be at least {least}, the credits that the shortest reply to this may cost.")
            }
            Self::NotAuthenticated => "Authentication credentials were not provided.".to_owned(),
            Self::TokenNotValid(_) => "Token is invalid or expired.".to_owned(),
            Self::InvalidCredentials => "No active account found with the given credentials.".to_owned(),
            Self::UserInactive => "User is inactive.".to_owned(),
            Self::InsufficientTokens { balance, cost } => {
                format!("This message costs {cost} and your balance is {balance}.")
            }
            Self::BudgetSpent { remaining, cost, renews_at: None } => {
                format!("This message costs {cost}, and the budget of this API key has {remaining} left.")
            }
            Self::BudgetSpent { remaining, cost, renews_at: Some(renews_at) } => format!(
                "This message costs {cost}, and the budget of this API key has {remaining} left until {renews_at}."
            ),
            Self::InvalidCatalogue(_) => "This is no catalogue, and nothing was changed.".to_owned(),
            Self::LoginRequiredAgain => {
                "This takes a login of the last 15 minutes. Log in again, and repeat it with the new token.".to_owned()
            }
            Self::RegistrationClosed => "This service takes no registrations.".to_owned(),
            Self::NotFound | Self::NoSuchPath => "Not found.".to_owned(),
            Self::VoucherNotFound => "There is no such code.".to_owned(),
            Self::LastSuperuser => "This is the last active superuser. Make another one first.".to_owned(),
            Self::OwnAccount => "This is your own account. It takes your password: at /account/ to delete it, at /password/ for a new one.".to_owned(),
            Self::AccountInactive => "The account is deactivated.".to_owned(),
            Self::DeletionInProgress => "The account is being deleted.".to_owned(),
            Self::BalanceTooLow { balance } => {
                format!("The balance is {balance}, which does not cover what is to be taken back.")
            }
            Self::TooManyCredits { owned } => {
                format!("The user has {owned} and cannot have more than {}.", Credits::MAX)
            }
            Self::CatalogueChanged { version } => format!(
                "The catalogue has version {version}, and nothing was changed. Look at it again before you replace it."
            ),
            Self::VoucherSpent(end) => end.to_string(),
            Self::AlreadyRedeemed => "You have redeemed this code before.".to_owned(),
            Self::GrantMismatch => "This idempotency key was used for another grant.".to_owned(),
            Self::ModelNotFound(unknown) => unknown.detail(),
            Self::MethodNotAllowed { method, .. } => format!("Method \"{method}\" not allowed."),
            Self::InProgress => "The first request with this idempotency key is still being answered.".to_owned(),
            Self::AnswerGone => {
                "This request was answered and charged before, and its answer is no longer kept. It is not charged again."
                    .to_owned()
            }
            Self::TooManyKeys { limit } => format!("You have {limit} API keys, and nobody has more. End one first."),
            Self::TooManyConversations { limit } => {
                format!("You have {limit} conversations, and nobody has more. Delete one first.")
            }
            Self::IdempotencyMismatch => "This idempotency key was used for another message.".to_owned(),
            Self::Throttled { .. }
            | Self::TooManyMessages { .. }
            | Self::TooManyRequests { .. }
            | Self::ModelThrottled { .. } => {
                // Django REST Framework's words.
                match self.retry_after_seconds() {
                    Some(1) => "Request was throttled. Expected available in 1 second.".to_owned(),
                    Some(seconds) => format!("Request was throttled. Expected available in {seconds} seconds."),
                    None => "Request was throttled.".to_owned(),
                }
            }
            Self::NotAccepting => {
                "This service accepts no messages and no registrations for the moment. Nothing was charged.".to_owned()
            }
            Self::ModelFailed(_) => "The model gave no reply. Nothing was charged.".to_owned(),
            Self::ModelMisconfigured(_) => {
                "The model cannot be used until the operator of this service has seen to it. Nothing was charged."
                    .to_owned()
            }
            Self::ModelBrokeOff { .. } => {
                "The model broke off. What it had written until then was charged and stored.".to_owned()
            }
            Self::UsernameTaken => "A user with that username already exists.".to_owned(),
            Self::TooLarge { limit_bytes } => {
                format!("The body has more than {limit_bytes} bytes.")
            }
            Self::UnsupportedMediaType => {
                "Send application/json, application/x-www-form-urlencoded or multipart/form-data.".to_owned()
            }
            Self::ModelUnavailable { .. } | Self::Unavailable(_) | Self::ReplyLost(_) => {
                "Service temporarily unavailable, try again later. This request was not charged.".to_owned()
            }
            Self::OutcomeUnknown { .. } => "It is not known whether the message was stored and charged.".to_owned(),
            Self::Internal(_) => "A server error occurred.".to_owned(),
        }
    }

    /// The cause, for the log alone.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::ModelFailed(cause)
            | Self::ModelMisconfigured(cause)
            | Self::ModelThrottled { cause, .. }
            | Self::Unavailable(cause)
            | Self::ReplyLost(cause)
            | Self::ModelUnavailable { cause, .. }
            | Self::ModelRefused { cause, .. }
            | Self::ModelBrokeOff { cause, .. }
            | Self::OutcomeUnknown { cause, .. }
            | Self::Internal(cause) => Some(cause.as_str()),
            Self::TokenNotValid(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether a client should not repeat the request by itself. The model's provider may have worked on it, and may bill
    /// the operator: a repetition costs a second reply, and its user perhaps a second charge. Or a repetition cannot
    /// succeed soon: `OpenAI`'s clients ignore a longer `Retry-After` than a minute, and come back at once.
    #[must_use]
    pub fn forbids_repetition(&self) -> bool {
        const LONGEST_WAIT: Duration = Duration::from_secs(60);
        match self {
            Self::NotAccepting => STOP_RETRY_AFTER > LONGEST_WAIT,
            Self::ModelFailed(_)
            | Self::ModelMisconfigured(_)
            | Self::ModelBrokeOff { .. }
            | Self::ReplyLost(_)
            | Self::OutcomeUnknown { .. }
            | Self::AnswerGone
            | Self::Internal(_) => true,
            Self::Throttled { retry_after }
            | Self::TooManyMessages { retry_after, .. }
            | Self::TooManyRequests { retry_after, .. }
            | Self::ModelThrottled { retry_after: Some(retry_after), .. }
            | Self::ModelUnavailable { retry_after: Some(retry_after), .. } => *retry_after > LONGEST_WAIT,
            _ => false,
        }
    }

    /// The seconds after which a retry can succeed, rounded up, for errors that a retry can get past.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let duration = match self {
            Self::Throttled { retry_after }
            | Self::TooManyMessages { retry_after, .. }
            | Self::TooManyRequests { retry_after, .. } => Some(*retry_after),
            Self::NotAccepting => Some(STOP_RETRY_AFTER),
            Self::ModelUnavailable { retry_after, .. } | Self::ModelThrottled { retry_after, .. } => {
                Some(retry_after.unwrap_or(Duration::from_secs(1)))
            }
            // Not after errors that forbid a repetition: other clients than `OpenAI`'s know `Retry-After` alone.
            Self::InProgress | Self::Unavailable(_) => Some(Duration::from_secs(1)),
            _ => None,
        }?;
        u64::try_from(duration.as_micros().div_ceil(1_000_000)).ok()
    }

    /// The balance or budget that does not cover the request, if one does not.
    pub(crate) fn shortfall(&self) -> Option<Shortfall> {
        match *self {
            Self::InsufficientTokens { balance, cost } => Some(Shortfall {
                limited_by: "account",
                balance: Some(balance),
                remaining: None,
                cost,
                renews_at: None,
            }),
            Self::BudgetSpent { remaining, cost, renews_at } => Some(Shortfall {
                limited_by: "key",
                balance: None,
                remaining: Some(remaining),
                cost,
                renews_at: renews_at.map(|moment| moment.to_string()),
            }),
            _ => None,
        }
    }
}

/// The balance or budget that does not cover a request: members of a body of 402, in every protocol.
#[derive(Clone, Debug, Serialize)]
pub struct Shortfall {
    /// `account` or `key`.
    limited_by: &'static str,
    /// Of an account: its balance.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Credits>,
    /// Of an API key: what is left of its budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<Credits>,
    /// The least cost of the request.
    cost: Credits,
    /// Of an API key whose budget begins anew: when it does, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    renews_at: Option<String>,
}

/// The code of a request that a model refused.
fn refusal_code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::TooLong | Refusal::TooLongWithReply { .. } => "context_length_exceeded",
        Refusal::Parameter(_) => "unsupported_parameter",
        Refusal::NothingAsked | Refusal::Unsaid => "model_refused",
    }
}

/// The reasons why fields were refused, by field.
pub type FieldErrors = BTreeMap<Cow<'static, str>, Vec<String>>;
