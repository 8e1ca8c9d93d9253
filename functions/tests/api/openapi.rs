//! `/openapi.json`: the document, and that it has every path and method of the API and every example of the docs.
//!
//! That it describes every answer is checked with each answer of each test: see [`testkit::contract`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use testkit::contract::Contract;
use testkit::gateway::{Payload, Request, Response};
use testkit::runtime_api::Function;
use testkit::template::{Template, TemplateFunction, workspace_root};

use crate::requests::path_with_id;
use crate::world::{World, binary};

/// The document of this version.
fn document() -> Value {
    serde_json::from_str(&fs::read_to_string(workspace_root().join(openapi::SNAPSHOT)).unwrap()).unwrap()
}

#[tokio::test]
async fn anybody_reads_the_document() {
    let world = World::start().await;
    for payload in [Payload::V1, Payload::V2] {
        let response = world.stack.send_as(Request::get("/openapi.json"), payload).await;
        assert_eq!((response.status, response.headers["cache-control"].as_str()), (200, "public, max-age=300"));
        assert_eq!(response.json(), document());
    }
    assert!(world.stack.recorder().requests().is_empty(), "it asks the table for nothing");
}

/// On a laptop the function gets the paths that no function has. API Gateway answers there without a function.
#[tokio::test]
async fn at_a_path_of_nobody_the_function_says_what_the_gateway_says() {
    let world = World::start_with(&[("CORS_ORIGINS", "*")]).await;
    let function = Function::start(&binary("openapi"), world.stack.environment_of("openapi")).held_to_contract();
    for path in ["/nowhere", "/nowhere/", "/login/x", "/openapi.json/x", "/v1/nowhere"] {
        for method in ["GET", "POST", "DELETE", "OPTIONS", "HEAD", "BREW"] {
            let request = Request::new(method, path)
                .header("Origin", "https://app.example.com")
                .header("Access-Control-Request-Method", "POST");
            let gateways = world.stack.send(request.clone()).await;
            let answer = function.invoke(&request.to_http_event()).await.unwrap();
            let response = Response::from_event(&answer);
            assert_eq!((response.status, gateways.status), (404, 404), "{method} {path}");
            let is_head = method == "HEAD";
            assert_eq!(response.body.is_empty(), is_head, "{method} {path}");
            if !is_head {
                let (said, expected) = (response.json(), gateways.json());
                let members = expected.as_object().unwrap();
                assert!(members.iter().all(|(name, value)| said[name] == *value), "{said} and not {expected}");
                assert!(said["error"]["message"].is_string(), "{said}");
            }
        }
    }
}

/// A path of the template as the document has it, but for the final slash: OpenAPI cannot say that a parameter takes the rest of a
/// path.
fn documented(path: &str) -> String {
    without_final_slash(path).replace("+}", "}")
}

fn without_final_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// The methods of each path that the binaries answer, by the header `Allow`.
async fn answered() -> BTreeMap<String, BTreeSet<String>> {
    let world = World::start().await;
    let staff = world.token_for_all_paths().await;
    let mut methods = BTreeMap::new();
    for route in Template::of_workspace().unwrap().functions().into_iter().flat_map(|function| function.routes) {
        let request = Request::new("BREW", &path_with_id(&route.path, "01BX5ZZKBKACTAV9WEVGEMMVRZ")).bearer(&staff);
        let response = world.stack.send(request).await;
        let allowed = response.headers["allow"].split(", ").map(str::to_owned);
        methods.insert(documented(&route.path), allowed.collect());
    }
    methods
}

#[tokio::test]
async fn the_document_has_every_path_of_the_template_with_every_method_of_its_binary() {
    let documented = Contract::of_workspace().methods().into_iter().map(|(path, methods)| {
        let path = without_final_slash(path).to_owned();
        (path, methods.into_iter().map(str::to_owned).collect())
    });
    let documented: BTreeMap<String, BTreeSet<String>> = documented.collect();
    assert_eq!(documented, answered().await);
}

/// The function behind a path of the document.
fn function_at<'a>(path: &str, functions: &'a [TemplateFunction]) -> &'a TemplateFunction {
    let path = without_final_slash(path);
    let found = functions.iter().find(|function| function.routes.iter().any(|route| documented(&route.path) == path));
    found.unwrap_or_else(|| panic!("no function is at {path}"))
}

#[test]
fn an_operation_of_a_function_with_a_table_may_find_it_unavailable() {
    let functions = Template::of_workspace().unwrap().functions();
    let source = openapi::source();
    for (path, item) in source["paths"].as_object().unwrap() {
        let uses_table = json!(function_at(path, &functions).statements).to_string().contains("dynamodb:");
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let codes = openapi::codes_of(operation);
            assert_eq!(codes.contains(&"unavailable".to_owned()), uses_table, "{method} {path}");
        }
    }
}

/// An example of the page: its method, its path, `request` or a status, and its JSON.
struct Example<'a> {
    method: &'a str,
    path: &'a str,
    part: &'a str,
    body: Value,
}

impl<'a> Example<'a> {
    /// The examples of a page. The comment above each block says where it belongs.
    fn all(page: &'a str) -> Vec<Self> {
        let blocks = page.split("```json\n").collect::<Vec<_>>();
        let examples = blocks.windows(2).map(|pair| {
            let comment = pair[0].trim_end().lines().last().unwrap_or_default();
            let place = comment.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
            let place = place.unwrap_or_else(|| panic!("no comment says where this belongs: {}", pair[1]));
            let [method, path, part] = place.split(' ').collect::<Vec<_>>()[..] else { panic!("{place}") };
            let body = pair[1].split("\n```").next().unwrap();
            Self { method, path, part, body: serde_json::from_str(body).unwrap_or_else(|e| panic!("{place}: {e}")) }
        });
        examples.collect()
    }

    fn check(&self, contract: &Contract) -> Result<(), String> {
        let Self { method, path, part, body } = self;
        let checked = match part.parse() {
            Ok(status) => contract.check_answer_body(method, path, status, body),
            Err(_) if *part == "request" => contract.check_request_body(method, path, body),
            Err(_) => Err("neither a status nor a request".to_owned()),
        };
        checked.map_err(|difference| format!("{method} {path} {part}: {difference}"))
    }
}

#[test]
fn every_example_of_the_page_fits_the_document() {
    let page = fs::read_to_string(workspace_root().join("docs/api.md")).unwrap();
    let examples = Example::all(&page);
    assert!(examples.len() > 10, "{} examples", examples.len());
    for example in &examples {
        example.check(Contract::of_workspace()).unwrap();
    }
    for (correct, wrong) in [("\"logprobs\": null", "\"logprobs\": 1"), ("01KB05AY8G", "1"), ("\"ada\"", "7")] {
        let wrong = page.replace(correct, wrong);
        let breaks = Example::all(&wrong).iter().any(|example| example.check(Contract::of_workspace()).is_err());
        assert!(breaks, "{correct}");
    }
}
