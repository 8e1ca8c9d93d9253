//! The gate before messages and registrations. An operator closes it for a restore, or in an attack.
//!
//! A function asks the table for the operator's last command when it starts, and again when it last asked half a minute
//! ago. A read that fails changes nothing for another half minute. After that no request begins before a read has
//! succeeded: so a stop is heard within a minute, by a function whose table cannot be read too.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::time::{Clock, Timestamp};
use store::{StoreError, Table, WARM_UP_LIMIT};

use crate::acceptance::Acceptance;

/// Longest time in which a function does not hear the operator's last command.
pub const LONGEST_UNHEARD: Duration = Duration::from_secs(60);

/// Age at which the command is asked for again.
const RENEWAL_AGE: Duration = Duration::from_secs(30);

/// Timeout for asking again while the last command still counts.
const RENEWAL_TIMEOUT: Duration = Duration::from_millis(500);

/// Age at which the command does not count any more. A renewal that fails must not outlast [`LONGEST_UNHEARD`].
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
    /// An operator has stopped messages and registrations.
    #[error("an operator has stopped messages and registrations")]
    NotAccepting,
    /// The operator's last command cannot be read, and the one that was read before is too old.
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
    source: CommandSource,
    clock: Clock,
    heard: Mutex<Option<HeardCommand>>,
}

/// The side that says whether requests are accepted.
#[derive(Debug)]
enum CommandSource {
    Operator(Table),
    /// Nobody closes the gate of a simulation.
    #[cfg(any(test, feature = "test-util"))]
    Nobody,
}

/// The operator's last command, as it was read.
#[derive(Clone, Copy, Debug)]
struct HeardCommand {
    accepting: bool,
    asked_at: Timestamp,
}

impl HeardCommand {
    /// Whether the command is younger than `age`. A clock that was set back makes no command younger.
    fn is_younger_than(self, age: Duration, now: Timestamp) -> bool {
        self.asked_at <= now && now.since(self.asked_at) < age
    }
}

impl Gate {
    /// The gate that an operator closes in `table`, with the operator's last command if the table answers at once.
    /// Otherwise the first request asks for it.
    pub async fn start(table: Table, clock: Clock) -> Self {
        let gate = Self::new(CommandSource::Operator(table), clock);
        match tokio::time::timeout(WARM_UP_LIMIT, gate.ask()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "the operator's last command cannot be read yet"),
            Err(_) => tracing::warn!("the operator's last command takes too long to read: the start goes on"),
        }
        gate
    }

    /// A gate that is always open, for simulations.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn without_operator(clock: Clock) -> Self {
        Self::new(CommandSource::Nobody, clock)
    }

    fn new(source: CommandSource, clock: Clock) -> Self {
        Self { source, clock, heard: Mutex::new(None) }
    }

    /// The permission to begin something that costs. While the operator's last command is young, nothing is read.
    ///
    /// # Errors
    /// [`GateError::NotAccepting`] if an operator has stopped messages and registrations; [`GateError::Unheard`] if that
    /// cannot be found out.
    pub async fn accepting(&self) -> Result<Accepting, GateError> {
        let now = self.clock.now();
        let command = match self.heard() {
            Some(command) if command.is_younger_than(RENEWAL_AGE, now) => command,
            Some(command) if command.is_younger_than(EXPIRY_AGE, now) => self.renewed(command).await,
            _ => self.ask().await?,
        };
        if command.accepting { Ok(Accepting(())) } else { Err(GateError::NotAccepting) }
    }

    /// The operator's last command as it is now, or the `last` one if the table does not answer at once.
    async fn renewed(&self, last: HeardCommand) -> HeardCommand {
        match tokio::time::timeout(RENEWAL_TIMEOUT, self.ask()).await {
            Ok(Ok(command)) => return command,
            Ok(Err(error)) => tracing::warn!(cause = error.cause(), "the operator's last command cannot be read"),
            Err(_) => tracing::warn!("the operator's last command takes too long to read"),
        }
        last
    }

    async fn ask(&self) -> Result<HeardCommand, StoreError> {
        let asked_at = self.clock.now();
        let command = HeardCommand { accepting: self.source.is_accepting().await?, asked_at };
        self.remember(command);
        Ok(command)
    }

    fn heard(&self) -> Option<HeardCommand> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers `command`, and logs a change. Of two reads at once, the later one counts.
    fn remember(&self, command: HeardCommand) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if heard.is_some_and(|last| last.asked_at > command.asked_at && last.asked_at <= now) {
            return;
        }
        let was_accepting = heard.is_none_or(|last| last.accepting);
        *heard = Some(command);
        match (was_accepting, command.accepting) {
            (true, false) => tracing::warn!("an operator has stopped messages and registrations"),
            (false, true) => tracing::warn!("an operator has resumed messages and registrations"),
            _ => {}
        }
    }
}

impl CommandSource {
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
