//! Looking at batches.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::cause::Cause;
use domain::ids::BatchId;
use store::{Item, Key, StoreError, from_item, sort_key_of};

use super::Vouchers;
use super::batch::{Batch, BatchView, CodeView, PARTITION, SORT_KEY_PREFIX};
use super::code_item::VoucherItem;
use crate::error::BatchError;
use crate::history::{Cursor, List, PageRequest};

/// A part of the list of batches, the newest first.
#[derive(Clone, Debug)]
pub struct BatchPage {
    /// The batches.
    pub batches: Vec<BatchView>,
    /// The place at which the next page begins, if there may be one.
    pub next: Option<Cursor>,
}

impl List for BatchView {
    const NAME: &'static str = "vouchers";
}

impl Vouchers {
    /// The batches of a page, by one consistent query.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn batches(&self, wanted: PageRequest) -> Result<BatchPage, StoreError> {
        let start = wanted.cursor.map(|Cursor(place)| {
            let key = Key::new(PARTITION, format!("{SORT_KEY_PREFIX}{place}"));
            key.into_item()
        });
        let answer = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(PARTITION.to_owned()))
            .expression_attribute_values(":prefix", AttributeValue::S(SORT_KEY_PREFIX.to_owned()))
            .limit(wanted.limit.number().into())
            .scan_index_forward(false)
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        let next = answer.last_evaluated_key.as_ref().map(|key| id_of(key).map(Cursor::after)).transpose()?;
        let batches = answer.items.unwrap_or_default().into_iter();
        let batches = batches.map(|item| Ok(BatchView::new(id_of(&item)?, from_item(item)?)));
        Ok(BatchPage { batches: batches.collect::<Result<_, StoreError>>()?, next })
    }

    /// One batch, and how often each of its codes was used.
    ///
    /// # Errors
    /// [`BatchError::NotFound`] if there is no such batch; [`BatchError::Unavailable`] if the table cannot be read.
    pub async fn batch(&self, id: BatchId) -> Result<(BatchView, Vec<CodeView>), BatchError> {
        let batch: Batch = self.table.get(Batch::key(id)).await?.ok_or(BatchError::NotFound)?;
        let found = self.table.get_all(batch.places().map(|place| place.code())).await?;
        let mut codes = Vec::with_capacity(batch.digests.len());
        for (number, place) in (1..).zip(batch.places()) {
            let partition = place.code().into_item().remove("pk");
            let item = found.iter().find(|item| item.get("pk") == partition.as_ref()).cloned();
            let used = item.map(from_item::<VoucherItem>).transpose()?.map(|voucher| voucher.used);
            codes.push(CodeView { number, used });
        }
        Ok((BatchView::new(id, batch), codes))
    }
}

fn id_of(item: &Item) -> Result<BatchId, StoreError> {
    let id = sort_key_of(item).and_then(|key| key.strip_prefix(SORT_KEY_PREFIX)).and_then(BatchId::parse);
    id.ok_or_else(|| StoreError::Internal(Cause::because("a batch of vouchers has no id")))
}
