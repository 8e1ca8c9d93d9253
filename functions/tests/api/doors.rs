//! One table of cases over every door and every kind of provider, asked whole and as a stream: what arrives at the provider,
//! what the caller hears, and what it costs are the same wherever [`losses`] has no line about it.
//!
//! A case is written once, in words of no protocol ([`case`]). A [`caller`] writes it as a request of its protocol and reads
//! the answer; a [`server`] reads what arrived and speaks as the provider. The servers say the same usage, each in its own
//! members: so equal cases must have equal bills. What a client has to estimate is left out of that equality, by
//! [`case::Case::is_estimated`].

mod bill;
mod caller;
mod callers;
mod case;
mod cases;
mod expected;
mod losses;
mod run;
mod scripted_server;
mod server;
mod servers;

use case::{Case, Doing};
use run::Scene;

fn cases(is_wanted: impl Fn(&Case) -> bool) -> Vec<Case> {
    let cases: Vec<Case> = cases::all().into_iter().filter(is_wanted).collect();
    assert!(!cases.is_empty());
    cases
}

async fn expect_no_faults(scene: Scene, cases: Vec<Case>) {
    let faults = scene.run(&cases).await;
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Every case that needs nothing but servers, at every door and every provider, whole and streamed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_arrives_sounds_and_costs_the_same_through_every_door_at_every_provider() {
    let cases = cases(|case| !case.needs_nobody_there() && case.doing != Doing::Late);
    expect_no_faults(Scene::start().await, cases).await;
}

/// The same where time is up. These cases wait, beside the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_is_the_same_through_every_door_at_every_provider() {
    expect_no_faults(Scene::start().await, cases(|case| case.doing == Doing::Late)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_not_there_is_the_same_through_every_door() {
    expect_no_faults(Scene::with_nobody_there().await, cases(Case::needs_nobody_there)).await;
}

/// The table of docs/doors.md is the one by which the cases are judged.
#[test]
fn the_documented_losses_are_those_of_the_table() {
    let page = std::fs::read_to_string(testkit::template::workspace_root().join("docs/doors.md")).unwrap();
    let table = losses::table();
    assert!(page.contains(&table), "docs/doors.md has another table than:\n{table}");
}
