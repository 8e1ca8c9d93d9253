//! Accounts: registration, activation, password change, logout everywhere, deletion.
//!
//! The account item itself is the ledger's ([`ledger::account`]); the login item beside it is in
//! [`login`](crate::login). Begin with [`Accounts::register`].

mod activation;
mod deletion;
mod logout_everywhere;
mod password_change;
mod registration;

pub use deletion::Deletion;
pub use logout_everywhere::LogoutScope;
pub use password_change::PasswordChange;
pub use registration::Accounts;
