//! Answers of a status other than 2xx, and errors in answers of 2xx.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::{ModelError, Refusal};
use crate::retry_after::retry_after;
use crate::wire::failure::plain_word;
use crate::wire::lenient::LenientText;
use domain::cause::Cause;

/// As much as is read of an answer that only says what went wrong.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// A server that is overloaded, as some say it.
const OVERLOADED: u16 = 529;

/// What says that a conversation is too long: OpenAI and llama.cpp's Python server, llama.cpp's own, and
/// vLLM, which names it as a parameter.
const WORDS_FOR_TOO_LONG: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];
const PARAMETER_FOR_TOO_LONG: &str = "input_tokens";

/// OpenAI's words for an account that is empty or closed: waiting does not fill it.
const WORDS_FOR_THE_BILL: [&str; 4] =
    ["insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated"];

/// Codes and types of errors that come with a status of 2xx, and the status that they belong to.
const WORDS_FOR_A_STATUS: [(&str, StatusCode); 13] = [
    ("rate_limit_exceeded", StatusCode::TOO_MANY_REQUESTS),
    ("rate_limit_error", StatusCode::TOO_MANY_REQUESTS),
    ("invalid_api_key", StatusCode::UNAUTHORIZED),
    ("authentication_error", StatusCode::UNAUTHORIZED),
    ("billing_error", StatusCode::PAYMENT_REQUIRED),
    ("permission_error", StatusCode::FORBIDDEN),
    ("model_not_found", StatusCode::NOT_FOUND),
    ("not_found_error", StatusCode::NOT_FOUND),
    ("request_too_large", StatusCode::PAYLOAD_TOO_LARGE),
    ("invalid_request_error", StatusCode::BAD_REQUEST),
    ("overloaded_error", StatusCode::SERVICE_UNAVAILABLE),
    ("overloaded", StatusCode::SERVICE_UNAVAILABLE),
    ("service_unavailable", StatusCode::SERVICE_UNAVAILABLE),
];

/// The parameters that a caller may set, and so the only ones that a refusal names.
const PARAMETERS: [&str; 18] = [
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "seed",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "n",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "dimensions",
    "encoding_format",
];

/// How OpenAI's Responses call parameters that have another name in chat completions.
const PARAMETERS_OF_RESPONSES: [(&str, &str); 3] =
    [("reasoning.effort", "reasoning_effort"), ("text.format", "response_format"), ("text.verbosity", "verbosity")];

/// The server does not want to answer.
#[derive(Debug)]
pub(super) struct Rejection {
    status: StatusCode,
    retry_after: Option<Duration>,
    word: Option<String>,
    parameter: Option<String>,
    sentence: KnownSentence,
}

/// Statuses by which a server turns away every request of this operator. It does so with the first two only if it refuses
/// something that the caller did not set.
const MISCONFIGURED: [StatusCode; 7] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::UNAUTHORIZED,
    StatusCode::PAYMENT_REQUIRED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
];

#[derive(Deserialize)]
struct Body {
    error: ErrorObject,
}

/// The beginnings of Anthropic's sentences for a conversation that is too long, alone or with the reply, and for an account
/// that is empty: it has one code for these and for all else that is wrong with a request.
const SENTENCE_FOR_TOO_LONG: &str = "prompt is too long";
const SENTENCE_FOR_TOO_LONG_WITH_REPLY: &str = "input length and `max_tokens` exceed context limit: ";
const SENTENCE_FOR_THE_BILL: &str = "Your credit balance is too low";

/// What a server's sentence is known to say. Nothing else of it is kept: it may quote the prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KnownSentence {
    #[default]
    Unknown,
    TooLong,
    TooLongWithReply {
        input_tokens: u64,
        output_tokens: u64,
        context_tokens: u64,
    },
    OfTheBill,
}

impl<'de> Deserialize<'de> for KnownSentence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = LenientText::deserialize(deserializer)?.0;
        Ok(if let Some(numbers) = text.strip_prefix(SENTENCE_FOR_TOO_LONG_WITH_REPLY) {
            too_long_with_reply(numbers).unwrap_or(Self::TooLong)
        } else if text.starts_with(SENTENCE_FOR_TOO_LONG) {
            Self::TooLong
        } else if text.starts_with(SENTENCE_FOR_THE_BILL) {
            Self::OfTheBill
        } else {
            Self::Unknown
        })
    }
}

/// The three numbers of `190000 + 20000 > 200000`. Words may follow.
fn too_long_with_reply(numbers: &str) -> Option<KnownSentence> {
    let (input, rest) = numbers.split_once(" + ")?;
    let (output, rest) = rest.split_once(" > ")?;
    let context = rest.split(|character: char| !character.is_ascii_digit()).next()?;
    Some(KnownSentence::TooLongWithReply {
        input_tokens: input.parse().ok()?,
        output_tokens: output.parse().ok()?,
        context_tokens: context.parse().ok()?,
    })
}

/// The error object in a server's answer.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum ErrorObject {
    Object {
        #[serde(default)]
        code: Value,
        #[serde(default)]
        r#type: Value,
        #[serde(default)]
        param: Box<Value>,
        #[serde(default)]
        message: KnownSentence,
    },
    Other(IgnoredAny),
}

impl ErrorObject {
    /// Its code, or else its type, if that is one plain word; some have the status for a code.
    fn word(&self) -> Option<String> {
        self.words().next().map(str::to_owned).or_else(|| self.code()?.as_number().map(ToString::to_string))
    }

    /// The parameter that it is about, if that is one plain word; `tools` of `tools[0].function.parameters`. Other texts may
    /// quote the prompt.
    fn parameter(&self) -> Option<String> {
        let Self::Object { param, .. } = self else { return None };
        let text = param.as_str()?;
        let of_responses = PARAMETERS_OF_RESPONSES.iter().find(|(begin, _)| text.starts_with(begin));
        let parameter = of_responses.map_or_else(|| text.split(['[', '.']).next(), |(_, name)| Some(name))?;
        plain_word(parameter).map(str::to_owned)
    }

    /// The status that it would have as an answer of its own, if it says so.
    fn status(&self) -> Option<StatusCode> {
        let number = || u16::try_from(self.code()?.as_u64()?).ok().filter(|code| (400..600).contains(code));
        let named = || {
            self.words().find_map(|word| {
                if WORDS_FOR_TOO_LONG.contains(&word) {
                    return Some(StatusCode::BAD_REQUEST);
                }
                if WORDS_FOR_THE_BILL.contains(&word) {
                    return Some(StatusCode::PAYMENT_REQUIRED);
                }
                WORDS_FOR_A_STATUS.into_iter().find_map(|(known, status)| (known == word).then_some(status))
            })
        };
        number().and_then(|number| StatusCode::from_u16(number).ok()).or_else(named)
    }

    fn sentence(&self) -> KnownSentence {
        let Self::Object { message, .. } = self else { return KnownSentence::Unknown };
        *message
    }

    fn code(&self) -> Option<&Value> {
        let Self::Object { code, .. } = self else { return None };
        Some(code)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let values = if let Self::Object { code, r#type, .. } = self { vec![code, r#type] } else { Vec::new() };
        values.into_iter().filter_map(|value| plain_word(value.as_str()?))
    }
}

/// An error in an answer whose status was 2xx. If it does not say in words that we know that the request was turned
/// away, the server may have worked.
impl From<ErrorObject> for ModelError {
    fn from(error: ErrorObject) -> Self {
        let word = error.word();
        match error.status() {
            Some(status) => {
                let (parameter, sentence) = (error.parameter(), error.sentence());
                Rejection { status, retry_after: None, word, parameter, sentence }.into()
            }
            None => Self::Failed(Cause::because(&format!(
                "the server answered with an error {}",
                word.as_deref().unwrap_or("without a code")
            ))),
        }
    }
}

impl Rejection {
    pub(super) async fn read(response: Response) -> Self {
        let status = response.status();
        let headers = response.headers();
        let retry_after = retry_after(|name| headers.get(name)?.to_str().ok());
        let error = serde_json::from_slice::<Body>(&beginning(response).await).ok().map(|body| body.error);
        let word = error.as_ref().and_then(ErrorObject::word);
        let parameter = error.as_ref().and_then(ErrorObject::parameter);
        let sentence = error.as_ref().map(ErrorObject::sentence).unwrap_or_default();
        Self { status, retry_after, word, parameter, sentence }
    }

    pub(super) fn is_of_the_key(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// When the server would have the same request again, if it says so.
    pub(super) fn invites_after(&self) -> Option<Duration> {
        let is_busy = self.status == StatusCode::TOO_MANY_REQUESTS || self.is_unavailable();
        self.retry_after.filter(|_| is_busy && !self.is_of_the_bill())
    }

    fn is_of_the_bill(&self) -> bool {
        let is_said = self.word.as_deref().is_some_and(|word| WORDS_FOR_THE_BILL.contains(&word));
        is_said || self.sentence == KnownSentence::OfTheBill
    }

    fn is_unavailable(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE || self.status == OVERLOADED
    }

    /// What of the caller's request the server does not take, if that is what it says.
    fn refusal(&self) -> Option<Refusal> {
        let (word, parameter) = (self.word.as_deref().unwrap_or_default(), self.parameter.as_deref());
        match self.status {
            StatusCode::PAYLOAD_TOO_LARGE => Some(Refusal::TooLong),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                if let KnownSentence::TooLongWithReply { input_tokens, output_tokens, context_tokens } = self.sentence {
                    return Some(Refusal::TooLongWithReply { input_tokens, output_tokens, context_tokens });
                }
                let is_said = WORDS_FOR_TOO_LONG.contains(&word) || self.sentence == KnownSentence::TooLong;
                if is_said || parameter == Some(PARAMETER_FOR_TOO_LONG) {
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
}

impl From<Rejection> for ModelError {
    fn from(rejection: Rejection) -> Self {
        let word = rejection.word.as_deref().unwrap_or("without a code");
        let cause = Cause::because(&format!("the server answered {}, {word}", rejection.status.as_u16()));
        let retry_after = rejection.retry_after;
        if rejection.is_of_the_bill() {
            return Self::Misconfigured(cause);
        }
        if let Some(refusal) = rejection.refusal() {
            return Self::Refused { refusal, cause };
        }
        match rejection.status {
            StatusCode::TOO_MANY_REQUESTS => Self::Throttled { retry_after, cause },
            _ if rejection.is_unavailable() => Self::Unavailable { retry_after, cause },
            // A wrong key, an empty account, an unknown model, an address that leads elsewhere.
            status if status.is_redirection() || MISCONFIGURED.contains(&status) => Self::Misconfigured(cause),
            // It failed inside, lost its patience, or says something that we do not know.
            _ => Self::Failed(cause),
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
