//! A user's entries page by page, the oldest first, for those who add them up.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{EntryId, UserId};
use store::{Item, Key, StoreError, Table, partition_of, sort_key_of};

use crate::entry::SORT_KEY_PREFIX;

/// Sorts after all entries, whatever is behind their prefix.
const AFTER_ALL_ENTRIES: &str = "ENTRY$";

/// The most entries that one request reads, of at most 1 KB each: several accounts are added up at once.
pub(crate) const PAGE_ENTRIES: i32 = 250;

/// A part of a user's entries.
#[derive(Clone, Debug)]
pub(crate) struct EntryRange {
    pub(crate) user_id: UserId,
    /// The sort key of the entry before the first.
    pub(crate) after: Option<String>,
    /// The last entry. Without it the range has no end.
    pub(crate) through: Option<EntryId>,
}

/// A page of entries.
pub(crate) struct EntryPage {
    pub(crate) items: Vec<Item>,
    /// Whether more may follow.
    pub(crate) has_more: bool,
}

impl EntryRange {
    /// The entries of a user after `after`.
    pub(crate) fn after(user_id: UserId, after: Option<EntryId>) -> Self {
        Self { user_id, after: after.map(sort_key), through: None }
    }

    /// The same entries, no further than `through`.
    pub(crate) fn through(self, through: EntryId) -> Self {
        Self { through: Some(through), ..self }
    }

    /// Reads the next page, after which the range begins behind it. A `consistent` read sees all earlier writes and costs
    /// twice as much.
    pub(crate) async fn next_page(
        &mut self,
        table: &Table,
        page_entries: i32,
        consistent: bool,
    ) -> Result<EntryPage, StoreError> {
        let last = self.through.map_or(AFTER_ALL_ENTRIES.to_owned(), sort_key);
        let start = self.after.clone().map(|sort_key| Key::of_user(self.user_id, sort_key).into_item());
        let answer = table
            .client()
            .query()
            .table_name(table.name())
            .key_condition_expression("pk = :user AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":user", AttributeValue::S(partition_of(self.user_id)))
            .expression_attribute_values(":first", AttributeValue::S(SORT_KEY_PREFIX.to_owned()))
            .expression_attribute_values(":last", AttributeValue::S(last))
            .limit(page_entries)
            .consistent_read(consistent)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        let items = answer.items.unwrap_or_default();
        let last = answer.last_evaluated_key.as_ref().or(items.last());
        self.after = last.and_then(sort_key_of).map(str::to_owned).or(self.after.take());
        Ok(EntryPage { items, has_more: answer.last_evaluated_key.is_some() })
    }
}

fn sort_key(id: EntryId) -> String {
    format!("{SORT_KEY_PREFIX}{id}")
}
