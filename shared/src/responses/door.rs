//! The door of responses.

use domain::ids::EntryId;
use lambda_http::http::StatusCode;

use crate::door::{Door, DoorRequest, ProtocolError};
use crate::error::ApiError;
use crate::http::{Answer, Request};
use crate::responses::error_form::ResponsesErrors;
use crate::responses::events::ResponseEvents;
use crate::responses::form::ResponseForm;
use crate::responses::response_object;
use crate::till::PaidReply;

/// `POST /v1/responses`.
#[derive(Debug)]
pub struct Responses;

impl Door for Responses {
    const ENDPOINT: &'static str = "/v1/responses";

    /// Codex repeats a request up to thirty times after a status, and each may be billed to the operator.
    const TELLS_FINAL_FAILURES_IN_EVENTS: bool = true;

    type Errors = ResponsesErrors;
    type Form = ResponseForm;
    type Writer = ResponseEvents;

    fn read(request: &Request) -> Result<DoorRequest<Self>, ProtocolError> {
        DoorRequest::<Self>::parse(request)
    }

    fn whole(paid: &PaidReply, form: &ResponseForm) -> Result<Answer, ApiError> {
        response_object::whole(paid, form, |response| Answer::private(StatusCode::OK, response))
    }

    fn writer(id: EntryId, form: &ResponseForm) -> ResponseEvents {
        ResponseEvents::new(id, form.clone())
    }
}
