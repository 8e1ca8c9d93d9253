//! Deactivating accounts, and activating them again.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::cause::Cause;
use domain::ids::TokenId;
use domain::time::Timestamp;
use domain::username::Username;
use ledger::account::{Account, Status};
use store::transaction::{cancellation_reasons, condition_failed};
use store::{StoreError, number};

use crate::accounts::registration::Accounts;
use crate::error::ActivationError;
use crate::login::Login;

/// The most rounds of an act that collides with other changes of the account.
const MAX_ROUNDS: usize = 5;

/// The epochs of an account after a change of its status.
#[derive(Clone, Copy)]
struct Epochs {
    session_epoch: u64,
    api_key_epoch: u64,
}

impl Epochs {
    /// A deactivation raises both epochs, so that the tokens and API keys of before stay worthless after an activation.
    fn of(wanted: Status, login: &Login, account: &Account) -> Self {
        match wanted {
            Status::Active => Self { session_epoch: account.session_epoch, api_key_epoch: account.api_key_epoch },
            Status::Inactive | Status::Deleting => Self {
                session_epoch: account.session_epoch.max(login.session_epoch) + 1,
                api_key_epoch: account.api_key_epoch + 1,
            },
        }
    }
}

impl Accounts {
    /// The account with this username, and its login.
    ///
    /// # Errors
    /// [`ActivationError::UserNotFound`] if no account has the username, [`ActivationError::Unavailable`] if the table
    /// cannot be read.
    pub async fn find(&self, username: &Username) -> Result<(Login, Account), ActivationError> {
        let login: Option<Login> = self.table.get(Login::key(username)).await?;
        let login = login.ok_or(ActivationError::UserNotFound)?;
        let account = self.table.get(Account::key(login.user_id)).await?.ok_or(ActivationError::UserNotFound)?;
        Ok((login, account))
    }

    /// Deactivates an account: its user cannot log in, and all tokens and API keys are worthless, also after an
    /// activation. An inactive account stays as it is.
    ///
    /// # Errors
    /// [`ActivationError::UserNotFound`] if no account has the username, [`ActivationError::DeletionInProgress`] if the
    /// account is being deleted, [`ActivationError::Unavailable`] if the outcome is not known.
    pub async fn deactivate(
        &self,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ActivationError> {
        self.set_status(username, Status::Inactive, deadline).await
    }

    /// Activates an account. Its user logs in again, because the tokens of before stay worthless. An active account
    /// stays as it is.
    ///
    /// # Errors
    /// As [`Accounts::deactivate`].
    pub async fn activate(
        &self,
        username: &Username,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ActivationError> {
        self.set_status(username, Status::Active, deadline).await
    }

    /// Writes until it reads the `wanted` status. So a write whose answer was lost is found done.
    async fn set_status(
        &self,
        username: &Username,
        wanted: Status,
        deadline: Timestamp,
    ) -> Result<(Login, Account), ActivationError> {
        for _ in 0..MAX_ROUNDS {
            let (login, account) = self.find(username).await?;
            if account.status == Status::Deleting {
                return Err(ActivationError::DeletionInProgress);
            }
            if account.status == wanted {
                return Ok((login, account));
            }
            let next = Epochs::of(wanted, &login, &account);
            let items =
                vec![self.update_account(&login, &account, wanted, next)?, self.update_login(username, &login, next)?];
            let token = TokenId::new(&self.clock).to_string();
            if let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await {
                let reasons = cancellation_reasons(&error).unwrap_or_default();
                if !reasons.iter().any(condition_failed) {
                    return Err(StoreError::from(error).into());
                }
            }
        }
        Err(ActivationError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    /// Updates the account on the condition that it is as it was read. The epoch tells: a late write must not activate
    /// an account that was deactivated again meanwhile.
    fn update_account(
        &self,
        login: &Login,
        account: &Account,
        wanted: Status,
        next: Epochs,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Account::key(login.user_id).into_item()))
            .update_expression("SET #status = :wanted, session_epoch = :epoch, api_key_epoch = :api_key_epoch")
            .condition_expression("#status = :seen AND session_epoch = :seen_epoch")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":wanted", AttributeValue::S(wanted.word().to_owned()))
            .expression_attribute_values(":seen", AttributeValue::S(account.status.word().to_owned()))
            .expression_attribute_values(":epoch", number(next.session_epoch))
            .expression_attribute_values(":api_key_epoch", number(next.api_key_epoch))
            .expression_attribute_values(":seen_epoch", number(account.session_epoch))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Updates the login's copy of the epoch, on the condition that the username is still this user's.
    fn update_login(&self, username: &Username, login: &Login, next: Epochs) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(Login::key(username).into_item()))
            .update_expression("SET session_epoch = :epoch")
            .condition_expression("user_id = :user_id AND session_epoch = :seen_epoch")
            .expression_attribute_values(":user_id", AttributeValue::S(login.user_id.to_string()))
            .expression_attribute_values(":epoch", number(next.session_epoch))
            .expression_attribute_values(":seen_epoch", number(login.session_epoch))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use testkit::recorder::Fault;
    use testkit::test_table::NOW;

    use crate::error::IdentityError;
    use crate::testing::TestPeople;

    fn ada() -> Username {
        Username::parse("ada").unwrap()
    }

    fn soon() -> Timestamp {
        NOW.plus(Duration::from_secs(28))
    }

    fn state((login, account): (Login, Account)) -> (Status, u64, u64) {
        (account.status, account.session_epoch, login.session_epoch)
    }

    #[tokio::test]
    async fn a_deactivated_account_is_closed_to_its_tokens_and_raises_both_epochs() {
        let test = TestPeople::start().await;
        let person = test.person("ada", 1).await;
        let accounts = test.accounts();
        assert_eq!(state(accounts.deactivate(&ada(), soon()).await.unwrap()), (Status::Inactive, 2, 2));
        assert!(matches!(accounts.read(&person).await, Err(IdentityError::UserInactive)));
        assert_eq!(state(accounts.find(&ada()).await.unwrap()), (Status::Inactive, 2, 2));
    }

    #[tokio::test]
    async fn an_account_that_is_activated_again_stays_closed_to_old_tokens() {
        let test = TestPeople::start().await;
        let person = test.person("ada", 1).await;
        let accounts = test.accounts();
        accounts.deactivate(&ada(), soon()).await.unwrap();
        assert_eq!(state(accounts.activate(&ada(), soon()).await.unwrap()), (Status::Active, 2, 2));
        assert!(matches!(accounts.read(&person).await, Err(IdentityError::TokenNotValid(_))));
    }

    #[tokio::test]
    async fn what_is_so_already_stays_as_it_is() {
        let test = TestPeople::start().await;
        test.person("ada", 1).await;
        let accounts = test.accounts();
        assert_eq!(state(accounts.activate(&ada(), soon()).await.unwrap()), (Status::Active, 1, 1));
        for _ in 0..2 {
            assert_eq!(state(accounts.deactivate(&ada(), soon()).await.unwrap()), (Status::Inactive, 2, 2));
        }
    }

    #[tokio::test]
    async fn an_account_that_many_deactivate_at_once_is_deactivated_once() {
        let test = TestPeople::start().await;
        test.person("ada", 1).await;
        let accounts = test.accounts();
        let name = ada();
        let attempts = (0..5).map(|_| accounts.deactivate(&name, soon()));
        assert!(futures_util::future::join_all(attempts).await.iter().all(Result::is_ok));
        assert_eq!(state(accounts.find(&name).await.unwrap()), (Status::Inactive, 2, 2));
    }

    #[tokio::test]
    async fn a_deactivation_survives_lost_answers_and_collisions() {
        for fault in [Fault::AnswerLost, Fault::Conflict, Fault::NotApplied] {
            let test = TestPeople::start().await;
            test.person("ada", 1).await;
            test.recorder.fail_next("TransactWriteItems", fault, 2);
            let state = state(test.accounts().deactivate(&ada(), soon()).await.unwrap());
            assert_eq!(state, (Status::Inactive, 2, 2), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn epochs_that_differ_become_one_that_neither_had() {
        let test = TestPeople::start().await;
        let person = test.person("ada", 1).await;
        test.set(Account::key(person.user_id()), "session_epoch", number(7_u64)).await;
        assert_eq!(state(test.accounts().deactivate(&ada(), soon()).await.unwrap()), (Status::Inactive, 8, 8));
    }

    #[tokio::test]
    async fn nobody_is_not_found() {
        let test = TestPeople::start().await;
        assert!(matches!(test.accounts().deactivate(&ada(), soon()).await, Err(ActivationError::UserNotFound)));
    }
}
