//! OpenAI's protocol for chat completions, as a server: requests, answers, chunks and errors as its clients know them.
//!
//! After <https://platform.openai.com/docs/api-reference/chat>. Nothing here asks a model or touches the table: it reads
//! and writes JSON, for `POST /v1/chat/completions`, `POST /v1/quote` and `GET /v1/models`. The client of the same protocol is a provider.
//!
//! Begin with [`CompletionRequest`].

mod choices;
mod chunks;
mod completion;
mod content;
mod error;
mod error_response;
mod fingerprint;
mod messages;
mod models;
mod parameters;
mod quote;
mod rate_limit;
mod request;
mod response_format;
mod tools;
mod unsupported;

pub use chunks::Chunks;
pub use completion::WholeCompletion;
pub use error::{InvalidParameter, ParameterFault, ProtocolError, UnknownModel};
pub(crate) use error_response::ErrorBody;
pub use models::{ModelItem, ModelList};
pub use quote::QuoteAnswer;
pub use request::{CompletionRequest, Delivery, MAX_BODY_BYTES, MAX_BYTES_BESIDE_IMAGES};
