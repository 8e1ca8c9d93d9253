//! Ending sessions.

use domain::ids::{SessionId, TokenId, UserId};
use domain::time::Timestamp;
use ledger::account::Account;
use store::StoreError;
use store::transaction::{self, cancellation_reasons, condition_failed};

use crate::error::IdentityError;
use crate::jwt::LoggedIn;
use crate::sessions::session::{Session, Sessions};

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
}
