//! The accounts that a function remembers from its last holds in them, so that a message costs no read before its hold.
//!
//! What is remembered proves nothing: other functions change the account all the time. It is a guess for the next hold, whose
//! condition decides, and nothing is told from it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::credits::Credits;
use domain::ids::{EntryId, UserId};
use domain::time::Timestamp;

use crate::account::Account;

/// The most accounts that a function remembers: some 400 KB, and 1.5 MB if each has twenty messages in flight.
const MOST_REMEMBERED: usize = 256;

/// Time for which an account is remembered after a hold in it.
const LONGEST_MEMORY: Duration = Duration::from_secs(60);

/// An account as the last hold of this function left it.
#[derive(Debug)]
struct SeenAccount {
    account: Account,
    seen_at: Timestamp,
}

impl SeenAccount {
    /// Whether the account was seen lately. A clock that was set back makes nothing younger.
    fn is_young(&self, now: Timestamp) -> bool {
        self.seen_at <= now && now.since(self.seen_at) < LONGEST_MEMORY
    }
}

/// The accounts that a function remembers, by their users.
#[derive(Debug, Default)]
pub(crate) struct AccountMemory(Mutex<HashMap<UserId, SeenAccount>>);

impl AccountMemory {
    /// The account of a user, if the function held in it lately.
    pub(crate) fn recall(&self, user_id: UserId, now: Timestamp) -> Option<Account> {
        let accounts = self.accounts();
        let seen = accounts.get(&user_id)?;
        seen.is_young(now).then(|| seen.account.clone())
    }

    /// Remembers the account of a user as the answer to a hold had it.
    pub(crate) fn remember(&self, user_id: UserId, account: Account, now: Timestamp) {
        let mut accounts = self.accounts();
        // The answers to holds that were made side by side may come in another order.
        if accounts.get(&user_id).is_some_and(|seen| seen.account.version > account.version) {
            return;
        }
        if !accounts.contains_key(&user_id) && accounts.len() >= MOST_REMEMBERED {
            // All are read again when they are needed: that is cheaper than to know the oldest.
            accounts.clear();
        }
        accounts.insert(user_id, SeenAccount { account, seen_at: now });
    }

    /// Forgets the account of a user, because the function does not know what has become of it.
    pub(crate) fn forget(&self, user_id: UserId) {
        self.accounts().remove(&user_id);
    }

    /// Notes that this function has ended a hold, and that so many of its credits are back. The account is not seen by that,
    /// and grows as old as it was.
    pub(crate) fn end_hold(&self, user_id: UserId, place: &str, id: EntryId, returned: Credits) {
        let mut accounts = self.accounts();
        let Some(SeenAccount { account, .. }) = accounts.get_mut(&user_id) else { return };
        if account.holds.get(place).is_some_and(|hold| hold.id == id) {
            account.holds.remove(place);
            account.balance = account.balance.saturating_plus(returned);
        }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<UserId, SeenAccount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::time::Clock;
    use testkit::test_table::NOW;

    use crate::account::{Epoch, Status};
    use crate::holds::{Hold, Holds};
    use crate::hourly::HourlyWork;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn user() -> UserId {
        UserId::new(&Clock::manual(NOW))
    }

    /// An account with this balance, and one hold of 5 credits at its place `hold`.
    fn account(balance: u64, hold: EntryId) -> Account {
        let of_hold =
            Hold { id: hold, amount: credits(5), expires_at: NOW.seconds() + 60, fingerprint: None, budget: None };
        Account {
            username: "ada".to_owned(),
            balance: credits(balance),
            holds: Holds::from([("hold".to_owned(), of_hold)]),
            status: Status::Active,
            staff: false,
            allowance: None,
            session_epoch: Epoch::FIRST,
            api_key_epoch: Epoch::FIRST,
            keys_version: 0,
            hourly: HourlyWork::none(NOW),
            version: 0,
            spent: 0,
            buckets: None,
            created_at: NOW.to_string(),
            deletion_began_at: None,
            deleted_by: None,
            conversations: 0,
            deleted_conversations: 0,
            first_conversation: None,
            texts_erased_through: None,
            sealed_to: None,
            sealed_at: None,
            audited_version: None,
        }
    }

    fn entry() -> EntryId {
        EntryId::new(&Clock::manual(NOW))
    }

    fn balance(memory: &AccountMemory, user_id: UserId, now: Timestamp) -> Option<u64> {
        memory.recall(user_id, now).map(|account| account.balance.into())
    }

    #[test]
    fn an_account_is_remembered_for_a_minute_and_not_while_the_clock_is_back() {
        let (memory, ada) = (AccountMemory::default(), user());
        let after = |milliseconds| NOW.plus(Duration::from_millis(milliseconds));
        assert_eq!(balance(&memory, ada, NOW), None);
        memory.remember(ada, account(7, entry()), NOW);
        assert_eq!(balance(&memory, ada, after(59_999)), Some(7));
        assert_eq!(balance(&memory, ada, after(60_000)), None);
        assert_eq!(balance(&memory, ada, NOW.minus(Duration::from_millis(1))), None);
        memory.remember(ada, account(8, entry()), after(60_000));
        assert_eq!(balance(&memory, ada, after(119_999)), Some(8));
        memory.forget(ada);
        assert_eq!(balance(&memory, ada, after(60_000)), None);
    }

    #[test]
    fn a_hold_that_was_ended_returns_its_rest_once_and_makes_the_account_no_younger() {
        let (memory, ada, hold) = (AccountMemory::default(), user(), entry());
        memory.remember(ada, account(7, hold), NOW);
        memory.end_hold(ada, "hold", entry(), credits(2));
        memory.end_hold(ada, "elsewhere", hold, credits(2));
        memory.end_hold(user(), "hold", hold, credits(2));
        assert_eq!(balance(&memory, ada, NOW), Some(7), "another hold was ended");
        for _ in 0..2 {
            memory.end_hold(ada, "hold", hold, credits(2));
            let account = memory.recall(ada, NOW).unwrap();
            assert_eq!((account.balance, account.holds.len()), (credits(9), 0));
        }
        assert_eq!(balance(&memory, ada, NOW.plus(LONGEST_MEMORY)), None);
    }

    #[test]
    fn so_many_accounts_are_remembered_and_one_more_makes_the_memory_begin_anew() {
        let (memory, first) = (AccountMemory::default(), user());
        memory.remember(first, account(1, entry()), NOW);
        for _ in 1..MOST_REMEMBERED {
            memory.remember(user(), account(2, entry()), NOW);
        }
        memory.remember(first, account(3, entry()), NOW);
        assert_eq!((balance(&memory, first, NOW), memory.accounts().len()), (Some(3), MOST_REMEMBERED));
        memory.remember(user(), account(4, entry()), NOW);
        assert_eq!((balance(&memory, first, NOW), memory.accounts().len()), (None, 1));
    }
}
