//! Functions that an operator or a schedule invokes directly, and not through HTTP.
//!
//! The event and the result are JSON. A failure is the function's error: a stable `errorType` for programs and an
//! `errorMessage` for people. Begin with [`Task`].

pub mod operator;

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acts::ActOrigin;
use domain::cause::Cause;
use domain::credits::Credits;
use domain::time::Timestamp;
use futures_util::FutureExt;
use identity::ChangeError;
use lambda_http::lambda_runtime::{self, Diagnostic, LambdaEvent, service_fn};
use ledger::grant::GrantError;
use ledger::summing_again::AccountClosed;
use ledger::switch::SwitchError;
use providers::catalogue::CatalogueError;
use serde::Serialize;
use serde_json::Value;
use store::StoreError;
use telemetry::invocation::Invocation;
use telemetry::metrics::milliseconds;

use crate::catalogue::ReplacementRefused;
use crate::endpoint::{Error, Resources};
use crate::settings::Settings;

/// The error of a directly invoked function. Each variant's name is its `errorType`.
#[derive(Debug)]
pub enum DirectError {
    /// The event is not a request of this function. The text says why.
    InvalidRequest(String),
    /// No account has this username.
    UserNotFound,
    /// The account is being deleted.
    DeletionInProgress,
    /// The balance does not cover the credits to be taken back.
    InsufficientTokens {
        /// The user's balance.
        balance: Credits,
    },
    /// The user would have more than [`Credits::MAX`].
    TooManyTokens {
        /// The user's balance and holds together.
        owned: Credits,
    },
    /// The grant's id was used for another grant.
    GrantMismatch,
    /// The document is no catalogue, for these reasons. Nothing was changed.
    InvalidCatalogue(Vec<CatalogueError>),
    /// Another version of the catalogue is stored than the one that was seen. Nothing was changed.
    CatalogueChanged {
        /// The version that is stored.
        version: u64,
    },
    /// The table cannot be reached, and it is not known whether the request was done. Every request can be repeated
    /// without harm.
    Unavailable(Cause),
    /// A fault in this code or its data.
    Internal(Cause),
}

impl DirectError {
    /// The stable word that programs compare.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::UserNotFound => "UserNotFound",
            Self::DeletionInProgress => "DeletionInProgress",
            Self::InsufficientTokens { .. } => "InsufficientTokens",
            Self::TooManyTokens { .. } => "TooManyTokens",
            Self::GrantMismatch => "GrantMismatch",
            Self::InvalidCatalogue(_) => "InvalidCatalogue",
            Self::CatalogueChanged { .. } => "CatalogueChanged",
            Self::Unavailable(_) => "Unavailable",
            Self::Internal(_) => "Internal",
        }
    }

    /// The cause, for the log alone.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }
}

impl fmt::Display for DirectError {
    /// A sentence for the person who invoked the function.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(problem) => formatter.write_str(problem),
            Self::UserNotFound => formatter.write_str("Nobody has this username."),
            Self::DeletionInProgress => formatter.write_str("The account is being deleted."),
            Self::InsufficientTokens { balance } => {
                write!(formatter, "The balance is {balance}, which does not cover what is to be taken back.")
            }
            Self::TooManyTokens { owned } => {
                write!(formatter, "The user has {owned} and cannot have more than {}.", Credits::MAX)
            }
            Self::GrantMismatch => formatter.write_str("This grant_id was used for another user, amount or reason."),
            Self::InvalidCatalogue(errors) => {
                formatter.write_str("This is no catalogue, and nothing was changed.")?;
                errors.iter().try_for_each(|error| write!(formatter, "\n{error}"))
            }
            Self::CatalogueChanged { version } => write!(
                formatter,
                "The catalogue has version {version}, and nothing was changed. Look at it again before you replace it."
            ),
            Self::Unavailable(_) => formatter.write_str(
                "It is not known whether this was done. Repeat it as it is, a grant with the same grant_id: \
                 what was done already is not done again.",
            ),
            Self::Internal(_) => formatter.write_str("A fault of ours; the log has the cause."),
        }
    }
}

impl From<StoreError> for DirectError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<AccountClosed> for DirectError {
    fn from(_: AccountClosed) -> Self {
        Self::DeletionInProgress
    }
}

impl From<GrantError> for DirectError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::AccountNotFound => Self::UserNotFound,
            GrantError::DeletionInProgress => Self::DeletionInProgress,
            GrantError::InsufficientCredits { balance } => Self::InsufficientTokens { balance },
            GrantError::TooManyCredits { owned } => Self::TooManyTokens { owned },
            GrantError::Mismatch => Self::GrantMismatch,
            // An operator has no account that could cease to be staff.
            GrantError::AuthorityLost(lost) => Self::Internal(Cause::new(lost)),
            GrantError::ClaimLost => Self::Internal(Cause::because("a grant of no job has a claim")),
            GrantError::Unavailable(cause) => Self::Unavailable(cause),
            GrantError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<ReplacementRefused> for DirectError {
    fn from(refused: ReplacementRefused) -> Self {
        match refused {
            ReplacementRefused::Invalid(errors) => Self::InvalidCatalogue(errors),
            ReplacementRefused::Changed { version } => Self::CatalogueChanged { version },
            // An operator has no account that could cease to be staff.
            ReplacementRefused::Unauthorized(lost) => Self::Internal(Cause::new(lost)),
            ReplacementRefused::Store(error) => error.into(),
        }
    }
}

impl From<SwitchError> for DirectError {
    fn from(error: SwitchError) -> Self {
        match error {
            // An operator has no account that could cease to be staff.
            SwitchError::AuthorityLost(lost) => Self::Internal(Cause::new(lost)),
            SwitchError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for DirectError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::UserNotFound => Self::UserNotFound,
            ChangeError::DeletionInProgress => Self::DeletionInProgress,
            // An operator may demote the last superuser.
            ChangeError::LastSuperuser => {
                Self::Internal(Cause::because("an operator was kept from demoting a superuser"))
            }
            ChangeError::LoginRequiredAgain => Self::Internal(Cause::because("an operator was asked for a login")),
            ChangeError::AuthorityLost(lost) => Self::Internal(Cause::new(lost)),
            ChangeError::Unavailable(cause) => Self::Unavailable(cause),
            ChangeError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<DirectError> for Diagnostic {
    fn from(error: DirectError) -> Self {
        Self { error_type: error.error_type().to_owned(), error_message: error.to_string() }
    }
}

/// The origin of the acts of the invocation under way. It came through no network: IAM has allowed it, and `CloudTrail` has the
/// same id.
#[must_use]
pub fn origin() -> ActOrigin {
    let invocation = Invocation::current();
    ActOrigin::new(None, invocation.as_ref().map_or("", Invocation::request_id))
}

/// A function that is invoked directly: a state that outlives events, and a handler.
pub trait Task: Sized + Send + Sync + 'static {
    /// The result of an event.
    type Outcome: Serialize + Send + 'static;

    /// Makes the state, once per process.
    #[must_use]
    fn start(resources: &Resources) -> Self;

    /// The time for an event where Lambda does not give a deadline.
    #[must_use]
    fn timeout(&self, settings: &Settings) -> Duration {
        settings.function_timeout
    }

    /// Handles one event by `deadline`.
    fn run(&self, event: Value, deadline: Timestamp)
    -> impl Future<Output = Result<Self::Outcome, DirectError>> + Send;
}

/// Serves the function `T` until Lambda ends the process.
///
/// # Errors
/// [`Error`] if a setting cannot be used, or the Lambda Runtime API cannot be reached.
pub async fn serve<T: Task>() -> Result<(), Error> {
    let resources = Resources::from_environment()?;
    let task = Arc::new(T::start(&resources));
    let timeout = task.timeout(&resources.settings);
    let clock = resources.clock;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let task = task.clone();
        let deadline = clock.deadline(Timestamp::from_milliseconds(event.context.deadline), timeout);
        // Boxed: the compiler gives up on a future of this many layers.
        async move { Box::pin(respond(&*task, event, deadline)).await }
    }))
    .await
}

async fn respond<T: Task>(task: &T, event: LambdaEvent<Value>, deadline: Timestamp) -> Result<T::Outcome, DirectError> {
    let started = Instant::now();
    let invocation = Invocation::new(&event.context.request_id);
    // Without the guard, the runtime would answer a panic with its message, which may quote data.
    let outcome = invocation
        .during(AssertUnwindSafe(task.run(event.payload, deadline)).catch_unwind())
        .await
        .unwrap_or_else(|_| Err(DirectError::Internal(Cause::because("the handler panicked"))));
    let error = outcome.as_ref().err();
    tracing::info!(
        request_id = invocation.request_id(),
        code = error.map_or("ok", DirectError::error_type),
        cause = error.and_then(DirectError::cause).map(tracing::field::display),
        duration_ms = milliseconds(started.elapsed()),
        "answered"
    );
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    use lambda_http::Context;

    struct Panics;

    impl Task for Panics {
        type Outcome = ();

        fn start(_resources: &Resources) -> Self {
            Self
        }

        async fn run(&self, _event: Value, _deadline: Timestamp) -> Result<(), DirectError> {
            panic!("a secret")
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_of_ours_and_its_words_stay_inside() {
        let event = LambdaEvent::new(Value::Null, Context::default());
        let error = respond(&Panics, event, Timestamp::from_seconds(1)).await.unwrap_err();
        let diagnostic = Diagnostic::from(error);
        assert_eq!(diagnostic.error_type, "Internal");
        assert!(!diagnostic.error_message.contains("secret"), "{}", diagnostic.error_message);
    }

    #[tokio::test]
    async fn an_act_has_the_id_of_its_invocation() {
        let of_invocation = Invocation::new("an-id").during(async { origin() }).await;
        assert_eq!(of_invocation, ActOrigin::new(None, "an-id"));
        assert_eq!(origin(), ActOrigin::new(None, ""));
    }

    #[test]
    fn a_bad_catalogue_is_told_with_a_line_for_each_error() {
        let error = |path: &str| CatalogueError { path: path.to_owned(), problem: "is missing".to_owned() };
        let told = DirectError::InvalidCatalogue(vec![error("providers"), error("models")]).to_string();
        assert_eq!(told, "This is no catalogue, and nothing was changed.\nproviders: is missing\nmodels: is missing");
    }

    #[test]
    fn causes_are_not_told() {
        let error = DirectError::from(StoreError::Unavailable(Cause::because("127.0.0.1 refused")));
        assert_eq!(error.error_type(), "Unavailable");
        assert!(error.to_string().contains("same grant_id"));
        assert!(!error.to_string().contains("127.0.0.1"));
    }
}
