//! Bulk grants, `/admin/jobs/`, and the function `jobs`, beyond their cases in `events/`.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use testkit::gateway::{Payload, Request, Response};
use testkit::stack::JWT_SIGNING_SECRET;

use crate::refusals::refused;
use crate::requests::{balance, bulk_grant};
use crate::world::{Tokens, World, an_hour_ago};

/// A world in which Ada and Bob have ten credits each, and Ruth is staff.
async fn world(settings: &[(&str, &str)]) -> (World, Tokens) {
    let world = World::start_with(settings).await;
    for username in ["ada", "bob"] {
        world.register(username, 10).await;
    }
    let ruth = world.superuser("ruth").await;
    (world, ruth)
}

async fn credits(world: &World, username: &str) -> Value {
    let access = world.log_in(username).await.access;
    world.stack.send(balance().bearer(&access)).await.json()["tokens"].clone()
}

async fn report(world: &World, id: &Value, staff: &Tokens) -> Value {
    world.stack.send(Request::get(&path(id)).bearer(&staff.access)).await.json()
}

fn path(id: &Value) -> String {
    format!("/admin/jobs/{}/", id.as_str().unwrap())
}

/// Begins a job in a request that has no time to drive it.
async fn begin_without_time(world: &World, rows: &str, staff: &Tokens) -> Value {
    let event = bulk_grant(rows).bearer(&staff.access).to_resource("/admin/jobs").to_event(Payload::V1);
    let hardly_any_time = SystemTime::now() + Duration::from_secs(4);
    let function = world.stack.function("admin-money").await;
    let begun = Response::from_event(&function.invoke_with_deadline(&event, hardly_any_time).await.unwrap());
    assert_eq!((begun.status, &begun.json()["state"]), (202, &json!("running")), "{begun:?}");
    begun.json()["id"].clone()
}

/// Makes all jobs look as if nobody had driven them for an hour.
async fn leave_alone(world: &World) {
    let table = world.stack.table();
    for mut item in table.items().await {
        if item["touched_at"].is_object() {
            item["touched_at"] = json!({"N": "1"});
            table.call("PutItem", &json!({"TableName": table.name(), "Item": item})).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_file_is_granted_row_by_row_and_the_report_says_what_became_of_each() {
    let (world, ruth) = world(&[]).await;
    let rows = "2026-11-ada,ada,5,A course\n2026-11-bob,BOB,-10,\"Left, sadly\"\n2026-11-eve,eve,1,=1+1\n";
    let made = world.stack.send(bulk_grant(rows).bearer(&ruth.access)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let job = made.json();
    let counts = ["rows", "granted", "repeated", "refused", "waiting", "used_ids", "given", "taken"];
    assert_eq!(counts.map(|member| job[member].as_u64().unwrap()), [3, 2, 0, 1, 0, 0, 6, 10]);
    assert_eq!((&job["state"], &job["actor"]), (&json!("done"), &json!(world.user_id("ruth").await)));
    assert_eq!((credits(&world, "ada").await, credits(&world, "bob").await), (json!(15), json!(0)));

    let report = report(&world, &job["id"], &ruth).await;
    let outcomes: Vec<&Value> = report["results"].as_array().unwrap().iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["granted", "granted", "no_user"]);
    assert!(report["results"][0]["transaction"].is_string() && report["results"][2]["transaction"].is_null());
    let csv = Request::get(&path(&job["id"])).header("Accept", "text/csv").bearer(&ruth.access);
    let csv = world.stack.send(csv).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = csv.body.lines().collect();
    assert_eq!(lines[0], "id,username,amount,reason,outcome,transaction");
    assert!(lines[2].starts_with("2026-11-bob,BOB,-10,\"Left, sadly\",granted,"), "{lines:?}");
    assert_eq!(lines[3], "2026-11-eve,eve,1,'=1+1,no_user,");
    let list = world.stack.send(Request::get("/admin/jobs/").bearer(&ruth.access)).await.json();
    assert_eq!((&list["jobs"][0], &list["next"]), (&job, &Value::Null));
}

#[tokio::test]
async fn the_same_file_twice_grants_once_and_the_second_job_says_so() {
    let (world, ruth) = world(&[]).await;
    let rows = "one,ada,5,A course\ntwo,bob,5,A course\n";
    world.stack.send(bulk_grant(rows).bearer(&ruth.access)).await;
    let again = world.stack.send(bulk_grant(rows).bearer(&ruth.access)).await.json();
    assert_eq!((&again["repeated"], &again["granted"], &again["used_ids"]), (&json!(2), &json!(0), &json!(2)));
    let next_month = world.stack.send(bulk_grant("one,ada,6,The next course\n").bearer(&ruth.access)).await.json();
    assert_eq!((&next_month["refused"], &next_month["used_ids"]), (&json!(1), &json!(1)));
    let report = report(&world, &next_month["id"], &ruth).await;
    assert_eq!(report["results"][0]["outcome"], "mismatch");
    assert_eq!((credits(&world, "ada").await, credits(&world, "bob").await), (json!(15), json!(15)));
}

#[tokio::test]
async fn a_file_with_a_wrong_row_begins_nothing_and_all_wrong_rows_are_told() {
    let (world, ruth) = world(&[("MAX_GRANT", "100")]).await;
    let ask = |rows: &str| bulk_grant(rows).bearer(&ruth.access);
    let problem = refused(&world, ask("a,ada,5,x\na,ada,5,x\nb,bob,,\n"), 400, "invalid").await.json();
    let places: Vec<&String> = problem["errors"].as_object().unwrap().keys().collect();
    assert_eq!(places, ["rows[2].id", "rows[3].amount", "rows[3].reason"]);
    let problem = refused(&world, ask("a,ada,51,x\nb,bob,-50,x\n"), 400, "invalid").await.json();
    assert!(problem["errors"]["rows"][0].as_str().unwrap().contains("101 together"), "{problem}");
    refused(&world, ask(""), 400, "invalid").await;
    let file = |content_type, text: &str| {
        Request::post("/admin/jobs/").body(content_type, text.as_bytes().to_vec()).bearer(&ruth.access)
    };
    refused(&world, file(Some("text/csv"), "id;username;amount;reason\n"), 400, "parse_error").await;
    refused(&world, file(Some("application/json"), "{}"), 415, "unsupported_media_type").await;
    refused(&world, file(None, &"x".repeat(256 * 1024 + 1)), 413, "too_large").await;
}

#[tokio::test]
async fn the_schedule_goes_on_with_a_job_that_was_left_alone() {
    let (world, ruth) = world(&[]).await;
    let id = begin_without_time(&world, "one,ada,5,A course\n", &ruth).await;
    let report_of_schedule = async || world.stack.invoke("jobs", &json!({})).await.unwrap();
    assert_eq!(report_of_schedule().await, json!({"ended": 0, "open": 1}), "somebody may be driving it");
    leave_alone(&world).await;
    assert_eq!(report_of_schedule().await, json!({"ended": 1, "open": 0}));
    assert_eq!(report_of_schedule().await, json!({"ended": 0, "open": 0}));
    let report = report(&world, &id, &ruth).await;
    assert_eq!((&report["state"], credits(&world, "ada").await), (&json!("done"), json!(15)));
}

#[tokio::test]
async fn a_superuser_goes_on_with_a_job_and_a_job_that_is_done_stays_as_it_is() {
    let (world, ruth) = world(&[]).await;
    let id = begin_without_time(&world, "one,ada,5,A course\n", &ruth).await;
    let go_on = Request::post(&path(&id)).bearer(&ruth.access);
    let done = world.stack.send(go_on.clone()).await;
    assert_eq!((done.status, &done.json()["state"]), (200, &json!("done")));
    let before = world.items().await;
    assert_eq!(world.stack.send(go_on).await.json(), done.json());
    assert!(world.items().await == before);
}

#[tokio::test]
async fn a_job_stops_when_its_actor_is_demoted_and_another_superuser_resumes_it() {
    let (world, ruth) = world(&[]).await;
    let lise = world.superuser("lise").await;
    let id = begin_without_time(&world, "one,ada,5,A course\n", &ruth).await;
    world.set_staff("ruth", false).await;
    leave_alone(&world).await;
    assert_eq!(world.stack.invoke("jobs", &json!({})).await.unwrap(), json!({"ended": 1, "open": 0}));
    let stopped = report(&world, &id, &lise).await;
    assert_eq!((&stopped["state"], &stopped["results"][0]["outcome"]), (&json!("stopped"), &json!("waiting")));
    assert_eq!(credits(&world, "ada").await, 10);
    assert_eq!(world.stack.send(Request::post(&path(&id)).bearer(&ruth.access)).await.status, 404);

    let resumed = world.stack.send(Request::post(&path(&id)).bearer(&lise.access)).await.json();
    assert_eq!((&resumed["state"], &resumed["actor"]), (&json!("done"), &json!(world.user_id("lise").await)));
    assert_eq!(credits(&world, "ada").await, 15);
    let acts = world.items().await.into_values().filter(|item| item["pk"]["S"] == "ACTS");
    let mut words: Vec<String> = acts.map(|act| act["act"]["S"].as_str().unwrap().to_owned()).collect();
    words.retain(|word| word.ends_with("bulk_grant"));
    words.sort();
    assert_eq!(words, ["begin_bulk_grant", "end_bulk_grant", "end_bulk_grant", "resume_bulk_grant"]);
}

#[tokio::test]
async fn beginning_and_going_on_take_a_login_of_the_last_minutes_and_looking_does_not() {
    let (world, ruth) = world(&[]).await;
    let id = begin_without_time(&world, "one,ada,5,A course\n", &ruth).await;
    let refreshed = world.log_in_at("ruth", an_hour_ago(), JWT_SIGNING_SECRET).await.refresh;
    let refreshed = world.stack.send(crate::requests::refresh(&refreshed)).await.json();
    let old = refreshed["access_token"].as_str().unwrap();
    refused(&world, bulk_grant("two,ada,5,A course\n").bearer(old), 403, "login_required_again").await;
    refused(&world, Request::post(&path(&id)).bearer(old), 403, "login_required_again").await;
    for path in ["/admin/jobs/", &path(&id)] {
        assert_eq!(world.stack.send(Request::get(path).bearer(old)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn nobody_but_staff_sees_jobs() {
    let (world, ruth) = world(&[]).await;
    let id = begin_without_time(&world, "one,ada,5,A course\n", &ruth).await;
    let ada = world.log_in("ada").await.access;
    for request in
        [bulk_grant("two,ada,5,x\n"), Request::get("/admin/jobs/"), Request::get(&path(&id)), Request::post(&path(&id))]
    {
        assert_eq!(world.stack.send(request.bearer(&ada)).await.status, 404);
    }
    let unknown = Request::get("/admin/jobs/01BX5ZZKBKACTAV9WEVGEMMVRZ/").bearer(&ruth.access);
    refused(&world, unknown, 404, "not_found").await;
}

#[tokio::test]
async fn jobs_are_listed_page_by_page() {
    let (world, ruth) = world(&[]).await;
    for number in 0..3 {
        world.stack.send(bulk_grant(&format!("row-{number},ada,1,x\n")).bearer(&ruth.access)).await;
    }
    let page = async |query: &[(&str, &str)]| {
        let request = Request::get("/admin/jobs/").bearer(&ruth.access);
        let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
        world.stack.send(request).await
    };
    let first = page(&[("limit", "2")]).await;
    let next = first.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(first.headers["link"], format!("<?limit=2&cursor={next}>; rel=\"next\""));
    let second = page(&[("limit", "2"), ("cursor", &next)]).await.json();
    assert_eq!((second["jobs"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
    for (name, value) in [("limit", "0"), ("limit", "101"), ("limit", "+1"), ("cursor", "x")] {
        assert_eq!(page(&[(name, value)]).await.status, 400, "{name}={value}");
    }
}

#[tokio::test]
async fn the_largest_file_is_granted_once_within_a_few_requests() {
    let (world, ruth) = world(&[]).await;
    let rows: String = (0..1_000).fold(String::new(), |rows, number| rows + &format!("row-{number},ada,1,A course\n"));
    let mut job = world.stack.send(bulk_grant(&rows).bearer(&ruth.access)).await.json();
    for _ in 0..5 {
        if job["state"] == "done" {
            break;
        }
        job = world.stack.send(Request::post(&path(&job["id"])).bearer(&ruth.access)).await.json();
    }
    assert_eq!(
        (&job["state"], &job["granted"], credits(&world, "ada").await),
        (&json!("done"), &json!(1000), json!(1010))
    );
}
