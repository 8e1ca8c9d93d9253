//! Logs: one JSON object per line on standard output, where Lambda collects them.

use std::{io, panic};

pub use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::metrics;

/// The crates that may log below warnings. At its lower levels the AWS SDK prints whole requests, with the texts that
/// people wrote.
const OUR_CRATES: [&str; 10] =
    ["acts", "cloud", "domain", "endpoints", "identity", "ledger", "providers", "shared", "store", "telemetry"];

/// Starts logs of `level` and above, and the metrics of the stack `stack_name`, once per process.
pub fn start(level: LevelFilter, stack_name: &str) {
    let ours = OUR_CRATES.map(|name| (name, level));
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        // The runtime warns of cargo-lambda's setting for concurrency, which Lambda itself does not set.
        .with_target("lambda_runtime", LevelFilter::ERROR)
        // This client prints answers of a model's server that it cannot read, with the texts that people wrote.
        .with_target("async_openai", LevelFilter::OFF)
        .with_targets(ours);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(io::stdout);
    // A second start, as in tests, keeps the first.
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
    // The default hook prints the panic's message, which may quote a person's text. This one prints the location alone.
    panic::set_hook(Box::new(|panic| {
        tracing::error!(location = panic.location().map(tracing::field::display), "panicked");
    }));
    metrics::start(stack_name);
}
