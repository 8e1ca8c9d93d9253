//! Allowances at every door: what is due counts before it is given, and each period gives it once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::gateway::Request;

use crate::costs::change_account;
use crate::refusals::{refused, refused_by_openai};
use crate::requests::{admin_user, balance, chat, completion, quote};
use crate::world::{Tokens, World};

/// An allowance whose periods since long ago are not decided: all that its cap has room for is due.
fn long_due(credits: u64, cap: u64) -> Value {
    let number = |amount: u64| json!({"N": amount.to_string()});
    let (per, through) = (json!({"S": "month"}), json!({"S": "2020-01"}));
    json!({"allowance": {"M": {"credits": number(credits), "per": per, "cap": number(cap), "through": through}}})
}

async fn ada_with_an_allowance(balance: u64, credits: u64, cap: u64) -> (World, Tokens) {
    let (world, ada) = World::with_ada(balance, &[]).await;
    change_account(&world, "ada", &long_due(credits, cap)).await;
    (world, ada)
}

async fn get(world: &World, path: &str, access: &str) -> Value {
    world.stack.send(Request::get(path).bearer(access)).await.json()
}

/// The amounts that ada's allowance has given, as the entries say.
async fn given(world: &World) -> Vec<i64> {
    let entries = world.entries_of(&world.user_id("ada").await).await;
    let of_allowance = entries.iter().filter(|entry| entry["source"]["S"] == "allowance");
    of_allowance
        .map(|entry| {
            assert_eq!(entry["kind"]["S"], "grant");
            entry["amount"]["N"].as_str().unwrap().parse().unwrap()
        })
        .collect()
}

#[tokio::test]
async fn what_is_due_can_be_seen_everywhere_before_it_is_given_and_the_first_message_gives_it() {
    let (world, ada) = ada_with_an_allowance(3, 5, 50).await;
    assert_eq!(get(&world, "/token_balance/", &ada.access).await, json!({"tokens": 50}));
    let account = get(&world, "/account/", &ada.access).await;
    assert_eq!(account["tokens"], 50);
    let allowance = &account["allowance"];
    assert_eq!((&allowance["credits"], &allowance["per"], &allowance["cap"]), (&json!(5), &json!("month"), &json!(50)));
    assert!(allowance["renews_at"].as_str().is_some_and(|moment| moment.ends_with("-01T00:00:00Z")), "{allowance}");
    let credits = get(&world, "/v1/credits", &ada.access).await;
    assert_eq!(credits, json!({"data": {"total_credits": 50, "total_usage": 0}}));
    let exported = world.stack.send(Request::get("/export/").bearer(&ada.access)).await;
    let exported: Value = serde_json::from_str(exported.body.lines().next().unwrap()).unwrap();
    assert_eq!((&exported["type"], &exported["tokens"]), (&json!("account"), &json!(50)));
    assert_eq!(&exported["allowance"], allowance);
    assert_eq!(given(&world).await, Vec::<i64>::new(), "no look gives anything");

    let answered = world.stack.send(chat().bearer(&ada.access)).await;
    assert_eq!((answered.status, answered.headers["x-token-balance"].as_str()), (200, "49"));
    let listed = get(&world, "/transactions/", &ada.access).await["transactions"].clone();
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(|entry| (&entry["kind"], &entry["tokens"])).collect();
    assert_eq!(listed, [(&json!("chat"), &json!(-1)), (&json!("grant"), &json!(47)), (&json!("grant"), &json!(3))]);
    assert_eq!(given(&world).await, [47]);
    assert_eq!(world.stack.send(completion(true).bearer(&ada.access)).await.status, 200);
    assert_eq!(get(&world, "/token_balance/", &ada.access).await, json!({"tokens": 48}), "a period gives once");
    let credits = get(&world, "/v1/credits", &ada.access).await;
    assert_eq!(credits, json!({"data": {"total_credits": 50, "total_usage": 2}}));
    assert_eq!(given(&world).await, [47]);
}

#[tokio::test]
async fn a_message_is_refused_only_if_what_is_due_does_not_cover_it_either() {
    let (world, ada) = World::with_ada(0, &[("MESSAGE_COST", "20")]).await;
    refused(&world, chat().bearer(&ada.access), 402, "insufficient_tokens").await;
    change_account(&world, "ada", &long_due(19, 19)).await;
    let problem = refused(&world, chat().bearer(&ada.access), 402, "insufficient_tokens").await.json();
    assert_eq!((&problem["limited_by"], &problem["balance"]), (&json!("account"), &json!(19)));
    refused_by_openai(&world, completion(false).bearer(&ada.access), 402, "insufficient_quota").await;
    assert_eq!(given(&world).await, Vec::<i64>::new(), "a refusal gives nothing");
    change_account(&world, "ada", &long_due(20, 20)).await;
    assert_eq!(world.stack.send(quote().bearer(&ada.access)).await.status, 200);
    assert_eq!(world.stack.send(completion(false).bearer(&ada.access)).await.status, 200);
    assert_eq!((given(&world).await, balance_of(&world, &ada).await), (vec![20], json!(0)));
    refused(&world, chat().bearer(&ada.access), 402, "insufficient_tokens").await;
}

async fn balance_of(world: &World, tokens: &Tokens) -> Value {
    world.stack.send(balance().bearer(&tokens.access)).await.json()["tokens"].clone()
}

#[tokio::test]
async fn of_many_messages_at_once_by_any_door_and_key_one_takes_what_is_due() {
    let (world, ada) = ada_with_an_allowance(0, 5, 40).await;
    let doors = || [chat(), completion(false), completion(true), chat().header("Idempotency-Key", "once")];
    let requests: Vec<Request> = doors().into_iter().cycle().take(16).map(|door| door.bearer(&ada.access)).collect();
    let answers = join_all(requests.into_iter().map(|request| world.stack.send(request))).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(answers.iter().all(|answer| [200, 409, 429].contains(&answer.status)), "{answers:?}");
    assert_eq!(given(&world).await, [40]);
    let charged: u64 = get(&world, "/v1/credits", &ada.access).await["data"]["total_usage"].as_u64().unwrap();
    assert_eq!(balance_of(&world, &ada).await, 40 - charged);
}

#[tokio::test]
async fn an_account_says_that_it_is_staff_or_has_an_allowance_only_if_so() {
    let (world, ada) = World::with_ada(3, &[]).await;
    let account = get(&world, "/account/", &ada.access).await;
    assert_eq!([account.get("staff"), account.get("allowance")], [None, None]);
    change_account(&world, "ada", &json!({"staff": {"BOOL": true}})).await;
    let account = get(&world, "/account/", &ada.access).await;
    assert_eq!((&account["staff"], account.get("allowance")), (&json!(true), None));
}

#[tokio::test]
async fn staff_give_change_and_end_an_allowance_with_a_reason_and_each_is_an_act() {
    let (world, ada) = World::with_ada(3, &[]).await;
    let staff = world.superuser("ruth").await.access;
    let change = |body: &Value| Request::new("PATCH", &admin_user("ada", "")).json(body).bearer(&staff);
    let of_five = json!({"credits": 5, "per": "week", "cap": 20});
    for wrong in [
        json!({"allowance": of_five}),
        json!({"allowance": null}),
        json!({"allowance": {"credits": 5, "per": "week"}, "reason": "A course"}),
        json!({"allowance": {"credits": 5, "per": "year", "cap": 20}, "reason": "A course"}),
        json!({"allowance": {"credits": 5, "per": "week", "cap": 1_000_001}, "reason": "A course"}),
    ] {
        refused(&world, change(&wrong), 400, "invalid").await;
    }
    let given = world.stack.send(change(&json!({"allowance": of_five, "reason": "A course"}))).await;
    let shown = given.json()["allowance"].clone();
    assert_eq!(
        (given.status, &shown["credits"], &shown["per"], &shown["cap"]),
        (200, &json!(5), &json!("week"), &json!(20))
    );
    assert_eq!(get(&world, "/account/", &ada.access).await["allowance"], shown);
    assert_eq!(get(&world, &admin_user("ada", ""), &staff).await["allowance"], shown);
    assert_eq!(balance_of(&world, &ada).await, 3, "its first credits come with the next period");
    let again = world.stack.send(change(&json!({"allowance": of_five, "reason": "A course"}))).await;
    assert_eq!((again.status, again.json()["allowance"].clone()), (200, shown));
    let ended = world.stack.send(change(&json!({"allowance": null, "reason": "It is over"}))).await;
    assert_eq!((ended.status, ended.json().get("allowance")), (200, None));
    let history = world.stack.send(Request::get("/admin/history/").query("subject", "ada").bearer(&staff)).await.json();
    let acts: Vec<[Value; 3]> = history["acts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|act| ["before", "after", "reason"].map(|name| act[name].clone()))
        .collect();
    let expected = [
        [json!({"allowance": of_five}), json!({"allowance": null}), json!("It is over")],
        [json!({"allowance": null}), json!({"allowance": of_five}), json!("A course")],
    ];
    assert_eq!(acts, expected, "a repetition is none");
}
