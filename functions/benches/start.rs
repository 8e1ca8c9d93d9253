//! The cost of each model in the chat function: the size of the binary, and the time from its start to its first
//! request for work. During a start the function also loads the public keys from an embedded `DynamoDB`.
//!
//! Arguments name binaries that were built with other features, to measure them side by side.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::runtime_api::Function;
use testkit::stack::Stack;
use testkit::timings::Timings;

const ROUNDS: usize = 300;
/// Rounds that are not measured. The code is in memory after them.
const WARM_UP_ROUNDS: usize = 10;

const MODELS: [&str; 3] = ["dummy", "openai", "bedrock"];

/// A binary, and the model that its settings name.
struct BuiltModel {
    binary: PathBuf,
    model: &'static str,
    timings: Timings,
}

impl BuiltModel {
    /// The duration of a start; `None` for a model that is not built in.
    async fn measure(&self, stack: &Stack) -> Option<Duration> {
        let settings = [("MODEL", self.model), ("MODEL_ID", "some-model"), ("OPENAI_API_KEY", "key")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = stack.environment().into_iter().chain(settings);
        let started = Instant::now();
        let function = Function::start(&self.binary, environment);
        let ready = function.wait_until_ready().await;
        ready.is_ok().then(|| started.elapsed())
    }
}

#[tokio::main]
async fn main() {
    // Arguments that begin with a dash are flags of Cargo's own.
    let named = env::args().skip(1).filter(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let mut binaries: Vec<PathBuf> = named.collect();
    if binaries.is_empty() {
        binaries.push(PathBuf::from(env!("CARGO_BIN_EXE_chat")));
    }
    let stack = Stack::start(|_| PathBuf::new(), &[]).await;
    let mut cases = Vec::new();
    for binary in &binaries {
        for model in MODELS {
            let case = BuiltModel { binary: binary.clone(), model, timings: Timings::default() };
            if case.measure(&stack).await.is_some() {
                cases.push(case);
            }
        }
    }
    measure(&stack, &mut cases).await;
    print_table(&cases);
}

/// Each round starts each case once, in random order, so that disturbances of the machine hit all cases alike.
async fn measure(stack: &Stack, cases: &mut [BuiltModel]) {
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..ROUNDS + WARM_UP_ROUNDS {
        random.shuffle(cases);
        for case in &mut *cases {
            let took = case.measure(stack).await.unwrap();
            if round >= WARM_UP_ROUNDS {
                case.timings.add(took);
            }
        }
    }
    cases.sort_by_key(|case| (size_bytes(&case.binary), MODELS.iter().position(|model| *model == case.model)));
}

fn print_table(cases: &[BuiltModel]) {
    println!("| binary | bytes | `MODEL` | n | start: min, ms | median | p95 |\n|---|--:|---|--:|--:|--:|--:|");
    for BuiltModel { binary, model, timings } in cases {
        let [min, median, p95] = [0.0, 0.5, 0.95].map(|share| timings.quantile_ms(share));
        let (name, bytes) = (binary.file_name().unwrap().to_string_lossy(), size_bytes(binary));
        println!("| {name} | {bytes} | {model} | {} | {min:.2} | {median:.2} | {p95:.2} |", timings.count());
    }
}

fn size_bytes(binary: &Path) -> u64 {
    fs::metadata(binary).unwrap().len()
}
