//! The event of a REST API: proxy integration, payload v1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Request, stamp};

const STAGE: &str = "Prod";
const API_ID: &str = "abcdef1234";
const ACCOUNT_ID: &str = "123456789012";
const HOST: &str = "localhost";
const USER_AGENT: &str = "curl/8.5.0";

pub(super) fn from_request(request: &Request) -> Value {
    let headers = with_gateway_headers(request);
    let (body, is_base64_encoded) = body_of(request);
    json!({
        "resource": resource_of(request),
        "path": path_of(request),
        "httpMethod": request.method,
        "headers": last_values(&headers),
        "multiValueHeaders": all_values(&headers),
        "queryStringParameters": last_values(&request.query),
        "multiValueQueryStringParameters": all_values(&request.query),
        "pathParameters": path_parameters_of(request),
        "stageVariables": null,
        "requestContext": context_of(request),
        "body": body,
        "isBase64Encoded": is_base64_encoded,
    })
}

/// The path without the stage. An address may end with the stage: its path is the root's.
fn path_of(request: &Request) -> &str {
    if request.path.is_empty() { "/" } else { &request.path }
}

/// The resource of a path, which is the same with and without a final slash.
fn resource_of(request: &Request) -> &str {
    match (&request.resource, request.path.trim_end_matches('/')) {
        (Some(resource), _) => resource,
        (None, "") => "/",
        (None, path) => path,
    }
}

/// The values of the parameters in the resource, by their names.
fn path_parameters_of(request: &Request) -> Value {
    let path = request.path.strip_suffix('/').unwrap_or(&request.path);
    let parameters = resource_of(request).split('/').enumerate().filter_map(|(place, name)| {
        let name = name.strip_prefix('{')?.strip_suffix('}')?;
        // `{id+}` takes all that is left of the path.
        let (name, segments) = name.strip_suffix('+').map_or((name, 1), |name| (name, usize::MAX));
        let value: Vec<&str> = path.split('/').skip(place).take(segments).collect();
        Some((name.to_owned(), json!(value.join("/"))))
    });
    null_if_empty(parameters.collect())
}

fn context_of(request: &Request) -> Value {
    let request_id = stamp::request_id();
    let now = stamp::now();
    json!({
        "accountId": ACCOUNT_ID,
        "apiId": API_ID,
        "domainName": HOST,
        "domainPrefix": API_ID,
        "extendedRequestId": "Zx1ukE2EoAMF6pg=",
        "httpMethod": request.method,
        "identity": {
            "accessKey": null,
            "accountId": null,
            "caller": null,
            "cognitoAuthenticationProvider": null,
            "cognitoAuthenticationType": null,
            "cognitoIdentityId": null,
            "cognitoIdentityPoolId": null,
            "principalOrgId": null,
            "sourceIp": request.source_ip,
            "user": null,
            "userAgent": request.header_value("user-agent").unwrap_or(USER_AGENT),
            "userArn": null,
        },
        "path": format!("/{STAGE}{}", request.path),
        "protocol": "HTTP/1.1",
        "requestId": request_id,
        "requestTime": stamp::request_time(now),
        "requestTimeEpoch": now.as_millis(),
        "resourceId": "a1b2c3",
        "resourcePath": resource_of(request),
        "stage": STAGE,
    })
}

/// The request's headers, and those that clients and API Gateway always add.
fn with_gateway_headers(request: &Request) -> Vec<(String, String)> {
    let usual = [
        ("Accept", "*/*"),
        ("Host", HOST),
        ("User-Agent", USER_AGENT),
        ("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678"),
        ("X-Forwarded-For", &request.source_ip),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    let missing = usual.iter().filter(|(name, _)| request.header_value(name).is_none());
    let missing = missing.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    missing.chain(request.headers.iter().cloned()).collect()
}

fn last_values(pairs: &[(String, String)]) -> Value {
    let values: Map<_, _> = pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    null_if_empty(values)
}

fn all_values(pairs: &[(String, String)]) -> Value {
    let mut values = Map::new();
    for (name, value) in pairs {
        let list = values.entry(name).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(json!(value));
        }
    }
    null_if_empty(values)
}

fn null_if_empty(values: Map<String, Value>) -> Value {
    if values.is_empty() { Value::Null } else { Value::Object(values) }
}

fn body_of(request: &Request) -> (Option<String>, bool) {
    let Some(bytes) = &request.body else { return (None, false) };
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), false),
        Err(_) => (Some(STANDARD.encode(bytes)), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_keeps_its_final_slash_while_the_resource_has_none() {
        let event = Request::post("/login/").to_rest_event();
        assert_eq!(event["path"], "/login/");
        assert_eq!(event["resource"], "/login");
        assert_eq!(event["requestContext"]["path"], "/Prod/login/");
        assert_eq!(event["requestContext"]["resourcePath"], "/login");
        assert_eq!(event["requestContext"]["stage"], "Prod");
    }

    #[test]
    fn an_address_that_ends_with_the_stage_is_that_of_the_root_and_keeps_its_own_path() {
        for (path, address) in [("", "/Prod"), ("/", "/Prod/")] {
            let event = Request::get(path).to_rest_event();
            assert_eq!((&event["path"], &event["resource"]), (&json!("/"), &json!("/")), "{path}");
            assert_eq!(event["requestContext"]["path"], address, "{path}");
        }
    }

    #[test]
    fn the_resource_has_the_names_of_parameters_and_the_path_their_values() {
        let event = Request::delete("/sessions/x/").to_resource("/sessions/{id}").to_rest_event();
        assert_eq!(event["path"], "/sessions/x/");
        assert_eq!(event["resource"], "/sessions/{id}");
        assert_eq!(event["requestContext"]["resourcePath"], "/sessions/{id}");
        assert_eq!(event["pathParameters"], json!({"id": "x"}));
        let event = Request::get("/v1/models/a/b/").to_resource("/v1/models/{id+}").to_rest_event();
        assert_eq!(event["pathParameters"], json!({"id": "a/b"}));
    }

    #[test]
    fn a_bare_request_has_nulls_as_the_gateway_writes_them() {
        let event = Request::get("/token_balance").to_rest_event();
        for member in ["body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters"] {
            assert_eq!(event[member], Value::Null, "{member}");
        }
        assert_eq!(event["headers"]["Host"], HOST);
        assert_eq!(event["headers"]["X-Forwarded-For"], "127.0.0.1");
    }

    #[test]
    fn repeated_names_keep_all_their_values_and_the_last_one_counts() {
        let request = Request::get("/").header("X-A", "1").header("X-A", "2").query("q", "ä b").query("q", "");
        let event = request.to_rest_event();
        assert_eq!(event["headers"]["X-A"], "2");
        assert_eq!(event["multiValueHeaders"]["X-A"], json!(["1", "2"]));
        assert_eq!(event["queryStringParameters"], json!({"q": ""}));
        assert_eq!(event["multiValueQueryStringParameters"], json!({"q": ["ä b", ""]}));
    }

    #[test]
    fn bodies_are_text_where_they_can_be() {
        let json = Request::post("/").json(&json!({"message": "Grüße"})).to_rest_event();
        assert_eq!(json["body"], r#"{"message":"Grüße"}"#);
        assert_eq!(json["isBase64Encoded"], false);
        assert_eq!(json["headers"]["Content-Type"], "application/json");
        let form = Request::post("/").form(&[("message", "a b&c")]).to_rest_event();
        assert_eq!(form["body"], "message=a+b%26c");
        let binary = Request::post("/").body(None, vec![0xff, 0x00]).to_rest_event();
        assert_eq!((&binary["body"], &binary["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
        assert_eq!(binary["headers"]["Content-Type"], Value::Null);
    }

    #[test]
    fn a_client_can_have_another_address_and_its_own_user_agent() {
        let event = Request::get("/").source_ip("127.0.0.9").header("user-agent", "mine").to_rest_event();
        assert_eq!(event["requestContext"]["identity"]["sourceIp"], "127.0.0.9");
        assert_eq!(event["requestContext"]["identity"]["userAgent"], "mine");
        assert_eq!(event["headers"]["User-Agent"], Value::Null);
    }
}
