//! The marker of a deleted conversation.
//!
//! It is in its user's partition alone. The account counts its markers, so the audit, which reads every account, looks for
//! markers where there are some.

use std::time::Duration;

use domain::ids::{ConversationId, UserId};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Item, Key, StoreError};

/// The age from which no exchange of a deleted conversation arrives any more: no request lives longer than a quarter of it.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// The marker of a deleted conversation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct DeletedConversation {
    /// The time of the deletion, in seconds since the Unix epoch.
    pub deleted_at: u64,
}

impl DeletedConversation {
    /// The prefix of the sort keys of all markers.
    pub const PREFIX: &str = "GONE#";

    /// The id under which the exchanges were stored, of the marker with this sort key.
    pub(super) fn id_in(sort_key: &str) -> Option<ConversationId> {
        sort_key.strip_prefix(Self::PREFIX).and_then(ConversationId::parse)
    }

    /// The marker of a conversation that is deleted `now`, as an item.
    pub(super) fn item(user_id: UserId, stored_as: ConversationId, now: Timestamp) -> Result<Item, StoreError> {
        Self::key(user_id, stored_as).with(&Self { deleted_at: now.seconds() })
    }

    pub(super) fn key(user_id: UserId, stored_as: ConversationId) -> Key {
        Key::of_user(user_id, format!("{}{stored_as}", Self::PREFIX))
    }

    /// Whether everything that belongs to the conversation can be deleted for good at `now`.
    pub(super) fn is_due(self, now: Timestamp) -> bool {
        now.since(Timestamp::from_seconds(self.deleted_at)) >= PATIENCE
    }
}
