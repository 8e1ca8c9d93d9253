//! The users that the directory lists for the audit.

use domain::ids::UserId;
use store::directory::DirectoryKey;

use crate::account::Account;
use crate::audit::tombstone::Tombstone;

/// An item that the directory lists, or listed a moment ago.
pub(super) struct ListedItem {
    pub(super) key: DirectoryKey,
    pub(super) kind: ListedKind,
}

/// The kind of a [`ListedItem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListedKind {
    Account(UserId),
    Tombstone(UserId),
    /// Neither, or of nobody: the key cannot be read.
    Unreadable,
}

/// A page of the directory.
pub(super) struct ListingPage {
    pub(super) items: Vec<ListedItem>,
    /// The key after which the next page begins. Absent after the last page.
    pub(super) next: Option<DirectoryKey>,
}

impl ListedItem {
    pub(super) fn of(key: DirectoryKey) -> Self {
        let user_id = key.pk.strip_prefix("USER#").and_then(UserId::parse);
        let kind = match (user_id, key.sk.as_str()) {
            (Some(user_id), Account::SORT_KEY) => ListedKind::Account(user_id),
            (Some(user_id), Tombstone::SORT_KEY) => ListedKind::Tombstone(user_id),
            _ => ListedKind::Unreadable,
        };
        Self { key, kind }
    }
}
