//! The schedules that run with every `cargo test`, and more on demand.

use std::time::Instant;

use crate::simulation::sabotage::Sabotage;
use crate::simulation::schedule;

/// The schedules of one `cargo test`, over all the tests here.
const SCHEDULES: u64 = 2_000;

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Runs every second schedule, so that two tests keep two cores busy.
fn run_share(share: u64) {
    if let Some(seed) = number_from_environment("SIMULATION_SEED") {
        if seed % 2 == share {
            prove(seed);
        }
        return;
    }
    let started = Instant::now();
    let schedules = number_from_environment("SIMULATION_SCHEDULES").unwrap_or(SCHEDULES);
    for seed in (share..schedules).step_by(2) {
        prove(seed);
        if seed / 2 % 5_000 == 4_999 {
            let elapsed_s = started.elapsed().as_secs();
            eprintln!("simulation: schedule {seed} of {schedules} is right, after {elapsed_s} s");
        }
    }
}

fn prove(seed: u64) {
    let outcome = schedule::run(seed, None);
    assert!(
        outcome.violations.is_empty(),
        "{}\n\nschedule {seed} failed; SIMULATION_SEED={seed} runs it alone:\n{}",
        outcome.trace.join("\n"),
        outcome.violations.join("\n"),
    );
}

#[test]
fn the_ledger_is_right_after_every_even_schedule() {
    run_share(0);
}

#[test]
fn the_ledger_is_right_after_every_odd_schedule() {
    run_share(1);
}

#[test]
fn a_seed_is_a_schedule() {
    for seed in 0..10 {
        let (first, second) = (schedule::run(seed, None), schedule::run(seed, None));
        assert_eq!(first.trace, second.trace, "schedule {seed}");
        assert_ne!(first.trace, schedule::run(seed + 1, None).trace);
    }
}

/// The first schedule that shows that the ledger is broken.
fn assert_found(sabotage: Sabotage) {
    let found = (0..SCHEDULES).find_map(|seed| {
        let violation = schedule::run(seed, Some(sabotage)).violations.into_iter().next()?;
        Some((seed, violation))
    });
    let (seed, violation) = found.unwrap_or_else(|| panic!("{SCHEDULES} schedules do not find {sabotage:?}"));
    eprintln!("simulation: {sabotage:?} is found by schedule {seed}: {violation}");
}

#[test]
fn an_unconditional_debit_is_found() {
    assert_found(Sabotage::UnconditionalDebit);
}

#[test]
fn a_capture_of_whatever_hold_is_there_is_found() {
    assert_found(Sabotage::CaptureOfAnyHold);
}

#[test]
fn an_unconditional_release_is_found() {
    assert_found(Sabotage::UnconditionalRelease);
}

#[test]
fn holds_that_count_for_nothing_are_found() {
    assert_found(Sabotage::NothingIsLive);
}

#[test]
fn an_idempotency_record_outside_the_transaction_is_found() {
    assert_found(Sabotage::RecordOutsideTransaction);
}

#[test]
fn calling_a_message_free_without_an_acknowledged_void_is_found() {
    assert_found(Sabotage::VoidNotWritten);
}
