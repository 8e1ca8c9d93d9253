//! The till: it holds the price of a question, asks the model, and captures the price of the reply. Where the model
//! turns the question away, the till asks the fallbacks that the hold covers.
//!
//! It knows no protocol: a handler makes a [`Question`] of a request, and an answer of a [`PaidReply`]. Begin with
//! [`Till::admit_and_hold`], or with [`Till::admit_to`] and [`Till::hold`] for a question that needs the account.

mod capture;
mod hold;
mod outcome_metrics;
mod paid_reply;
mod question;
mod quotation;
mod reply;
mod reserves;
mod stream;
#[cfg(test)]
mod tests;
mod under_way;

pub use hold::{Admitted, HeldOrReplay, Till, UNKNOWN_CONVERSATION};
pub use paid_reply::{PaidReply, RequestRoom};
pub use question::{CallerLimits, HeldQuestion, Question};
pub use quotation::Quotation;
pub use stream::{ReplyPiece, TillStream};
