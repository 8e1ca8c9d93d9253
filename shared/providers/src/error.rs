//! Why a model gave no reply.

use std::time::Duration;

use domain::cause::Cause;

/// Why a model gave no reply. Causes are for the log; they never hold a provider's sentences, which may quote the
/// prompt.
///
/// After [`ModelError::Failed`] the provider may have worked, and may bill the operator. Every other variant means that
/// the provider did not accept the request.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The model failed, took too long, or its answer is not a reply. The model may have been at work, so nothing is
    /// sent again.
    #[error("{0}")]
    Failed(Cause),
    /// The model does not accept this request; it may accept another.
    #[error("{cause}")]
    Refused {
        /// The part of the request that is not accepted.
        refusal: Refusal,
        /// Status and code, for the log.
        cause: Cause,
    },
    /// The provider wants fewer requests from this operator.
    #[error("{cause}")]
    Throttled {
        /// When to send the request again, if the provider says so.
        retry_after: Option<Duration>,
        /// Status and code, for the log.
        cause: Cause,
    },
    /// The provider turns away every request of this operator: the key is wrong, the account there is empty, or the
    /// model is unknown there. The operator alone can mend it.
    #[error("{0}")]
    Misconfigured(Cause),
    /// The model is busy or cannot be reached for now.
    #[error("{cause}")]
    Unavailable {
        /// When to send the request again, if the provider says so.
        retry_after: Option<Duration>,
        /// Status and code, or why there is no connection, for the log.
        cause: Cause,
    },
}

impl ModelError {
    /// Whether the provider may have worked on the request, and may bill the operator for it.
    #[must_use]
    pub fn may_have_worked(&self) -> bool {
        match self {
            Self::Failed(_) => true,
            Self::Refused { .. } | Self::Throttled { .. } | Self::Misconfigured(_) | Self::Unavailable { .. } => false,
        }
    }

    /// Whether the provider turned the request away for now, so that another model may be asked: it was busy, it could
    /// not be reached, or it wants fewer requests. After any other failure the model may have been at work, or the
    /// request or the operator's settings are wrong.
    #[must_use]
    pub fn turned_away(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } => true,
            Self::Failed(_) | Self::Refused { .. } | Self::Misconfigured(_) => false,
        }
    }

    /// The cause, for the log.
    #[must_use]
    pub fn into_cause(self) -> Cause {
        match self {
            Self::Failed(cause)
            | Self::Misconfigured(cause)
            | Self::Refused { cause, .. }
            | Self::Throttled { cause, .. }
            | Self::Unavailable { cause, .. } => cause,
        }
    }
}

/// The part of a request that a model does not accept, in our words and never in the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The conversation.
    #[error("This model's maximum context length is exceeded by the conversation.")]
    TooLong,
    /// The conversation together with the longest reply that was asked for.
    #[error(
        "This model's maximum context length is {context_tokens} tokens. However, the conversation has {input_tokens} and the \
         reply may have {output_tokens}. Ask for a shorter reply."
    )]
    TooLongWithReply {
        /// The tokens of the conversation, as the provider counts them.
        input_tokens: u64,
        /// The most tokens of the reply that was asked for.
        output_tokens: u64,
        /// The tokens for which the model has room.
        context_tokens: u64,
    },
    /// The conversation, in which no turn of the user has a text.
    #[error("The model takes no conversation without a message of the user that is not blank.")]
    NothingAsked,
    /// One parameter, by its name in OpenAI's protocol.
    #[error("The model does not know '{0}', or not with this value.")]
    Parameter(&'static str),
    /// The provider does not say which part, or not in a form that a program can read.
    #[error("The model does not take this conversation or these parameters.")]
    Unsaid,
}
