//! Which users a list has, and in which order.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::invalid_field::{InvalidField, check_length};
use domain::username::Username;
use ledger::account::{Account, Status};
use store::directory::{USERS_BY_AGE, USERS_BY_NAME};

/// The order of a list of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserOrder {
    /// By the form in which names are compared.
    #[default]
    Name,
    /// Who registered last comes first.
    Newest,
}

impl UserOrder {
    /// Parses the query parameter `order`.
    ///
    /// # Errors
    /// [`InvalidField`] if it is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        match text {
            "name" => Ok(Self::Name),
            "newest" => Ok(Self::Newest),
            _ => Err(InvalidField::new("Send \"name\" or \"newest\".")),
        }
    }

    /// The list of the directory.
    pub(super) fn list(self) -> &'static str {
        match self {
            Self::Name => USERS_BY_NAME,
            Self::Newest => USERS_BY_AGE,
        }
    }
}

/// The beginning of usernames, however they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSearch {
    /// The beginning in the form in which names are compared. `None`: it has a character that no username has.
    prefix: Option<String>,
}

impl UserSearch {
    /// Parses the query parameter `search`: 1 to 150 characters, of any kind.
    ///
    /// # Errors
    /// [`InvalidField`] with the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        if text.is_empty() {
            return Err(InvalidField::new("This field may not be blank."));
        }
        check_length(text, Username::MAX_CHARACTERS)?;
        Ok(Self { prefix: Username::parse(text).ok().map(|name| name.canonical()) })
    }
}

/// Conditions on users. A user passes who meets all that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The status of the account.
    pub status: Option<Status>,
    /// Whether the account is staff.
    pub staff: Option<bool>,
}

impl UserFilter {
    /// Whether `account` passes.
    pub(super) fn passes(&self, account: &Account) -> bool {
        self.status.is_none_or(|status| account.status == status)
            && self.staff.is_none_or(|staff| account.staff == staff)
    }

    /// Whether everybody passes.
    pub(super) fn passes_all(&self) -> bool {
        *self == Self::default()
    }
}

/// A list of users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserList {
    order: UserOrder,
    search: Option<UserSearch>,
    filter: UserFilter,
}

impl UserList {
    /// The list in this order, of the users whose names begin as `search` says. A search lists by name: an index has one order.
    ///
    /// # Errors
    /// [`InvalidField`] about `order`, if it is another one beside a search.
    pub fn new(order: Option<UserOrder>, search: Option<UserSearch>, filter: UserFilter) -> Result<Self, InvalidField> {
        if search.is_some() && order == Some(UserOrder::Newest) {
            return Err(InvalidField::new("With \"search\" the order is \"name\"."));
        }
        Ok(Self { order: order.unwrap_or_default(), search, filter })
    }

    /// The order.
    pub(super) fn order(&self) -> UserOrder {
        self.order
    }

    /// The conditions besides the search.
    pub(super) fn filter(&self) -> &UserFilter {
        &self.filter
    }

    /// Whether no username can be in it.
    pub(super) fn is_empty(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.prefix.is_none())
    }

    /// The text with which all places of the list begin.
    pub(super) fn prefix(&self) -> Option<&str> {
        self.search.as_ref()?.prefix.as_deref()
    }

    /// What tells the list from all others, for its cursors.
    pub(super) fn name(&self) -> String {
        let UserFilter { status, staff } = self.filter;
        let status = status.map_or("", Status::word);
        let staff = staff.map_or(String::new(), |staff| staff.to_string());
        format!("users\0{}\0{status}\0{staff}\0{}", self.order.list(), self.prefix().unwrap_or_default())
    }

    /// `query` with the conditions on what the directory has. They save no read units, but the page gets no items in vain.
    pub(super) fn narrowing(&self, query: QueryFluentBuilder) -> QueryFluentBuilder {
        let UserFilter { status, staff } = self.filter;
        let mut conditions = Vec::new();
        let mut query = query;
        match (status, self.order) {
            // A login whose account never changed has no copy of its status.
            (Some(Status::Active), UserOrder::Name) => {
                conditions.push("(attribute_not_exists(#status) OR #status = :status)");
            }
            (Some(_), _) => conditions.push("#status = :status"),
            // Deletions leave tombstones in this list for an hour.
            (None, UserOrder::Newest) => conditions.push("attribute_exists(#status)"),
            (None, UserOrder::Name) => {}
        }
        if let Some(status) = status {
            query = query.expression_attribute_values(":status", status.attribute_value());
        }
        if let Some(staff) = staff {
            conditions.push(if staff { "staff = :staff" } else { "(attribute_not_exists(staff) OR staff = :staff)" });
            query = query.expression_attribute_values(":staff", AttributeValue::Bool(staff));
        }
        if conditions.is_empty() {
            return query;
        }
        if conditions.iter().any(|condition| condition.contains("#status")) {
            query = query.expression_attribute_names("#status", "status");
        }
        query.filter_expression(conditions.join(" AND "))
    }
}
