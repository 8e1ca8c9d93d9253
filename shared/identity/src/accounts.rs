//! Accounts: registration, what an account may do, password change, logout everywhere, deletion.
//!
//! The account item itself is the ledger's ([`ledger::account`]); the login item beside it is in
//! [`login`](crate::login). Begin with [`Accounts::register`].

mod change;
mod deletion;
mod ending_by_staff;
mod logout_everywhere;
mod lookup;
mod password_change;
mod registration;
mod superusers;
mod user_ref;

pub use change::AccountChange;
pub use deletion::Deletion;
pub use logout_everywhere::LogoutScope;
pub use password_change::PasswordChange;
pub use registration::Accounts;
pub use superusers::SuperuserCount;
pub use user_ref::UserRef;
