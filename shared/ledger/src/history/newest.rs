//! The newest transactions of a user, for staff.

use domain::ids::UserId;
use store::StoreError;

use crate::account::Account;
use crate::history::{History, Limit, ListOrder, PageRequest, ReadEntries, Transaction};

impl History {
    /// The transactions among the newest entries of a user whose `account` was read. Staff see them whatever the status of the
    /// account is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be read.
    pub async fn newest_transactions(
        &self,
        user_id: UserId,
        account: &Account,
        limit: Limit,
    ) -> Result<Vec<Transaction>, StoreError> {
        let wanted = PageRequest { limit, cursor: None };
        let ReadEntries { entries, .. } = self.entries(user_id, ListOrder::NewestFirst, wanted).await?;
        Ok(entries.into_iter().filter_map(|(id, entry)| Transaction::shown(id, entry, account)).collect())
    }
}
