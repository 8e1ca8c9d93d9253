//! Answers of a status other than 2xx.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::error::{ModelError, Refusal};
use crate::openai::protocol::ErrorObject;
use crate::retry_after::retry_after;
use domain::cause::Cause;

/// As much as is read of an answer that only says what went wrong.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// A server that is overloaded, as some say it.
const OVERLOADED: u16 = 529;

/// What says that a conversation is too long: OpenAI and llama.cpp's Python server, llama.cpp's own, and
/// vLLM, which names it as a parameter.
const WORDS_FOR_TOO_LONG: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];
const PARAMETER_FOR_TOO_LONG: &str = "input_tokens";

/// The parameters that a caller may set, and so the only ones that a refusal names.
const PARAMETERS: [&str; 6] = ["temperature", "top_p", "presence_penalty", "frequency_penalty", "stop", "seed"];

/// The server does not want to answer.
#[derive(Debug)]
pub(super) struct Rejection {
    status: StatusCode,
    retry_after: Option<Duration>,
    word: Option<String>,
    parameter: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    error: ErrorObject,
}

impl Rejection {
    pub(super) async fn read(response: Response) -> Self {
        let status = response.status();
        let headers = response.headers();
        let retry_after = retry_after(|name| headers.get(name)?.to_str().ok());
        let error = serde_json::from_slice::<Body>(&beginning(response).await).ok().map(|body| body.error);
        let word = error.as_ref().and_then(ErrorObject::word);
        let parameter = error.as_ref().and_then(ErrorObject::parameter);
        Self { status, retry_after, word, parameter }
    }

    pub(super) fn is_of_the_key(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// When the server would have the same request again, if it says so.
    pub(super) fn invites_after(&self) -> Option<Duration> {
        let is_busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&self.status)
            || self.status == OVERLOADED;
        self.retry_after.filter(|_| is_busy && !self.is_of_the_bill())
    }

    /// Our account there is empty: waiting does not fill it.
    fn is_of_the_bill(&self) -> bool {
        self.word.as_deref() == Some("insufficient_quota")
    }

    /// What of the caller's request the server does not take, if that is what it says.
    fn refusal(&self) -> Option<Refusal> {
        let (word, parameter) = (self.word.as_deref().unwrap_or_default(), self.parameter.as_deref());
        match self.status {
            StatusCode::PAYLOAD_TOO_LARGE => Some(Refusal::TooLong),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                if WORDS_FOR_TOO_LONG.contains(&word) || parameter == Some(PARAMETER_FOR_TOO_LONG) {
                    return Some(Refusal::TooLong);
                }
                match PARAMETERS.into_iter().find(|name| parameter == Some(name)) {
                    Some(name) => Some(Refusal::Parameter(name)),
                    // One that the caller did not set: the request is wrong and not what was asked.
                    None if word == "unsupported_parameter" => None,
                    None => Some(Refusal::Unsaid),
                }
            }
            _ => None,
        }
    }

    fn is_temporary(&self) -> bool {
        let temporary = [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS];
        (self.status.is_server_error() || temporary.contains(&self.status)) && !self.is_of_the_bill()
    }
}

impl From<Rejection> for ModelError {
    fn from(rejection: Rejection) -> Self {
        let word = rejection.word.as_deref().unwrap_or("without a code");
        let cause = Cause::because(&format!("the server answered {}, {word}", rejection.status.as_u16()));
        if rejection.is_temporary() {
            return Self::Unavailable { retry_after: rejection.retry_after, cause };
        }
        match rejection.refusal() {
            Some(refusal) => Self::Refused { refusal, cause },
            None => Self::Failed(cause),
        }
    }
}

/// The beginning of the body, as far as it comes.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(bytes)) = response.chunk().await {
        body.extend_from_slice(&bytes);
        if body.len() >= MAX_BODY_BYTES {
            break;
        }
    }
    body
}
