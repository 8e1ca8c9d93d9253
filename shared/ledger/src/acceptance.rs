//! The operator's last command: whether the deployment accepts messages and registrations.

use domain::reason::Reason;
use domain::time::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, StoreError, Table};

/// The operator's last command, in its one item. Without the item, messages and registrations are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Whether messages and registrations are accepted.
    pub accepting: bool,
    /// The operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time of the operator's command, in RFC 3339.
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

/// The switch by which an operator stops and resumes messages and registrations.
#[derive(Clone, Debug)]
pub struct Switch {
    table: Table,
    clock: Clock,
}

impl Switch {
    /// The switch in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// The operator's last word.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn read(&self) -> Result<Acceptance, StoreError> {
        Ok(self.table.get(Acceptance::key()).await?.unwrap_or_default())
    }

    /// Writes the operator's command. Functions that run hear it within
    /// [`LONGEST_UNHEARD`](crate::gate::LONGEST_UNHEARD). Repeating it does no harm.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it is not known whether it was written.
    pub async fn turn(&self, accepting: bool, reason: &Reason, deadline: Timestamp) -> Result<Acceptance, StoreError> {
        let acceptance = Acceptance {
            accepting,
            reason: Some(reason.as_str().to_owned()),
            changed_at: Some(self.clock.now().to_string()),
        };
        self.table.put_until(Acceptance::key().with(&acceptance)?, &self.clock, deadline).await?;
        tracing::warn!(accepting, "an operator has said whether messages and registrations are accepted");
        Ok(acceptance)
    }
}
