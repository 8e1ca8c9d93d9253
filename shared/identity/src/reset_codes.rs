//! Codes by which a user sets a new password without the old one.
//!
//! Staff make a code and give it to the user in person; the table keeps its digest. A code is used once, within a day, and only
//! the newest of a user counts: the login names it. Whoever uses it ends all sessions, as a thief may have begun some.
//!
//! Begin with [`ResetCodes::make`] and [`ResetCodes::find`].

mod item;
mod making;
#[cfg(test)]
mod tests;
mod using;

pub use item::{RESET_CODE_LIFETIME, ResetCodeDigest, ResetCodes};
pub use making::{MadeResetCode, MakeResetCodeError};
pub use using::{FoundResetCode, ResetCodeError};
