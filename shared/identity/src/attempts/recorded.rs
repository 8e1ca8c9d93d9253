//! One attempt as it stands in the set of a name's attempts.

use std::fmt;
use std::str::FromStr;

use domain::cause::Cause;
use domain::random;
use domain::source_network::SourceNetwork;
use domain::time::Timestamp;

/// In the place of the network of an attempt that has forgotten it.
const NO_NETWORK: &str = "-";

/// One attempt, or the last of several that it stands for.
///
/// Its text is `<milliseconds> <16 hexadecimal digits> <network> <number>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordedAttempt {
    /// First, so that attempts sort by time.
    pub(super) at: Timestamp,
    /// What tells attempts of the same network and millisecond apart.
    nonce: u64,
    /// Where it came from, unless that is forgotten.
    pub(super) network: Option<SourceNetwork>,
    /// How many attempts of its network this is, with those that it stands for.
    pub(super) stands_for: u32,
}

impl RecordedAttempt {
    /// The most bytes of its text: time, nonce, an IPv6 network, a number of two digits.
    #[cfg(test)]
    pub(super) const MAX_BYTES: usize = 13 + 1 + 16 + 1 + 24 + 1 + 2;

    /// A new attempt, unlike any other.
    pub(super) fn new(at: Timestamp, network: SourceNetwork) -> Result<Self, Cause> {
        let nonce = random::bits().map_err(|_| Cause::because("no random bits"))?;
        Ok(Self { at, nonce, network: Some(network), stands_for: 1 })
    }

    /// The same attempt of nobody knows where.
    pub(super) fn without_network(&self) -> Self {
        Self { network: None, stands_for: 1, ..self.clone() }
    }

    /// The same attempt in the place of `attempts` of its network, of which it is the last.
    pub(super) fn standing_for(&self, attempts: u32) -> Self {
        Self { stands_for: attempts, ..self.clone() }
    }

    /// Whether `other` is this attempt, whatever it has forgotten and stands for.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.at, self.nonce) == (other.at, other.nonce)
    }
}

impl fmt::Display for RecordedAttempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, nonce, network, stands_for } = self;
        write!(formatter, "{} {nonce:016x} ", at.milliseconds())?;
        match network {
            Some(network) => write!(formatter, "{network}")?,
            None => formatter.write_str(NO_NETWORK)?,
        }
        write!(formatter, " {stands_for}")
    }
}

/// A text that is no attempt.
#[derive(Debug)]
pub(super) struct NotAnAttempt;

impl FromStr for RecordedAttempt {
    type Err = NotAnAttempt;

    fn from_str(text: &str) -> Result<Self, NotAnAttempt> {
        let parts: Vec<&str> = text.split(' ').collect();
        let [at, nonce, network, stands_for] = parts[..] else { return Err(NotAnAttempt) };
        Ok(Self {
            at: Timestamp::from_milliseconds(at.parse().map_err(|_| NotAnAttempt)?),
            nonce: u64::from_str_radix(nonce, 16).map_err(|_| NotAnAttempt)?,
            network: match network {
                NO_NETWORK => None,
                network => Some(network.parse().map_err(|_| NotAnAttempt)?),
            },
            stands_for: stands_for.parse().map_err(|_| NotAnAttempt)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::test_table::NOW;

    #[test]
    fn an_attempt_reads_back_what_it_wrote_and_is_no_longer_than_it_may_be() {
        let network = SourceNetwork::of_address("1111:2222:3333:4444::1");
        let attempt = RecordedAttempt::new(NOW, network).unwrap().standing_for(15);
        let text = attempt.to_string();
        assert_eq!(text.parse::<RecordedAttempt>().unwrap(), attempt);
        assert_eq!(text.len(), RecordedAttempt::MAX_BYTES);
        let nameless = attempt.without_network();
        assert_eq!(nameless.to_string().parse::<RecordedAttempt>().unwrap(), nameless);
        assert!(nameless.is(&attempt));
    }

    #[test]
    fn attempts_of_the_same_moment_and_network_differ() {
        let attempt = || RecordedAttempt::new(NOW, SourceNetwork::UNKNOWN).unwrap();
        assert!(!attempt().is(&attempt()));
    }

    #[test]
    fn anything_else_is_no_attempt() {
        for text in ["", "1", "1 2 3 4", "x 0 - 1", "1 0 - x", "1 0 127.0.113.7 1", "1 0 - 1 "] {
            assert!(text.parse::<RecordedAttempt>().is_err(), "{text:?}");
        }
    }
}
