//! A question to a model, before and after its price is held.

use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId};
use domain::message::Message;
use domain::time::Timestamp;
use ledger::{Held, InFlight};
use providers::prompt::Prompt;

/// A caller's question to the model.
#[derive(Debug)]
pub struct Question {
    /// The whole conversation, as the model reads it.
    pub prompt: Prompt,
    /// The message that is stored with the reply.
    pub message: Message,
    /// The most output tokens that the caller wants, if they want fewer than the settings allow.
    pub max_output_tokens: Option<u32>,
    /// The conversation in which message and reply are stored, if they are.
    pub conversation: Option<ConversationId>,
    /// The time by which the answer must be out.
    pub deadline: Timestamp,
}

/// A question whose price is held.
#[derive(Debug)]
#[must_use = "the hold is captured or released by Till::reply or Till::stream"]
pub struct HeldQuestion {
    pub(super) held: Held,
    pub(super) prompt: Prompt,
    pub(super) message: Message,
    pub(super) max_output_tokens: u32,
    pub(super) conversation: Option<ConversationId>,
    pub(super) deadline: Timestamp,
}

impl HeldQuestion {
    /// The id of hold, entry and message.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.held.id
    }

    /// The messages of the account that are in flight, this one included.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        self.held.in_flight
    }

    /// The credits that are held.
    #[must_use]
    pub fn held(&self) -> Credits {
        self.held.amount
    }
}
