//! Logins: the item that a username leads to, the networks that it trusts, and the proof of a password.

mod item;
mod logins;
mod proven;
mod trust;

pub(crate) use item::LIST_BY_NAME;
pub use item::Login;
pub use logins::Logins;
pub use proven::ProvenLogin;
