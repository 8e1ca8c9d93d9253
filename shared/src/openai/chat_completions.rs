//! The door of chat completions.

use domain::ids::EntryId;
use lambda_http::http::StatusCode;

use crate::door::{Door, DoorRequest, ProtocolError};
use crate::error::ApiError;
use crate::http::{Answer, Request};
use crate::openai::chunks::Chunks;
use crate::openai::completion::WholeCompletion;
use crate::openai::delivery::ChunkForm;
use crate::openai::error_response::OpenAiErrors;
use crate::till::PaidReply;

/// `POST /v1/chat/completions`.
#[derive(Debug)]
pub struct ChatCompletions;

impl Door for ChatCompletions {
    const ENDPOINT: &'static str = "/v1/chat/completions";

    type Errors = OpenAiErrors;
    type Form = ChunkForm;
    type Writer = Chunks;

    fn read(request: &Request) -> Result<DoorRequest<Self>, ProtocolError> {
        DoorRequest::<Self>::parse(request)
    }

    fn whole(paid: &PaidReply, _form: &ChunkForm) -> Result<Answer, ApiError> {
        Answer::private(StatusCode::OK, &WholeCompletion::of(paid))
    }

    fn writer(id: EntryId, form: &ChunkForm) -> Chunks {
        Chunks::new(id, form.include_usage)
    }
}
