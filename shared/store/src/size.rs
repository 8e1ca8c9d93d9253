//! The size of an item, by which DynamoDB counts write and read units.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::Item;

/// An upper limit of the bytes that DynamoDB counts for `item`: names and values of all attributes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>). A number counts as
/// many bytes here as it has digits, which is at least what DynamoDB counts.
#[must_use]
pub fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    /// DynamoDB's own bytes of a list or a map, and of each of its members.
    const COLLECTION: usize = 3;
    const MEMBER: usize = 1;
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len() + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Bs(all) => all.iter().map(|bytes| bytes.as_ref().len()).sum(),
        AttributeValue::M(members) => COLLECTION + members.len() * MEMBER + item_bytes(members),
        AttributeValue::L(values) => COLLECTION + values.iter().map(|value| MEMBER + value_bytes(value)).sum::<usize>(),
        // A boolean, a null, and whatever DynamoDB adds later.
        _ => 1,
    }
}
