//! When the words of an answer arrive.

use std::time::{Duration, Instant};

use testkit::instant_provider::{FIRST_WORD, LAST_WORD};
use testkit::timings::Timings;

/// The times from a request to its answer.
#[derive(Clone, Copy)]
pub struct AnswerTimes {
    pub first_word: Duration,
    pub last_word: Duration,
    /// The end of the answer, which has what it cost.
    pub end: Duration,
}

/// An answer that is arriving.
pub struct Arriving {
    asked: Instant,
    text: String,
    first_word: Option<Duration>,
    last_word: Option<Duration>,
}

impl Arriving {
    pub fn asked_now() -> Self {
        Self { asked: Instant::now(), text: String::new(), first_word: None, last_word: None }
    }

    /// A part has arrived.
    pub fn part(&mut self, part: &str) {
        // A word may come in two parts.
        let seen = self.text.len().saturating_sub(LAST_WORD.len());
        self.text += part;
        let new = self.text.get(seen..).unwrap_or(&self.text);
        for (word, time) in [(FIRST_WORD, &mut self.first_word), (LAST_WORD, &mut self.last_word)] {
            if time.is_none() && new.contains(word) {
                *time = Some(self.asked.elapsed());
            }
        }
    }

    /// The answer has ended.
    pub fn ended(self) -> AnswerTimes {
        let end = self.asked.elapsed();
        let (Some(first_word), Some(last_word)) = (self.first_word, self.last_word) else {
            panic!("The answer lacks the first or the last word: {}", self.text);
        };
        AnswerTimes { first_word, last_word, end }
    }
}

/// The times of many answers.
#[derive(Default)]
pub struct Samples {
    pub first_word: Timings,
    pub last_word: Timings,
    pub end: Timings,
}

impl Samples {
    pub fn add(&mut self, times: AnswerTimes) {
        self.first_word.add(times.first_word);
        self.last_word.add(times.last_word);
        self.end.add(times.end);
    }
}
