//! `/v1/models`: the models that a program can ask.

use serde_json::json;
use testkit::gateway::Request;

use crate::refusals::refused_by_openai;
use crate::requests::{completion, end_api_key};
use crate::world::World;

#[tokio::test]
async fn a_program_sees_the_model_of_the_settings_until_its_api_key_is_ended() {
    let (world, ada) = World::with_ada(10, &[("MODEL", "openai"), ("MODEL_ID", "some-model")]).await;
    let made = world.make_api_key(&ada.access).await;
    let list = || Request::get("/v1/models").bearer(&made.key);
    let response = world.stack.send(list()).await;
    assert_eq!((response.status, &response.json()["data"][0]["id"]), (200, &json!("some-model")));
    let refusal = refused_by_openai(&world, completion(false).bearer(&made.key), 404, "model_not_found").await;
    let sentence = "The model 'dummy' does not exist. This deployment has: some-model.";
    assert_eq!(refusal.json()["error"]["message"], sentence);
    assert_eq!(world.stack.send(end_api_key(&made.id).bearer(&ada.access)).await.status, 204);
    refused_by_openai(&world, list(), 401, "invalid_api_key").await;
}
