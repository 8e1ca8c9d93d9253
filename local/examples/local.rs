//! Brings up chat-api on this machine: `cargo local`, which is short for `cargo run --example local`.
//!
//! It is an example because Cargo builds examples with the features that tests have. So nothing is compiled a second
//! time for `cargo test` (docs/decisions/local-start.md).

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    local::launcher::run().await
}
