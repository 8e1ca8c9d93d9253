//! The time until the first byte, the first words and the last byte of answers whose model replies at once, over the Lambda
//! Runtime API and an embedded `DynamoDB`. A buffered answer, a balance, stands beside them.
//!
//! Arguments name other binaries of `chat-completions`, to measure them side by side.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::gateway::Request;
use testkit::people::{self, PASSWORD};
use testkit::runtime_api::Function;
use testkit::stack::Stack;
use testkit::timings::Timings;

const TURNS: usize = 15;
const REQUESTS_OF_A_TURN: usize = 20;

/// One function, and the event that it is sent.
struct AnswerCase {
    name: String,
    function: Function,
    event: Value,
    /// The text that the first words have.
    words: &'static str,
    is_buffered: bool,
    timings: [Timings; 3],
}

/// The times from the event to the first byte, the first words and the last byte.
type AnswerTimes = [Duration; 3];

impl AnswerCase {
    async fn measure(&self) -> AnswerTimes {
        let began = Instant::now();
        if self.is_buffered {
            self.function.invoke(&self.event).await.unwrap();
            return [began.elapsed(); 3];
        }
        let mut stream = self.function.stream(&self.event).await.unwrap();
        assert_eq!(stream.prelude().await.unwrap()["statusCode"], 200);
        let (first_byte, mut first_words, mut text) = (began.elapsed(), None, String::new());
        while let Some(part) = stream.next().await.unwrap() {
            text += &part;
            if first_words.is_none() && text.contains(self.words) {
                first_words = Some(began.elapsed());
            }
        }
        [first_byte, first_words.unwrap(), began.elapsed()]
    }
}

#[tokio::main]
async fn main() {
    // Cargo builds all of the functions' binaries into one folder.
    let binary = |name: &str| Path::new(env!("CARGO_BIN_EXE_chat-completions")).with_file_name(name);
    let stack = Stack::start(binary, &[("STARTING_TOKENS", "1000000")]).await;
    people::register(&stack, "ada").await;
    let access = people::log_in(&stack, "ada", PASSWORD).await.access;
    let key = people::make_api_key(&stack, &access).await.key;
    // Arguments that begin with a dash are flags of Cargo's own.
    let named = env::args().skip(1).filter(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let mut cases =
        vec![start(&stack, &binary("token-balance"), "a balance", &Request::get("/token_balance/"), &key).await];
    for binary in std::iter::once(binary("chat-completions")).chain(named) {
        for (kind, stream) in [("whole", false), ("streamed", true)] {
            let body = json!({"model": "dummy", "messages": [{"role": "user", "content": "Hello"}], "stream": stream});
            let request = Request::post("/v1/chat/completions").json(&body);
            cases.push(start(&stack, &binary, kind, &request, &key).await);
        }
    }
    measure(&mut cases).await;
    print_table(&cases);
}

async fn start(stack: &Stack, binary: &Path, kind: &str, request: &Request, key: &str) -> AnswerCase {
    let function = Function::start(binary, stack.environment());
    function.wait_until_ready().await.unwrap();
    let event = request.clone().bearer(key).to_rest_event();
    let (name, is_buffered) = (format!("{}, {kind}", binary.display()), kind == "a balance");
    AnswerCase { name, function, event, words: "Dummy", is_buffered, timings: Default::default() }
}

/// In random order each case has some requests, one after the other as from a busy client, and then another case.
async fn measure(cases: &mut [AnswerCase]) {
    let mut random = fastrand::Rng::with_seed(1);
    let mut order: Vec<usize> = (0..cases.len()).collect();
    for turn in 0..=TURNS {
        random.shuffle(&mut order);
        for &position in &order {
            for _ in 0..REQUESTS_OF_A_TURN {
                let times = cases[position].measure().await;
                // Code, caches and connections are warm after the first turn.
                if turn > 0 {
                    for (timings, time) in cases[position].timings.iter_mut().zip(times) {
                        timings.add(time);
                    }
                }
            }
        }
    }
}

fn print_table(cases: &[AnswerCase]) {
    println!("| answer | n | first byte: p50, ms | p99 | first words: p50 | p99 | last byte: p50 | p99 |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for AnswerCase { name, timings, .. } in cases {
        let quantiles = timings.iter().flat_map(|timings| [0.5, 0.99].map(|share| timings.quantile_ms(share)));
        let columns: Vec<String> = quantiles.map(|time| format!("{time:.1}")).collect();
        println!("| {name} | {} | {} |", timings[0].count(), columns.join(" | "));
    }
}
