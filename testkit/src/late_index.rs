//! The index `directory` as it was a moment ago. AWS changes an index after its table, mostly within a second, and the engines of
//! the tests change both at once.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use store::directory::DIRECTORY;

/// The attributes by which an index sorts its items: those of its own key, and those of the table's.
const ORDER: [&str; 3] = ["directory_sort", "pk", "sk"];

/// All that the index `directory` had at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DirectoryImage {
    /// In the order of the index. There is one list in it.
    items: Vec<Value>,
}

impl DirectoryImage {
    /// The request for everything in the index of the table `name`, for [`DirectoryImage::of`].
    #[must_use]
    pub fn request(name: &str) -> Value {
        json!({
            "TableName": name, "IndexName": DIRECTORY, "KeyConditionExpression": "directory = :users",
            "ExpressionAttributeValues": {":users": {"S": store::directory::USERS_BY_AGE}},
        })
    }

    /// The image in the answer to [`DirectoryImage::request`].
    ///
    /// # Panics
    /// The answer is of one page among several.
    #[must_use]
    pub fn of(answer: &Value) -> Self {
        assert!(answer["LastEvaluatedKey"].is_null(), "the directory has more than a megabyte");
        let mut items = answer["Items"].as_array().cloned().unwrap_or_default();
        items.sort_by_cached_key(order);
        Self { items }
    }

    /// Whether a request reads the index.
    #[must_use]
    pub fn is_read_by(operation: &str, body: &Value) -> bool {
        operation == "Query" && body["IndexName"] == DIRECTORY
    }

    /// The answer to a query of the list.
    #[must_use]
    pub fn answer(&self, query: &Value) -> Value {
        let after = query["ExclusiveStartKey"].as_object().map(|key| order(&Value::Object(key.clone())));
        let left = self.items.iter().filter(|item| after.as_ref().is_none_or(|after| order(item) > *after));
        let limit = query["Limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let page: Vec<&Value> = left.take(limit).collect();
        let mut answer = Map::from_iter([
            ("Items".to_owned(), json!(page)),
            ("Count".to_owned(), json!(page.len())),
            ("ScannedCount".to_owned(), json!(page.len())),
        ]);
        // DynamoDB does not look whether anything is left behind a full page.
        if let Some(last) = page.last().filter(|_| page.len() == limit) {
            answer.insert("LastEvaluatedKey".to_owned(), key_of(last));
        }
        Value::Object(answer)
    }

    /// How many items this image has that `other` does not.
    #[must_use]
    pub fn items_beyond(&self, other: &Self) -> usize {
        let others: BTreeSet<[String; 3]> = other.items.iter().map(order).collect();
        self.items.iter().filter(|item| !others.contains(&order(item))).count()
    }
}

/// The attributes by which a query goes on after an item, without those that the index has of it besides.
fn key_of(item: &Value) -> Value {
    let names = ORDER.iter().chain([&DIRECTORY]);
    names.map(|name| ((*name).to_owned(), item[*name].clone())).collect::<Map<_, _>>().into()
}

fn order(item: &Value) -> [String; 3] {
    ORDER.map(|name| item[name]["S"].as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::ids::UserId;
    use domain::time::{Clock, Timestamp};
    use store::directory::DirectoryKey;

    use crate::test_table::TestTable;

    #[tokio::test]
    async fn an_image_is_read_page_by_page_as_the_index_is() {
        let test = TestTable::start().await;
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        for _ in 0..5 {
            let item = DirectoryKey::by_age(UserId::new(&clock), "ACCOUNT").into_item();
            test.table.put_until(item, &clock, clock.now()).await.unwrap();
        }
        let image = test.directory().await;
        for limit in [2, 5, 100] {
            let mut query = DirectoryImage::request(test.isolated.name());
            query["Limit"] = json!(limit);
            loop {
                let (late, now) = (image.answer(&query), test.isolated.call("Query", &query).await.unwrap());
                assert_eq!(late["Items"], now["Items"]);
                assert_eq!(late["LastEvaluatedKey"], now["LastEvaluatedKey"], "{limit}");
                if late["LastEvaluatedKey"].is_null() {
                    break;
                }
                query["ExclusiveStartKey"] = late["LastEvaluatedKey"].clone();
            }
        }
        assert_eq!((image.items_beyond(&DirectoryImage::default()), image.items_beyond(&image)), (5, 0));
    }
}
