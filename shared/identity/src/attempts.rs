//! Attempts at passwords, counted so that nobody can guess them.
//!
//! Two items count an attempt in its clock hour: one at the name, whether anybody has the name or not, and one of the
//! network ([`SourceNetwork`]) across names. Both are written before the password is hashed, so that a thousand guesses at
//! once see no more than the limits. A right password takes its attempt back: only failures stay.
//!
//! A network from which the user logged in has counts of its own at the name: nobody elsewhere can lock the owner out of
//! it. The limits follow OWASP's Authentication Cheat Sheet ("Account Lockout") and NIST SP 800-63B, section 5.2.2, which
//! asks for at most 100 failures in a row.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::source_network::SourceNetwork;
use domain::time::{Clock, Timestamp};
use domain::username::Username;
use store::Table;

use crate::error::IdentityError;
use crate::hourly_counts::{ClockHour, HourlyCounts, LimitedCount};

/// Attempts at a name in an hour, from all strange networks together. Any 24 hours touch 25 clock hours, so no 24 hours
/// have more than 2,400.
pub const ATTEMPTS_OF_STRANGERS: u64 = 96;
/// Attempts at a name in an hour, from one network: more than a forgetful owner makes, and about a fifth of the strangers'
/// share, so that no single network uses it up.
pub const ATTEMPTS_OF_A_NETWORK: u64 = 20;
/// Failures in an hour from one network, at all names to whose users it is strange: a lecture hall of 300 people who log in
/// there for the first time and mistype once. One leaked password needs 33 hours for 10,000 names.
pub const FAILURES_OF_A_STRANGE_NETWORK: u64 = 300;
/// Failures in an hour from one network, at all names whose users have logged in from it. They are counted apart, so that
/// neither a stranger behind the same address nor newcomers lock them out. The limit is what a campus of 30,000 mistypes
/// if each logs in once in that hour and one in ten fails.
pub const FAILURES_OF_A_KNOWN_NETWORK: u64 = 3000;

/// The attempts in the table.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    table: Table,
    clock: Clock,
}

/// Whether the user of a name has logged in from the network of an attempt within thirty days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Familiarity {
    /// The user has.
    Known,
    /// The user has not, or nobody has the name.
    Strange,
}

/// An attempt that was counted. It is a failure until it is taken back.
#[derive(Debug)]
pub struct CountedAttempt {
    at_name: HourlyCounts,
    of_network: HourlyCounts,
}

impl Attempts {
    /// The attempts in `table`.
    pub(crate) fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock }
    }

    /// Counts an attempt at the password of `username` from `network`, if both counts have room for it. An attempt without
    /// room writes nothing. If others are faster meanwhile, the conditions of the writes refuse the attempt, and a count
    /// that was raised stays.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`] until the hour ends if there is no room, [`IdentityError::Unavailable`] if the table
    /// cannot be reached.
    pub(crate) async fn count(
        &self,
        username: &Username,
        network: SourceNetwork,
        familiarity: Familiarity,
        deadline: Timestamp,
    ) -> Result<CountedAttempt, IdentityError> {
        let now = self.clock.now();
        let hour = ClockHour::of(now);
        let at_name = counts_at_name(hour, username, network, familiarity);
        let of_network = counts_of_network(hour, network, familiarity);
        let [name, failures] = self.table.get_each([at_name.key(), of_network.key()]).await?;
        if !at_name.have_room(name.as_ref()) || !of_network.have_room(failures.as_ref()) {
            return Err(at_name.refusal(now));
        }
        // Boxed, because the two requests together are large.
        let (name, failures) = tokio::join!(
            Box::pin(at_name.raise(&self.table, &self.clock, deadline)),
            Box::pin(of_network.raise(&self.table, &self.clock, deadline)),
        );
        name.and(failures)?;
        Ok(CountedAttempt { at_name, of_network })
    }

    /// Takes `attempt` back: it was no guess. If that fails, one failure too many counts until the hour ends.
    pub(crate) async fn take_back(&self, attempt: &CountedAttempt) {
        let (name, network) = tokio::join!(attempt.at_name.lower(&self.table), attempt.of_network.lower(&self.table));
        if let Err(error) = name.and(network) {
            tracing::warn!(cause = error.cause(), "an attempt with the right password could not be taken back");
        }
    }
}

fn counts_at_name(
    hour: ClockHour,
    username: &Username,
    network: SourceNetwork,
    familiarity: Familiarity,
) -> HourlyCounts {
    // People type passwords where a name belongs, so that the table keeps a digest.
    let name = digest_of(&username.canonical());
    match familiarity {
        // An item of its own for each known network: no guess from elsewhere comes near it.
        Familiarity::Known => {
            let counts = vec![limited("attempts", ATTEMPTS_OF_A_NETWORK)];
            HourlyCounts::new(hour, format!("GUESSES#KNOWN#{name}#{network}"), counts)
        }
        Familiarity::Strange => {
            let counts =
                vec![limited("strangers", ATTEMPTS_OF_STRANGERS), limited(group_of(network), ATTEMPTS_OF_A_NETWORK)];
            HourlyCounts::new(hour, format!("GUESSES#NAME#{name}"), counts)
        }
    }
}

fn counts_of_network(hour: ClockHour, network: SourceNetwork, familiarity: Familiarity) -> HourlyCounts {
    let count = match familiarity {
        Familiarity::Known => limited("known", FAILURES_OF_A_KNOWN_NETWORK),
        Familiarity::Strange => limited("strange", FAILURES_OF_A_STRANGE_NETWORK),
    };
    HourlyCounts::new(hour, format!("GUESSES#NETWORK#{network}"), vec![count])
}

/// The attribute that counts the attempts of a strange network. Networks share 64 of them, so that the item has a bound.
fn group_of(network: SourceNetwork) -> String {
    // base64url is ASCII.
    format!("from_{}", &digest_of(&network.to_string())[..1])
}

fn limited(attribute: impl Into<String>, most: u64) -> LimitedCount {
    LimitedCount { attribute: attribute.into(), most }
}

/// The SHA-256 of a text, in base64url.
fn digest_of(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests;
