//! The proof: each day a thirtieth of all accounts is added up again from the first entry on, so that a month has proved
//! everything that was summed before.

use aws_lc_rs::digest::{SHA256, digest};
use domain::calendar::Day;
use domain::ids::{EntryId, UserId};
use serde::{Deserialize, Serialize};
use store::directory::DirectoryKey;
use store::{StoreError, number, transaction};
use telemetry::metrics::{self, Metric};

use crate::account::Account;
use crate::audit::auditor::{Audit, RunTime};
use crate::audit::report::{AlteredHistory, Report};
use crate::audited_entry::AuditedEntry;
use crate::checkpoint::{Checkpoint, HistorySum};
use crate::entry_pages::EntryRange;

/// The days in which every account is proved once.
const DAYS: u32 = 30;

/// One walk through all accounts, for the slots of some days. Mostly it is one day; those on which no walk finished are made
/// up with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProofWalk {
    /// In days since the Unix epoch.
    first_day: u32,
    last_day: u32,
    /// The last item of the directory that is done. Absent at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) listed: Option<DirectoryKey>,
    /// The account that was being proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proving: Option<ProvenHistory>,
}

/// A history that is added up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProvenHistory {
    pub(super) user_id: UserId,
    /// The last entry of the sums, and the sums, as the checkpoint had them when the proof began. It may have moved since.
    through: EntryId,
    expected: HistorySum,
    /// How many times the entries had been summed again by then.
    #[serde(default)]
    times_again: u64,
    /// The sums of the entries up to `after`, a sort key.
    found: HistorySum,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// The outcome of proving the entries up to a checkpoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proved {
    Done(Report),
    OutOfTime(Box<ProvenHistory>),
}

impl ProofWalk {
    /// The walk that is due `today`, if the days up to `proved_through` are done.
    pub(super) fn due(proved_through: Option<u32>, today: Day) -> Option<Self> {
        let earliest = today.number().saturating_sub(DAYS - 1);
        let first_day = proved_through.map_or(today.number(), |through| through.saturating_add(1).max(earliest));
        let last_day = today.number();
        (first_day <= last_day).then_some(Self { first_day, last_day, listed: None, proving: None })
    }

    /// Whether the walk is for this account.
    pub(super) fn includes(&self, user_id: UserId) -> bool {
        let slot = slot_of(user_id);
        (self.first_day..=self.last_day).any(|day| day % DAYS == slot)
    }

    pub(super) fn last_day(&self) -> Day {
        Day::numbered(self.last_day)
    }
}

/// The slot of an account, for ever the same: so the accounts of a day are a fair part of all.
fn slot_of(user_id: UserId) -> u32 {
    let digest = digest(&SHA256, user_id.to_string().as_bytes());
    digest.as_ref().iter().take(4).fold(0, |number, byte| (number << 8) | u32::from(*byte)) % DAYS
}

impl Audit {
    /// The history of an account up to its checkpoint, if it has one.
    pub(super) async fn history_to_prove(&self, user_id: UserId) -> Result<Option<ProvenHistory>, StoreError> {
        let checkpoint: Option<Checkpoint> = self.table().get(Checkpoint::key(user_id)).await?;
        Ok(checkpoint.and_then(|checkpoint| {
            let (through, found) = (checkpoint.through?, HistorySum::default());
            let (expected, times_again) = (checkpoint.history, checkpoint.times_again);
            Some(ProvenHistory { user_id, through, expected, times_again, found, after: None })
        }))
    }

    /// Adds the history up again, and compares it with the checkpoint's.
    pub(super) async fn prove(&self, mut history: ProvenHistory, time: RunTime) -> Result<Proved, StoreError> {
        let user_id = history.user_id;
        let mut range = EntryRange { user_id, after: history.after.take(), through: Some(history.through) };
        loop {
            // Entries below the seal are at least a minute old, so an eventual read sees them.
            let page = range.next_page(self.table(), self.reader.page_entries, false).await?;
            for item in &page.items {
                // An entry that could be read when it was summed and cannot be read now is another.
                let Ok(entry) = AuditedEntry::of(item) else { return self.altered(history).await };
                history.found.add(item, &entry);
            }
            if !page.has_more {
                break;
            }
            if time.is_up(self.clock()) {
                history.after = range.after;
                return Ok(Proved::OutOfTime(Box::new(history)));
            }
        }
        if history.found.is_of_the_same(&history.expected) {
            Ok(Proved::Done(Report::default()))
        } else {
            self.altered(history).await
        }
    }

    /// Tells that a history was altered, and notes it in the checkpoint, so that every pass tells it again until an operator
    /// has mended it.
    async fn altered(&self, history: ProvenHistory) -> Result<Proved, StoreError> {
        let ProvenHistory { user_id, through, expected, times_again, found, .. } = history;
        let checkpoint: Option<Checkpoint> = self.table().get(Checkpoint::key(user_id)).await?;
        let Some(checkpoint) = checkpoint.filter(|checkpoint| checkpoint.times_again == times_again) else {
            // It was summed again meanwhile.
            return Ok(Proved::Done(Report::default()));
        };
        let (entries, entries_sum) = (found.entries, found.amount);
        let (summed, summed_sum) = (expected.entries, expected.amount);
        tracing::error!(%user_id, %through, entries, entries_sum, summed, summed_sum, "entries are not those that were summed");
        metrics::emit(&[Metric::AuditMismatches(1)]);
        if !checkpoint.is_altered {
            self.note_altered(user_id, checkpoint).await?;
        }
        let altered = vec![AlteredHistory { user_id, through }];
        Ok(Proved::Done(Report { altered, ..Report::default() }))
    }

    async fn note_altered(&self, user_id: UserId, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let before = checkpoint.version;
        let noted = Checkpoint { version: before + 1, is_altered: true, ..checkpoint };
        let unmark = self
            .table()
            .updating(Account::key(user_id))
            .update_expression("REMOVE audited_version")
            .condition_expression("version >= :none")
            .expression_attribute_values(":none", number(0_u64));
        let items = vec![transaction::update(unmark)?, noted.replace(self.table(), user_id)?];
        let token = format!("altered-{}", domain::ids::TokenId::new(self.clock()));
        // Refused, because the checkpoint has moved or the account is gone: the next proof finds it again.
        if let Err(error) = self.table().transact(&token, items, self.clock(), self.clock().now()).await {
            tracing::warn!(%user_id, cause = StoreError::from(error).cause(), "an altered history could not be noted");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::{Clock, Timestamp};

    #[test]
    fn thirty_days_prove_every_account_once_and_days_that_were_missed_are_made_up() {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        let today = Day::of(clock.now());
        let users: Vec<UserId> = (0..200).map(|_| UserId::new(&clock)).collect();
        let mut proved_through = None;
        let mut times = vec![0; users.len()];
        for days in [0, 1, 2, 3, 10, 11, 29] {
            let proof = ProofWalk::due(proved_through, today.plus_days(days)).unwrap();
            for (times, user) in times.iter_mut().zip(&users) {
                *times += u32::from(proof.includes(*user));
            }
            proved_through = Some(proof.last_day().number());
        }
        assert_eq!(times, vec![1; users.len()]);
        assert_eq!(ProofWalk::due(proved_through, today.plus_days(29)), None, "once a day");
        let long_after = ProofWalk::due(proved_through, today.plus_days(500)).unwrap();
        assert!(
            users.iter().all(|user| long_after.includes(*user)) && long_after.last_day - long_after.first_day == 29
        );
    }
}
