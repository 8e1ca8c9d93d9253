//! `/v1/models` and `/v1/models/{id}`: the models that a program can ask, and their prices.

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request};

use crate::refusals::refused_by_openai;
use crate::requests::{catalogue_of_dummies, completion, end_api_key};
use crate::world::{Tokens, World};

#[tokio::test]
async fn a_program_sees_the_model_of_the_settings_until_its_api_key_is_ended() {
    let (world, ada) = World::with_ada(10, &[("MODEL", "openai"), ("MODEL_ID", "some-model")]).await;
    let made = world.make_api_key(&ada.access).await;
    let list = || Request::get("/v1/models").bearer(&made.key);
    let response = world.stack.send(list()).await;
    assert_eq!((response.status, &response.json()["data"][0]["id"]), (200, &json!("some-model")));
    let refusal = refused_by_openai(&world, completion(false).bearer(&made.key), 404, "model_not_found").await;
    let sentence = "The model 'dummy' does not exist. You may ask: some-model.";
    assert_eq!(refusal.json()["error"]["message"], sentence);
    assert_eq!(world.stack.send(end_api_key(&made.id).bearer(&ada.access)).await.status, 204);
    refused_by_openai(&world, list(), 401, "invalid_api_key").await;
}

/// Credits per million tokens of a model, and per token in a list.
#[tokio::test]
async fn the_prices_of_a_token_are_exact_decimals_of_the_settings_or_the_catalogue() {
    let prices = [("PRICING", "usage"), ("INPUT_COST", "3"), ("OUTPUT_COST", "12000")];
    let (world, Tokens { access, .. }) = World::with_ada(10, &prices).await;
    let shown = |list: Value| -> Vec<String> {
        let pricing = &list["data"][0]["pricing"];
        ["prompt", "completion", "input_cache_read"].map(|name| pricing[name].as_str().unwrap().to_owned()).to_vec()
    };
    let list = || Request::get("/v1/models").bearer(&access);
    assert_eq!(shown(world.stack.send(list()).await.json()), ["0.003", "12", "0.003"]);
    let mut catalogue = catalogue_of_dummies(&[("m", 0)]);
    catalogue["models"][0]["prices"] = json!({"input": 1, "output": 2_500_000, "cached_input": 0});
    world.put_catalogue(Some(&catalogue)).await;
    assert_eq!(shown(world.send_to_new("models", list()).await.json()), ["0.000001", "2.5", "0"]);
}

#[tokio::test]
async fn a_model_is_shown_by_its_id_with_slashes_by_an_alias_and_if_it_is_hidden() {
    let (world, Tokens { access, .. }) = World::with_ada(10, &[]).await;
    let mut catalogue = catalogue_of_dummies(&[("openai/gpt-5", 1), ("secret", 1)]);
    catalogue["models"][0]["aliases"] = json!(["best", "some/alias"]);
    catalogue["models"][1]["hidden"] = json!(true);
    world.put_catalogue(Some(&catalogue)).await;
    let list = world.stack.send(Request::get("/v1/models").bearer(&access)).await.json();
    let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, ["openai/gpt-5"]);
    for (path, id) in [
        ("openai/gpt-5", "openai/gpt-5"),
        ("openai/gpt-5/", "openai/gpt-5"),
        ("openai%2Fgpt-5", "openai/gpt-5"),
        ("best", "openai/gpt-5"),
        ("some/alias", "openai/gpt-5"),
        ("secret", "secret"),
    ] {
        let request = || Request::get(&format!("/v1/models/{path}")).bearer(&access);
        for payload in [Payload::V1, Payload::V2] {
            let response = world.stack.send_as(request(), payload).await;
            assert_eq!((response.status, &response.json()["id"]), (200, &json!(id)), "{path}");
        }
    }
    for path in ["openai", "gpt-5", "openai/gpt-5/x", "%00", "openai%252Fgpt-5"] {
        let request = Request::get(&format!("/v1/models/{path}")).bearer(&access);
        let refusal = refused_by_openai(&world, request, 404, "model_not_found").await;
        let sentence = refusal.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(sentence.ends_with("You may ask: openai/gpt-5."), "{sentence}");
    }
}
