//! The progress of an audit that has not finished.

use serde::{Deserialize, Serialize};
use store::directory::DirectoryKey;
use store::{Key, StoreError, Table};

use crate::audit::examination::Examination;

/// The place where the next run continues: the audit's one item.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct AuditProgress {
    /// The last item of the directory that is done. Absent at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) listed: Option<DirectoryKey>,
    /// The account that was being examined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) examination: Option<Examination>,
}

impl AuditProgress {
    pub(super) fn key() -> Key {
        Key::new("AUDIT", "PROGRESS")
    }

    pub(super) async fn keep(&self, table: &Table) -> Result<(), StoreError> {
        let item = Self::key().with(self)?;
        table.client().put_item().table_name(table.name()).set_item(Some(item)).send().await?;
        Ok(())
    }

    pub(super) async fn forget(table: &Table) -> Result<(), StoreError> {
        let key = Self::key().into_item();
        table.client().delete_item().table_name(table.name()).set_key(Some(key)).send().await?;
        Ok(())
    }
}
