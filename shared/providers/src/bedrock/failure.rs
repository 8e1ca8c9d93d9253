//! Failures of the SDK as errors of ours, without Bedrock's text.

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
            said(code, context.raw().status().is_server_error(), retry_after(|name| headers.get(name)))
        }
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => {
            ModelError::Unavailable { retry_after: None, cause: Cause::because("Bedrock cannot be reached") }
        }
        SdkError::ResponseError(_) => failed("Bedrock's answer is none, or was cut off"),
        _ => failed("the request could not be made: is there a region, and are there credentials?"),
    }
}

/// Why a reply that had begun has no end. Exceptions in a stream carry no code: their type is it.
pub(super) fn broken_off<R>(error: &SdkError<ConverseStreamOutputError, R>) -> ModelError {
    use ConverseStreamOutputError as Exception;
    let SdkError::ServiceError(context) = error else {
        return failed("the stream was cut off, or is none");
    };
    let code = match context.err() {
        Exception::InternalServerException(_) => "InternalServerException",
        Exception::ModelStreamErrorException(_) => "ModelStreamErrorException",
        Exception::ServiceUnavailableException(_) => "ServiceUnavailableException",
        Exception::ThrottlingException(_) => "ThrottlingException",
        Exception::ValidationException(_) => "ValidationException",
        other => other.code().unwrap_or("an unknown error"),
    };
    said(code, false, None)
}

/// Only the code is told: the message may quote the prompt.
fn said(code: &str, is_server_error: bool, retry_after: Option<Duration>) -> ModelError {
    let cause = Cause::because(&format!("Bedrock answered {code}"));
    match code {
        "InternalServerException"
        | "ModelNotReadyException"
        | "ModelTimeoutException"
        | "ServiceUnavailableException"
        | "ThrottlingException" => ModelError::Unavailable { retry_after, cause },
        // It has one code for all that is wrong with a request, and says what in words alone.
        "ValidationException" => ModelError::Refused { refusal: Refusal::Unsaid, cause },
        _ if is_server_error => ModelError::Unavailable { retry_after, cause },
        _ => ModelError::Failed(cause),
    }
}

fn failed(words: &str) -> ModelError {
    ModelError::Failed(Cause::because(words))
}
