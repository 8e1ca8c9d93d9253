//! JSON Web Tokens: Ed25519, as RFC 8725 and RFC 9068 want them.
//!
//! The private key is derived from one secret, which only the functions that issue tokens can
//! read. The public keys are in the table, so that everybody else can verify tokens without it.

mod claims;
mod key_set;
mod signer;
mod signing_key;
mod signing_secret;
mod verifier;

pub use claims::{AccessToken, ReceivedToken, RefreshToken, TokenKind};
pub use key_set::{Handover, KeySet, PublicKey};
pub use signer::{RefreshTerms, Signer, Subject};
pub use signing_key::SigningKey;
pub use verifier::{LoggedIn, RefreshClaim, Verified, Verifier};
