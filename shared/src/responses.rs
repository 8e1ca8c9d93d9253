//! OpenAI's Responses, as a server: requests, answers, events and errors as its clients know them. Nothing is stored between
//! two requests.
//!
//! After <https://platform.openai.com/docs/api-reference/responses>. Nothing here asks a model or touches the table: it reads
//! and writes JSON, for `POST /v1/responses`. The client of the same protocol is a provider.
//!
//! Begin with [`Responses`].

mod annotations;
mod content;
mod counts;
mod door;
mod error_form;
mod events;
mod form;
mod input;
mod offered_tools;
mod output;
mod output_item;
mod reasoning;
mod request;
mod response_object;
#[cfg(test)]
mod tests;
mod text_format;
mod tool_choice;
mod tool_names;
mod unsupported;

pub use door::Responses;
pub use error_form::ResponsesErrors;
pub use events::ResponseEvents;
pub use form::ResponseForm;
