//! Anthropic's protocol for messages, as a server: requests, answers, events and errors as its clients know them.
//!
//! After <https://docs.anthropic.com/en/api/messages>. Nothing here asks a model or touches the table: it reads and writes
//! JSON, for `POST /v1/messages` and `POST /v1/messages/count_tokens`. The client of the same protocol is a provider.
//!
//! Begin with [`Messages`].

mod cache_marks;
mod content;
mod counts;
mod error_form;
mod events;
mod form;
mod messages;
mod request;
#[cfg(test)]
mod tests;
mod thinking_parameters;
mod tools;
mod turns;
mod unsupported;
mod whole;

pub use counts::TokenCount;
pub use error_form::AnthropicErrors;
pub use events::MessageEvents;
pub use form::{MessageForm, ShownThinking};
pub use messages::Messages;
