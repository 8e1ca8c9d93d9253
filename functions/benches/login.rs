//! The time of a login, which must not tell a stranger whether a username has an account.
//!
//! The real binary is invoked over the Lambda Runtime API, without a network that would hide a difference: a stranger
//! sees less. Each login has a username and a network of its own, because attempts are counted by both.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::gateway::{Request, Response};
use testkit::people::{self, PASSWORD};
use testkit::runtime_api::Function;
use testkit::stack::Stack;
use testkit::timings::{Comparison, Timings};

const ROUNDS: usize = 400;
/// Rounds that are not measured. Code, caches and connections are warm after them.
const WARM_UP_ROUNDS: usize = 10;
const TIME_LIMIT: Duration = Duration::from_secs(50);
const WRONG_PASSWORD: &str = "correct horse battery stable";

/// One kind of login.
#[derive(Clone, Copy)]
struct LoginKind {
    name: &'static str,
    method: &'static str,
    has_account: bool,
    is_active: bool,
    password: &'static str,
    status: u16,
}

const LOGIN: LoginKind =
    LoginKind { name: "", method: "POST", has_account: true, is_active: true, password: PASSWORD, status: 200 };

/// The times of the first two must look the same. The last shows the cost of a request that hashes no password.
const KINDS: [LoginKind; 5] = [
    LoginKind { name: "unknown user", has_account: false, status: 401, ..LOGIN },
    LoginKind { name: "wrong password", password: WRONG_PASSWORD, status: 401, ..LOGIN },
    LoginKind { name: "right password", ..LOGIN },
    LoginKind { name: "inactive user", is_active: false, status: 401, ..LOGIN },
    LoginKind { name: "bare: `GET`, 405", method: "GET", status: 405, ..LOGIN },
];

impl LoginKind {
    /// All usernames have the same length.
    fn username(&self, round: usize) -> String {
        let position = KINDS.iter().position(|case| case.name == self.name).unwrap();
        format!("person-{position}-{round:06}")
    }

    async fn prepare(&self, stack: &Stack, round: usize) {
        if self.has_account {
            people::register(stack, &self.username(round)).await;
        }
        if !self.is_active {
            people::deactivate(stack, &self.username(round)).await;
        }
    }

    async fn measure(&self, login: &Function, round: usize) -> Duration {
        let body = json!({"username": self.username(round), "password": self.password});
        let network = format!("127.0.{}.7", round % 256);
        let event = Request::new(self.method, "/login/").json(&body).source_ip(&network).to_rest_event();
        let started = Instant::now();
        let answer = login.invoke(&event).await;
        let took = started.elapsed();
        let response = Response::from_event(&answer.unwrap_or_else(|error| panic!("{error}")));
        assert_eq!(response.status, self.status, "{}: {response:?}", self.name);
        took
    }
}

#[tokio::main]
async fn main() {
    // Cargo builds all of the functions' binaries into one folder.
    let binary = |name: &str| Path::new(env!("CARGO_BIN_EXE_login")).with_file_name(name);
    let stack = Stack::start(binary, &[("REGISTRATIONS_PER_HOUR", "0")]).await;
    println!("Preparing {ROUNDS} rounds of {} requests.", KINDS.len());
    for round in 0..ROUNDS {
        for case in KINDS {
            case.prepare(&stack, round).await;
        }
    }
    print_table(&measure(&stack).await);
}

/// Each round sends one request of each case, in random order, so that disturbances of the machine hit all cases alike.
async fn measure(stack: &Stack) -> [Timings; KINDS.len()] {
    let login = stack.function("login").await;
    let mut timings = [(); KINDS.len()].map(|()| Timings::default());
    let mut random = fastrand::Rng::with_seed(1);
    let started = Instant::now();
    for round in 0..ROUNDS {
        let mut order: Vec<usize> = (0..KINDS.len()).collect();
        random.shuffle(&mut order);
        for position in order {
            let took = KINDS[position].measure(login, round).await;
            if round >= WARM_UP_ROUNDS {
                timings[position].add(took);
            }
        }
        if round % 100 == 99 {
            println!("{} rounds after {:.0?}.", round + 1, started.elapsed());
        }
        if started.elapsed() > TIME_LIMIT {
            println!("Ended after {} rounds: the time is up.", round + 1);
            break;
        }
    }
    timings
}

fn print_table(timings: &[Timings; KINDS.len()]) {
    println!("\n| login | n | min, ms | median | p95 |\n|---|--:|--:|--:|--:|");
    for (case, timings) in KINDS.iter().zip(timings) {
        let [min, median, p95] = [0.0, 0.5, 0.95].map(|share| timings.quantile_ms(share));
        println!("| {} | {} | {min:.2} | {median:.2} | {p95:.2} |", case.name, timings.count());
    }
    let [unknown, wrong, ..] = timings;
    println!("\nUnknown user and wrong password: {}", Comparison::of(unknown, wrong));
}
