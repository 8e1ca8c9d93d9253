//! The door itself.

use domain::ids::EntryId;
use lambda_http::http::StatusCode;

use crate::door::{Door, DoorRequest, ProtocolError};
use crate::error::ApiError;
use crate::http::{Answer, Request};
use crate::openai::embeddings::error_form::EmbeddingErrors;
use crate::openai::embeddings::unstreamed::Unstreamed;
use crate::openai::embeddings::whole::WholeEmbeddings;
use crate::till::PaidReply;

/// `POST /v1/embeddings`.
#[derive(Debug)]
pub struct Embeddings;

impl Door for Embeddings {
    const ENDPOINT: &'static str = "/v1/embeddings";

    type Errors = EmbeddingErrors;
    type Form = ();
    type Writer = Unstreamed;

    fn read(request: &Request) -> Result<DoorRequest<Self>, ProtocolError> {
        DoorRequest::<Self>::parse(request)
    }

    fn whole(paid: &PaidReply, (): &()) -> Result<Answer, ApiError> {
        Answer::private(StatusCode::OK, &WholeEmbeddings::of(paid)?)
    }

    fn writer(_id: EntryId, (): &()) -> Unstreamed {
        Unstreamed
    }
}
