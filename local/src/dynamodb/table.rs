//! Creates the table from the template, or compares an existing table with it.

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::describe_time_to_live::DescribeTimeToLiveRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use super::{DynamoDbError, refused};
use crate::template::Template;

/// Creates the table if it does not exist, else checks that it is the template's.
pub(super) fn ensure(
    database: &Database,
    table_name: &str,
    template: &Template,
    place: &str,
) -> Result<(), DynamoDbError> {
    let wanted = template.create_table_request(table_name);
    match existing(database, table_name)? {
        None => create(database, wanted)?,
        Some(found) if shape(&found) == shape(&wanted) => {}
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

/// The keys of the table and of its indexes, which cannot change once data is stored.
fn shape(table: &Value) -> Value {
    let indexes = |kind: &str| {
        let mut shapes: Vec<_> = table[kind]
            .as_array()
            .into_iter()
            .flatten()
            .map(|index| json!([index["IndexName"], index["KeySchema"], index["Projection"]["ProjectionType"]]))
            .collect();
        shapes.sort_by_key(Value::to_string);
        shapes
    };
    json!([table["KeySchema"], indexes("GlobalSecondaryIndexes"), indexes("LocalSecondaryIndexes")])
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
