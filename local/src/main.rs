//! Brings up chat-api on this machine: `cargo run -p local`, for those who are used to it. `cargo local` does the same
//! sooner, since the example that it runs is built as `cargo test` builds.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    local::launcher::run().await
}
