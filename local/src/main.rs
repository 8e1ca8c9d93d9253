//! Brings up chat-api on this machine, as `cargo local` does. The launcher's own tests start this binary, which Cargo names
//! to them as `CARGO_BIN_EXE_local`. `cargo local` starts sooner, since its example is built as `cargo test` builds.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    local::launcher::run().await
}
