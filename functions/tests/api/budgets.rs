//! API keys with limits, at every door: budgets, requests of a minute, models.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::gateway::{Request, Response};

use crate::refusals::{refused, refused_by_openai};
use crate::requests::{
    anthropic_message, catalogue_of_dummies, change_api_key, chat, completion, count_tokens, make_api_key_with, quote,
    response, text_completion,
};
use crate::world::{MadeApiKey, PASSWORD, Tokens, World};

/// The days since the Unix epoch.
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400
}

async fn make(world: &World, access: &str, limits: &Value) -> MadeApiKey {
    let made = world.stack.send(make_api_key_with(limits).bearer(access)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let [id, key] = ["id", "key"].map(|member| made.json()[member].as_str().unwrap().to_owned());
    MadeApiKey { id, key }
}

async fn ada_with_a_key(balance: u64, limits: &Value) -> (World, Tokens, MadeApiKey) {
    let (world, ada) = World::with_ada(balance, &[]).await;
    let made = make(&world, &ada.access, limits).await;
    (world, ada, made)
}

/// The one key of a list.
async fn listed(world: &World, access: &str) -> Value {
    world.stack.send(Request::get("/keys/").bearer(access)).await.json()["keys"][0].clone()
}

async fn change(world: &World, access: &str, id: &str, changes: &Value) -> Response {
    world.stack.send(change_api_key(id, changes).bearer(access)).await
}

#[tokio::test]
async fn a_key_spends_its_budget_at_every_door_and_the_refusal_says_that_it_is_the_keys() {
    let began_on = today();
    let (world, ada, made) = ada_with_a_key(100, &json!({"budget": {"credits": 5, "per": "total"}})).await;
    let doors = || [completion(false), text_completion(true), response(false), anthropic_message(true), chat()];
    for request in doors() {
        assert_eq!(world.stack.send(request.bearer(&made.key)).await.status, 200);
    }
    let problem = refused(&world, chat().bearer(&made.key), 402, "insufficient_tokens").await.json();
    assert_eq!(problem["detail"], "This message costs 1, and the budget of this API key has 0 left.");
    let of_key = |body: &Value| ["limited_by", "remaining", "cost"].map(|member| body[member].clone());
    let expected = [json!("key"), json!(0), json!(1)];
    assert_eq!((of_key(&problem), &problem["balance"]), (expected.clone(), &Value::Null));
    for stream in [false, true] {
        let refusal = refused_by_openai(&world, completion(stream).bearer(&made.key), 402, "insufficient_quota").await;
        let error = &refusal.json()["error"];
        assert_eq!((of_key(error), &error["type"]), (expected.clone(), &json!("insufficient_quota")));
        let refusal = world.stack.send(anthropic_message(stream).bearer(&made.key)).await.json();
        assert_eq!((of_key(&refusal["error"]), &refusal["error"]["type"]), (expected.clone(), &json!("billing_error")));
    }
    assert_eq!(world.stack.send(chat().bearer(&ada.access)).await.status, 200, "the account has not run out");
    let of_list = listed(&world, &ada.access).await;
    assert_eq!(of_list["budget"]["spent"], 5);
    assert!(of_list["last_used_at"].as_str().is_some_and(|moment| moment.ends_with('Z')), "{of_list}");
    let key = world.stack.send(Request::get("/v1/key").bearer(&made.key)).await.json()["data"].clone();
    assert_eq!((&key["limit"], &key["limit_remaining"]), (&json!(5), &json!(0)));
    assert_eq!(key["usage"], 5, "{key}");
    for usage in ["usage_daily", "usage_weekly", "usage_monthly"] {
        // At midnight a day begins anew, and perhaps a week and a month.
        assert!(key[usage] == 5 || today() > began_on, "{key}");
    }
    let credits = world.stack.send(Request::get("/v1/credits").bearer(&made.key)).await.json();
    assert_eq!(credits, json!({"data": {"total_credits": 100, "total_usage": 6}}));
}

#[tokio::test]
async fn an_account_that_runs_out_before_the_budget_says_so() {
    let (world, _, made) = ada_with_a_key(1, &json!({"budget": {"credits": 5, "per": "day"}})).await;
    assert_eq!(world.stack.send(completion(false).bearer(&made.key)).await.status, 200);
    let refusal = refused_by_openai(&world, completion(false).bearer(&made.key), 402, "insufficient_quota").await;
    let error = &refusal.json()["error"];
    assert_eq!(
        (&error["limited_by"], &error["balance"], &error["renews_at"]),
        (&json!("account"), &json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn a_budget_of_a_day_says_when_it_begins_anew() {
    let (world, ada, made) = ada_with_a_key(100, &json!({"budget": {"credits": 0, "per": "day"}})).await;
    let refusal = refused_by_openai(&world, completion(false).bearer(&made.key), 402, "insufficient_quota").await;
    let renews_at = refusal.json()["error"]["renews_at"].as_str().unwrap().to_owned();
    assert!(renews_at.ends_with("T00:00:00Z"), "{renews_at}");
    assert_eq!(listed(&world, &ada.access).await["budget"]["renews_at"], renews_at.as_str());
}

#[tokio::test]
async fn however_many_ask_at_once_a_key_spends_no_more_than_its_budget() {
    let (world, ada, made) = ada_with_a_key(100, &json!({"budget": {"credits": 4, "per": "month"}})).await;
    let requests = [completion(false), completion(true), anthropic_message(false), chat()];
    let at_once = requests.iter().cycle().take(12).map(|request| world.stack.send(request.clone().bearer(&made.key)));
    let statuses: Vec<u16> = join_all(at_once).await.into_iter().map(|response| response.status).collect();
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!(answered <= 4 && statuses.iter().all(|status| [200, 402, 429].contains(status)), "{statuses:?}");
    for _ in answered..4 {
        assert_eq!(world.stack.send(completion(false).bearer(&made.key)).await.status, 200);
    }
    refused_by_openai(&world, completion(false).bearer(&made.key), 402, "insufficient_quota").await;
    assert_eq!(listed(&world, &ada.access).await["budget"]["spent"], 4);
}

#[tokio::test]
async fn limits_that_are_changed_count_for_the_next_message_at_functions_that_remember_the_key() {
    let (world, ada, made) = ada_with_a_key(100, &json!({})).await;
    let ask = || completion(false).bearer(&made.key);
    for _ in 0..3 {
        assert_eq!(world.stack.send(ask()).await.status, 200);
    }
    let answer = change(&world, &ada.access, &made.id, &json!({"budget": {"credits": 1, "per": "total"}})).await;
    assert_eq!((answer.status, &answer.json()["budget"]["spent"]), (200, &json!(0)));
    assert_eq!(world.stack.send(ask()).await.status, 200);
    refused_by_openai(&world, ask(), 402, "insufficient_quota").await;
    let wider = json!({"budget": {"credits": 2, "per": "total"}});
    let refusal = refused(&world, change_api_key(&made.id, &wider).bearer(&ada.access), 400, "invalid").await.json();
    assert_eq!(refusal["errors"], json!({"password": ["This field is required."]}));
    let wider = json!({"budget": {"credits": 2, "per": "total"}, "password": PASSWORD});
    assert_eq!(change(&world, &ada.access, &made.id, &wider).await.json()["budget"]["spent"], 1);
    assert_eq!(world.stack.send(ask()).await.status, 200);
    refused_by_openai(&world, ask(), 402, "insufficient_quota").await;
    let none = json!({"budget": null, "password": PASSWORD});
    assert_eq!(change(&world, &ada.access, &made.id, &none).await.json()["budget"], Value::Null);
    assert_eq!(world.stack.send(ask()).await.status, 200);
}

#[tokio::test]
async fn a_key_asks_the_models_that_it_names_and_finds_no_others() {
    let (world, ada) = World::with_ada(1_000, &[]).await;
    let mut catalogue = catalogue_of_dummies(&[("large", 1), ("small", 1)]);
    catalogue["models"][0]["fallbacks"] = json!(["small"]);
    world.put_catalogue(Some(&catalogue)).await;
    let made = make(&world, &ada.access, &json!({"models": ["small", "elsewhere"]})).await;
    let listed = world.stack.send(Request::get("/v1/models").bearer(&made.key)).await.json();
    let ids: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, ["small"]);
    let naming = |request: Request, model: &str| {
        let mut body: Value = serde_json::from_str(request.to_http_event()["body"].as_str().unwrap()).unwrap();
        body["model"] = json!(model);
        Request::post(request.path()).json(&body).bearer(&made.key)
    };
    for request in [completion(false), text_completion(false), response(true), anthropic_message(false), quote()] {
        let refusal = world.stack.send(naming(request.clone(), "large")).await;
        assert_eq!(refusal.status, 404, "{refusal:?}");
        assert!(refusal.body.contains("The model 'large' does not exist. You may ask: small."), "{refusal:?}");
        assert_eq!(world.stack.send(naming(request, "small")).await.status, 200);
    }
    for (model, status) in [("large", 404), ("small", 200)] {
        assert_eq!(world.stack.send(naming(count_tokens(), model)).await.status, status);
        let one = Request::get(&format!("/v1/models/{model}")).bearer(&made.key);
        assert_eq!(world.stack.send(one).await.status, status);
    }
    let chat_with = |model: &str| Request::post("/chatView/").json(&json!({"message": "Hello", "model": model}));
    refused(&world, chat_with("large").bearer(&made.key), 400, "invalid").await;
    // The first of the catalogue that the key may ask.
    assert_eq!(world.stack.send(chat().bearer(&made.key)).await.status, 200);
    let messages = world.stack.send(Request::get("/messages/").bearer(&ada.access)).await.json();
    assert_eq!(messages["messages"][0]["model"], "small");

    let none = make(&world, &ada.access, &json!({"models": ["elsewhere"]})).await;
    let refusal = refused(&world, chat().bearer(&none.key), 400, "invalid").await.json();
    let reason = "This deployment has none of the models that this API key may ask.";
    assert_eq!(refusal["errors"], json!({"model": [reason]}));
    let wider = json!({"models": ["small", "large"], "password": PASSWORD});
    assert_eq!(change(&world, &ada.access, &made.id, &wider).await.status, 200);
    assert_eq!(world.stack.send(naming(completion(false), "large")).await.status, 200);
    assert_eq!(change(&world, &ada.access, &made.id, &json!({"models": ["small"]})).await.status, 200);
    assert_eq!(world.stack.send(naming(completion(false), "large")).await.status, 404);
}

#[tokio::test]
async fn a_key_makes_so_many_requests_a_minute_and_is_told_when_to_come_back() {
    let (world, ada, made) = ada_with_a_key(100, &json!({"requests_per_minute": 2})).await;
    let told = |response: &Response| {
        ["limit", "remaining", "reset"].map(|part| response.headers[&format!("x-ratelimit-{part}-requests")].clone())
    };
    for (remaining, reset) in [("1", "30s"), ("0", "1m0s")] {
        let answer = world.stack.send(completion(false).bearer(&made.key)).await;
        assert_eq!((answer.status, told(&answer)), (200, ["2", remaining, reset].map(str::to_owned)));
    }
    let refusal = world.stack.send(completion(true).bearer(&made.key)).await;
    let seconds: u64 = refusal.headers["retry-after"].parse().unwrap();
    assert_eq!((refusal.status, &refusal.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    assert!((25..=30).contains(&seconds), "{seconds}");
    let [limit, remaining, _] = told(&refusal);
    assert_eq!((limit.as_str(), remaining.as_str()), ("2", "0"));
    refused(&world, chat().bearer(&made.key), 429, "throttled").await;
    assert_eq!(world.stack.send(completion(false).bearer(&ada.access)).await.status, 200, "the user has no limit");
    for free in [quote(), Request::get("/v1/models"), Request::get("/v1/key")] {
        assert_eq!(world.stack.send(free.bearer(&made.key)).await.status, 200);
    }
}

#[tokio::test]
async fn a_deployment_limits_the_requests_of_each_user() {
    let (world, ada) = World::with_ada(100, &[("REQUESTS_PER_MINUTE", "3")]).await;
    let key = make(&world, &ada.access, &json!({})).await.key;
    for bearer in [&ada.access, &key, &ada.access] {
        assert_eq!(world.stack.send(completion(false).bearer(bearer)).await.status, 200);
    }
    for bearer in [&ada.access, &key] {
        let refusal = world.stack.send(completion(false).bearer(bearer)).await;
        assert_eq!((refusal.status, refusal.headers["x-ratelimit-limit-requests"].as_str()), (429, "3"));
    }
    world.register("grace", 10).await;
    let grace = world.log_in("grace").await.access;
    assert_eq!(world.stack.send(completion(false).bearer(&grace)).await.status, 200);
}

#[tokio::test]
async fn transactions_name_the_key_in_the_table() {
    let (world, ada, made) = ada_with_a_key(100, &json!({})).await;
    for bearer in [&made.key, &ada.access] {
        assert_eq!(world.stack.send(completion(false).bearer(bearer)).await.status, 200);
    }
    let entries = world.items().await.into_values().filter(|item| item["kind"]["S"] == "chat");
    let mut keys: Vec<Value> = entries.map(|entry| entry["api_key"]["S"].clone()).collect();
    keys.sort_by_key(Value::is_null);
    assert_eq!(keys, [json!(made.id), Value::Null]);
}
