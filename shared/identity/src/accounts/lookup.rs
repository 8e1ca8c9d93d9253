//! Looking users up, for those who only read.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::UserId;
use domain::username::Username;
use ledger::account::Account;
use serde::Deserialize;
use store::{Item, MAX_BATCH_ITEMS, StoreError, from_item};

use crate::accounts::registration::Accounts;
use crate::accounts::superusers::SuperuserCount;
use crate::accounts::user_ref::UserRef;
use crate::error::ChangeError;

/// The part of an account that names its user.
#[derive(Deserialize)]
struct NamedAccount {
    pk: String,
    username: String,
}

impl Accounts {
    /// The account of this user, whatever its status is, and the user's id.
    ///
    /// # Errors
    /// [`ChangeError::UserNotFound`] if there is no such user, [`ChangeError::Unavailable`] if the table cannot be read.
    pub async fn find_account(&self, user: &UserRef) -> Result<(UserId, Account), ChangeError> {
        let name = match user {
            UserRef::Name(username) => username.clone(),
            UserRef::Id(user_id) => match self.table.get(Account::key(*user_id)).await? {
                Some(account) => return Ok((*user_id, account)),
                None => Username::parse(&user_id.to_string()).map_err(|_| ChangeError::UserNotFound)?,
            },
        };
        let (login, account) = self.find(&name).await?;
        Ok((login.user_id, account))
    }

    /// The number of superusers whose accounts are active.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn superusers(&self) -> Result<u64, StoreError> {
        let count: Option<SuperuserCount> = self.table.get(SuperuserCount::key()).await?;
        Ok(count.unwrap_or_default().active)
    }

    /// The names of those of these users who have an account. A name that was registered in the last second may be missing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read, or an account has no name.
    pub async fn usernames(&self, users: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, String>, StoreError> {
        let users: Vec<UserId> = users.iter().copied().collect();
        let mut names = BTreeMap::new();
        for users in users.chunks(MAX_BATCH_ITEMS) {
            let keys = users.iter().map(|user_id| Account::key(*user_id));
            for account in self.table.get_all_eventually(keys).await? {
                names.extend(name_in(account)?);
            }
        }
        Ok(names)
    }
}

fn name_in(account: Item) -> Result<Option<(UserId, String)>, StoreError> {
    let NamedAccount { pk, username } = from_item(account)?;
    Ok(pk.strip_prefix("USER#").and_then(UserId::parse).map(|user_id| (user_id, username)))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::testing::TestPeople;

    #[tokio::test]
    async fn a_user_is_found_by_id_or_by_name_and_whoever_is_not_there_has_no_name() {
        let test = TestPeople::start().await;
        let accounts = test.accounts();
        let ada = test.register("Ada", 5).await;
        let gone = UserId::new(&test.clock);
        for text in [ada.to_string().as_str(), "ada", "ADA"] {
            let (user_id, account) = accounts.find_account(&UserRef::parse(text).unwrap()).await.unwrap();
            assert_eq!((user_id, account.username.as_str()), (ada, "Ada"));
        }
        for text in [gone.to_string().as_str(), "bob"] {
            let outcome = accounts.find_account(&UserRef::parse(text).unwrap()).await;
            assert!(matches!(outcome, Err(ChangeError::UserNotFound)), "{text}");
        }
        let names = accounts.usernames(&BTreeSet::from([ada, gone])).await.unwrap();
        assert_eq!(names, BTreeMap::from([(ada, "Ada".to_owned())]));
    }

    #[tokio::test]
    async fn more_names_than_one_request_takes_are_read_in_several() {
        let test = TestPeople::start().await;
        let ada = test.register("ada", 5).await;
        let mut users: BTreeSet<UserId> = (0..2 * MAX_BATCH_ITEMS).map(|_| UserId::new(&test.clock)).collect();
        users.insert(ada);
        test.recorder.clear();
        assert_eq!(test.accounts().usernames(&users).await.unwrap().len(), 1);
        assert_eq!(test.recorder.requests().len(), 3);
    }
}
