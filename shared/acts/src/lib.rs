//! The history: what staff and operators did, to whom, and why.
//!
//! An [`Act`] is recorded in the transaction of what it does, so there is neither an act without a record nor a record
//! without its act. A record is put three times, in the partitions of all acts, of the actor and of the subject: so each list
//! is one consistent query, and no index is late. Records are never changed and never deleted. They name ids and no names, so
//! that no record has to be erased with a person.
//!
//! This crate does not know who may act: the ledger's `authority` does. Begin with [`Signature::parts`] and [`ActReader`].

mod act;
mod actor;
mod reader;
mod record;
mod signature;

pub use act::{Act, ActSubject, Deed};
pub use actor::{ActOrigin, Actor};
pub use reader::{ActFilter, ActPage, ActReader, MAX_ACTS_OF_A_PAGE, RecordedAct};
pub use signature::Signature;
