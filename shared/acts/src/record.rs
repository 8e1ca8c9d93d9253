//! The stored form of an act.

use domain::cause::Cause;
use domain::ids::ActId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Key, StoreError};

use crate::act::Act;
use crate::actor::Actor;

/// The partition of all acts. Acts are of people, so that one partition takes all of them.
pub(crate) const OF_ALL: &str = "ACTS";

/// The partition of the acts of `actor`.
pub(crate) fn partition_by(actor: &str) -> String {
    format!("{OF_ALL}#BY#{actor}")
}

/// The partition of the acts that were done to `subject`.
pub(crate) fn partition_of(subject: &str) -> String {
    format!("{OF_ALL}#OF#{subject}")
}

/// The record of an act. Actor, deed and subject are words: a record of another release is shown too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActRecord {
    pub(crate) at: String,
    pub(crate) actor: String,
    pub(crate) act: String,
    pub(crate) subject: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<String>,
    pub(crate) request_id: String,
}

impl ActRecord {
    pub(crate) fn of(
        act: &Act<'_>,
        id: ActId,
        actor: Actor,
        network: Option<String>,
        request_id: String,
    ) -> Result<Self, StoreError> {
        let Act { deed, subject, before, after, reason } = act;
        for state in [before, after] {
            if state.to_string().len() > Act::MAX_STATE_BYTES {
                return Err(StoreError::Internal(Cause::because("an act changes more than its record may have")));
            }
        }
        Ok(Self {
            at: id.made_at().to_string(),
            actor: actor.to_string(),
            act: deed.word().to_owned(),
            subject: subject.to_string(),
            before: before.clone(),
            after: after.clone(),
            reason: reason.map(|reason| reason.as_str().to_owned()),
            network,
            request_id,
        })
    }

    /// The keys of the three copies: of all, by the actor, of the subject.
    pub(crate) fn keys(&self, id: ActId) -> [Key; 3] {
        let partitions = [OF_ALL.to_owned(), partition_by(&self.actor), partition_of(&self.subject)];
        partitions.map(|partition| Key::new(partition, id.to_string()))
    }
}
