//! The API keys that a function remembers, so that a key that it knows costs no read.
//!
//! A remembered key proves nothing by itself: its owner may have ended it since, or changed its limits. The account counts such
//! changes of its keys, its `keys_version`. As long as that is a version at which the key is known to have been as it is
//! remembered, it is so still: [`ClaimedPayer`](ledger::claimed_payer::ClaimedPayer) compares them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ids::UserId;
use domain::time::Timestamp;
use ledger::paying_key::PayingKey;

use crate::api_keys::key::ApiKeyDigest;

/// The most keys that a function remembers: some 400 KB, and 5 MB if each names as many and as long models as it may.
const MOST_REMEMBERED: usize = 1_000;

/// Time for which a key is remembered after it was read.
const LONGEST_MEMORY: Duration = Duration::from_secs(60);

/// An API key as a read found it.
#[derive(Clone, Debug)]
pub(super) struct FoundKey {
    pub(super) user_id: UserId,
    pub(super) paying: PayingKey,
    pub(super) epoch: u64,
    /// The time at which the key ends, in seconds since the Unix epoch.
    pub(super) expires_at: Option<u64>,
    /// The version of the account's keys when the key was made, or an earlier one.
    pub(super) keys_version: u64,
}

/// An API key that was read lately.
#[derive(Clone, Debug)]
pub(super) struct RememberedKey {
    pub(super) found: FoundKey,
    /// The version of the account's keys that the read of this key confirmed: as long as the account has it, the key is as it
    /// was found.
    pub(super) confirmed: u64,
    /// The highest version that was seen in the account. If it is above `confirmed`, the key may have ended.
    latest: u64,
    read_at: Timestamp,
}

impl RememberedKey {
    /// Whether the key was read lately. A clock that was set back makes no key younger.
    fn is_young(&self, now: Timestamp) -> bool {
        self.read_at <= now && now.since(self.read_at) < LONGEST_MEMORY
    }
}

/// The read of a key, which has begun. It knows which version its outcome may confirm.
#[derive(Clone, Copy, Debug)]
pub(super) struct BegunRead {
    began_at: Timestamp,
    /// The highest version of the account's keys that was seen before the read. A version that is seen later proves
    /// nothing: the key may have ended between the read and that.
    seen_before: u64,
}

/// The API keys that a function remembers, by their digests.
#[derive(Debug, Default)]
pub(super) struct KeyMemory(Mutex<HashMap<ApiKeyDigest, RememberedKey>>);

impl KeyMemory {
    /// The key with this digest, if it was read lately and no end of a key was seen since. It may have expired by its own
    /// end.
    pub(super) fn recall(&self, digest: &ApiKeyDigest, now: Timestamp) -> Option<RememberedKey> {
        let keys = self.keys();
        let key = keys.get(digest)?;
        (key.is_young(now) && key.confirmed >= key.latest).then(|| key.clone())
    }

    /// Notes that the key with this digest is about to be read.
    pub(super) fn begin_read(&self, digest: &ApiKeyDigest, now: Timestamp) -> BegunRead {
        BegunRead { began_at: now, seen_before: self.keys().get(digest).map_or(0, |key| key.latest) }
    }

    /// Remembers a key that was found. Of two reads side by side, the one that confirms the higher version is remembered whole,
    /// whichever is answered last: the other may have found limits that the key has no more.
    pub(super) fn remember(&self, digest: &ApiKeyDigest, read: BegunRead, found: FoundKey) {
        let mut keys = self.keys();
        let confirmed = found.keys_version.max(read.seen_before);
        match keys.get_mut(digest) {
            Some(known) if known.confirmed > confirmed => {}
            Some(known) => {
                let latest = known.latest.max(confirmed);
                *known = RememberedKey { found, confirmed, latest, read_at: read.began_at };
            }
            None => {
                if keys.len() >= MOST_REMEMBERED {
                    // All are read again when they are needed: that is cheaper than to know the oldest.
                    keys.clear();
                }
                let key = RememberedKey { found, confirmed, latest: confirmed, read_at: read.began_at };
                keys.insert(digest.clone(), key);
            }
        }
    }

    /// Forgets a key that was not found.
    pub(super) fn forget(&self, digest: &ApiKeyDigest) {
        self.keys().remove(digest);
    }

    /// Notes the version of the account's keys, as it was read for a request with this key.
    pub(super) fn learn(&self, digest: &ApiKeyDigest, keys_version: u64) {
        if let Some(key) = self.keys().get_mut(digest) {
            key.latest = key.latest.max(keys_version);
        }
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<ApiKeyDigest, RememberedKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use domain::ids::ApiKeyId;
    use domain::requests_per_minute::RequestsPerMinute;
    use domain::time::Clock;
    use ledger::paying_key::KeyLimits;
    use proptest::prelude::*;
    use testkit::test_table::NOW;

    use crate::api_keys::ApiKey;

    fn digest() -> ApiKeyDigest {
        ApiKey::random().unwrap().digest()
    }

    /// A key that was made when this many ends of keys were counted.
    fn found(keys_version: u64) -> FoundKey {
        found_with(keys_version, None)
    }

    /// The same with this limit.
    fn found_with(keys_version: u64, requests_per_minute: Option<RequestsPerMinute>) -> FoundKey {
        let limits = Arc::new(KeyLimits { requests_per_minute, ..KeyLimits::default() });
        let paying = PayingKey { id: ApiKeyId::first_of(NOW), limits };
        FoundKey { user_id: UserId::new(&Clock::manual(NOW)), paying, epoch: 1, expires_at: None, keys_version }
    }

    fn read(memory: &KeyMemory, digest: &ApiKeyDigest, now: Timestamp, keys_version: u64) {
        let read = memory.begin_read(digest, now);
        memory.remember(digest, read, found(keys_version));
    }

    fn confirmed(memory: &KeyMemory, digest: &ApiKeyDigest, now: Timestamp) -> Option<u64> {
        memory.recall(digest, now).map(|key| key.confirmed)
    }

    #[test]
    fn a_key_is_remembered_for_a_minute_and_not_while_the_clock_is_back() {
        let (memory, digest) = (KeyMemory::default(), digest());
        assert_eq!(confirmed(&memory, &digest, NOW), None);
        read(&memory, &digest, NOW, 3);
        let after = |milliseconds| NOW.plus(Duration::from_millis(milliseconds));
        assert_eq!(confirmed(&memory, &digest, after(59_999)), Some(3));
        assert_eq!(confirmed(&memory, &digest, after(60_000)), None);
        assert_eq!(confirmed(&memory, &digest, NOW.minus(Duration::from_millis(1))), None);
        read(&memory, &digest, after(60_000), 3);
        assert_eq!(confirmed(&memory, &digest, after(119_999)), Some(3));
    }

    #[test]
    fn a_read_confirms_the_version_that_was_seen_before_it_and_none_that_was_seen_meanwhile() {
        let (memory, digest) = (KeyMemory::default(), digest());
        read(&memory, &digest, NOW, 0);
        let begun = memory.begin_read(&digest, NOW);
        memory.learn(&digest, 1);
        memory.remember(&digest, begun, found(0));
        assert_eq!(confirmed(&memory, &digest, NOW), None, "the key may have ended after the read");
        let begun = memory.begin_read(&digest, NOW);
        memory.remember(&digest, begun, found(0));
        assert_eq!(confirmed(&memory, &digest, NOW), Some(1));
    }

    #[test]
    fn a_version_that_is_read_late_lowers_nothing() {
        let (memory, digest) = (KeyMemory::default(), digest());
        read(&memory, &digest, NOW, 5);
        memory.learn(&digest, 4);
        assert_eq!(confirmed(&memory, &digest, NOW), Some(5));
        let early = memory.begin_read(&digest, NOW);
        memory.learn(&digest, 6);
        let begun = memory.begin_read(&digest, NOW);
        memory.remember(&digest, begun, found_with(5, RequestsPerMinute::new(7)));
        memory.remember(&digest, early, found(5));
        let remembered = memory.recall(&digest, NOW).unwrap();
        let limit = remembered.found.paying.limits.requests_per_minute;
        assert_eq!((remembered.confirmed, limit), (6, RequestsPerMinute::new(7)), "not the limits of the read before");
    }

    #[test]
    fn a_key_that_was_not_found_is_forgotten() {
        let (memory, digest) = (KeyMemory::default(), digest());
        read(&memory, &digest, NOW, 0);
        memory.forget(&digest);
        memory.learn(&digest, 0);
        assert_eq!(confirmed(&memory, &digest, NOW), None);
    }

    #[test]
    fn a_thousand_keys_are_remembered_and_one_more_makes_the_memory_begin_anew() {
        let (memory, first) = (KeyMemory::default(), digest());
        read(&memory, &first, NOW, 0);
        for _ in 1..MOST_REMEMBERED {
            read(&memory, &digest(), NOW, 0);
        }
        read(&memory, &first, NOW, 0);
        assert_eq!((confirmed(&memory, &first, NOW), memory.keys().len()), (Some(0), MOST_REMEMBERED));
        read(&memory, &digest(), NOW, 0);
        assert_eq!((confirmed(&memory, &first, NOW), memory.keys().len()), (None, 1));
    }

    /// A step of an account with two keys, or of one of two functions that remember the first.
    #[derive(Clone, Debug)]
    enum MemoryStep {
        EndOther,
        EndThis,
        /// This key gets another limit.
        Patch,
        BeginRead(usize),
        AnswerRead(usize),
        EndRead(usize),
        ReadAccount(usize),
        Learn(usize),
    }

    fn memory_step() -> impl Strategy<Value = MemoryStep> {
        let function = || 0..2_usize;
        prop_oneof![
            2 => Just(MemoryStep::EndOther),
            1 => Just(MemoryStep::EndThis),
            2 => Just(MemoryStep::Patch),
            3 => function().prop_map(MemoryStep::BeginRead),
            3 => function().prop_map(MemoryStep::AnswerRead),
            3 => function().prop_map(MemoryStep::EndRead),
            3 => function().prop_map(MemoryStep::ReadAccount),
            3 => function().prop_map(MemoryStep::Learn),
        ]
    }

    /// The answer to a read of the key.
    #[derive(Clone, Copy)]
    enum KeyAnswer {
        /// It was there, with this limit.
        Found(u32),
        Gone,
    }

    /// A function, with a read of the key and one of the account that are under way.
    #[derive(Default)]
    struct Reader {
        memory: KeyMemory,
        begun: Option<BegunRead>,
        answer: Option<KeyAnswer>,
        seen: Option<u64>,
    }

    proptest! {
        #[test]
        fn a_key_is_remembered_at_the_version_that_the_account_has_as_it_is_or_not_at_all(
            made_at in 0..3_u64,
            steps in prop::collection::vec(memory_step(), 0..40),
        ) {
            let digest = digest();
            let mut readers = [Reader::default(), Reader::default()];
            let (mut version, mut lives, mut limit) = (made_at, true, 1);
            for step in steps {
                match step {
                    MemoryStep::EndOther => version += 1,
                    MemoryStep::EndThis => (version, lives) = (version + u64::from(lives), false),
                    MemoryStep::Patch if lives => (version, limit) = (version + 1, limit + 1),
                    MemoryStep::Patch => {}
                    MemoryStep::BeginRead(function) => {
                        let reader = &mut readers[function];
                        reader.begun = Some(reader.memory.begin_read(&digest, NOW));
                        reader.answer = None;
                    }
                    MemoryStep::AnswerRead(function) => {
                        readers[function].answer = readers[function].begun.map(|_| if lives { KeyAnswer::Found(limit) } else { KeyAnswer::Gone });
                    }
                    MemoryStep::EndRead(function) => {
                        let reader = &mut readers[function];
                        match (reader.begun.take(), reader.answer.take()) {
                            (Some(begun), Some(KeyAnswer::Found(limit))) => {
                                let found = found_with(made_at, RequestsPerMinute::new(limit));
                                reader.memory.remember(&digest, begun, found);
                            }
                            (Some(_), Some(KeyAnswer::Gone)) => reader.memory.forget(&digest),
                            _ => {}
                        }
                    }
                    MemoryStep::ReadAccount(function) => readers[function].seen = Some(version),
                    MemoryStep::Learn(function) => {
                        let reader = &mut readers[function];
                        if let Some(seen) = reader.seen.take() {
                            reader.memory.learn(&digest, seen);
                        }
                    }
                }
                for reader in &readers {
                    let remembered = reader.memory.recall(&digest, NOW).filter(|key| key.confirmed == version);
                    let found = remembered.map(|key| key.found.paying.limits.requests_per_minute);
                    let is_as_it_is = found.is_none_or(|found| lives && found == RequestsPerMinute::new(limit));
                    prop_assert!(is_as_it_is, "{:?} at {}", found, version);
                }
            }
        }
    }
}
