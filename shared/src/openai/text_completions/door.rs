//! The door of completions.

use domain::ids::EntryId;
use lambda_http::http::StatusCode;

use crate::door::{Door, DoorRequest, ProtocolError};
use crate::error::ApiError;
use crate::http::{Answer, Request};
use crate::openai::delivery::ChunkForm;
use crate::openai::text_completions::chunks::TextChunks;
use crate::openai::text_completions::error_form::TextCompletionErrors;
use crate::openai::text_completions::whole::WholeTextCompletion;
use crate::till::PaidReply;

/// `POST /v1/completions`.
#[derive(Debug)]
pub struct TextCompletions;

impl Door for TextCompletions {
    const ENDPOINT: &'static str = "/v1/completions";

    type Errors = TextCompletionErrors;
    type Form = ChunkForm;
    type Writer = TextChunks;

    fn read(request: &Request) -> Result<DoorRequest<Self>, ProtocolError> {
        DoorRequest::<Self>::parse(request)
    }

    fn whole(paid: &PaidReply, _form: &ChunkForm) -> Result<Answer, ApiError> {
        Answer::private(StatusCode::OK, &WholeTextCompletion::of(paid))
    }

    fn writer(id: EntryId, form: &ChunkForm) -> TextChunks {
        TextChunks::new(id, form.include_usage)
    }
}
