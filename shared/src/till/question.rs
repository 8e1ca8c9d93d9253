//! A question to a model, before and after its price is held.

use std::sync::Arc;

use domain::credits::Credits;
use domain::ids::{ConversationId, EntryId};
use domain::message::Message;
use domain::time::Timestamp;
use ledger::Held;
use providers::offers::{Candidates, Offer};
use providers::prompt::Prompt;

use crate::till::paid_reply::RequestRoom;

/// The limits that a caller sets for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallerLimits {
    /// The most output tokens that the caller wants, if they want fewer than the model can write.
    pub max_output_tokens: Option<u32>,
    /// The most credits that may be held and charged, if the caller sets a bound.
    pub max_cost: Option<Credits>,
}

/// A caller's question to a model.
#[derive(Debug)]
pub struct Question {
    /// The model that is asked, and its fallbacks.
    pub candidates: Candidates,
    /// The whole conversation, as the model reads it.
    pub prompt: Prompt,
    /// The message that is stored with the reply.
    pub message: Message,
    /// The limits that the caller sets.
    pub limits: CallerLimits,
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
    /// The models that the hold covers, in the order in which they are asked. There is at least one: the first.
    pub(super) candidates: Vec<Candidate>,
    /// The version of the catalogue that the candidates are in.
    pub(super) catalogue: Option<u64>,
    pub(super) prompt: Box<Prompt>,
    pub(super) message: Message,
    pub(super) conversation: Option<ConversationId>,
    pub(super) deadline: Timestamp,
}

/// A model that the hold covers.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) offer: Arc<Offer>,
    /// The longest reply that the hold pays for at the model's prices, in tokens.
    pub(super) max_output_tokens: u32,
}

impl HeldQuestion {
    /// The id of hold, entry and message.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.held.id
    }

    /// The room for further requests of the account, this one included.
    #[must_use]
    pub fn room(&self) -> RequestRoom {
        RequestRoom { in_flight: self.held.in_flight, minute: self.held.minute }
    }

    /// The credits that are held.
    #[must_use]
    pub fn held(&self) -> Credits {
        self.held.amount
    }
}
