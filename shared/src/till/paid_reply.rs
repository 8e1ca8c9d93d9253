//! A reply that is paid for.

use domain::ids::EntryId;
use ledger::exchange::StoredReply;
use ledger::replay::Replay;
use ledger::{Charge, InFlight};

/// A reply that was charged and stored, now or at an earlier request with the same idempotency key.
#[derive(Debug)]
pub struct PaidReply {
    /// The message's id.
    pub id: EntryId,
    /// The user's name as they wrote it.
    pub username: String,
    /// The model's reply.
    pub reply: StoredReply,
    /// The cost of the message, and the balance after it.
    pub charge: Charge,
    /// The messages in flight when it was asked, this one included if it was.
    pub in_flight: InFlight,
}

impl From<Replay> for PaidReply {
    fn from(replay: Replay) -> Self {
        let Replay { id, username, cost, reply, balance, in_flight } = replay;
        Self { id, username, reply, charge: Charge { cost, balance }, in_flight }
    }
}
