//! The program `create-superuser`, by which a laptop gets its first superuser, and the superuser's first steps.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use testkit::gateway::Request;

use crate::requests::{give, log_in};
use crate::world::{PASSWORD, World, binary};

/// Runs the program with this standard input, on the table of `world`.
fn create(world: &World, input: &str) -> Output {
    let mut program = Command::new(binary("login").with_file_name("create-superuser"));
    program.env_clear().envs(world.stack.environment());
    let mut program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    program.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    program.wait_with_output().unwrap()
}

fn credentials(username: &str, password: &str) -> String {
    json!({"username": username, "password": password}).to_string()
}

#[tokio::test]
async fn a_superuser_is_created_whatever_registrations_are_and_may_act_at_once() {
    let world = World::start_with(&[("REGISTRATION", "closed")]).await;
    world.register("ada", 10).await;
    world.set_accepting(false).await;
    let Output { status, stdout, stderr } = create(&world, &credentials("Grace", PASSWORD));
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let told = [stdout, stderr].concat();
    assert!(!String::from_utf8_lossy(&told).contains(PASSWORD));
    let tokens = world.stack.send(log_in("grace", PASSWORD)).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.stack.send(Request::get("/admin/jobs/").bearer(access)).await.status, 200);
    assert_eq!(world.stack.send(give("ada", 5, "one").bearer(access)).await.status, 201);
    let acts = world.items().await.into_values().filter(|item| item["pk"]["S"] == "ACTS");
    let acts: Vec<Value> = acts.filter(|act| act["act"]["S"] == "create_superuser").collect();
    assert_eq!(acts.len(), 1);
    assert_eq!((&acts[0]["actor"]["S"], &acts[0]["request_id"]["S"]), (&json!("operator"), &json!("createsuperuser")));
}

#[tokio::test]
async fn whoever_cannot_be_created_is_told_why_in_one_sentence_and_nothing_is_written() {
    let world = World::start().await;
    world.register("ada", 10).await;
    let before = world.items().await;
    for (input, part) in [
        (credentials("Ada", PASSWORD), "The username Ada is taken. Promote it instead"),
        (credentials("a b", PASSWORD), "Username: "),
        (credentials("01BX5ZZKBKACTAV9WEVGEMMVRZ", PASSWORD), "Username: This username has the form of an id."),
        (credentials("grace", "short"), "Password: This password is too short."),
        (credentials("grace.hopper", "grace.hopper"), "Password: "),
        ("correct horse battery staple".to_owned(), "Standard input is no object"),
    ] {
        let Output { status, stderr, .. } = create(&world, &input);
        let told = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1));
        assert!(told.starts_with(part) && told.lines().count() == 1 && !told.contains("battery"), "{told}");
    }
    assert!(world.items().await == before);
}
