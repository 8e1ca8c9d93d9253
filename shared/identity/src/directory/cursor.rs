//! The places at which pages of users end.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::UserId;
use domain::invalid_field::InvalidField;
use ledger::account::Account;
use store::directory::DirectoryKey;

use crate::directory::filter::{UserList, UserOrder};
use crate::login::Login;

/// The place of a user in a list: the id, or the name in the form in which names are compared. As a cursor its text is opaque,
/// and bound to order, search and filter by a digest.
///
/// The digest keeps clients from building on the text; it guards nothing, since staff may see all users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPlace {
    place: String,
}

impl ListedPlace {
    const DIGEST_BYTES: usize = 16;
    /// Most bytes of a sort key.
    const MAX_BYTES: usize = 1024;

    /// The place of this text in the directory.
    pub(super) fn new(place: String) -> Self {
        Self { place }
    }

    /// Parses the query parameter `cursor` of `list`.
    ///
    /// # Errors
    /// [`InvalidField`] if it is not what this list gave.
    pub fn parse(text: &str, list: &UserList) -> Result<Self, InvalidField> {
        let decoded = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let place = decoded.get(Self::DIGEST_BYTES..).and_then(|place| std::str::from_utf8(place).ok());
        place
            .map(|place| Self::new(place.to_owned()))
            .filter(|place| place.may_be_in(list) && place.text(list) == text)
            .ok_or_else(|| InvalidField::new("This is not a cursor of this list."))
    }

    /// The text of the cursor that continues `list` here.
    pub(super) fn text(&self, list: &UserList) -> String {
        let digest = digest(&SHA256, format!("{}\0{}", list.name(), self.place).as_bytes());
        let digest = &digest.as_ref()[..Self::DIGEST_BYTES];
        URL_SAFE_NO_PAD.encode([digest, self.place.as_bytes()].concat())
    }

    /// The key after which a query of `list` goes on.
    pub(super) fn key(&self, list: &UserList) -> Option<DirectoryKey> {
        match list.order() {
            UserOrder::Name => Some(Login::place(self.place.clone())),
            UserOrder::Newest => Some(DirectoryKey::by_age(UserId::parse(&self.place)?, Account::SORT_KEY)),
        }
    }

    /// Whether a query of `list` can go on here: `DynamoDB` refuses a place outside of it.
    fn may_be_in(&self, list: &UserList) -> bool {
        let is_sort_key = (1..=Self::MAX_BYTES).contains(&self.place.len());
        is_sort_key && self.place.starts_with(list.prefix().unwrap_or_default()) && self.key(list).is_some()
    }
}
