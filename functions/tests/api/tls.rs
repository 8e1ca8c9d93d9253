//! `DynamoDB` behind TLS, as in AWS.

use serde_json::json;
use testkit::gateway::Request;
use testkit::stack::Stack;

use crate::binaries::binary;
use crate::world::PASSWORD;
use testkit::tls_front::TlsFront;

async fn registration(stack: &Stack, settings: &[(&str, &str)]) -> u16 {
    let credentials = json!({"username": "ada", "password": PASSWORD});
    let event = Request::post("/register/").json(&credentials).to_rest_event();
    let mut environment = stack.environment();
    environment.retain(|(name, _)| settings.iter().all(|(changed, _)| changed != name));
    environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let register = testkit::runtime_api::Function::start(&binary("register"), environment).held_to_contract();
    let answer = register.invoke(&event).await.unwrap_or_else(|error| panic!("{error}"));
    testkit::gateway::Response::from_event(&answer).status
}

#[tokio::test]
async fn a_table_behind_tls_is_reached_if_its_certificate_is_trusted_and_else_it_is_not() {
    let stack = Stack::start(binary, &[]).await;
    let front = TlsFront::start(&stack.recorder().endpoint()).await;
    let (endpoint, certificate) = (front.endpoint(), front.certificate());
    let endpoint = ("AWS_ENDPOINT_URL_DYNAMODB", endpoint.as_str());
    assert_eq!(registration(&stack, &[endpoint]).await, 503, "nobody vouches for this certificate");
    assert!(stack.recorder().requests().is_empty());
    let trusted = ("AWS_CA_BUNDLE", certificate.to_str().unwrap());
    assert_eq!(registration(&stack, &[endpoint, trusted]).await, 201);
}
