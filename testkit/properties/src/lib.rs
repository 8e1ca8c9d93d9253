//! Properties of everything that a stranger can send.
//!
//! Each module has an `Input`, which is made of arbitrary bytes, and whose `check` panics if the property does not
//! hold. cargo-fuzz looks for such bytes without end (`testkit/fuzz`); `testkit/tests/any_input.rs` tries thousands
//! with every `cargo test`. Only tests use this crate.

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
