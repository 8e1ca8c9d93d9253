//! Speed and size of the functions, beside a bare `lambda_http` function in the same run.
//!
//! Each function is the real binary, invoked over the Lambda Runtime API, with an embedded `DynamoDB`. CPU time is the
//! process's own, by the kernel's accounting: waiting does not count, and other processes do not either. Starts are
//! measured without and with TLS to `DynamoDB`, because TLS takes much of a cold start in Lambda.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod binaries;
mod requests;
mod starts;

use std::time::Instant;

use binaries::{BARE, Binary};
use requests::Requests;
use serde_json::json;
use starts::{MeasuredTable, Starts, Variables};
use testkit::process_usage::ProcessUsage;
use testkit::runtime_api::Function;
use testkit::stack::Stack;
use testkit::template::Template;
use testkit::timings::Timings;

const FIRST_INVOCATIONS: usize = 10;
const WARM_INVOCATIONS: usize = 200;
/// Invocations that are not measured. Code, caches and connections are warm after them.
const WARM_UP_INVOCATIONS: usize = 20;
const SETTINGS: [(&str, &str); 3] =
    [("LOG_LEVEL", "info"), ("REGISTRATIONS_PER_HOUR", "0"), ("STARTING_TOKENS", "1000000")];

/// The invocations of one function.
#[derive(Default)]
struct Invocations {
    first_cpu: Timings,
    warm: Timings,
    warm_cpu_ms: f64,
    peak_memory_bytes: u64,
}

#[tokio::main]
async fn main() {
    let binaries = binaries();
    let stack = Stack::start(binaries::binary, &SETTINGS).await;
    requests::register_people(&stack).await;
    starts::store_small_catalogue(&stack).await;
    let table = MeasuredTable::of(&stack).await;
    let starts = starts::of_functions(&binaries, &table).await;
    let mut invocations = Vec::new();
    for binary in &binaries {
        println!("Invoking {}.", binary.name);
        invocations.push(invoked(binary, &stack, &table.plain).await);
    }
    let other = Stack::start(binaries::binary, &SETTINGS).await;
    starts::store_large_catalogue(&other).await;
    let read_of_table = reads_of_table(&stack).await;
    let with_models = starts::with_models(&binaries, &table, &MeasuredTable::of(&other).await).await;
    print_functions(&binaries, &starts, &invocations);
    print_models(&with_models);
    println!(
        "\nA read of the table by this program, a debug build, takes {:.2} ms (p50).",
        read_of_table.quantile_ms(0.5)
    );
}

/// The bare function, and then the functions that the arguments name, or all functions of the template. An argument is
/// the name of a function, or the path of a binary that was built in another way, such as `target/lambda/*/bootstrap`.
fn binaries() -> Vec<Binary> {
    let mut named: Vec<String> = std::env::args().skip(1).collect();
    if named.is_empty() {
        named = Template::of_workspace().unwrap().functions().into_iter().map(|function| function.binary).collect();
        named.sort();
    }
    let binaries: Vec<Binary> = [BARE.to_owned()].into_iter().chain(named).map(Binary::named).collect();
    Binary::build(&binaries);
    binaries
}

async fn invoked(binary: &Binary, stack: &Stack, environment: &Variables) -> Invocations {
    let requests = Requests::prepare(stack).await;
    let mut of = Invocations::default();
    for _ in 0..FIRST_INVOCATIONS {
        let function = started(binary, environment).await;
        let usage = ProcessUsage::of(&function);
        let before = usage.when_idle().await;
        requests.ask(&binary.function, &function).await;
        of.first_cpu.add(usage.when_idle().await.checked_sub(before).unwrap());
    }
    let function = started(binary, environment).await;
    for _ in 0..WARM_UP_INVOCATIONS {
        requests.ask(&binary.function, &function).await;
    }
    let usage = ProcessUsage::of(&function);
    let before = usage.when_idle().await;
    for _ in 0..WARM_INVOCATIONS {
        of.warm.add(requests.ask(&binary.function, &function).await);
    }
    let cpu = usage.when_idle().await.checked_sub(before).unwrap();
    of.warm_cpu_ms = cpu.as_secs_f64() * 1000.0 / f64::from(u32::try_from(WARM_INVOCATIONS).unwrap());
    of.peak_memory_bytes = usage.peak_memory_bytes();
    of
}

/// The times of a read that finds nothing: the least part that each request to the table has in the times above.
async fn reads_of_table(stack: &Stack) -> Timings {
    let table = stack.table();
    let key = json!({"pk": {"S": "NOTHING"}, "sk": {"S": "NOTHING"}});
    let mut times = Timings::default();
    for _ in 0..WARM_INVOCATIONS {
        let began = Instant::now();
        table.call("GetItem", &json!({"TableName": table.name(), "Key": key})).await.unwrap();
        times.add(began.elapsed());
    }
    times
}

async fn started(binary: &Binary, environment: &Variables) -> Function {
    let function = Function::start(&binary.path, environment.clone());
    function.wait_until_ready().await.unwrap_or_else(|error| panic!("{error}"));
    function
}

fn print_functions(binaries: &[Binary], starts: &[Starts], invocations: &[Invocations]) {
    println!(
        "\n| function | start: median, ms | p99 | its CPU | … over TLS | first: CPU | warm: CPU | p50 | p99 | memory, MiB \
         | binary, MB | zip |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for ((binary, starts), of) in binaries.iter().zip(starts).zip(invocations) {
        let first = of.first_cpu.quantile_ms(0.5);
        let [warm, warm_p99] = [0.5, 0.99].map(|share| of.warm.quantile_ms(share));
        let (warm_cpu, memory) = (of.warm_cpu_ms, mebibytes(of.peak_memory_bytes));
        let [size, zip] = [binary.size_bytes(), binary.zip_bytes()].map(megabytes);
        println!(
            "| {} | {first:.2} | {warm_cpu:.2} | {warm:.2} | {warm_p99:.2} | {memory:.1} | {size:.1} | {zip:.2} |",
            start_columns(starts)
        );
    }
}

fn print_models(starts: &[Starts]) {
    if starts.is_empty() {
        return;
    }
    println!("\n| function, with | start: median, ms | p99 | its CPU | … over TLS |\n|---|--:|--:|--:|--:|");
    for of in starts {
        println!("| {} |", start_columns(of));
    }
}

fn start_columns(of: &Starts) -> String {
    let [median, p99] = [0.5, 0.99].map(|share| of.took.quantile_ms(share));
    let [cpu, over_tls] = [&of.cpu, &of.cpu_over_tls].map(|times| times.quantile_ms(0.5));
    format!("{} | {median:.1} | {p99:.1} | {cpu:.1} | {over_tls:.1}", of.name)
}

#[expect(clippy::cast_precision_loss, reason = "some megabytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "some mebibytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
