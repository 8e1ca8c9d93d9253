//! Ending sessions.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use crate::error::ApiError;
use crate::jwt::{LoggedIn, RefreshClaim};
use crate::sessions::{MAX_ROUNDS, Sessions};
use crate::table::{
    Key, OwnedKeys as _, cancellation_reasons, condition_failed, number, transact_delete, transact_update, unavailable,
};
use domain::cause::Cause;
use domain::ids::{SessionId, TokenId, UserId};
use domain::time::Timestamp;
use ledger::account::{Account, Status};

impl Sessions {
    /// Ends a session, which may have ended already.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if the table cannot be reached.
    pub async fn end(&self, user_id: UserId, session_id: SessionId) -> Result<(), ApiError> {
        let key = Key::session(user_id, session_id).into_item();
        let delete = self.table.client().delete_item().table_name(self.table.name()).set_key(Some(key));
        delete.send().await.map(|_| ()).map_err(unavailable)
    }

    /// Ends one of the sessions of the person who is logged in.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] if they have no such session; as
    /// [`Accounts::read`](crate::accounts::Accounts::read) if their account is not open to them.
    pub async fn end_own(&self, person: &LoggedIn, session_id: SessionId, deadline: Timestamp) -> Result<(), ApiError> {
        let session = Key::session(person.user_id(), session_id);
        let items = vec![
            self.check_account(person.user_id(), person.session_epoch())?,
            transact_delete(self.table.deleting(session).condition_expression("attribute_exists(pk)"))?,
        ];
        let token = TokenId::new(&self.clock).to_string();
        let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
        match cancellation_reasons(&error) {
            Some([account, _]) if condition_failed(account) => {
                Err(Account::why_closed(person.payer(), account)?.into())
            }
            Some([_, session]) if condition_failed(session) => Err(ApiError::NotFound),
            _ => Err(unavailable(error)),
        }
    }

    /// Ends all sessions of a user, for somebody who has a refresh token of one that lives. Their
    /// access tokens end with them.
    ///
    /// # Errors
    /// As [`Sessions::resume`].
    pub async fn end_all(&self, claim: &RefreshClaim, deadline: Timestamp) -> Result<(), ApiError> {
        for _ in 0..MAX_ROUNDS {
            let account = self.read_living(claim).await?.account;
            let items = self.raise_epoch(claim.user_id, &account)?;
            let token = TokenId::new(&self.clock).to_string();
            let Err(error) = self.table.transact(&token, items, &self.clock, deadline).await else { return Ok(()) };
            if !cancellation_reasons(&error).unwrap_or_default().iter().any(condition_failed) {
                return Err(unavailable(error));
            }
        }
        Err(ApiError::Unavailable(Cause::because("too many requests are changing this account")))
    }

    /// Both copies of the epoch, on the condition that it is the one that was read.
    fn raise_epoch(&self, user_id: UserId, account: &Account) -> Result<Vec<TransactWriteItem>, ApiError> {
        let username = account.parsed_username()?;
        let next = number(account.session_epoch + 1);
        let account = self
            .table
            .updating(Key::account(user_id))
            .update_expression("SET session_epoch = :next")
            .condition_expression("#status = :active AND session_epoch = :seen")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", Status::Active.attribute_value())
            .expression_attribute_values(":seen", number(account.session_epoch))
            .expression_attribute_values(":next", next.clone());
        let login = self
            .table
            .updating(Key::login(&username))
            .update_expression("SET session_epoch = :next REMOVE sessions")
            .condition_expression("user_id = :user_id")
            .expression_attribute_values(":user_id", AttributeValue::S(user_id.to_string()))
            .expression_attribute_values(":next", next);
        Ok(vec![transact_update(account)?, transact_update(login)?])
    }
}
