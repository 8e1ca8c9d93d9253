//! Properties of the judgement.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use testkit::test_table::NOW;

const MINUTE: Duration = Duration::from_secs(60);

fn network(number: u8) -> SourceNetwork {
    SourceNetwork::of_address(&format!("0:0:0:{number:x}::1"))
}

fn attempt(at: Timestamp, number: u8) -> RecordedAttempt {
    RecordedAttempt::new(at, network(number)).unwrap()
}

/// A name at which attempts are made; those that are admitted are recorded.
#[derive(Clone, Default)]
struct GuessedName {
    history: AttemptHistory,
    admitted: Vec<(Timestamp, u8)>,
}

impl GuessedName {
    fn try_at(&mut self, now: Timestamp, number: u8, trusted: bool) -> Result<RecordedAttempt, Duration> {
        let wait = self.history.wait(now, network(number), trusted);
        if !wait.is_zero() {
            return Err(wait);
        }
        let own = attempt(now, number);
        self.history = self.history.with(own.clone());
        self.admitted.push((now, number));
        Ok(own)
    }

    fn admitted_within(&self, span: Duration, of: impl Fn(u8) -> bool) -> usize {
        let times: Vec<Timestamp> = self.admitted.iter().filter(|(_, number)| of(*number)).map(|(at, _)| *at).collect();
        let within = |from: &Timestamp| times.iter().filter(|at| **at >= *from && at.since(*from) < span).count();
        times.iter().map(within).max().unwrap_or(0)
    }
}

/// What a stranger does: after so long, from one of so many networks. Often at once, often just when
/// the last refusal allowed it.
#[derive(Clone, Debug)]
enum StrangersStep {
    Wait(Duration),
    WaitAsTold,
    Try(u8),
}

fn steps(networks: u8, most: usize) -> impl Strategy<Value = Vec<StrangersStep>> {
    let waits = prop_oneof![
        4 => (0_u64..3_000).prop_map(Duration::from_millis),
        4 => (0_u64..1_000_000).prop_map(Duration::from_millis),
        1 => (0_u64..8_000_000).prop_map(Duration::from_millis),
    ];
    let step = prop_oneof![
        1 => waits.prop_map(StrangersStep::Wait),
        3 => Just(StrangersStep::WaitAsTold),
        8 => (0..networks).prop_map(StrangersStep::Try),
    ];
    vec(step, 0..most)
}

fn play(steps: &[StrangersStep], mut each: impl FnMut(Timestamp, u8) -> Option<Duration>) -> Timestamp {
    let (mut now, mut told) = (NOW, Duration::ZERO);
    for step in steps {
        match step {
            StrangersStep::Wait(wait) => now = now.plus(*wait),
            StrangersStep::WaitAsTold => now = now.plus(std::mem::take(&mut told)),
            StrangersStep::Try(number) => told = each(now, *number).unwrap_or(told),
        }
    }
    now
}

fn any_set() -> impl Strategy<Value = Vec<RecordedAttempt>> {
    let attempt =
        (0_u64..20_000_000, proptest::option::weighted(0.9, 0_u8..40), prop_oneof![9 => Just(1), 1 => 5_u32..=15]);
    let attempt = attempt.prop_map(|(age, number, stands_for)| {
        let at = Timestamp::from_milliseconds(NOW.milliseconds() - age);
        attempt_of(at, number).standing_for(stands_for)
    });
    vec(attempt, 0..400)
}

fn attempt_of(at: Timestamp, number: Option<u8>) -> RecordedAttempt {
    match number {
        Some(number) => attempt(at, number),
        None => attempt(at, 0).without_network(),
    }
}

#[test]
fn five_attempts_are_free_and_each_further_one_waits_twice_as_long_as_the_last_up_to_fifteen_minutes() {
    let mut name = GuessedName::default();
    let mut now = NOW;
    for _ in 0..5 {
        name.try_at(now, 1, false).unwrap();
    }
    let mut waits = Vec::new();
    for _ in 0..13 {
        let wait = name.try_at(now, 1, true).unwrap_err();
        waits.push(wait.as_secs());
        let nearly = now.plus(wait.checked_sub(Duration::from_millis(1)).unwrap());
        assert_eq!(name.try_at(nearly, 1, true), Err(Duration::from_millis(1)));
        now = now.plus(wait);
        name.try_at(now, 1, true).unwrap();
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
}

#[test]
fn five_attempts_slow_a_network_only_if_they_come_within_fifteen_minutes() {
    let mut name = GuessedName::default();
    for minute in [0, 4, 8, 12] {
        name.try_at(NOW.plus(MINUTE * minute), 1, false).unwrap();
    }
    let mut late = name.clone();
    let last_moment = NOW.plus(Duration::from_millis(15 * 60_000 - 1));
    name.try_at(last_moment, 1, false).unwrap();
    assert_eq!(name.try_at(last_moment, 1, false), Err(Duration::from_secs(1)));
    // By then the first is forgotten, so that this is the fourth, and another is free.
    late.try_at(NOW.plus(MINUTE * 15), 1, false).unwrap();
    late.try_at(NOW.plus(MINUTE * 15), 1, false).unwrap();
    assert_eq!(late.try_at(NOW.plus(MINUTE * 15), 1, false), Err(Duration::from_secs(1)));
}

#[test]
fn a_slowed_network_is_forgiven_fifteen_minutes_after_its_last_wait_has_ended() {
    let slowed = || {
        let mut name = GuessedName::default();
        for _ in 0..5 {
            name.try_at(NOW, 1, false).unwrap();
        }
        name
    };
    let wait_of_sixth = |after: Duration| {
        let mut name = slowed();
        let now = NOW.plus(after);
        name.try_at(now, 1, false).unwrap();
        name.try_at(now, 1, false)
    };
    let end = Duration::from_secs(1 + 15 * 60);
    assert_eq!(wait_of_sixth(Duration::from_millis(1_000 + 15 * 60_000 - 1)), Err(Duration::from_secs(2)));
    assert!(wait_of_sixth(end).is_ok());
}

#[test]
fn a_hundred_attempts_an_hour_are_all_that_strangers_have_and_a_trusted_network_is_spared() {
    let mut name = GuessedName::default();
    for number in 0..100 {
        name.try_at(NOW.plus(Duration::from_secs(number.into())), number, false).unwrap();
    }
    let now = NOW.plus(MINUTE * 10);
    assert_eq!(name.try_at(now, 200, false), Err(MINUTE * 50));
    assert!(name.clone().try_at(now, 200, true).is_ok());
    assert!(name.try_at(NOW.plus(MINUTE * 60), 200, false).is_ok());
    assert_eq!(name.try_at(NOW.plus(MINUTE * 60), 201, false), Err(Duration::from_secs(1)));
}

#[test]
fn successes_that_are_withdrawn_leave_no_room_for_further_guesses() {
    let mut name = GuessedName::default();
    for number in 0..100 {
        name.try_at(NOW.plus(Duration::from_secs(number.into())), number, false).unwrap();
    }
    let now = NOW.plus(MINUTE * 10);
    let successes: Vec<_> = (0..20).map(|number| name.try_at(now, 100 + number, true).unwrap()).collect();
    let left = name.history.0.iter().filter(|attempt| !successes.iter().any(|success| success.is(attempt)));
    assert_eq!(AttemptHistory::new(left.cloned()).wait(now, network(200), false), MINUTE * 50);
}

#[test]
fn a_trusted_network_is_slowed_like_any_other() {
    let mut name = GuessedName::default();
    for _ in 0..5 {
        name.try_at(NOW, 1, true).unwrap();
    }
    assert_eq!(name.try_at(NOW, 1, true), Err(Duration::from_secs(1)));
    assert!(name.try_at(NOW, 2, false).is_ok());
}

#[test]
fn networks_beyond_the_twenty_last_active_ones_are_forgotten_and_their_attempts_count_for_the_name() {
    let mut name = GuessedName::default();
    for number in 0..=20 {
        name.try_at(NOW.plus(Duration::from_secs(number.into())), number, false).unwrap();
    }
    let networks: BTreeSet<_> = name.history.0.iter().filter_map(|attempt| attempt.network).collect();
    assert_eq!(networks, (1..=20).map(network).collect());
    assert_eq!(name.history.0.len(), 21);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whoever_waits_as_told_in_whole_seconds_is_let_in(steps in steps(4, 200), number in 0_u8..4, trusted: bool) {
        let mut name = GuessedName::default();
        let now = play(&steps, |now, number| name.try_at(now, number, trusted).err());
        let wait = name.history.wait(now, network(number), trusted);
        prop_assert!(wait <= HOUR);
        let told = Duration::from_secs(u64::try_from(wait.as_millis().div_ceil(1000)).unwrap());
        prop_assert!(name.try_at(now.plus(told), number, trusted).is_ok());
    }

    #[test]
    fn nobody_gets_more_guesses_than_the_waits_allow(steps in steps(8, 600)) {
        let mut name = GuessedName::default();
        // Half of the networks are trusted.
        play(&steps, |now, number| name.try_at(now, number, number < 4).err());
        for number in 0..8 {
            // Five, then after 1, 2, 4, up to 512 seconds.
            prop_assert!(name.admitted_within(MINUTE * 15, |of| of == number) <= 14);
            prop_assert!(name.admitted_within(Duration::from_secs(1), |of| of == number) <= 5);
        }
        prop_assert!(name.admitted_within(HOUR, |of| of >= 4) <= 100);
    }

    #[test]
    fn a_network_that_was_quiet_for_half_an_hour_is_free(steps in steps(1, 200)) {
        let mut name = GuessedName::default();
        let now = play(&steps, |now, number| name.try_at(now, number, true).err());
        for _ in 0..5 {
            prop_assert!(name.try_at(now.plus(MINUTE * 30), 0, true).is_ok());
        }
    }

    #[test]
    fn pruning_changes_no_judgement((networks, steps) in (1_u8..=20).prop_flat_map(|most| (Just(most), steps(most, 150)))) {
        let (mut name, mut everything) = (GuessedName::default(), AttemptHistory::default());
        let mut differences = Vec::new();
        play(&steps, |now, number| {
            for (other, trusted) in (0..networks).flat_map(|other| [(other, true), (other, false)]) {
                let waits = [&name.history, &everything].map(|history| history.wait(now, network(other), trusted));
                if waits[0] != waits[1] {
                    differences.push((now, other, trusted, waits));
                }
            }
            let own = name.try_at(now, number, number < 10);
            everything = AttemptHistory::new(everything.0.iter().cloned().chain(own.clone().ok()));
            own.err()
        });
        prop_assert_eq!(differences, []);
    }

    #[test]
    fn a_pruned_history_is_bounded_whatever_it_was(set in any_set()) {
        let pruned = AttemptHistory::new(set).with(attempt(NOW, 1));
        prop_assert!(pruned.0.len() <= AttemptHistory::MAX_ATTEMPTS, "{}", pruned.0.len());
        let bytes: usize = pruned.texts().iter().map(String::len).sum();
        prop_assert!(bytes <= AttemptHistory::MAX_ATTEMPTS * RecordedAttempt::MAX_BYTES);
        prop_assert!(bytes < 12_000);
    }

    #[test]
    fn pruning_twice_is_pruning_once(set in any_set()) {
        let once = AttemptHistory::new(set).pruned(NOW);
        prop_assert_eq!(once.pruned(NOW), once);
    }

    #[test]
    fn an_attempt_that_is_withdrawn_leaves_the_judgement_as_it_was(steps in steps(4, 200), number in 0_u8..4) {
        let mut name = GuessedName::default();
        let now = play(&steps, |now, number| name.try_at(now, number, true).err());
        let before = name.history.clone();
        if let Ok(own) = name.try_at(now, number, true) {
            let withdrawn = AttemptHistory::new(name.history.0.iter().filter(|attempt| **attempt != own).cloned());
            for (other, trusted) in (0..4).flat_map(|other| [(other, true), (other, false)]) {
                let waits = [&before, &withdrawn].map(|history| history.wait(now, network(other), trusted));
                prop_assert_eq!(waits[0], waits[1]);
            }
        }
    }

    #[test]
    fn a_history_reads_back_what_it_wrote_in_any_order(set in any_set()) {
        let history = AttemptHistory::new(set);
        let mut texts = history.texts();
        texts.reverse();
        texts.push("something else".to_owned());
        prop_assert_eq!(AttemptHistory::read(&texts), history);
    }
}
