//! The order of the requests: the ways take turns, so that disturbances of the machine hit all alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::answer_times::{AnswerTimes, Samples};
use crate::arguments::Arguments;
use crate::round_trips::RoundTrips;
use crate::way::{READERS, Way, body};

/// The rounds in which each way is asked by all readers at once.
const ROUNDS_AT_ONCE: usize = 2;

/// The times of each way with one reader, in the order of the ways.
pub struct OneAtATime {
    pub streamed: Vec<Samples>,
    pub whole: Vec<Samples>,
    pub round_trips: RoundTrips,
}

/// A way with all readers at once.
#[derive(Default)]
pub struct AtOnce {
    pub samples: Samples,
    /// The time of the rounds together.
    took: Duration,
    /// The processes, and their memory together, at the end of the last round.
    pub memory: Option<(usize, u64)>,
}

impl AtOnce {
    /// The answers that ended in a second.
    pub fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.samples.end.count()).unwrap()) / self.took.as_secs_f64()
    }
}

/// Each way has some requests of each kind, one after the other as from a busy client, in random order.
pub async fn in_turns(ways: &[Arc<Way>], mut round_trips: RoundTrips, arguments: &Arguments) -> OneAtATime {
    let samples = || -> Vec<Samples> { ways.iter().map(|_| Samples::default()).collect() };
    let (mut streamed, mut whole) = (samples(), samples());
    let mut random = fastrand::Rng::with_seed(1);
    // The last place is that of the requests to the table.
    let mut order: Vec<usize> = (0..=2 * ways.len()).collect();
    for turn in 0..=arguments.turns {
        random.shuffle(&mut order);
        for &place in &order {
            for _ in 0..arguments.requests_of_a_turn {
                let Some(way) = ways.get(place / 2) else {
                    round_trips.make().await;
                    continue;
                };
                let is_streamed = place % 2 == 0;
                let times = way.ask(0, &body(is_streamed)).await;
                // Code, caches and connections are warm after the first turn.
                if turn > 0 {
                    let of = if is_streamed { &mut streamed } else { &mut whole };
                    of[place / 2].add(times);
                }
            }
        }
        if turn == 0 {
            round_trips.times = Default::default();
        }
        eprintln!("Turn {turn} of {} is over.", arguments.turns);
    }
    OneAtATime { streamed, whole, round_trips }
}

/// All readers ask each way at once, one way after the other.
pub async fn side_by_side(ways: &[Arc<Way>], arguments: &Arguments) -> Vec<AtOnce> {
    let mut measured: Vec<AtOnce> = ways.iter().map(|_| AtOnce::default()).collect();
    for way in ways {
        // Each process and each connection has been used before.
        ask_at_once(way, Duration::ZERO).await;
    }
    for _ in 0..ROUNDS_AT_ONCE {
        for (way, of) in ways.iter().zip(&mut measured) {
            let (answers, took) = ask_at_once(way, arguments.at_once_for).await;
            of.took += took;
            for times in answers {
                of.samples.add(times);
            }
            of.memory = way.memory();
            eprintln!("{READERS} readers have asked {}.", way.name);
        }
    }
    measured
}

/// Each reader asks again and again until the time is over, at least once. Returns the answers, and how long it took until the
/// last of them ended.
async fn ask_at_once(way: &Arc<Way>, time: Duration) -> (Vec<AnswerTimes>, Duration) {
    let began = Instant::now();
    let reader = |number: usize| {
        let way = Arc::clone(way);
        tokio::spawn(async move {
            let (body, mut answers) = (body(true), Vec::new());
            while answers.is_empty() || began.elapsed() < time {
                answers.push(way.ask(number, &body).await);
            }
            answers
        })
    };
    let readers: Vec<_> = (0..READERS).map(reader).collect();
    let mut answers = Vec::new();
    for reader in readers {
        answers.extend(reader.await.unwrap());
    }
    (answers, began.elapsed())
}
