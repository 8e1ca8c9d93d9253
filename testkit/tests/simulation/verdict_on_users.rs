//! The rules between accounts, logins and sessions.

use std::collections::{BTreeSet, HashMap};

use crate::chronicle::Chronicle;
use crate::engine::{ACCOUNT, PREFIX_OF_SESSIONS, PREFIX_OF_TEXTS, StoredItem, partition_of};
use crate::person::password_of;
use shared::domain::ids::SessionId;
use shared::domain::time::Timestamp;
use shared::identity::login::Login;
use shared::identity::sessions::{MAX_SESSIONS, Session};
use shared::ledger::account::{Account, Status};
use shared::ledger::audit::Tombstone;

/// The rules that hold at any moment, since one transaction keeps each.
pub(super) fn on_users(items: &[StoredItem], chronicle: &Chronicle, now: Timestamp) -> Vec<String> {
    let people = People::of(items);
    let mut violations = people.strangers(items);
    for (partition, account) in &people.accounts {
        let Some(login) = people.logins.get(partition) else {
            violations.push(format!("{partition} has no login"));
            continue;
        };
        violations.extend(contradictions(partition, account, login, chronicle));
        violations.extend(people.on_sessions(partition, account, login, chronicle, now));
    }
    violations
}

/// A finished deletion leaves the tombstone alone. A text may arrive after it.
pub(super) fn on_deletions(items: &[StoredItem], chronicle: &Chronicle) -> Vec<String> {
    let left = of_deleted_users(items, chronicle).filter(|item| !may_outlive_account(item));
    left.map(|item| format!("{} of {} is left, which was deleted", item.sort, item.partition)).collect()
}

/// A sweep leaves nothing.
pub(super) fn on_sweeps(items: &[StoredItem], chronicle: &Chronicle) -> Vec<String> {
    let left = of_deleted_users(items, chronicle);
    left.map(|item| format!("{} of {} is left, which was swept", item.sort, item.partition)).collect()
}

fn may_outlive_account(item: &StoredItem) -> bool {
    item.sort == Tombstone::SORT_KEY || item.sort.starts_with(PREFIX_OF_TEXTS)
}

fn of_deleted_users<'a>(items: &'a [StoredItem], chronicle: &Chronicle) -> impl Iterator<Item = &'a StoredItem> {
    items.iter().filter(|item| chronicle.user(&item.partition).is_some_and(|user| user.is_closed))
}

/// The users in the table, by their partitions.
struct People {
    accounts: HashMap<String, Account>,
    logins: HashMap<String, Login>,
    /// The sessions of each, by their sort keys.
    sessions: HashMap<String, Vec<(String, Session)>>,
}

impl People {
    fn of(items: &[StoredItem]) -> Self {
        let mut people = Self { accounts: HashMap::new(), logins: HashMap::new(), sessions: HashMap::new() };
        for item in items {
            let partition = item.partition.clone();
            if item.sort == ACCOUNT {
                people.accounts.insert(partition, item.parsed());
            } else if item.sort == "LOGIN" {
                let login: Login = item.parsed();
                people.logins.insert(partition_of(login.user_id), login);
            } else if item.sort.starts_with(PREFIX_OF_SESSIONS) {
                people.sessions.entry(partition).or_default().push((item.sort.clone(), item.parsed()));
            }
        }
        people
    }

    /// The items without an account.
    fn strangers(&self, items: &[StoredItem]) -> Vec<String> {
        let of_users = items.iter().filter(|item| item.partition.starts_with("USER#"));
        let orphans = of_users
            .filter(|item| !may_outlive_account(item))
            .filter(|item| !self.accounts.contains_key(&item.partition));
        let orphans = orphans.map(|item| format!("{} is in {}, which has no account", item.sort, item.partition));
        let logins = self.logins.keys().filter(|partition| !self.accounts.contains_key(*partition));
        orphans.chain(logins.map(|partition| format!("a login leads to {partition}, which has no account"))).collect()
    }

    /// Living sessions are listed and not too many, and each was begun with the user's present password.
    fn on_sessions(
        &self,
        partition: &str,
        account: &Account,
        login: &Login,
        chronicle: &Chronicle,
        now: Timestamp,
    ) -> Vec<String> {
        let sessions = self.sessions.get(partition).map_or(&[][..], Vec::as_slice);
        let living: BTreeSet<&str> = sessions
            .iter()
            .filter(|(_, session)| lives(account, session, now))
            .map(|(sort, _)| sort.as_str())
            .collect();
        let mut violations = Vec::new();
        if living.len() > MAX_SESSIONS {
            violations.push(format!("{partition} has {} sessions", living.len()));
        }
        for sort in living {
            let id = sort.strip_prefix(PREFIX_OF_SESSIONS).and_then(SessionId::parse);
            if !id.is_some_and(|id| login.sessions.contains(&id)) {
                violations.push(format!("{sort} of {partition} lives and is not listed"));
            }
            if chronicle.session_password(partition, sort) != Some(password_of(login.password_hash.as_str())) {
                violations.push(format!("{sort} of {partition} lives, and was begun with another password"));
            }
        }
        violations
    }
}

/// Whether a session can be refreshed.
pub(super) fn lives(account: &Account, session: &Session, now: Timestamp) -> bool {
    account.status == Status::Active
        && account.session_epoch == session.session_epoch
        && session.expires_at > now.seconds()
}

/// The differences between account, login and the accepted requests.
fn contradictions(partition: &str, account: &Account, login: &Login, chronicle: &Chronicle) -> Vec<String> {
    let mut violations = Vec::new();
    let (of_account, of_login) = (account.session_epoch, login.session_epoch);
    let Some(user) = chronicle.user(partition) else { return vec![format!("{partition} was never registered")] };
    if of_account != user.session_epoch || of_login != user.session_epoch {
        let accepted = user.session_epoch;
        violations.push(format!("{partition} has the epochs {of_account} and {of_login}, and {accepted} was accepted"));
    }
    if password_of(login.password_hash.as_str()) != user.password {
        violations.push(format!("{partition} has another password than the one that was accepted last"));
    }
    if user.is_closed != (account.status == Status::Deleting) {
        violations.push(format!("{partition} is {:?}", account.status));
    }
    violations
}
