//! The usage of API keys, as their user and their holders are told: the [keys' sums](crate::key_sums), and on top of them the
//! entries behind the checkpoint.
//!
//! Nothing is written, so that whoever reads this may read only. The audit carries the sums on every quarter of an hour.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{ApiKeyId, UserId};
use store::{StoreError, Table};

use crate::audited_entry::AuditedEntry;
use crate::checkpoint::Checkpoint;
use crate::entry_pages::{EntryRange, PAGE_ENTRIES};
use crate::key_sums::KeySums;

/// The sums of some API keys of a user. Charges count as soon as they are made, but for the newest of an account that was
/// charged more than 250 times since the audit summed it.
#[derive(Clone, Debug, Default)]
pub struct KeyUsage(BTreeMap<ApiKeyId, KeySums>);

impl KeyUsage {
    /// Reads the usage of `keys` of a user: their sums, and a page of the entries behind the checkpoint. Without keys it
    /// reads nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn read(table: &Table, user_id: UserId, keys: &BTreeSet<ApiKeyId>) -> Result<Self, StoreError> {
        if keys.is_empty() {
            return Ok(Self::default());
        }
        let checkpoint: Checkpoint = table.get(Checkpoint::key(user_id)).await?.unwrap_or_default();
        // A step after the first read leaves sums that have some of the entries behind this checkpoint, and skip them.
        let mut sums = KeySums::read(table, user_id, keys).await?;
        let page = EntryRange::after(user_id, checkpoint.through).next_page(table, PAGE_ENTRIES, true).await?;
        for entry in page.items.iter().filter_map(|item| AuditedEntry::of(item).ok()) {
            let Some((chat, (place, charged))) = entry.id.zip(entry.usage()) else { continue };
            if let Some(key) = place.api_key.filter(|key| keys.contains(key)) {
                let of_key = sums.entry(key).or_insert_with(|| KeySums::of_first(chat, charged.credits));
                of_key.add(chat, charged.credits);
            }
        }
        Ok(Self(sums))
    }

    /// The sums of the API key `key`; `None` if it has paid for nothing in the last 400 days.
    #[must_use]
    pub fn of_key(&self, key: ApiKeyId) -> Option<&KeySums> {
        self.0.get(&key)
    }
}
