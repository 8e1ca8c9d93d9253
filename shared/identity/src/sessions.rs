//! Sessions: each login is one item, which its refresh token continues.
//!
//! Begin with [`Sessions::begin`] and [`Sessions::refresh`].

mod beginning;
mod capacity;
mod ending;
mod list;
mod living;
mod opening;
mod refresh;
mod session;
#[cfg(test)]
mod tests;
mod user_agent;

pub use list::{LoginsOfUser, NetworkView, SessionSummary, SessionView};
pub use opening::Opening;
pub use refresh::Refreshed;
pub use session::{MAX_SESSIONS, Session, Sessions};
pub use user_agent::UserAgent;
