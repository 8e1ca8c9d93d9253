//! Receipts: signed statements of transactions, and the public keys with which anybody can verify them.
//!
//! A receipt is a JSON Web Token, as access tokens are, and nobody takes one for the other. It has a key of its own, whose
//! secret no function that logs people in can read, a type of its own in its header, and its keys are in a set of their own.
//! That set only grows: a receipt has no end, and so neither has its key. Begin with [`ReceiptSigner::sign`].

mod public_keys;
mod receipt;
mod receipt_key;
mod signer;

pub use public_keys::{ReceiptKeyId, ReceiptKeyPage, ReceiptKeys};
pub use receipt::{Receipt, SignedReceipt};
pub use receipt_key::ReceiptKey;
pub use signer::ReceiptSigner;
