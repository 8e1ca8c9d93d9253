//! A reply that is paid for.

use domain::ids::EntryId;
use ledger::exchange::StoredReply;
use ledger::replay::Replay;
use ledger::{Charge, InFlight, MinuteRoom};
use providers::reply::{Logprobs, SaidChoice};

/// A reply that was charged and stored, now or at an earlier request with the same idempotency key.
#[derive(Debug)]
pub struct PaidReply {
    /// The message's id.
    pub id: EntryId,
    /// The user's name as they wrote it.
    pub username: String,
    /// The model's reply: the first choice, as it is stored.
    pub reply: StoredReply,
    /// The log probabilities of the first choice. They are not kept for a repetition.
    pub logprobs: Option<Logprobs>,
    /// The other choices. They are not kept for a repetition.
    pub others: Vec<SaidChoice>,
    /// The cost of the message, and the balance after it.
    pub charge: Charge,
    /// The room for further requests when it was asked, this one included if it was.
    pub room: RequestRoom,
}

/// The room for further requests of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRoom {
    /// The messages in flight.
    pub in_flight: InFlight,
    /// The requests that are left of this minute, if there is a limit on them.
    pub minute: Option<MinuteRoom>,
}

impl From<Replay> for PaidReply {
    fn from(replay: Replay) -> Self {
        let Replay { id, username, cost, reply, balance, in_flight, minute } = replay;
        let room = RequestRoom { in_flight, minute };
        let charge = Charge { cost, balance };
        Self { id, username, reply, logprobs: None, others: Vec::new(), charge, room }
    }
}
