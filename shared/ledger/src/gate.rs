//! The gate before whatever costs. An operator closes it for a restore, or in an attack.
//!
//! A function asks the table for the operator's word when it starts, and again when it last asked half a minute ago. A
//! read that fails changes nothing for another half minute. After that no request begins before a read has succeeded: so
//! a stop is heard within a minute, by a function whose table cannot be read too.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::time::{Clock, Timestamp};
use store::{StoreError, Table, WARM_UP_LIMIT};

use crate::acceptance::Acceptance;

/// Longest time in which a function does not hear the operator's word.
pub const LONGEST_UNHEARD: Duration = Duration::from_secs(60);

/// Age at which the word is asked for again.
const RENEWAL_AGE: Duration = Duration::from_secs(30);

/// Timeout for asking again while the last word still counts.
const RENEWAL_TIMEOUT: Duration = Duration::from_millis(500);

/// Age at which the word does not count any more. A renewal that fails must not outlast [`LONGEST_UNHEARD`].
const EXPIRY_AGE: Duration = LONGEST_UNHEARD.saturating_sub(RENEWAL_TIMEOUT);

/// The permission to begin one thing that costs: a message, or an account with credits to start with. Only
/// [`Gate::accepting`] gives it.
#[derive(Debug)]
#[must_use = "it is a proof for the ledger"]
pub struct Accepting(());

impl Accepting {
    /// A permission that nobody was asked for.
    #[cfg(any(test, feature = "test-util"))]
    pub fn unasked() -> Self {
        Self(())
    }
}

/// The reason why a request that costs may not begin.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// An operator has stopped whatever costs.
    #[error("an operator has stopped whatever costs")]
    NotAccepting,
    /// The operator's word cannot be read, and the last one is too old.
    #[error("{0}")]
    Unheard(StoreError),
}

impl From<StoreError> for GateError {
    fn from(error: StoreError) -> Self {
        Self::Unheard(error)
    }
}

/// The gate of a function.
#[derive(Debug)]
pub struct Gate {
    speaker: Speaker,
    clock: Clock,
    heard: Mutex<Option<HeardWord>>,
}

/// The side that says whether requests are accepted.
#[derive(Debug)]
enum Speaker {
    Operator(Table),
    /// Nobody closes the gate of a simulation.
    #[cfg(any(test, feature = "test-util"))]
    Nobody,
}

/// The operator's word, as it was read.
#[derive(Clone, Copy, Debug)]
struct HeardWord {
    accepting: bool,
    asked_at: Timestamp,
}

impl HeardWord {
    /// Whether the word is younger than `age`. A clock that was set back makes no word younger.
    fn is_younger_than(self, age: Duration, now: Timestamp) -> bool {
        self.asked_at <= now && now.since(self.asked_at) < age
    }
}

impl Gate {
    /// The gate that an operator closes in `table`, with the operator's word if the table answers at once. Otherwise the
    /// first request asks for it.
    pub async fn start(table: Table, clock: Clock) -> Self {
        let gate = Self::new(Speaker::Operator(table), clock);
        match tokio::time::timeout(WARM_UP_LIMIT, gate.ask()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "the operator's word cannot be read yet"),
            Err(_) => tracing::warn!("the operator's word takes too long to read: start-up does not wait for it"),
        }
        gate
    }

    /// A gate that is always open, for simulations.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn without_operator(clock: Clock) -> Self {
        Self::new(Speaker::Nobody, clock)
    }

    fn new(speaker: Speaker, clock: Clock) -> Self {
        Self { speaker, clock, heard: Mutex::new(None) }
    }

    /// The permission to begin something that costs. While the operator's word is young, nothing is read.
    ///
    /// # Errors
    /// [`GateError::NotAccepting`] if an operator has stopped whatever costs; [`GateError::Unheard`] if that cannot be
    /// found out.
    pub async fn accepting(&self) -> Result<Accepting, GateError> {
        let now = self.clock.now();
        let word = match self.heard() {
            Some(word) if word.is_younger_than(RENEWAL_AGE, now) => word,
            Some(word) if word.is_younger_than(EXPIRY_AGE, now) => self.renewed(word).await,
            _ => self.ask().await?,
        };
        if word.accepting { Ok(Accepting(())) } else { Err(GateError::NotAccepting) }
    }

    /// The operator's word as it is now, or the `last` one if the table does not answer at once.
    async fn renewed(&self, last: HeardWord) -> HeardWord {
        match tokio::time::timeout(RENEWAL_TIMEOUT, self.ask()).await {
            Ok(Ok(word)) => return word,
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "the operator's word cannot be read"),
            Err(_) => tracing::warn!("the operator's word takes too long to read"),
        }
        last
    }

    async fn ask(&self) -> Result<HeardWord, StoreError> {
        let asked_at = self.clock.now();
        let word = HeardWord { accepting: self.speaker.is_accepting().await?, asked_at };
        self.remember(word);
        Ok(word)
    }

    fn heard(&self) -> Option<HeardWord> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers `word`, and logs a change. Of two reads at once, the later one counts.
    fn remember(&self, word: HeardWord) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if heard.is_some_and(|last| last.asked_at > word.asked_at && last.asked_at <= now) {
            return;
        }
        let was_accepting = heard.is_none_or(|last| last.accepting);
        *heard = Some(word);
        match (was_accepting, word.accepting) {
            (true, false) => tracing::warn!("an operator has stopped whatever costs"),
            (false, true) => tracing::warn!("an operator has resumed whatever costs"),
            _ => {}
        }
    }
}

impl Speaker {
    async fn is_accepting(&self) -> Result<bool, StoreError> {
        match self {
            Self::Operator(table) => {
                let acceptance: Option<Acceptance> = table.get_eventually(Acceptance::key()).await?;
                Ok(acceptance.is_none_or(|acceptance| acceptance.accepting))
            }
            #[cfg(any(test, feature = "test-util"))]
            Self::Nobody => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests;
