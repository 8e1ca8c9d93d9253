//! The state of the audit between its runs, in the table's one item of it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use domain::calendar::Day;
use domain::ids::UserId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use store::directory::DirectoryKey;
use store::{Key, StoreError, Table, number};

use crate::audit::health::AuditHealth;
use crate::audit::proof::ProofWalk;

/// The longest time from a message's hold, whose time its entry has, to the entry: a stream of a quarter of an hour, its reserves,
/// and what clocks may differ by.
const IN_FLIGHT: Duration = Duration::from_secs(30 * 60);

/// Most accounts whose time without a judgement is kept.
const MAX_UNSETTLED: usize = 20;

/// The state of the audit. A run that was killed left it as it was after the last page of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AuditState {
    /// Counts the writes, so that of two runs at once one ends.
    version: u64,
    /// The pass that has not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pass: Option<Pass>,
    /// The begin of the last pass that finished, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passed: Option<u64>,
    /// The time of the oldest chat that was not summed when that pass looked at its account, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting_since: Option<u64>,
    /// The accounts that could not be judged lately.
    #[serde(default)]
    unsettled: BTreeMap<UserId, UnsettledAccount>,
    /// The walk of the proof that has not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<ProofWalk>,
    /// The last day whose accounts were proved again, in days since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proved_through: Option<u32>,
}

/// One walk through all accounts for what is new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pass {
    /// In milliseconds since the Unix epoch.
    began_at: u64,
    /// The last item of the directory that is done. Absent at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) listed: Option<DirectoryKey>,
    /// The time of the oldest chat that is not summed, of the accounts that are done, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting_since: Option<u64>,
}

/// An account that could not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct UnsettledAccount {
    /// Its entries of before were judged, in milliseconds since the Unix epoch.
    since: u64,
    /// The begin of the last pass that could not judge it.
    seen_in: u64,
}

/// Whether the state was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Now,
    /// Another run has written it meanwhile.
    Overtaken,
}

impl AuditState {
    pub(super) fn key() -> Key {
        Key::new("AUDIT", "STATE")
    }

    /// The pass to go on with, which begins `now` if the last one finished.
    pub(super) fn pass_at(&mut self, now: Timestamp) -> &mut Pass {
        self.pass.get_or_insert_with(|| Pass { began_at: now.milliseconds(), listed: None, waiting_since: None })
    }

    /// Notes that the pass could not judge this account.
    pub(super) fn note_unsettled(&mut self, user_id: UserId) {
        let Some(pass) = &self.pass else { return };
        let (seen_in, since) = (pass.began_at, self.passed.unwrap_or(pass.began_at));
        if self.unsettled.len() < MAX_UNSETTLED || self.unsettled.contains_key(&user_id) {
            self.unsettled.entry(user_id).or_insert(UnsettledAccount { since, seen_in }).seen_in = seen_in;
        }
    }

    /// Notes that chats of an account are not summed since this time.
    pub(super) fn note_waiting(&mut self, since: Option<Timestamp>) {
        if let Some(pass) = &mut self.pass {
            let since = since.map(Timestamp::milliseconds);
            pass.waiting_since = pass.waiting_since.into_iter().chain(since).min();
        }
    }

    /// Notes that the pass has reached the last account.
    pub(super) fn finish_pass(&mut self) {
        if let Some(Pass { began_at, waiting_since, .. }) = self.pass.take() {
            self.passed = Some(began_at);
            self.unsettled.retain(|_, account| account.seen_in == began_at);
            // The chats of an account that was not judged may wait for as long as any did at the pass before.
            let before = self.waiting_since.filter(|_| !self.unsettled.is_empty());
            self.waiting_since = waiting_since.into_iter().chain(before).min();
        }
    }

    /// Notes that the accounts of all days up to `day` are proved.
    pub(super) fn finish_proof(&mut self, through: Day) {
        self.proof = None;
        self.proved_through = Some(through.number());
    }

    /// The age of the oldest entry that may not be audited yet: of those that are, all that are older. Entries of messages
    /// that are in flight do not exist yet.
    pub(super) fn lag(&self, now: Timestamp) -> Duration {
        let began = self.passed.or(self.pass.as_ref().map(|pass| pass.began_at));
        self.oldest_unjudged(began).map_or(Duration::ZERO, |oldest| now.since(oldest))
    }

    /// The health at `now`.
    pub(super) fn health(&self, now: Timestamp) -> AuditHealth {
        let audited_through = self.passed.and_then(|passed| self.oldest_unjudged(Some(passed)));
        let waiting_since = self.waiting_since.map(Timestamp::from_milliseconds);
        let settled = audited_through.map(|through| through.minus(IN_FLIGHT));
        AuditHealth {
            audited_through,
            lag: self.lag(now),
            unsettled: self.unsettled.len(),
            proved_through: self.proved_through.map(Day::numbered),
            summed_through: settled.map(|settled| waiting_since.map_or(settled, |since| since.min(settled))),
        }
    }

    /// The time before which all entries are judged that existed when a pass began.
    fn oldest_unjudged(&self, began: Option<u64>) -> Option<Timestamp> {
        let oldest = self.unsettled.values().map(|account| account.since).chain(began).min();
        oldest.map(Timestamp::from_milliseconds)
    }

    /// Writes the state in the place of the one that was read.
    pub(super) async fn keep(&mut self, table: &Table) -> Result<Kept, StoreError> {
        let before = self.version;
        let next = Self { version: before + 1, ..self.clone() };
        let put = table.client().put_item().table_name(table.name()).set_item(Some(Self::key().with(&next)?));
        let put = match before {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            before => {
                put.condition_expression("version = :before").expression_attribute_values(":before", number(before))
            }
        };
        match put.send().await {
            Ok(_) => {
                *self = next;
                Ok(Kept::Now)
            }
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(Kept::Overtaken)
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::Clock;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn the_usage_of_all_is_told_no_later_while_an_account_is_not_judged() {
        let waits_since = START.minus(Duration::from_secs(20 * 3600));
        let user = UserId::new(&Clock::manual(START));
        let mut state = AuditState::default();
        let mut pass = |waiting: Option<Timestamp>, is_judged: bool, minutes: u64| {
            let now = START.plus(Duration::from_secs(60 * minutes));
            state.pass_at(now);
            state.note_waiting(waiting);
            if !is_judged {
                state.note_unsettled(user);
            }
            state.finish_pass();
            state.health(now).summed_through.unwrap()
        };
        assert_eq!(pass(Some(waits_since), true, 0), waits_since);
        assert_eq!(pass(None, false, 15), waits_since, "nobody has seen what waits there");
        assert!(pass(None, true, 45) > START);
    }

    #[test]
    fn the_lag_is_that_of_the_last_whole_pass_or_of_an_account_that_was_not_judged_in_it() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let user = UserId::new(&Clock::manual(START));
        let mut state = AuditState::default();
        assert_eq!(state.lag(START), Duration::ZERO);
        state.pass_at(START);
        assert_eq!(state.lag(START.plus(minutes(5))), minutes(5));
        state.finish_pass();
        for pass in 1..4 {
            state.pass_at(START.plus(minutes(15 * pass)));
            state.note_unsettled(user);
            state.finish_pass();
            assert_eq!(
                state.lag(START.plus(minutes(15 * pass))),
                minutes(15 * pass),
                "it was last judged in the first"
            );
        }
        state.pass_at(START.plus(minutes(60)));
        state.finish_pass();
        assert_eq!(state.lag(START.plus(minutes(61))), minutes(1));
    }

    #[test]
    fn all_is_summed_up_to_the_oldest_chat_that_waits_or_to_what_may_be_in_flight() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let now = START.plus(minutes(61));
        let mut state = AuditState::default();
        state.pass_at(START);
        state.note_waiting(Some(START.minus(minutes(7))));
        assert_eq!(state.health(now).summed_through, None, "no pass has finished");
        state.finish_pass();
        let health = state.health(now);
        assert_eq!((health.audited_through, health.lag, health.unsettled), (Some(START), minutes(61), 0));
        assert_eq!(health.summed_through, Some(START.minus(IN_FLIGHT)));
        state.pass_at(START.plus(minutes(15)));
        for waiting in [minutes(100), minutes(300), minutes(200)] {
            state.note_waiting(Some(START.minus(waiting)));
        }
        state.note_waiting(None);
        state.finish_pass();
        assert_eq!(state.health(now).summed_through, Some(START.minus(minutes(300))));
        state.pass_at(START.plus(minutes(30)));
        state.finish_pass();
        assert_eq!(state.health(now).summed_through, Some(START.plus(minutes(30)).minus(IN_FLIGHT)));
    }
}
