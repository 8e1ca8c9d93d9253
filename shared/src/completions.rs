//! OpenAI's protocol for chat completions: what is asked, what is answered, and how errors look.
//!
//! After <https://platform.openai.com/docs/api-reference/chat>. Nothing here talks to anybody: it reads
//! and writes JSON, for `POST /v1/chat/completions` and `GET /v1/models`.

mod event;
mod fields;
mod messages;
mod problem;
mod request;
mod response;
mod unsupported;

pub use event::{Chunks, error_event};
pub use problem::response as problem;
pub use request::{CompletionRequest, Delivery, MAX_BODY_BYTES};
pub use response::{Completion, ModelList};
