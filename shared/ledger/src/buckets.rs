//! Buckets of requests: how many of them an account, or one of its API keys, may make in a minute.
//!
//! A bucket is full with one minute's requests. Each hold takes one, and the bucket regains one after every
//! [interval](RequestsPerMinute::interval). It is one number in the account, the moment at which it is full again (GCRA, the
//! "generic cell rate algorithm" of ATM): so a hold's own write takes the request, and nothing else is read or written.
//!
//! An update expression has no maximum. So the write has one of two forms, which the account as it was seen chooses: the
//! bucket is full, and is full again an interval from now; or it is not, and is full an interval later than it would be. The
//! condition is that of the form, and the old image of a refusal chooses again.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use domain::ids::ApiKeyId;
use domain::requests_per_minute::RequestsPerMinute;
use domain::time::Timestamp;
use store::number;

/// The moments at which buckets are full again, in microseconds since the Unix epoch, by the buckets' names.
pub(crate) type Buckets = BTreeMap<String, u64>;

/// The name of the bucket of all requests of an account.
const OF_USER: &str = "user";
/// The last characters of an API key's id that name its bucket: 50 random bits. The account is read and written with every
/// message, and has a bucket for each of its keys that are in use.
const KEY_NAME_CHARACTERS: usize = 10;
/// A bucket is never further from being full than a minute. One that is has been set by a clock that is ahead, and counts as
/// full: no clock locks anybody out. Two clocks that differ by more than ten seconds may refill it for each other, as often as
/// they take turns.
const FURTHEST: Duration = Duration::from_secs(70);
/// Time for which a key's bucket has been full before a hold removes it from the account.
const REMOVED_AFTER: Duration = Duration::from_secs(70);
/// The most buckets that a hold removes.
const REMOVED_AT_ONCE: usize = 2;

/// The requests of a minute, as callers are told them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinuteRoom {
    /// The most requests of a minute.
    pub limit: u32,
    /// The requests that may be made now.
    pub remaining: u32,
    /// The time until the bucket is full again.
    pub full_in: Duration,
}

/// A bucket has no request left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRequestLeft {
    /// The most requests of a minute.
    pub(crate) limit: u32,
    /// The time until there is one.
    pub(crate) retry_after: Duration,
    /// The time until the bucket is full again.
    pub(crate) full_in: Duration,
}

/// A bucket of which a request is to be taken, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    name: String,
    limit: RequestsPerMinute,
    /// The moment at which it is full again, in microseconds. `None` if it never was in use.
    full_at: Option<u64>,
}

impl Bucket {
    /// The bucket of all requests of the account with these `buckets`.
    pub(crate) fn of_user(limit: RequestsPerMinute, buckets: Option<&Buckets>) -> Self {
        Self::seen(OF_USER.to_owned(), limit, buckets)
    }

    /// The bucket of the API key `id`.
    pub(crate) fn of_key(id: ApiKeyId, limit: RequestsPerMinute, buckets: Option<&Buckets>) -> Self {
        let mut name = id.to_string();
        Self::seen(name.split_off(name.len() - KEY_NAME_CHARACTERS), limit, buckets)
    }

    fn seen(name: String, limit: RequestsPerMinute, buckets: Option<&Buckets>) -> Self {
        let full_at = buckets.and_then(|buckets| buckets.get(&name).copied());
        Self { name, limit, full_at }
    }

    /// The time until it is full.
    fn full_in(&self, now: Timestamp) -> Duration {
        let missing = Duration::from_micros(self.full_at.unwrap_or(0).saturating_sub(microseconds(now)));
        if missing > FURTHEST { Duration::ZERO } else { missing }
    }

    /// The longest time until it is full in which it still has a request.
    fn longest_with_one(&self) -> Duration {
        self.limit.interval() * (self.limit.number() - 1)
    }

    /// Checks that it has a request at `now`.
    ///
    /// # Errors
    /// [`NoRequestLeft`] if it has none.
    fn check(&self, now: Timestamp) -> Result<(), NoRequestLeft> {
        let full_in = self.full_in(now);
        match full_in.checked_sub(self.longest_with_one()) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(retry_after) => Err(NoRequestLeft { limit: self.limit.number(), retry_after, full_in }),
        }
    }

    /// The requests that it has at `now`.
    pub(crate) fn room(&self, now: Timestamp) -> MinuteRoom {
        let (full_in, interval) = (self.full_in(now), self.limit.interval());
        let left = (interval * self.limit.number()).saturating_sub(full_in);
        let remaining = u32::try_from(left.as_micros() / interval.as_micros()).unwrap_or(u32::MAX);
        MinuteRoom { limit: self.limit.number(), remaining, full_in }
    }

    /// The moment at which it is full, in microseconds, after a request was taken at `now`.
    fn after_one(&self, now: Timestamp) -> u64 {
        let full_at = microseconds(now) + as_microseconds(self.full_in(now));
        full_at + as_microseconds(self.limit.interval())
    }
}

/// Checks that each bucket has a request at `now`.
///
/// # Errors
/// [`NoRequestLeft`] of the bucket that has to be waited for longest.
pub(crate) fn check_requests(buckets: &[Bucket], now: Timestamp) -> Result<(), NoRequestLeft> {
    let refusing = buckets.iter().filter_map(|bucket| bucket.check(now).err());
    refusing.max_by_key(|refusal| refusal.retry_after).map_or(Ok(()), Err)
}

/// The room of the bucket that has the fewest requests left.
pub(crate) fn tightest(buckets: &[Bucket], now: Timestamp) -> Option<MinuteRoom> {
    buckets.iter().map(|bucket| bucket.room(now)).min_by_key(|room| room.remaining)
}

/// The buckets of other keys that have been full for so long that they need not be in the account.
pub(crate) fn removable(all: Option<&Buckets>, used: &[Bucket], now: Timestamp) -> Vec<(String, u64)> {
    let latest = microseconds(now.minus(REMOVED_AFTER));
    let is_meant = |name: &str, full_at: u64| full_at < latest && used.iter().all(|bucket| bucket.name != name);
    let removable = all.into_iter().flatten().filter(|(name, full_at)| is_meant(name, **full_at));
    removable.take(REMOVED_AT_ONCE).map(|(name, full_at)| (name.clone(), *full_at)).collect()
}

/// The change of the buckets by a hold.
pub(crate) struct BucketsUpdate<'a> {
    /// The buckets of which a request is taken.
    pub(crate) used: &'a [Bucket],
    /// The buckets that are removed, if they are as they were seen.
    pub(crate) removed: &'a [(String, u64)],
    /// Whether the account has the map of buckets.
    pub(crate) has_map: bool,
    pub(crate) now: Timestamp,
}

impl BucketsUpdate<'_> {
    /// The addition to the assignments of the update.
    pub(crate) fn assignments(&self) -> String {
        match (self.used, self.has_map) {
            ([], _) => String::new(),
            (_, false) => ", buckets = :buckets".to_owned(),
            (used, true) => used.iter().enumerate().map(|(place, bucket)| self.assignment(place, bucket)).collect(),
        }
    }

    fn assignment(&self, place: usize, bucket: &Bucket) -> String {
        match bucket.full_in(self.now) {
            Duration::ZERO => format!(", buckets.#bucket_{place} = :after_{place}"),
            _ => format!(", buckets.#bucket_{place} = buckets.#bucket_{place} + :interval_{place}"),
        }
    }

    /// The addition to the condition of the update.
    pub(crate) fn condition(&self) -> String {
        let of_used = match (self.used, self.has_map) {
            ([], _) => String::new(),
            (_, false) => " AND attribute_not_exists(buckets)".to_owned(),
            (used, true) => {
                let forms = used.iter().enumerate().map(|(place, bucket)| match bucket.full_in(self.now) {
                    Duration::ZERO => format!(
                        " AND (attribute_not_exists(buckets.#bucket_{place}) OR buckets.#bucket_{place} <= :now_us \
                         OR buckets.#bucket_{place} > :furthest)"
                    ),
                    _ => format!(" AND buckets.#bucket_{place} BETWEEN :now_us AND :latest_{place}"),
                });
                // Without the map, each of these would be true, and the assignment an error.
                format!(" AND attribute_exists(buckets){}", forms.collect::<String>())
            }
        };
        let of_removed =
            (0..self.removed.len()).map(|place| format!(" AND buckets.#removed_{place} = :removed_{place}"));
        of_removed.fold(of_used, |condition, removed| condition + &removed)
    }

    /// The removals of the update.
    pub(crate) fn removals(&self) -> String {
        let removed: Vec<String> = (0..self.removed.len()).map(|place| format!("buckets.#removed_{place}")).collect();
        if removed.is_empty() { String::new() } else { format!(" REMOVE {}", removed.join(", ")) }
    }

    /// The update with the names and values of these expressions.
    pub(crate) fn with_values(&self, mut update: UpdateBuilder) -> UpdateBuilder {
        for (place, (name, full_at)) in self.removed.iter().enumerate() {
            update = update
                .expression_attribute_names(format!("#removed_{place}"), name)
                .expression_attribute_values(format!(":removed_{place}"), number(*full_at));
        }
        if self.used.is_empty() {
            return update;
        }
        if !self.has_map {
            let buckets = self.used.iter().map(|bucket| (bucket.name.clone(), number(bucket.after_one(self.now))));
            return update.expression_attribute_values(":buckets", AttributeValue::M(buckets.collect()));
        }
        update = update.expression_attribute_values(":now_us", number(microseconds(self.now)));
        let mut is_any_full = false;
        for (place, bucket) in self.used.iter().enumerate() {
            update = update.expression_attribute_names(format!("#bucket_{place}"), &bucket.name);
            update = if bucket.full_in(self.now).is_zero() {
                is_any_full = true;
                update.expression_attribute_values(format!(":after_{place}"), number(bucket.after_one(self.now)))
            } else {
                let latest = microseconds(self.now) + as_microseconds(bucket.longest_with_one());
                update
                    .expression_attribute_values(format!(":latest_{place}"), number(latest))
                    .expression_attribute_values(
                        format!(":interval_{place}"),
                        number(as_microseconds(bucket.limit.interval())),
                    )
            };
        }
        if is_any_full {
            let furthest = microseconds(self.now.plus(FURTHEST));
            update = update.expression_attribute_values(":furthest", number(furthest));
        }
        update
    }

    /// The buckets of the account after the hold, where its answer does not say them.
    pub(crate) fn expected(&self, buckets: Option<&Buckets>) -> Option<Buckets> {
        let mut expected = buckets.cloned().unwrap_or_default();
        expected.retain(|name, _| self.removed.iter().all(|(removed, _)| removed != name));
        expected.extend(self.used.iter().map(|bucket| (bucket.name.clone(), bucket.after_one(self.now))));
        (!expected.is_empty()).then_some(expected)
    }
}

fn microseconds(moment: Timestamp) -> u64 {
    moment.milliseconds().saturating_mul(1000)
}

fn as_microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::Clock;
    use proptest::prelude::*;
    use testkit::test_table::NOW;

    fn limit(requests: u32) -> RequestsPerMinute {
        RequestsPerMinute::new(requests).unwrap()
    }

    /// Takes a request at `now`, if there is one.
    fn take(buckets: &mut Buckets, requests: u32, now: Timestamp) -> bool {
        let bucket = Bucket::of_user(limit(requests), Some(buckets));
        let has_one = bucket.check(now).is_ok();
        if has_one {
            buckets.insert(bucket.name.clone(), bucket.after_one(now));
        }
        has_one
    }

    fn after(milliseconds: u64) -> Timestamp {
        NOW.plus(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_full_bucket_has_a_minutes_requests_at_once_and_regains_one_after_each_interval() {
        for requests in [1, 3, 7, 60, 1000, RequestsPerMinute::MAX] {
            let mut buckets = Buckets::new();
            for taken in 0..requests {
                let room = Bucket::of_user(limit(requests), Some(&buckets)).room(NOW);
                assert_eq!((room.limit, room.remaining), (requests, requests - taken));
                assert!(take(&mut buckets, requests, NOW), "{taken} of {requests}");
            }
            assert!(!take(&mut buckets, requests, NOW));
            let refused = Bucket::of_user(limit(requests), Some(&buckets)).check(NOW).unwrap_err();
            let NoRequestLeft { retry_after, .. } = refused;
            assert_eq!(retry_after, limit(requests).interval());
            let interval_ms = u64::try_from(retry_after.as_micros().div_ceil(1000)).unwrap();
            assert!(interval_ms <= 1 || !take(&mut buckets, requests, after(interval_ms - 1)));
            assert!(take(&mut buckets, requests, after(interval_ms)));
        }
    }

    #[test]
    fn a_bucket_that_a_clock_ahead_has_set_counts_as_full() {
        let mut buckets = Buckets::new();
        assert!(take(&mut buckets, 1, after(600_000)));
        assert!(take(&mut buckets, 1, NOW), "nobody is locked out for ten minutes");
        assert!(!take(&mut buckets, 1, after(59_999)));
        assert!(take(&mut buckets, 1, after(60_000)));
    }

    #[test]
    fn buckets_of_other_keys_that_were_full_for_long_can_be_removed_two_at_a_time() {
        let clock = Clock::manual(NOW);
        let ids = [(); 4].map(|()| ApiKeyId::new(&clock));
        let all: Buckets = ids.iter().map(|id| (Bucket::of_key(*id, limit(1), None).name, microseconds(NOW))).collect();
        assert_eq!(all.len(), 4);
        let used = [Bucket::of_key(ids[0], limit(1), Some(&all))];
        assert_eq!(removable(Some(&all), &used, after(70_000)), []);
        let removed = removable(Some(&all), &used, after(70_001));
        assert_eq!(removed.len(), 2);
        assert!(removed.iter().all(|(name, _)| *name != used[0].name));
        assert_eq!(removable(None, &used, after(70_001)), []);
    }

    #[test]
    fn the_tightest_bucket_is_the_one_with_the_fewest_requests_left() {
        let used = Buckets::from([(OF_USER.to_owned(), microseconds(after(30_000)))]);
        let key = ApiKeyId::new(&Clock::manual(NOW));
        let buckets = [Bucket::of_user(limit(10), Some(&used)), Bucket::of_key(key, limit(6), Some(&used))];
        let expected = MinuteRoom { limit: 10, remaining: 5, full_in: Duration::from_secs(30) };
        assert_eq!(tightest(&buckets, NOW), Some(expected));
        assert_eq!(tightest(&[], NOW), None);
    }

    #[test]
    fn of_two_buckets_without_a_request_the_one_that_takes_longer_says_when_to_come_back() {
        let key = ApiKeyId::new(&Clock::manual(NOW));
        let buckets = [Bucket::of_user(limit(60), None), Bucket::of_key(key, limit(1), None)];
        assert_eq!(check_requests(&buckets, NOW), Ok(()));
        let used: Buckets = buckets.iter().map(|bucket| (bucket.name.clone(), microseconds(after(60_000)))).collect();
        let retry_after = |buckets: &[Bucket]| check_requests(buckets, NOW).unwrap_err().retry_after;
        let buckets = [Bucket::of_user(limit(60), Some(&used)), Bucket::of_key(key, limit(1), Some(&used))];
        assert_eq!(retry_after(&buckets[..1]), Duration::from_secs(1));
        assert_eq!(retry_after(&buckets), Duration::from_secs(60));
    }

    proptest! {
        /// The promise to whoever sets a limit.
        #[test]
        fn in_no_span_of_time_are_more_requests_granted_than_the_bucket_holds_and_regains(
            requests in 1..30_u32,
            waits in prop::collection::vec(0..5_000_u64, 1..200),
        ) {
            let (mut buckets, mut now, mut granted) = (Buckets::new(), NOW, Vec::new());
            for wait in waits {
                now = now.plus(Duration::from_millis(wait));
                let room = Bucket::of_user(limit(requests), Some(&buckets)).room(now);
                let has_one = take(&mut buckets, requests, now);
                prop_assert_eq!(room.remaining > 0, has_one);
                if has_one {
                    granted.push(now);
                }
            }
            for (first, begin) in granted.iter().enumerate() {
                for (last, end) in granted.iter().enumerate().skip(first) {
                    let regained = end.since(*begin).as_micros() / limit(requests).interval().as_micros();
                    prop_assert!((last - first) as u128 <= u128::from(requests) - 1 + regained);
                }
            }
        }

        /// `Retry-After` is rounded up to whole seconds elsewhere; until then it is exact.
        #[test]
        fn whoever_waits_as_told_gets_a_request(
            requests in 1..100_u32,
            waits in prop::collection::vec(0..500_u64, 1..300),
        ) {
            let (mut buckets, mut now) = (Buckets::new(), NOW);
            for wait in waits {
                now = now.plus(Duration::from_millis(wait));
                if let Err(NoRequestLeft { retry_after, full_in, .. }) =
                    Bucket::of_user(limit(requests), Some(&buckets)).check(now)
                {
                    prop_assert!(retry_after <= full_in && full_in <= Duration::from_millis(60_060));
                    let whole_ms = u64::try_from(retry_after.as_micros().div_ceil(1000)).unwrap();
                    now = now.plus(Duration::from_millis(whole_ms));
                    prop_assert!(take(&mut buckets, requests, now));
                }
                take(&mut buckets, requests, now);
            }
        }
    }
}
