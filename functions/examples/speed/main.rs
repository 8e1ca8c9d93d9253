//! Speed and size of the functions, beside a bare `lambda_http` function in the same run.
//!
//! Each function is the real binary, invoked over the Lambda Runtime API, with an embedded `DynamoDB`. CPU time is the
//! process's own, by the kernel's accounting: waiting does not count, and other processes do not either. Starts are
//! measured without and with TLS to `DynamoDB`, because TLS takes much of a cold start in Lambda.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

mod binaries;
mod process;
mod requests;

use std::time::{Duration, Instant};

use binaries::{BARE, Binary};
use process::ProcessUsage;
use requests::Requests;
use testkit::runtime_api::Function;
use testkit::stack::Stack;
use testkit::template::Template;
use testkit::timings::Timings;
use testkit::tls_front::TlsFront;

/// Enough for a 99th percentile: with fewer it would be the slowest start.
const STARTS: usize = 100;
const FIRST_INVOCATIONS: usize = 10;
const WARM_INVOCATIONS: usize = 200;
/// Invocations that are not measured. Code, caches and connections are warm after them.
const WARM_UP_INVOCATIONS: usize = 20;
const SETTINGS: [(&str, &str); 3] =
    [("LOG_LEVEL", "info"), ("REGISTRATIONS_PER_HOUR", "0"), ("STARTING_TOKENS", "1000000")];

/// The measurements of one function.
#[derive(Default)]
struct Measured {
    start: Timings,
    start_cpu: Timings,
    start_cpu_over_tls: Timings,
    first_cpu: Timings,
    warm: Timings,
    warm_cpu_ms: f64,
    peak_memory_bytes: u64,
}

type Variables = Vec<(String, String)>;

#[tokio::main]
async fn main() {
    let binaries = binaries();
    let stack = Stack::start(binaries::binary, &SETTINGS).await;
    requests::register_people(&stack).await;
    let front = TlsFront::start(&stack.recorder().endpoint()).await;
    let mut measured: Vec<Measured> = binaries.iter().map(|_| Measured::default()).collect();
    measure_starts(&binaries, &stack, &front, &mut measured).await;
    for (binary, measured) in binaries.iter().zip(&mut measured) {
        println!("Invoking {}.", binary.name);
        measure_invocations(binary, &stack, measured).await;
    }
    print_table(&binaries, &measured);
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

fn over_tls(environment: &Variables, front: &TlsFront) -> Variables {
    let mut environment = environment.clone();
    environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
    environment.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), front.endpoint()));
    environment.push(("AWS_CA_BUNDLE".to_owned(), front.certificate().to_str().unwrap().to_owned()));
    environment
}

/// Each round starts each function twice, without and with TLS, in random order, so that disturbances of the machine
/// hit all functions alike.
async fn measure_starts(binaries: &[Binary], stack: &Stack, front: &TlsFront, measured: &mut [Measured]) {
    let plain = stack.environment();
    let tls = over_tls(&plain, front);
    let mut random = fastrand::Rng::with_seed(1);
    let mut order: Vec<usize> = (0..binaries.len()).collect();
    for round in 0..=STARTS {
        random.shuffle(&mut order);
        for &position in &order {
            let (took, cpu) = start(&binaries[position], &plain).await;
            let (_, cpu_over_tls) = start(&binaries[position], &tls).await;
            // The first round reads the binaries from the disk.
            if round > 0 {
                measured[position].start.add(took);
                measured[position].start_cpu.add(cpu);
                measured[position].start_cpu_over_tls.add(cpu_over_tls);
            }
        }
        if round % 10 == 0 {
            println!("Started each function {round} of {STARTS} times, without and with TLS.");
        }
    }
}

/// The time from the start of a process to its first request for work, and the CPU time until then.
async fn start(binary: &Binary, environment: &Variables) -> (Duration, Duration) {
    let started = Instant::now();
    let function = Function::start(&binary.path, environment.clone());
    function.wait_until_ready().await.unwrap_or_else(|error| panic!("{error}"));
    let took = started.elapsed();
    (took, ProcessUsage::of(&function).when_idle().await)
}

async fn measure_invocations(binary: &Binary, stack: &Stack, measured: &mut Measured) {
    let requests = Requests::prepare(stack).await;
    for _ in 0..FIRST_INVOCATIONS {
        let function = started(binary, stack).await;
        let usage = ProcessUsage::of(&function);
        let before = usage.when_idle().await;
        requests.ask(&binary.function, &function).await;
        measured.first_cpu.add(usage.when_idle().await.checked_sub(before).unwrap());
    }
    let function = started(binary, stack).await;
    for _ in 0..WARM_UP_INVOCATIONS {
        requests.ask(&binary.function, &function).await;
    }
    let usage = ProcessUsage::of(&function);
    let before = usage.when_idle().await;
    for _ in 0..WARM_INVOCATIONS {
        measured.warm.add(requests.ask(&binary.function, &function).await);
    }
    let cpu = usage.when_idle().await.checked_sub(before).unwrap();
    measured.warm_cpu_ms = cpu.as_secs_f64() * 1000.0 / f64::from(u32::try_from(WARM_INVOCATIONS).unwrap());
    measured.peak_memory_bytes = usage.peak_memory_bytes();
}

async fn started(binary: &Binary, stack: &Stack) -> Function {
    let function = Function::start(&binary.path, stack.environment());
    function.wait_until_ready().await.unwrap_or_else(|error| panic!("{error}"));
    function
}

fn print_table(binaries: &[Binary], measured: &[Measured]) {
    println!(
        "\n| function | start: median, ms | p99 | its CPU | … over TLS | first: CPU | warm: CPU | p50 | p99 | memory, MiB \
         | binary, MB | zip |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for (binary, of) in binaries.iter().zip(measured) {
        let [median, p99] = [0.5, 0.99].map(|share| of.start.quantile_ms(share));
        let [cpu, tls, first] = [&of.start_cpu, &of.start_cpu_over_tls, &of.first_cpu].map(|it| it.quantile_ms(0.5));
        let [warm, warm_p99] = [0.5, 0.99].map(|share| of.warm.quantile_ms(share));
        let (warm_cpu, memory) = (of.warm_cpu_ms, mebibytes(of.peak_memory_bytes));
        let [size, zip] = [binary.size_bytes(), binary.zip_bytes()].map(megabytes);
        println!(
            "| {} | {median:.1} | {p99:.1} | {cpu:.1} | {tls:.1} | {first:.2} | {warm_cpu:.2} | {warm:.2} | {warm_p99:.2} \
             | {memory:.1} | {size:.1} | {zip:.2} |",
            binary.name
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "some megabytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "some mebibytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
