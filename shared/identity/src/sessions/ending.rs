//! Ending sessions.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::cause::Cause;
use domain::ids::{SessionId, TokenId, UserId};
use domain::time::Timestamp;
use ledger::account::{Account, Status};
use store::transaction::{self, cancellation_reasons, condition_failed};
use store::{StoreError, number};

use crate::error::IdentityError;
use crate::jwt::{LoggedIn, RefreshClaim};
use crate::login::Login;
use crate::sessions::session::{MAX_ROUNDS, Session, Sessions};

impl Sessions {
    /// Ends a session, which may have ended already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the table cannot be reached.
    pub async fn end(&self, user_id: UserId, session_id: SessionId) -> Result<(), StoreError> {
        let key = Session::key(user_id, session_id).into_item();
        let delete = self.table.client().delete_item().table_name(self.table.name()).set_key(Some(key));
        delete.send().await?;
        Ok(())
    }

    /// Ends one of the sessions of `person`.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`] if `person` has no such session; [`IdentityError::TokenNotValid`] or
    /// [`IdentityError::UserInactive`] if their account is not open to them.
    pub async fn end_own(
        &self,
        person: &LoggedIn,
        session_id: SessionId,
        deadline: Timestamp,
    ) -> Result<(), IdentityError> {
        let session = Session::key(person.user_id(), session_id);
        let items = vec![
            Account::check_open(&self.table, person.payer())?,
            transaction::delete(self.table.deleting(session).condition_expression("attribute_exists(pk)"))?,
        ];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            Some([account, _]) if condition_failed(account) => {
                Err(Account::why_closed(person.payer(), account)?.into())
            }
            Some([_, session]) if condition_failed(session) => Err(IdentityError::NotFound),
            _ => Err(StoreError::from(error).into()),
        }
    }

    /// Ends all sessions of a user, with a refresh token of a living one. The user's access tokens end too.
    ///
    /// # Errors
    /// As [`Sessions::resume`].
    pub async fn end_all(&self, claim: &RefreshClaim, deadline: Timestamp) -> Result<(), IdentityError> {
        for _ in 0..MAX_ROUNDS {
            let account = self.read_living(claim).await?.account;
            let items = self.raise_epoch(claim.user_id, &account)?;
            let token = TokenId::new(&self.clock).to_string();
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
            if !cancellation_reasons(&error).unwrap_or_default().iter().any(condition_failed) {
                return Err(StoreError::from(error).into());
            }
        }
        Err(IdentityError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    /// Raises both copies of the epoch, on the condition that the epoch is the one that was read.
    fn raise_epoch(&self, user_id: UserId, account: &Account) -> Result<Vec<TransactWriteItem>, StoreError> {
        let username = account.parsed_username()?;
        let next = number(account.session_epoch + 1);
        let account = self
            .table
            .updating(Account::key(user_id))
            .update_expression("SET session_epoch = :next")
            .condition_expression("#status = :active AND session_epoch = :seen")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", Status::Active.attribute_value())
            .expression_attribute_values(":seen", number(account.session_epoch))
            .expression_attribute_values(":next", next.clone());
        let login = self
            .table
            .updating(Login::key(&username))
            .update_expression("SET session_epoch = :next REMOVE sessions")
            .condition_expression("user_id = :user_id")
            .expression_attribute_values(":user_id", AttributeValue::S(user_id.to_string()))
            .expression_attribute_values(":next", next);
        Ok(vec![transaction::update(account)?, transaction::update(login)?])
    }
}
