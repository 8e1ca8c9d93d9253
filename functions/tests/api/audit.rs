//! The function of the audit, beyond the cases in `events/audit`. Unit tests of the audit say what it finds.

use serde_json::{Value, json};
use testkit::recorder::Fault;
use testkit::runtime_api::cargo_lambda_deadline;

use crate::operator::grant;
use crate::world::World;

#[tokio::test]
async fn cargo_lambdas_deadline_of_1970_is_not_taken_at_its_word() {
    let world = World::start().await;
    world.register("ada", 100).await;
    let invoke = async |name: &str, event: Value| {
        world.stack.function(name).await.invoke_with_deadline(&event, cargo_lambda_deadline()).await.unwrap()
    };
    world.stack.recorder().fail_next("TransactWriteItems", Fault::Conflict, 2);
    assert_eq!(invoke("operator", grant()).await["balance"], 105, "there is time to repeat a collision");
    assert_eq!(invoke("audit", json!({})).await["finished"], true);
}
