//! The signature of an actor under the acts of a request.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::ActId;
use domain::time::Clock;
use store::{StoreError, Table};

use crate::act::Act;
use crate::actor::{ActOrigin, Actor};
use crate::record::ActRecord;

/// An actor and the request: what is the same in all records of one request.
#[derive(Clone, Debug)]
pub struct Signature {
    actor: Actor,
    origin: ActOrigin,
}

impl Signature {
    /// The signature of `actor` in the request of `origin`.
    #[must_use]
    pub fn new(actor: Actor, origin: ActOrigin) -> Self {
        Self { actor, origin }
    }

    /// The actor.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The parts of a transaction that record `act`: its three copies.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if the record has more than a record may have, or cannot be written as attributes.
    pub fn parts(&self, act: &Act<'_>, table: &Table, clock: &Clock) -> Result<[TransactWriteItem; 3], StoreError> {
        let id = ActId::new(clock);
        let network = self.origin.network.map(|network| network.to_string());
        let record = ActRecord::of(act, id, self.actor, network, self.origin.request_id.clone())?;
        let [all, by, of] = record.keys(id).map(|key| table.put_new(key.with(&record)?));
        Ok([all?, by?, of?])
    }
}
