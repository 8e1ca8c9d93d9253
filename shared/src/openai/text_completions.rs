//! The older door of OpenAI's: a text, and how it goes on.
//!
//! After <https://platform.openai.com/docs/api-reference/completions>. A model of chat is asked: the text becomes one message
//! of the user, and the reply to it is the completion. A refusal is a part of the text, because the protocol has no member for
//! it. Reasoning and annotations have none either, and are left out.

mod chunks;
mod door;
mod error_form;
mod request;
mod shape;
#[cfg(test)]
mod tests;
mod whole;

pub use chunks::TextChunks;
pub use door::TextCompletions;
pub use error_form::TextCompletionErrors;
pub use whole::WholeTextCompletion;
