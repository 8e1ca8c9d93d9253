use std::collections::BTreeSet;

use testkit::contract::{Contract, resolved};

use super::*;
use crate::every_code;

/// Writes the snapshot anew where `CHAT_API_UPDATE_OPENAPI` is set.
#[test]
fn the_snapshot_is_what_the_source_and_the_errors_of_the_code_make() {
    let path = workspace_root().join(SNAPSHOT);
    let document = document();
    if std::env::var_os("CHAT_API_UPDATE_OPENAPI").is_some() {
        fs::write(&path, written(&document)).unwrap();
    }
    let snapshot: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let hint = "CHAT_API_UPDATE_OPENAPI=1 cargo test the_snapshot_is_what writes it anew";
    let differing = difference(&snapshot, &document, String::new());
    assert!(differing.is_none(), "{SNAPSHOT} differs at {}: {hint}", differing.unwrap_or_default());
}

/// The place of the first difference.
fn difference(left: &Value, right: &Value, place: String) -> Option<String> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let value = |members: &Map<String, Value>, name| members.get(name).cloned().unwrap_or_default();
            names
                .into_iter()
                .find_map(|name| difference(&value(left, name), &value(right, name), format!("{place}/{name}")))
        }
        (left, right) => (left != right).then_some(place),
    }
}

/// Each operation of a document, with its path and its method.
fn operations(document: &Value) -> Vec<(&str, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let members = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
        members.map(move |(method, operation)| (path.as_str(), method.to_uppercase(), operation))
    });
    operations.collect()
}

#[test]
fn every_example_fits_its_schema() {
    let document = document();
    let contract = Contract::of(&document);
    let mut checked = 0;
    for (path, method, operation) in operations(&document) {
        let body = operation["requestBody"]["content"]["application/json"]["examples"].as_object();
        for (name, example) in body.into_iter().flatten() {
            let outcome = contract.check_request_body(&method, path, &example["value"]);
            outcome.unwrap_or_else(|error| panic!("{method} {path}, {name}: {error}"));
            checked += 1;
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (media_type, content) in resolved(response, &document)["content"].as_object().into_iter().flatten() {
                for (name, example) in content["examples"].as_object().into_iter().flatten() {
                    let value = &resolved(example, &document)["value"];
                    let data = value["data"].as_str().filter(|_| media_type == "text/event-stream");
                    if data == Some("[DONE]") {
                        continue;
                    }
                    let data = data.map(|data| serde_json::from_str(data).unwrap());
                    let body = data.unwrap_or_else(|| value.clone());
                    let outcome = contract.check_answer_body(&method, path, status.parse().unwrap(), &body);
                    outcome.unwrap_or_else(|error| panic!("{method} {path} {status}, {name}: {error}"));
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 200, "only {checked} examples");
}

#[test]
fn every_operation_has_a_name_of_its_own_a_summary_and_examples() {
    let document = document();
    let operations = operations(&document);
    let names: BTreeSet<&str> = operations.iter().map(|(.., it)| it["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.len(), operations.len());
    for (path, method, operation) in operations {
        assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{method} {path}");
        let responses = operation["responses"].as_object().unwrap().values();
        for content in responses.filter_map(|response| resolved(response, &document)["content"].as_object()).flatten() {
            // The document itself is too long for an example, and so are the page and its files.
            let is_file =
                path == "/openapi.json" || ["/assets/", "/docs/"].iter().any(|folder| path.starts_with(folder));
            let is_page = path == "/" && content.0 == "text/html";
            assert!(is_file || is_page || content.1["examples"].is_object(), "{method} {path}: {}", content.0);
        }
        let links = operation["responses"].as_object().unwrap().values().filter_map(|it| it["links"].as_object());
        for (name, link) in links.flatten() {
            assert!(names.contains(link["operationId"].as_str().unwrap()), "{method} {path}: {name}");
        }
    }
}

/// A new error has to be given to the operations that can answer with it.
#[test]
fn every_code_is_one_of_an_operation_or_of_a_stream() {
    let source = source();
    let mut named: BTreeSet<String> =
        operations(&source).into_iter().flat_map(|(.., operation)| crate::codes_of(operation)).collect();
    let schemas = source["components"]["schemas"].as_object().unwrap().values();
    let of_stream = |schema: &Value| OF_STREAMS.iter().find_map(|(member, _)| schema[*member].as_array().cloned());
    let of_streams = schemas.filter_map(of_stream).flatten();
    named.extend(of_streams.map(|code| code.as_str().unwrap().to_owned()));
    let every: BTreeSet<String> = every_code().into_iter().map(str::to_owned).collect();
    assert_eq!(named, every);
}

#[test]
fn every_get_has_a_head_without_bodies() {
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert_eq!(item.get("get").is_some(), item.get("head").is_some(), "{path}");
        for response in item["head"]["responses"].as_object().into_iter().flatten().map(|(_, it)| it) {
            let response = resolved(response, &document);
            assert!(response.get("content").is_none() && response["headers"]["x-request-id"].is_object(), "{path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) -> usize {
        let inner: usize = match value {
            Value::Object(members) => members.values().map(|value| check(value, document)).sum(),
            Value::Array(items) => items.iter().map(|value| check(value, document)).sum(),
            _ => 0,
        };
        let _ = resolved(value, document);
        inner + usize::from(value.get("$ref").is_some())
    }
    let document = document();
    assert!(check(&document, &document) > 100);
}

#[test]
#[should_panic(expected = "no error of Problems has the code no_such_code")]
fn a_code_that_no_error_has_is_refused() {
    let mut source = source();
    source["paths"]["/login/"]["post"][OWN] = json!(["no_such_code"]);
    let _ = completed(source);
}

#[test]
fn a_written_document_is_the_same_document() {
    let document = document();
    assert_eq!(serde_json::from_str::<Value>(&written(&document)).unwrap(), document);
}
