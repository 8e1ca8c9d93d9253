//! The door of messages.

use domain::ids::EntryId;
use lambda_http::http::StatusCode;

use crate::anthropic::error_form::AnthropicErrors;
use crate::anthropic::events::MessageEvents;
use crate::anthropic::form::MessageForm;
use crate::anthropic::whole::WholeMessage;
use crate::door::{Door, DoorRequest, ProtocolError};
use crate::error::ApiError;
use crate::http::{Answer, Request};
use crate::till::PaidReply;

/// `POST /v1/messages`.
#[derive(Debug)]
pub struct Messages;

impl Door for Messages {
    const ENDPOINT: &'static str = "/v1/messages";

    type Errors = AnthropicErrors;
    type Form = MessageForm;
    type Writer = MessageEvents;

    fn read(request: &Request) -> Result<DoorRequest<Self>, ProtocolError> {
        DoorRequest::<Self>::parse(request)
    }

    fn whole(paid: &PaidReply, form: &MessageForm) -> Result<Answer, ApiError> {
        Answer::private(StatusCode::OK, &WholeMessage::of(paid, *form))
    }

    fn writer(id: EntryId, form: &MessageForm) -> MessageEvents {
        MessageEvents::new(id, *form)
    }
}

impl Messages {
    /// Reads a request for the number of its tokens, which need not say how long a reply may be.
    ///
    /// # Errors
    /// As [`Door::read`].
    pub fn read_to_count(request: &Request) -> Result<DoorRequest<Self>, ProtocolError> {
        DoorRequest::<Self>::parse_to_count(request)
    }
}
