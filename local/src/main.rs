//! Brings up chat-api on this machine: `cargo run -p local`.

use std::process::ExitCode;

use clap::Parser;

mod launcher;

#[tokio::main]
async fn main() -> ExitCode {
    launcher::run(launcher::Arguments::parse()).await
}
