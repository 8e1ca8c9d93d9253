//! What must hold of everything that a stranger sends, however it is made up.
//!
//! Each module has an `Input` that is made of arbitrary bytes, and whose `check` panics where something
//! does not hold. cargo-fuzz looks for such bytes for as long as one likes (`testkit/fuzz`);
//! `testkit/tests/any_input.rs` tries some thousand with every `cargo test`.

#![expect(clippy::unwrap_used, reason = "a property that cannot be looked at fails")]

pub mod authorization;
pub mod cursor;
mod damage;
mod key;
pub mod request;
mod sent;
mod text;
pub mod token;
mod verifier;
