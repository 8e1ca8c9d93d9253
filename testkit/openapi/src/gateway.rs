//! The answers of API Gateway in place of a function, as template.yaml words them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use local::template::Template;
use serde_json::Value;

use crate::samples::Sample;

/// Answers where no function has the path, so that no operation has them.
const OF_NO_OPERATION: [&str; 4] =
    ["EXPIRED_TOKEN", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND"];

/// Answers to a request for its body.
const OF_BODIES: [&str; 2] = ["REQUEST_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"];

/// Every answer by its kind, read once. The order of a JSON object's members depends on the features of `serde_json`, and
/// that of this map does not.
static SAMPLES: LazyLock<BTreeMap<String, Sample>> = LazyLock::new(|| {
    let template = Template::of_workspace().unwrap_or_else(|error| panic!("{error}"));
    let responses = &template.document()["Resources"]["Api"]["Properties"]["GatewayResponses"];
    let Some(responses) = responses.as_object() else { panic!("template.yaml has no GatewayResponses") };
    let samples = responses.iter().map(|(kind, response)| {
        let body = response["ResponseTemplates"]["application/json"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("The body of {kind}: {error}"));
        (kind.clone(), sample(&body, headers_of(&response["ResponseParameters"]["Headers"])))
    });
    samples.collect()
});

/// The answers that API Gateway may give in place of any function, and to a request with a body some more.
pub(crate) fn samples(has_body: bool) -> Vec<Sample> {
    let is_of_operation = |kind: &str| !OF_NO_OPERATION.contains(&kind) && (has_body || !OF_BODIES.contains(&kind));
    SAMPLES.iter().filter(|(kind, _)| is_of_operation(kind)).map(|(_, sample)| sample.clone()).collect()
}

fn sample(body: &Value, mut headers: BTreeMap<String, String>) -> Sample {
    let status = body["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let (Some(code), Some(status)) = (body["code"].as_str(), status) else { panic!("{body} is no problem") };
    Sample {
        code: code.to_owned(),
        status,
        media_type: headers.remove("content-type").unwrap_or_default(),
        headers,
        body: body.clone(),
        is_of_models: false,
        is_of_gateway: true,
    }
}

/// The headers by lower-case name. CORS and the id of the request are documented with every answer.
fn headers_of(headers: &Value) -> BTreeMap<String, String> {
    let headers = headers.get("Fn::If").map_or(headers, |choice| &choice[1]);
    let headers = headers.as_object().into_iter().flatten().map(|(name, value)| {
        let text = value.as_str().unwrap_or_default().trim_matches('\'');
        (name.to_ascii_lowercase(), text.to_owned())
    });
    headers.filter(|(name, _)| !name.starts_with("access-control-") && name != "x-request-id").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_answers_as_the_template_says() {
        let samples = samples(true);
        let throttled = samples.iter().find(|sample| sample.status == 429).unwrap();
        assert_eq!(throttled.media_type, "application/problem+json");
        assert!(throttled.is_of_gateway && throttled.headers.contains_key("retry-after"));
        assert!(samples.iter().all(|sample| sample.status != 404), "an operation has its path");
    }

    #[test]
    fn only_a_body_is_too_large_or_of_an_unsupported_type() {
        let statuses = |has_body| samples(has_body).iter().map(|sample| sample.status).collect::<Vec<_>>();
        assert!(statuses(true).contains(&413) && statuses(true).contains(&415));
        assert!(!statuses(false).contains(&413) && !statuses(false).contains(&415));
    }
}
