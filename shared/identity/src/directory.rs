//! The list of users for staff, by name or by age.
//!
//! The [directory](store::directory) lists, and the accounts confirm: a page reads the account of each user that the directory
//! names, and leaves out whoever is not, or no longer, as the filter wants. The directory is late by nature, so that a user who
//! registered a moment ago may be missing. Nothing is ever changed by what it says.
//!
//! Begin with [`UserLister`].

mod cursor;
mod filter;
mod lister;
#[cfg(test)]
mod tests;

pub use cursor::ListedPlace;
pub use filter::{UserFilter, UserList, UserOrder, UserSearch};
pub use lister::{ListedUser, ListedUsers, UserLister};
