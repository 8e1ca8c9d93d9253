//! The time at which a connection to a provider was last used.
//!
//! A provider closes a connection that rests for too long, and Lambda does not wake a process to hear of it. A request on
//! such a connection fails, and may not be repeated: nobody knows whether the model is at work. So a connection that has
//! rested is first looked at by a request that asks for nothing (docs/decisions/kept-connections.md).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::time::{Clock, Timestamp};

/// Longest rest after which a connection is used as it is. The servers with the least patience that are known close a
/// connection after 2 s (gunicorn) and 5 s (Node, uvicorn, cpp-httplib).
const LONGEST_TRUSTED_REST: Duration = Duration::from_millis(1500);
/// Timeout for a look. A connection whose other side says nothing is given up.
pub(crate) const LOOK_TIMEOUT: Duration = Duration::from_secs(1);
/// One on the connection that rested, and one on a new connection if that one is closed.
pub(crate) const MAX_LOOKS: usize = 2;

/// The last use of the connection to one server.
#[derive(Clone, Debug)]
pub(crate) struct LastUse {
    clock: Clock,
    /// `None` before the first, and when the connection is lost.
    at: Arc<Mutex<Option<Timestamp>>>,
}

impl LastUse {
    /// Of a connection that was never opened.
    pub(crate) fn none_yet(clock: Clock) -> Self {
        Self { clock, at: Arc::default() }
    }

    /// The server has just sent something.
    pub(crate) fn note(&self) {
        self.set(Some(self.clock.now()));
    }

    /// There is no connection any more.
    pub(crate) fn forget(&self) {
        self.set(None);
    }

    /// Whether the caller has to look at the connection, and does so now. It is told once: others who ask meanwhile find the connection in
    /// use. A connection that was not opened yet is looked at if it `is_opened_early`.
    pub(crate) fn begin_look(&self, is_opened_early: bool) -> bool {
        let now = self.clock.now();
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let has_rested = match *at {
            None => is_opened_early,
            // A clock that was set back makes no use more recent.
            Some(used) => used > now || now.since(used) > LONGEST_TRUSTED_REST,
        };
        if has_rested {
            *at = Some(now);
        }
        has_rested
    }

    fn set(&self, at: Option<Timestamp>) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_looked_at_once_when_it_has_rested() {
        let clock = Clock::manual(Timestamp::from_seconds(100));
        let last_use = LastUse::none_yet(clock.clone());
        assert!(!last_use.begin_look(false), "there is none");
        assert!(last_use.begin_look(true), "it is opened");
        assert!(!last_use.begin_look(true), "somebody opens it");
        clock.advance(LONGEST_TRUSTED_REST);
        assert!(!last_use.begin_look(true));
        clock.advance(Duration::from_millis(1));
        assert!(last_use.begin_look(false));
        clock.advance(Duration::from_secs(60));
        last_use.note();
        assert!(!last_use.begin_look(true), "it was used");
        last_use.forget();
        assert!(!last_use.begin_look(false) && last_use.begin_look(true), "it is lost");
    }

    #[test]
    fn a_clock_that_was_set_back_trusts_no_connection() {
        let clock = Clock::manual(Timestamp::from_seconds(100));
        let last_use = LastUse { clock, at: Arc::new(Mutex::new(Some(Timestamp::from_seconds(101)))) };
        assert!(last_use.begin_look(false));
    }
}
