//! What API keys have spent, as their user and their holders are told: the keys' sums, and on top of them what is not
//! summed yet.
//!
//! Nothing is written, so that whoever reads this may read only. The audit carries the sums on every quarter of an hour.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{ApiKeyId, UserId};
use store::{StoreError, Table};

use crate::audited_entry::AuditedEntry;
use crate::checkpoint::Checkpoint;
use crate::entry_pages::{EntryRange, PAGE_ENTRIES};
use crate::key_sums::KeySums;
use crate::usage::MAX_ATTEMPTS;

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
        for _ in 0..MAX_ATTEMPTS {
            let checkpoint: Checkpoint = table.get(Checkpoint::key(user_id)).await?.unwrap_or_default();
            // Rows that are being thrown away are not read: all entries are behind the checkpoint then.
            let mut usage =
                if checkpoint.is_clearing { Self::default() } else { Self(KeySums::read(table, user_id, keys).await?) };
            usage.add_tail(table, user_id, keys, &checkpoint).await?;
            let now: Option<Checkpoint> = table.get(Checkpoint::key(user_id)).await?;
            // What was carried on meanwhile may be in both, or in neither.
            if now.unwrap_or_default().version == checkpoint.version {
                return Ok(usage);
            }
        }
        // Others carry the sums on all the while: what is summed is right by itself, and little is missing.
        Ok(Self(KeySums::read(table, user_id, keys).await?))
    }

    /// The sums of the API key `key`; `None` if it has paid for nothing in the last 400 days.
    #[must_use]
    pub fn of_key(&self, key: ApiKeyId) -> Option<&KeySums> {
        self.0.get(&key)
    }

    /// Adds the chats behind the checkpoint.
    async fn add_tail(
        &mut self,
        table: &Table,
        user_id: UserId,
        keys: &BTreeSet<ApiKeyId>,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        let page = EntryRange::after(user_id, checkpoint.through).next_page(table, PAGE_ENTRIES, true).await?;
        for entry in page.items.iter().filter_map(|item| AuditedEntry::of(item).ok()) {
            let Some((chat, (place, sums))) = entry.id.zip(entry.usage()) else { continue };
            if let Some(key) = place.api_key.filter(|key| keys.contains(key)) {
                self.0.entry(key).or_insert_with(|| KeySums::before(chat)).add(chat, sums.credits);
            }
        }
        Ok(())
    }
}
