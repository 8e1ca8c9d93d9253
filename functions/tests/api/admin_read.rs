//! `/admin/history/`, `/admin/settings/`, `/admin/health/`, `/admin/usage/`, and the ledger of a user as staff see it, beyond the
//! cases in `events/admin-read`.

use serde_json::{Value, json};
use testkit::gateway::Request;

use crate::refusals::refused;
use crate::requests::{admin_user, chat, completion, delete_account, message};
use crate::world::{PASSWORD, Tokens, World};

/// A text that somebody wrote to a model.
const MESSAGE: &str = "What did the doctor say?";

async fn get(world: &World, access: &str, path: &str, query: &[(&str, &str)]) -> Value {
    let request = Request::get(path).bearer(access);
    let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
    let response = world.stack.send(request).await;
    assert_eq!(response.status, 200, "{path}: {response:?}");
    response.json()
}

/// Ada, who has credits, and Ruth, who is staff.
async fn ada_and_ruth(settings: &[(&str, &str)]) -> (World, Tokens, String) {
    let (world, ada) = World::with_ada(100, settings).await;
    let ruth = world.superuser("ruth").await.access;
    (world, ada, ruth)
}

/// Grants Ada `amount` credits as an operator.
async fn grant(world: &World, amount: u64) {
    let id = format!("grant-{amount}");
    let grant = json!({"action": "grant", "username": "ada", "amount": amount, "reason": "A prize", "grant_id": id});
    world.stack.invoke("operator", &grant).await.unwrap();
}

fn amounts(page: &Value) -> Vec<u64> {
    page["acts"].as_array().unwrap().iter().filter_map(|act| act["after"]["amount"].as_u64()).collect()
}

#[tokio::test]
async fn the_history_is_read_newest_first_by_actor_and_by_subject_in_pages() {
    let (world, _, ruth) = ada_and_ruth(&[]).await;
    for amount in 1..=5 {
        grant(&world, amount).await;
    }
    let id = world.user_id("ada").await;
    let history = "/admin/history/";
    for query in [
        &[][..],
        &[("subject", "ada")],
        &[("subject", "ADA")],
        &[("subject", id.as_str())],
        &[("actor", "operator")],
        &[("actor", "operator"), ("subject", "ada")],
    ] {
        let page = get(&world, &ruth, history, query).await;
        assert_eq!(amounts(&page), [5, 4, 3, 2, 1], "{query:?}");
    }
    for query in [&[("actor", "ruth")][..], &[("actor", "ruth"), ("subject", "ada")], &[("subject", "catalogue")]] {
        assert_eq!(get(&world, &ruth, history, query).await["acts"], json!([]), "{query:?}");
    }
    let first = get(&world, &ruth, history, &[("subject", "ada"), ("limit", "3")]).await;
    assert_eq!(amounts(&first), [5, 4, 3]);
    let cursor = first["next"].as_str().unwrap();
    let second = get(&world, &ruth, history, &[("subject", &id), ("limit", "3"), ("cursor", cursor)]).await;
    assert_eq!((amounts(&second), &second["next"]), (vec![2, 1], &Value::Null), "by the id as by the name");
    let of_all = Request::get(history).query("cursor", cursor).bearer(&ruth);
    refused(&world, of_all, 400, "invalid").await;
}

#[tokio::test]
async fn the_acts_on_a_user_who_is_gone_stay_without_a_name() {
    let (world, ada, ruth) = ada_and_ruth(&[]).await;
    grant(&world, 7).await;
    let id = world.user_id("ada").await;
    let named = get(&world, &ruth, "/admin/history/", &[("subject", &id)]).await;
    assert_eq!((&named["acts"][0]["subject_name"], &named["acts"][0]["reason"]), (&json!("ada"), &json!("A prize")));
    let delete = delete_account(PASSWORD).bearer(&ada.access);
    assert_eq!(world.stack.send(delete).await.status, 204);
    let listed = get(&world, &ruth, "/admin/history/", &[("subject", &id)]).await;
    assert_eq!((amounts(&listed), &listed["acts"][0]["subject_name"]), (vec![7], &Value::Null));
    assert!(!listed.to_string().contains("ada"), "{listed}");
    let by_name = Request::get("/admin/history/").query("subject", "ada").bearer(&ruth);
    refused(&world, by_name, 404, "not_found").await;
}

#[tokio::test]
async fn a_user_may_have_the_name_of_a_word_and_is_found_by_the_id() {
    let (world, _, ruth) = ada_and_ruth(&[]).await;
    world.superuser("operator").await;
    let id = world.user_id("operator").await;
    let of_word = get(&world, &ruth, "/admin/history/", &[("actor", "operator")]).await;
    assert!(of_word["acts"].as_array().unwrap().iter().all(|act| act["actor"] == "operator"));
    assert_eq!(get(&world, &ruth, "/admin/history/", &[("actor", &id)]).await["acts"], json!([]));
}

#[tokio::test]
async fn the_settings_in_force_are_shown_and_no_secret_of_the_stack() {
    let secrets = [
        ("OPENAI_API_KEY", "sk-the-key-of-openai"),
        ("OPENAI_BASE_URL", "https://user:swordfish@api.example.com/v1"),
        ("PROVIDER_KEYS", r#"{"main": "sk-the-key-of-a-provider"}"#),
        ("SYSTEM_PROMPT", "Be brief about the doctor."),
    ];
    let settings = [("MAX_GRANT", "500"), ("REGISTRATION", "closed"), ("CORS_ORIGINS", "https://app.example.com")];
    let (world, _, ruth) = ada_and_ruth(&[&secrets[..], &settings[..]].concat()).await;
    let shown = get(&world, &ruth, "/admin/settings/", &[]).await;
    for (name, value) in settings {
        assert_eq!(shown["settings"][name], value);
    }
    assert_eq!(shown["settings"]["STARTING_TOKENS"], "100", "a default");
    let text = shown.to_string();
    let words = ["SECRET", "KEY", "ARN", "URL", "PROMPT"];
    let hidden = |name: &str| !name.starts_with("AWS_") && words.iter().any(|word| name.contains(word));
    let environment = world.stack.environment_of("admin-read");
    let hidden: Vec<_> = environment.into_iter().filter(|(name, _)| hidden(name)).collect();
    assert!(hidden.len() >= secrets.len() + 2, "{hidden:?}");
    for (name, value) in hidden {
        assert!(!text.contains(&name) && !text.contains(&value), "{name}");
    }
}

#[tokio::test]
async fn the_health_says_whether_messages_are_accepted_and_how_far_the_audit_is() {
    let (world, _, ruth) = ada_and_ruth(&[]).await;
    world.set_accepting(false).await;
    world.put_catalogue(None).await;
    world.superuser("rosa").await;
    let report = world.stack.invoke("audit", &json!({})).await.unwrap();
    assert_eq!(report["finished"], true);
    let health = get(&world, &ruth, "/admin/health/", &[]).await;
    let expected = json!({
        "accepting": false, "reason": "A restore of the table", "audited_through": health["audited_through"],
        "audit_lag_seconds": health["audit_lag_seconds"], "unsettled": 0, "proved_through": health["proved_through"],
        "catalogue_version": 1, "superusers": 2,
    });
    assert_eq!(health, expected);
    assert!(health["audited_through"].is_string() && health["proved_through"].is_string(), "{health}");
    assert!(health["audit_lag_seconds"].as_u64().unwrap() < 120, "{health}");
}

#[tokio::test]
async fn staff_see_the_lists_of_a_user_as_the_user_does_by_id_and_by_name_also_while_the_account_is_inactive() {
    let (world, ada, ruth) = ada_and_ruth(&[]).await;
    let key = world.make_api_key(&ada.access).await;
    for request in
        [chat().bearer(&ada.access), completion(false).bearer(&key.key), message(MESSAGE).bearer(&ada.access)]
    {
        assert_eq!(world.stack.send(request).await.status, 200);
    }
    let id = world.user_id("ada").await;
    let own = get(&world, &ada.access, "/transactions/", &[]).await;
    let usage = get(&world, &ada.access, "/usage/", &[]).await;
    world.deactivate("ada").await;
    for user in ["ada", "ADA", &id] {
        let path = |list: &str| admin_user(user, list);
        let seen = get(&world, &ruth, &path("transactions"), &[]).await;
        assert_eq!(seen, own, "{user}");
        assert!(!seen.to_string().contains(MESSAGE));
        let seen = get(&world, &ruth, &path("usage"), &[]).await;
        assert_eq!(seen["usage"], usage["usage"], "{user}");
        assert!(seen["usage"].as_array().unwrap().iter().any(|row| row["key_name"] == "my program"), "{seen}");
        let first = get(&world, &ruth, &path("transactions"), &[("kind", "chat"), ("limit", "1")]).await;
        let query = [("kind", "chat"), ("limit", "1"), ("cursor", first["next"].as_str().unwrap())];
        let second = get(&world, &ruth, &path("transactions"), &query).await;
        assert_eq!(second["transactions"][0], own["transactions"][1], "{user}");
    }
    let lists = ["transactions", "usage"];
    for list in lists {
        let table = Request::get(&admin_user("ada", list)).header("Accept", "text/csv").bearer(&ruth);
        let table = world.stack.send(table).await;
        assert_eq!(table.headers["content-disposition"], format!("attachment; filename=\"{list}.csv\""));
        assert!(table.body.lines().count() > 1, "{table:?}");
        let nobody = Request::get(&admin_user("nobody", list)).bearer(&ruth);
        refused(&world, nobody, 404, "not_found").await;
    }
}

/// Lets the entries of an account be summed by whoever comes next, as if it had been sealed a minute ago.
async fn seal(world: &World, username: &str) {
    let user_id = world.user_id(username).await;
    let entries = world.entries_of(&user_id).await;
    let newest = entries.last().unwrap()["sk"]["S"].as_str().unwrap().strip_prefix("ENTRY#").unwrap().to_owned();
    let update = json!({
        "TableName": world.stack.table().name(),
        "Key": {"pk": {"S": format!("USER#{user_id}")}, "sk": {"S": "ACCOUNT"}},
        "UpdateExpression": "SET sealed_to = :newest, sealed_at = :long_ago",
        "ExpressionAttributeValues": {":newest": {"S": newest}, ":long_ago": {"N": "1"}},
    });
    world.stack.table().call("UpdateItem", &update).await.unwrap();
}

#[tokio::test]
async fn the_usage_of_all_is_that_of_each_whose_messages_are_summed_and_outlives_their_accounts() {
    let (world, ada, ruth) = ada_and_ruth(&[]).await;
    world.register("bob", 100).await;
    let bob = world.log_in("bob").await;
    for access in [&ada.access, &ada.access, &bob.access] {
        assert_eq!(world.stack.send(chat().bearer(access)).await.status, 200);
    }
    let of_all = async |query: &[(&str, &str)]| get(&world, &ruth, "/admin/usage/", query).await;
    let nothing = of_all(&[]).await;
    assert_eq!((&nothing["usage"], &nothing["complete_through"]), (&json!([]), &Value::Null), "nothing is summed yet");
    seal(&world, "ada").await;
    // A read of the owner sums, and so does the audit.
    get(&world, &ada.access, "/usage/", &[]).await;
    assert_eq!(of_all(&[]).await["usage"][0]["requests"], 2);
    seal(&world, "bob").await;
    assert_eq!(world.stack.invoke("audit", &json!({})).await.unwrap()["finished"], true);
    let summed = of_all(&[]).await;
    let row = &summed["usage"][0];
    assert_eq!((&row["model"], &row["requests"], &row["credits"]), (&json!("dummy"), &json!(3), &json!(3)), "{summed}");
    assert!(summed["complete_through"].is_string() && row.get("key_id").is_none(), "{summed}");

    let by_model = of_all(&[("by", "model")]).await;
    assert!(by_model["usage"][0].get("day").is_none() && by_model["usage"][0]["requests"] == 3, "{by_model}");
    let table = Request::get("/admin/usage/").query("by", "model").header("Accept", "text/csv").bearer(&ruth);
    let table = world.stack.send(table).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    assert!(table.body.lines().nth(1).unwrap().starts_with("dummy,3,"), "{}", table.body);

    let delete = delete_account(PASSWORD).bearer(&ada.access);
    assert_eq!(world.stack.send(delete).await.status, 204);
    assert_eq!(of_all(&[]).await["usage"], summed["usage"]);
}

/// An operator who has the entries of an account summed again changes nothing in the usage of all.
#[tokio::test]
async fn what_is_summed_again_counts_once() {
    let (world, ada, ruth) = ada_and_ruth(&[]).await;
    assert_eq!(world.stack.send(chat().bearer(&ada.access)).await.status, 200);
    seal(&world, "ada").await;
    get(&world, &ada.access, "/usage/", &[]).await;
    let before = get(&world, &ruth, "/admin/usage/", &[]).await;
    let again = world.stack.invoke("operator", &json!({"action": "sum_again", "username": "ada"})).await.unwrap();
    assert_eq!(again["finished"], true);
    let after = get(&world, &ruth, "/admin/usage/", &[]).await;
    assert_eq!((&after["usage"], &after["usage"][0]["requests"]), (&before["usage"], &json!(1)));
}
