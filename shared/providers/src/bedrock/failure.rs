//! Failures of the SDK as errors of ours, without Bedrock's text.

use std::error::Error;
use std::time::Duration;

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;

use crate::error::{ModelError, Refusal};
use crate::retry_after::retry_after;
use domain::cause::Cause;

/// Why a request got no answer.
pub(super) fn failure<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> ModelError {
    match error {
        SdkError::ServiceError(context) => {
            let headers = context.raw().headers();
            let code = context.err().code().unwrap_or("an unknown error");
            said(code, context.raw().status().as_u16(), retry_after(|name| headers.get(name)))
        }
        SdkError::DispatchFailure(context) if context.as_connector_error().is_some_and(never_connected) => {
            ModelError::Unavailable { retry_after: None, cause: Cause::because("Bedrock cannot be reached") }
        }
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => failed("Bedrock gave no answer"),
        SdkError::ResponseError(_) => failed("Bedrock's answer is none, or was cut off"),
        _ => ModelError::Misconfigured(Cause::because(
            "the request could not be made: is there a region, and are there credentials?",
        )),
    }
}

/// Whether `error` came before there was a connection, so that nothing was sent.
fn never_connected(error: &(impl Error + 'static)) -> bool {
    let chain = std::iter::successors(error.source(), |error| (*error).source());
    chain
        .filter_map(|error| error.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}

/// Why a reply that had begun has no end. Exceptions in a stream carry no code: their type is it.
pub(super) fn broken_off<R>(error: &SdkError<ConverseStreamOutputError, R>) -> ModelError {
    use ConverseStreamOutputError as Exception;
    let SdkError::ServiceError(context) = error else {
        return failed("the stream was cut off, or is none");
    };
    let (code, status) = match context.err() {
        Exception::InternalServerException(_) => ("InternalServerException", 500),
        Exception::ModelStreamErrorException(_) => ("ModelStreamErrorException", 424),
        Exception::ServiceUnavailableException(_) => ("ServiceUnavailableException", 503),
        Exception::ThrottlingException(_) => ("ThrottlingException", 429),
        Exception::ValidationException(_) => ("ValidationException", 400),
        other => (other.code().unwrap_or("an unknown error"), 500),
    };
    said(code, status, None)
}

/// Only the code is told: the message may quote the prompt.
fn said(code: &str, status: u16, retry_after: Option<Duration>) -> ModelError {
    let cause = Cause::because(&format!("Bedrock answered {code}"));
    match (code, status) {
        // Bedrock has one code for all that is wrong with a request, and says what in words alone.
        ("ValidationException", _) => ModelError::Refused { refusal: Refusal::Unsaid, cause },
        ("ThrottlingException", _) => ModelError::Throttled { retry_after, cause },
        ("ServiceUnavailableException" | "ModelNotReadyException", _) | (_, 503) => {
            ModelError::Unavailable { retry_after, cause }
        }
        (
            "InternalServerException" | "ModelTimeoutException" | "ModelErrorException" | "ModelStreamErrorException",
            _,
        )
        | (_, 200..=299 | 408 | 409 | 424 | 500..) => ModelError::Failed(cause),
        (_, 429) => ModelError::Throttled { retry_after, cause },
        // The role may not use the model, its credentials are expired, or there is no such model.
        _ => ModelError::Misconfigured(cause),
    }
}

fn failed(words: &str) -> ModelError {
    ModelError::Failed(Cause::because(words))
}
