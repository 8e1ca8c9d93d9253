//! The last command of an operator or a superuser: whether the deployment accepts messages and registrations.

use serde::{Deserialize, Serialize};
use store::Key;

/// The last command, in its one item. Without the item, messages and registrations are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Whether messages and registrations are accepted.
    pub accepting: bool,
    /// The reason that the command gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time of the command, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<String>,
}

impl Acceptance {
    /// The key of the item.
    pub(crate) fn key() -> Key {
        Key::new("STOP", "STOP")
    }
}

impl Default for Acceptance {
    fn default() -> Self {
        Self { accepting: true, reason: None, changed_at: None }
    }
}
