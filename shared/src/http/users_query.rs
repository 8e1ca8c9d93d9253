//! The query parameters of the list of users.

use domain::invalid_field::InvalidField;
use identity::directory::{ListedPlace, ListedUser, UserFilter, UserList, UserOrder, UserSearch};
use ledger::account::Status;
use ledger::history::Limit;

use crate::error::{ApiError, FieldErrors};
use crate::http::request::Request;

/// A page of a list of users that staff ask for.
#[derive(Clone, Debug)]
pub struct UsersQuery {
    /// The list.
    pub list: UserList,
    /// The most users of the page.
    pub limit: Limit,
    /// The place at which the page before it ended.
    pub place: Option<ListedPlace>,
}

impl Request {
    /// The page of users that the query asks for.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for everything that is wrong with the list and `limit`, or with `cursor`: a cursor is one of the list
    /// with these conditions.
    pub fn users(&self) -> Result<UsersQuery, ApiError> {
        let mut errors = FieldErrors::new();
        let order = self.parameter("order", &mut errors, UserOrder::parse);
        let search = self.parameter("search", &mut errors, UserSearch::parse);
        let filter = UserFilter {
            status: self.parameter("status", &mut errors, status),
            staff: self.parameter("staff", &mut errors, switch),
        };
        let limit = self.parameter("limit", &mut errors, Limit::parse::<ListedUser>).unwrap_or_default();
        if !errors.is_empty() {
            return Err(ApiError::Invalid(errors));
        }
        let list = UserList::new(order, search, filter);
        let list = list.map_err(|error| ApiError::invalid("order", error.to_string()))?;
        let place = self.parameter("cursor", &mut errors, |text| ListedPlace::parse(text, &list));
        if errors.is_empty() { Ok(UsersQuery { list, limit, place }) } else { Err(ApiError::Invalid(errors)) }
    }
}

fn status(text: &str) -> Result<Status, InvalidField> {
    let statuses = [Status::Active, Status::Inactive, Status::Deleting];
    let status = statuses.into_iter().find(|status| status.word() == text);
    status.ok_or_else(|| InvalidField::new("Send \"active\", \"inactive\" or \"deleting\"."))
}

fn switch(text: &str) -> Result<bool, InvalidField> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(InvalidField::new("Send \"true\" or \"false\".")),
    }
}
