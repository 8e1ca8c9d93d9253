//! Thousands of random inputs for every parser of requests. The crate `properties` makes an input of bytes and checks
//! it; `testkit/fuzz` looks for more inputs with cargo-fuzz.

#![expect(clippy::unwrap_used, reason = "a property that cannot be looked at fails")]

use std::fmt::Debug;

use arbitrary::{Arbitrary, Unstructured};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed};

/// Longer inputs hit more cases, and shorter ones are faster.
const MAX_BYTES: usize = 600;

fn check<T: for<'a> Arbitrary<'a> + Debug>(cases: u32, check: impl Fn(&T)) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    };
    let input = proptest::collection::vec(any::<u8>(), 0..MAX_BYTES)
        .prop_map(|bytes| T::arbitrary(&mut Unstructured::new(&bytes)).unwrap());
    proptest!(config, |(input in input)| check(&input));
}

#[test]
fn a_bearer_token_is_what_follows_bearer_alone() {
    check(5_000, properties::authorization::Input::check);
}

#[test]
fn a_cursor_that_is_taken_is_its_users_and_its_lists() {
    check(5_000, properties::cursor::Input::check);
}

#[test]
fn what_is_read_from_a_request_is_what_was_sent_and_within_its_limits() {
    check(3_000, properties::request::Input::check);
}

#[test]
fn a_token_that_is_accepted_is_ours_and_alive() {
    check(5_000, properties::token::Input::check);
}
