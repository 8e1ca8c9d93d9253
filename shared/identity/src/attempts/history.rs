//! What a name's attempts say about the next one. No clock, no table: a function of the set.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::attempts::recorded::RecordedAttempt;
#[cfg(test)]
use crate::attempts::streak::FREE_ATTEMPTS;
use crate::attempts::streak::Streak;
use domain::source_network::SourceNetwork;
use domain::time::Timestamp;

/// So many attempts an hour a name has, from all networks together.
pub(super) const ATTEMPTS_PER_HOUR: usize = 100;
/// Attempts kept of an hour: twenty successes of trusted networks that are under way at once withdraw
/// their attempts and must not have pushed a stranger's out.
const KEPT_OF_HOUR: usize = ATTEMPTS_PER_HOUR + 20;
const HOUR: Duration = Duration::from_secs(60 * 60);
/// So many networks keep their attempts apart: those that were active last.
pub(super) const MAX_NETWORKS: usize = 20;

/// The attempts at one name, in the order of time.
///
/// Once pruned they are at most 200, in less than 12 KB: the last 120 within the hour, and of each of
/// twenty networks the attempts before these that still count, which are one that stands for all, or
/// at most four.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AttemptHistory(Vec<RecordedAttempt>);

impl AttemptHistory {
    #[cfg(test)]
    pub(super) const MAX_ATTEMPTS: usize = KEPT_OF_HOUR + MAX_NETWORKS * (FREE_ATTEMPTS as usize - 1);

    /// The attempts of a set, in any order.
    pub(super) fn new(attempts: impl IntoIterator<Item = RecordedAttempt>) -> Self {
        let mut attempts: Vec<RecordedAttempt> = attempts.into_iter().collect();
        attempts.sort();
        Self(attempts)
    }

    /// Reads a set from the table. What is no attempt has never been one.
    pub(super) fn read<'text>(texts: impl IntoIterator<Item = &'text String>) -> Self {
        Self::new(texts.into_iter().filter_map(|text| text.parse().ok()))
    }

    /// The set as the table keeps it.
    pub(super) fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether `attempt` is in it.
    pub(super) fn contains(&self, attempt: &RecordedAttempt) -> bool {
        self.0.iter().any(|recorded| recorded.is(attempt))
    }

    /// How long after `now` the next attempt of `network` is admitted; nothing if it is now. The
    /// hour's limit spares a network that is `trusted`.
    pub(super) fn wait(&self, now: Timestamp, network: SourceNetwork, trusted: bool) -> Duration {
        let mut streak = streak_of(self.of(network));
        streak.forget(now);
        let of_name = if trusted { Duration::ZERO } else { self.wait_of_name(now) };
        streak.wait_from(now).max(of_name)
    }

    /// Until the first of the last hundred attempts is an hour ago.
    fn wait_of_name(&self, now: Timestamp) -> Duration {
        let first = self.0.len().checked_sub(ATTEMPTS_PER_HOUR).map(|position| &self.0[position]);
        first.map_or(Duration::ZERO, |first| first.at.plus(HOUR).since(now))
    }

    /// These attempts and `attempt`, without those that change no judgement any more.
    pub(super) fn with(&self, attempt: RecordedAttempt) -> Self {
        let now = attempt.at;
        Self::new(self.0.iter().cloned().chain([attempt])).pruned(now)
    }

    /// Leaves out what will change no judgement at `now` or later, and lets the networks that were
    /// active longest ago be forgotten.
    fn pruned(&self, now: Timestamp) -> Self {
        let of_hour = self.0.partition_point(|attempt| now.since(attempt.at) >= HOUR);
        let recent = of_hour.max(self.0.len().saturating_sub(KEPT_OF_HOUR));
        let networks = self.last_active_networks();
        let kept_recent = self.0[recent..].iter().map(|attempt| match attempt.network {
            Some(network) if networks.contains(&network) => attempt.clone(),
            _ => attempt.without_network(),
        });
        let kept_before = networks.iter().flat_map(|network| self.counting_before(recent, *network, now));
        Self::new(kept_recent.chain(kept_before))
    }

    fn last_active_networks(&self) -> BTreeSet<SourceNetwork> {
        let mut networks = BTreeSet::new();
        for network in self.0.iter().rev().filter_map(|attempt| attempt.network) {
            if networks.len() < MAX_NETWORKS {
                networks.insert(network);
            }
        }
        networks
    }

    /// The attempts of `network` before the position `recent` that still count at `now`. Once they
    /// slow the network, it matters only how many they are and when the last was: it stands for all.
    fn counting_before(&self, recent: usize, network: SourceNetwork, now: Timestamp) -> Vec<RecordedAttempt> {
        let mut streak = streak_of(self.of(network));
        streak.forget(now);
        let (before, after) = self.0.split_at(recent);
        let counting_after = after.iter().filter(|attempt| attempt.network == Some(network)).count();
        let mut before: Vec<_> = before.iter().filter(|attempt| attempt.network == Some(network)).cloned().collect();
        before.drain(..before.len().saturating_sub(streak.length().saturating_sub(counting_after)));
        let streak_before = streak_of(before.iter());
        match before.last() {
            Some(last) if streak_before.is_slowed() => {
                vec![last.standing_for(streak_before.counted())]
            }
            _ => before,
        }
    }

    fn of(&self, network: SourceNetwork) -> impl Iterator<Item = &RecordedAttempt> {
        self.0.iter().filter(move |attempt| attempt.network == Some(network))
    }
}

fn streak_of<'attempt>(attempts: impl Iterator<Item = &'attempt RecordedAttempt>) -> Streak {
    let mut streak = Streak::default();
    attempts.for_each(|attempt| streak.count(attempt));
    streak
}

#[cfg(test)]
mod tests;
