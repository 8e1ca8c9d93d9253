//! The tables that the program prints.

use std::sync::Arc;

use testkit::timings::Timings;

use crate::answer_times::Samples;
use crate::round_trips::OPERATIONS;
use crate::turns::{AtOnce, OneAtATime};
use crate::way::{READERS, Way};

/// The most that this gateway may add to the first and to the last word, beside one round trip to the table.
const ALLOWED_MS: f64 = 2.0;

pub fn print(ways: &[Arc<Way>], alone: &OneAtATime, at_once: &[AtOnce], requests: &[String]) {
    let n = alone.streamed[0].end.count();
    println!(
        "\n| one at a time, n = {n}, ms | first word: p50 | p99 | last word: p50 | p99 | end: p50 | p99 | whole: p50 | p99 |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (number, way) in ways.iter().enumerate() {
        let (streamed, whole) = (&alone.streamed[number], &alone.whole[number]);
        println!("| {} | {} | {} |", way.name, columns(streamed), quantiles(&whole.end));
    }
    println!(
        "\n| {READERS} at once, streamed, ms | n | a second | first word: p50 | p99 | last word: p50 | p99 | end: p50 | p99 |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (way, of) in ways.iter().zip(at_once) {
        let (n, columns) = (of.samples.end.count(), columns(&of.samples));
        println!("| {} | {n} | {:.0} | {columns} |", way.name, of.per_second());
    }
    print_processes(ways, at_once);
    print_round_trips(alone, requests);
    print_added(ways, alone);
}

fn columns(samples: &Samples) -> String {
    [&samples.first_word, &samples.last_word, &samples.end].map(quantiles).join(" | ")
}

fn quantiles(timings: &Timings) -> String {
    [0.5, 0.99].map(|share| format!("{:.1}", timings.quantile_ms(share))).join(" | ")
}

fn print_processes(ways: &[Arc<Way>], at_once: &[AtOnce]) {
    println!("\n| processes | n | ready after, ms: median | memory of all, MiB | of each |\n|---|--:|--:|--:|--:|");
    for (way, AtOnce { memory, .. }) in ways.iter().zip(at_once) {
        if let (Some((count, bytes)), Some(ready)) = (memory, &way.ready) {
            let memory = mebibytes(*bytes);
            let each = memory / f64::from(u32::try_from(*count).unwrap());
            println!("| {} | {count} | {:.1} | {memory:.0} | {each:.1} |", way.name, ready.quantile_ms(0.5));
        }
    }
}

fn print_round_trips(alone: &OneAtATime, requests: &[String]) {
    println!("\n| round trip to DynamoDB, ms | p50 | p99 |\n|---|--:|--:|");
    for (operation, times) in OPERATIONS.iter().zip(&alone.round_trips.times) {
        println!(
            "| {operation} | {} |",
            [0.5, 0.99].map(|share| format!("{:.2}", times.quantile_ms(share))).join(" | ")
        );
    }
    println!("\nA streamed answer of this gateway makes, one after the other: {}.", requests.join(", "));
}

/// What this gateway adds to the medians of the provider alone, beside what it may add.
fn print_added(ways: &[Arc<Way>], alone: &OneAtATime) {
    let allowed = alone.round_trips.times[0].quantile_ms(0.5) + ALLOWED_MS;
    let median = |number: usize| {
        let samples = &alone.streamed[number];
        [&samples.first_word, &samples.last_word, &samples.end].map(|timings| timings.quantile_ms(0.5))
    };
    let provider = median(0);
    for (number, way) in ways.iter().enumerate().skip(1) {
        let added = median(number);
        let [first, last, end] = [0, 1, 2].map(|place| added[place] - provider[place]);
        println!("{} adds {first:.2} ms to the first word, {last:.2} to the last, {end:.2} to the end.", way.name);
    }
    println!("One round trip and {ALLOWED_MS:.0} ms are {allowed:.2} ms.");
}

#[expect(clippy::cast_precision_loss, reason = "some mebibytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
