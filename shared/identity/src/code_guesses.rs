//! The limit on guesses at codes from one network in an hour.
//!
//! Codes of vouchers, of invitations and of new passwords share one count. A guess is counted before the table is asked for
//! the code, so that a thousand guesses at once see no more answers than the limit. A code that is there takes its guess
//! back: only wrong ones stay. A code whose check character is wrong is no guess: it is refused before it is counted.

use domain::source_network::SourceNetwork;
use domain::time::{Clock, Timestamp};
use store::Table;

use crate::error::IdentityError;
use crate::hourly_counts::{ClockHour, HourlyCounts, LimitedCount};

/// Wrong codes in an hour from one network, and right ones that are being looked for at one moment: a class behind one
/// address that redeems its codes at once has room.
pub const GUESSES_OF_A_NETWORK: u64 = 100;

/// The guesses at codes in the table, counted by network and clock hour.
#[derive(Clone, Debug)]
pub struct CodeGuesses {
    table: Table,
    clock: Clock,
}

/// A guess that was counted. It is a wrong one until it is taken back.
#[derive(Debug)]
#[must_use = "a right code takes its guess back"]
pub struct CountedGuess {
    counts: HourlyCounts,
}

impl CodeGuesses {
    /// The guesses in `table`.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// Counts a guess from `network`, if its count has room.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`] until the hour ends if the network has used up its share,
    /// [`IdentityError::Unavailable`] if the table cannot be reached.
    pub async fn count(&self, network: SourceNetwork, deadline: Timestamp) -> Result<CountedGuess, IdentityError> {
        let hour = ClockHour::of(self.clock.now());
        let limit = LimitedCount { attribute: "failures".to_owned(), most: GUESSES_OF_A_NETWORK };
        let counts = HourlyCounts::new(hour, format!("GUESSES#CODE#{network}"), vec![limit]);
        counts.raise(&self.table, &self.clock, deadline).await?;
        Ok(CountedGuess { counts })
    }

    /// Takes `guess` back: the code is there. If that fails, one guess too many counts until the hour ends.
    pub async fn take_back(&self, guess: CountedGuess) {
        if let Err(error) = guess.counts.lower(&self.table).await {
            tracing::warn!(cause = error.cause(), "a right code could not take its guess back");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use futures_util::future::join_all;
    use testkit::recorder::Fault;
    use testkit::test_table::NOW;

    use crate::testing::TestPeople;

    fn network(address: &str) -> SourceNetwork {
        SourceNetwork::of_address(address)
    }

    fn guesses(test: &TestPeople) -> CodeGuesses {
        CodeGuesses::new(test.table.clone(), test.clock.clone())
    }

    #[tokio::test]
    async fn of_many_guesses_at_the_same_moment_as_many_as_the_limit_see_an_answer() {
        let test = TestPeople::start().await;
        let guesses = guesses(&test);
        let outcomes = join_all((0..120).map(|_| guesses.count(network("127.0.113.7"), NOW))).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 100);
        let throttled =
            |outcome: &&Result<CountedGuess, IdentityError>| matches!(outcome, Err(IdentityError::Throttled { .. }));
        assert_eq!(outcomes.iter().filter(throttled).count(), 20);
        assert!(guesses.count(network("127.0.100.7"), NOW).await.is_ok(), "another network");
        test.clock.advance(Duration::from_secs(3600));
        assert!(guesses.count(network("127.0.113.7"), NOW).await.is_ok(), "the next hour");
    }

    #[tokio::test]
    async fn a_right_code_takes_its_guess_back_and_makes_room() {
        let test = TestPeople::start().await;
        let guesses = guesses(&test);
        for _ in 0..GUESSES_OF_A_NETWORK - 1 {
            let _wrong = guesses.count(network("127.0.113.7"), NOW).await.unwrap();
        }
        for _ in 0..3 {
            let right = guesses.count(network("127.0.113.7"), NOW).await.unwrap();
            assert!(guesses.count(network("127.0.113.7"), NOW).await.is_err());
            guesses.take_back(right).await;
        }
        let right = guesses.count(network("127.0.113.7"), NOW).await.unwrap();
        test.recorder.fail_next("UpdateItem", Fault::NotApplied, 3);
        guesses.take_back(right).await;
        assert!(guesses.count(network("127.0.113.7"), NOW).await.is_err(), "it could not be taken back");
    }
}
