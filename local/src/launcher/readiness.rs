//! Waits until every function of the API answers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method};
use tokio::task::JoinSet;

use super::checks::Plan;
use super::error::LaunchError;
use super::progress::while_saying;

/// Time to start all processes from a slow disk. Everything is compiled already.
const READY_LIMIT: Duration = Duration::from_mins(2);

const ATTEMPT_LIMIT: Duration = Duration::from_secs(20);
const RETRY_DELAY: Duration = Duration::from_millis(100);

type Waiting = Arc<Mutex<BTreeSet<String>>>;

/// Sends a request to each function with a path, which starts its process, and waits for any answer. Functions without
/// a path start when they are invoked.
pub(super) async fn wait_for_functions(plan: &Plan) -> Result<(), LaunchError> {
    let client = Client::builder().no_proxy().timeout(ATTEMPT_LIMIT).build();
    let client =
        client.map_err(|error| LaunchError::System { what: "an HTTP client", source: std::io::Error::other(error) })?;
    let waiting = Waiting::default();
    let mut answers = JoinSet::new();
    for function in &plan.functions {
        let Some(route) = function.routes.first() else { continue };
        lock(&waiting).insert(function.binary.clone());
        let address = format!("http://127.0.0.1:{}{}", plan.port, route.path);
        answers.spawn(wait_for_function(client.clone(), address, function.binary.clone(), Arc::clone(&waiting)));
    }
    let all = tokio::time::timeout(READY_LIMIT, answers.join_all());
    let names = || lock(&waiting).iter().cloned().collect::<Vec<_>>().join(", ");
    match while_saying(all, || format!("waiting for {}", names())).await {
        Ok(_) => Ok(()),
        Err(_) => Err(LaunchError::NotReady { functions: names(), limit: READY_LIMIT }),
    }
}

async fn wait_for_function(client: Client, address: String, binary: String, waiting: Waiting) {
    // Every function answers this method without a request to the database.
    while client.request(Method::OPTIONS, &address).send().await.is_err() {
        tokio::time::sleep(RETRY_DELAY).await;
    }
    lock(&waiting).remove(&binary);
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, BTreeSet<String>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
