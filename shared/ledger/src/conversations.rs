//! Conversations: their titles, and their end.
//!
//! A conversation that a user makes has an item, which exists as long as the conversation does. The exchanges of a
//! conversation are [message items](crate::texts) under its id. The first conversation has no item: it is always there. The
//! account names the id under which its exchanges are stored, and emptying the first conversation gives it another one.
//!
//! A message in flight while its conversation is deleted is charged, and its message item arrives under an id that is no
//! conversation any more. So a list shows an exchange only after it has found its conversation.

mod erasure;
mod item;
mod keeper;
mod marker;
#[cfg(test)]
mod tests;

pub use erasure::Sweep;
pub use item::Conversation;
pub(crate) use item::{ConversationItem, find, needs_no_item};
pub use keeper::{ConversationKeeper, MAX_CONVERSATIONS, MAX_DELETED_CONVERSATIONS};
pub use marker::DeletedConversation;
