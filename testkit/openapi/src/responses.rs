//! The responses of an operation: its successes with the headers of every answer, and its errors by status.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::codes::codes_of;
use crate::components::Components;
use crate::gateway;
use crate::samples::{Protocol, RefusedField, Sample, samples_of};

/// Headers of every answer besides those of its kind.
const ALWAYS: [&str; 4] = ["x-request-id", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary"];

/// Headers of every answer of a function to programs of this protocol.
fn of_protocol(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::Anthropic => &["request-id"],
        Protocol::Problems | Protocol::OpenAi => &[],
    }
}

/// Adds to the responses of `operation`, at `path`, what every answer has, and a response for each status of its errors.
pub(crate) fn complete(operation: &mut Value, path: &str, components: &mut Components) {
    let errors = errors(operation, path, components);
    let Some(responses) = operation["responses"].as_object_mut() else { panic!("{path} has no responses") };
    for success in responses.values_mut() {
        let headers = &mut success["headers"];
        if headers.get("Cache-Control").is_none() {
            headers["Cache-Control"] = components.header_that_is("Cache-Control", true);
        }
        for name in ALWAYS.iter().chain(of_protocol(Protocol::of(path))) {
            if headers.get(*name).is_none() {
                headers[*name] = components.header(name);
            }
        }
    }
    responses.extend(errors);
}

/// The responses with errors, by status.
fn errors(operation: &Value, path: &str, components: &mut Components) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<Sample>> = BTreeMap::new();
    let protocol = Protocol::of(path);
    let codes = codes_of(operation);
    let asks_a_model = codes.iter().any(|code| code == "model_failed");
    let field = refused_field(operation, components);
    let own = codes.iter().flat_map(|code| samples_of(code, protocol, &field));
    let own = own.filter(|sample| asks_a_model || !sample.is_of_models);
    for sample in own.chain(gateway::samples(operation.get("requestBody").is_some())) {
        by_status.entry(sample.status).or_default().push(sample);
    }
    let responses = by_status.into_iter().map(|(status, samples)| {
        let response = response(&samples, protocol, &field, components);
        let origin = origin(&samples, protocol);
        let name = format!("{origin}.{status}.{}", names(&samples, &field).join("."));
        (status.to_string(), components.add("responses", &name, &response))
    });
    responses.collect()
}

/// The beginning of the name of a response: the same codes may come from the gateway alone, or from a model too.
fn origin(samples: &[Sample], protocol: Protocol) -> String {
    if samples.iter().all(|sample| sample.is_of_gateway) {
        return "gateway".to_owned();
    }
    let of_models = if samples.iter().any(|sample| sample.is_of_models) { "-of-models" } else { "" };
    format!("{}{of_models}", protocol.name())
}

/// The names of the errors among `samples`, each once. An error that refuses a field is named with the field.
fn names(samples: &[Sample], field: &RefusedField) -> Vec<String> {
    let mut names = Vec::new();
    for name in samples.iter().map(|sample| name(sample, field)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn name(sample: &Sample, (field, _): &RefusedField) -> String {
    if sample.code == "invalid" { format!("invalid-{field}") } else { sample.code.clone() }
}

fn response(samples: &[Sample], protocol: Protocol, field: &RefusedField, components: &mut Components) -> Value {
    let mut codes: Vec<&str> = Vec::new();
    for sample in samples {
        if !codes.contains(&sample.code.as_str()) {
            codes.push(&sample.code);
        }
    }
    let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let media_types: BTreeSet<&str> = samples.iter().map(|sample| sample.media_type.as_str()).collect();
    let content = media_types.into_iter().map(|media_type| {
        let of_type: Vec<&Sample> = samples.iter().filter(|sample| sample.media_type == media_type).collect();
        (media_type.to_owned(), content(&of_type, field, components))
    });
    let content: Map<String, Value> = content.collect();
    let headers = headers(samples, protocol, components);
    json!({"description": codes.join(", "), "headers": headers, "content": content})
}

/// The headers that some of the `samples` have: required if all of them do.
fn headers(samples: &[Sample], protocol: Protocol, components: &Components) -> Value {
    let mut headers = Map::new();
    for name in samples.iter().flat_map(|sample| sample.headers.keys()) {
        let is_required = samples.iter().all(|sample| sample.headers.contains_key(name));
        let spelled = components.spelling(name).to_owned();
        headers.insert(spelled, components.header_that_is(name, is_required && name != "www-authenticate"));
        if name == "www-authenticate" {
            let renamed = "x-amzn-Remapped-WWW-Authenticate";
            headers.insert(renamed.to_owned(), components.header(renamed));
        }
    }
    let by_function = samples.iter().any(|sample| !sample.is_of_gateway);
    let of_protocol = of_protocol(protocol).iter().filter(|_| by_function);
    headers.extend(ALWAYS.iter().chain(of_protocol).map(|name| ((*name).to_owned(), components.header(name))));
    Value::Object(headers)
}

fn content(samples: &[&Sample], field: &RefusedField, components: &mut Components) -> Value {
    let mut examples = Map::new();
    for sample in samples {
        let name = name(sample, field);
        if examples.contains_key(&name) {
            continue;
        }
        let is_of_protocol = sample.body.get("code").is_none();
        let kind = match (sample.is_of_gateway, is_of_protocol) {
            (true, _) => "gateway",
            (false, true) if is_anthropics(sample) => "anthropic",
            (false, true) => "openai",
            (false, false) => "problem",
        };
        let component = format!("{kind}.{}.{name}", sample.status);
        let example = json!({"summary": sentence(&sample.body), "value": sample.body});
        examples.insert(name, components.add("examples", &component, &example));
    }
    json!({"schema": schema(samples), "examples": examples})
}

/// Whether the error has Anthropic's shape, and no other.
fn is_anthropics(sample: &Sample) -> bool {
    sample.body["type"] == "error"
}

fn sentence(body: &Value) -> &Value {
    body.get("detail").unwrap_or(&body["error"]["message"])
}

/// The schema of exactly these errors: the general one, and their codes and members.
pub(crate) fn schema(samples: &[&Sample]) -> Value {
    let is_openais = samples.iter().all(|sample| sample.body.get("code").is_none());
    let bodies: Vec<&Value> =
        samples.iter().map(|sample| if is_openais { &sample.body["error"] } else { &sample.body }).collect();
    let mut codes: Vec<&Value> = Vec::new();
    for code in bodies.iter().map(|body| &body["code"]) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let mut narrowed = json!({"properties": {"code": {"enum": codes}}});
    let common = ["errors", "limited_by", "balance", "cost", "version"]
        .map(|name| (name, bodies.iter().all(|body| body.get(name).is_some())));
    let required: Vec<&str> = common.iter().filter(|(_, is_common)| *is_common).map(|(name, _)| *name).collect();
    if !required.is_empty() {
        narrowed["required"] = json!(required);
    }
    if is_openais {
        let narrowed = json!({"properties": {"error": narrowed}});
        let general = if samples.iter().any(|sample| is_anthropics(sample)) { "AnthropicError" } else { "OpenAiError" };
        return json!({"allOf": [{"$ref": format!("#/components/schemas/{general}")}, narrowed]});
    }
    narrowed["properties"]["status"] = json!({"const": samples[0].status});
    json!({"allOf": [{"$ref": "#/components/schemas/Problem"}, narrowed]})
}

/// The field that an example of a refusal names: the first that the body requires, or the first parameter of the query.
fn refused_field(operation: &Value, components: &Components) -> RefusedField {
    let resolved = |value: &Value| match value["$ref"].as_str() {
        Some(reference) => components.0.pointer(reference.trim_start_matches("#/components")).cloned(),
        None => Some(value.clone()),
    };
    let parameters = operation["parameters"].as_array().into_iter().flatten().filter_map(resolved);
    let refused = parameters.filter_map(|parameter| match (parameter["in"].as_str(), parameter["name"].as_str()) {
        (Some("query"), Some("limit")) => Some(("limit".to_owned(), "Ensure this is a whole number from 1 to 100.")),
        (Some("query"), Some("cursor")) => Some(("cursor".to_owned(), "This is not a cursor of this list.")),
        (Some("header"), Some("Idempotency-Key")) if operation["requestBody"]["x-forms"] != true => {
            Some(("Idempotency-Key".to_owned(), "An idempotency key has 1 to 255 visible ASCII characters."))
        }
        _ => None,
    });
    if let Some(refused) = refused.into_iter().next() {
        return refused;
    }
    let body = resolved(&operation["requestBody"]["content"]["application/json"]["schema"]).unwrap_or_default();
    let first = body["required"][0].as_str().unwrap_or("non_field_errors").to_owned();
    (first, "This field is required.")
}
