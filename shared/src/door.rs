//! Doors: protocols in which programs ask models, as a server, and the one way that every request of each goes.
//!
//! A door reads a request and writes the answer, whole or as events. The order of the steps, from the caller to the capture, is
//! [`DoorEndpoint`]'s. Nothing here knows which protocols there are. Parameters have the names of chat completions here, and a
//! door gives them those of its own ([`ErrorForm::parameter`]).
//!
//! Begin with [`Door`].

mod body;
mod door_error;
mod endpoint;
mod error;
mod error_parts;
mod fingerprint;
mod image_room;
mod parameters;
mod rate_limit;
mod reply_parts;
mod request;
mod stored_message;
mod turn_builder;
mod writer;

use std::fmt;

use domain::ids::EntryId;

use crate::error::ApiError;
use crate::http::{Answer, Request};
use crate::till::PaidReply;

pub use crate::unknown_model::UnknownModel;
pub(crate) use body::{ExtraMembers, body_with_images};
pub use door_error::DoorError;
pub use endpoint::DoorEndpoint;
pub use error::{InvalidParameter, ParameterFault, ProtocolError};
pub(crate) use error_parts::response_of;
pub use error_parts::{ErrorForm, ErrorParts, TooLong};
pub(crate) use image_room::ImageRoom;
pub(crate) use parameters::{Parameters, is_empty, is_object, is_only, is_text, is_word, refuse};
pub(crate) use reply_parts::reply_parts;
pub use request::DoorRequest;
pub(crate) use stored_message::stored_message;
pub(crate) use turn_builder::TurnBuilder;
pub use writer::Writer;

/// The most messages of a conversation.
pub(crate) const MAX_MESSAGES: usize = 2048;

/// The most tools of a request, and the most calls of a message, as OpenAI has it.
pub(crate) const MAX_TOOLS: usize = 128;

/// The most bytes of the id of a call, and of the name in one.
pub(crate) const MAX_ID_BYTES: usize = 256;

/// The most bytes of a body. Lambda takes events of up to 6,291,456 bytes, in which the body is a JSON string beside what API
/// Gateway says of the request: headers of at most 10,240 bytes, each of them twice. So 64 KiB are left for that, and 220 KiB
/// for the characters of the body that are escaped.
pub const MAX_BODY_BYTES: usize = 6_000_000;

/// The most bytes of a body beside its images: 1 MiB.
pub const MAX_BYTES_BESIDE_IMAGES: usize = 1024 * 1024;

/// A protocol in which programs ask models.
pub trait Door: Sized + Send + Sync + 'static {
    /// The path, which is a part of each request's fingerprint. It never changes.
    const ENDPOINT: &'static str;

    /// Whether a streamed answer tells of a failure that [forbids a repetition](ApiError::forbids_repetition) by its events
    /// alone, because this protocol's clients repeat after a status all the same.
    const TELLS_FINAL_FAILURES_IN_EVENTS: bool = false;

    /// The form of errors.
    type Errors: ErrorForm;

    /// What the form of the answer takes from the request.
    type Form: Clone + fmt::Debug + Send + Sync + 'static;

    /// The writer of a streamed answer.
    type Writer: Writer;

    /// Reads a request. Its model is not looked up: that takes the catalogue, which is read for open accounts alone.
    ///
    /// # Errors
    /// [`ProtocolError`] for what no model can honour.
    fn read(request: &Request) -> Result<DoorRequest<Self>, ProtocolError>;

    /// The whole answer that `paid` is: status and body.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the body has no JSON form.
    fn whole(paid: &PaidReply, form: &Self::Form) -> Result<Answer, ApiError>;

    /// The writer of the streamed answer to the message of this id.
    fn writer(id: EntryId, form: &Self::Form) -> Self::Writer;
}
