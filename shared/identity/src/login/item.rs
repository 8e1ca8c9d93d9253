//! The login item.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use domain::ids::{SessionId, UserId};
use domain::username::Username;
use serde::{Deserialize, Serialize};
use store::directory::{DirectoryKey, LIST, PLACE, USERS_BY_NAME};
use store::{Item, Key, StoreError};

use crate::password_hash::PasswordHash;
use crate::reset_codes::ResetCodeDigest;

/// What an update of a login sets so that the directory lists it. Logins of releases before the list join it by this.
pub(crate) const LIST_BY_NAME: &str = "#list = :list, #place = :place";

/// The user that a username leads to. The item also has copies of the account's `status` and `staff`, which the directory shows:
/// whoever changes the account changes them in the same transaction, and nothing else reads them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// The user who has the username.
    pub user_id: UserId,
    /// The username as its owner wrote it.
    pub username: String,
    /// The hash of the user's password.
    pub password_hash: PasswordHash,
    /// A copy of the account's epoch, so that a login reads one item.
    pub session_epoch: u64,
    /// All living sessions, and perhaps some that have ended. The list bounds their number without a request of its
    /// own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "serde_dynamo::string_set")]
    pub sessions: BTreeSet<SessionId>,
    /// The networks that the user logged in from, with the time of the last login in seconds since the Unix epoch. Read
    /// it with [`Login::trusts`].
    #[serde(default)]
    pub networks: BTreeMap<String, u64>,
    /// The digest of the newest reset code. Any other code of the user is worthless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<ResetCodeDigest>,
}

impl Login {
    const SORT_KEY: &str = "LOGIN";

    /// The name of the attribute with the digest of the newest reset code, a reserved word of DynamoDB's expressions.
    pub(crate) const RESET: &str = "reset";

    /// The key of the login with this username.
    #[must_use]
    pub fn key(username: &Username) -> Key {
        Key::new(partition(&username.canonical()), Self::SORT_KEY)
    }

    /// The place of the login with this name in the directory. The name has the form in which names are compared.
    pub(crate) fn place(name: String) -> DirectoryKey {
        let partition = partition(&name);
        DirectoryKey::by_name(name, partition, Self::SORT_KEY)
    }

    /// The login of this username as a new item, which the directory lists by its name.
    ///
    /// # Errors
    /// [`StoreError::Internal`] if it cannot be written as attributes.
    pub(crate) fn listed(&self, username: &Username) -> Result<Item, StoreError> {
        Self::place(username.canonical()).with(self)
    }

    /// Adds the values of [`LIST_BY_NAME`] to `update`.
    pub(crate) fn listing(update: UpdateBuilder, username: &Username) -> UpdateBuilder {
        update
            .expression_attribute_names("#list", LIST)
            .expression_attribute_names("#place", PLACE)
            .expression_attribute_values(":list", AttributeValue::S(USERS_BY_NAME.to_owned()))
            .expression_attribute_values(":place", AttributeValue::S(username.canonical()))
    }
}

/// The partition of the login with this name, which has the form in which names are compared.
fn partition(name: &str) -> String {
    format!("LOGIN#{name}")
}
