//! Receipts, verified as anybody can: by the public keys alone, and by none of the code that signs them.
//!
//! A genuine receipt says what it was charged, and from which counts and prices that follows. The cost is computed again.
//! Begin with [`ReceiptVerifier::verify`].

mod claims;
mod verifier;

pub use claims::{ChargedKind, GenuineReceipt};
pub use verifier::{NotGenuine, ReceiptVerifier};
