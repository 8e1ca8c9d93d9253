//! The document: the source, completed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use local::template::{workspace_root, yaml_to_json};
use serde_json::{Map, Value, json};
use testkit::json_text;

use crate::codes::OWN;
use crate::components::Components;
use crate::head::head_of;
use crate::responses::{complete, schema};
use crate::samples::{Protocol, Sample, samples_of};

/// The source, from the workspace's root on.
const SOURCE: &str = "docs/openapi.yaml";

/// The document as the function `openapi` embeds it, from the workspace's root on.
pub const SNAPSHOT: &str = "functions/openapi.json";

/// The methods that a path of the source may have.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The members of a schema that list the codes of the events that may end a stream, each with the protocol of the events.
const OF_STREAMS: [(&str, Protocol); 3] = [
    ("x-stream-errors", Protocol::OpenAi),
    ("x-stream-errors-of-anthropic", Protocol::Anthropic),
    ("x-stream-problems", Protocol::Problems),
];

/// The member of a request's body that may be a form.
const FORMS: &str = "x-forms";

/// The source as people wrote it.
///
/// # Panics
/// It cannot be read, or is not YAML.
#[must_use]
pub fn source() -> Value {
    let path = workspace_root().join(Path::new(SOURCE));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{SOURCE} cannot be read: {error}."));
    yaml_to_json(&text).unwrap_or_else(|reason| panic!("{SOURCE} is broken: {reason}."))
}

/// The document that the source and the errors of the code make.
///
/// # Panics
/// The source is broken, or names a code that no error has.
#[must_use]
pub fn document() -> Value {
    completed(source())
}

fn completed(mut document: Value) -> Value {
    assert!(document["info"].get("version").is_none(), "the version of {SOURCE} is the workspace's");
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    let mut components = Components(document["components"].take());
    complete_stream_errors(&mut components.0["schemas"]);
    let Some(paths) = document["paths"].as_object_mut() else { panic!("{SOURCE} has no paths") };
    for (path, item) in paths {
        complete_path(path, item, &mut components);
    }
    document["components"] = components.0;
    document
}

fn complete_path(path: &str, item: &mut Value, components: &mut Components) {
    for method in METHODS {
        let Some(operation) = item.get_mut(method) else { continue };
        complete(operation, path, components);
        add_forms(operation);
        if let Some(members) = operation.as_object_mut() {
            members.remove(OWN);
        }
    }
    if let Some(get) = item.get("get") {
        item["head"] = head_of(get, components);
    }
}

/// A body that may be a form may be one of either kind, with the same fields.
fn add_forms(operation: &mut Value) {
    let Some(body) = operation.get_mut("requestBody") else { return };
    let has_forms = body.as_object_mut().and_then(|members| members.remove(FORMS));
    if has_forms == Some(json!(true)) {
        for form in ["application/x-www-form-urlencoded", "multipart/form-data"] {
            body["content"][form] = body["content"]["application/json"].clone();
        }
    }
}

/// Turns each schema that lists codes into the schema of the events with them.
fn complete_stream_errors(schemas: &mut Value) {
    for (name, listing) in schemas.as_object_mut().into_iter().flat_map(Map::iter_mut) {
        let listed = OF_STREAMS.iter().find_map(|(member, of)| Some((listing[*member].as_array().cloned()?, *of)));
        let Some((codes, protocol)) = listed else { continue };
        let codes = codes.iter().map(|code| code.as_str().unwrap_or_else(|| panic!("{code} of {name} is no code")));
        let field = (String::new(), "");
        let samples: Vec<Sample> = codes.flat_map(|code| samples_of(code, protocol, &field)).collect();
        let mut completed = match protocol {
            Protocol::OpenAi | Protocol::Anthropic => schema(&samples.iter().collect::<Vec<_>>()),
            Protocol::Problems => json!({"anyOf": schemas_by_status(&samples)}),
        };
        completed["description"] = listing["description"].take();
        *listing = completed;
    }
}

/// The schemas of problems, whose member `status` tells them apart.
fn schemas_by_status(samples: &[Sample]) -> Vec<Value> {
    let statuses: BTreeSet<u16> = samples.iter().map(|sample| sample.status).collect();
    let of_status = |status| samples.iter().filter(|sample| sample.status == status).collect::<Vec<_>>();
    statuses.into_iter().map(|status| schema(&of_status(status))).collect()
}

/// A document as the snapshot has it: sorted by name, since the order of members depends on the features of `serde_json`
/// that other crates of the build enable, and in lines that are not too long.
#[must_use]
pub fn written(document: &Value) -> String {
    json_text::written_out(&sorted(document), 0) + "\n"
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            Value::Object(members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests;
