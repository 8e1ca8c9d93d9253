//! JSON Web Tokens, signed with Ed25519 by the rules of RFC 8725 and RFC 9068.
//!
//! The private key is derived from one secret, which only the functions that issue tokens can read. The public keys are
//! in the table, so that every other function verifies tokens without the secret. Begin with [`Verifier`].

mod claims;
mod key_set;
mod lifetimes;
mod proof;
mod signer;
mod signing_key;
mod signing_secret;
mod terms;
mod verifier;

pub use claims::{AccessToken, ReceivedToken, RefreshToken, TokenKind};
pub use key_set::{Handover, KeySet, PublicKey};
pub use lifetimes::TokenLifetimes;
pub use proof::{LoggedIn, RefreshClaim, Verified};
pub use signer::Signer;
pub use signing_key::SigningKey;
pub(crate) use signing_secret::SigningSecret;
pub use signing_secret::{SecretTooShort, SigningSecretSource};
pub use terms::{RefreshTerms, Subject};
pub use verifier::Verifier;
