//! The writer of a protocol that streams nothing.

use providers::reply::Part;

use crate::door::{ErrorForm, ErrorParts, Writer};
use crate::openai::error_response::OpenAiErrors;
use crate::till::PaidReply;

/// A writer of no events. No request for embeddings is streamed, so that it is given nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unstreamed;

impl Writer for Unstreamed {
    fn beginning(&mut self, _model_id: &str, _estimated_input_tokens: u64) -> String {
        String::new()
    }

    fn part(&mut self, _choice: u8, _part: &Part) -> String {
        String::new()
    }

    fn end(&mut self, _paid: &PaidReply) -> String {
        String::new()
    }

    fn error(&mut self, error: &ErrorParts<'_>) -> String {
        OpenAiErrors::event(error)
    }
}
