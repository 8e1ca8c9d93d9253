//! Identifiers: ULIDs, which sort by the time they were made.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::random;
use crate::time::{Clock, Timestamp};

macro_rules! identifier {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// A new identifier: the clock's time and 80 random bits.
            #[must_use]
            pub fn new(clock: &Clock) -> Self {
                Self(random_ulid(clock.now()))
            }

            /// The least identifier that can be made at `time`.
            #[must_use]
            pub fn first_of(time: Timestamp) -> Self {
                Self(Ulid::from_parts(time.milliseconds(), 0))
            }

            /// The greatest identifier that can be made at `time`.
            #[must_use]
            pub fn last_of(time: Timestamp) -> Self {
                Self(Ulid::from_parts(time.milliseconds(), u128::MAX))
            }

            /// The time at which the identifier was made.
            #[must_use]
            pub fn made_at(&self) -> Timestamp {
                Timestamp::from_milliseconds(self.0.timestamp_ms())
            }

            /// Parses the text that [`Display`](fmt::Display) writes; `None` for any other text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                // The library also accepts lower case, and 26 characters whose number needs more than 128 bits.
                Ulid::from_string(text).map(Self).ok().filter(|id| id.to_string() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0.to_string())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an identifier"))
            }
        }
    };
}

identifier! {
    /// A user, for ever: a username may pass to another user, this identifier never does. It is the `sub` of JWTs.
    UserId
}

identifier! {
    /// One login of a user. It is the `sid` of JWTs.
    SessionId
}

identifier! {
    /// A ledger entry. The hold before it and the message that it pays for have the same identifier.
    EntryId
}

identifier! {
    /// One JWT. It is the token's `jti`.
    TokenId
}

identifier! {
    /// The public name of an API key, by which its user lists and ends it. It opens nothing.
    ApiKeyId
}

identifier! {
    /// A conversation of a user.
    ConversationId
}

identifier! {
    /// The record of an act of staff, or of an operator.
    ActId
}

identifier! {
    /// Voucher codes that were made together.
    BatchId
}

identifier! {
    /// A bulk job.
    JobId
}

identifier! {
    /// The id of an item of any kind, at which a list goes on.
    PlaceInList
}

impl EntryId {
    /// A new identifier above `floor`: one of the clock's time, or of the millisecond after `floor` if the clock is not
    /// beyond it. Clocks differ, so a floor that another clock has set may lie in this one's future.
    #[must_use]
    pub fn above(floor: Option<Self>, clock: &Clock) -> Self {
        let id = Self::new(clock);
        match floor {
            Some(floor) if id <= floor => Self(random_ulid(floor.made_at().plus(Duration::from_millis(1)))),
            _ => id,
        }
    }

    /// The greatest identifier below this one; the least of all has none below it.
    #[must_use]
    pub fn preceding(self) -> Self {
        Self(Ulid(self.0.0.saturating_sub(1)))
    }
}

impl From<EntryId> for PlaceInList {
    fn from(EntryId(ulid): EntryId) -> Self {
        Self(ulid)
    }
}

impl From<ActId> for PlaceInList {
    fn from(ActId(ulid): ActId) -> Self {
        Self(ulid)
    }
}

impl From<BatchId> for PlaceInList {
    fn from(BatchId(ulid): BatchId) -> Self {
        Self(ulid)
    }
}

impl From<ConversationId> for PlaceInList {
    fn from(ConversationId(ulid): ConversationId) -> Self {
        Self(ulid)
    }
}

impl ConversationId {
    /// Every user's first conversation, which is the one at `/chatView/` unless a request names another.
    pub const FIRST: Self = Self(Ulid(0));
    /// The exchanges that programs asked to store, each of which is complete in itself.
    pub const COMPLETIONS: Self = Self(Ulid(1));
}

fn random_ulid(time: Timestamp) -> Ulid {
    let mut bytes = [0_u8; 16];
    // Identifiers must not be guessable, so a request without random bits gets no answer.
    if let Err(error) = random::fill(&mut bytes) {
        panic!("the system gives no random bytes: {error}");
    }
    Ulid::from_parts(time.milliseconds(), u128::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_by_time() {
        let clock = Clock::manual(Timestamp::from_seconds(1));
        let first = EntryId::new(&clock);
        clock.advance(Duration::from_millis(1));
        let second = EntryId::new(&clock);
        assert!(first.to_string() < second.to_string());
        assert_eq!(second.made_at(), clock.now());
    }

    #[test]
    fn the_first_identifier_of_a_time_sorts_before_all_others_of_it_and_after_those_before() {
        let clock = Clock::manual(Timestamp::from_seconds(1));
        let before = EntryId::new(&clock);
        clock.advance(Duration::from_millis(1));
        let first = EntryId::first_of(clock.now());
        assert!(before < first && first < EntryId::new(&clock) && first.made_at() == clock.now());
    }

    #[test]
    fn the_last_identifier_of_a_time_sorts_after_all_others_of_it_and_before_those_after() {
        let clock = Clock::manual(Timestamp::from_seconds(1));
        let (made, last) = (EntryId::new(&clock), EntryId::last_of(clock.now()));
        clock.advance(Duration::from_millis(1));
        assert!(made < last && last < EntryId::first_of(clock.now()) && last.made_at() == made.made_at());
    }

    #[test]
    fn an_identifier_above_another_is_of_the_clocks_time_or_of_the_millisecond_after_the_other() {
        let clock = Clock::manual(Timestamp::from_seconds(1000));
        let old = EntryId::new(&clock);
        clock.advance(Duration::from_millis(1));
        for floor in [None, Some(old)] {
            assert_eq!(EntryId::above(floor, &clock).made_at(), clock.now());
        }
        let behind = Clock::manual(Timestamp::from_seconds(400));
        let above = EntryId::above(Some(old), &behind);
        assert!(above > old && above.made_at() == clock.now());
        let of_this_millisecond = EntryId(Ulid::from_parts(clock.now().milliseconds(), u128::MAX));
        assert!(EntryId::above(Some(of_this_millisecond), &clock) > of_this_millisecond);
    }

    #[test]
    fn an_identifier_precedes_the_next_and_the_least_has_none_before_it() {
        let id = EntryId::new(&Clock::system());
        assert!(id.preceding() < id && id.preceding().0.0 + 1 == id.0.0);
        assert_eq!(EntryId(Ulid(0)).preceding(), EntryId(Ulid(0)));
    }

    #[test]
    fn an_identifier_reads_back_what_it_wrote() {
        let id = UserId::new(&Clock::system());
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<UserId>(&json).unwrap(), id);
    }

    #[test]
    fn a_text_that_is_no_ulid_is_no_identifier() {
        for text in ["", "../../etc", "01ARZ3NDEKTSV4RRFFQ69G5FA", "ACCOUNT"] {
            assert!(serde_json::from_value::<UserId>(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_identifier_is_written_in_one_way_only() {
        assert!(UserId::parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ").is_some());
        for text in ["7zzzzzzzzzzzzzzzzzzzzzzzzz", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
            assert_eq!(UserId::parse(text), None, "{text}");
        }
    }
}
