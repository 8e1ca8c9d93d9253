//! Creates the table from the template, or compares an existing table with it and mends its indexes.

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::describe_time_to_live::DescribeTimeToLiveRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use super::{DynamoDbError, refused};
use crate::template::Template;

/// Creates the table if it does not exist, else checks that it is the template's. Its keys cannot change once data is stored,
/// but a global index can be made again from the items: another release may project other attributes.
pub(super) fn ensure(
    database: &Database,
    table_name: &str,
    template: &Template,
    place: &str,
) -> Result<(), DynamoDbError> {
    let wanted = template.create_table_request(table_name);
    match existing(database, table_name)? {
        None => create(database, wanted)?,
        Some(found) if keys(&found) == keys(&wanted) => mend_indexes(database, table_name, &found, &wanted)?,
        Some(_) => {
            let (table_name, place) = (table_name.to_owned(), place.to_owned());
            return Err(DynamoDbError::TableDiffers { table_name, place });
        }
    }
    set_time_to_live(database, table_name, template.time_to_live_attribute())
}

fn existing(database: &Database, table_name: &str) -> Result<Option<Value>, DynamoDbError> {
    let request = DescribeTableRequest { table_name: table_name.to_owned() };
    match database.describe_table(request) {
        Ok(response) => serde_json::to_value(response.table).map(Some).map_err(|error| refused(&error)),
        Err(DynoxideError::ResourceNotFoundException(_)) => Ok(None),
        Err(error) => Err(refused(&error)),
    }
}

fn create(database: &Database, wanted: Value) -> Result<(), DynamoDbError> {
    let request = serde_json::from_value(wanted).map_err(|error| refused(&error))?;
    database.create_table(request).map_err(|error| refused(&error))?;
    Ok(())
}

/// The keys of the table and its local indexes, which cannot change once data is stored.
fn keys(table: &Value) -> Value {
    let mut local: Vec<Value> = indexes(table, "LocalSecondaryIndexes").map(index_shape).collect();
    local.sort_by_key(Value::to_string);
    json!([table["KeySchema"], local])
}

fn indexes<'a>(table: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    table[kind].as_array().into_iter().flatten()
}

/// Name, keys and projection of an index, without the order in which attributes are projected.
fn index_shape(index: &Value) -> Value {
    let projection = &index["Projection"];
    let mut projected: Vec<&str> =
        projection["NonKeyAttributes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    projected.sort_unstable();
    json!([index["IndexName"], index["KeySchema"], projection["ProjectionType"], projected])
}

/// Deletes the global indexes that are not those of the template, and makes those that are missing, with all items that they
/// list. `DynamoDB` takes one of these changes at a time.
fn mend_indexes(database: &Database, table_name: &str, found: &Value, wanted: &Value) -> Result<(), DynamoDbError> {
    const GLOBAL: &str = "GlobalSecondaryIndexes";
    let shapes = |table| indexes(table, GLOBAL).map(index_shape).collect::<Vec<_>>();
    let (found_shapes, wanted_shapes) = (shapes(found), shapes(wanted));
    let superfluous = indexes(found, GLOBAL).filter(|index| !wanted_shapes.contains(&index_shape(index)));
    let missing = indexes(wanted, GLOBAL).filter(|index| !found_shapes.contains(&index_shape(index)));
    let deletions = superfluous.map(|index| json!({"Delete": {"IndexName": index["IndexName"]}}));
    let creations = missing.map(|index| json!({"Create": index}));
    for change in deletions.chain(creations) {
        let update = json!({
            "TableName": table_name,
            "AttributeDefinitions": wanted["AttributeDefinitions"],
            "GlobalSecondaryIndexUpdates": [change],
        });
        let request = serde_json::from_value(update).map_err(|error| refused(&error))?;
        database.update_table(request).map_err(|error| refused(&error))?;
    }
    Ok(())
}

fn set_time_to_live(database: &Database, table_name: &str, wanted: Option<String>) -> Result<(), DynamoDbError> {
    let request = DescribeTimeToLiveRequest { table_name: table_name.to_owned() };
    let found = database.describe_time_to_live(request).map_err(|error| refused(&error))?;
    let found = found.time_to_live_description.attribute_name;
    if found == wanted {
        return Ok(());
    }
    // While the time to live is on, DynamoDB refuses to change its attribute.
    if let Some(attribute_name) = found {
        switch_time_to_live(database, table_name, attribute_name, false)?;
    }
    if let Some(attribute_name) = wanted {
        switch_time_to_live(database, table_name, attribute_name, true)?;
    }
    Ok(())
}

fn switch_time_to_live(
    database: &Database,
    table_name: &str,
    attribute_name: String,
    enabled: bool,
) -> Result<(), DynamoDbError> {
    let request = UpdateTimeToLiveRequest {
        table_name: table_name.to_owned(),
        time_to_live_specification: TimeToLiveSpecification { attribute_name, enabled },
    };
    database.update_time_to_live(request).map_err(|error| refused(&error))?;
    Ok(())
}
