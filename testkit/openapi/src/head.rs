//! HEAD beside each GET: the same status and headers, and no body (RFC 9110, section 9.3.2).

use serde_json::{Map, Value, json};

use crate::components::Components;

/// The HEAD of the operation `get`, whose responses are complete.
pub(crate) fn head_of(get: &Value, components: &mut Components) -> Value {
    let mut head = get.clone();
    let Some(id) = get["operationId"].as_str() else { panic!("a GET has no operationId: {get}") };
    head["operationId"] = json!(format!("{id}Head"));
    let summary = get["summary"].as_str().unwrap_or_default();
    head["summary"] = json!(format!("{summary}: the headers alone"));
    head["description"] = json!("The status and the headers of the GET, without a body.");
    let responses = get["responses"].as_object().into_iter().flatten();
    let responses = responses.map(|(status, response)| (status.clone(), without_body(response, components)));
    head["responses"] = Value::Object(responses.collect::<Map<_, _>>());
    head
}

fn without_body(response: &Value, components: &mut Components) -> Value {
    if let Some(name) = response["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let named = without_body(&components.0["responses"][name].clone(), components);
        return components.add("responses", &format!("head.{name}"), &named);
    }
    let mut response = response.clone();
    if let Some(members) = response.as_object_mut() {
        members.remove("content");
        members.remove("links");
    }
    response
}
