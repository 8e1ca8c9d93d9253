//! `/admin/catalogue/…`, beyond the cases in `events/admin-catalogue`, and what is recorded of the commands of operators.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::stack::JWT_SIGNING_SECRET;

use crate::refusals::refused;
use crate::requests::{catalogue_of_dummies, refresh};
use crate::world::{World, ago};

/// More than the age of a login that counts as recent.
const NOT_RECENT: Duration = Duration::from_secs(15 * 60 + 1);

fn replace(catalogue: &Value, version: u64) -> Request {
    Request::put("/admin/catalogue/").json(&json!({"catalogue": catalogue, "version": version}))
}

async fn get(world: &World, access: &str, path: &str) -> Value {
    let response = world.stack.send(Request::get(path).bearer(access)).await;
    assert_eq!(response.status, 200, "{path}: {response:?}");
    response.json()
}

/// The acts that were done to `subject`, the newest first.
async fn acts_on(world: &World, access: &str, subject: &str) -> Vec<Value> {
    let request = Request::get("/admin/history/").query("subject", subject).bearer(access);
    let listed = world.stack.send(request).await.json();
    listed["acts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_superuser_replaces_the_version_that_they_have_seen_and_every_version_stays() {
    let (world, ada) = World::with_ada(100, &[]).await;
    let ruth = world.superuser("ruth").await.access;
    let (one, two) = (catalogue_of_dummies(&[("one", 1)]), catalogue_of_dummies(&[("two", 2)]));
    let first = world.stack.send(replace(&one, 0).bearer(&ruth)).await.json();
    assert_eq!((&first["version"], &first["models"]), (&json!(1), &json!(["one"])));
    let again = world.stack.send(replace(&one, 0).bearer(&ruth)).await.json();
    assert_eq!(again, first, "the answer may have been lost");
    let changed = refused(&world, replace(&two, 0).bearer(&ruth), 409, "catalogue_changed").await;
    assert_eq!(changed.json()["version"], 1);
    let by_operator = json!({"action": "catalogue", "replace": two, "version": 1});
    world.stack.invoke("operator", &by_operator).await.unwrap();
    let back = world.stack.send(replace(&Value::Null, 2).bearer(&ruth)).await.json();
    assert_eq!((&back["version"], &back["models"]), (&json!(3), &json!([])));

    let models = get(&world, &ada.access, "/v1/models").await;
    assert_eq!(models["data"][0]["id"], "dummy", "that of the settings");
    assert_eq!(get(&world, &ruth, "/admin/catalogue/").await["version"], 3);
    let listed = get(&world, &ruth, "/admin/catalogue/versions/").await;
    let id = world.user_id("ruth").await;
    let row = |version: &Value| (version["version"].as_u64().unwrap(), version["actor"].as_str().unwrap().to_owned());
    let rows: Vec<_> = listed["versions"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(rows, [(3, id.clone()), (2, "operator".to_owned()), (1, id)]);
    let kept = get(&world, &ruth, "/admin/catalogue/versions/2/").await;
    let expected = json!({
        "version": 2, "changed_at": kept["changed_at"], "catalogue": two, "errors": [], "actor": "operator",
    });
    assert_eq!(kept, expected);
}

#[tokio::test]
async fn the_versions_are_listed_page_by_page_and_a_page_leads_to_the_next() {
    let world = World::start().await;
    let ruth = world.superuser("ruth").await.access;
    for version in 0..5 {
        world.put_catalogue(Some(&catalogue_of_dummies(&[("one", version)]))).await;
    }
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let request = Request::get("/admin/catalogue/versions/").query("limit", "2").bearer(&ruth);
        let request = cursor.iter().fold(request, |request, cursor| request.query("cursor", cursor));
        let response = world.stack.send(request).await;
        let page = response.json();
        found.extend(page["versions"].as_array().unwrap().iter().map(|row| row["version"].as_u64().unwrap()));
        cursor = page["next"].as_str().map(str::to_owned);
        assert_eq!(response.headers.contains_key("link"), cursor.is_some());
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, [5, 4, 3, 2, 1]);
    let strange = Request::get("/admin/catalogue/versions/").query("cursor", "x").bearer(&ruth);
    refused(&world, strange, 400, "invalid").await;
}

#[tokio::test]
async fn a_document_is_judged_without_a_recent_login_and_replaced_with_one_alone() {
    let world = World::start().await;
    world.superuser("ruth").await;
    let old = world.log_in_at("ruth", ago(NOT_RECENT), JWT_SIGNING_SECRET).await;
    let refreshed = world.stack.send(refresh(&old.refresh)).await.json();
    let old = refreshed["access_token"].as_str().unwrap();
    let good = catalogue_of_dummies(&[("one", 1)]);
    let check = |document: &Value| Request::post("/admin/catalogue/check/").json(&json!({"catalogue": document}));
    let judged = world.stack.send(check(&good).bearer(old)).await.json();
    assert_eq!(judged, json!({"valid": true, "errors": [], "models": ["one"]}));
    refused(&world, replace(&good, 0).bearer(old), 403, "login_required_again").await;
    let new = world.log_in("ruth").await.access;
    assert_eq!(world.stack.send(replace(&good, 0).bearer(&new)).await.status, 200);

    let mut bad = catalogue_of_dummies(&[("one", 1), ("one", 2)]);
    bad["models"][0]["prices"] = json!({"input": 0.5, "output": 1});
    let refusal = refused(&world, replace(&bad, 1).bearer(&new), 400, "invalid_catalogue").await.json();
    let expected = json!({
        "models[0].prices.input": ["must be a whole number from 0 to 1000000000000"],
        "models[1].id": ["is a name of models[0] too"],
    });
    assert_eq!(refusal["errors"], expected);
}

#[tokio::test]
async fn whoever_is_demoted_between_the_read_and_the_write_replaces_nothing() {
    let world = World::start().await;
    let ruth = world.superuser("ruth").await.access;
    world.stack.function("admin-catalogue").await;
    let demotion = async {
        world.set_staff("ruth", false).await;
        world.items().await
    };
    let request = replace(&catalogue_of_dummies(&[("one", 1)]), 0).bearer(&ruth);
    let (response, before) = world.send_while(request, Box::pin(demotion)).await;
    assert_eq!((response.status, response.json()["error"]["code"].as_str()), (404, Some("not_found")));
    assert!(world.items().await == before, "it was refused and changed the table");
}

#[tokio::test]
async fn of_two_replacements_at_once_one_is_written_and_recorded() {
    let world = World::start().await;
    let ruth = world.superuser("ruth").await.access;
    let requests = [1, 2].map(|price| replace(&catalogue_of_dummies(&[("one", price)]), 0).bearer(&ruth));
    let mut statuses: Vec<u16> =
        world.send_at_once("admin-catalogue", &requests).await.iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(acts_on(&world, &ruth, "catalogue").await.len(), 1);
}

#[tokio::test]
async fn what_operators_and_staff_do_to_catalogue_and_deployment_is_recorded_once_with_its_request() {
    let world = World::start().await;
    let ruth = world.superuser("ruth").await.access;
    let document = catalogue_of_dummies(&[("one", 1)]);
    let by_operator = json!({"action": "catalogue", "replace": document, "version": 0});
    for _ in 0..2 {
        world.stack.invoke("operator", &by_operator).await.unwrap();
    }
    let by_staff = replace(&Value::Null, 1).bearer(&ruth).source_ip("127.0.113.7");
    let answer = world.stack.send(by_staff).await;
    let acts = acts_on(&world, &ruth, "catalogue").await;
    let [newest, oldest] = &acts[..] else { panic!("{acts:?}") };
    let id = world.user_id("ruth").await;
    let expected = json!({
        "id": newest["id"], "at": newest["at"], "actor": id, "actor_name": "ruth", "act": "replace_catalogue",
        "subject": "catalogue", "subject_name": null, "before": {"version": 1}, "after": {"version": 2}, "reason": null,
        "network": "127.0.113.0/24", "request_id": answer.headers["x-request-id"],
    });
    assert_eq!(*newest, expected);
    assert_eq!((&oldest["actor"], &oldest["network"]), (&json!("operator"), &Value::Null));

    for (accepting, reason) in [(false, "A restore"), (false, "A restore"), (true, "It is done")] {
        let command = json!({"action": "accepting", "accepting": accepting, "reason": reason});
        world.stack.invoke("operator", &command).await.unwrap();
    }
    let acts = acts_on(&world, &ruth, "deployment").await;
    let told: Vec<_> = acts.iter().map(|act| (act["act"].as_str().unwrap(), act["reason"].as_str().unwrap())).collect();
    assert_eq!(told, [("resume", "It is done"), ("stop", "A restore")]);
}
